"""A flood of frames is taken in portions, whole and in order, on both event loops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from picows import WSMsgType, WSTransport
from picows.picows import _make_test_ws_frame

from bot.venues.link import FRAMES_AT_A_TIME, Link
from tests.venues.streamkit import HOST, START_NS, Recorder, bench, running, settle, until
from tests.venues.test_handshake import LoopFactory, Server, accepted, on_both_loops, run, server_context, standing

FRAME_BYTES = 127
"""The length of the longest payload takes one byte, so the head takes two."""
FLOOD = 30_000
"""About four megabytes: more than the sockets of both ends hold."""
READ_BYTES = 256 * 1024
"""What one read of a socket brings at most, under either event loop's TLS."""
PORTION = FRAMES_AT_A_TIME + READ_BYTES // FRAME_BYTES


def _payloads(count: int) -> list[bytes]:
    return [(b'{"n":%d}' % number).ljust(FRAME_BYTES - 2) for number in range(count)]


def _flood(payloads: list[bytes]) -> bytes:
    return b"".join(bytes((0x81, len(payload))) + payload for payload in payloads)


class Turns:
    """Notes at every turn of the event loop how many frames there are."""

    def __init__(self, handler: Recorder) -> None:
        self.seen = [0]
        self._handler = handler
        self._note()

    def stop(self) -> None:
        """No more."""
        self._handle.cancel()

    @property
    def most(self) -> int:
        """The most frames between two turns."""
        return max(after - before for before, after in pairwise(self.seen))

    def _note(self) -> None:
        self.seen.append(len(self._handler.frames))
        self._handle = asyncio.get_running_loop().call_soon(self._note)


@contextmanager
def turning(handler: Recorder) -> Iterator[Turns]:
    """Watch the turns for a while."""
    turns = Turns(handler)
    try:
        yield turns
    finally:
        turns.stop()


@on_both_loops
def test_a_flood_leaves_turns_to_others(tmp_path: Path, factory: LoopFactory) -> None:
    """Between two turns of the loop no more than a portion is handled; nothing is lost or changes its place, and what
    comes after the flood is heard."""
    payloads = _payloads(FLOOD)

    def flood(server: Server) -> None:
        server.accept()
        server.transport.write(_flood(payloads))

    async def story() -> None:
        async with bench(tmp_path) as b, standing(b) as stand:
            stand.at_request = flood
            handler = Recorder()
            async with running(b.stream(handler)):
                with turning(handler) as turns:
                    await until(lambda: len(handler.frames) >= FLOOD)
                stand.servers[0].transport.write(_flood([b"{}"] * FRAMES_AT_A_TIME))
                await until(lambda: len(handler.frames) == FLOOD + FRAMES_AT_A_TIME)

            assert payloads == handler.frames[:FLOOD]
            assert turns.most <= PORTION

    run(story(), factory)


@on_both_loops
def test_a_flood_is_heard_to_its_end(tmp_path: Path, factory: LoopFactory) -> None:
    """A venue that closes right behind a flood is heard to its last frame, and the link is known to be lost."""
    payloads = _payloads(FLOOD)

    def flood_and_leave(server: Server) -> None:
        server.accept()
        server.transport.write(_flood(payloads))
        server.transport.close()

    async def story() -> None:
        async with bench(tmp_path) as b, standing(b) as stand:
            stand.at_request = flood_and_leave
            handler = Recorder()
            async with running(b.stream(handler)):
                await until(lambda: len(b.sink.changes) == 2)

            assert payloads == handler.frames
            assert [(True, "connected"), (False, "connection lost")] == b.sink.changes

    run(story(), factory)


@on_both_loops
def test_a_flood_before_a_rude_end_is_heard(tmp_path: Path, factory: LoopFactory) -> None:
    """What arrived before a connection ended without TLS's farewell is handed on, however much it is."""
    payloads = _payloads(READ_BYTES // FRAME_BYTES // 2)

    async def story() -> None:
        async with bench(tmp_path) as b:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                b.pin[HOST] = listener.getsockname()
                handler = Recorder()
                async with running(b.stream(handler)):
                    server = await asyncio.to_thread(accepted, listener, server_context(b))
                    await until(lambda: handler.links)
                    # Nothing is awaited in between, so the loop finds all of it in the same moment.
                    server.sendall(_flood(payloads))
                    server.close()
                    await until(lambda: len(b.sink.changes) == 2)

            assert payloads == handler.frames

    run(story(), factory)


@on_both_loops
def test_a_link_can_be_cut_within_a_flood(tmp_path: Path, factory: LoopFactory) -> None:
    """A link that is ended while its reading rests goes away, and its successor hears what it is sent."""
    payloads = _payloads(FLOOD)

    def flood(server: Server) -> None:
        server.accept()
        server.transport.write(_flood(payloads))

    async def story() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with bench(tmp_path) as b, standing(b) as stand:
            stand.at_request = flood
            handler = Recorder()
            async with running(b.stream(handler)):
                await until(lambda: len(handler.frames) >= FRAMES_AT_A_TIME)
                handler.links[0].end("cut")
                heard = len(handler.frames)
                await until(lambda: b.sink.changes[1:])
                await b.time.advance(0.25)
                await until(lambda: len(handler.links) == 2)
                await until(lambda: len(handler.frames) == heard + FLOOD)

            assert (False, "cut") == b.sink.changes[1]
            assert [] == complaints

    run(story(), factory)


class Wire:
    """A transport that notes what it is told, both picows' and the one below."""

    is_secure = False

    def __init__(self) -> None:
        self.underlying_transport = self
        self.told: list[str] = []
        self.closing = False

    def disconnect(self, *, graceful: bool) -> None:
        """Noted."""
        self.told.append("disconnect")

    def is_closing(self) -> bool:
        """As asked by the link before it tells anything."""
        return self.closing

    def pause_reading(self) -> None:
        """Noted."""
        self.told.append("pause")

    def resume_reading(self) -> None:
        """Noted."""
        self.told.append("resume")


class Nobody:
    """An owner whom nothing concerns."""

    def confirmed(self) -> None:
        """Nothing."""

    def count_bad(self, link: Link, what: str) -> None:
        """Nothing."""


def _hand_over(link: Link, wire: Wire, frames: int, payload: bytes = b"{}") -> None:
    frame = _make_test_ws_frame(WSMsgType.TEXT, payload, True, False)
    for _ in range(frames):
        link.on_ws_frame(cast(WSTransport, wire), frame)


async def _linked(handler: Recorder) -> tuple[Link, Wire]:
    link, wire = Link(Nobody(), handler, lambda: START_NS, number=1, anew=True), Wire()
    link.on_ws_connected(cast(WSTransport, wire))
    return link, wire


async def test_what_is_gone_is_not_cut_once_more() -> None:
    """A connection that was lost is past cutting: on some event loops that raises, and would end the stream."""
    link, wire = await _linked(Recorder())
    link.on_ws_disconnected(cast(WSTransport, wire))
    link.end("relieved")

    assert ([], "connection lost") == (wire.told, link.ended.result())
    other, wire = await _linked(Recorder())
    other.end("stopped")
    assert ["disconnect"] == wire.told


@pytest.mark.parametrize("payload", [b"{}", b"[]"])
async def test_reading_rests_for_one_turn(payload: bytes) -> None:
    """After so many frames, of whichever kind, reading pauses, and goes on when the loop has turned."""
    link, wire = await _linked(Recorder())
    _hand_over(link, wire, FRAMES_AT_A_TIME - 1, payload)
    assert [] == wire.told
    _hand_over(link, wire, 1, payload)
    assert ["pause"] == wire.told
    await settle()
    _hand_over(link, wire, FRAMES_AT_A_TIME, payload)
    await settle()
    assert ["pause", "resume"] * 2 == wire.told


async def test_reading_goes_on_whatever_the_handler_raises() -> None:
    """A handler's bug in the very frame that makes reading pause does not leave it paused."""
    handler = Recorder()
    link, wire = await _linked(handler)
    _hand_over(link, wire, FRAMES_AT_A_TIME - 1)
    handler.bug = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        _hand_over(link, wire, 1)
    await settle()
    assert ["pause", "resume"] == wire.told


@pytest.mark.parametrize(("closing_before", "told"), [(True, []), (False, ["pause"])])
async def test_a_connection_that_goes_away_is_left_alone(closing_before: bool, told: list[str]) -> None:
    """Nothing is asked of a transport that closes, before the pause or during it."""
    link, wire = await _linked(Recorder())
    wire.closing = closing_before
    _hand_over(link, wire, FRAMES_AT_A_TIME)
    wire.closing = True
    await settle()
    assert told == wire.told
