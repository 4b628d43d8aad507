"""Properties of a whole plan: idempotent, mirrored, free of the unit of money, and conserving what it splits."""

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
TARGETS = st.sampled_from([(NEUTRAL,), (WEIGHTS,), (TILT,), (WEIGHTS, TILT), (NEUTRAL, TILT)])
COINS = st.decimals("0.1", "20", places=4)
PRICES = {"BTC": "61234.5", "ETH": "2987.65"}
LIMITS = "limits: {position_notional: 100000000 USDT}\n"


@cache
def config_of(*targets: str) -> Path:
    """A config of some targets; made once."""
    return config(Path(mkdtemp()), *targets, more=LIMITS)


def plan_of(
    targets: tuple[str, ...], coins: dict[str, Decimal], futures: dict[str, Decimal], scale: Decimal = Decimal(1)
) -> Answer:
    """Plan for coins and futures held, all prices times `scale`."""
    prices = {coin: str(d(price) * scale) for coin, price in PRICES.items()}
    listed = [perp(coin, price, tick_size="0.01", lot_size="0.0001") for coin, price in prices.items()]
    positions = [
        {"account": "main", "instrument": f"binance.usdm:{coin}USDT", "contracts": f"{size:f}", "entry_price": price}
        for (coin, size), price in zip(futures.items(), prices.values(), strict=True)
    ]
    holdings = {coin: f"{size:f}" for coin, size in coins.items()}
    book: dict[str, Any] = {"instruments": listed, "positions": positions}
    return planned(config_of(*targets), snapshot(prices, holdings, **book))


def near(one: Decimal, other: Decimal) -> bool:
    """Whether two numbers differ by no more than the last digits of a division."""
    return abs(one - other) <= Decimal("1e-18") * max(abs(one), abs(other), Decimal(1))


@settings(max_examples=40, deadline=None)
@given(TARGETS, COINS, COINS, st.decimals("-5", "5", places=3), st.decimals("-5", "5", places=3))
def test_a_plan_that_is_done_needs_nothing_more(
    targets: tuple[str, ...], bitcoin: Decimal, ether: Decimal, first: Decimal, second: Decimal
) -> None:
    """With its orders filled the same portfolio calls for no hedge: what rounding left is inside every band."""
    coins = {"BTC": bitcoin, "ETH": ether}
    futures = {"BTC": first, "ETH": second}
    before = plan_of(targets, coins, futures)
    done = {
        coin: size + sum((o.quantity * (1 if o.side == "buy" else -1) for o in before.orders if o.for_ == coin), d(0))
        for coin, size in futures.items()
    }
    after = plan_of(targets, coins, done)

    assert [] == [asset for asset, one in after.assets.items() if one.breached]
    assert () == after.orders


@settings(max_examples=40, deadline=None)
@given(TARGETS, COINS, COINS)
def test_a_plan_adds_up(targets: tuple[str, ...], bitcoin: Decimal, ether: Decimal) -> None:
    """Parts are the exposure, target parts the target, orders and what they leave the hedge, deviation the rest."""
    answer = plan_of(targets, {"BTC": bitcoin, "ETH": ether}, {"BTC": d(0), "ETH": d(0)})

    for asset, one in answer.assets.items():
        parts = sum((getattr(one.parts, name) for name in one.parts.__struct_fields__), d(0))
        assert near(one.exposure, parts)
        if one.target is None or one.deviation is None:
            continue
        orders = [order for order in answer.orders if order.for_ == asset]
        sent = sum((order.quantity * (1 if order.side == "buy" else -1) for order in orders), d(0))
        assert near(one.target, sum(one.target_parts.values(), d(0)))
        assert near(one.deviation, one.exposure - one.target)
        assert near(one.hedge, sent + one.residual_after_rounding)
        assert all(order.contracts % d("0.0001") == 0 for order in orders)
        assert abs(one.residual_after_rounding) < d("0.0001") or not orders


@settings(max_examples=30, deadline=None)
@given(TARGETS, COINS, COINS, st.sampled_from(["0.01", "0.5", "4", "100"]))
def test_the_unit_of_money_does_not_matter(
    targets: tuple[str, ...], bitcoin: Decimal, ether: Decimal, scale: str
) -> None:
    """All prices times a factor: the same coins are traded, and net asset value is that many times as much."""
    coins, flat = {"BTC": bitcoin, "ETH": ether}, {"BTC": d(0), "ETH": d(0)}
    one, other = plan_of(targets, coins, flat), plan_of(targets, coins, flat, d(scale))

    assert all(near(one.assets[coin].hedge, other.assets[coin].hedge) for coin in coins)
    assert one.nav is not None
    assert other.nav is not None
    assert near(one.nav * d(scale), other.nav)


@settings(max_examples=30, deadline=None)
@given(COINS, COINS)
def test_a_mirrored_holding_is_hedged_by_the_mirrored_order(bitcoin: Decimal, ether: Decimal) -> None:
    """What is short is hedged by as much long: every hedge and every order changes its sign, and nothing else."""
    flat = {"BTC": d(0), "ETH": d(0)}
    one = plan_of((NEUTRAL,), {"BTC": bitcoin, "ETH": ether}, flat)
    other = plan_of((NEUTRAL,), {"BTC": -bitcoin, "ETH": -ether}, flat)

    assert {a: x.hedge for a, x in one.assets.items()} == {a: -x.hedge for a, x in other.assets.items()}
    assert [(o.instrument, o.contracts) for o in one.orders] == [(o.instrument, o.contracts) for o in other.orders]
    assert {("sell", "buy")} == {(a.side, b.side) for a, b in zip(one.orders, other.orders, strict=True)}
