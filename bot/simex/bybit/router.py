"""From a request to a handler and back: routes, limits, headers, and every refusal in Bybit's envelope."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.simex.bybit.encoding import encode
from bot.simex.bybit.errors import OVERLOADED, VenueError, invalid
from bot.simex.bybit.gate import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    Call,
    KeyRing,
    Route,
    Scope,
    authenticate,
    check_scope,
    verdict,
)
from bot.simex.bybit.limits import RateLimits, Usage
from bot.simex.bybit.params import Params, body_values, query_values
from bot.simex.config import ApiKey
from bot.simex.wire import Request, Response, Trace

LOGGED_TEXT_MAX = 500
_METHODS = ("GET", "POST")
_PROTECTED = ("/v5/order/create", "/v5/order/create-batch", "/v5/order/amend", "/v5/order/amend-batch")


def envelope(code: int, msg: str, result: Any, extra: Any, time_ms: int) -> bytes:
    """The body of every answer."""
    shown = {"retCode": code, "retMsg": msg, "result": result, "retExtInfo": extra, "time": time_ms}
    return encode(shown)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to, before it is put into an envelope."""

    code: int
    msg: str
    result: Any
    extra: Any
    usage: Usage | None
    trace: Trace


@dataclass(slots=True)
class _Progress:
    """What is known about a request so far, for its trace."""

    params: Mapping[str, str] = field(default_factory=dict)
    key: ApiKey | None = None
    signed: bool = False
    verdict: str = "unsigned"
    usage: Usage | None = None


class Router:
    """The routes of the REST hosts behind one set of limits and keys; the trade socket calls the same ones."""

    def __init__(
        self, routes: Iterable[Route], keys: KeyRing, limits: RateLimits, server_ms: Callable[[], int]
    ) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._keys = keys
        self._limits = limits
        self._server_ms = server_ms
        self._answers = 0
        self.is_protected = False
        """The system protects itself: new orders are refused with 10429 unless they reduce."""

    def names(self) -> list[tuple[str, str]]:
        """Method and path of every route."""
        return list(self._routes)

    def respond(self, request: Request) -> Response:
        """Answer an HTTP request; nothing a client sends makes this raise."""
        progress = _Progress(signed=SIGNATURE_HEADER in request.headers)
        call: Call | None = None
        extra: Mapping[str, Any] = {}
        try:
            self._limits.check_address(self._keys.client_ip or request.address, self._server_ms())
            route = self._route(request)
            call = self._admit(route, request, progress)
            result = route.handler(call)
            status, code, msg, extra = 200, 0, route.msg, call.extra
            headers: Mapping[str, str] = {}
        except VenueError as error:
            status, code, msg, result, headers = error.status, error.code, error.msg, error.result, error.headers
            if progress.signed and call is None:
                progress.verdict = verdict(error) or progress.verdict
        body = envelope(code, msg, result, extra, self._server_ms())
        sent = {**self._headers(progress.usage), **headers}
        return Response(status, body, sent, trace=_trace(progress, call, code or None))

    def describe(self, request: Request) -> Trace:
        """What a request says of itself, for one that is never carried out: nothing in it is checked."""
        progress = _Progress(signed=SIGNATURE_HEADER in request.headers, verdict="not_executed")
        with suppress(VenueError, UnicodeDecodeError):
            progress.params = _loggable(_values(request))
            progress.key = self._keys.find(request.headers.get(KEY_HEADER, ""))
        return _trace(progress, None, None)

    def call(self, path: str, values: Mapping[str, Any], key: ApiKey) -> Answer:
        """Run a POST route for the trade socket, whose session has authenticated."""
        route = self._routes["POST", path]
        progress = _Progress(_loggable(values), key, signed=True, verdict="ok")
        call: Call | None = None
        try:
            call = self._permit(route, values, progress)
            result = route.handler(call)
            return Answer(0, route.msg, result, call.extra, progress.usage, _trace(progress, call, None))
        except VenueError as error:
            return Answer(error.code, error.msg, {}, {}, progress.usage, _trace(progress, call, error.code))

    def _route(self, request: Request) -> Route:
        if request.method not in _METHODS:
            raise VenueError(10001, "Need to send the request with GET / POST (must be capitalized)", status=400)
        route = self._routes.get((request.method, request.path))
        if route is None:
            raise VenueError(10017, status=404)
        if request.method == "GET" and request.body.strip():
            raise VenueError(10001, "You send GET request with a json body", status=403)
        return route

    def _admit(self, route: Route, request: Request, progress: _Progress) -> Call:
        values = _values(request)
        progress.params = _loggable(values)
        if route.scope is None:
            return Call(Params(values))
        payload = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
        progress.key = authenticate(self._keys, request, payload, self._server_ms())
        progress.verdict = "ok"
        return self._permit(route, values, progress)

    def _permit(self, route: Route, values: Mapping[str, Any], progress: _Progress) -> Call:
        """Check permission and limit of an authenticated call."""
        key, category = progress.key, values.get("category")
        assert key is not None
        check_scope(key, route.scope or Scope.READ, category)
        if route.scope is Scope.TRADE:
            self._check_trading(key.account, route.path, values)
        orders = _orders(values) if route.is_batch else 1
        try:
            granted, progress.usage = self._limits.take(
                key.account, route.path, spot=category == "spot", now_ms=self._server_ms(), orders=orders
            )
        except VenueError:
            progress.usage = self._limits.allowance(
                key.account, route.path, spot=category == "spot", now_ms=self._server_ms()
            )
            raise
        return Call(Params(values), key, granted=granted, usage=progress.usage)

    def _check_trading(self, account: str, path: str, values: Mapping[str, Any]) -> None:
        """A banned user gives no orders; while the system protects itself, new ones must reduce."""
        if path in _PROTECTED:
            self._limits.check_user(account, self._server_ms())
            if self.is_protected and not _reduces(values):
                raise VenueError(OVERLOADED)

    def count_socket_request(self) -> None:
        """Count a request to a trade websocket; VenueError when there are too many from its address."""
        self._limits.check_socket(self._server_ms())

    def trace_id(self) -> str:
        """An id for an answer: 32 hexadecimal digits that never repeat within a run."""
        self._answers += 1
        return hashlib.sha256(f"answer:{self._answers}".encode()).hexdigest()[:32]

    def _headers(self, usage: Usage | None) -> dict[str, str]:
        headers = {"Timenow": str(self._server_ms()), "Traceid": self.trace_id(), "Server": "simex"}
        return headers if usage is None else {**headers, **usage.headers()}


def _values(request: Request) -> dict[str, Any]:
    return query_values(request.query) if request.method == "GET" else body_values(request.body)


def _orders(values: Mapping[str, Any]) -> int:
    rows = values.get("request")
    if not isinstance(rows, list) or not rows:
        raise invalid("request is required")
    return len(rows)


def _reduces(values: Mapping[str, Any]) -> bool:
    """Whether an order, or each of a batch, can only reduce."""
    rows = values.get("request")
    each = rows if isinstance(rows, list) else [values]
    return bool(each) and all(isinstance(row, dict) and row.get("reduceOnly") in (True, "true") for row in each)


def _loggable(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _text(value)[:LOGGED_TEXT_MAX] for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (dict, list, bool)) else str(value)


def _trace(progress: _Progress, call: Call | None, code: int | None) -> Trace:
    key = progress.key
    return Trace(
        params=progress.params,
        key_name=key.name if key else None,
        account=key.account if key else None,
        signed=progress.signed,
        verdict=progress.verdict,
        code=code,
        order_id=call.order_id if call else None,
        client_order_id=call.client_order_id if call else None,
    )
