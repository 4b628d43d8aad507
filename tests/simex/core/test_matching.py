"""Price-time matching: levels, partial fills, whose order is filled first, self-trade prevention."""

from __future__ import annotations

import pytest

from bot.simex.core.events import OrderChanged, TopChanged, Traded
from bot.simex.core.flow import Aggression
from bot.simex.core.order import BUY, SELL, Order, Prevention
from tests.simex.core.trading_stage import Stage, n, text


def fills(stage: Stage) -> list[tuple[str, str, str, bool]]:
    """(account, price, quantity, maker) of every fill since the last drain, as text."""
    return [
        (event.trade.account_id, text(event.trade.price), text(event.trade.quantity), event.trade.is_maker)
        for event in stage.drained(OrderChanged)
        if event.trade is not None
    ]


def end(order: Order) -> tuple[str, str, str]:
    """Status, reason and filled quantity."""
    return order.status, order.end, text(order.filled)


def test_a_market_order_walks_the_levels() -> None:
    """Each level is a fill at its own price, and the average is theirs."""
    stage = Stage()
    order = stage.buy("a", "2.5")

    assert end(order) == ("filled", "", "2.5")
    assert fills(stage) == [("a", "100.1", "1", False), ("a", "100.2", "1.5", False)]
    assert order.average_price == n("100.16")
    assert stage.book()[1] == [("100.2", "0.5"), ("100.3", "3")]


def test_an_ioc_takes_to_its_limit_and_the_rest_expires() -> None:
    """What an immediate-or-cancel order does not get within its limit never rests."""
    stage = Stage()
    order = stage.buy("a", "5", "100.2", tif="ioc")

    assert end(order) == ("expired", "ioc", "3")
    assert stage.book()[1] == [("100.3", "3")]
    assert [event.execution for event in stage.drained(OrderChanged)] == ["new", "trade", "trade", "expired"]


def test_a_limit_order_rests_with_what_it_did_not_get() -> None:
    """The rest of a good-till-cancel order stands at its limit and is the best bid."""
    stage = Stage()
    order = stage.buy("a", "5", "100.2")

    assert (order.status, order.remaining, order.ahead) == ("partially_filled", n(2), 0)
    assert stage.book()[0][0] == ("100.2", "2")
    assert stage.drained(TopChanged)[-1].bid == n("100.2")


def test_earlier_orders_of_one_price_are_filled_first() -> None:
    """At one price time decides: the background that was there, then a, then b."""
    stage = Stage()
    first, second = stage.buy("a", "2", "99.9"), stage.buy("b", "2", "99.9")
    stage.fund("c")
    stage.exchange.drain()
    stage.sell("c", "4", "99.9")

    assert fills(stage) == [
        ("c", "99.9", "1", False),
        ("a", "99.9", "2", True),
        ("c", "99.9", "2", False),
        ("b", "99.9", "1", True),
        ("c", "99.9", "1", False),
    ]
    assert (first.status, second.status) == ("filled", "partially_filled")


def test_a_better_price_goes_before_an_earlier_order() -> None:
    """Price comes before time."""
    stage = Stage()
    early, better = stage.buy("a", "1", "99.9"), stage.buy("a", "1", "100")
    stage.sell("b", "1", "99.9", tif="ioc")

    assert (early.filled, better.filled) == (0, n(1))


def test_later_background_stands_behind_an_order() -> None:
    """Strangers who join a level later are taken after the order that was there."""
    stage = Stage()
    mine = stage.buy("a", "1", "99.9")
    stage.level(BUY, "99.9", "9")
    stage.exchange.drain()
    stage.sell("b", "3", "99.9")

    assert mine.status == "filled"
    assert fills(stage) == [
        ("b", "99.9", "1", False),
        ("a", "99.9", "1", True),
        ("b", "99.9", "1", False),
        ("b", "99.9", "1", False),
    ]
    assert stage.book()[0][0] == ("99.9", "7")


def test_a_trade_between_accounts_is_one_trade() -> None:
    """Both fills and the public trade carry one id, price and quantity; each pays the fee of its part."""
    stage = Stage()
    stage.buy("a", "1", "100")
    stage.exchange.drain()
    stage.sell("b", "1", "100")
    events = stage.exchange.drain()
    maker, taker = (event.trade for event in events if isinstance(event, OrderChanged) and event.trade is not None)
    public = next(event for event in events if isinstance(event, Traded))

    assert maker.trade_id == taker.trade_id == public.trade_id
    assert (maker.fee, taker.fee) == (n("0.02") * 10**8, n("0.05") * 10**8)
    assert (public.price, public.quantity, public.buyer_is_maker) == (n(100), n(1), True)


@pytest.mark.parametrize(
    ("prevention", "taker", "maker"),
    [
        ("taker", ("expired", "self_trade", "1"), ("new", "", "0")),
        ("maker", ("filled", "", "3"), ("expired", "self_trade", "0")),
        ("both", ("expired", "self_trade", "1"), ("expired", "self_trade", "0")),
        ("none", ("filled", "", "3"), ("filled", "", "1")),
    ],
)
def test_self_trade_prevention(
    prevention: Prevention, taker: tuple[str, str, str], maker: tuple[str, str, str]
) -> None:
    """Where an order would meet one of its own account, the taker's flag says which of them ends."""
    stage = Stage()
    resting = stage.sell("a", "1", "100.1")
    order = stage.buy("a", "3", "100.2", prevention=prevention)

    assert (end(order), end(resting)) == (taker, maker)


def test_fill_or_kill_does_not_count_its_own_account() -> None:
    """What prevention keeps from trading cannot fill a fill-or-kill order."""
    stage = Stage()
    stage.sell("a", "2", "100.1")
    other = stage.buy("a", "6", "100.3", tif="fok", prevention="maker")
    assert end(other) == ("filled", "", "6")
    stage = Stage()
    stage.sell("a", "2", "100.1", spot=True)
    killed = stage.buy("a", "6.001", "100.3", tif="fok", prevention="maker", spot=True)

    assert end(killed) == ("expired", "fok", "0")


def test_an_aggression_takes_background_and_orders_in_turn() -> None:
    """A stranger who sells takes the levels and fills accounts' orders within its limit."""
    stage = Stage()
    mine = stage.buy("a", "2", "99.9")
    stage.exchange.drain()
    stage.tell(Aggression(stage.perp.key, stage.now_ms + 1, SELL, n("99.9"), n(9)))

    assert fills(stage) == [("a", "99.9", "2", True)]
    assert mine.status == "filled"
    assert stage.book()[0] == [("99.8", "2"), ("99.7", "3")]
