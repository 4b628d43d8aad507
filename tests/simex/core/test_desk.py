"""The life of an order: resting, amended, shortened, triggered, ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.simex.core.events import AccountChanged, OrderChanged
from bot.simex.core.order import BUY, SELL, Trigger
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.venue import BINANCE, BYBIT
from tests.simex.core.test_matching import end
from tests.simex.core.trading_stage import Stage, n


def story(stage: Stage) -> list[tuple[str, str]]:
    """(execution, status) of every order event since the last drain."""
    return [(event.execution, event.order.status) for event in stage.drained(OrderChanged)]


def falls(price: str) -> Trigger:
    """A stop that waits for the last price to fall."""
    return Trigger(price=n(price), by="last", rises=False)


def test_a_cancelled_order_is_gone() -> None:
    """A cancel takes the order out of the book and frees what it held; a second one is refused."""
    stage = Stage()
    order = stage.buy("a", "1", "99.5", spot=True)
    locked = stage.exchange.state.accounts["a"].wallets["spot"]["USDT"]
    assert locked.locked == n("99.5") * 10**8
    stage.cancel(order)

    assert (order.status, order.end, locked.locked) == ("canceled", "user", 0)
    assert ("99.5", "1") not in stage.book(spot=True)[0]
    with pytest.raises(Refused, match="ORDER_NOT_OPEN"):
        stage.cancel(order)


def test_events_keep_what_was_true() -> None:
    """An event's order is a copy: what happens later does not change it."""
    stage = Stage()
    order = stage.buy("a", "1", "99.5")
    first = stage.drained(OrderChanged)[0]
    stage.cancel(order)

    assert (first.order.status, order.status) == ("new", "canceled")


def test_a_locked_balance_is_told() -> None:
    """A spot order that rests, and one that is cancelled, each tell the wallet."""
    stage = Stage()
    stage.cancel(stage.buy("a", "1", "99.5", spot=True))
    told = [event.coins[0].locked for event in stage.drained(AccountChanged)]

    assert told == [n("99.5") * 10**8, 0]


def test_cancel_all_takes_one_side_or_all() -> None:
    """Only what was asked for is cancelled, oldest first."""
    stage = Stage()
    bids = [stage.buy("a", "1", price) for price in ("99", "98")]
    ask, spot = stage.sell("a", "1", "101"), stage.buy("a", "1", "99", spot=True)

    assert stage.exchange.cancel_all("a", "usdm", side=BUY) == bids
    assert stage.exchange.cancel_all("a", "usdm", stage.perp.key) == [ask]
    assert stage.exchange.cancel_all("a", "usdm") == []
    assert spot.is_open


def test_smaller_keeps_its_place() -> None:
    """An amendment to less keeps the queue position, one to more or to another price loses it."""
    stage = Stage()
    order = stage.buy("a", "3", "99.9")
    stage.level(BUY, "99.9", "5")
    assert stage.amend(order, quantity="2").ahead == n(1)
    assert stage.amend(order, quantity="4").ahead == n(5)
    stage.amend(order, price="99.8")

    assert (order.ahead, order.price, order.remaining) == (n(2), n("99.8"), n(4))
    assert story(stage) == [("new", "new"), ("amended", "new"), ("amended", "new"), ("amended", "new")]


def test_an_amended_price_can_take() -> None:
    """An order amended across the spread trades at once."""
    stage = Stage()
    order = stage.buy("a", "2", "99")
    stage.exchange.drain()
    stage.amend(order, price="100.1")

    assert story(stage) == [("amended", "new"), ("trade", "partially_filled")]
    assert stage.book()[0][0] == ("100.1", "1")


def test_a_refused_amendment_leaves_the_order() -> None:
    """What would not have been accepted is not amended to; place and holdings stay."""
    stage = Stage()
    order = stage.buy("a", "1", "99.9")
    for price, quantity, reason in (
        ("99.9", "1", Reason.AMEND_UNCHANGED),
        ("99.95", None, Reason.PRICE_TICK),
        ("111", None, Reason.PRICE_ABOVE_MULTIPLIER),
        (None, "0.01", Reason.NOTIONAL_MIN),
        (None, "1.0005", Reason.QUANTITY_LOT),
    ):
        with pytest.raises(Refused) as caught:
            stage.amend(order, price, quantity)
        assert caught.value.reason is reason

    assert (order.price, order.quantity, order.ahead, order.status) == (n("99.9"), n(1), n(1), "new")


def test_an_amendment_must_be_affordable() -> None:
    """An order that cannot be paid for after an amendment stays what it was."""
    stage = Stage()
    account = stage.exchange.open_account("c")
    stage.exchange.funds.deposit(account, "spot", "USDT", 100 * 10**16)
    order = stage.buy("c", "1", "99", spot=True)
    with pytest.raises(Refused, match="INSUFFICIENT_BALANCE"):
        stage.amend(order, quantity="2")

    assert (order.quantity, order.locked, order.ahead) == (n(1), n(99) * 10**8, 0)


def test_an_amendment_below_what_is_filled_ends_the_order() -> None:
    """By the venue's rule the order is cancelled, or the amendment refused."""
    for rules, status in ((BINANCE, "canceled"), (replace(BINANCE, amend_below_filled_cancels=False), "refused")):
        stage = Stage(rules)
        order = stage.buy("a", "3", "100")
        stage.sell("b", "2", "100")
        if status == "refused":
            with pytest.raises(Refused, match="AMEND_FILLED"):
                stage.amend(order, quantity="1")
        else:
            assert stage.amend(order, quantity="1").status == status


def test_an_amended_post_only_order_never_takes() -> None:
    """Amended to a price that would take, it ends."""
    stage = Stage()
    order = stage.buy("a", "1", "99", tif="post_only")
    stage.amend(order, price="100.1")

    assert end(order) == ("expired", "post_only", "0")


def test_a_strangers_order_is_not_found() -> None:
    """An account cannot touch another's order."""
    stage = Stage()
    order = stage.buy("a", "1", "99")
    for call in (stage.exchange.cancel, stage.exchange.amend):
        with pytest.raises(Refused, match="UNKNOWN_ORDER"):
            call("b", order)

    assert order.is_open


def test_reduce_only_orders_shrink_with_the_position() -> None:
    """When a position shrinks, the newest of the orders that rest for it are cut first, then ended."""
    stage = Stage()
    stage.buy("a", "3")
    old, new = (stage.sell("a", "1.5", "101", reduce_only=True) for _ in range(2))
    stage.exchange.drain()
    stage.sell("a", "1")
    assert (old.quantity, new.quantity) == (n("1.5"), n("0.5"))
    stage.sell("a", "1")
    assert (old.quantity, end(new)) == (n(1), ("expired", "reduce_only", "0"))
    stage.sell("a", "2")

    assert end(old) == ("expired", "reduce_only", "0")
    assert stage.held("a") == "-1"


def test_a_close_comes_before_resting_reductions() -> None:
    """A market close takes all of a position although others rest for it; they end."""
    stage = Stage()
    stage.buy("a", "2")
    resting = stage.sell("a", "2", "101", reduce_only=True)
    closing = stage.sell("a", "2", reduce_only=True)

    assert (closing.status, end(resting)) == ("filled", ("expired", "reduce_only", "0"))
    assert stage.held("a") == "0"


def test_reductions_never_turn_a_position() -> None:
    """One large buyer who meets a plain and a reduce-only order of a long leaves it flat, not short."""
    stage = Stage()
    stage.buy("a", "2")
    stage.sell("a", "1.5", "100.1")
    reducing = stage.sell("a", "2", "100.1", reduce_only=True)
    stage.buy("b", "5", "100.1")

    assert stage.held("a") == "0"
    assert end(reducing) == ("filled", "", "0.5")


def test_a_reduction_that_ended_in_the_same_walk_is_passed_over() -> None:
    """A buyer whose first fill flattens the long does not meet the reduce-only order behind it any more."""
    stage = Stage()
    stage.buy("a", "2")
    plain = stage.sell("a", "2", "100.2")
    reducing = stage.sell("a", "2", "100.2", reduce_only=True)
    taker = stage.buy("b", "5", "100.2")

    assert (plain.status, end(reducing)) == ("filled", ("expired", "reduce_only", "0"))
    assert (end(taker)[2], stage.held("a")) == ("3", "0")


def test_a_stop_waits_and_fires() -> None:
    """A conditional order is silent until the last price comes to it, then it is an order like any other."""
    stage = Stage()
    stage.buy("a", "1")
    stop = stage.sell("a", "1", trigger=falls("99.8"), reduce_only=True)
    assert (stop.status, stage.exchange.orders.open("a", "usdm")) == ("untriggered", [stop])
    stage.exchange.drain()
    stage.sell("b", "1", "99.9", tif="ioc")
    assert stop.status == "untriggered"
    stage.sell("b", "1", "99.8", tif="ioc")

    assert end(stop) == ("filled", "", "1")
    assert stage.held("a") == "0"
    mine = [e for e in stage.drained(OrderChanged) if e.order.order_id == stop.order_id]
    assert [e.execution for e in mine] == ["triggered", "new", "trade"]


def test_triggers_set_off_triggers() -> None:
    """A stop that fires moves the price to the next one."""
    stage = Stage()
    stops = [stage.sell("a", "2", trigger=falls(price)) for price in ("99.8", "99.9")]
    stage.sell("b", "1", "99.9", tif="ioc")

    assert [stop.status for stop in stops] == ["filled", "filled"]


def test_a_mark_trigger_watches_the_mark() -> None:
    """Trades do not set off what waits for the mark; a new mark does."""
    stage = Stage()
    order = stage.buy("a", "1", trigger=Trigger(price=n(101), by="mark", rises=True))
    stage.buy("b", "6", "101.5")
    assert order.status == "untriggered"
    stage.exchange.marks.hold(stage.perp.key, n(102))
    stage.exchange.advance(stage.now_ms + 1_000)

    assert end(order) == ("expired", "market", "0")


def test_close_position_closes_what_there_is() -> None:
    """Its quantity is the position's when it fires; with nothing left it expires."""
    stage = Stage()
    stage.buy("a", "2")
    first, second = (stage.sell("a", "0", trigger=falls("99.9"), close_position=True) for _ in range(2))
    stage.sell("b", "0.5", "99.9", tif="ioc")

    assert end(first) == ("filled", "", "2")
    assert end(second) == ("expired", "reduce_only", "0")
    assert stage.held("a") == "0"


def test_a_triggered_order_that_cannot_be_paid_expires() -> None:
    """Margin is asked for when a stop fires, not before."""
    stage = Stage()
    stage.exchange.open_account("c")
    stop = stage.sell("c", "5", trigger=falls("99.9"))
    stage.sell("b", "0.5", "99.9", tif="ioc")

    assert end(stop) == ("expired", "margin", "0")


def test_a_waiting_order_can_be_cancelled_and_never_fires() -> None:
    """Cancelled before its time it is deactivated."""
    stage = Stage()
    stop = stage.sell("a", "1", trigger=falls("99.9"))
    stage.cancel(stop)
    stage.sell("b", "0.5", "99.9", tif="ioc")

    assert (stop.status, stop.filled) == ("deactivated", 0)


def test_a_waiting_order_can_be_amended() -> None:
    """Quantity and trigger price of what waits can be changed; the old trigger is forgotten."""
    stage = Stage(BYBIT)
    stop = stage.sell("a", "1", trigger=falls("99.9"))
    stage.exchange.amend("a", stop, quantity=n("0.5"), trigger_price=n("99.7"))
    stage.sell("b", "1.5", "99.8", tif="ioc")
    assert stop.status == "untriggered"
    stage.sell("b", "2", "99.7", tif="ioc")

    assert end(stop) == ("filled", "", "0.5")


def test_a_conditional_spot_limit_holds_its_coins() -> None:
    """Where the venue locks them, coins are held while the order waits, and given back with it."""
    stage = Stage()
    coin = stage.exchange.state.accounts["a"].wallets["spot"]["BTC"]
    stop = stage.sell("a", "2", "99", spot=True, trigger=falls("99.8"))
    assert coin.locked == 2 * 10**16
    stage.cancel(stop)
    assert coin.locked == 0
    fired = stage.sell("a", "2", "99", spot=True, trigger=falls("99.8"))
    stage.sell("b", "3", "99.8", spot=True, tif="ioc")

    assert (fired.status, coin.locked) == ("filled", 0)


def test_a_countdown_cancels_orders_and_leaves_positions() -> None:
    """A dead man's orders on that instrument end when his time runs out; renewed or disarmed they stay."""
    stage = Stage()
    stage.buy("a", "1")
    order, other = stage.buy("a", "1", "99"), stage.buy("a", "1", "99", spot=True)
    stage.exchange.countdown("a", stage.perp.key, 5_000)
    stage.exchange.advance(stage.now_ms + 4_999)
    stage.exchange.countdown("a", stage.perp.key, 5_000)
    stage.exchange.advance(stage.now_ms + 4_999)
    assert order.is_open
    stage.exchange.advance(stage.now_ms + 1)

    assert (order.status, order.end, other.status, stage.held("a")) == ("canceled", "countdown", "new", "1")
    assert order.updated_ms == stage.now_ms
    later = stage.buy("a", "1", "99")
    stage.exchange.advance(stage.now_ms + 20_000)
    assert later.is_open


def test_a_disarmed_countdown_does_nothing() -> None:
    """A length of zero disarms."""
    stage = Stage()
    order = stage.buy("a", "1", "99")
    stage.exchange.countdown("a", stage.perp.key, 5_000)
    stage.exchange.countdown("a", stage.perp.key, 0)
    stage.exchange.advance(stage.now_ms + 10_000)

    assert order.is_open


def test_a_shock_fills_what_it_crosses() -> None:
    """After a jump of every price the books stand elsewhere, and the orders in between are filled."""
    stage = Stage()
    order = stage.buy("a", "2", "99.5")
    stage.exchange.shock("BTC", 0.95)
    stage.exchange.check()

    assert (order.status, order.average_price) == ("filled", n("99.5"))
    with pytest.raises(ValueError, match="no asset"):
        stage.exchange.shock("XXX", 2)


def test_the_exchange_names_orders_where_the_venue_does() -> None:
    """An order without a client id is given one by Binance and stays without by Bybit."""
    named, unnamed = Stage().buy("a", "1", "99"), Stage(BYBIT).buy("a", "1", "99")

    assert named.client_id
    assert unnamed.client_id == ""
    assert Stage(seed=2).buy("a", "1", "99").client_id != named.client_id


def test_sells_mirror_buys() -> None:
    """A sell waits, shrinks and fills on the other side by the same rules."""
    stage = Stage()
    order = stage.sell("a", "2", "100.1")
    stage.level(SELL, "100.1", "0.4")

    assert (order.ahead, stage.book()[1][0]) == (n("0.4"), ("100.1", "2.4"))
