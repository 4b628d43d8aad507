"""A REST side without a network: canned answers by endpoint, a clock cranked by hand, and what was sent."""

from __future__ import annotations

import json
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from bot.domain.instrument import Instrument, Kind, Tier
from bot.domain.order import Approved, OrderRequest, Side, TimeInForce
from bot.domain.units import SECOND_NS, AccountId, Asset, ClientOrderId, InstrumentId, Nanos
from bot.venues.client import Client
from bot.venues.signing import Credentials
from bot.venues.transport import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "k" * 32 + "K" * 32
SECRET = "s" * 32 + "S" * 32
NOW_NS = Nanos(1_700_000_000 * SECOND_NS)
CREDENTIALS = Credentials(KEY, SECRET)
BTC = InstrumentId("binance.usdm:BTCUSDT")
SPOT_BTC = InstrumentId("binance.spot:BTCUSDT")
USDT = Asset("USDT")
FUTURE = Instrument(
    id=BTC,
    account=AccountId("binance.usdm"),
    symbol="BTCUSDT",
    kind=Kind.LINEAR,
    base=Asset("BTC"),
    quote=USDT,
    settle=USDT,
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contracts_min=Decimal("0.001"),
    contracts_max=Decimal(100),
    notional_min=Decimal(100),
    reduce_only_below_minimum=True,
    taker_fee=Decimal("0.0005"),
    maker_fee=Decimal("0.0002"),
    tiers=(Tier(Decimal(0), Decimal("0.004"), Decimal(0)),),
)
PAIR = Instrument(
    id=SPOT_BTC,
    account=AccountId("binance.spot"),
    symbol="BTCUSDT",
    kind=Kind.SPOT,
    base=Asset("BTC"),
    quote=USDT,
    settle=USDT,
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
)
INSTRUMENTS = {BTC: FUTURE, SPOT_BTC: PAIR}


class Clock:
    """Time that moves when it is told to; sleeping moves it."""

    def __init__(self) -> None:
        self.now_ns: Nanos = NOW_NS
        self.slept_s: list[float] = []

    def __call__(self) -> Nanos:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept_s.append(seconds)
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        """Crank the clock."""
        self.now_ns = Nanos(self.now_ns + round(seconds * SECOND_NS))


class Sent:
    """One request as it would have gone out."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> None:
        address, _, query = url.partition("?")
        self.method = method
        self.url = address
        self.path = "/" + address.split("/", 3)[3]
        self.headers = dict(headers)
        self.payload = query or (body or b"").decode()
        self.params = dict(parse_qsl(self.payload))


class Canned:
    """A transport that answers from what a test has laid out, in order; the last answer of a path repeats."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._answers: dict[tuple[str, str], deque[Wire | Exception]] = {}

    def lay(self, method: str, path: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """Lay out answers: an exception is raised, bytes go out as they are, anything else as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        laid = self._answers.setdefault((method, path), deque())
        for answer in answers:
            if isinstance(answer, Exception | Wire):
                laid.append(answer)
            else:
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                laid.append(Wire(status, named, content))

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Record the request and give its answer."""
        request = Sent(method, url, headers, body)
        self.sent.append(request)
        laid = self._answers[method, request.path]
        answer = laid.popleft() if len(laid) > 1 else laid[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def paths(self) -> list[str]:
        """The paths asked, in order."""
        return [request.path for request in self.sent]


def client(canned: Canned, clock: Clock, credentials: Credentials | None = CREDENTIALS) -> Client:
    """A client over canned answers."""
    return Client(credentials=credentials, orders=canned, reads=canned, clock=clock, sleep=clock.sleep)


def client_id(number: int) -> ClientOrderId:
    """A client order id of the form that is ours."""
    return ClientOrderId(f"tt{number:022d}")


def approved(number: int = 1, **changes: Any) -> Approved:
    """An approved order to sell 0.5 BTC of USD-M futures."""
    fields: dict[str, Any] = {
        "client_id": client_id(number),
        "instrument": BTC,
        "side": Side.SELL,
        "contracts": Decimal("0.500"),
        "limit_price": Decimal("60000.10"),
        "time_in_force": TimeInForce.IOC,
        "reduce_only": False,
        "intent": 1,
        "leg": 0,
        "decided_ns": NOW_NS,
    }
    return Approved(OrderRequest(**{**fields, **changes}))


def order_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The venue's row of that order, filled."""
    row: dict[str, Any] = {
        "orderId": 7,
        "symbol": "BTCUSDT",
        "status": "FILLED",
        "clientOrderId": client_id(number),
        "price": "60000.10",
        "avgPrice": "60001.20000",
        "origQty": "0.500",
        "executedQty": "0.500",
        "cumQuote": "30000.60000",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "reduceOnly": False,
        "side": "SELL",
        "positionSide": "BOTH",
        "updateTime": 1_700_000_000_001,
    }
    return {**row, **changes}


def sale(number: int = 1, **changes: Any) -> Approved:
    """An approved order to sell 0.5 BTC on the spot market."""
    return approved(number, **{"instrument": SPOT_BTC, **changes})


def spot_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The venue's full answer to that order, filled in two parts, the second of which paid its fee in BNB."""
    parts = (("60001.00", "0.3", "18.00030000", "USDT", 11), ("60001.50", "0.2", "0.02000000", "BNB", 12))
    row: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "orderListId": -1,
        "clientOrderId": client_id(number),
        "transactTime": 1_700_000_000_001,
        "price": "60000.10000000",
        "origQty": "0.50000000",
        "executedQty": "0.50000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "30000.60000000",
        "status": "FILLED",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "side": "SELL",
        "fills": [
            {"price": price, "qty": qty, "commission": fee, "commissionAsset": asset, "tradeId": trade}
            for price, qty, fee, asset, trade in parts
        ],
    }
    return {**row, **changes}


async def durable() -> None:
    """An intent that is durable already."""
