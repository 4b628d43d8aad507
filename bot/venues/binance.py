"""Binance market data without I/O: the bytes of a frame in, a `Quote`, `Depth` or `Mark` out.

Only streams that carry state are used (best bid and ask, the top twenty levels, mark price), so a lost frame needs
no repair: the next one says it all. Everything arrives on combined streams, `{"stream": name, "data": payload}`;
the name tells which instrument and which kind of payload it is, so it is looked up before anything is decoded, and
the typed decoder then skips what is not needed. A frame in another layout takes a slower way to the same result.

Sequence numbers only grow, so a frame with a lower one than the last of its channel is dropped and counted. The same
number again is a duplicate of a quote (sent on change, so it says nothing about now) and is dropped too, but of a book
or mark price (sent by the clock) it says that nothing has changed: that is news. Should the venue start numbering
anew, everything would look old for ever: whoever owns the connection sees the channel fall silent while `outdated`
grows, connects anew and calls `MarketParser.forget`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from bot.domain.events import Market
from bot.domain.instrument import instrument_id
from bot.domain.market import Depth, Level, Mark, Quote
from bot.domain.units import MILLISECOND_NS, AccountId
from bot.venues.routes import SPOT, USDM

SPOT_STREAM_HOST = "stream.binance.com"
SPOT_API_HOST = "ws-api.binance.com"
USDM_STREAM_HOST = "fstream.binance.com"
STREAM_HOSTS = frozenset({SPOT_STREAM_HOST, SPOT_API_HOST, USDM_STREAM_HOST})
"""The hosts that the streams need; the pin names them."""

# Books and mark prices of USD-M live on different paths, and neither path serves the other's streams.
SPOT_MARKET_URL = f"wss://{SPOT_STREAM_HOST}"
SPOT_API_URL = f"wss://{SPOT_API_HOST}/ws-api/v3"
USDM_BOOK_URL = f"wss://{USDM_STREAM_HOST}/public"
USDM_MARK_URL = f"wss://{USDM_STREAM_HOST}/market"
USDM_USER_URL = f"wss://{USDM_STREAM_HOST}/private"

_QUOTED_MAX = 60


class BadFrame(ValueError):
    """A frame that cannot be read or is of no known kind. The text never quotes the frame."""


UNREADABLE = (BadFrame, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that reading a frame can raise, whatever its bytes."""


class Acknowledged(msgspec.Struct, frozen=True):
    """The venue took a request of ours."""

    request: int | str | None


class RequestRefused(msgspec.Struct, frozen=True):
    """The venue refused a request of ours."""

    request: int | str | None
    code: int
    message: str


class ShutdownAnnounced(msgspec.Struct, frozen=True):
    """The server is about to go away: a new connection should be opened now."""


Control = Acknowledged | RequestRefused | ShutdownAnnounced

# One-letter names are the venue's own.


class _Ticker(msgspec.Struct, gc=False):
    u: int
    b: float
    B: float
    a: float
    A: float


class _TickerFrame(msgspec.Struct, gc=False):
    data: _Ticker


class _SpotBook(msgspec.Struct, gc=False):
    sequence: int = msgspec.field(name="lastUpdateId")
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class _SpotBookFrame(msgspec.Struct, gc=False):
    data: _SpotBook


class _UsdmBook(msgspec.Struct, gc=False):
    sequence: int = msgspec.field(name="u")
    bids: tuple[Level, ...] = msgspec.field(name="b")
    asks: tuple[Level, ...] = msgspec.field(name="a")


class _UsdmBookFrame(msgspec.Struct, gc=False):
    data: _UsdmBook


class _MarkPrice(msgspec.Struct, gc=False):
    E: int
    p: float
    i: str
    r: str
    T: int


class _MarkFrame(msgspec.Struct, gc=False):
    data: _MarkPrice


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _AnyFrame(msgspec.Struct):
    stream: str | None = None
    e: str | None = None
    id: int | str | None = None
    error: _Refusal | None = None
    code: int | None = None
    msg: str = ""


_ticker_frame = msgspec.json.Decoder(_TickerFrame, strict=False).decode
_spot_book_frame = msgspec.json.Decoder(_SpotBookFrame, strict=False).decode
_usdm_book_frame = msgspec.json.Decoder(_UsdmBookFrame, strict=False).decode
_mark_frame = msgspec.json.Decoder(_MarkFrame, strict=False).decode
_any_frame = msgspec.json.Decoder(_AnyFrame).decode


class Channel:
    """One stream of one instrument: its name on the wire, and the last thing that it said.

    `received_ns` is when it was last believed, 0 before the first time; `outdated` counts lower sequence numbers.
    """

    __slots__ = ("instrument", "name", "outdated", "received_ns", "sequence")

    suffix: ClassVar[str]
    silence_s_max: ClassVar[float]
    """Silent for longer, a channel is subscribed anew."""

    def __init__(self, account: AccountId, symbol: str) -> None:
        self.instrument = instrument_id(account, symbol)
        self.name = symbol.lower() + self.suffix
        self.sequence = -1
        self.received_ns = 0
        self.outdated = 0

    def read(self, payload: bytes, received_ns: int) -> Market | None:
        """The event in a frame of this channel; None if it says nothing. Raises UNREADABLE."""
        raise NotImplementedError

    def _accepts(self, sequence: int, received_ns: int) -> bool:
        if sequence < self.sequence:
            self.outdated += 1
            return False
        self.sequence = sequence
        self.received_ns = received_ns
        return True


class TickerChannel(Channel):
    """Best bid and ask, at every change."""

    __slots__ = ()
    suffix = "@bookTicker"
    silence_s_max = 5.0

    def read(self, payload: bytes, received_ns: int) -> Quote | None:
        """See `Channel.read`. `_accepts` is written out here: this runs for every quote."""
        ticker = _ticker_frame(payload).data
        if not ticker.B >= 0.0 <= ticker.A:
            raise BadFrame("a quantity is negative or not a number")
        sequence = ticker.u
        if sequence <= self.sequence:
            self.outdated += sequence < self.sequence
            return None
        self.sequence = sequence
        self.received_ns = received_ns
        return Quote(self.instrument, ticker.b, ticker.a, ticker.B, ticker.A, sequence, received_ns)


class SpotBookChannel(Channel):
    """The top twenty levels of a spot book, every 100 ms."""

    __slots__ = ()
    suffix = "@depth20@100ms"
    silence_s_max = 5.0

    def read(self, payload: bytes, received_ns: int) -> Depth | None:
        """See `Channel.read`."""
        book = _spot_book_frame(payload).data
        if not self._accepts(book.sequence, received_ns):
            return None
        return Depth(self.instrument, book.bids, book.asks, book.sequence, received_ns)


class UsdmBookChannel(Channel):
    """The top twenty levels of a USD-M book, every 100 ms."""

    __slots__ = ()
    suffix = "@depth20@100ms"
    silence_s_max = 5.0

    def read(self, payload: bytes, received_ns: int) -> Depth | None:
        """See `Channel.read`."""
        book = _usdm_book_frame(payload).data
        if not self._accepts(book.sequence, received_ns):
            return None
        return Depth(self.instrument, book.bids, book.asks, book.sequence, received_ns)


class MarkChannel(Channel):
    """Mark and index price with the funding estimate, every second; its sequence is the venue's event time."""

    __slots__ = ()
    suffix = "@markPrice@1s"
    silence_s_max = 5.0

    def read(self, payload: bytes, received_ns: int) -> Mark | None:
        """See `Channel.read`. Dated futures have no funding: the venue sends an empty text and the time 0."""
        price = _mark_frame(payload).data
        if not self._accepts(price.E, received_ns):
            return None
        index, rate = _number(price.i), _number(price.r)
        return Mark(self.instrument, price.p, index, rate, price.T * MILLISECOND_NS, received_ns)


def _number(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise BadFrame("a price or rate is not a number") from None


class MarketParser:
    """The frames of one combined connection -> events."""

    def __init__(self, channels: Iterable[Channel]) -> None:
        self.channels = tuple(channels)
        self._by_name = {channel.name.encode(): channel for channel in self.channels}

    def parse(self, payload: bytes, received_ns: int) -> Market | Control | None:
        """What a frame says; None for what is older or the same.

        Raises one of UNREADABLE for what cannot be read, and nothing else.
        """
        try:
            # The third text between quotation marks, where the venue writes the stream's name.
            channel = self._by_name[payload.split(b'"', 4)[3]]
        except LookupError:
            return self._parse_other(payload, received_ns)
        return channel.read(payload, received_ns)

    def forget(self) -> None:
        """Start anew: the next frame of each channel is believed whatever its number."""
        for channel in self.channels:
            channel.sequence = -1
            channel.received_ns = 0
            channel.outdated = 0

    def _parse_other(self, payload: bytes, received_ns: int) -> Market | Control | None:
        frame = _any_frame(payload)
        if frame.stream is not None:
            return self._parse_stream(frame.stream, payload, received_ns)
        if frame.e == "serverShutdown":
            return ShutdownAnnounced()
        if frame.error is not None:
            return RequestRefused(frame.id, frame.error.code, frame.error.msg[:_QUOTED_MAX])
        if frame.code is not None:
            return RequestRefused(frame.id, frame.code, frame.msg[:_QUOTED_MAX])
        if frame.id is not None:
            return Acknowledged(frame.id)
        raise BadFrame("a frame of no known kind")

    def _parse_stream(self, stream: str, payload: bytes, received_ns: int) -> Market | Control | None:
        if stream == "!serverShutdown":
            return ShutdownAnnounced()
        channel = self._by_name.get(stream.encode(errors="replace"))
        if channel is None:
            raise BadFrame("a stream that was not asked for")
        return channel.read(payload, received_ns)


def spot_channels(symbols: Iterable[str]) -> tuple[Channel, ...]:
    """Best price and book of each spot symbol."""
    return tuple(kind(SPOT, symbol) for symbol in symbols for kind in (TickerChannel, SpotBookChannel))


def usdm_book_channels(symbols: Iterable[str]) -> tuple[Channel, ...]:
    """Best price and book of each USD-M symbol."""
    return tuple(kind(USDM, symbol) for symbol in symbols for kind in (TickerChannel, UsdmBookChannel))


def usdm_mark_channels(symbols: Iterable[str]) -> tuple[Channel, ...]:
    """Mark price of each USD-M symbol."""
    return tuple(MarkChannel(USDM, symbol) for symbol in symbols)


def combined_url(base: str, channels: Iterable[Channel]) -> str:
    """The address of one connection that carries these channels."""
    return f"{base}/stream?streams=" + "/".join(channel.name for channel in channels)


def subscription(method: str, channels: Iterable[Channel], request: int) -> bytes:
    """A request to SUBSCRIBE to or UNSUBSCRIBE from channels of an open connection."""
    return msgspec.json.encode({"method": method, "params": [channel.name for channel in channels], "id": request})
