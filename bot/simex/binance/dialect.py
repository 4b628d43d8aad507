"""Binance as a whole: which host answers what, and where the exchange's events go. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from bot.simex import hosts
from bot.simex.binance.errors import FRONT_REFUSALS, UNAVAILABLE_VARIANTS, VenueError
from bot.simex.binance.futures import Futures
from bot.simex.binance.gate import KeyRing, Route
from bot.simex.binance.lifetimes import DAY_MS, Lifetimes
from bot.simex.binance.limits import COINM_LIMITS, SPOT_LIMITS, USDM_LIMITS, Limits, RateLimiter
from bot.simex.binance.listen_keys import ListenKeys, looks_like_listen_key
from bot.simex.binance.marketplace import Marketplace
from bot.simex.binance.rest_candles import CandleRest
from bot.simex.binance.rest_derivatives import DerivativesRest
from bot.simex.binance.rest_listen_key import ListenKeyRest
from bot.simex.binance.rest_market import MarketRest
from bot.simex.binance.router import Router, unknown_route
from bot.simex.binance.spot import Spot
from bot.simex.binance.streams import MarketFrames
from bot.simex.binance.subscriptions import COINM_STREAMS_MAX, STREAMS_MAX, Hub, MarketSession, is_zoned, opening
from bot.simex.binance.tape import Tape
from bot.simex.binance.telling import FuturesUsers, MarketTeller, Silence, Teller, UserTeller
from bot.simex.binance.time_unit import unit_of
from bot.simex.binance.user_events import FuturesUserEvents
from bot.simex.binance.wsapi import ApiSession, Logger, Methods
from bot.simex.binance.wsapi_futures import COINM_METHODS, COINM_PATH, USDM_METHODS, USDM_PATH
from bot.simex.binance.wsapi_spot import PATH as SPOT_PATH
from bot.simex.binance.wsapi_spot import SPOT_METHODS
from bot.simex.config import ApiKey
from bot.simex.core.events import Event
from bot.simex.core.exchange import Exchange
from bot.simex.timeline import Timeline
from bot.simex.wire import HERE, Request, Response, Session, SocketRules, Trace

Push = Callable[[str], None]
HangUp = Callable[[], None]
SPOT, USDM, COINM = "spot", "usdm", "coinm"
CONNECTS_MAX: Final = 300
"""Attempts of an address in five minutes, for each host."""
API_RULES: Final = SocketRules(20.0, 60.0, messages_per_s=1_000, connects_per_5_min=CONNECTS_MAX)
"""The websocket API has request weights instead of a message rate."""
_FUTURES_RULES = SocketRules(180.0, 600.0, messages_per_s=10, connects_per_5_min=CONNECTS_MAX)
_SOCKET_RULES: Final = {
    hosts.SPOT_STREAM: SocketRules(20.0, 60.0, messages_per_s=5, connects_per_5_min=CONNECTS_MAX),
    hosts.USDM_STREAM: _FUTURES_RULES,
    hosts.COINM_STREAM: _FUTURES_RULES,
}
_STREAMS: Final = {hosts.SPOT_STREAM: SPOT, hosts.USDM_STREAM: USDM, hosts.COINM_STREAM: COINM}
_APIS: Final[dict[str, tuple[str, str, Methods]]] = {
    hosts.SPOT_WS_API: (SPOT, SPOT_PATH, SPOT_METHODS),
    hosts.USDM_WS_API: (USDM, USDM_PATH, USDM_METHODS),
    hosts.COINM_WS_API: (COINM, COINM_PATH, COINM_METHODS),
}


def _stay() -> None:
    """A connection that cannot be hung up."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How far the exchange differs from an immediate one: queries lag, limits are multiplied, connections end.

    `replica_lag_ms`: each query is from 0 to so much further behind.
    """

    query_lag_ms: int = 0
    limits_factor: int = 1
    connection_ms: int = DAY_MS
    replica_lag_ms: int = 0


class Binance:
    """The Binance dialect of one exchange."""

    hosts = hosts.BINANCE

    def __init__(
        self,
        exchange: Exchange,
        timeline: Timeline,
        keys: Iterable[ApiKey],
        log: Logger,
        behaviour: Behaviour | None = None,
    ) -> None:
        chosen = behaviour or Behaviour()
        self.timeline = timeline
        self.keys = KeyRing.of(keys)
        self.silence = Silence()
        self.lifetimes = Lifetimes(chosen.connection_ms)
        self._log = log
        self._exchange = exchange
        factor = self._limits_factor = chosen.limits_factor
        limits = {SPOT: SPOT_LIMITS, USDM: USDM_LIMITS, COINM: COINM_LIMITS}
        self.limiters = {market: RateLimiter(_scaled(one, factor)) for market, one in limits.items()}
        self.listen_keys = {market: ListenKeys() for market in (USDM, COINM)}
        self.tape = Tape(timeline.server_ms(), timeline.wire_ms)
        lag_ms = chosen.query_lag_ms
        self.spot = Spot(exchange, timeline, self.limiters[SPOT], lag_ms)
        self.futures = {
            market: Futures(exchange, timeline, market, self.limiters[market], lag_ms) for market in (USDM, COINM)
        }
        desks = {SPOT: self.spot.desk, **{market: one.desk for market, one in self.futures.items()}}
        self._replicas = (self.spot.desk.replica, *(one.desk.replica for one in self.futures.values()))
        for replica in self._replicas:
            replica.spread_ms = chosen.replica_lag_ms
        markets = {market: Marketplace(desk, self.tape) for market, desk in desks.items()}
        self._hubs = {market: Hub() for market in markets}
        self._frames = {market: MarketFrames(one, self._hubs[market]) for market, one in markets.items()}
        self._users = tuple(
            FuturesUsers(one.desk, FuturesUserEvents(one.desk), self.listen_keys[market], self._hubs[market])
            for market, one in self.futures.items()
        )
        watchers = {SPOT: self.spot.desk.lists.traded, USDM: self.futures[USDM].desk.watch}
        self._market_teller = MarketTeller(timeline, self.tape, self._frames, self.silence, watchers)
        self._user_teller = UserTeller(timeline, self.silence, self.spot.desk, self._users)
        self._teller = Teller(self._market_teller, self._user_teller)
        routes = {market: self._routes(market, one) for market, one in markets.items()}
        self.routes = [(market, one.method, one.path) for market, found in routes.items() for one in found]
        """Market, method and path of every endpoint."""
        self.routers = {
            market: Router(found, self.keys, self.limiters[market], timeline.server_ms)
            for market, found in routes.items()
        }
        self._see_books()

    def _routes(self, market: str, place: Marketplace) -> list[Route]:
        public = [*MarketRest(place, self.limiters[market]).routes(), *CandleRest(place).routes()]
        if market == SPOT:
            return [*public, *self.spot.routes()]
        users = next(one for one in self._users if one.desk.market == market)
        keys = ListenKeyRest(users.desk, users.keys, users.ended).routes()
        return [*public, *DerivativesRest(place).routes(), *self.futures[market].routes(), *keys]

    def _see_books(self) -> None:
        """Take note of the books and marks that were there before anything was told."""
        now_ms = self.timeline.server_ms()
        for key, instrument in self._exchange.instruments.items():
            bid, _, ask, _ = self._exchange.top(key)
            if bid and ask:
                self.tape.quoted(instrument, now_ms, (bid + ask) // 2)

    def crowd(self, market: str, weight: int) -> None:
        """Let other programs behind the clients' address use so much request weight of every minute."""
        self.limiters[market].others_weight = weight

    # ------------------------------------------------------------------------------------------------------- http
    def respond(self, request: Request) -> Response:
        """Answer an HTTP request to one of `hosts`."""
        router = self.router_of(request.host)
        for replica in self._replicas:
            replica.draw()
        return unknown_route(request) if router is None else router.respond(request)

    def describe(self, request: Request) -> Trace:
        """What an HTTP request says of itself, without carrying it out."""
        router = self.router_of(request.host)
        return Trace(verdict="no_route") if router is None else router.describe(request)

    def refusal(self, name: str, request: Request) -> Response:
        """What the front says: the documented bodies of a 503, or what is wrong with a request as such."""
        if name in FRONT_REFUSALS:
            return self.error(*FRONT_REFUSALS[name])
        body = dict(UNAVAILABLE_VARIANTS[name])
        if "code" not in body:
            body = {"timestamp": self.timeline.server_ms(), "path": request.path, **body}
        return Response(503, msgspec.json.encode(body))

    def error(self, status: int, code: int, text: str) -> Response:
        """An answer with a code."""
        return Response(status, VenueError(code, text).body())

    def rules(self, host: str) -> SocketRules:
        """The websocket rules of a host."""
        rules = _SOCKET_RULES.get(host, API_RULES)
        return replace(rules, connects_per_5_min=rules.connects_per_5_min * self._limits_factor)

    def router_of(self, host: str) -> Router | None:
        """The router of a REST host, or None for any other."""
        if host in hosts.SPOT_REST:
            return self.routers[SPOT]
        market = {hosts.USDM_REST: USDM, hosts.COINM_REST: COINM}.get(host)
        return None if market is None else self.routers[market]

    # -------------------------------------------------------------------------------------------------- websockets
    def connect(
        self, host: str, path: str, query: str, push: Push, hang_up: HangUp = _stay, address: str = HERE
    ) -> Session | None:
        """The session of a new websocket connection, or None where there is no such endpoint."""
        with suppress(VenueError):
            if host in _APIS:
                return self._api_session(host, path, query, push, hang_up, address)
            return self._market_session(host, path, query, push, hang_up)
        return None

    def _market_session(self, host: str, path: str, query: str, push: Push, hang_up: HangUp) -> Session | None:
        """The session of a stream host, refused with -1194 for a unit of time that is none."""
        market, first = _STREAMS.get(host), opening(path, query)
        most = COINM_STREAMS_MAX if market == COINM else STREAMS_MAX
        if market is None or first is None or len(first.streams) > most:
            return None
        if market != SPOT and any(is_zoned(one) for one in first.streams):
            return None
        session = MarketSession(
            self._hubs[market],
            push,
            first.combined,
            tells_micros=market == SPOT and unit_of(query),
            streams_max=most,
            has_zones=market == SPOT,
            on_stream=self._follow(market),
            on_closed=self.lifetimes.forget,
        )
        announce = session.announce_shutdown if market == SPOT else None
        self.lifetimes.begin(session, self.timeline.server_ms(), hang_up, announce)
        session.open([*first.streams, *first.listen_keys])
        return session

    def _follow(self, market: str) -> Callable[[MarketSession, str, bool], None]:
        frames = self._frames[market]

        def follow(session: MarketSession, stream: str, wanted: bool) -> None:
            if market != SPOT and looks_like_listen_key(stream):
                session.kind = "user"
            else:
                frames.follow(stream, wanted)

        return follow

    def _api_session(
        self, host: str, path: str, query: str, push: Push, hang_up: HangUp, address: str
    ) -> ApiSession | None:
        market, expected, methods = _APIS[host]
        if path != expected:
            return None
        now_ms = self.timeline.server_ms()
        session = ApiSession(
            host=host,
            router=self.routers[market],
            methods=methods,
            push=push,
            server_ms=self.timeline.server_ms,
            log=self._log,
            on_closed=self._forget,
            connected_ms=now_ms,
            rate_limits_shown="returnRateLimits=false" not in query,
            tells_micros=market == SPOT and unit_of(query),
            address=address,
        )
        self._user_teller.sessions[session] = None
        self.lifetimes.begin(session, now_ms, hang_up, session.announce_shutdown if market == SPOT else None)
        return session

    def _forget(self, session: ApiSession) -> None:
        self.lifetimes.forget(session)
        self._user_teller.sessions.pop(session, None)

    # ------------------------------------------------------------------------------------------------------ events
    def publish(self, events: Iterable[Event]) -> None:
        """Send the exchange's events to whoever listens."""
        self._teller.tell(events)

    def tick(self) -> None:
        """Do what is due by the clock: timed streams, orders good till a date, listen keys, ends of connections."""
        now_ms = self.timeline.server_ms()
        for one in self.futures.values():
            one.tick()
        self.expire_listen_keys(everything=False)
        self._market_teller.tick()
        self.lifetimes.tick(now_ms)

    def expire_listen_keys(self, everything: bool) -> list[str]:
        """Expire the listen keys that are due, or all; their streams are told and hear nothing more."""
        now_ms = self.timeline.server_ms()
        return [key for users in self._users for key in users.expire(now_ms, everything=everything)]


def _scaled(limits: Limits, factor: int) -> Limits:
    """Limits that are so many times as high."""
    return replace(
        limits,
        weight_per_minute=limits.weight_per_minute * factor,
        orders=tuple(replace(one, limit=one.limit * factor) for one in limits.orders),
        raw_per_5_minutes=limits.raw_per_5_minutes * factor,
    )
