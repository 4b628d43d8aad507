"""Bybit as a whole: which host and path answers what, and where the exchange's events go. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bot.simex.bybit import hosts
from bot.simex.bybit.account import AccountRest
from bot.simex.bybit.asset import AssetRest
from bot.simex.bybit.dcp import Dcp
from bot.simex.bybit.desk import CATEGORIES, Desk
from bot.simex.bybit.entry import OrderEntry
from bot.simex.bybit.errors import MESSAGES
from bot.simex.bybit.gate import KeyRing, Route
from bot.simex.bybit.limits import RateLimits
from bot.simex.bybit.market import MarketRest
from bot.simex.bybit.market_history import MarketHistory
from bot.simex.bybit.notices import Insurance, Notices, Status
from bot.simex.bybit.order_queries import OrderQueries
from bot.simex.bybit.positions import PositionRest
from bot.simex.bybit.private import Logger, PrivateHub
from bot.simex.bybit.public import PublicFrames
from bot.simex.bybit.router import Router, envelope
from bot.simex.bybit.sessions import Line, active_ms
from bot.simex.bybit.status_stream import StatusHub
from bot.simex.bybit.stops import Stops
from bot.simex.bybit.telling import Silence, Teller
from bot.simex.bybit.trade import TradeSession
from bot.simex.bybit.user import UserRest
from bot.simex.config import ApiKey
from bot.simex.core.events import Event
from bot.simex.core.exchange import Exchange
from bot.simex.timeline import Timeline
from bot.simex.wire import HERE, Request, Response, Session, SocketRules, Trace

Push = Callable[[str], None]
SOCKET_RULES = SocketRules(ping_every_s=0.0, pong_within_s=0.0, messages_per_s=1_000, connects_per_5_min=500)
# What is wrong with a request that no endpoint is shown: the status and the words for it.
FRONT_REFUSALS = {
    "too_large": (413, "the body is too large"),
    "too_long": (414, "the URI is too long"),
    "malformed": (400, "the request is malformed, or its header is too large"),
}
# What the front's failures are called here: an unknown outcome is a timeout, a refused one a protection.
FRONT_CODES = {"unknown": 10000, "throttled": 429}


def _stay() -> None:
    """A connection that cannot be hung up."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How far the exchange differs from an immediate one: queries lag, the engine takes time, limits are multiplied.

    `replica_lag_ms`: each query is from 0 to so much further behind.
    """

    query_lag_ms: int = 0
    engine_delay_ms: int = 0
    limits_factor: int = 1
    replica_lag_ms: int = 0


class Bybit:
    """The Bybit dialect of one exchange."""

    hosts = hosts.BYBIT

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
        self.limits = RateLimits(chosen.limits_factor)
        self.notices = Notices()
        self.desk = Desk(exchange, timeline, chosen.query_lag_ms)
        self.desk.replica.spread_ms = chosen.replica_lag_ms
        self._log = log
        self.dcp = Dcp(self.desk)
        self._stops = Stops(self.desk)
        self._private = PrivateHub(self.keys, self.dcp, timeline.server_ms, log, hosts.STREAM)
        self.entry = OrderEntry(
            self.desk, lambda record: self._private.rows(record.order.account_id, [record]), chosen.engine_delay_ms
        )
        self._positions = PositionRest(self.desk, self._stops)
        self._account = AccountRest(self.desk, self.dcp)
        insurance = Insurance(self.desk)
        self._public = {name: PublicFrames(self.desk, name, insurance) for name in (*CATEGORIES, "option")}
        self._teller = Teller(
            self.desk,
            self.silence,
            private=self._private,
            public=self._public,
            positions=self._positions,
            account=self._account,
            stops=self._stops,
        )
        self._status = StatusHub(timeline.server_ms)
        self._trade: dict[TradeSession, None] = {}
        self.router = Router(self._routes(insurance), self.keys, self.limits, timeline.server_ms)
        self._lines = 0

    def _routes(self, insurance: Insurance) -> list[Route]:
        parts = (
            MarketRest(self.desk, insurance),
            MarketHistory(self.desk),
            self.entry,
            OrderQueries(self.desk),
            self._positions,
            self._stops,
            self._account,
            self.dcp,
            AssetRest(self.desk),
            UserRest(self.desk),
            self.notices,
        )
        return [route for part in parts for route in part.routes()]

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every endpoint."""
        return self.router.names()

    # ---------------------------------------------------------------------------------------------------------- http
    def respond(self, request: Request) -> Response:
        """Answer an HTTP request to one of `hosts`."""
        if request.host not in hosts.REST:
            return _no_such_host(self.timeline.server_ms())
        self.entry.run_due()
        self.desk.replica.draw()
        return self.router.respond(request)

    def describe(self, request: Request) -> Trace:
        """What an HTTP request says of itself, without carrying it out."""
        return self.router.describe(request)

    def refusal(self, name: str, request: Request) -> Response:
        """What the front says: what is wrong with a request as such, the outcome is unknown, or nobody is there."""
        if name in FRONT_REFUSALS:
            status, words = FRONT_REFUSALS[name]
            return self.error(status, 10001, f"{MESSAGES[10001]}: {words}")
        code = FRONT_CODES.get(name, 10016)
        return self.error(503 if code == 10016 else 200, code, MESSAGES[code])

    def error(self, status: int, code: int, text: str) -> Response:
        """An answer with a code."""
        return Response(status, envelope(code, text, {}, {}, self.timeline.server_ms()))

    def rules(self, host: str) -> SocketRules:
        """The venue never pings and has no message rate of its own; it counts connections, and requests.

        An acknowledgement by socket takes as long as the engine does: the order's first event is never before it.
        """
        most = SOCKET_RULES.connects_per_5_min * self.limits.factor
        return replace(SOCKET_RULES, connects_per_5_min=most, api_reply_ms=self.entry.delay_ms)

    # ---------------------------------------------------------------------------------------------------- websockets
    def connect(
        self,
        host: str,
        path: str,
        query: str,
        push: Push,
        hang_up: Callable[[], None] = _stay,
        address: str = HERE,
    ) -> Session | None:
        """The session of a new websocket connection, or None where there is no such endpoint."""
        if host != hosts.STREAM:
            return None
        self._lines += 1
        line = Line(self._lines, push, hang_up, self.timeline.server_ms, active_ms(query), address)
        if path in hosts.PUBLIC_PATHS:
            return self._public[hosts.PUBLIC_PATHS[path]].connect(line)
        if path == hosts.STATUS_PATH:
            return self._status.connect(line)
        if path == hosts.PRIVATE_PATH:
            return self._private.connect(line)
        if path != hosts.TRADE_PATH:
            return None
        session = TradeSession(line, host, self.router, self.keys, self._log, self._forget)
        self._trade[session] = None
        return session

    def _forget(self, session: TradeSession) -> None:
        self._trade.pop(session, None)

    # -------------------------------------------------------------------------------------------------------- events
    def publish(self, events: Iterable[Event]) -> None:
        """Send the exchange's events to whoever listens; what telling them causes comes with the next ones."""
        self._teller.tell(events)

    def tick(self) -> None:
        """Do what is due by the clock: delayed orders, timed topics, protection windows, silent connections."""
        self.entry.run_due()
        self.dcp.tick()
        if self.timeline.server_ms() >= self.silence.market_until_ms:
            for frames in self._public.values():
                frames.tick()
        for status in self.notices.taken():
            self._status.tell(status)
        self._cut_the_silent()

    def _cut_the_silent(self) -> None:
        lines = [
            *(one.line for one in self._private.sessions),
            *(one.line for one in self._trade),
            *(one.line for one in self._status.sessions),
            *(one.line for frames in self._public.values() for one in frames.sessions),
        ]
        for line in lines:
            if line.is_overdue():
                line.hang_up()

    # ------------------------------------------------------------------------------------------------------- control
    def restart(self) -> None:
        """The venue's service was restarted: books begin again with u = 1, recently closed orders are forgotten."""
        self.desk.replica.cleared_ms = self.timeline.server_ms()
        for frames in self._public.values():
            frames.restart()

    def restart_trade(self) -> None:
        """The trade service is restarting: the connections there are take no new request, fresh ones do."""
        for session in self._trade:
            session.restarting = True

    def announce(self, status: Status) -> None:
        """Announce a maintenance or its new state."""
        self.notices.tell(status)


def _no_such_host(now_ms: int) -> Response:
    return Response(404, envelope(10017, "Route not found.", {}, {}, now_ms), trace=Trace(verdict="no_route"))
