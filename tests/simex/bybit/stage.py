"""A stage for the dialect: a small exchange with known books, a clock turned by hand, and a client that signs."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from bot.simex.bybit.dialect import Behaviour, Bybit
from bot.simex.config import ApiKey, KeySpec
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Aggression, Flow, IndexPrice, Levels
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import BUY, SELL, Side, Ticket
from bot.simex.core.venue import BYBIT
from bot.simex.sources.listings import bybit
from bot.simex.timeline import Timeline
from bot.simex.wire import HERE, Request, Response, Session

# A multiple of eight hours: a funding time.
START_MS = 1_760_000_000_000 // 28_800_000 * 28_800_000
NAMES = {"spot": ("BTCUSDT", "ETHUSDT"), "linear": ("BTCUSDT", "ETHUSDT"), "inverse": ("BTCUSD",)}
PERP: Key = ("linear", "BTCUSDT")
SPOT: Key = ("spot", "BTCUSDT")
INVERSE: Key = ("inverse", "BTCUSD")
BTC, ETH = Decimal(60_000), Decimal(3_000)
KEY, SECRET = "simexkey0000000001", "simexsecret0000000000000000000001"
WINDOW = "5000"


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


def ladder(mid: Decimal, tick: Decimal, size: Decimal, side: Side, levels: int = 60) -> tuple[tuple[int, int], ...]:
    """A side of a book around a mid."""
    return tuple((scaled(mid - side * tick * number), scaled(size)) for number in range(1, levels + 1))


def book(key: Key, mid: Decimal, tick: str, size: str, time_ms: int = START_MS) -> Levels:
    """A whole book: one size at every tick away from the mid."""
    step, each = Decimal(tick), Decimal(size)
    return Levels(key, time_ms, ladder(mid, step, each, BUY), ladder(mid, step, each, SELL))


def books(btc: Decimal = BTC, time_ms: int = START_MS) -> tuple[Levels, ...]:
    """The opening books."""
    return (
        book(SPOT, btc, "1", "0.5", time_ms),
        book(PERP, btc, "1", "1", time_ms),
        book(INVERSE, btc, "1", "50000", time_ms),
        book(("spot", "ETHUSDT"), ETH, "0.1", "5", time_ms),
        book(("linear", "ETHUSDT"), ETH, "0.1", "10", time_ms),
    )


def api_key(**changes: Any) -> ApiKey:
    """The usual key, which may do everything but withdraw."""
    spec = KeySpec(name="desk", account="alice", transfer=True, ip_restricted=True, key=KEY, secret=SECRET)
    return ApiKey.made(replace(spec, **changes))


class Stage:
    """One exchange with its dialect; `now_ms` is every clock at once."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        keys: Iterable[ApiKey] = (),
        mark_interval_ms: int = 1_000,
        start_ms: int = START_MS,
    ) -> None:
        self.now_ms = start_ms + 1
        self.tape = Tape(books(time_ms=start_ms))
        listed = {(one.category, one.name): one for one in bybit(start_ms)}
        chosen = [listed[category, name] for category, names in NAMES.items() for name in names]
        self.exchange = Exchange(
            BYBIT, chosen, self.tape, seed=1, start_ms=start_ms + 1, mark_interval_ms=mark_interval_ms
        )
        self.logged: list[tuple[Request, Response]] = []
        self.timeline = Timeline(lambda: self.now_ms)
        ring = (api_key(), *keys)
        self.dialect = Bybit(self.exchange, self.timeline, ring, self._log, behaviour)
        for name in ("alice", "bob"):
            account = self.exchange.open_account(name)
            self.exchange.funds.deposit(account, "unified", "USDT", money(Decimal(100_000)))
            self.exchange.funds.deposit(account, "unified", "BTC", money(Decimal(2)))
        self.flush()

    def _log(self, request: Request, response: Response) -> None:
        self.logged.append((request, response))
        self.flush()

    # ---------------------------------------------------------------------------------------------------------- time
    def flush(self) -> None:
        while events := self.exchange.drain():
            self.dialect.publish(events)

    def advance(self, ms: int) -> None:
        """Let time pass in steps of the server's clock."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(self.now_ms + 10, end)
            self.exchange.advance(self.now_ms)
            self.flush()
            self.dialect.tick()
            self.flush()

    def leap(self, ms: int) -> None:
        """Let time pass in one step."""
        self.now_ms += ms
        self.exchange.advance(self.now_ms)
        self.flush()
        self.dialect.tick()
        self.flush()

    def move(self, btc: str, index: bool = True) -> None:
        """Every bitcoin book moves to a price, and the index with it."""
        price, at = Decimal(btc), self.now_ms + 1
        for one in books(price, at)[:3]:
            self.tape.say(one)
        if index:
            for name in ("BTCUSDT", "BTCUSD"):
                self.tape.say(IndexPrice(name, at, scaled(price)))
        self.leap(1)

    def strangers(self, key: Key, side: Side, quantity: str) -> None:
        """Strangers take from a book."""
        self.tape.say(Aggression(key, self.now_ms + 1, side, 0, scaled(Decimal(quantity))))
        self.leap(1)

    # ---------------------------------------------------------------------------------------------------------- rest
    def raw(self, request: Request) -> Response:
        try:
            return self.dialect.respond(request)
        finally:
            self.flush()

    def headers(self, payload: str, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        stamp = str(self.now_ms)
        sign = hmac.new(secret.encode(), (stamp + key + WINDOW + payload).encode(), hashlib.sha256).hexdigest()
        named = {"x-bapi-api-key": key, "x-bapi-timestamp": stamp, "x-bapi-sign": sign, "x-bapi-recv-window": WINDOW}
        return {**named, "content-type": "application/json"}

    def public(self, path: str, **params: Any) -> dict[str, Any]:
        """The whole answer of a public GET."""
        return decoded(self.raw(Request("api.bybit.com", "GET", path, urlencode(params))))

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The whole answer of a signed GET."""
        query = urlencode(params)
        return decoded(self.raw(Request("api.bybit.com", "GET", path, query, b"", self.headers(query))))

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        """The whole answer of a signed POST."""
        body = json.dumps(params)
        return decoded(self.raw(Request("api.bybit.com", "POST", path, "", body.encode(), self.headers(body))))

    def result(self, answer: dict[str, Any]) -> Any:
        """The result of an answer that is no refusal."""
        assert answer["retCode"] == 0, answer
        return answer["result"]

    def order(self, **changes: Any) -> dict[str, Any]:
        """The answer to an order: by default a limit buy of 0.1 well below the market."""
        usual = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
        usual |= {"qty": "0.1", "price": "59000"}
        return self.post("/v5/order/create", **{**usual, **changes})

    def placed(self, **changes: Any) -> str:
        """The id of an order that is accepted."""
        found: str = self.result(self.order(**changes))["orderId"]
        return found

    def realtime(self, **params: Any) -> list[dict[str, Any]]:
        """Orders of the realtime query."""
        usual = {"category": "linear", "symbol": "BTCUSDT"}
        rows: list[dict[str, Any]] = self.result(self.get("/v5/order/realtime", **{**usual, **params}))["list"]
        return rows

    def position(self, **params: Any) -> dict[str, Any]:
        """The first row of the position query."""
        usual = {"category": "linear", "symbol": "BTCUSDT"}
        row: dict[str, Any] = self.result(self.get("/v5/position/list", **{**usual, **params}))["list"][0]
        return row

    def desk_records(self, count: int) -> list[str]:
        """Place and cancel so many orders beside the gateway, which is faster; answers their ids."""
        ids = []
        perpetual = self.exchange.instruments[PERP]
        for _ in range(count):
            ticket = Ticket(instrument=perpetual, side=BUY, type="limit", quantity=10**7, price=59_000 * 10**8)
            order = self.exchange.place("alice", ticket)
            self.exchange.cancel("alice", order)
            ids.append(self.dialect.desk.recorder.tag_of(order).venue_id)
        self.flush()
        return ids

    # ------------------------------------------------------------------------------------------------------- sockets
    def connect(self, path: str, query: str = "", address: str = HERE) -> Socket:
        """A websocket of the stream host, whose client is at an address."""
        socket = Socket(self)
        session = self.dialect.connect("stream.bybit.com", path, query, socket.push, socket.hang_up, address)
        assert session is not None
        socket.session = session
        return socket

    def private(self, *topics: str) -> Socket:
        """A private websocket, authenticated, that listens to topics."""
        socket = self.connect("/v5/private")
        assert socket.auth()["success"]
        if topics:
            assert socket.ask(op="subscribe", args=list(topics))[0]["success"]
        return socket


class Socket:
    """The client's end of a websocket."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.session: Session
        self.frames: list[dict[str, Any]] = []
        self.hung_up = False

    def push(self, text: str) -> None:
        self.frames.append(json.loads(text))

    def hang_up(self) -> None:
        self.hung_up = True

    def say(self, text: str) -> list[dict[str, Any]]:
        """The replies to a text."""
        try:
            return [json.loads(one) for one in self.session.receive(text)]
        finally:
            self._stage.flush()

    def ask(self, **message: Any) -> list[dict[str, Any]]:
        """The replies to a message."""
        return self.say(json.dumps(message))

    def auth(self, key: str = KEY, secret: str = SECRET, ahead_ms: int = 1_000) -> dict[str, Any]:
        """The reply to an authentication."""
        expires = self._stage.now_ms + ahead_ms
        sign = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        return self.ask(op="auth", args=[key, expires, sign])[0]

    def taken(self, topic: str = "") -> list[dict[str, Any]]:
        """What arrived since the last time, of one topic or of all."""
        found = [one for one in self.frames if topic in ("", one.get("topic"))]
        self.frames = [one for one in self.frames if one not in found]
        return found

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """The data of what arrived on a topic since the last time."""
        return [row for frame in self.taken(topic) for row in frame["data"]]


def decoded(response: Response) -> dict[str, Any]:
    """The body of an answer."""
    found: dict[str, Any] = json.loads(response.body)
    return found


Maker = Callable[..., Stage]
