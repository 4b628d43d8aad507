"""A stage for the whole dialect: an exchange with known books or a synthetic market, clocks turned by hand, sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from bot.simex.binance.dialect import Behaviour, Binance
from bot.simex.config import ApiKey, KeySpec, SimexConfig
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Aggression, IndexPrice
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import Order, Side, Ticket
from bot.simex.core.venue import BINANCE
from bot.simex.house import exchanges
from bot.simex.sources.listings import binance
from bot.simex.timeline import Timeline
from bot.simex.wire import Request, Response, Session
from tests.simex.binance.futures_stage import BTC, ETH, KEY, SECRET, START_MS, Tape, book

SPOT: Key = ("spot", "BTCUSDT")
PERP: Key = ("usdm", "BTCUSDT")
OTHER: Key = ("usdm", "ETHUSDT")
COIN: Key = ("coinm", "BTCUSD_PERP")
REST = {"/api": "api.binance.com", "/sap": "api.binance.com", "/dap": "dapi.binance.com"}
STREAMS = {"spot": "stream.binance.com", "usdm": "fstream.binance.com", "coinm": "dstream.binance.com"}


def api_key() -> ApiKey:
    """A key that may do everything."""
    return ApiKey.made(KeySpec(name="desk", account="alice", key=KEY, secret=SECRET))


def quiet_exchange(now_ms: int) -> tuple[Exchange, Tape]:
    """An exchange whose books stand still until the test speaks."""
    dated = [one.key for one in binance(START_MS) if one.expiry_ms is not None]
    tape = Tape(
        (
            book(SPOT, BTC, "1", "0.5"),
            book(PERP, BTC, "1", "1"),
            book(COIN, BTC, "1", "500"),
            book(OTHER, ETH, "0.1", "10"),
            *(book(key, BTC + 600, "1", "1") for key in dated),
        )
    )
    listed = {one.key: one for one in binance(START_MS)}
    chosen = [listed[key] for key in (SPOT, PERP, COIN, OTHER, *dated)]
    return Exchange(BINANCE, chosen, tape, seed=1, start_ms=now_ms), tape


def busy_exchange(now_ms: int) -> Exchange:
    """The synthetic market of a configuration."""
    return exchanges(SimexConfig(venues=("binance",)), now_ms)["binance"]


class Socket:
    """The client's end of a websocket."""

    def __init__(self, stage: MarketStage) -> None:
        self._stage = stage
        self.session: Session
        self.frames: list[Any] = []
        self.hung_up = False

    def push(self, text: str) -> None:
        self.frames.append(json.loads(text))

    def hang_up(self) -> None:
        self.hung_up = True

    def say(self, text: str) -> Any:
        """The reply to a text."""
        try:
            (reply,) = self.session.receive(text)
            return json.loads(reply)
        finally:
            self._stage.flush()

    def ask(self, method: str, params: Any = None, identity: Any = 1) -> Any:
        """The reply to a control message."""
        message: dict[str, Any] = {"method": method, "id": identity}
        return self.say(json.dumps(message if params is None else {**message, "params": params}))

    def taken(self) -> list[Any]:
        """What arrived since the last time."""
        found, self.frames = self.frames, []
        return found

    def events(self, kind: str) -> list[Any]:
        """The frames of one event type that arrived since the last time."""
        rows = [row.get("data", row) if isinstance(row, dict) else row for row in self.taken()]
        return [row for row in rows if isinstance(row, dict) and row.get("e") == kind]


class MarketStage:
    """One exchange behind its dialect; `now_ms` is every clock at once."""

    def __init__(self, *, busy: bool = False, behaviour: Behaviour | None = None) -> None:
        self.now_ms = START_MS + 1
        if busy:
            self.exchange = busy_exchange(self.now_ms)
            self.exchange.open_account("alice")
        else:
            self.exchange, self.tape = quiet_exchange(self.now_ms)
            for name in ("alice", "bob"):
                account = self.exchange.open_account(name)
                for wallet in ("spot", "usdm"):
                    self.exchange.funds.deposit(account, wallet, "USDT", money(Decimal(100_000)))
                for wallet in ("spot", "coinm"):
                    self.exchange.funds.deposit(account, wallet, "BTC", money(Decimal(2)))
        self.timeline = Timeline(lambda: self.now_ms)
        self.logged: list[tuple[Request, Response]] = []
        self.dialect = Binance(self.exchange, self.timeline, [api_key()], self._log, behaviour)
        self.flush()

    def _log(self, request: Request, response: Response) -> None:
        self.logged.append((request, response))
        self.flush()

    # ---------------------------------------------------------------------------------------------------------- time
    def flush(self) -> None:
        self.dialect.publish(self.exchange.drain())

    def advance(self, ms: int, step_ms: int = 10) -> None:
        """Let time pass in steps, a tick of the dialect after each."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(self.now_ms + step_ms, end)
            self.exchange.advance(self.now_ms)
            self.flush()
            self.dialect.tick()

    def leap(self, ms: int) -> None:
        """Let the clients' clock go on; the market waits."""
        self.now_ms += ms
        self.dialect.tick()

    def strangers(self, key: Key, side: Side, quantity: str) -> None:
        """Strangers take from a book."""
        self.tape.say(Aggression(key, self.now_ms + 1, side, 0, scaled(Decimal(quantity))))
        self.advance(1)

    def move(self, btc: str) -> None:
        """Bitcoin's books and index move to a price."""
        price, at = Decimal(btc), self.now_ms + 1
        sizes = {SPOT: "0.5", PERP: "1", COIN: "500"}
        self.tape.say(*(book(key, price, "1", size, at) for key, size in sizes.items()))
        self.tape.say(*(IndexPrice(name, at, scaled(price)) for name in ("BTCUSDT", "BTCUSD")))
        self.advance(1)

    # -------------------------------------------------------------------------------------------------------- orders
    def place(self, key: Key, side: Side, quantity: str, account: str = "alice", **changes: Any) -> Order:
        """An order beside the gateway: at the market unless a `price` is given."""
        price = changes.pop("price", None)
        ticket = Ticket(
            instrument=self.instrument(key),
            side=side,
            type="limit" if price else "market",
            quantity=scaled(Decimal(quantity)),
            price=scaled(Decimal(price)) if price else 0,
            **changes,
        )
        order = self.exchange.place(account, ticket)
        self.flush()
        return order

    def instrument(self, key: Key) -> Instrument:
        return self.exchange.instruments[key]

    # ---------------------------------------------------------------------------------------------------------- rest
    def raw(self, method: str, path: str, *, key: str = KEY, signed: bool = False, **params: Any) -> Response:
        host = REST.get(path[:4], "fapi.binance.com") if not path.startswith("/futures") else "fapi.binance.com"
        query = urlencode(params)
        if signed:
            query = urlencode({**params, "timestamp": self.now_ms})
            query += "&signature=" + hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        try:
            return self.dialect.respond(Request(host, method, path, query, b"", {"x-mbx-apikey": key}))
        finally:
            self.flush()

    def get(self, path: str, **params: Any) -> Any:
        """The answer of a GET that is not refused."""
        response = self.raw("GET", path, **params)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def refused(self, path: str, **params: Any) -> tuple[int, int]:
        """Status and code of a GET that is refused."""
        response = self.raw("GET", path, **params)
        return response.status, json.loads(response.body)["code"]

    # ------------------------------------------------------------------------------------------------------- sockets
    def connect(self, market: str, path: str, query: str = "") -> Socket:
        """A websocket of a stream host."""
        socket = Socket(self)
        session = self.dialect.connect(STREAMS[market], path, query, socket.push, socket.hang_up)
        assert session is not None
        socket.session = session
        return socket

    def listen(self, market: str, *streams: str) -> Socket:
        """A raw websocket that listens to streams."""
        return self.connect(market, "/ws/" + "/".join(streams))

    def user(self, market: str, path: str = "/ws/") -> Socket:
        """A websocket of alice's user stream."""
        prefix = {"usdm": "/fapi", "coinm": "/dapi"}[market]
        key = json.loads(self.raw("POST", f"{prefix}/v1/listenKey").body)["listenKey"]
        return self.connect(market, path + key)


def by_name(rows: Iterable[dict[str, Any]], name: str = "symbol") -> dict[str, dict[str, Any]]:
    """Rows by their name."""
    return {row[name]: row for row in rows}
