"""From a request to a handler and back: routes, admission, limits, headers, and every refusal in Binance's shape.

A request has two steps: `admit` is the gateway, which answers a refusal at once, and `land` hands what was admitted to
the matching engine. `respond` does both; a fault that lets a request land late keeps the `Pending` between them for a
while, and the engine's own look at the timestamp then decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.simex.binance.errors import (
    OUTSIDE_ENGINE_WINDOW,
    OUTSIDE_RECV_WINDOW,
    SERVER_BUSY,
    SYSTEM_PROTECTION,
    VenueError,
    venue_error,
)
from bot.simex.binance.gate import (
    Call,
    KeyRing,
    Route,
    Scope,
    Security,
    check_address,
    check_scope,
    check_signed,
    check_timed,
    verdict,
)
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.signature import SIGNATURE, rest_payload, ws_payload
from bot.simex.binance.time_unit import HEADER, asks_micros, in_micros
from bot.simex.config import ApiKey
from bot.simex.wire import HERE, Request, Response, Trace

API_KEY_HEADER = "x-mbx-apikey"
_UNLOGGED = frozenset({"signature", "apiKey"})
_JSON_HEADERS = {"Cache-Control": "no-cache, no-store, must-revalidate", "Server": "simex"}
_SPOT_PATH = "/api/"
_FUTURES_PATHS = ("/fapi", "/dapi", "/papi")


@dataclass(slots=True)
class _Progress:
    """What is known about a request so far, for its trace and its headers; `address` is its client's end."""

    address: str
    params: Mapping[str, str] = field(default_factory=dict)
    key: ApiKey | None = None
    signed: bool = False
    verdict: str = "unsigned"
    sapi_used: int = 0
    in_micros: bool = False


@dataclass(slots=True)
class Pending:
    """A request that the gateway has let through and the engine has not seen."""

    route: Route
    call: Call
    progress: _Progress


def _loggable(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _UNLOGGED}


class Router:
    """The routes of one host family (spot, USD-M, COIN-M) behind one set of limits and keys.

    `is_protected`: the system protects itself, new orders are refused with -1008 unless they reduce.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        keys: KeyRing,
        limiter: RateLimiter,
        server_ms: Callable[[], int],
    ) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._keys = keys
        self._limiter = limiter
        self._server_ms = server_ms
        self.is_protected = False

    @property
    def client_ip(self) -> str:
        """Where the venue sees its clients come from, empty: where they are; one for all routers of a key ring."""
        return self._keys.client_ip

    @client_ip.setter
    def client_ip(self, address: str) -> None:
        self._keys.client_ip = address

    def route(self, method: str, path: str) -> Route | None:
        """The route of a method and path."""
        return self._routes.get((method, path))

    # ----------------------------------------------------------------------------------------------------------- REST
    def respond(self, request: Request) -> Response:
        """Answer an HTTP request; nothing a client sends makes this raise."""
        admitted = self.admit(request)
        return self.land(admitted) if isinstance(admitted, Pending) else admitted

    def admit(self, request: Request) -> Response | Pending:
        """What the gateway says: a refusal, or that the request goes on."""
        route = self.route(request.method, request.path)
        if route is None:
            return unknown_route(request)
        progress = _Progress(request.address, signed=is_signed(request))
        try:
            return Pending(route, self._admit(route, request, progress), progress)
        except VenueError as error:
            if progress.signed:
                progress.verdict = verdict(error) or progress.verdict
            return self._refused(route, progress, None, error)

    def land(self, pending: Pending) -> Response:
        """Carry out an admitted request now."""
        route, call, progress = pending.route, pending.call, pending.progress
        try:
            answer = self._run(route, call)
        except VenueError as error:
            return self._refused(route, progress, call, error)
        headers = {**_JSON_HEADERS, **self._usage(route, progress)}
        body = msgspec.json.encode(in_micros(answer) if progress.in_micros else answer)
        return Response(200, body, headers, trace=_trace(progress, call, None))

    def describe(self, request: Request) -> Trace:
        """What a request says of itself, for one that is never carried out: parameters, key and account unchecked."""
        progress = _Progress(request.address, signed=is_signed(request), verdict="not_executed")
        with suppress(VenueError, UnicodeDecodeError):
            progress.params = _loggable(Params.of(request.query, request.body.decode()).values)
            progress.key = self._keys.find(request.headers.get(API_KEY_HEADER, ""))
        return _trace(progress, None, None)

    def _refused(self, route: Route, progress: _Progress, call: Call | None, error: VenueError) -> Response:
        headers = {**_JSON_HEADERS, **self._usage(route, progress), **error.headers}
        return Response(error.status, error.body(), headers, trace=_trace(progress, call, error.code))

    def _admit(self, route: Route, request: Request, progress: _Progress) -> Call:
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            self._charge(route, None, request.address)
            raise VenueError(-1100, "Illegal characters found in a parameter.") from None
        query = request.query
        params = self._params(route, lambda: Params.of(query, body), request.address)
        progress.params = _loggable(params.values)
        self._charge(route, params, request.address)
        if route.path.startswith(_SPOT_PATH):
            progress.in_micros = asks_micros(request.headers.get(HEADER, ""))
        call = Call(params, None)
        if route.security is not Security.NONE:
            key = progress.key = self._keys.find(request.headers.get(API_KEY_HEADER, ""))
            progress.verdict = "key"
            if route.security is Security.SIGNED:
                payload = rest_payload(query, body)
                call.late_after_ms = check_signed(key, params.values, payload, self._server_ms())
                progress.verdict = "ok"
            self._permit(route, key, progress)
            call.key = key
        return call

    # ------------------------------------------------------------------------------------------------------ websocket
    def call(
        self, route: Route, values: Mapping[str, Any], session_key: ApiKey | None = None, address: str = HERE
    ) -> tuple[Any, Trace]:
        """Run a route for a websocket request; the venue's refusal is raised. Returns the result and its trace.

        With the key of a session that has logged on, a request that names no key needs no signature. `address` is the
        client's end of the connection, here and below.
        """
        texts = {name: text_of(value) for name, value in values.items() if value is not None}
        progress = _Progress(address, params=_loggable(texts), signed=SIGNATURE in texts)
        params = Params(texts)
        self._charge(route, params, address)
        call = Call(params, None)
        if route.security is not Security.NONE:
            key = call.key = progress.key = self._key_of(texts, session_key)
            if route.security is Security.SIGNED:
                call.late_after_ms = self._check(key, texts, values, session_key)
                progress.verdict = "ok"
            self._permit(route, key, progress)
        result = self._run(route, call)
        return result, _trace(progress, call, None)

    def authenticate(self, values: Mapping[str, Any], address: str) -> ApiKey:
        """The key that signed a websocket request which has no route of its own."""
        texts = {name: text_of(value) for name, value in values.items() if value is not None}
        key = self._keys.find(texts.get("apiKey", ""))
        check_signed(key, texts, ws_payload(values), self._server_ms())
        self.check_key(key, address)
        return key

    def check_key(self, key: ApiKey, address: str) -> ApiKey:
        """The key as it is now; refused when it was revoked, may not be used from here, or may not read."""
        found = self._keys.find(key.key)
        check_address(found, self._seen(address))
        check_scope(found, Scope.READ)
        return found

    def rate_limits(self, account: str | None, address: str) -> list[dict[str, Any]]:
        """The `rateLimits` of a websocket answer; with an account also its order counts."""
        now_ms = self._server_ms()
        orders = [] if account is None else self._limiter.order_counts(account, now_ms)
        weight = dict(self._limiter.limits.as_rate_limits()[0])
        weight["count"] = self._limiter.weight_used(now_ms, self._seen(address))
        return [*orders, weight]

    def charge(self, weight: int, address: str) -> None:
        """Count the weight of a websocket request without a route."""
        self._limiter.charge_weight(weight, self._server_ms(), self._seen(address))

    def _seen(self, address: str) -> str:
        """Where the venue sees a client whose end of the connection is at an address."""
        return self.client_ip or address

    def _key_of(self, texts: Mapping[str, str], session_key: ApiKey | None) -> ApiKey:
        if session_key is None or "apiKey" in texts:
            return self._keys.find(texts.get("apiKey", ""))
        return self._keys.find(session_key.key)

    def _check(
        self, key: ApiKey, texts: Mapping[str, str], values: Mapping[str, Any], session_key: ApiKey | None
    ) -> Any:
        if session_key is not None and SIGNATURE not in texts and key.key == session_key.key:
            return check_timed(texts, self._server_ms())
        return check_signed(key, texts, ws_payload(values), self._server_ms())

    # ----------------------------------------------------------------------------------------------------------- both
    def _params(self, route: Route, read: Callable[[], Params], address: str) -> Params:
        """The parameters; a request that cannot be read costs as much as one without any."""
        try:
            return read()
        except VenueError:
            self._charge(route, None, address)
            raise

    def _charge(self, route: Route, params: Params | None, address: str) -> None:
        """Count the weight; that of a wallet request by user is counted once the user is known."""
        weight = 0 if route.sapi else _cost(route, params)
        self._limiter.charge_weight(weight, self._server_ms(), self._seen(address))

    def _permit(self, route: Route, key: ApiKey, progress: _Progress) -> None:
        now_ms, address = self._server_ms(), self._seen(progress.address)
        if route.sapi:
            by_user = route.sapi == "uid"
            whose = key.account if by_user else address
            weight = _cost(route, None)
            progress.sapi_used = self._limiter.charge_sapi(route.path, whose, weight, now_ms, by_user=by_user)
        check_address(key, address)
        check_scope(key, route.scope, now_ms)

    def _run(self, route: Route, call: Call) -> Any:
        now_ms = self._server_ms()
        if route.changes and call.late_after_ms is not None and now_ms > call.late_after_ms:
            raise venue_error(OUTSIDE_ENGINE_WINDOW if _is_futures(route.path) else OUTSIDE_RECV_WINDOW)
        if route.is_order:
            self._check_protection(route, call.params)
            self._limiter.charge_order(call.account, now_ms, route.order_counts)
        return route.handler(call)

    def _check_protection(self, route: Route, params: Params) -> None:
        """What reduces is let through while the system protects itself."""
        reduces = "true" in (params.text("reduceOnly").lower(), params.text("closePosition").lower())
        if self.is_protected and not reduces:
            raise venue_error(SYSTEM_PROTECTION if _is_futures(route.path) else SERVER_BUSY)

    def _usage(self, route: Route, progress: _Progress) -> dict[str, str]:
        now_ms = self._server_ms()
        if route.sapi:
            return {f"X-SAPI-USED-{route.sapi.upper()}-WEIGHT-1M": str(progress.sapi_used)}
        used = str(self._limiter.weight_used(now_ms, self._seen(progress.address)))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if route.is_order and progress.key is not None:
            headers.update(self._limiter.order_headers(progress.key.account, now_ms))
        return headers


def _cost(route: Route, params: Params | None) -> int:
    """The weight, the least there is when the parameters cannot be read or decide it and are wrong."""
    try:
        return route.cost(params or Params({}))
    except VenueError:
        return 1


def _is_futures(path: str) -> bool:
    return path.startswith(_FUTURES_PATHS)


def is_signed(request: Request) -> bool:
    """Whether a request carries a signature, right or wrong."""
    return "signature=" in request.query or b"signature=" in request.body


def text_of(value: object) -> str:
    """A JSON value as the text of a parameter."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _trace(progress: _Progress, call: Call | None, code: int | None) -> Trace:
    return Trace(
        params=progress.params,
        key_name=progress.key.name if progress.key else None,
        account=progress.key.account if progress.key else None,
        signed=progress.signed,
        verdict=progress.verdict,
        code=code,
        order_id=call.order_id if call else None,
        client_order_id=call.client_order_id if call else None,
    )


def unknown_route(request: Request) -> Response:
    """What the venue says to a path or method it does not know: a code on the futures hosts, HTML on spot."""
    trace = Trace(signed=is_signed(request), verdict="no_route")
    if _is_futures(request.path):
        error = VenueError(-5000, f"Path {request.path}, Method {request.method} is invalid", 404)
        return Response(404, error.body(), dict(_JSON_HEADERS), trace=trace)
    page = b"<html><body><h2>404 Not found</h2></body></html>"
    return Response(404, page, dict(_JSON_HEADERS), content_type="text/html", trace=trace)
