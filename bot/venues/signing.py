"""ccxt's Binance exchanges, with our clock and our transport in place of theirs.

ccxt names the endpoints, adds what each of them needs and signs (HMAC, Ed25519 or RSA); its `fetch` is replaced by the
slot of the running call, which waits for what must be durable and then sends through our own transport.

`import ccxt` executes every exchange that it knows: seconds of CPU and 60 MB that a hedger of one venue never uses. So
Binance's module alone is imported, under stand-ins for the two packages that would pull in the rest; they are gone
again before anybody else can import ccxt. Should a later ccxt not allow that, it is imported whole.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bot.venues.routes import USDM
from bot.venues.transport import TRANSPORT_RAISES, Transport, Wire, lost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from bot.domain.units import AccountId
    from bot.venues.routes import Route
    from bot.venues.translate.errors import Trouble

PACKAGES = ("ccxt", "ccxt.async_support")
DEFAULT_WINDOW_MS = 2_000


class KeyUnusable(ValueError):
    """The key or secret cannot sign: it is neither an HMAC secret nor a private key in PEM."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key and its secret: HMAC, or an Ed25519 or RSA private key in PEM. Neither shows in a `repr`."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, str]:
        """What must never appear in a text."""
        return (self.key, self.secret)


class Slot:
    """What the replaced `fetch` needs to know of the call that it serves."""

    __slots__ = ("carried", "durable", "route", "timeout_s", "timestamp_ms", "transport", "window_ms")

    def __init__(
        self,
        route: Route,
        transport: Transport,
        timestamp_ms: int,
        timeout_s: float,
        durable: Awaitable[None] | None,
        window_ms: int = DEFAULT_WINDOW_MS,
    ) -> None:
        self.window_ms = window_ms
        self.route = route
        self.transport = transport
        self.timestamp_ms = timestamp_ms
        self.timeout_s = timeout_s
        self.durable = durable
        self.carried = False

    async def carry(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Wire | Trouble:
        """Wait for what must be durable, then send, once."""
        assert not self.carried, "a request is carried once, whatever is above it"
        self.carried = True
        if self.durable is not None:
            await self.durable
        try:
            return await self.transport(method, url, headers, body, self.timeout_s)
        except TRANSPORT_RAISES as error:
            return lost(self.route.host, error)


SLOT: ContextVar[Slot | None] = ContextVar("trimtab_rest_call", default=None)


def signing_exchange(account: AccountId, credentials: Credentials | None) -> Any:
    """The ccxt exchange that serves an account's host. Raises KeyUnusable when the key cannot sign."""
    kind = "binanceusdm" if account == USDM else "binance"
    return signer(kind, _config(credentials), credentials, "account")


def signer(kind: str, config: dict[str, Any], credentials: Credentials | None, path: str) -> Any:
    """The ccxt exchange named `kind`; its key is tried on `path`. Raises KeyUnusable when the key cannot sign."""
    exchange = _carried(getattr(_module(kind), kind))(config)
    exchange.has["fetchCurrencies"] = False
    if credentials is not None:
        _check(exchange, credentials, path)
    return exchange


def _config(credentials: Credentials | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "enableRateLimit": False,
        "options": {
            "recvWindow": DEFAULT_WINDOW_MS,
            "maxRetriesOnFailure": 0,
            "fetchMargins": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
            "adjustForTimeDifference": False,
            "timeDifference": 0,
        },
    }
    return config if credentials is None else {**config, "apiKey": credentials.key, "secret": credentials.secret}


def _carried(base: Any) -> Any:
    class Carried(base):  # type: ignore[misc]  # ccxt is not typed
        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Wire | Trouble:
            slot = SLOT.get()
            assert slot is not None, "every request is made through a Client"
            data = body.encode() if isinstance(body, str) else body
            return await slot.carry(method, url, dict(headers or {}), data)

        def milliseconds(self) -> int:
            slot = SLOT.get()
            return slot.timestamp_ms if slot is not None else 0

        def sign(self, *args: Any, **named: Any) -> Any:
            if (slot := SLOT.get()) is not None:
                # Some venues take the window from ccxt's options alone: it is set where nothing can come between.
                self.options["recvWindow"] = slot.window_ms
            return super().sign(*args, **named)

    return Carried


def _check(exchange: Any, credentials: Credentials, path: str) -> None:
    """Sign something that is never sent, so that a secret that cannot sign is known before an order needs it."""
    refusals = (sys.modules["ccxt.base.errors"].BaseError, ValueError, TypeError, LookupError, ArithmeticError)
    usable = credentials.key.isascii() and credentials.key.isprintable() and bool(credentials.secret)
    try:
        exchange.sign(path, ["private"], "GET", {})
    except refusals:
        usable = False
    if not usable:
        raise KeyUnusable("the API key or secret cannot sign: give an HMAC secret or a private key in PEM")


def _module(kind: str) -> ModuleType:
    name = f"ccxt.async_support.{kind}"
    if name in sys.modules:
        return sys.modules[name]
    if not any(package in sys.modules for package in PACKAGES):
        try:
            return _alone(name)
        except (ImportError, AttributeError):
            pass  # ccxt has changed inside: whole, then
    return importlib.import_module(name)


def _alone(name: str) -> ModuleType:
    """Import one exchange without executing ccxt's package files."""
    found = importlib.util.find_spec("ccxt")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("ccxt is not installed")
    places = list(found.submodule_search_locations)
    try:
        sys.modules["ccxt"] = top = _stand_in("ccxt", places)
        sys.modules["ccxt.async_support"] = _stand_in("ccxt.async_support", [f"{one}/async_support" for one in places])
        vars(top).update(_public(importlib.import_module("ccxt.base.errors")))
        vars(top)["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
        return importlib.import_module(name)
    finally:
        for package in PACKAGES:
            sys.modules.pop(package, None)


def _stand_in(name: str, places: list[str]) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = places
    return module


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
