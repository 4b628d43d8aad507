"""Binance as a whole: which host answers what, and where the exchange's events go. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.simex import hosts
from bot.simex.binance.desk import Desk
from bot.simex.binance.gate import KeyRing
from bot.simex.binance.limits import SPOT_LIMITS, USDM_LIMITS, RateLimiter
from bot.simex.binance.listen_keys import ListenKeys, looks_like_listen_key
from bot.simex.binance.rest_history import HistoryRest
from bot.simex.binance.rest_sapi import CoinmRest, SapiRest
from bot.simex.binance.rest_spot import SpotRest
from bot.simex.binance.rest_usdm import UsdmRest
from bot.simex.binance.rest_usdm_account import UsdmAccountRest
from bot.simex.binance.router import Router, unknown_route
from bot.simex.binance.streams import MarketFrames
from bot.simex.binance.subscriptions import Hub, MarketSession, opening
from bot.simex.binance.user_events import SpotUserEvents, UsdmUserEvents
from bot.simex.binance.wsapi import SPOT_METHODS, USDM_METHODS, ApiSession, Logger
from bot.simex.candles import Candles
from bot.simex.config import ApiKey
from bot.simex.events import AccountUpdated, BookTopChanged, Event, LeverageChanged, MultiAssetsChanged, OrderUpdated
from bot.simex.exchange import Exchange
from bot.simex.model import SymbolKey
from bot.simex.timeline import Timeline
from bot.simex.wire import Request, Response, Session, Trace

Push = Callable[[str], None]
_ACCOUNT_EVENTS = (OrderUpdated, AccountUpdated, LeverageChanged, MultiAssetsChanged)
_WS_API_PATHS = {hosts.SPOT_WS_API: "/ws-api/v3", hosts.USDM_WS_API: "/ws-fapi/v1"}


@dataclass(slots=True)
class Silence:
    """Streams that are cut off although their sockets live, until a moment of the server's clock."""

    market_until_ms: int = 0
    user_until_ms: int = 0


class Binance:
    """The Binance dialect of one exchange."""

    hosts = hosts.BINANCE

    def __init__(self, exchange: Exchange, timeline: Timeline, keys: Iterable[ApiKey], log: Logger) -> None:
        self.timeline = timeline
        self.keys = KeyRing.of(keys)
        self.listen_keys = ListenKeys()
        self.silence = Silence()
        self._log = log
        spot, usdm = Desk(exchange, timeline, "spot"), Desk(exchange, timeline, "usdm")
        self._usdm_rest = UsdmRest(usdm)
        account = UsdmAccountRest(usdm, self.listen_keys)
        self._limiters = {"spot": RateLimiter(SPOT_LIMITS), "usdm": RateLimiter(USDM_LIMITS)}
        self._exchange = exchange
        self._candles = Candles()
        for name in sorted(exchange.symbols):
            self._see(name)
        spot_past, usdm_past = HistoryRest(spot, self._candles).routes(), HistoryRest(usdm, self._candles).routes()
        spot_routes = [*SpotRest(spot).routes(), *SapiRest(spot).routes(), *spot_past]
        usdm_routes = [*self._usdm_rest.routes(), *account.routes(), *usdm_past]
        self._spot_router = self._router(spot_routes, self._limiters["spot"])
        self._usdm_router = self._router(usdm_routes, self._limiters["usdm"])
        self._coinm_router = self._router(CoinmRest(usdm).routes(), RateLimiter(USDM_LIMITS))
        self._hubs = {"spot": Hub(), "usdm": Hub()}
        self._frames = {
            "spot": MarketFrames(spot, self._hubs["spot"]),
            "usdm": MarketFrames(usdm, self._hubs["usdm"]),
        }
        self._spot_events, self._usdm_events = SpotUserEvents(spot), UsdmUserEvents(usdm)
        self._api_sessions: dict[ApiSession, None] = {}

    def _router(self, routes: Any, limiter: RateLimiter) -> Router:
        return Router(routes, self.keys, limiter, self.timeline.server_ms)

    def crowd(self, market: str, weight: int) -> None:
        """Let other programs behind the clients' address use so much request weight of every minute."""
        self._limiters[market].others_weight = weight

    # ------------------------------------------------------------------------------------------------------- http
    def respond(self, request: Request) -> Response:
        """Answer an HTTP request to one of `hosts`."""
        router = self._router_of(request.host)
        return unknown_route(request) if router is None else router.respond(request)

    def describe(self, request: Request) -> Trace:
        """What an HTTP request says of itself, without carrying it out."""
        router = self._router_of(request.host)
        return Trace(verdict="no_route") if router is None else router.describe(request)

    def _router_of(self, host: str) -> Router | None:
        if host in hosts.SPOT_REST:
            return self._spot_router
        return {hosts.USDM_REST: self._usdm_router, hosts.COINM_REST: self._coinm_router}.get(host)

    # -------------------------------------------------------------------------------------------------- websockets
    def connect(self, host: str, path: str, query: str, push: Push) -> Session | None:
        """The session of a new websocket connection, or None where there is no such endpoint."""
        if host in _WS_API_PATHS:
            return self._api_session(host, query, push) if path == _WS_API_PATHS[host] else None
        market = {hosts.SPOT_STREAM: "spot", hosts.USDM_STREAM: "usdm"}.get(host)
        first = opening(path, query)
        if market is None or first is None:
            return None
        session = MarketSession(self._hubs[market], push, first.combined, on_stream=self._follow(market))
        session.open([*first.streams, *first.listen_keys])
        return session

    def _follow(self, market: str) -> Callable[[MarketSession, str, bool], None]:
        frames = self._frames[market]

        def follow(session: MarketSession, stream: str, wanted: bool) -> None:
            if market == "usdm" and looks_like_listen_key(stream):
                session.kind = "user"
            else:
                frames.follow(stream, wanted)

        return follow

    def _api_session(self, host: str, query: str, push: Push) -> ApiSession:
        is_spot = host == hosts.SPOT_WS_API
        session = ApiSession(
            host=host,
            router=self._spot_router if is_spot else self._usdm_router,
            methods=SPOT_METHODS if is_spot else USDM_METHODS,
            push=push,
            server_ms=self.timeline.server_ms,
            log=self._log,
            on_closed=self._forget,
            connected_ms=self.timeline.server_ms(),
            rate_limits_shown="returnRateLimits=false" not in query,
        )
        self._api_sessions[session] = None
        return session

    def _forget(self, session: ApiSession) -> None:
        self._api_sessions.pop(session, None)

    # ------------------------------------------------------------------------------------------------------ events
    def publish(self, events: Iterable[Event]) -> None:
        """Send the exchange's events to whoever listens."""
        now_ms = self.timeline.server_ms()
        market_silent, user_silent = now_ms < self.silence.market_until_ms, now_ms < self.silence.user_until_ms
        for event in events:
            if isinstance(event, BookTopChanged):
                self._see((event.market, event.symbol))
            if isinstance(event, _ACCOUNT_EVENTS):
                if not user_silent:
                    self._publish_account(event)
            elif not market_silent:
                for frames in self._frames.values():
                    frames.handle(event)

    def _see(self, name: SymbolKey) -> None:
        """Take a symbol's mid into its candles; a book without one of its sides says nothing."""
        symbol = self._exchange.symbols[name]
        best = self._exchange.depth(symbol.market, symbol.name, 1)
        if best.bids and best.asks:
            mid = float(best.bids[0].price + best.asks[0].price) / 2
            self._candles.see(symbol, mid, self.timeline.server_ms())

    def tick(self) -> None:
        """Do what is due by the clock: timed streams, listen keys, countdowns."""
        now_ms = self.timeline.server_ms()
        self._usdm_rest.run_countdowns()
        self.expire_listen_keys(everything=False)
        if now_ms >= self.silence.market_until_ms:
            for frames in self._frames.values():
                frames.tick()

    def expire_listen_keys(self, everything: bool) -> list[str]:
        """Expire the listen keys that are due, or all; their streams are told and hear nothing more."""
        now_ms = self.timeline.server_ms()
        expired = self.listen_keys.expire(now_ms, everything)
        for key in expired:
            payload = {"e": "listenKeyExpired", "E": str(now_ms), "listenKey": key}
            self._hubs["usdm"].publish(key, msgspec.json.encode(payload).decode())
        return expired

    def _publish_account(self, event: OrderUpdated | AccountUpdated | LeverageChanged | MultiAssetsChanged) -> None:
        key = self.listen_keys.key_of(event.account_id)
        if key is not None and self._hubs["usdm"].wanted(key):
            for payload in self._usdm_events.payloads(event):
                self._hubs["usdm"].publish(key, msgspec.json.encode(payload).decode())
        listeners = [one for one in self._api_sessions if event.account_id in one.subscriptions.values()]
        for payload in self._spot_events.payloads(event) if listeners else ():
            for session in listeners:
                session.send_event(event.account_id, payload)
