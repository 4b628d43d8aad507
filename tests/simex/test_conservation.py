"""Nothing is made and nothing is lost: any sequence of calls keeps positions and money balanced, exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.model import Reject
from tests.simex.stage import BTC_PERP, BTC_SPOT, Stage

quantities = st.decimals("0.001", "20", places=3).map(str)
ticks = st.integers(-900, 900)
orders = st.fixed_dictionaries(
    {
        "kind": st.just("order"),
        "account": st.sampled_from(["a", "b"]),
        "market": st.sampled_from(["usdm", "spot"]),
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": quantities,
        "ticks": st.none() | ticks,
        "time_in_force": st.sampled_from(["GTC", "IOC", "FOK"]),
        "reduce_only": st.booleans(),
    }
)
worlds = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["market", "shock", "wait", "transfer", "cancel"]),
        "ticks": ticks,
        "account": st.sampled_from(["a", "b"]),
    }
)


def play(stage: Stage, step: dict[str, Any]) -> None:
    """Do one step; a refusal is as good as any other outcome."""
    middle = Decimal(50_000) + step["ticks"] if step["ticks"] is not None else None
    match step["kind"]:
        case "order":
            more = {"reduce_only": step["reduce_only"]} if step["market"] == "usdm" else {}
            price = None if middle is None else f"{middle}.0"
            more |= {"market": step["market"], "time_in_force": step["time_in_force"]}
            stage.place(step["side"], step["quantity"], price, step["account"], **more)
        case "market":
            for key in (BTC_PERP, BTC_SPOT):
                stage.set(
                    key, [(f"{middle}.0", "3.000"), ("45000.0", "30")], [(f"{middle}.5", "3.000"), ("55000.0", "30")]
                )
        case "shock":
            stage.exchange.shock("BTC", 1 + Decimal(step["ticks"]) / 5000, stage.now_ms)
        case "wait":
            stage.exchange.advance(stage.now_ms + 60_000)
        case "transfer":
            source = "spot" if step["ticks"] > 0 else "usdm"
            stage.exchange.accounts.transfer(step["account"], source, "USDT", abs(Decimal(step["ticks"])) + 1)  # type: ignore[arg-type]
        case _:
            stage.exchange.cancel_all(step["account"], "usdm", "BTCUSDT", stage.now_ms)


@settings(max_examples=120)
@given(st.lists(orders | orders | worlds, max_size=25))
def test_any_sequence_conserves(steps: list[dict[str, Any]]) -> None:
    """After every call: positions sum to zero, money is where the ledger says, nothing free or locked is negative."""
    stage = Stage(interval_ms=60_000)
    for step in steps:
        try:
            play(stage, step)
        except Reject:
            continue
        finally:
            stage.exchange.check()
        _check_books_and_balances(stage)


def _check_books_and_balances(stage: Stage) -> None:
    for name in ("a", "b"):
        assert all(row.free >= 0 and row.locked >= 0 for row in stage.exchange.accounts.spot(name))
        opened = stage.exchange.orders.open(name, "spot")
        locked = {"BTC": Decimal(0), "USDT": Decimal(0)}
        for order in opened:
            asset, amount = ("BTC", Decimal(1)) if order.side == "SELL" else ("USDT", order.price)
            locked[asset] += order.remaining * amount
        assert locked == {row.asset: row.locked for row in stage.exchange.accounts.spot(name)}
        history = stage.exchange.orders.history(name, "usdm", "BTCUSDT")
        signed = sum((o.filled if o.side == "BUY" else -o.filled for o in history), Decimal(0))
        assert stage.held(name) == signed
    for market in ("spot", "usdm"):
        depth = stage.exchange.depth(market, "BTCUSDT", 1)
        assert not depth.bids or not depth.asks or depth.bids[0].price < depth.asks[0].price


@pytest.mark.parametrize("place", ["house", "fees", "external", "insurance"])
def test_the_check_can_fail(place: str) -> None:
    """A cent that comes from nowhere is found, wherever it was put."""
    stage = Stage()
    stage.place("BUY", "1.000")
    getattr(stage.exchange._context.ledger, place)["USDT"] += Decimal("0.01")

    with pytest.raises(AssertionError, match="USDT"):
        stage.exchange.check()


def test_the_check_finds_a_lost_position() -> None:
    """Positions that do not add up to zero are found."""
    stage = Stage()
    stage.exchange._context.ledger.house_positions["BTCUSDT"] += Decimal("0.001")

    with pytest.raises(AssertionError, match="BTCUSDT"):
        stage.exchange.check()
