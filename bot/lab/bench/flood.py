"""Frames at full speed, or paced, through the daemon's own way of a quote: what a frame costs.

Measured is the CPU time of the whole client process (all threads, user and system) from the moment the frames are
asked for until the last one is seen, divided by the frames: reading the socket, TLS, the websocket, `Link`, the
parser, the inbox, the loop and the engine, nothing taken off. Frames of one instrument that arrive within a turn of
the event loop conflate, as they do in the daemon; `decided` counts the quotes that the engine was handed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec
from picows import ws_connect

from bot.domain.events import Event
from bot.lab.bench.frames import SYMBOLS
from bot.lab.bench.near_end import Far
from bot.runtime.clock import SystemClock
from bot.runtime.loop import Loop
from bot.venues.binance import SPOT_STREAM_HOST, Channel, spot_channels
from bot.venues.binance_market import MarketHandler
from bot.venues.link import Link
from bot.venues.ports import Sink
from bot.venues.stream import Limits, Stream

WARM_UP_FRAMES = 2_000
LOOK_EVERY_S = 0.01
DEADLINE_S = 120.0
_NOT_COUNTED = 1
"""The address names a count for clients that cannot ask for one; ours always ask."""


class Flooded(msgspec.Struct, frozen=True):
    """What a flood cost: CPU nanoseconds, frames that arrived, quotes that the engine was handed."""

    cpu_ns: int
    frames: int
    decided: int

    @property
    def us(self) -> float:
        """CPU microseconds a frame."""
        return self.cpu_ns / self.frames / 1_000


class Lost(Exception):
    """Frames were dropped or did not arrive: the measurement means nothing."""


@dataclass(slots=True)
class Tap:
    """An open connection: how to ask for frames and how far they have come."""

    ask: Callable[[bytes], None]
    arrived: Callable[[], int]
    healthy: Callable[[], bool]

    async def draw(self, count: int, rate: int = 0) -> int:
        """Have `count` more frames sent and wait for the last of them; the CPU nanoseconds that took."""
        wanted = self.arrived() + count
        began = time.process_time_ns()
        self.ask(f"{count}:{rate}".encode() if rate else str(count).encode())
        async with asyncio.timeout(DEADLINE_S):
            while self.arrived() < wanted:  # noqa: ASYNC110 - setting an event would lie on the way that is measured
                await asyncio.sleep(LOOK_EVERY_S)
        spent = time.process_time_ns() - began
        if not self.healthy():
            raise Lost("frames were dropped on the way")
        return spent


class _Seen(MarketHandler):
    """The daemon's handler; the link that it gets is kept, to ask for frames on."""

    def __init__(self, base: str, channels: Sequence[Channel], sink: Sink) -> None:
        super().__init__(SPOT_STREAM_HOST, base, channels, sink)
        self.links: asyncio.Queue[Link] = asyncio.Queue()

    def opened(self, link: Link, *, anew: bool) -> None:
        """Keep the link."""
        super().opened(link, anew=anew)
        self.links.put_nowait(link)


class _Alone:
    """The owner of a link without a stream: plain websockets, which `Stream` refuses."""

    def __init__(self) -> None:
        self.bad_frames = 0

    def confirmed(self) -> None:
        """Nobody waits for it."""

    def count_bad(self, link: Link, what: str) -> None:
        """Counted."""
        self.bad_frames += 1


@contextlib.asynccontextmanager
async def secure(far: Far, kind: str, sink: Sink, clock: SystemClock) -> AsyncIterator[Tap]:
    """The daemon's `Stream` over TLS under the venue's host name."""
    channels = spot_channels(SYMBOLS)
    handler = _Seen(f"wss://{SPOT_STREAM_HOST}/{kind}/{_NOT_COUNTED}", channels, sink)
    stream = Stream("bench", handler, sink, far.world(clock, []), Limits())
    running = asyncio.create_task(stream.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            link = await handler.links.get()
        yield _tap(link, channels, lambda: stream.bad_frames == 0 and stream.connects == 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def plain(far: Far, kind: str, sink: Sink, clock: SystemClock) -> AsyncIterator[Tap]:
    """The same link, handler and parser without TLS."""
    channels = spot_channels(SYMBOLS)
    owner = _Alone()
    handler = _Seen(far.plain_url(f"{kind}/{_NOT_COUNTED}"), channels, sink)
    link = Link(owner, handler, clock.now_ns, number=1, anew=True)
    await ws_connect(lambda: link, await handler.url())
    try:
        yield _tap(link, channels, lambda: owner.bad_frames == 0 and not link.ended.done())
    finally:
        link.end("done")
        await link.left()


def _tap(link: Link, channels: Sequence[Channel], healthy: Callable[[], bool]) -> Tap:
    return Tap(
        ask=link.send,
        arrived=lambda: max(0, *(channel.sequence for channel in channels)),
        healthy=lambda: healthy() and not any(channel.outdated for channel in channels),
    )


async def through(
    loop: Loop, far: Far, kind: str, count: int, *, tls: bool, each: bool = False, rate: int = 0
) -> Flooded:
    """Flood the daemon's loop. `each`: no conflation, every frame goes through inbox, loop and engine by
    itself, without a turn of the event loop between.

    Raises Lost, and AssertionError when a quote led to a command: the portfolio has to stay in band.
    """

    def put_and_drain(event: Event) -> None:
        loop.inbox.put(event)
        loop.drain()

    opened = (secure if tls else plain)(far, kind, put_and_drain if each else loop.put, SystemClock())
    async with opened as tap:
        await tap.draw(WARM_UP_FRAMES)
        sequence, conflated = loop.sequence, loop.inbox.conflated
        spent = await tap.draw(count, rate)
        assert loop.broken is None, "the loop broke while it was measured"
        assert loop.sequence == sequence, "the portfolio left its band while it was measured"
        return Flooded(spent, count, count - (loop.inbox.conflated - conflated))
