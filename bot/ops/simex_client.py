"""Talking to a simulated exchange's control API: move its world, and read what is really so.

Blocking and small: plain HTTP and JSON on loopback. Numbers are exact: they cross as text.
"""

import http.client
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

TIMEOUT_S = 5.0
ORDER_PATHS = frozenset({"/fapi/v1/order", "/api/v3/order", "/fapi/v1/batchOrders"})


class SimexError(Exception):
    """The control API could not be reached, or refused; the message is one line."""


class Coins(msgspec.Struct, frozen=True):
    """A spot balance in coins."""

    asset: str
    free: Decimal
    locked: Decimal


class Held(msgspec.Struct, frozen=True):
    """A futures position: signed coins."""

    symbol: str
    quantity: Decimal


class Futures(msgspec.Struct, frozen=True):
    """The futures account; a flat symbol has no row."""

    positions: tuple[Held, ...]


class Traded(msgspec.Struct, frozen=True):
    """One fill; `commission` > 0 was paid."""

    order_id: int
    market: str
    commission: Decimal
    commission_asset: str


class Truth(msgspec.Struct, frozen=True):
    """One account as the exchange itself knows it; `funding_received` > 0 was paid into the wallet."""

    time_ms: int
    spot: tuple[Coins, ...]
    usdm: Futures
    trades: tuple[Traded, ...]
    trades_total: int
    funding_received: dict[str, Decimal]

    def coins(self, asset: str) -> Decimal:
        """Spot coins of an asset."""
        return sum((row.free + row.locked for row in self.spot if row.asset == asset), Decimal(0))

    def fees(self, asset: str) -> Decimal:
        """What the listed fills cost in one currency."""
        return sum((row.commission for row in self.trades if row.commission_asset == asset), Decimal(0))

    def position(self, symbol: str) -> Decimal:
        """Signed coins of a perpetual."""
        return sum((row.quantity for row in self.usdm.positions if row.symbol == symbol), Decimal(0))


class Placed(msgspec.Struct, frozen=True):
    """A request that asked for an order, and what became of it; `fate` tells whether the client got the answer."""

    seq: int
    method: str
    path: str
    params: dict[str, str]
    account: str | None
    status: int
    order_id: int | None
    fate: str

    @property
    def symbol(self) -> str:
        """The symbol that it was for."""
        return self.params.get("symbol", "")

    @property
    def side(self) -> str:
        """BUY or SELL."""
        return self.params.get("side", "")


class SimexClient:
    """The control API at a URL."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def deposit(self, account: str, asset: str, amount: str, wallet: str = "spot") -> None:
        """Put coins into a wallet."""
        self._post("deposit", account=account, wallet=wallet, asset=asset, amount=amount)

    def shock(self, asset: str, factor: str) -> None:
        """Multiply every price of an asset, for good."""
        self._post("shock", asset=asset, factor=factor)

    def set_funding(self, symbol: str, rate: str, next_ms: int | None) -> None:
        """Set the funding rate of a perpetual and when it settles next."""
        self._post("funding", symbol=symbol, rate=rate, next_ms=next_ms)

    def disconnect(self, kind: str = "all", refuse_ms: int = 0) -> int:
        """Abort the websockets of a kind and refuse new ones for a while; returns how many there were."""
        return int(self._post("disconnect", kind=kind, refuse_ms=refuse_ms)["disconnected"])

    def arm_fault(self, **fault: object) -> None:
        """Arm a fault for coming requests (`bot.simex.injection.Fault`)."""
        self._post("fault", **fault)

    def clear_faults(self) -> None:
        """Disarm every fault and let silenced streams speak again."""
        self._post("clear_faults")

    def truth(self, account: str) -> Truth:
        """What the account really holds."""
        return msgspec.convert(self._get("truth", account=account), Truth)

    def orders(self, account: str, after: int = 0) -> tuple[Placed, ...]:
        """Every request for an order of an account above a sequence number, refused and unanswered ones included."""
        found = self._get("requests", method="POST", signed="true", after=str(after))["requests"]
        rows = msgspec.convert(found, tuple[Placed, ...])
        return tuple(row for row in rows if row.path in ORDER_PATHS and row.account == account)

    def lookups(self, account: str, client_id: str, after: int) -> int:
        """How often an order was asked for by its client id, above a sequence number."""
        found = self._get("requests", method="GET", signed="true", after=str(after))["requests"]
        rows = msgspec.convert(found, tuple[Placed, ...])
        return sum(row.account == account and client_id in row.params.values() for row in rows)

    def requests_total(self) -> int:
        """How many requests there were so far; the sequence number of the last."""
        return int(self._get("requests", summary="only")["summary"]["total"])

    def _post(self, name: str, **body: object) -> Any:
        return self._exchange("POST", f"/control/{name}", json.dumps(body).encode())

    def _get(self, name: str, **query: str) -> Any:
        return self._exchange("GET", f"/control/{name}?{urlencode(query)}", None)

    def _exchange(self, method: str, path: str, body: bytes | None) -> Any:
        headers: Mapping[str, str] = {"Content-Type": "application/json"} if body else {}
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SimexError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise SimexError(f"{method} {path}: {said.get('error', said)}")
        return said
