"""Bybit's private stream as a feed: it says who we are, subscribes, and is up once every topic was taken.

The venue cuts a connection that says nothing, so it is pinged in the venue's own words; its answer is a sign of life.
A key that is refused does not get better by asking: the next try waits.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import msgspec

from bot.domain.units import SECOND_NS, Asset
from bot.venues.binance import UNREADABLE
from bot.venues.binance_facts import UnknownKind
from bot.venues.binance_streams import KEY_REFUSED_PAUSE_S, KINDS_REMEMBERED_MAX, REFUSED_PAUSE_S, Refresh
from bot.venues.bybit import PING, PRIVATE_URL, STREAM_HOST, Ponged, subscription
from bot.venues.bybit_routes import UNIFIED
from bot.venues.bybit_user import (
    TOPICS,
    Authenticated,
    AuthenticationRefused,
    Told,
    TopicRefused,
    TopicTaken,
    UserParser,
)
from bot.venues.link import Link
from bot.venues.ports import Sink
from bot.venues.signing import Credentials
from bot.venues.stream import Limits, Stream, World

PING_IDLE_S = 4.0
"""After as long without a frame the venue is pinged, so that silence is told from death."""
PING_EVERY_S = 20.0
AUTH_LIFE_MS = 10_000
"""How long our signed request to be let in stays good."""
REFUSALS = {
    10_002: "our clock is off",
    10_003: "the API key is invalid",
    10_004: "the signature is wrong",
    10_005: "the API key lacks the right",
    10_010: "the API key does not allow this address",
    33_004: "the API key has expired",
}
_KEY_REFUSALS = frozenset(REFUSALS) - {10_002}


class PrivateStream:
    """Orders, executions, positions and wallet of the unified account.

    `milliseconds` is the venue's time as far as we know it.
    """

    host = STREAM_HOST

    def __init__(
        self,
        credentials: Credentials,
        milliseconds: Callable[[], int],
        settle: Asset,
        sink: Sink,
        refresh: Refresh,
        world: World,
        limits: Limits | None = None,
    ) -> None:
        self.name = "bybit.unified.user"
        self.stream = Stream(self.name, self, sink, world, limits or Limits(silence_s=None), UNIFIED)
        self._credentials = credentials
        self._milliseconds = milliseconds
        self._parser = UserParser(settle)
        self._sink = sink
        self._refresh = refresh
        self._world = world
        self._waiting: dict[int, set[str]] = {}
        self._unknown: set[str] = set()
        self._not_before_ns = 0
        self._pinged_ns = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        await self.stream.run()

    async def url(self) -> str:
        """The private stream, not too soon after it refused us."""
        while (wait_ns := self._not_before_ns - self._world.clock()) > 0:
            await self._world.sleep(wait_ns / SECOND_NS)
        return PRIVATE_URL

    def opened(self, link: Link, *, anew: bool) -> None:
        """Say who we are; what is asked for follows once the venue knows."""
        self._waiting = {number: topics for number, topics in self._waiting.items() if number >= link.number - 1}
        self._waiting[link.number] = set(TOPICS)
        link.send(auth_request(self._credentials, self._milliseconds() + AUTH_LIFE_MS))

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """Facts to the sink; answers to our own requests confirm or end the link."""
        try:
            told = self._parser.parse(payload, received_ns)
        except UNREADABLE as error:
            link.bad(str(error))
            self._refresh(UNIFIED, "a frame of the private stream could not be read")
            return
        for one in told:
            self._take(link, one)

    def tick(self, link: Link, now_ns: int) -> None:
        """Ping in the venue's words: by the clock, and sooner where nothing comes."""
        since_ns = now_ns - max(self._pinged_ns, link.opened_ns)
        idle_ns = now_ns - max(link.last_frame_ns, link.opened_ns)
        if since_ns >= PING_EVERY_S * SECOND_NS or min(idle_ns, since_ns) >= PING_IDLE_S * SECOND_NS:
            self._pinged_ns = now_ns
            link.send(PING)

    def _take(self, link: Link, told: Told) -> None:
        match told:
            case Authenticated():
                for topic in TOPICS:
                    link.send(subscription("subscribe", topic))
            case AuthenticationRefused(code=code):
                self._refused(link, code)
            case TopicTaken(topic=topic):
                self._taken(link, topic)
            case TopicRefused(topic=topic):
                link.end(f"the subscription of {topic[:20]!r} was refused")
            case UnknownKind(kind=kind):
                self._count_unknown(link, kind)
            case Ponged():
                pass
            case _:
                self._sink(told)

    def _taken(self, link: Link, topic: str) -> None:
        waiting = self._waiting.get(link.number, set())
        waiting.discard(topic)
        if not waiting:
            link.confirm()

    def _refused(self, link: Link, code: int) -> None:
        pause_s = KEY_REFUSED_PAUSE_S if code in _KEY_REFUSALS else REFUSED_PAUSE_S
        self._not_before_ns = self._world.clock() + int(pause_s * SECOND_NS)
        link.end(f"not let in: {REFUSALS.get(code, 'the venue said no')} ({code})")

    def _count_unknown(self, link: Link, kind: str) -> None:
        """A kind is bad news once: cutting a stream that works, over and over, because of it would be worse."""
        if kind not in self._unknown and len(self._unknown) < KINDS_REMEMBERED_MAX:
            self._unknown.add(kind)
            link.bad(f"a topic of unknown kind {kind[:40]!r}")


def auth_request(credentials: Credentials, expires_ms: int) -> bytes:
    """The request to be let in, good until `expires_ms` of the venue's clock."""
    text = f"GET/realtime{expires_ms}"
    signature = hmac.new(credentials.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return msgspec.json.encode({"req_id": "auth", "op": "auth", "args": [credentials.key, expires_ms, signature]})
