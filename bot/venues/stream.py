"""One websocket that stays: it connects, watches itself, and connects again.

A `Stream` keeps one `Link` (a connection over picows) to the address that its `Handler` names, and hands every whole
text frame to the handler. What it promises:

- **Up means data.** A link is up when the handler confirms it: at the first frame that made sense, or at the venue's
  acknowledgement. A subscription is never assumed. `StreamChanged` is emitted when up turns to down and back, and
  when the reason for being down changes.
- **Silence ends it.** Where data never pauses (`silence_s`), a link without data is ended even if the venue answers
  pings. Everywhere, a link that answers no ping is ended. Both need the event loop to have run meanwhile: after a
  stall of our own the watchdog looks again before it judges.
- **It ends once.** Whoever finds a link wanting calls `end` with the reason; the reason travels into the event.
- **Reconnecting is bounded**, by backoff here and by `Dialling` for all streams of a venue together.
- **Leaving early overlaps.** A link that gets old (`age_s`; the venue cuts at 24 h) or whose server announces its
  shutdown is retired: a successor is opened and confirmed while the old link still works, so nothing is missed and
  nothing goes down. Frames of both arrive meanwhile; sequence numbers and the engine drop what came twice.

No text of this module quotes an address or a frame: a user stream's address holds its listen key.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from picows import WSError, ws_connect

from bot.domain.events import StreamChanged
from bot.domain.units import SECOND_NS, AccountId, Nanos
from bot.venues.dialling import Dialling, backoff_s
from bot.venues.link import FRAME_BYTES_MAX, LEAVE_S, REASON_LENGTH_MAX, Handler, Link, Unreachable, describe
from bot.venues.net import Pin, socket_factory
from bot.venues.ports import Sink

if TYPE_CHECKING:
    from picows.url import WSParsedURL

WATCH_EVERY_S = 0.5
STALL_NS = 2 * SECOND_NS
"""A longer pause between two looks of the watchdog is our own standstill, not the venue's."""
SHORT_LIVED_PAUSE_S = 30.0
"""How long a stream whose links keep ending early waits at most: it must not use up what the others may need."""
BAD_FRAMES_MAX = 10
BAD_WINDOW_NS = 60 * SECOND_NS

# picows logs the handshake, address and all, below DEBUG: this keeps it out whatever the root logger's level is.
_PICOWS_LOGGER = logging.getLogger("bot.venues.stream.picows")
_PICOWS_LOGGER.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a stream needs of the world. `log` takes one line; its rate is bounded by the streams themselves."""

    pin: Pin
    context: ssl.SSLContext
    clock: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    rng: random.Random
    dialling: Dialling
    log: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take on one stream. `silence_s` is None where silence is normal."""

    silence_s: float | None = 5.0
    connect_s: float = 5.0
    confirm_s: float = 10.0
    ping_after_s: float = 4.0
    dead_after_s: float = 8.0
    age_s: float = 23 * 3600.0
    settled_s: float = 30.0
    """A link that lived as long was a good one: it is replaced at once, without backoff."""


class Stream:
    """A websocket by name. `connects` counts links that stood, `bad_frames` frames that were dropped."""

    def __init__(
        self,
        name: str,
        handler: Handler,
        sink: Sink,
        world: World,
        limits: Limits,
        account: AccountId | None = None,
    ) -> None:
        self.name = name
        self.up = False
        self.connects = 0
        self.bad_frames = 0
        self._handler = handler
        self._sink = sink
        self._world = world
        self._limits = limits
        self.account = account
        """Whose private stream this is; None for public data."""
        self._socket = socket_factory(world.pin)
        self._links: list[Link] = []
        self._last_frame_ns = 0
        self._numbers = 0
        self._reported: str | None = None
        self._short_lived = 0
        self._bad_at: deque[int] = deque(maxlen=BAD_FRAMES_MAX + 1)

    @property
    def last_frame_ns(self) -> int:
        """When the last text frame arrived; 0 before the first."""
        return max(self._last_frame_ns, *(link.last_frame_ns for link in self._links), 0)

    async def run(self) -> None:
        """Run until cancelled. Raises what a handler raised: that is a bug, not the venue's doing."""
        try:
            while True:
                link: Link | None = await self._reach(anew=True)
                while link is not None:
                    link = await self._follow(link)
        finally:
            for link in tuple(self._links):
                link.end("stopped")

    def restart(self, reason: str) -> None:
        """Cut every link and connect anew."""
        for link in tuple(self._links):
            link.end(reason)

    def confirmed(self) -> None:
        """A link of this stream is served."""
        if not self.up:
            self.up = True
            self._report("connected")

    def count_bad(self, link: Link, what: str) -> None:
        """Drop and count a frame; too many within a minute end the link."""
        now = self._world.clock()
        self.bad_frames += 1
        self._bad_at.append(now)
        self._world.log(f"{self.name}: a frame was dropped: {what[:REASON_LENGTH_MAX]}")
        if len(self._bad_at) > BAD_FRAMES_MAX and now - self._bad_at[0] <= BAD_WINDOW_NS:
            self._bad_at.clear()
            link.end(f"more than {BAD_FRAMES_MAX} unusable frames within a minute")

    # One link follows another.

    async def _follow(self, link: Link) -> Link | None:
        """The successor that has relieved this link, or None when it ended without one."""
        await _first(link.ended, link.retired)
        successor = None
        if not link.ended.done():
            self._world.log(f"{self.name}: moving to a new connection: {link.retired.result()}")
            successor = await self._relieve(link)
        link.end("relieved")
        await self._leave(link)
        if successor is None:
            self._down(link.ended.result())
        return successor

    async def _relieve(self, link: Link) -> Link | None:
        reaching = asyncio.create_task(self._reach_confirmed())
        try:
            await _first(link.ended, reaching)
            return reaching.result() if reaching.done() else None
        finally:
            reaching.cancel()

    async def _reach_confirmed(self) -> Link:
        while True:
            link = await self._reach(anew=False)
            try:
                await _first(link.ended, link.confirmed)
            except asyncio.CancelledError:
                link.end("not needed any more")
                raise
            if not link.ended.done():
                return link
            await self._leave(link)
            self._world.log(f"{self.name}: {link.ended.result()}")

    async def _leave(self, link: Link) -> None:
        try:
            await link.left()
        except TimeoutError:
            self._world.log(f"{self.name}: a connection did not close within {LEAVE_S:g} s")
        except WSError as error:
            self._world.log(f"{self.name}: {type(error).__name__}")
        lived_ns = self._world.clock() - link.opened_ns
        self._short_lived = 0 if lived_ns >= self._limits.settled_s * SECOND_NS else self._short_lived + 1

    # Getting a link.

    async def _reach(self, *, anew: bool) -> Link:
        while True:
            if self._short_lived:
                await self._world.sleep(backoff_s(self._short_lived, self._world.rng, SHORT_LIVED_PAUSE_S))
            try:
                return await self._dial(anew=anew)
            except Unreachable as trouble:
                self._world.log(f"{self.name}: {trouble}")
                if anew:
                    self._down(str(trouble))

    async def _dial(self, *, anew: bool) -> Link:
        host, dialling, clock = self._handler.host, self._world.dialling, self._world.clock
        try:
            url = await self._handler.url()
        except Unreachable:
            self._short_lived += 1
            raise
        while (wait_ns := dialling.ask(host, clock())) > 0:
            await self._world.sleep(min(wait_ns / SECOND_NS, WATCH_EVERY_S))
        self._numbers += 1
        link = Link(self, self._handler, clock, number=self._numbers, anew=anew)
        try:
            await self._connect(link, url)
        except Unreachable:
            dialling.failed(host, clock(), reached=link.reached)
            raise
        dialling.succeeded(host)
        self.connects += 1
        self._keep(link)
        return link

    async def _connect(self, link: Link, url: str) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._open(link, url)
        except (OSError, WSError) as error:
            link.end("not opened")
            raise Unreachable(describe(error, self._limits.connect_s)) from None
        except asyncio.CancelledError:
            link.end("stopped")
            raise

    async def _open(self, link: Link, url: str) -> None:
        async def connected_socket(parsed: WSParsedURL) -> socket.socket:
            found = await self._socket(parsed)
            link.reached = True
            return found

        await ws_connect(
            lambda: link,
            url,
            ssl_context=self._world.context,
            socket_factory=connected_socket,
            max_redirects=0,
            max_frame_size=FRAME_BYTES_MAX,
            websocket_handshake_timeout=self._limits.connect_s,
            logger_name=_PICOWS_LOGGER,
            # Its transports read once per readiness and trust to be woken again. uvloop gives up polling a descriptor
            # that has an error, so a reset that comes together with data would never be heard of.
            use_aiofastnet=False,
            ssl_shutdown_timeout=LEAVE_S,
        )
        if not link.opened_ns:
            # picows returns as if all were well when the connection goes before the handshake is answered.
            raise ConnectionResetError(errno.ECONNRESET, "lost during the handshake")

    def _keep(self, link: Link) -> None:
        self._links.append(link)
        watchdog = asyncio.create_task(self._watch(link))

        def ended(_: object) -> None:
            self._links.remove(link)
            self._last_frame_ns = max(self._last_frame_ns, link.last_frame_ns)
            watchdog.cancel()

        def watched(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (bug := task.exception()) is not None and not link.ended.done():
                link.ended.set_exception(bug)

        link.ended.add_done_callback(ended)
        watchdog.add_done_callback(watched)

    # Watching it.

    async def _watch(self, link: Link) -> None:
        previous_ns = self._world.clock()
        while True:
            await self._world.sleep(WATCH_EVERY_S)
            now_ns = self._world.clock()
            stood_still = now_ns - previous_ns > STALL_NS
            previous_ns = now_ns
            if stood_still:
                continue
            if (why := self._fault(link, now_ns)) is not None:
                return link.end(why)
            if now_ns - link.opened_ns >= self._limits.age_s * SECOND_NS:
                link.retire("it is old")
            seen_ns = max(link.last_frame_ns, link.last_seen_ns, link.pinged_ns)
            if now_ns - seen_ns >= self._limits.ping_after_s * SECOND_NS:
                link.ping(now_ns)
            self._handler.tick(link, now_ns)

    def _fault(self, link: Link, now_ns: int) -> str | None:
        limits = self._limits
        data_ns = max(link.last_frame_ns, link.opened_ns)
        if limits.silence_s is not None and now_ns - data_ns > limits.silence_s * SECOND_NS:
            return f"no data for {limits.silence_s:g} s"
        if not link.up and now_ns - link.opened_ns > limits.confirm_s * SECOND_NS:
            return f"not served within {limits.confirm_s:g} s of connecting"
        if now_ns - max(link.last_frame_ns, link.last_seen_ns) > limits.dead_after_s * SECOND_NS:
            return f"no sign of life for {limits.dead_after_s:g} s"
        return None

    # Saying so.

    def _down(self, reason: str) -> None:
        self.up = False
        if self._reported != reason:
            self._report(reason)

    def _report(self, reason: str) -> None:
        self._reported = reason
        received_ns = Nanos(self._world.clock())
        self._sink(StreamChanged(self.name, self.up, reason, received_ns, self.account))


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
