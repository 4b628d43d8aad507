"""Orders out at Bybit: a receipt is no report, and what the looks prove."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import aiohttp
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
)
from bot.domain.order import Approved, Side, Status
from bot.domain.units import Nanos
from bot.venues.bybit_gateway import BybitGateway
from bot.venues.translate.binance import NotRepresentable
from tests.venues.bybitkit import BTC, INSTRUMENTS, SPOT_BTC, client, execution, good, order_row, receipt, refused, rows
from tests.venues.canned import KEY, NOW_NS, SECRET, Canned, Clock, approved, client_id, durable

CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"
NOW, PAST, TRADES, TIME = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list", "/v5/market/time"


def gateway(canned: Canned, clock: Clock | None = None) -> BybitGateway:
    """A gateway over canned answers."""
    return BybitGateway(client(canned, clock or Clock()), INSTRUMENTS)


def order(number: int = 1, **changes: Any) -> Approved:
    """An approved order to sell half a bitcoin of linear contracts."""
    return approved(number, **{"instrument": BTC, **changes})


def look(endpoint: Endpoint) -> QueryOrder:
    """A look for order 1, sent a second ago."""
    return QueryOrder(BTC, client_id(1), endpoint, Nanos(NOW_NS - 1_000_000_000))


async def test_a_receipt_proves_nothing() -> None:
    """The answer to the POST is only a receipt: nothing is reported until stream or query says so."""
    canned = Canned()
    canned.lay("POST", CREATE, receipt())

    assert () == await gateway(canned).submit(order(), durable())


async def test_the_order_is_what_was_asked_for() -> None:
    """A limit, immediate-or-cancel, one-way, under our own name, signed with the short window."""
    canned = Canned()
    canned.lay("POST", CREATE, receipt())
    await gateway(canned).submit(order(reduce_only=True), durable())

    (sent,) = canned.sent
    assert {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderType": "Limit",
        "timeInForce": "IOC",
        "qty": "0.5",
        "price": "60000.1",
        "orderLinkId": client_id(1),
        "positionIdx": 0,
        "reduceOnly": True,
    } == json.loads(sent.payload)
    assert (KEY, "2000") == (sent.headers["X-BAPI-API-KEY"], sent.headers["X-BAPI-RECV-WINDOW"])
    assert str(NOW_NS // 1_000_000) == sent.headers["X-BAPI-TIMESTAMP"]
    assert SECRET not in str(sent.headers)


async def test_a_sale_of_coins_borrows_nothing() -> None:
    """A spot order carries no position index, and says that nothing may be borrowed for it."""
    canned = Canned()
    canned.lay("POST", CREATE, receipt())
    await gateway(canned).submit(order(instrument=SPOT_BTC), durable())

    told = json.loads(canned.sent[0].payload)
    assert ("spot", 0, False) == (told["category"], told["isLeverage"], "positionIdx" in told)


@pytest.mark.parametrize("code", [10_000, 10_016, 110_072, 170_146, 999_999])
async def test_what_may_have_landed_is_unanswered(code: int) -> None:
    """A timeout of the venue, a duplicate id and an unknown code leave the order's fate open."""
    canned = Canned()
    canned.lay("POST", CREATE, refused(code))

    (found,) = await gateway(canned).submit(order(), durable())
    assert isinstance(found, OrderUnanswered)
    assert 1 == len(canned.sent)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b'{"retCode":0,"result":{}}', aiohttp.ServerTimeoutError()])
async def test_an_answer_that_is_none_leaves_the_order_unknown(answer: Any) -> None:
    """An empty, foreign or missing answer is no receipt, and never a refusal."""
    canned = Canned()
    canned.lay("POST", CREATE, answer)

    (found,) = await gateway(canned).submit(order(), durable())
    assert isinstance(found, OrderUnanswered)


async def test_a_receipt_for_another_order_is_not_believed() -> None:
    """What names another order proves nothing of this one."""
    canned = Canned()
    canned.lay("POST", CREATE, receipt(2))

    (found,) = await gateway(canned).submit(order(), durable())
    assert isinstance(found, OrderUnanswered)


async def test_a_documented_refusal_is_one() -> None:
    """Its code and words go on."""
    canned = Canned()
    canned.lay("POST", CREATE, refused(110_017, "orderQty will be truncated to zero"))

    (found,) = await gateway(canned).submit(order(), durable())
    assert isinstance(found, OrderRejected)
    assert ("110017", "orderQty will be truncated to zero") == (found.code, found.message)


async def test_a_clock_that_is_off_is_measured_at_once() -> None:
    """A request outside the window was not carried out, and the next one shall not be outside too."""
    canned = Canned()
    canned.lay("POST", CREATE, refused(10_002))
    canned.lay("GET", TIME, good({"timeSecond": "1700000001", "timeNano": "1700000001000000000"}))

    sample, rejected = await gateway(canned).submit(order(), durable())
    assert isinstance(sample, ClockSampled)
    assert isinstance(rejected, OrderRejected)
    assert 1_000_000_000 == sample.offset_ns


async def test_after_too_many_visits_orders_wait_on_our_side() -> None:
    """10006 stops the endpoint until the moment that the venue named; the order never leaves."""
    canned, clock = Canned(), Clock()
    reset = str((NOW_NS + 3_000_000_000) // 1_000_000)
    canned.lay(
        "POST", CREATE, refused(10_006), x_bapi_limit="10", x_bapi_limit_status="0", x_bapi_limit_reset_timestamp=reset
    )
    out = gateway(canned, clock)
    await out.submit(order(), durable())

    (held,) = await out.submit(order(2), durable())
    assert isinstance(held, OrderRejected)
    assert HELD_BACK == held.code
    assert 1 == len(canned.sent)


@pytest.mark.parametrize(
    "changes",
    [
        {"contracts": Decimal("0.0005")},
        {"limit_price": Decimal("60000.15")},
        {"client_id": "mine"},
        {"instrument": SPOT_BTC, "side": Side.BUY},
        {"instrument": SPOT_BTC, "contracts": Decimal("0.00001")},
    ],
)
async def test_what_the_venue_would_not_take_is_not_sent(changes: dict[str, Any]) -> None:
    """A size off the lot, a price off the tick, a foreign id, a purchase of coins, dust: faults of ours."""
    canned, done = Canned(), durable()
    with pytest.raises(NotRepresentable):
        await gateway(canned).submit(order(**changes), done)

    done.close()
    assert [] == canned.sent


async def test_a_cancel_is_followed_by_a_look() -> None:
    """Its receipt says nothing, so the order is asked for and what is found is reported."""
    canned = Canned()
    canned.lay("POST", CANCEL, receipt())
    canned.lay("GET", NOW, rows(order_row(orderStatus="Cancelled", cumExecQty="0.200")))

    (found,) = await gateway(canned).cancel(CancelOrder(BTC, client_id(1)))
    assert isinstance(found, OrderReported)
    assert (Status.CANCELED, Decimal("0.200")) == (found.report.status, found.report.filled)
    assert client_id(1) == json.loads(canned.sent[0].payload)["orderLinkId"]


async def test_a_cancel_of_what_is_gone_failed() -> None:
    """110001 is told once, for the order is looked up then."""
    canned = Canned()
    canned.lay("POST", CANCEL, refused(110_001, "Order does not exist"))

    (found,) = await gateway(canned).cancel(CancelOrder(BTC, client_id(1)))
    assert isinstance(found, CancelFailed)
    assert 1 == len(canned.sent)


async def test_a_look_finds_the_order_with_its_fills() -> None:
    """Executions that account for all of it become its fills, once each."""
    canned = Canned()
    canned.lay("GET", NOW, rows(order_row()))
    canned.lay("GET", TRADES, rows(execution("a", "0.2"), execution("b", "0.3"), execution("b", "0.3")))

    (found,) = await gateway(canned).query(look(Endpoint.ORDER))
    assert isinstance(found, OrderReported)
    assert Status.FILLED is found.report.status
    assert ["a", "b"] == [fill.trade_id for fill in found.report.fills]
    assert {"USDT"} == {fill.fee_asset for fill in found.report.fills}


async def test_an_empty_list_denies_the_order() -> None:
    """The first look asks for it by name among what is open or ended lately."""
    canned = Canned()
    canned.lay("GET", NOW, rows())

    (found,) = await gateway(canned).query(look(Endpoint.ORDER))
    assert isinstance(found, OrderNotFound)
    assert client_id(1) == canned.sent[0].params["orderLinkId"]


async def test_the_second_look_needs_history_and_executions_to_deny() -> None:
    """Only where both know nothing is the order denied."""
    canned = Canned()
    canned.lay("GET", PAST, rows())
    canned.lay("GET", TRADES, rows())

    (found,) = await gateway(canned).query(look(Endpoint.TRADES))
    assert isinstance(found, OrderNotFound)
    assert [PAST, TRADES] == canned.paths()


async def test_executions_without_an_order_prove_no_absence() -> None:
    """A history that is behind its executions is no denial: nothing was learned."""
    canned = Canned()
    canned.lay("GET", PAST, rows())
    canned.lay("GET", TRADES, rows(execution("a", "0.5")))

    assert () == await gateway(canned).query(look(Endpoint.TRADES))


@pytest.mark.parametrize("answer", [b"", b"<html>", refused(10_016), {"retCode": 0, "result": {}}])
async def test_what_could_not_be_read_denies_nothing(answer: Any) -> None:
    """An unreadable answer is not an empty list."""
    canned = Canned()
    canned.lay("GET", NOW, answer)

    assert () == await gateway(canned).query(look(Endpoint.ORDER))


async def test_an_instrument_that_left_the_config_teaches_nothing() -> None:
    """Neither a look nor a cancel can name it."""
    canned = Canned()
    out = BybitGateway(client(canned, Clock()), {})

    assert () == await out.query(look(Endpoint.ORDER))
    (failed,) = await out.cancel(CancelOrder(BTC, client_id(1)))
    assert isinstance(failed, CancelFailed)
