"""Price-time matching: levels, partial fills, times in force, resting orders, consumption."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.simex.events import MarketTraded, OrderUpdated
from bot.simex.model import Level, NewOrder, Order, Reject
from tests.simex.stage import ASKS, BIDS, BTC_PERP, Levels, Stage


def fills(stage: Stage) -> list[tuple[str, str]]:
    """(price, quantity) of every fill so far."""
    return [(str(row.price), str(row.quantity)) for row in stage.exchange.fill_log]


def top(stage: Stage) -> tuple[Level, Level]:
    """The best bid and ask of the perpetual."""
    depth = stage.exchange.depth("usdm", "BTCUSDT", 1)
    return depth.bids[0], depth.asks[0]


def test_a_large_order_walks_the_book() -> None:
    """Each level is a fill at its own price, and the average is theirs."""
    stage = Stage()
    order = stage.place("BUY", "4.000")

    assert [("50000.10", "1.000"), ("50001.00", "2.000"), ("50010.00", "1.000")] == fills(stage)
    assert Decimal("50003.025") == order.average_price
    assert "FILLED" == order.status


def test_what_was_taken_stays_taken() -> None:
    """The same order again finds only what the first one left, until the market writes the level anew."""
    stage = Stage()
    stage.place("SELL", "2.500", "49990.0", time_in_force="IOC")
    stage.place("SELL", "1.000", "49990.0", time_in_force="IOC", account="b")

    assert ["49999.90", "49999.00", "49999.00", "49990.00"] == [price for price, _ in fills(stage)]

    stage.set(BTC_PERP, BIDS, ASKS)

    assert Level(Decimal("49999.90"), Decimal("1.000")) == top(stage)[0]


IN_FORCE: list[tuple[str, dict[str, Any], str, str]] = [
    ("an IOC fills what it can and expires", {"time_in_force": "IOC"}, "EXPIRED", "1.000"),
    ("a GTC fills what it can and rests", {"time_in_force": "GTC"}, "PARTIALLY_FILLED", "1.000"),
    ("a FOK that fits fills", {"time_in_force": "FOK", "quantity": "1.000"}, "FILLED", "1.000"),
    ("a post-only below the ask rests", {"time_in_force": "GTX", "price": "50000.0"}, "NEW", "0"),
    ("an IOC below the ask expires unfilled", {"time_in_force": "IOC", "price": "50000.0"}, "EXPIRED", "0"),
]


@pytest.mark.parametrize(
    ("fields", "status", "filled"), [row[1:] for row in IN_FORCE], ids=[row[0] for row in IN_FORCE]
)
def test_time_in_force(fields: dict[str, Any], status: str, filled: str) -> None:
    """What becomes of an order for 3 at a limit that only one coin meets."""
    order = Stage().place(**({"side": "BUY", "quantity": "3.000", "price": "50000.5"} | fields))

    assert (status, Decimal(filled)) == (order.status, order.filled)


@pytest.mark.parametrize(("time_in_force", "code"), [("FOK", -5021), ("GTX", -5022)])
def test_futures_refuse_what_they_cannot_execute(time_in_force: str, code: int) -> None:
    """A FOK beyond the depth and a GTX that would take are refused and leave no order."""
    assert code == Stage().refused("BUY", "3.000", "50000.5", time_in_force=time_in_force)


def test_spot_post_only_and_fok() -> None:
    """Spot refuses a LIMIT_MAKER that would take, and expires a FOK beyond the depth."""
    stage = Stage()

    assert -2010 == stage.refused("BUY", "1.000", "50000.5", market="spot", type="LIMIT_MAKER")
    assert "EXPIRED" == stage.spot("BUY", "3.000", "50000.5", time_in_force="FOK").status
    assert [] == fills(stage)
    assert (Decimal(1_000_000), Decimal(0)) == stage.coins("USDT")


def test_a_market_order_beyond_the_book_expires_its_rest() -> None:
    """A MARKET order never waits."""
    stage = Stage()
    order = stage.place("BUY", "9.000")

    assert ("EXPIRED", Decimal("8.000")) == (order.status, order.filled)


def test_an_order_meets_the_market_of_its_own_moment() -> None:
    """What the market did until the order's time is applied before the order, without a call of advance."""
    stage = Stage()
    stage.market.script.append((stage.now_ms + 50, BTC_PERP, [("49000.00", "5.000")], [("49000.10", "5.000")]))
    new = NewOrder(market="usdm", symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal(1))

    assert Decimal("49000.10") == stage.exchange.place("a", new, stage.now_ms + 50).average_price


def test_orders_are_found_by_either_id() -> None:
    """By order id, by client id, open or not; never another account's or symbol's."""
    stage = Stage()
    order = stage.place("BUY", "0.010", "49000.0", client_order_id="mine")
    stage.exchange.cancel("a", "usdm", "BTCUSDT", stage.now_ms, client_id="mine")
    get = stage.exchange.orders.get

    assert "CANCELED" == get("a", "usdm", "BTCUSDT", client_id="mine").status
    assert order.order_id == get("a", "usdm", "BTCUSDT", order_id=order.order_id).order_id

    for wrong in (("b", "usdm"), ("a", "spot")):
        with pytest.raises(Reject, match="-2013"):
            get(wrong[0], wrong[1], "BTCUSDT", order_id=order.order_id)


def test_the_oldest_closed_orders_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is bounded: closed orders go first, open ones stay."""
    monkeypatch.setattr("bot.simex.orders.ORDERS_KEPT_MAX", 3)
    stage = Stage()
    kept = stage.place("BUY", "0.010", "49000.0")
    later = [stage.place("BUY", "0.010") for _ in range(4)]

    assert [kept.order_id, *(o.order_id for o in later[-2:])] == [
        o.order_id for o in stage.exchange.orders.history("a", "usdm", "BTCUSDT")
    ]


def test_resting_orders_fill_in_price_time_order() -> None:
    """A better price goes first, then the earlier order; both trade at their own price."""
    stage = Stage()
    stage.set(BTC_PERP, [("49900.00", "5.000")], [("50100.00", "5.000")])
    first = stage.place("BUY", "0.500", "50000.0")
    second = stage.place("BUY", "0.500", "50000.0")
    better = stage.place("BUY", "0.500", "50000.1")
    stage.place("SELL", "1.200", account="b")

    assert [("50000.1", "0.500"), ("50000.0", "0.500"), ("50000.0", "0.200")] == fills(stage)
    assert ["FILLED", "FILLED", "PARTIALLY_FILLED"] == [_now(stage, o).status for o in (better, first, second)]
    assert Decimal("1.200") == stage.held("a") == -stage.held("b")


def test_the_background_is_first_at_its_own_price() -> None:
    """A resting order waits behind all background quantity of its price."""
    stage = Stage()
    resting = stage.place("BUY", "1.000", "49999.9")
    stage.place("SELL", "1.500", account="b")

    assert Decimal("0.500") == _now(stage, resting).filled


def test_resting_orders_fill_when_the_market_reaches_them() -> None:
    """A background ask at or below a resting bid fills it at the bid's price, with what the ask offers."""
    stage = Stage()
    resting = stage.place("BUY", "1.000", "49950.0")
    stage.set(BTC_PERP, [("49940.00", "1.000")], [("49949.90", "0.400"), ("49950.10", "9.000")])

    assert [("49950.0", "0.400")] == fills(stage)
    assert stage.exchange.fill_log[0].is_maker
    assert "PARTIALLY_FILLED" == _now(stage, resting).status

    stage.set(BTC_PERP, [("49940.00", "1.000")], [("49950.00", "9.000")])

    assert ("FILLED", Decimal("49950.0")) == (_now(stage, resting).status, _now(stage, resting).average_price)


def test_the_book_shows_resting_orders() -> None:
    """Account orders are part of the public depth, and a cancelled one is gone."""
    stage = Stage()
    order = stage.place("BUY", "0.500", "50000.0")

    assert Level(Decimal("50000.0"), Decimal("0.500")) == top(stage)[0]

    stage.exchange.cancel("a", "usdm", "BTCUSDT", stage.now_ms, order_id=order.order_id)

    assert Level(Decimal("49999.90"), Decimal("1.000")) == top(stage)[0]


def test_an_account_does_not_trade_with_itself() -> None:
    """A taker expires its own resting order and trades with what lies behind it."""
    stage = Stage()
    own = stage.place("BUY", "0.500", "50000.0")
    taker = stage.place("SELL", "1.000")

    assert "EXPIRED_IN_MATCH" == _now(stage, own).status
    assert ("FILLED", [("49999.90", "1.000")]) == (taker.status, fills(stage))


def test_public_trades_name_the_aggressor() -> None:
    """A sale that takes has a buyer who is the maker; a purchase has not."""
    stage = Stage()
    stage.place("SELL", "0.100")
    stage.place("BUY", "0.100")

    assert [True, False] == [event.buyer_is_maker for event in stage.events(MarketTraded)]


def test_order_events_tell_the_whole_life() -> None:
    """NEW, a TRADE per level with its own commission, then EXPIRED with its reason."""
    stage = Stage()
    stage.place("BUY", "3.500", "50001.0", time_in_force="IOC")
    told = stage.events(OrderUpdated)

    assert ["NEW", "TRADE", "TRADE", "EXPIRED"] == [event.execution for event in told]
    assert [Decimal(0), Decimal(1), Decimal(3), Decimal(3)] == [event.order.filled for event in told]
    assert [Decimal("25.00005"), Decimal("50.001")] == [event.commission for event in told if event.trade_id]
    assert ("IOC", "EXPIRED") == (told[-1].expire_reason, told[-1].order.status)


@pytest.mark.parametrize("how", ["cancelled", "unknown", "of another account"])
def test_cancel_refuses_what_is_not_open(how: str) -> None:
    """Cancelling an order that is not the account's open one answers -2011 and changes nothing."""
    stage = Stage()
    order = stage.place("BUY", "0.100", "49000.0")
    account, order_id = ("b" if how == "of another account" else "a"), order.order_id
    if how == "cancelled":
        stage.exchange.cancel("a", "usdm", "BTCUSDT", stage.now_ms, order_id=order_id)

    with pytest.raises(Exception, match="-2011"):
        stage.exchange.cancel(account, "usdm", "BTCUSDT", stage.now_ms, order_id=order_id + (how == "unknown"))


def test_the_fill_log_holds_the_book_of_that_instant() -> None:
    """Each fill records the top just before it, the level it took from, and the top when the order came."""
    stage = Stage()
    stage.place("BUY", "1.500")
    first, second = stage.exchange.fill_log

    assert (Decimal("50000.10"), Decimal("1.000")) == (first.best_ask, first.level_quantity)
    assert (Decimal("50001.00"), Decimal("2.000")) == (second.best_ask, second.level_quantity)
    assert Decimal("50000.10") == second.order_best_ask
    assert Decimal("50000.00") == first.mid


def test_a_crossing_snapshot_of_levels_never_leaves_the_book_crossed() -> None:
    """After any market change the best bid stays below the best ask."""
    stage = Stage()
    stage.place("BUY", "1.000", "49999.0")
    levels: Levels = [("49000.00", "0.300"), ("49100.00", "0.300"), ("49200.00", "9.000")]
    stage.set(BTC_PERP, [("48990.00", "1.000")], levels)
    bid, ask = top(stage)

    assert bid.price < ask.price
    assert Decimal("1.000") == stage.held()


def _now(stage: Stage, order: Order) -> Order:
    return stage.exchange.orders.get(order.account_id, order.market, order.symbol, order.order_id)
