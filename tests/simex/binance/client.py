"""A client of the Binance dialect that needs no socket: it signs as the documentation says and reads the answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from bot.simex.binance.dialect import Binance
from bot.simex.config import ApiKey, KeySpec
from bot.simex.timeline import Timeline
from bot.simex.wire import Request, Response, Session
from tests.simex.stage import START_MS, Stage

KEYS = (
    KeySpec("default", account="a"),
    KeySpec("other", account="b"),
    KeySpec("reader", account="a", spot=False, futures=False),
    KeySpec("withdraw", account="a", withdraw=True, transfer=True, ip_restricted=False, expires_ms=1_800_000_000_000),
)
FAPI, API, STREAM, FSTREAM = "fapi.binance.com", "api.binance.com", "stream.binance.com", "fstream.binance.com"
WS_API = "ws-api.binance.com"
GONE = object()


class Client:
    """A stage with a Binance counter before it; the wall clock stands still until moved."""

    def __init__(self, **stage: Any) -> None:
        self.stage = Stage(**stage)
        self.exchange = self.stage.exchange
        self.wall_ms = START_MS
        self.timeline = Timeline(lambda: self.wall_ms)
        self.keys = {spec.name: ApiKey.made(spec) for spec in KEYS}
        self.logged: list[tuple[Request, Response]] = []
        self.dialect = Binance(self.exchange, self.timeline, self.keys.values(), lambda *pair: self.logged.append(pair))
        self.pushed: list[str] = []

    def move(self, milliseconds: int) -> None:
        """Let time pass, for the wall, the exchange and what goes by the clock."""
        self.wall_ms += milliseconds
        self.exchange.advance(self.timeline.exchange_ms())
        self.flush()
        self.dialect.tick()

    def flush(self) -> None:
        """Send what has happened to the listeners."""
        self.dialect.publish(self.exchange.drain_events())

    def send(self, request: Request) -> tuple[int, Any]:
        """The status and decoded body of an answer; what happened is published."""
        answer = self.dialect.respond(request)
        self.last = answer
        self.flush()
        return answer.status, json.loads(answer.body) if answer.content_type == "application/json" else answer.body

    def signed(self, method: str, path: str, key: str = "default", **params: Any) -> tuple[int, Any]:
        """A signed request, parameters in the query of a GET or DELETE and in the form body otherwise."""
        params.setdefault("timestamp", self.wall_ms)
        query = urlencode({name: value for name, value in params.items() if value is not GONE})
        query += "&signature=" + hmac.new(self.keys[key].secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return self.sent(method, path, query, key)

    def sent(self, method: str, path: str, query: str, key: str | None = "default") -> tuple[int, Any]:
        """A request whose parameters are exactly this text."""
        host = FAPI if path.startswith(("/fapi", "/futures")) else API
        headers = {"x-mbx-apikey": self.keys[key].key} if key else {}
        if method in ("GET", "DELETE"):
            return self.send(Request(host, method, path, query, b"", headers))
        return self.send(Request(host, method, path, "", query.encode(), headers))

    def get(self, path: str, **params: Any) -> Any:
        """A public GET that succeeds."""
        status, body = self.sent("GET", path, urlencode(params), key=None)

        assert 200 == status, body
        return body

    def ok(self, method: str, path: str, key: str = "default", **params: Any) -> Any:
        """The body of a signed request that succeeds."""
        status, body = self.signed(method, path, key, **params)

        assert 200 == status, body
        return body

    def refused(self, method: str, path: str, key: str = "default", **params: Any) -> tuple[int, int]:
        """The HTTP status and code of a signed request that is refused in the venue's shape."""
        status, body = self.signed(method, path, key, **params)

        assert {"code", "msg"} == set(body), body
        return status, body["code"]

    def order(self, **fields: Any) -> Any:
        """A USD-M order that is accepted, told with its result."""
        return self.ok("POST", "/fapi/v1/order", **(usdm_order() | {"newOrderRespType": "RESULT"} | fields))

    def connect(self, host: str, path: str, query: str = "") -> Session:
        """A websocket session whose frames land in `pushed`."""
        session = self.dialect.connect(host, path, query, self.pushed.append)

        assert session is not None
        return session

    def frames(self) -> list[Any]:
        """The frames pushed since the last call, decoded."""
        texts, self.pushed[:] = list(self.pushed), []
        return [json.loads(text) for text in texts]

    def user_stream(self) -> Session:
        """A USD-M user stream of account "a"."""
        key = self.send(Request(FAPI, "POST", "/fapi/v1/listenKey", "", b"", self.key_header()))[1]["listenKey"]
        return self.connect(FSTREAM, f"/ws/{key}")

    def key_header(self, key: str = "default") -> dict[str, str]:
        """The header that carries an API key."""
        return {"x-mbx-apikey": self.keys[key].key}


def usdm_order(**fields: Any) -> dict[str, Any]:
    """A USD-M limit order that takes the best bid of the stage's book."""
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "0.1", "price": "49990"}
    return order | {"timeInForce": "IOC"} | fields


def spot_order(**fields: Any) -> dict[str, Any]:
    """A spot limit order that takes the best bid of the stage's book."""
    return usdm_order(**fields)


def fresh() -> Client:
    """A client on a fresh stage."""
    return Client()
