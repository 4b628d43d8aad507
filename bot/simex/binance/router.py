"""From a request to a handler and back: routes, admission, limits, headers, and every refusal in Binance's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.simex.binance.errors import REJECTED_API_KEY, VenueError, venue_error
from bot.simex.binance.gate import Call, KeyRing, Route, Security, check_scope, check_signed, verdict
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.signature import rest_payload, ws_payload
from bot.simex.config import ApiKey
from bot.simex.model import Reject
from bot.simex.wire import Request, Response, Trace

API_KEY_HEADER = "x-mbx-apikey"
_UNLOGGED = frozenset({"signature", "apiKey"})
_JSON_HEADERS = {"Cache-Control": "no-cache, no-store, must-revalidate", "Server": "simex"}


@dataclass(slots=True)
class _Progress:
    """What is known about a request so far, for its trace."""

    params: Mapping[str, str] = field(default_factory=dict)
    key: ApiKey | None = None
    signed: bool = False
    verdict: str = "unsigned"


def _loggable(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _UNLOGGED}


class Router:
    """The routes of one host family (spot, USD-M, COIN-M) behind one set of limits and keys."""

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

    def route(self, method: str, path: str) -> Route | None:
        """The route of a method and path."""
        return self._routes.get((method, path))

    def respond(self, request: Request) -> Response:
        """Answer an HTTP request; nothing a client sends makes this raise."""
        route = self.route(request.method, request.path)
        if route is None:
            return unknown_route(request)
        progress = _Progress(signed=is_signed(request))
        call: Call | None = None
        try:
            call = self._admit(route, request, progress)
            status, body, code = 200, msgspec.json.encode(self._run(route, call)), None
            extra: Mapping[str, str] = {}
        except VenueError as error:
            status, body, code, extra = error.status, error.body(), error.code, error.headers
            if progress.signed and not call:
                progress.verdict = verdict(error) or progress.verdict
        headers = {**_JSON_HEADERS, **self._usage(route, progress.key), **extra}
        return Response(status, body, headers, trace=_trace(progress, call, code))

    def describe(self, request: Request) -> Trace:
        """What a request says of itself, for one that is never carried out: parameters, key and account unchecked."""
        progress = _Progress(signed=is_signed(request), verdict="not_executed")
        with suppress(VenueError, UnicodeDecodeError):
            progress.params = _loggable(Params.of(request.query, request.body.decode()).values)
            progress.key = self._keys.find(request.headers.get(API_KEY_HEADER, ""))
        return _trace(progress, None, None)

    def call(self, route: Route, values: Mapping[str, Any], session_key: ApiKey | None = None) -> tuple[Any, Trace]:
        """Run a route for a websocket request; the venue's refusal is raised. Returns the result and its trace."""
        texts = {name: _text(value) for name, value in values.items()}
        progress = _Progress(params=_loggable(texts), signed="signature" in texts, key=session_key)
        now_ms = self._server_ms()
        params = Params(texts)
        self._limiter.charge_weight(route.cost(params), now_ms)
        if route.security is not Security.NONE:
            progress.key = self._keys.find(texts.get("apiKey", ""))
            if route.security is Security.SIGNED:
                check_signed(progress.key, texts, ws_payload(values), now_ms)
                progress.verdict = "ok"
            check_scope(progress.key, route.scope)
        call = Call(params, progress.key)
        result = self._run(route, call)
        return result, _trace(progress, call, None)

    def authenticate(self, values: Mapping[str, Any]) -> ApiKey:
        """The key that signed a websocket request which has no route of its own."""
        texts = {name: _text(value) for name, value in values.items()}
        key = self._keys.find(texts.get("apiKey", ""))
        check_signed(key, texts, ws_payload(values), self._server_ms())
        if not key.read:
            raise venue_error(REJECTED_API_KEY)
        return key

    def rate_limits(self, account: str | None = None) -> list[dict[str, object]]:
        """The `rateLimits` of a websocket answer."""
        row = dict(self._limiter.limits.as_rate_limits()[0])
        row["count"] = self._limiter.weight_used(self._server_ms())
        return [row]

    def charge(self, weight: int) -> None:
        """Count the weight of a websocket request without a route."""
        self._limiter.charge_weight(weight, self._server_ms())

    def _admit(self, route: Route, request: Request, progress: _Progress) -> Call:
        now_ms = self._server_ms()
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            raise VenueError(-1100, "Illegal characters found in a parameter.") from None
        params = Params.of(request.query, body)
        progress.params = _loggable(params.values)
        self._limiter.charge_weight(route.cost(params), now_ms)
        if route.security is not Security.NONE:
            progress.key = self._keys.find(request.headers.get(API_KEY_HEADER, ""))
            if route.security is Security.SIGNED:
                check_signed(progress.key, params.values, rest_payload(request.query, body), now_ms)
                progress.verdict = "ok"
            else:
                progress.verdict = "key"
            check_scope(progress.key, route.scope)
        return Call(params, progress.key)

    def _run(self, route: Route, call: Call) -> Any:
        if route.is_order:
            self._limiter.charge_order(call.account, self._server_ms())
        try:
            return route.handler(call)
        except Reject as refusal:
            raise VenueError(refusal.code, refusal.message) from None

    def _usage(self, route: Route, key: ApiKey | None) -> dict[str, str]:
        now_ms = self._server_ms()
        used = str(self._limiter.weight_used(now_ms))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if route.is_order and key is not None:
            headers.update(self._limiter.order_headers(key.account, now_ms))
        return headers


def is_signed(request: Request) -> bool:
    """Whether a request carries a signature, right or wrong."""
    return "signature=" in request.query or b"signature=" in request.body


def _text(value: object) -> str:
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
    if request.path.startswith(("/fapi", "/dapi", "/papi")):
        error = VenueError(-5000, f"Path {request.path}, Method {request.method} is invalid", 404)
        return Response(404, error.body(), dict(_JSON_HEADERS), trace=trace)
    page = b"<html><body><h2>404 Not found</h2></body></html>"
    return Response(404, page, dict(_JSON_HEADERS), content_type="text/html", trace=trace)
