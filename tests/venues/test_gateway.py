"""Orders out, and what their answers prove."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import (
    HELD_BACK,
    CancelFailed,
    ClockSampled,
    Endpoint,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    Source,
)
from bot.domain.order import Side, Status
from bot.domain.units import Nanos
from bot.venues.gateway import PAGE_ROWS, PAGES_MAX, LiveGateway
from bot.venues.translate.binance import NotRepresentable
from tests.venues.canned import (
    BTC,
    FUTURE,
    INSTRUMENTS,
    KEY,
    NOW_NS,
    SECRET,
    SPOT_BTC,
    Canned,
    Clock,
    approved,
    client,
    client_id,
    durable,
    order_row,
)

ORDER, ALL, TRADES = "/fapi/v1/order", "/fapi/v1/allOrders", "/fapi/v1/userTrades"
UNKNOWN_503 = {"msg": "Unknown error, please check your request or try again later."}


def gateway(canned: Canned, clock: Clock | None = None) -> LiveGateway:
    """A gateway over canned answers."""
    return LiveGateway(client(canned, clock or Clock()), INSTRUMENTS)


def look(endpoint: Endpoint, number: int = 1) -> QueryOrder:
    """A look for an order sent a second ago."""
    return QueryOrder(BTC, client_id(number), endpoint, Nanos(NOW_NS - 1_000_000_000))


def execution(number: int, qty: str) -> dict[str, Any]:
    """An execution of order 7."""
    return {
        "id": number,
        "orderId": 7,
        "symbol": "BTCUSDT",
        "side": "SELL",
        "price": "60001.20",
        "qty": qty,
        "commission": "15.00030000",
        "commissionAsset": "USDT",
        "time": 1_700_000_000_001,
        "maker": False,
    }


async def test_a_good_answer_is_a_report() -> None:
    """A whole answer about this very order says what became of it."""
    canned = Canned()
    canned.lay("POST", ORDER, order_row())
    (found,) = await gateway(canned).submit(approved(), durable())

    assert isinstance(found, OrderReported)
    assert (Source.ANSWER, Status.FILLED, Decimal("0.5")) == (found.source, found.report.status, found.report.filled)
    assert client_id(1) == canned.sent[0].params["newClientOrderId"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (TimeoutError(), 0),
        (aiohttp.ServerDisconnectedError(), 0),
        (aiohttp.ClientPayloadError("cut"), 0),
        (ConnectionRefusedError(111, "Connection refused"), 0),
        (KeyError("parser"), 0),
        (b"", 200),
        (b"{}", 200),
        (b"<html></html>", 200),
        (b'{"orderId":7,"symbol":"BTC', 200),
        ([], 200),
        ({"orderId": None, "status": None}, 200),
        (order_row(clientOrderId=client_id(2)), 200),
        (order_row(clientOrderId="x-cvBPrNm9abc"), 200),
        (order_row(status=None), 200),
        (order_row(side="BUY"), 200),
        ({"code": -2019, "msg": "Margin is insufficient."}, 200),
        (UNKNOWN_503, 503),
        ({"code": -1000, "msg": "x"}, 500),
        (b"<html>Bad Gateway</html>", 502),
        ({"code": -1007, "msg": "Send status unknown; execution status unknown."}, 408),
        ({"code": -1006, "msg": "Execution status unknown."}, 400),
        ({"code": -4116, "msg": "ClientOrderId is duplicated."}, 400),
        ({"code": -9999, "msg": "never heard of"}, 400),
    ],
)
async def test_whatever_is_not_a_documented_refusal_leaves_the_order_unknown(answer: Any, status: int) -> None:
    """Silence, garbage and strange codes prove nothing; and nothing is sent a second time."""
    canned = Canned()
    canned.lay("POST", ORDER, answer, status=status or 200)
    (found,) = await gateway(canned).submit(approved(), durable())

    assert isinstance(found, OrderUnanswered)
    assert [ORDER] == canned.paths()
    assert found.reason
    assert KEY not in found.reason
    assert SECRET not in found.reason
    assert "signature" not in found.reason


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"code": -2019, "msg": "Margin is insufficient."}, 400, "-2019"),
        ({"code": -2022, "msg": "ReduceOnly Order is rejected."}, 400, "-2022"),
        ({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401, "-2015"),
        ({"msg": "Service Unavailable."}, 503, "503"),
        ({"code": -1008, "msg": "Request throttled by system-level protection."}, 503, "-1008"),
        ({"code": -1015, "msg": "Too many new orders."}, 429, "-1015"),
    ],
)
async def test_a_documented_refusal_is_a_rejection(answer: Any, status: int, code: str) -> None:
    """The venue's own words that it did not take the order, with its code; sent once all the same."""
    canned = Canned()
    canned.lay("POST", ORDER, answer, status=status)
    (found,) = await gateway(canned).submit(approved(), durable())

    assert isinstance(found, OrderRejected)
    assert code == found.code
    assert 1 == len(canned.sent)


async def test_an_order_beyond_the_budget_is_refused_and_not_sent() -> None:
    """During a ban an order is refused by us, after its intent is durable, and nothing leaves."""
    canned, clock = Canned(), Clock()
    one = client(canned, clock)
    one.budgets[INSTRUMENTS[BTC].account].refused(418, 0, 60)
    committed: list[bool] = []

    async def commit() -> None:
        committed.append(True)

    (found,) = await LiveGateway(one, INSTRUMENTS).submit(approved(), commit())

    assert isinstance(found, OrderRejected)
    assert found.code == HELD_BACK
    assert [True] == committed
    assert [] == canned.sent


async def test_a_reduce_only_order_uses_the_reserve() -> None:
    """When new orders are out of budget, one that reduces still goes."""
    canned, clock = Canned(), Clock()
    canned.lay("POST", ORDER, order_row(reduceOnly=True))
    one = client(canned, clock)
    one.budgets[INSTRUMENTS[BTC].account].learn({"x-mbx-order-count-10s": "200"})
    gate = LiveGateway(one, INSTRUMENTS)

    assert isinstance((await gate.submit(approved(2), durable()))[0], OrderRejected)
    assert isinstance((await gate.submit(approved(reduce_only=True), durable()))[0], OrderReported)


async def test_a_spot_purchase_never_leaves() -> None:
    """Coins are sold and never bought: the order is refused before its commit is even awaited."""
    canned = Canned()
    waiting = durable()
    with pytest.raises(NotRepresentable):
        await gateway(canned).submit(approved(instrument=SPOT_BTC, side=Side.BUY), waiting)
    waiting.close()

    assert [] == canned.sent


async def test_orders_are_held_against_the_instruments_as_they_are_now() -> None:
    """The venue halved a tick: a price on the new one passes, one that only the old rules knew never leaves."""
    canned = Canned()
    canned.lay("POST", ORDER, order_row(price="60000.05"))
    made = gateway(canned)
    waiting = durable()
    with pytest.raises(NotRepresentable):
        await made.submit(approved(limit_price=Decimal("60000.05")), waiting)
    waiting.close()
    made.renew([msgspec.structs.replace(FUTURE, tick=Decimal("0.05"))])
    await made.submit(approved(limit_price=Decimal("60000.05")), durable())

    assert 1 == len(canned.sent)
    assert Decimal("0.1") == INSTRUMENTS[BTC].tick


async def test_a_journal_that_fails_keeps_the_order_home() -> None:
    """What `durable` raises goes through, and nothing was sent."""
    canned = Canned()

    async def failing() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await gateway(canned).submit(approved(), failing())
    assert [] == canned.sent


async def test_a_cancel_reports_what_is_left() -> None:
    """A cancelled order is reported with what it had filled."""
    canned = Canned()
    row = order_row(status="CANCELED", executedQty="0.100", cumQuote="6000")
    del row["avgPrice"]
    canned.lay("DELETE", ORDER, row)
    (found,) = await gateway(canned).cancel(CancelOrder(BTC, client_id(1)))

    assert isinstance(found, OrderReported)
    assert (Status.CANCELED, Decimal("0.1")) == (found.report.status, found.report.filled)


async def test_a_cancel_is_repeated_and_then_given_up() -> None:
    """A cancel may be asked again; after its bound it failed, and the order is looked up instead."""
    canned = Canned()
    canned.lay("DELETE", ORDER, TimeoutError())
    (found,) = await gateway(canned).cancel(CancelOrder(BTC, client_id(1)))

    assert isinstance(found, CancelFailed)
    assert 3 == len(canned.sent)


async def test_a_cancel_of_an_unknown_order_is_not_repeated() -> None:
    """-2011 is an answer: the order is filled or gone, and only a look can say which."""
    canned = Canned()
    canned.lay("DELETE", ORDER, {"code": -2011, "msg": "Unknown order sent."}, status=400)
    (found,) = await gateway(canned).cancel(CancelOrder(BTC, client_id(1)))

    assert isinstance(found, CancelFailed)
    assert "-2011" in found.reason
    assert 1 == len(canned.sent)


async def test_a_look_finds_an_order_with_its_fees() -> None:
    """A found order comes with the executions that add up to it."""
    canned = Canned()
    canned.lay("GET", ORDER, order_row())
    canned.lay("GET", TRADES, [execution(1, "0.2"), execution(2, "0.3")])
    (found,) = await gateway(canned).query(look(Endpoint.ORDER))

    assert isinstance(found, OrderReported)
    assert (Source.QUERY, 2) == (found.source, len(found.report.fills))
    assert Decimal("30.0006") == sum(fill.fee for fill in found.report.fills)


@pytest.mark.parametrize("answer", [[], [execution(1, "0.2")], b"<html>"])
async def test_a_look_tells_no_half_of_the_fills(answer: Any) -> None:
    """While the executions do not add up, the order is reported without them."""
    canned = Canned()
    canned.lay("GET", ORDER, order_row())
    canned.lay("GET", TRADES, answer)
    (found,) = await gateway(canned).query(look(Endpoint.ORDER))

    assert isinstance(found, OrderReported)
    assert (Decimal("0.5"), ()) == (found.report.filled, found.report.fills)


async def test_no_such_order_is_a_claim_with_its_time() -> None:
    """The venue's own denial is told with when it was asked."""
    canned = Canned()
    canned.lay("GET", ORDER, {"code": -2013, "msg": "Order does not exist."}, status=400)
    (found,) = await gateway(canned).query(look(Endpoint.ORDER))

    assert isinstance(found, OrderNotFound)
    assert (Endpoint.ORDER, NOW_NS) == (found.endpoint, found.asked_ns)


@pytest.mark.parametrize("endpoint", list(Endpoint))
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (TimeoutError(), 0),
        (b"", 200),
        (b"{}", 200),
        (b"<html>", 200),
        (b"[{", 200),
        ({"code": -2013, "msg": "Order does not exist."}, 500),
        ({"code": -2013, "msg": "Order does not exist."}, 200),
        ({"code": -2015, "msg": "Invalid API-key."}, 401),
        (UNKNOWN_503, 503),
        ({"code": -1003, "msg": "slow down"}, 429),
        (order_row(clientOrderId=client_id(2)), 200),
    ],
)
async def test_a_look_that_could_not_see_claims_nothing(endpoint: Endpoint, answer: Any, status: int) -> None:
    """A failed look is neither found nor not found."""
    canned = Canned()
    canned.lay("GET", ORDER if endpoint is Endpoint.ORDER else ALL, answer, status=status or 200)

    assert () == await gateway(canned).query(look(endpoint))


async def test_the_second_look_uses_the_order_list() -> None:
    """The other endpoint is the account's list of orders, from well before the order was sent."""
    canned = Canned()
    canned.lay("GET", ALL, [order_row(2, orderId=6), order_row(1)])
    canned.lay("GET", TRADES, [execution(1, "0.5")])
    (found,) = await gateway(canned).query(look(Endpoint.TRADES))

    assert isinstance(found, OrderReported)
    assert client_id(1) == found.report.client_id
    assert int(canned.sent[0].params["startTime"]) <= NOW_NS // 1_000_000 - 61_000
    assert "origClientOrderId" not in canned.sent[0].params


async def test_a_list_without_the_order_is_a_claim() -> None:
    """A whole list that does not hold the order says that it is not there."""
    canned = Canned()
    canned.lay("GET", ALL, [order_row(2)])
    (found,) = await gateway(canned).query(look(Endpoint.TRADES))

    assert isinstance(found, OrderNotFound)
    assert Endpoint.TRADES is found.endpoint


async def test_a_full_page_is_followed_by_the_next() -> None:
    """A list that fills its page is read on from the last order, and only its end is an end."""
    canned = Canned()
    foreign = [{"orderId": number, "clientOrderId": f"web_{number}"} for number in range(1, PAGE_ROWS + 1)]
    canned.lay("GET", ALL, foreign, [order_row(1, orderId=PAGE_ROWS + 5, executedQty="0", status="EXPIRED")])
    (found,) = await gateway(canned).query(look(Endpoint.TRADES))

    assert isinstance(found, OrderReported)
    assert str(PAGE_ROWS + 1) == canned.sent[1].params["orderId"]


async def test_a_list_without_an_end_claims_nothing() -> None:
    """Beyond the bound on pages the order may be anywhere."""
    canned = Canned()
    canned.lay("GET", ALL, [{"orderId": n, "clientOrderId": f"web_{n}"} for n in range(1, PAGE_ROWS + 1)])

    assert () == await gateway(canned).query(look(Endpoint.TRADES))
    assert PAGES_MAX == len(canned.sent)


async def test_an_order_on_an_instrument_that_left_the_config_breaks_nothing() -> None:
    """Unknown from a run whose config named it: nothing can be learned of it or done about it, and nothing is sent."""
    canned = Canned()
    gone = LiveGateway(client(canned, Clock()), {})
    assert await gone.query(look(Endpoint.ORDER)) == ()
    (failed,) = await gone.cancel(CancelOrder(BTC, client_id(1)))
    assert isinstance(failed, CancelFailed)
    assert canned.sent == []


@pytest.mark.parametrize("answers", [True, False], ids=["measured", "not measured"])
async def test_an_order_outside_its_window_has_the_clock_measured_at_once(answers: bool) -> None:
    """A clock that stepped is known before the next order is decided, so that refusals do not add up to a halt."""
    canned = Canned()
    canned.lay("POST", ORDER, {"code": -1021, "msg": "outside of the recvWindow."}, status=400)
    canned.lay("GET", "/fapi/v1/time", {"serverTime": NOW_NS // 1_000_000 + 3_000}, status=200 if answers else 500)
    *sampled, refused = await gateway(canned).submit(approved(), durable())

    assert isinstance(refused, OrderRejected)
    assert [s.offset_ns for s in sampled if isinstance(s, ClockSampled)] == ([3_000_000_000] if answers else [])
    assert [ORDER, "/fapi/v1/time"] == canned.paths()
