"""A stage for the futures endpoints: a small exchange with known books, a clock turned by hand, a client that signs."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from bot.simex.binance.futures import Futures
from bot.simex.binance.gate import KeyRing
from bot.simex.binance.limits import USDM_LIMITS, RateLimiter
from bot.simex.binance.router import Router
from bot.simex.config import ApiKey, KeySpec
from bot.simex.core.events import Event
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Aggression, Flow, IndexPrice, Levels
from bot.simex.core.instrument import Category, Instrument, Key
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import BUY, SELL, Side, Ticket
from bot.simex.core.venue import BINANCE
from bot.simex.sources.listings import binance
from bot.simex.timeline import Timeline
from bot.simex.wire import Request, Response

# A multiple of eight hours: a funding time.
START_MS = 1_760_000_000_000 // 28_800_000 * 28_800_000
PERP: Key = ("usdm", "BTCUSDT")
OTHER: Key = ("usdm", "ETHUSDT")
COIN: Key = ("coinm", "BTCUSD_PERP")
BTC, ETH = Decimal(60_000), Decimal(3_000)
KEY, SECRET = "simexkey" * 8, "simexsecret0000000000000000000001"
MARKETS: tuple[Category, ...] = ("usdm", "coinm")
HOSTS = {"usdm": "fapi.binance.com", "coinm": "dapi.binance.com"}


class Tape:
    """A market of one quiet book an instrument, and of what the test says."""

    def __init__(self, books: Iterable[Levels]) -> None:
        self._books = tuple(books)
        self._coming: deque[Flow] = deque()
        self.ended = False
        self.position = 0

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(book.key for book in self._books)

    def opening(self) -> Iterator[Flow]:
        yield IndexPrice("BTCUSDT", START_MS, scaled(BTC))
        yield IndexPrice("BTCUSD", START_MS, scaled(BTC))
        yield IndexPrice("ETHUSDT", START_MS, scaled(ETH))
        yield from self._books

    def say(self, *flows: Flow) -> None:
        self._coming.extend(flows)

    def until(self, now_ms: int) -> Iterator[Flow]:
        while self._coming and self._coming[0].time_ms <= now_ms:
            yield self._coming.popleft()

    def next_ms(self) -> int | None:
        return self._coming[0].time_ms if self._coming else None

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        return iter(())


def ladder(mid: Decimal, tick: Decimal, size: Decimal, side: Side, levels: int = 30) -> tuple[tuple[int, int], ...]:
    """A side of a book around a mid."""
    return tuple((scaled(mid - side * tick * number), scaled(size)) for number in range(1, levels + 1))


def book(key: Key, mid: Decimal, tick: str, size: str, time_ms: int = START_MS) -> Levels:
    """A whole book: one size at every tick away from the mid."""
    step, each = Decimal(tick), Decimal(size)
    return Levels(key, time_ms, ladder(mid, step, each, BUY), ladder(mid, step, each, SELL))


def books(btc: Decimal = BTC, time_ms: int = START_MS) -> tuple[Levels, ...]:
    """The opening books: best bid and ask of bitcoin 59,999 and 60,001."""
    return (
        book(PERP, btc, "1", "1", time_ms),
        book(COIN, btc, "1", "500", time_ms),
        book(OTHER, ETH, "0.1", "10", time_ms),
    )


class Stage:
    """One exchange with its futures endpoints; `now_ms` is every clock at once."""

    def __init__(self, lag_ms: int = 0, mark_interval_ms: int = 1_000) -> None:
        self.now_ms = START_MS + 1
        self.tape = Tape(books())
        listed = {one.key: one for one in binance(START_MS)}
        chosen = [listed[key] for key in (PERP, COIN, OTHER)]
        self.exchange = Exchange(
            BINANCE, chosen, self.tape, seed=1, start_ms=self.now_ms, mark_interval_ms=mark_interval_ms
        )
        self.timeline = Timeline(lambda: self.now_ms)
        self.events: list[Event] = []
        spec = KeySpec(name="desk", account="alice", key=KEY, secret=SECRET)
        self.keys = KeyRing.of(
            (ApiKey.made(spec), ApiKey.made(replace(spec, name="reader", key="r" * 64, futures=False)))
        )
        self.limiters = {name: RateLimiter(USDM_LIMITS) for name in HOSTS}
        self.markets = {
            name: Futures(self.exchange, self.timeline, name, self.limiters[name], lag_ms) for name in MARKETS
        }
        self.routers = {
            name: Router(one.routes(), self.keys, self.limiters[name], self.timeline.server_ms)
            for name, one in self.markets.items()
        }
        for name in ("alice", "bob"):
            account = self.exchange.open_account(name)
            self.exchange.funds.deposit(account, "usdm", "USDT", money(Decimal(100_000)))
            self.exchange.funds.deposit(account, "coinm", "BTC", money(Decimal(2)))
        self.flush()

    # ---------------------------------------------------------------------------------------------------------- time
    def flush(self) -> None:
        for event in self.exchange.drain():
            self.events.append(event)
            for market in self.markets.values():
                market.observe(event)

    def leap(self, ms: int) -> None:
        """Let time pass in one step."""
        self.now_ms += ms
        self.exchange.advance(self.now_ms)
        self.flush()
        for market in self.markets.values():
            market.tick()
        self.flush()

    def move(self, btc: str) -> None:
        """The books of bitcoin move to a price, and the index with them."""
        price, at = Decimal(btc), self.now_ms + 1
        for one in books(price, at)[:2]:
            self.tape.say(one)
        for name in ("BTCUSDT", "BTCUSD"):
            self.tape.say(IndexPrice(name, at, scaled(price)))
        self.leap(1)

    def mark(self, btc: str, key: Key = PERP) -> None:
        """Pin the mark of an instrument."""
        self.exchange.marks.hold(key, scaled(Decimal(btc)))
        self.flush()

    def strangers(self, key: Key, side: Side, quantity: str) -> None:
        """Strangers take from a book."""
        self.tape.say(Aggression(key, self.now_ms + 1, side, 0, scaled(Decimal(quantity))))
        self.leap(1)

    def bob(self, key: Key, side: Side, quantity: str, price: str) -> None:
        """Another account places a limit order."""
        instrument = self.instrument(key)
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type="limit",
            quantity=scaled(Decimal(quantity)),
            price=scaled(Decimal(price)),
        )
        self.exchange.place("bob", ticket)
        self.flush()

    def instrument(self, key: Key) -> Instrument:
        return self.exchange.instruments[key]

    # ---------------------------------------------------------------------------------------------------------- rest
    def send(self, method: str, path: str, params: dict[str, Any], key: str = KEY) -> Response:
        """The answer to a signed request."""
        query = urlencode({**params, "timestamp": self.now_ms})
        query = f"{query}&signature={signed(query)}"
        market = "coinm" if path.startswith("/dapi") else "usdm"
        request = Request(HOSTS[market], method, path, query, b"", {"x-mbx-apikey": key})
        try:
            return self.routers[market].respond(request)
        finally:
            self.flush()

    def ask(self, method: str, path: str, **params: Any) -> Any:
        """The body of an answer that is no refusal."""
        response = self.send(method, path, params)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def refusal(self, method: str, path: str, **params: Any) -> tuple[int, int, str]:
        """Status, code and message of a refusal."""
        response = self.send(method, path, params)
        body = json.loads(response.body)
        assert response.status != 200, body
        return response.status, body["code"], body["msg"]

    def get(self, path: str, **params: Any) -> Any:
        return self.ask("GET", path, **params)

    def post(self, path: str, **params: Any) -> Any:
        return self.ask("POST", path, **params)

    def delete(self, path: str, **params: Any) -> Any:
        return self.ask("DELETE", path, **params)

    def put(self, path: str, **params: Any) -> Any:
        return self.ask("PUT", path, **params)

    def order(self, prefix: str = "/fapi", **changes: Any) -> dict[str, Any]:
        """A new order: by default a limit buy that rests well below the market."""
        found: dict[str, Any] = self.post(f"{prefix}/v1/order", **wanted(prefix, **changes))
        return found

    def buy(self, quantity: str = "0.1", prefix: str = "/fapi", **changes: Any) -> dict[str, Any]:
        """A market buy, filled."""
        return self.market("BUY", quantity, prefix, **changes)

    def sell(self, quantity: str = "0.1", prefix: str = "/fapi", **changes: Any) -> dict[str, Any]:
        """A market sell, filled."""
        return self.market("SELL", quantity, prefix, **changes)

    def market(self, side: str, quantity: str, prefix: str = "/fapi", **changes: Any) -> dict[str, Any]:
        """A market order with its result."""
        params = {"symbol": symbol_of(prefix), "side": side, "type": "MARKET", "quantity": quantity}
        found: dict[str, Any] = self.post(f"{prefix}/v1/order", **params, newOrderRespType="RESULT", **changes)
        return found

    def algo(self, **changes: Any) -> dict[str, Any]:
        """A new algo order: by default a stop that sells a tenth when the price falls to 59,000."""
        found: dict[str, Any] = self.post("/fapi/v1/algoOrder", **conditional(**changes))
        return found

    def position(self, **params: Any) -> dict[str, Any]:
        """The only row of the position query."""
        (row,) = self.get("/fapi/v2/positionRisk", **{"symbol": "BTCUSDT", **params})
        found: dict[str, Any] = row
        return found


def signed(payload: str) -> str:
    """The signature of a payload with the usual key."""
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


def symbol_of(prefix: str) -> str:
    """The usual symbol of a market."""
    return "BTCUSD_PERP" if prefix == "/dapi" else "BTCUSDT"


def wanted(prefix: str = "/fapi", **changes: Any) -> dict[str, Any]:
    """The parameters of the usual order; a change to None leaves a parameter out."""
    usual = {"symbol": symbol_of(prefix), "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "59000"}
    usual["quantity"] = "10" if prefix == "/dapi" else "0.1"
    return _merged(usual, changes)


def conditional(**changes: Any) -> dict[str, Any]:
    """The parameters of the usual algo order; a change to None leaves a parameter out."""
    usual = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET"}
    return _merged(usual | {"quantity": "0.1", "triggerPrice": "59000"}, changes)


def _merged(usual: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}
