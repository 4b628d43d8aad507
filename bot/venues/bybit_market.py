"""Bybit's public market data as feeds: which connections there are, and what keeps each topic alive.

One connection carries one category's topics. Nothing is subscribed by the address: each topic is asked for by a request
of its own as soon as a link stands, and counts only once data came of it. Twice a second every topic is looked at. One
that waits for a snapshot (its differences had a gap) is subscribed anew at once; one that fell silent up to
`RESUBSCRIBE_TRIES` times, and then the stream moves to a new connection, at most once in `MOVE_EVERY_S`. If nothing at
all comes on a link, it is ended, whatever pings it answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.domain.events import Market
from bot.domain.instrument import Instrument, Kind
from bot.domain.market import Quote
from bot.domain.units import SECOND_NS
from bot.venues.binance import UNREADABLE
from bot.venues.binance_market import MOVE_EVERY_S, RESUBSCRIBE_EVERY_S, RESUBSCRIBE_TRIES, MarketFeed
from bot.venues.bybit import (
    LINEAR_URL,
    PING,
    SPOT_URL,
    STREAM_HOST,
    BookChannel,
    Channel,
    Control,
    MarkChannel,
    MarketParser,
    Ponged,
    QuoteChannel,
    Subscribed,
    SubscriptionRefused,
    subscription,
)
from bot.venues.link import Link
from bot.venues.ports import Sink
from bot.venues.stream import Limits, Stream, World

CHANNELS_MAX = 100
PING_EVERY_S = 20.0
REPAIR_EVERY_S = 0.5
REPAIRS_MAX = 20
"""A topic that has so many gaps within `REPAIRS_WINDOW_S` is not repaired any more: the connection is."""
REPAIRS_WINDOW_S = 60.0


class MarketHandler:
    """The frames of one connection of market data."""

    host = STREAM_HOST

    def __init__(self, url: str, channels: Sequence[Channel], sink: Sink) -> None:
        self._url = url
        self._parser = MarketParser(channels)
        self._parse = self._parser.parse
        self._sink = sink
        self._tries: dict[str, int] = {}
        self._gaps: dict[str, list[int]] = {}
        self._asked_ns: dict[str, int] = {}
        self._pinged_ns = 0
        self._moved_ns = 0

    async def url(self) -> str:
        """The category's address."""
        return self._url

    def opened(self, link: Link, *, anew: bool) -> None:
        """Ask for every topic; each begins with a snapshot. After a gap what was known is forgotten at once."""
        self._tries.clear()
        self._gaps.clear()
        if anew:
            self._parser.forget()
        self._pinged_ns = link.opened_ns
        for channel in self._parser.channels:
            self._ask(link, channel, link.opened_ns)

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
        """Ping, and look for topics that wait for a snapshot or fell silent."""
        if now_ns - self._pinged_ns >= PING_EVERY_S * SECOND_NS:
            self._pinged_ns = now_ns
            link.send(PING)
        if link.retired.done():
            return
        for channel in self._parser.channels:
            if channel.lost:
                self._repair(link, channel, now_ns)
        silent = [channel for channel in self._parser.channels if self._is_silent(channel, link, now_ns)]
        if any(channel.outdated for channel in silent):
            link.end("sequence numbers went back")
        elif silent and len(silent) == len(self._parser.channels):
            link.end("no topic says anything")
        elif link.up:
            for channel in silent:
                self._revive(link, channel, now_ns)

    def _hand_on(self, link: Link, event: Market | Control | None) -> None:
        match event:
            case SubscriptionRefused(topic=topic):
                link.bad(f"the subscription of {topic[:40]!r} was refused")
            case Subscribed() | Ponged() | None:
                pass
            case _:
                link.confirm()
                self._sink(event)

    def _is_silent(self, channel: Channel, link: Link, now_ns: int) -> bool:
        if now_ns - max(channel.received_ns, link.opened_ns) > channel.silence_s_max * SECOND_NS:
            return True
        if channel.received_ns:
            channel.outdated = 0
            self._tries.pop(channel.topic, None)
        return False

    def _repair(self, link: Link, channel: Channel, now_ns: int) -> None:
        """Subscribe anew for a snapshot; a topic that breaks again and again ends the link."""
        if now_ns - self._asked_ns.get(channel.topic, 0) < REPAIR_EVERY_S * SECOND_NS:
            return
        since_ns = now_ns - int(REPAIRS_WINDOW_S * SECOND_NS)
        gaps = self._gaps[channel.topic] = [at for at in self._gaps.get(channel.topic, []) if at > since_ns]
        gaps.append(now_ns)
        if len(gaps) > REPAIRS_MAX:
            link.end(f"{channel.topic} has one gap after another")
        else:
            self._ask(link, channel, now_ns, again=True)

    def _revive(self, link: Link, channel: Channel, now_ns: int) -> None:
        if now_ns - self._asked_ns.get(channel.topic, 0) < RESUBSCRIBE_EVERY_S * SECOND_NS:
            return
        tries = self._tries.get(channel.topic, 0)
        if tries < RESUBSCRIBE_TRIES:
            self._tries[channel.topic] = tries + 1
            self._ask(link, channel, now_ns, again=True)
        elif not self._moved_ns or now_ns - self._moved_ns >= MOVE_EVERY_S * SECOND_NS:
            self._moved_ns = now_ns
            link.retire(f"{channel.topic} is silent")

    def _ask(self, link: Link, channel: Channel, now_ns: int, *, again: bool = False) -> None:
        self._asked_ns[channel.topic] = now_ns
        if again:
            link.send(subscription("unsubscribe", channel.topic))
        link.send(subscription("subscribe", channel.topic))


def market(instruments: Iterable[Instrument], sink: Sink, world: World, limits: Limits | None = None) -> MarketFeed:
    """Best price and book of every instrument, mark price of contracts: `Quote`, `Depth` and `Mark`."""
    known = sorted(instruments, key=lambda one: one.id)
    pairs = [one for one in known if one.kind is Kind.SPOT]
    contracts = [one for one in known if one.kind is not Kind.SPOT]
    streams = (
        *_streams("bybit.spot.market", SPOT_URL, _channels(pairs, QuoteChannel, BookChannel), sink, world, limits),
        *_streams(
            "bybit.linear.market",
            LINEAR_URL,
            _channels(contracts, QuoteChannel, BookChannel, MarkChannel),
            sink,
            world,
            limits,
        ),
    )
    return MarketFeed("bybit.market", streams)


def _channels(instruments: Sequence[Instrument], *kinds: type[Channel]) -> tuple[Channel, ...]:
    return tuple(kind(one.id, one.symbol) for one in instruments for kind in kinds)


def _streams(
    name: str, url: str, channels: Sequence[Channel], sink: Sink, world: World, limits: Limits | None
) -> tuple[Stream, ...]:
    parts = [channels[start : start + CHANNELS_MAX] for start in range(0, len(channels), CHANNELS_MAX)]
    return tuple(
        Stream(
            name if number == 1 else f"{name}.{number}",
            MarketHandler(url, part, sink),
            sink,
            world,
            limits or Limits(),
        )
        for number, part in enumerate(parts, start=1)
    )
