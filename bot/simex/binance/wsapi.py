"""Binance's websocket APIs: one request a text frame, the same endpoints as REST, sessions, and the spot user stream.

Shared by spot (wsapi_spot) and the futures (wsapi_futures), which differ in their table of methods. Where that table
has listen keys (`userDataStream.start` that works) there are no subscriptions; on spot a user stream is subscribed by a
signature, or by a session that has logged on, and its events come as `{"subscriptionId": n, "event": {...}}`.

`session.logon` takes Ed25519 keys only. A session keeps its key: requests that name none are made with it, and need a
timestamp but no signature. Should the key become invalid, the session forgets it at its next request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.simex.binance.errors import REJECTED_API_KEY, VenueError, missing
from bot.simex.binance.gate import Security
from bot.simex.binance.router import Router, text_of
from bot.simex.binance.time_unit import in_micros
from bot.simex.config import ApiKey
from bot.simex.wire import HERE, Request, Response, Trace

SUBSCRIPTIONS_MAX = 1_000
SUBSCRIPTION_ID_MAX = 65_535
SESSION_WEIGHT = 2
CONNECT_WEIGHT = 2
_VERSIONS = ("v3/", "v1/")
_LIMITED = (418, 429)

Logger = Callable[[Request, Response], None]
Methods = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A user stream of one account; `by_logon`: it ends with the session's logon."""

    account: str
    by_logon: bool


@dataclass(eq=False, slots=True)
class ApiSession:
    """One connection of a websocket API; `address` is its client's end."""

    host: str
    router: Router
    methods: Methods
    push: Callable[[str], None]
    server_ms: Callable[[], int]
    log: Logger
    on_closed: Callable[[ApiSession], None]
    connected_ms: int
    rate_limits_shown: bool = True
    tells_micros: bool = False
    address: str = HERE
    streams: dict[int, Subscription] = field(default_factory=dict)
    key: ApiKey | None = None
    authorized_ms: int | None = None
    _next_subscription: int = 0

    def __post_init__(self) -> None:
        if self.has_streams:
            # A connection is taken even when the weight is used up: its requests are then refused.
            with suppress(VenueError):
                self.router.charge(CONNECT_WEIGHT, self.address)

    @property
    def subscriptions(self) -> dict[int, str]:
        """The accounts that are listened to, by subscription id."""
        return {number: one.account for number, one in self.streams.items()}

    @property
    def kind(self) -> str:
        """A connection that carries a user stream counts as one."""
        return "user" if self.streams else "api"

    @property
    def has_streams(self) -> bool:
        """Whether user streams are subscribed here; the futures have listen keys instead."""
        return self.methods.get("order.place", ("", ""))[1].startswith("/api/")

    def closed(self) -> None:
        """The connection is gone, its subscriptions with it."""
        self.streams.clear()
        self.on_closed(self)

    def send_event(self, account: str, payload: Mapping[str, Any]) -> None:
        """Send a user event to every subscription of its account."""
        for number, one in self.streams.items():
            if one.account == account:
                self._tell(number, payload)

    def receive(self, text: str) -> list[str]:
        """The answer to one request."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            return [self._failure(None, VenueError(-1135, "Invalid JSON Request"), None)]
        identity, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if not isinstance(method, str):
            return [self._failure(identity, missing("method"), None)]
        if not isinstance(params, dict):
            return [self._failure(identity, VenueError(-1135, "JSON sent for parameter 'params' is not valid"), None)]
        return [self._answer(identity, method, params)]

    # ------------------------------------------------------------------------------------------------------- answers
    def _answer(self, identity: object, method: str, params: dict[str, Any]) -> str:
        given = params.get("returnRateLimits", self.rate_limits_shown)
        shown = text_of(given).lower() != "false"
        name = next((method[len(one) :] for one in _VERSIONS if method.startswith(one)), method)
        trace, status = Trace(), 200
        try:
            result, trace = self._run(name, params)
            answer: dict[str, Any] = {"id": identity, "status": 200, "result": self._timed(result)}
            if shown:
                answer["rateLimits"] = self._limits(name, trace.account)
            text = msgspec.json.encode(answer).decode()
        except VenueError as error:
            status = error.status
            account = self.key.account if self.key is not None else None
            text = self._failure(identity, error, self._limits(name, account) if shown else None)
            trace = _refused(params, error)
        verb, _ = self.methods.get(name, ("GET", ""))
        self.log(Request(self.host, verb, name), Response(status, b"", trace=trace))
        return text

    def _limits(self, method: str, account: str | None) -> list[dict[str, Any]]:
        verb, path = self.methods.get(method, ("", ""))
        route = self.router.route(verb, path)
        return self.router.rate_limits(account if route is not None and route.is_order else None, self.address)

    def _failure(self, identity: object, error: VenueError, limits: list[dict[str, Any]] | None) -> str:
        content = error.content()
        if error.status in _LIMITED:
            now_ms = self.server_ms()
            wait_ms = int(error.headers.get("Retry-After", "0")) * 1_000
            content["data"] = {"serverTime": now_ms, "retryAfter": now_ms + wait_ms}
        body: dict[str, Any] = {"id": identity, "status": error.status, "error": self._timed(content)}
        if limits is not None:
            body["rateLimits"] = limits
        return msgspec.json.encode(body).decode()

    def _run(self, method: str, params: dict[str, Any]) -> tuple[Any, Trace]:
        self._check_session()
        verb, path = self.methods.get(method, ("", ""))
        route = self.router.route(verb, path)
        if route is not None:
            if route.security is Security.NONE:
                params = {name: value for name, value in params.items() if name not in ("apiKey", "signature")}
            return self.router.call(route, params, self.key, self.address)
        self.router.charge(SESSION_WEIGHT, self.address)
        if method.startswith("userDataStream.") or method == "session.subscriptions":
            if self.has_streams:
                return self._stream(method, params)
        elif method.startswith("session."):
            return self._session(method, params)
        raise VenueError(-1099, "Not found, unauthenticated, or unauthorized.", 404)

    def _check_session(self) -> None:
        """Forget a key that has become invalid, and say so once."""
        if self.key is None:
            return
        try:
            self.key = self.router.check_key(self.key, self.address)
        except VenueError:
            self._log_off()
            raise VenueError(*REJECTED_API_KEY) from None

    # ------------------------------------------------------------------------------------------------------- sessions
    def _session(self, method: str, params: dict[str, Any]) -> tuple[Any, Trace]:
        trace = Trace()
        if method == "session.logon":
            key = self.router.authenticate(params, self.address)
            if key.kind != "ed25519":
                raise VenueError(-4056, "Invalid api key type.")
            self.key, self.authorized_ms = key, self.server_ms()
            trace = _signed(key)
        elif method == "session.logout":
            self._log_off()
        elif method != "session.status":
            raise VenueError(-1099, "Not found, unauthenticated, or unauthorized.", 404)
        return self._status(), trace

    def _log_off(self) -> None:
        self.key = self.authorized_ms = None
        for number in [number for number, one in self.streams.items() if one.by_logon]:
            self._end(number)

    def _status(self) -> dict[str, Any]:
        return {
            "apiKey": None if self.key is None else self.key.key,
            "authorizedSince": self.authorized_ms,
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.rate_limits_shown,
            "serverTime": self.server_ms(),
            "userDataStream": bool(self.streams) if self.has_streams else None,
        }

    # --------------------------------------------------------------------------------------------------- user streams
    def _stream(self, method: str, params: dict[str, Any]) -> tuple[Any, Trace]:
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(self.router.authenticate(params, self.address), by_logon=False)
        if method == "userDataStream.subscribe":
            if self.key is None:
                raise VenueError(-1099, "Not found, unauthenticated, or unauthorized.", 401)
            return self._subscribe(self.key, by_logon=True)
        if method == "userDataStream.unsubscribe":
            return self._unsubscribe(params), Trace()
        if method == "session.subscriptions":
            return [{"subscriptionId": number} for number in self.streams], Trace()
        raise VenueError(-1099, "Not found, unauthenticated, or unauthorized.", 404)

    def _subscribe(self, key: ApiKey, *, by_logon: bool) -> tuple[dict[str, int], Trace]:
        if any(one.account == key.account for one in self.streams.values()):
            raise VenueError(-2035, "User Data Stream subscription already active.")
        if len(self.streams) >= SUBSCRIPTIONS_MAX or self._next_subscription >= SUBSCRIPTION_ID_MAX:
            raise VenueError(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next_subscription
        self._next_subscription += 1
        self.streams[number] = Subscription(key.account, by_logon)
        return {"subscriptionId": number}, _signed(key)

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        number = params.get("subscriptionId")
        if number is not None and (not isinstance(number, int) or number not in self.streams):
            raise VenueError(-2036, "User Data Stream subscription not active.")
        for one in list(self.streams) if number is None else [number]:
            self._end(one)
        return {}

    def _end(self, number: int) -> None:
        del self.streams[number]
        self._tell(number, {"e": "eventStreamTerminated", "E": self.server_ms()})

    def _tell(self, number: int, payload: Mapping[str, Any]) -> None:
        self.push(msgspec.json.encode({"subscriptionId": number, "event": self._timed(payload)}).decode())

    def announce_shutdown(self, now_ms: int) -> None:
        """Tell the client that its connection will end soon."""
        self.push(msgspec.json.encode(self._timed({"event": {"e": "serverShutdown", "E": now_ms}})).decode())

    def _timed(self, value: Any) -> Any:
        """A value with its moments in the unit of the connection."""
        return in_micros(value) if self.tells_micros else value


def _signed(key: ApiKey) -> Trace:
    return Trace(key_name=key.name, account=key.account, signed=True, verdict="ok")


def _refused(params: Mapping[str, Any], error: VenueError) -> Trace:
    loggable = {name: text_of(value) for name, value in params.items() if name not in ("signature", "apiKey")}
    return Trace(params=loggable, signed="signature" in params, verdict="refused", code=error.code)
