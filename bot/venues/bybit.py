"""Bybit's public market data without I/O: the bytes of a frame in, a `Quote`, `Depth` or `Mark` out.

Three topics are used. `orderbook.1` carries the best prices whole, at every change and again every three seconds with
the same number: there is nothing to re-sync, and the repetition says that nothing has changed. `orderbook.50` begins
with a snapshot and goes on with differences, numbered without a gap by `u`. `tickers` of a contract begins with a
snapshot and goes on with the fields that changed: mark, index, funding rate and the next settlement.

A snapshot resets whatever came before; so does one numbered 1, with which the venue begins anew after a restart of its
own. A difference that does not follow the last number, or comes before any snapshot, makes the book unknown: it is
dropped, nothing is told of it until the next snapshot, and the owner of the connection subscribes anew (`lost`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import ClassVar

import msgspec

from bot.domain.events import Market
from bot.domain.market import Depth, Level, Mark, Quote
from bot.domain.units import MILLISECOND_NS, InstrumentId
from bot.venues.binance import BadFrame

STREAM_HOST = "stream.bybit.com"
SPOT_URL = f"wss://{STREAM_HOST}/v5/public/spot"
LINEAR_URL = f"wss://{STREAM_HOST}/v5/public/linear"
PRIVATE_URL = f"wss://{STREAM_HOST}/v5/private"
PING = b'{"op":"ping"}'
LEVELS_MAX = 500
"""More levels on a side than this are no book of fifty."""
_QUOTED_MAX = 60
_SNAPSHOT, _DELTA = "snapshot", "delta"


class Subscribed(msgspec.Struct, frozen=True):
    """The venue took a subscription; `topic` is what we named the request."""

    topic: str


class SubscriptionRefused(msgspec.Struct, frozen=True):
    """The venue refused a subscription."""

    topic: str
    message: str


class Ponged(msgspec.Struct, frozen=True):
    """The venue answered our ping."""


Control = Subscribed | SubscriptionRefused | Ponged


class _Book(msgspec.Struct, gc=False):
    b: tuple[Level, ...]
    a: tuple[Level, ...]
    u: int


class _BookFrame(msgspec.Struct, gc=False):
    type: str
    data: _Book


class _Ticker(msgspec.Struct, gc=False):
    mark_price: str | None = msgspec.field(name="markPrice", default=None)
    index_price: str | None = msgspec.field(name="indexPrice", default=None)
    funding_rate: str | None = msgspec.field(name="fundingRate", default=None)
    next_funding_time: str | None = msgspec.field(name="nextFundingTime", default=None)


class _TickerFrame(msgspec.Struct, gc=False):
    type: str
    ts: int
    data: _Ticker


class _AnyFrame(msgspec.Struct):
    topic: str | None = None
    op: str | None = None
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""


_book_frame = msgspec.json.Decoder(_BookFrame, strict=False).decode
_ticker_frame = msgspec.json.Decoder(_TickerFrame, strict=False).decode
_any_frame = msgspec.json.Decoder(_AnyFrame).decode


class Channel:
    """One topic of one instrument, and the last thing that it said.

    `received_ns` is when it was last believed, 0 before the first time; `outdated` counts numbers that went back.
    """

    __slots__ = ("instrument", "lost", "outdated", "received_ns", "sequence", "topic")

    prefix: ClassVar[str]
    silence_s_max: ClassVar[float]
    """Silent for longer, a topic is subscribed anew."""

    def __init__(self, instrument: InstrumentId, symbol: str) -> None:
        self.instrument = instrument
        self.topic = f"{self.prefix}{symbol}"
        self.forget()

    def forget(self) -> None:
        """Start anew: only a snapshot is believed next, whatever its number."""
        self.sequence = -1
        self.received_ns = 0
        self.outdated = 0
        self.lost = False
        """Whether it cannot go on without a new snapshot."""

    def read(self, payload: bytes, received_ns: int) -> Market | None:
        """The event in a frame of this topic; None if it says nothing. Raises UNREADABLE."""
        raise NotImplementedError

    def _lose(self) -> None:
        self.forget()
        self.lost = True


class QuoteChannel(Channel):
    """Best bid and ask."""

    __slots__ = ("_ask", "_bid")
    prefix = "orderbook.1."
    silence_s_max = 7.0
    """The venue repeats itself after three seconds."""

    def forget(self) -> None:
        """See `Channel.forget`."""
        super().forget()
        self._bid: Level = (0.0, 0.0)
        self._ask: Level = (0.0, 0.0)

    def read(self, payload: bytes, received_ns: int) -> Quote | None:
        """See `Channel.read`. A side that nobody offers on stands at price 0, which no guard takes for a price."""
        frame = _book_frame(payload)
        book, sequence = frame.data, frame.data.u
        if frame.type == _SNAPSHOT:
            if 1 < sequence < self.sequence:
                self.outdated += 1
                return None
            self._bid, self._ask = _best(book.b, (0.0, 0.0)), _best(book.a, (0.0, 0.0))
        elif self.sequence < 0:
            self._lose()
            return None
        elif sequence < self.sequence:
            self.outdated += 1
            return None
        else:
            self._bid, self._ask = _best(book.b, self._bid), _best(book.a, self._ask)
        (bid, bid_qty), (ask, ask_qty) = self._bid, self._ask
        if not bid_qty >= 0.0 <= ask_qty:
            raise BadFrame("a quantity is negative or not a number")
        self.sequence, self.received_ns = sequence, received_ns
        return Quote(self.instrument, bid, ask, bid_qty, ask_qty, sequence, received_ns)


def _best(levels: tuple[Level, ...], known: Level) -> Level:
    """The first level that is there; one that was taken away leaves nothing, and no word at all leaves what was."""
    for level in levels:
        if level[1] != 0.0:
            return level
        if level[0] == known[0]:
            known = (0.0, 0.0)
    return known


class _Side:
    """One side of a book: levels in the order of their price, the best first."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        """-1 for bids, whose best is the highest."""
        self._keys: list[float] = []
        self._levels: list[Level] = []

    def reset(self, levels: Iterable[Level]) -> None:
        """Begin anew with these."""
        ordered = sorted(
            ((self._sign * level[0], level) for level in levels if level[1] != 0.0), key=lambda one: one[0]
        )
        self._keys = [key for key, _ in ordered]
        self._levels = [level for _, level in ordered]

    def update(self, levels: Iterable[Level]) -> None:
        """Set sizes; a size of 0 takes a level away."""
        keys, own = self._keys, self._levels
        for level in levels:
            key = self._sign * level[0]
            at = bisect_left(keys, key)
            known = at < len(keys) and keys[at] == key
            if level[1] == 0.0:
                if known:
                    del keys[at], own[at]
            elif known:
                own[at] = level
            else:
                keys.insert(at, key)
                own.insert(at, level)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels, best first."""
        return tuple(self._levels)

    def __len__(self) -> int:
        return len(self._keys)


class BookChannel(Channel):
    """The top fifty levels, by differences."""

    __slots__ = ("_asks", "_bids")
    prefix = "orderbook.50."
    silence_s_max = 10.0

    def forget(self) -> None:
        """See `Channel.forget`."""
        super().forget()
        self._bids, self._asks = _Side(-1.0), _Side(1.0)

    def read(self, payload: bytes, received_ns: int) -> Depth | None:
        """See `Channel.read`."""
        frame = _book_frame(payload)
        book = frame.data
        if frame.type == _SNAPSHOT or book.u == 1:
            self._bids.reset(book.b)
            self._asks.reset(book.a)
        elif frame.type != _DELTA:
            raise BadFrame("a book that is neither snapshot nor difference")
        elif self.lost or not self._follows(book.u):
            return None
        else:
            self._bids.update(book.b)
            self._asks.update(book.a)
        if max(len(self._bids), len(self._asks)) > LEVELS_MAX:
            self._lose()
            return None
        self.sequence, self.received_ns, self.lost = book.u, received_ns, False
        return Depth(self.instrument, self._bids.levels, self._asks.levels, book.u, received_ns)

    def _follows(self, sequence: int) -> bool:
        """Whether a difference follows what is known; a repeated one is passed over, any other gap loses the book."""
        if self.sequence >= 0 and sequence == self.sequence + 1:
            return True
        if 0 <= sequence <= self.sequence:
            self.outdated += 1
        else:
            self._lose()
        return False


class MarkChannel(Channel):
    """Mark and index price with funding; the sequence is the venue's event time."""

    __slots__ = ("_known",)
    prefix = "tickers."
    silence_s_max = 10.0

    def forget(self) -> None:
        """See `Channel.forget`."""
        super().forget()
        self._known: tuple[str, str, str, str] | None = None

    def read(self, payload: bytes, received_ns: int) -> Mark | None:
        """See `Channel.read`. Dated contracts have no funding: their fields are empty, which reads as 0."""
        frame = _ticker_frame(payload)
        ticker = frame.data
        told = (ticker.mark_price, ticker.index_price, ticker.funding_rate, ticker.next_funding_time)
        if frame.type == _SNAPSHOT:
            self._known = (told[0] or "", told[1] or "", told[2] or "", told[3] or "")
        elif self._known is None:
            self._lose()
            return None
        elif frame.ts < self.sequence:
            self.outdated += 1
            return None
        else:
            mark, index, rate, at = (old if new is None else new for new, old in zip(told, self._known, strict=True))
            self._known = (mark, index, rate, at)
        price, index_price, funding, settles = (_number(text) for text in self._known)
        self.sequence, self.received_ns, self.lost = frame.ts, received_ns, False
        return Mark(self.instrument, price, index_price, funding, int(settles) * MILLISECOND_NS, received_ns)


def _number(text: str) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        raise BadFrame("a price or rate is not a number") from None
    if not abs(value) < 1e18:
        raise BadFrame("a price or rate beyond every bound")
    return value


class MarketParser:
    """The frames of one connection -> events."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        self.channels = tuple(channels)
        self._by_topic = {channel.topic.encode(): channel for channel in self.channels}

    def parse(self, payload: bytes, received_ns: int) -> Market | Control | None:
        """What a frame says; None for what is older or waits for a snapshot.

        Raises one of `bot.venues.binance.UNREADABLE` for what cannot be read, and nothing else.
        """
        try:
            # The third text between quotation marks, where the venue writes the topic.
            channel = self._by_topic[payload.split(b'"', 4)[3]]
        except LookupError:
            return self._parse_other(payload, received_ns)
        return channel.read(payload, received_ns)

    def forget(self) -> None:
        """Start every topic anew."""
        for channel in self.channels:
            channel.forget()

    def _parse_other(self, payload: bytes, received_ns: int) -> Market | Control | None:
        frame = _any_frame(payload)
        if frame.topic is not None:
            channel = self._by_topic.get(frame.topic.encode(errors="replace"))
            if channel is None:
                raise BadFrame("a topic that was not asked for")
            return channel.read(payload, received_ns)
        return control(frame.op, frame.ret_msg, frame.req_id, success=frame.success)


def control(op: str | None, message: str, request: str, *, success: bool | None) -> Control | None:
    """An answer to a request of ours. Raises BadFrame for one of no known kind."""
    if op == "pong" or (op == "ping" and message == "pong"):
        return Ponged()
    if op == "subscribe":
        return Subscribed(request) if success else SubscriptionRefused(request, message[:_QUOTED_MAX])
    if op == "unsubscribe":
        return None
    raise BadFrame("a frame of no known kind")


def subscription(op: str, topic: str) -> bytes:
    """A request to subscribe to or unsubscribe from one topic, named after it: so every answer tells its topic."""
    return msgspec.json.encode({"req_id": topic, "op": op, "args": [topic]})
