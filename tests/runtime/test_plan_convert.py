"""Moves in a plan: a synthetic sale that is made real by a pair of orders, and a hedge that is closed in slices."""

from pathlib import Path
from typing import Any

import pytest

from bot.runtime.plan_answer import Answer
from tests.runtime.planning import config, d, hedges, perp, planned, snapshot

PERP = "binance.usdm:BTCUSDT"
SPOT: dict[str, Any] = {
    "id": "binance.spot:BTCUSDT", "venue": "binance", "kind": "spot", "base": "BTC", "quote": "USDT",
    "tick_size": "0.01", "lot_size": "0.00001", "min_notional": "5", "bid": "49999", "ask": "50001",
    "taker_fee": "0.001",
}  # fmt: skip
NEUTRAL = "{name: n, kind: neutral, assets: [BTC], band: {trigger: 1 %}}"
CONVERT = (
    "{{name: c, kind: convert_to_spot, asset: BTC, amount: {amount}, slices: {{notional: {slice} USDT, every: 1 min}}}}"
)
UNWIND = "{name: u, kind: unwind, assets: [BTC], slices: {notional: 20000 USDT, every: 1 min}}"


def book(*instruments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """1 BTC, hedged by a short of as much."""
    short = [{"account": "main", "instrument": PERP, "contracts": "-1", "entry_price": "50000"}]
    listed = [perp("BTC", "50000"), *instruments]
    return snapshot({"BTC": "50000"}, {"BTC": "1"}, instruments=listed, positions=short, **more)


def converted(tmp_path: Path, amount: str, *instruments: dict[str, Any], slice_max: str = "100000") -> Answer:
    """Plan to make some of it real."""
    target = CONVERT.format(amount=amount, slice=slice_max)
    return planned(config(tmp_path, NEUTRAL, target, assets="BTC"), book(*instruments))


@pytest.mark.parametrize(
    ("amount", "slice_max", "contracts"),
    [("0.5", "100000", "0.5"), ("0.50005", "100000", "0.5"), ("2", "100000", "1"), ("0.5", "10000", "0.2")],
    ids=["whole", "what both lots hold", "no more than is hedged", "a slice"],
)
def test_coins_and_hedge_go_together(tmp_path: Path, amount: str, slice_max: str, contracts: str) -> None:
    """Sell on the spot market, buy back as many coins of the hedge: one pair, the exposure stays what it is."""
    answer = converted(tmp_path, amount, SPOT, slice_max=slice_max)
    sold, bought = answer.orders

    assert (SPOT["id"], "sell", d(contracts)) == (sold.instrument, sold.side, sold.contracts)
    assert (PERP, "buy", d(contracts), True) == (bought.instrument, bought.side, bought.contracts, bought.reduce_only)
    assert {"c"} == {order.pair for order in answer.orders} == {order.sleeve for order in answer.orders}
    assert {} == hedges(answer)
    assert "buy back as much of its hedge" in answer.assets["BTC"].why


@pytest.mark.parametrize(
    ("instruments", "why"),
    [
        ((), "no spot market of BTC"),
        (({**SPOT, "status": "halted"},), "no spot market of BTC"),
        (({**SPOT, "min_notional": "60000"},), "minimum"),
        (({**SPOT, "lot_size": "0.3"},), "minimum of 0.3"),
    ],
    ids=["no market", "a halted one", "below its minimum", "lots that do not meet"],
)
def test_a_pair_is_both_or_neither(tmp_path: Path, instruments: tuple[dict[str, Any], ...], why: str) -> None:
    """Where one leg cannot be made, the other is not: the reason is one line."""
    answer = converted(tmp_path, "0.2", *instruments)
    (refused,) = answer.refused

    assert ((), "c") == (answer.orders, refused.what)
    assert why in refused.why


def test_an_unwind_goes_slice_by_slice(tmp_path: Path) -> None:
    """20,000 of 50,000 are bought back now, reduce-only; how long all of it takes, and at what cost, is said."""
    answer = planned(config(tmp_path, UNWIND, assets="BTC"), book())
    (order,) = answer.orders

    assert ("buy", d("0.4"), True) == (order.side, order.contracts, order.reduce_only)
    assert "slices" in answer.assets["BTC"].why
    assert "cost" in answer.assets["BTC"].why


def test_the_next_slice_waits_for_its_time(tmp_path: Path) -> None:
    """Half a minute after the last slice nothing is sent; the snapshot says when that was."""
    state = {"last_run": {"u": "2024-08-08T23:59:30Z"}}
    answer = planned(config(tmp_path, UNWIND, assets="BTC"), book(state=state))

    assert () == answer.orders
    assert "next slice in 30 s" in answer.assets["BTC"].why
