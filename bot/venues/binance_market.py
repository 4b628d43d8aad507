"""Binance market data as feeds: which connections there are, and what is done when one channel falls silent.

Every connection carries up to `CHANNELS_MAX` channels. A silent connection is its stream's business. A silent channel
on a connection that works is subscribed anew, up to `RESUBSCRIBE_TRIES` times; if that does not help, the stream moves
to a new connection, at most once in `MOVE_EVERY_S`: a coin whose price simply stands still must not disturb the
others, and what is not fresh is not traded on anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from bot.domain.events import Market
from bot.domain.market import Quote
from bot.domain.units import SECOND_NS
from bot.venues.binance import (
    SPOT_MARKET_URL,
    SPOT_STREAM_HOST,
    UNREADABLE,
    USDM_BOOK_URL,
    USDM_MARK_URL,
    USDM_STREAM_HOST,
    Acknowledged,
    Channel,
    Control,
    MarketParser,
    RequestRefused,
    ShutdownAnnounced,
    combined_url,
    spot_channels,
    subscription,
    usdm_book_channels,
    usdm_mark_channels,
)
from bot.venues.link import Link
from bot.venues.ports import Sink
from bot.venues.stream import Limits, Stream, World

CHANNELS_MAX = 100
RESUBSCRIBE_EVERY_S = 2.0
RESUBSCRIBE_TRIES = 3
MOVE_EVERY_S = 300.0


class MarketHandler:
    """The frames of one connection of market data."""

    def __init__(self, host: str, base: str, channels: Sequence[Channel], sink: Sink) -> None:
        self.host = host
        self._url = combined_url(base, channels)
        self._parser = MarketParser(channels)
        self._parse = self._parser.parse
        self._sink = sink
        self._tries: dict[str, int] = {}
        self._requests = 0
        self._subscribed_ns = 0
        self._moved_ns = 0

    async def url(self) -> str:
        """The combined stream of the channels."""
        return self._url

    def opened(self, link: Link, *, anew: bool) -> None:
        """The address subscribes; after a gap the venue may number anew."""
        self._tries.clear()
        if anew:
            self._parser.forget()

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """Decode and hand on: this is the way of every quote."""
        try:
            event = self._parse(payload, received_ns)
        except UNREADABLE as error:
            link.bad(str(error))
            return
        if event.__class__ is Quote and link.up:
            self._sink(event)
        else:
            self._hand_on(link, event)

    def tick(self, link: Link, now_ns: int) -> None:
        """Look for channels that fell silent while the connection works."""
        if not link.up or link.retired.done():
            return
        silent = [channel for channel in self._parser.channels if self._check(channel, link, now_ns)]
        if any(channel.outdated for channel in silent):
            link.end("sequence numbers went back")
        elif silent and now_ns - self._subscribed_ns >= RESUBSCRIBE_EVERY_S * SECOND_NS:
            self._revive(link, silent, now_ns)

    def _hand_on(self, link: Link, event: Market | Control | None) -> None:
        match event:
            case ShutdownAnnounced():
                link.retire("the server announced its shutdown")
            case RequestRefused(code=code):
                link.bad(f"a subscription was refused ({code})")
            case Acknowledged():
                pass
            case None:
                link.confirm()
            case _:
                link.confirm()
                self._sink(event)

    def _check(self, channel: Channel, link: Link, now_ns: int) -> bool:
        if now_ns - max(channel.received_ns, link.opened_ns) > channel.silence_s_max * SECOND_NS:
            return True
        channel.outdated = 0
        self._tries.pop(channel.name, None)
        return False

    def _revive(self, link: Link, silent: list[Channel], now_ns: int) -> None:
        triable = [channel for channel in silent if self._tries.get(channel.name, 0) < RESUBSCRIBE_TRIES]
        if triable:
            self._subscribed_ns = now_ns
            for channel in triable:
                self._tries[channel.name] = self._tries.get(channel.name, 0) + 1
            for method in ("UNSUBSCRIBE", "SUBSCRIBE"):
                self._requests += 1
                link.send(subscription(method, triable, self._requests))
        elif not self._moved_ns or now_ns - self._moved_ns >= MOVE_EVERY_S * SECOND_NS:
            self._moved_ns = now_ns
            link.retire(f"{silent[0].name} is silent")


class MarketFeed:
    """Market data over several connections. `streams` tells how each of them is."""

    def __init__(self, name: str, streams: Sequence[Stream]) -> None:
        self.name = name
        self.streams = tuple(streams)

    async def run(self) -> None:
        """Run every connection until cancelled."""
        async with asyncio.TaskGroup() as group:
            for stream in self.streams:
                group.create_task(stream.run(), name=stream.name)


def spot_market(symbols: Iterable[str], sink: Sink, world: World, limits: Limits | None = None) -> MarketFeed:
    """Best price and book of spot symbols: `Quote` and `Depth`."""
    channels = spot_channels(sorted(symbols))
    streams = _streams("binance.spot.book", SPOT_STREAM_HOST, SPOT_MARKET_URL, channels, sink, world, limits)
    return MarketFeed("binance.spot.market", streams)


def usdm_market(symbols: Iterable[str], sink: Sink, world: World, limits: Limits | None = None) -> MarketFeed:
    """Best price, book and mark price of USD-M symbols: `Quote`, `Depth` and `Mark`."""
    names = sorted(symbols)
    host = USDM_STREAM_HOST
    books = _streams("binance.usdm.book", host, USDM_BOOK_URL, usdm_book_channels(names), sink, world, limits)
    marks = _streams("binance.usdm.mark", host, USDM_MARK_URL, usdm_mark_channels(names), sink, world, limits)
    return MarketFeed("binance.usdm.market", (*books, *marks))


def _streams(
    name: str, host: str, base: str, channels: Sequence[Channel], sink: Sink, world: World, limits: Limits | None
) -> tuple[Stream, ...]:
    parts = [channels[start : start + CHANNELS_MAX] for start in range(0, len(channels), CHANNELS_MAX)]
    return tuple(
        Stream(
            name if number == 1 else f"{name}.{number}",
            MarketHandler(host, base, part, sink),
            sink,
            world,
            limits or Limits(),
        )
        for number, part in enumerate(parts, start=1)
    )
