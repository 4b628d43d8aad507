"""Sales on the spot market, and what their answers prove."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import HELD_BACK, Endpoint, OrderNotFound, OrderRejected, OrderReported, OrderUnanswered
from bot.domain.order import Status
from bot.domain.units import Asset, Nanos
from bot.venues.budget import Lane
from bot.venues.gateway import LiveGateway
from bot.venues.routes import SPOT, USDM
from bot.venues.translate.binance import NotRepresentable
from tests.venues.canned import (
    INSTRUMENTS,
    NOW_NS,
    PAIR,
    SPOT_BTC,
    Canned,
    Clock,
    approved,
    client,
    client_id,
    durable,
    order_row,
    sale,
    spot_row,
)

ORDER, ALL, TRADES = "/api/v3/order", "/api/v3/allOrders", "/api/v3/myTrades"
FUNDS = "Account has insufficient balance for requested action."
QUERIED = {"updateTime": 1_700_000_000_001, "time": 1_700_000_000_000}


def gateway(canned: Canned) -> LiveGateway:
    """A gateway over canned answers."""
    return LiveGateway(client(canned, Clock()), INSTRUMENTS)


def look(endpoint: Endpoint) -> QueryOrder:
    """A look for a sale sent a second ago."""
    return QueryOrder(SPOT_BTC, client_id(1), endpoint, Nanos(NOW_NS - 1_000_000_000))


def execution(number: int, qty: str, fee_asset: str = "USDT") -> dict[str, Any]:
    """An execution of order 7."""
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 7,
        "price": "60001.20",
        "qty": qty,
        "commission": "0.01500000",
        "commissionAsset": fee_asset,
        "time": 1_700_000_000_001,
        "isBuyer": False,
        "isMaker": False,
    }


async def test_a_sale_is_reported_with_its_fills() -> None:
    """The answer to the order itself tells the fills, their fees in the coin that the venue took."""
    canned = Canned()
    canned.lay("POST", ORDER, spot_row())
    (found,) = await gateway(canned).submit(sale(), durable())

    assert isinstance(found, OrderReported)
    assert (Status.FILLED, Decimal("0.5"), SPOT_BTC) == (
        found.report.status,
        found.report.filled,
        found.report.instrument,
    )
    assert [Asset("USDT"), Asset("BNB")] == [fill.fee_asset for fill in found.report.fills]
    assert ("https://api.binance.com/api/v3/order", "2000") == (canned.sent[0].url, canned.sent[0].params["recvWindow"])


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (TimeoutError(), 0),
        (b"", 200),
        (b"<html></html>", 200),
        (spot_row(clientOrderId=client_id(2)), 200),
        (spot_row(side="BUY"), 200),
        ({"code": -2010, "msg": "Duplicate order sent."}, 400),
        ({"code": -1007, "msg": "Timeout waiting for response from backend server."}, 408),
        ({"code": -1006, "msg": "Execution status unknown."}, 400),
        ({"msg": "Unknown error, please check your request or try again later."}, 503),
        ({"code": -9999, "msg": "never heard of"}, 400),
    ],
)
async def test_whatever_is_not_a_documented_refusal_leaves_the_sale_unknown(answer: Any, status: int) -> None:
    """Silence, garbage and a duplicate id prove nothing; and nothing is sent a second time."""
    canned = Canned()
    canned.lay("POST", ORDER, answer, status=status or 200)
    (found,) = await gateway(canned).submit(sale(), durable())

    assert isinstance(found, OrderUnanswered)
    assert 1 == len(canned.sent)


@pytest.mark.parametrize(
    ("code", "message"), [(-2010, FUNDS), (-1013, "Filter failure: NOTIONAL"), (-1013, "Market is closed.")]
)
async def test_a_documented_refusal_is_a_rejection(code: int, message: str) -> None:
    """Too few coins, a filter, a closed market: nothing was sold."""
    canned = Canned()
    canned.lay("POST", ORDER, {"code": code, "msg": message}, status=400)
    (found,) = await gateway(canned).submit(sale(), durable())

    assert isinstance(found, OrderRejected)
    assert (str(code), message) == (found.code, found.message)


@pytest.mark.parametrize("changes", [{"reduce_only": True}, {"contracts": Decimal("0.000001")}])
async def test_what_is_no_sale_never_leaves(changes: dict[str, Any]) -> None:
    """It is refused before its commit is even awaited."""
    canned, waiting = Canned(), durable()
    with pytest.raises(NotRepresentable):
        await gateway(canned).submit(sale(**changes), waiting)
    waiting.close()

    assert [] == canned.sent


async def test_a_sale_and_a_hedge_have_budgets_of_their_own() -> None:
    """A spot host that is used up holds back the sale, and the future is sent all the same."""
    canned = Canned()
    canned.lay("POST", "/fapi/v1/order", order_row())
    one = client(canned, Clock())
    while one.budgets[SPOT].take(Lane.ORDER, 100) == 0:
        pass
    gate = LiveGateway(one, INSTRUMENTS)
    (held,) = await gate.submit(sale(), durable())
    (sent,) = await gate.submit(approved(2, client_id=client_id(1)), durable())

    assert isinstance(held, OrderRejected)
    assert HELD_BACK == held.code
    assert isinstance(sent, OrderReported)
    assert 0 == one.budgets[USDM].usage().weight


@pytest.mark.parametrize(("endpoint", "path"), [(Endpoint.ORDER, ORDER), (Endpoint.TRADES, ALL)])
async def test_a_sale_is_found_with_its_fees(endpoint: Endpoint, path: str) -> None:
    """Both looks find the order, and the list of trades says what it cost."""
    canned = Canned()
    row = {**spot_row(fills=[]), **QUERIED}
    canned.lay("GET", path, row if endpoint is Endpoint.ORDER else [row])
    canned.lay("GET", TRADES, [execution(1, "0.3"), execution(2, "0.2", "BNB")])
    (found,) = await gateway(canned).query(look(endpoint))

    assert isinstance(found, OrderReported)
    assert [Asset("USDT"), Asset("BNB")] == [fill.fee_asset for fill in found.report.fills]
    assert "7" == canned.sent[-1].params["orderId"]


async def test_both_looks_can_deny_a_sale() -> None:
    """The venue says that there is none, and a whole list of a day does not hold it."""
    canned = Canned()
    canned.lay("GET", ORDER, {"code": -2013, "msg": "Order does not exist."}, status=400)
    canned.lay("GET", ALL, [])
    gate = gateway(canned)
    found = [*await gate.query(look(Endpoint.ORDER)), *await gate.query(look(Endpoint.TRADES))]

    assert [OrderNotFound, OrderNotFound] == [type(one) for one in found]
    asked = canned.sent[-1].params
    assert int(asked["endTime"]) - int(asked["startTime"]) < 86_400_000


async def test_a_resting_sale_is_cancelled() -> None:
    """What is left of it is reported under its own id."""
    canned = Canned()
    row = spot_row(origClientOrderId=client_id(1), clientOrderId="x", status="CANCELED", executedQty="0", fills=[])
    canned.lay("DELETE", ORDER, {**row, "cummulativeQuoteQty": "0.00000000"})
    (found,) = await gateway(canned).cancel(CancelOrder(SPOT_BTC, client_id(1)))

    assert isinstance(found, OrderReported)
    assert (client_id(1), Status.CANCELED) == (found.report.client_id, found.report.status)


async def test_sales_are_held_against_the_filters_as_they_are_now() -> None:
    """The venue raised its minimum: an order below it never leaves."""
    gate, waiting = gateway(Canned()), durable()
    gate.renew([msgspec.structs.replace(PAIR, notional_min=Decimal(40_000))])
    with pytest.raises(NotRepresentable, match="at least 40000"):
        await gate.submit(sale(), waiting)
    waiting.close()
