"""Binance's websocket API: one request a text frame, the same endpoints as REST, and the spot user stream.

A user stream is subscribed with a signature (`userDataStream.subscribe.signature`); its events come wrapped as
`{"subscriptionId": n, "event": {...}}`. Listen keys do not exist here. `session.logon` takes Ed25519 keys only at the
venue, which this exchange does not issue, so it is refused in the venue's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.simex.binance.errors import VenueError, missing
from bot.simex.binance.router import Router
from bot.simex.wire import Request, Response, Trace

SUBSCRIPTIONS_MAX = 1_000
SUBSCRIPTION_ID_MAX = 65_535
SESSION_WEIGHT = 2
SPOT_METHODS: Mapping[str, tuple[str, str]] = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
}
USDM_METHODS: Mapping[str, tuple[str, str]] = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}

Logger = Callable[[Request, Response], None]


@dataclass(eq=False, slots=True)
class ApiSession:
    """One connection of the websocket API."""

    host: str
    router: Router
    methods: Mapping[str, tuple[str, str]]
    push: Callable[[str], None]
    server_ms: Callable[[], int]
    log: Logger
    on_closed: Callable[[ApiSession], None]
    connected_ms: int
    rate_limits_shown: bool = True
    subscriptions: dict[int, str] = field(default_factory=dict)
    _next_subscription: int = 0

    @property
    def kind(self) -> str:
        """A connection that carries a user stream counts as one."""
        return "user" if self.subscriptions else "api"

    def closed(self) -> None:
        """The connection is gone, its subscriptions with it."""
        self.subscriptions.clear()
        self.on_closed(self)

    def send_event(self, account: str, payload: Mapping[str, Any]) -> None:
        """Send a user event to every subscription of its account."""
        for number, subscriber in self.subscriptions.items():
            if subscriber == account:
                self.push(msgspec.json.encode({"subscriptionId": number, "event": payload}).decode())

    def receive(self, text: str) -> list[str]:
        """The answer to one request."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            return [self._failure(None, VenueError(-1135, "Invalid JSON Request"))]
        identity, method, params = message.get("id"), message.get("method"), message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            return [self._failure(identity, missing("method"))]
        return [self._answer(identity, method, params)]

    def _answer(self, identity: object, method: str, params: dict[str, Any]) -> str:
        shown = params.get("returnRateLimits", self.rate_limits_shown)
        method = method.removeprefix("v3/").removeprefix("v1/")
        trace, code, status = Trace(), None, 200
        try:
            result, trace = self._run(method, params)
            answer: dict[str, Any] = {"id": identity, "status": 200, "result": result}
            if shown is not False:
                answer["rateLimits"] = self.router.rate_limits()
            text = msgspec.json.encode(answer).decode()
        except VenueError as error:
            code, status = error.code, error.status
            text = self._failure(identity, error)
            loggable = {name: str(value) for name, value in params.items() if name not in ("signature", "apiKey")}
            trace = Trace(params=loggable, signed="signature" in params, verdict="refused", code=code)
        verb, _ = self.methods.get(method, ("GET", ""))
        request = Request(self.host, verb, method)
        self.log(request, Response(status, b"", trace=trace))
        return text

    def _failure(self, identity: object, error: VenueError) -> str:
        body = {
            "id": identity,
            "status": error.status,
            "error": {"code": error.code, "msg": error.msg},
            "rateLimits": self.router.rate_limits(),
        }
        return msgspec.json.encode(body).decode()

    def _run(self, method: str, params: dict[str, Any]) -> tuple[Any, Trace]:
        if method in self.methods:
            route = self.router.route(*self.methods[method])
            assert route is not None
            return self.router.call(route, params)
        self.router.charge(SESSION_WEIGHT)
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(params)
        if method == "userDataStream.unsubscribe":
            return self._unsubscribe(params), Trace()
        if method == "session.status":
            return self._status(), Trace()
        if method == "session.subscriptions":
            return [{"subscriptionId": number} for number in self.subscriptions], Trace()
        if method in ("session.logon", "userDataStream.subscribe"):
            raise VenueError(-4056, "HMAC_SHA256 API key is not supported.")
        if method == "session.logout":
            return self._status(), Trace()
        raise VenueError(-1099, "Not found, unauthenticated, or unauthorized.", 404)

    def _subscribe(self, params: dict[str, Any]) -> tuple[dict[str, int], Trace]:
        key = self.router.authenticate(params)
        if key.account in self.subscriptions.values():
            raise VenueError(-2035, "User Data Stream subscription already active.")
        if len(self.subscriptions) >= SUBSCRIPTIONS_MAX or self._next_subscription > SUBSCRIPTION_ID_MAX:
            raise VenueError(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next_subscription
        self._next_subscription += 1
        self.subscriptions[number] = key.account
        trace = Trace(key_name=key.name, account=key.account, signed=True, verdict="ok")
        return {"subscriptionId": number}, trace

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        number = params.get("subscriptionId")
        if number is None:
            ended = list(self.subscriptions)
        elif number in self.subscriptions:
            ended = [number]
        else:
            raise VenueError(-2036, "User Data Stream subscription not active.")
        for one in ended:
            del self.subscriptions[one]
            event = {"e": "eventStreamTerminated", "E": self.server_ms()}
            self.push(msgspec.json.encode({"subscriptionId": one, "event": event}).decode())
        return {}

    def _status(self) -> dict[str, Any]:
        return {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.rate_limits_shown,
            "serverTime": self.server_ms(),
            "userDataStream": bool(self.subscriptions),
        }
