"""One websocket connection over picows, and what its owner and its handler are to each other.

A `Link` is made for one connection and never reused. It hands every whole text frame to its `Handler` (fragments are
put together first), answers pings, and ends once: the first reason counts. A flood of frames is taken in portions, so
that the other streams, ticks and orders get their turn. No text of this module quotes an address or a frame: a user
stream's address holds its listen key.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport

from bot.venues.net import NotPinned

FRAME_BYTES_MAX = 1 << 20
REASON_LENGTH_MAX = 120
LEAVE_S = 1.0
FRAMES_AT_A_TIME = 256
"""After as many frames a link stops reading until the event loop has turned. What was decrypted by then is still handed
on, and one read of a socket decrypts 256 KiB at most, on either event loop."""
_BRACE = ord("{")


class Unreachable(Exception):
    """A link could not be made; the text says why and holds no secret."""


class Handler(Protocol):
    """What is done with a stream's frames, and where it connects. Called on the event loop's thread."""

    host: str

    async def url(self) -> str:
        """The address to connect to. Raises Unreachable."""
        ...

    def opened(self, link: Link, *, anew: bool) -> None:
        """A link stands; `anew` is False when it relieves one that still works."""
        ...

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """A whole text frame arrived."""
        ...

    def tick(self, link: Link, now_ns: int) -> None:
        """Twice a second."""
        ...


class Owner(Protocol):
    """What a link tells whoever made it."""

    def confirmed(self) -> None:
        """The link is served."""
        ...

    def count_bad(self, link: Link, what: str) -> None:
        """A frame of the link was dropped."""
        ...


class Link(WSListener):
    """One connection of a stream."""

    def __init__(self, owner: Owner, handler: Handler, clock: Callable[[], int], *, number: int, anew: bool) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.number = number
        self.up = False
        self.reached = False
        """A TCP connection stood, whatever became of it."""
        self.opened_ns = self.last_frame_ns = self.last_seen_ns = 0
        self.pinged_ns = 0
        self.ended: asyncio.Future[str] = loop.create_future()
        self.retired: asyncio.Future[str] = loop.create_future()
        self.confirmed: asyncio.Future[None] = loop.create_future()
        self._owner = owner
        self._anew = anew
        self._clock = clock
        self._handle = handler.frame
        self._handler = handler
        self._transport: WSTransport | None = None
        self._gone = False
        self._parts = bytearray()
        self._gathering = False
        self._room = FRAMES_AT_A_TIME

    def send(self, payload: bytes) -> None:
        """Send a text frame; nothing happens on a link that has ended."""
        if self._transport is not None and not self.ended.done():
            self._transport.send(WSMsgType.TEXT, payload)

    def confirm(self) -> None:
        """The venue serves this link: it is up."""
        if not self.up and not self.ended.done():
            self.up = True
            self.confirmed.set_result(None)
            self._owner.confirmed()

    def retire(self, reason: str) -> None:
        """Ask for a successor; this link works until it has one."""
        if not self.retired.done():
            self.retired.set_result(reason)

    def end(self, reason: str) -> None:
        """Cut the connection. The first reason counts."""
        if not self.ended.done():
            self.ended.set_result(reason[:REASON_LENGTH_MAX])
        # What is gone is not cut once more: asyncio's own TLS transport fails on that.
        if self._transport is not None and not self._gone:
            self._transport.disconnect(graceful=False)

    def bad(self, what: str) -> None:
        """A frame could not be used: it is dropped and counted."""
        self._owner.count_bad(self, what)

    def ping(self, now_ns: int) -> None:
        """Ask the venue for a sign of life."""
        self.pinged_ns = now_ns
        if self._transport is not None:
            self._transport.send_ping()

    async def left(self) -> None:
        """Wait until the connection is gone. What a handler raised in a callback is raised here."""
        if self._transport is not None:
            async with asyncio.timeout(LEAVE_S):
                await self._transport.wait_disconnected()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done; frames may follow before the caller of `ws_connect` runs again."""
        self._transport = transport
        if transport.is_secure:
            _read_no_further_ahead(transport.underlying_transport)
        if self.ended.done():
            # It was given up while the handshake was on its way: nobody watches it, so nobody may listen to it.
            self._handle = _unheard
            transport.disconnect(graceful=False)
            return
        self.opened_ns = self.last_seen_ns = self._clock()
        self._handler.opened(self, anew=self._anew)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand a whole text frame on: the way of every quote.

        Asking picows for a frame's type costs as much as a third of decoding it, so what is whole and looks like a
        JSON object is taken for one; everything else goes the slower way and is looked at closely.
        """
        self._room = room = self._room - 1
        if not room:
            self._let_others_run(transport.underlying_transport)
        payload = frame.get_payload_as_bytes()
        if payload and payload[0] == _BRACE and frame.fin and not self._gathering:
            self.last_frame_ns = received_ns = self._clock()
            self._handle(self, payload, received_ns)
        else:
            self._unusual(transport, frame, payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, by whomever."""
        self._gone = True
        if not self.ended.done():
            self.ended.set_result("connection lost")

    def _let_others_run(self, underlying: asyncio.Transport) -> None:
        """Stop reading until the event loop has turned.

        Counting goes on across turns, because noticing a turn would cost every frame of a calm stream: once in so many
        frames such a stream does without reading for a moment in which nothing comes.
        """
        self._room = FRAMES_AT_A_TIME
        if not underlying.is_closing():
            underlying.pause_reading()
            self._loop.call_soon(_read_on, underlying)

    def _unusual(self, transport: WSTransport, frame: WSFrame, payload: bytes) -> None:
        self.last_seen_ns = self._clock()
        match frame.msg_type:
            case WSMsgType.TEXT | WSMsgType.CONTINUATION:
                self._gather(payload, last=frame.fin)
            case WSMsgType.CLOSE:
                transport.send_close(WSCloseCode.OK)
                self.end(f"closed by the venue ({int.from_bytes(payload[:2], 'big') or 'no code'})")
            case WSMsgType.BINARY:
                self.bad("binary")
            case WSMsgType.PING | WSMsgType.PONG:
                pass

    def _gather(self, payload: bytes, *, last: bool) -> None:
        if self.ended.done():
            return
        self._parts += payload
        self._gathering = not last
        if len(self._parts) > FRAME_BYTES_MAX:
            self.end("a message is too long")
        elif last:
            whole = bytes(self._parts)
            self._parts.clear()
            self.last_frame_ns = received_ns = self._clock()
            self._handle(self, whole, received_ns)


def _read_on(underlying: asyncio.Transport) -> None:
    """Read again; a connection that goes away meanwhile needs no more reading, and asyncio's fails when asked to."""
    if not underlying.is_closing():
        underlying.resume_reading()


def _read_no_further_ahead(underlying: Any) -> None:
    """Leave the socket alone while bytes that were read from it wait to be decrypted.

    Both event loops throw such bytes away when they find the connection closed behind them. And as much as may wait, a
    quarter of a megabyte by itself and as much again read on top, comes in one piece once reading goes on.
    """
    underlying.set_read_buffer_limits(high=1, low=0)


def _unheard(link: Link, payload: bytes, received_ns: int) -> None:
    """Drop a frame."""


def describe(error: Exception, timeout_s: float) -> str:
    """Why a connection did not come about, in words that hold neither address nor answer."""
    match error:
        case WSHandshakeError(response=response) if response is not None:
            return f"the venue refused the websocket (HTTP {int(response.status)})"
        case ssl.SSLCertVerificationError():
            return f"certificate refused: {error.verify_message}"[:REASON_LENGTH_MAX]
        case ssl.SSLError():
            return "TLS failed"
        case NotPinned():
            return str(error)
        case TimeoutError():
            return f"no connection within {timeout_s:g} s"
        case ConnectionRefusedError():
            return "connection refused"
        case OSError():
            return f"no connection: {error.strerror or type(error).__name__}"[:REASON_LENGTH_MAX]
        case _:
            return f"the venue did not speak websocket ({type(error).__name__})"
