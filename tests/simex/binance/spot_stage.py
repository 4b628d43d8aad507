"""A stage for the spot endpoints: a small exchange with known books, a clock turned by hand, a client that signs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from bot.simex.binance.gate import KeyRing, Route
from bot.simex.binance.limits import SPOT_LIMITS, RateLimiter
from bot.simex.binance.router import Pending, Router
from bot.simex.binance.signature import sign, ws_payload
from bot.simex.binance.spot import Spot
from bot.simex.binance.wsapi import ApiSession
from bot.simex.binance.wsapi_spot import SPOT_METHODS
from bot.simex.config import ApiKey, KeySpec
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Aggression
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import Order, Side, Ticket
from bot.simex.core.venue import BINANCE
from bot.simex.sources.listings import binance
from bot.simex.timeline import Timeline
from bot.simex.wire import HERE, Request, Response
from tests.simex.binance.futures_stage import BTC, ETH, START_MS, Tape, book

SPOT: Key = ("spot", "BTCUSDT")
OTHER: Key = ("spot", "ETHUSDT")
PERP: Key = ("usdm", "BTCUSDT")
COIN: Key = ("coinm", "BTCUSD_PERP")
HOST = "api.binance.com"
KEYS = (
    KeySpec("desk", account="alice", transfer=True),
    KeySpec("reader", account="alice", spot=False, futures=False),
    KeySpec("blind", account="alice", read=False),
    KeySpec("office", account="alice", ips=("203.0.113.7",)),
    KeySpec("edge", account="alice", kind="ed25519"),
    KeySpec("round", account="alice", kind="rsa"),
    KeySpec("bob", account="bob", transfer=True),
    KeySpec("child", account="alice-sub"),
)
MADE = {spec.name: ApiKey.made(spec) for spec in KEYS}
GONE = object()


class SpotStage:
    """One exchange with its spot endpoints; `now_ms` is every clock at once."""

    def __init__(self, lag_ms: int = 0) -> None:
        self.now_ms = START_MS + 1
        self.tape = Tape(
            (
                book(SPOT, BTC, "1", "0.5"),
                book(OTHER, ETH, "0.1", "5"),
                book(PERP, BTC, "1", "1"),
                book(COIN, BTC, "1", "500"),
            )
        )
        listed = {one.key: one for one in binance(START_MS)}
        chosen = [listed[key] for key in (SPOT, OTHER, PERP, COIN)]
        self.exchange = Exchange(BINANCE, chosen, self.tape, seed=1, start_ms=self.now_ms)
        self.timeline = Timeline(lambda: self.now_ms)
        self.keys = KeyRing.of(MADE.values())
        self.limiter = RateLimiter(SPOT_LIMITS)
        self.spot = Spot(self.exchange, self.timeline, self.limiter, lag_ms)
        self.desk, self.sapi = self.spot.desk, self.spot.sapi
        time = Route("GET", "/api/v3/time", lambda _: {"serverTime": self.now_ms})
        routes: Iterable[Route] = [time, *self.spot.routes()]
        self.router = Router(routes, self.keys, self.limiter, self.timeline.server_ms)
        self.logged: list[tuple[Request, Response]] = []
        for name, parent in (("alice", ""), ("bob", ""), ("alice-sub", "alice")):
            account = self.exchange.open_account(name, parent)
            self.exchange.funds.deposit(account, "spot", "USDT", money(Decimal(100_000)))
            self.exchange.funds.deposit(account, "spot", "BTC", money(Decimal(2)))
        self.flush()

    # ---------------------------------------------------------------------------------------------------------- time
    def flush(self) -> None:
        for event in self.exchange.drain():
            self.desk.observe(event)

    def leap(self, ms: int) -> None:
        """Let time pass in one step."""
        self.now_ms += ms
        self.exchange.advance(self.now_ms)
        self.flush()

    def move(self, btc: str) -> None:
        """The book of bitcoin moves to a price, at which a stranger trades."""
        self.tape.say(book(SPOT, Decimal(btc), "1", "0.5", self.now_ms + 1))
        self.leap(1)
        self.strangers(1, "0.1")

    def strangers(self, side: Side, quantity: str, key: Key = SPOT) -> None:
        """Strangers take from a book."""
        self.tape.say(Aggression(key, self.now_ms + 1, side, 0, scaled(Decimal(quantity))))
        self.leap(1)

    def bob(self, side: Side, quantity: str, price: str) -> Order:
        """Another account places a limit order."""
        ticket = Ticket(
            instrument=self.exchange.instruments[SPOT],
            side=side,
            type="limit",
            quantity=scaled(Decimal(quantity)),
            price=scaled(Decimal(price)),
        )
        order = self.exchange.place("bob", ticket)
        self.flush()
        return order

    # ---------------------------------------------------------------------------------------------------------- rest
    def raw(self, request: Request) -> Response:
        try:
            return self.router.respond(request)
        finally:
            self.flush()

    def send(self, method: str, path: str, params: dict[str, Any], key: str = "desk") -> Response:
        """The answer to a signed request, its parameters in the query; one that is GONE is left out."""
        stamped = {"timestamp": self.now_ms, **params}
        query = urlencode({name: value for name, value in stamped.items() if value is not GONE})
        query = f"{query}&signature={quote(sign(MADE[key], query))}"
        return self.raw(Request(HOST, method, path, query, b"", {"x-mbx-apikey": MADE[key].key}))

    def pending(self, **changes: Any) -> Pending:
        """An order that the gateway has let through and the engine has not seen."""
        query = urlencode({"timestamp": self.now_ms, **wanted(**changes)})
        query = f"{query}&signature={sign(MADE['desk'], query)}"
        found = self.router.admit(
            Request(HOST, "POST", "/api/v3/order", query, b"", {"x-mbx-apikey": MADE["desk"].key})
        )
        assert isinstance(found, Pending)
        return found

    def ask(self, method: str, path: str, key: str = "desk", **params: Any) -> Any:
        """The body of an answer that is no refusal."""
        response = self.send(method, path, params, key)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def refusal(self, method: str, path: str, key: str = "desk", **params: Any) -> tuple[int, int, str]:
        """Status, code and message of a refusal."""
        response = self.send(method, path, params, key)
        body = json.loads(response.body)
        assert response.status != 200, body
        return response.status, body["code"], body["msg"]

    def get(self, path: str, **params: Any) -> Any:
        return self.ask("GET", path, **params)

    def post(self, path: str, **params: Any) -> Any:
        return self.ask("POST", path, **params)

    def delete(self, path: str, **params: Any) -> Any:
        return self.ask("DELETE", path, **params)

    def order(self, **changes: Any) -> dict[str, Any]:
        """A new order: by default a limit buy of 0.1 that rests well below the market."""
        found: dict[str, Any] = self.post("/api/v3/order", **wanted(**changes))
        return found

    def rejected(self, **changes: Any) -> tuple[int, int, str]:
        """The refusal of a new order."""
        return self.refusal("POST", "/api/v3/order", **wanted(**changes))

    def query(self, order_id: int) -> dict[str, Any]:
        """An order as the query tells it."""
        found: dict[str, Any] = self.get("/api/v3/order", symbol="BTCUSDT", orderId=order_id)
        return found

    def balance(self, asset: str, key: str = "desk") -> tuple[str, str]:
        """Free and locked."""
        rows = self.ask("GET", "/api/v3/account", key)["balances"]
        return next((row["free"], row["locked"]) for row in rows if row["asset"] == asset)

    # -------------------------------------------------------------------------------------------------------- sockets
    def connect(self, query: str = "", address: str = HERE) -> SpotSocket:
        """A connection of the websocket API, whose client is at an address."""
        return SpotSocket(self, query, address)

    def change_key(self, name: str, **changes: Any) -> None:
        assert self.keys.change(name, **changes)


class SpotSocket:
    """The client's end of a websocket API connection."""

    def __init__(self, stage: SpotStage, query: str, address: str) -> None:
        self._stage = stage
        self.frames: list[dict[str, Any]] = []
        self.session = ApiSession(
            host="ws-api.binance.com",
            router=stage.router,
            methods=SPOT_METHODS,
            push=lambda text: self.frames.append(json.loads(text)),
            server_ms=stage.timeline.server_ms,
            log=lambda request, response: stage.logged.append((request, response)),
            on_closed=lambda _: None,
            connected_ms=stage.now_ms,
            rate_limits_shown="returnRateLimits=false" not in query,
            address=address,
        )

    def say(self, text: str) -> dict[str, Any]:
        """The answer to a text."""
        try:
            (answer,) = self.session.receive(text)
        finally:
            self._stage.flush()
        found: dict[str, Any] = json.loads(answer)
        return found

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to an unsigned request."""
        return self.say(json.dumps({"id": 7, "method": method, "params": params}))

    def signed(self, method: str, key: str = "desk", **params: Any) -> dict[str, Any]:
        """The answer to a signed request."""
        named = {"apiKey": MADE[key].key, "timestamp": self._stage.now_ms, **params}
        given = {name: value for name, value in named.items() if value is not GONE}
        return self.ask(method, **given, signature=sign(MADE[key], ws_payload(given)))


def wanted(**changes: Any) -> dict[str, Any]:
    """The parameters of the usual order; what is GONE is left out."""
    usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return {**usual, "quantity": "0.1", "price": "59000", **changes}


def market(**changes: Any) -> dict[str, Any]:
    """The parameters of a market buy of 0.1."""
    return wanted(**{"type": "MARKET", "timeInForce": GONE, "price": GONE, **changes})


def with_key(name: str, **changes: Any) -> ApiKey:
    """A key of the stage, changed."""
    return replace(MADE[name], **changes)
