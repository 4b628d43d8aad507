"""Bybit's side of canned answers: instruments, envelopes, rows and a client."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.domain.instrument import Instrument, Kind, Tier
from bot.domain.units import Asset, InstrumentId
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.bybit_rest import BybitDialect
from bot.venues.client import Client
from tests.venues.canned import CREDENTIALS, Canned, Clock, client_id

if TYPE_CHECKING:
    from bot.venues.signing import Credentials

BTC = InstrumentId("bybit.unified:linear:BTCUSDT")
SPOT_BTC = InstrumentId("bybit.unified:spot:BTCUSDT")
USDT = Asset("USDT")
FUTURE = Instrument(
    id=BTC,
    account=BYBIT_UNIFIED,
    symbol="BTCUSDT",
    kind=Kind.LINEAR,
    base=Asset("BTC"),
    quote=USDT,
    settle=USDT,
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contracts_min=Decimal("0.001"),
    contracts_max=Decimal(100),
    notional_min=Decimal(5),
    reduce_only_below_minimum=True,
    taker_fee=Decimal("0.0005"),
    tiers=(Tier(Decimal(0), Decimal("0.005"), Decimal(0)),),
)
PAIR = Instrument(
    id=SPOT_BTC,
    account=BYBIT_UNIFIED,
    symbol="BTCUSDT",
    kind=Kind.SPOT,
    base=Asset("BTC"),
    quote=USDT,
    settle=USDT,
    tick=Decimal("0.1"),
    lot=Decimal("0.000001"),
    notional_min=Decimal(5),
)
INSTRUMENTS = {BTC: FUTURE, SPOT_BTC: PAIR}


def client(canned: Canned, clock: Clock, credentials: Credentials | None = CREDENTIALS) -> Client:
    """A Bybit client over canned answers."""
    return Client(
        credentials=credentials, orders=canned, reads=canned, clock=clock, sleep=clock.sleep, dialect=BybitDialect()
    )


def good(result: Any) -> dict[str, Any]:
    """An envelope around a result."""
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1_700_000_000_000}


def refused(code: int, message: str = "no") -> dict[str, Any]:
    """An envelope around a refusal."""
    return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1_700_000_000_000}


def rows(*listed: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    """A good answer with a list."""
    return good({"list": list(listed), "nextPageCursor": cursor, "category": "linear"})


def receipt(number: int = 1) -> dict[str, Any]:
    """The venue has received order `number`."""
    return good({"orderId": "7", "orderLinkId": client_id(number)})


def order_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The venue's row of the sale of half a bitcoin, filled."""
    row: dict[str, Any] = {
        "orderId": "7",
        "orderLinkId": client_id(number),
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderStatus": "Filled",
        "qty": "0.500",
        "price": "60000.1",
        "cumExecQty": "0.500",
        "cumExecValue": "30000.6",
        "avgPrice": "60001.2",
        "timeInForce": "IOC",
        "positionIdx": 0,
        "reduceOnly": False,
        "rejectReason": "EC_NoError",
        "createType": "CreateByUser",
        "updatedTime": "1700000000001",
        "createdTime": "1700000000000",
        "blockTradeId": None,
    }
    return {**row, **changes}


def execution(identity: str, qty: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """An execution of that order."""
    row: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "orderId": "7",
        "orderLinkId": client_id(number),
        "side": "Sell",
        "execId": identity,
        "execPrice": "60001.2",
        "execQty": qty,
        "execType": "Trade",
        "execTime": "1700000000001",
        "execFee": "15.0003",
        "orderQty": "0.500",
        "leavesQty": "0",
        "isMaker": False,
        "feeCurrency": "",
        "category": "linear",
    }
    return {**row, **changes}
