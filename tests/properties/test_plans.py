"""A whole plan: free of the name of its unit of account, and without new risk on a stablecoin that left its peg."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, perp, planned, snapshot

NEUTRAL = "{name: n, kind: ratio, assets: [BTC, ETH], ratio: 0.7, band: {trigger: 1 %, destination: 0.5 %}}"
WEIGHTS = (
    "{name: w, kind: weights, weights: {BTC: 50 %, ETH: 30 %}, mode: full_rebalance, reserve: {USDT: 0},"
    " band: {trigger: 3 pp, destination: 1 pp}}"
)
TILT = "{name: t, kind: tilt, long: {ETH: 1}, short: {BTC: 1}, size: 5 %, band: {trigger: 1 pp}}"
TARGETS = st.sampled_from([(NEUTRAL,), (WEIGHTS,), (WEIGHTS, TILT), (NEUTRAL, TILT)])
COINS = st.decimals("0.1", "20", places=4)
FUTURES = st.decimals("-5", "5", places=3)
PRICES = {"BTC": "61234.5", "ETH": "2987.65"}


@cache
def config_of(*targets: str) -> Path:
    """A config of some targets whose limits bind at no scale; made once."""
    most = "limits: {position_notional: 10000000000 USDT, order_notional: 10000000000 USDT}\n"
    return config(Path(mkdtemp()), *targets, more=most)


def plan_of(
    targets: tuple[str, ...], coins: list[Decimal], futures: list[Decimal], scale: str = "1", peg: str = "1"
) -> Answer:
    """Plan for BTC and ETH held and their futures, every price in dollars times `scale`."""
    factor = d(scale)
    prices = {coin: f"{d(price) * factor:f}" for coin, price in PRICES.items()}
    money = {"tick_size": f"{d('0.01') * factor:f}", "min_notional": f"{5 * factor:f}"}
    listed = [perp(coin, price, lot_size="0.0001", **money) for coin, price in prices.items()]
    positions = [
        {"account": "main", "instrument": f"binance.usdm:{coin}USDT", "contracts": f"{size:f}", "entry_price": price}
        for (coin, price), size in zip(prices.items(), futures, strict=True)
    ]
    holdings = {coin: f"{size:f}" for coin, size in zip(prices, coins, strict=True)}
    book: dict[str, Any] = {"instruments": listed, "positions": positions}
    return planned(config_of(*targets), snapshot({**prices, "USDT": peg}, holdings, **book))


def near(one: Decimal | None, other: Decimal | None) -> bool:
    """The same, up to the last digits of a division."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= d("1e-18").max(abs(one) * d("1e-18"))


@settings(max_examples=25)
@given(TARGETS, st.tuples(COINS, COINS), st.tuples(FUTURES, FUTURES), st.sampled_from(["0.1", "10", "1000"]))
def test_every_price_times_c_makes_every_value_times_c(
    targets: tuple[str, ...], coins: tuple[Decimal, Decimal], futures: tuple[Decimal, Decimal], scale: str
) -> None:
    """Orders have the same contracts at prices times c; values, bases and costs are c times as much; verdicts stay."""
    one, other = (plan_of(targets, [*coins], [*futures], each) for each in ("1", scale))
    c = d(scale)

    assert one.nav is not None
    assert near(one.nav * c, other.nav)
    assert all(near(None if base is None else base * c, other.base[name]) for name, base in one.base.items())
    for name in ("BTC", "ETH"):
        a, b = one.assets[name], other.assets[name]
        assert (a.exposure, a.breached) == (b.exposure, b.breached)
        assert near(a.target, b.target)
        assert near(a.hedge, b.hedge)
        assert near(None if a.deviation_value is None else a.deviation_value * c, b.deviation_value)
    for order, scaled in zip(one.orders, other.orders, strict=True):
        assert (order.instrument, order.side, order.contracts) == (scaled.instrument, scaled.side, scaled.contracts)
        assert order.limit_price * c == scaled.limit_price
        assert near(None if order.cost.fee is None else order.cost.fee * c, scaled.cost.fee)


@settings(max_examples=25)
@given(
    st.sampled_from([(NEUTRAL,), (NEUTRAL, TILT)]),
    st.tuples(COINS, COINS),
    st.tuples(FUTURES, FUTURES),
    st.decimals("0.5", "1.5", places=4),
)
def test_off_its_peg_a_stablecoin_takes_no_new_risk(
    targets: tuple[str, ...], coins: tuple[Decimal, Decimal], futures: tuple[Decimal, Decimal], peg: Decimal
) -> None:
    """More than 1.5 % off its dollar, whatever is held and wanted: only orders that reduce, and a line for the rest."""
    answer = plan_of(targets, [*coins], [*futures], peg=str(peg))
    opening = [order for order in answer.orders if not order.reduce_only]

    if abs(peg - 1) > d("0.015"):
        assert opening == []
        for (name, price), size in zip(PRICES.items(), futures, strict=True):
            left = answer.assets[name].residual_after_rounding
            if left * size >= 0 and abs(left) * d(price) > 10:
                assert any("peg" in line.why for line in answer.refused)
    for order in answer.orders:
        if order.reduce_only:
            size = dict(zip(("BTC", "ETH"), futures, strict=True))[order.for_]
            assert order.contracts <= abs(size)
            assert (size > 0) is (order.side == "sell")
