"""A stream keeps its promises against a venue that does not."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
import trustme

from bot.domain.events import StreamChanged
from bot.domain.units import Nanos
from bot.venues.link import describe
from bot.venues.stream import BAD_FRAMES_MAX
from tests.venues.streamkit import HOST, Recorder, bench, opened, running, settle, until


async def test_up_means_data(tmp_path: Path) -> None:
    """A connection that stands is not up before its first frame made sense."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        stream = b.stream(handler)
        async with running(stream):
            await until(lambda: b.venue.peers)
            assert [] == b.sink.changes

            await b.venue.say("one")
            await until(lambda: handler.frames)

        assert [(True, "connected")] == b.sink.changes
        up = StreamChanged("test", True, "connected", Nanos(b.time.now_ns))
        assert ([up], 1) == (b.sink.events, stream.connects)


async def test_silence_ends_a_link_that_answers_pings(tmp_path: Path) -> None:
    """A venue that answers pings but sends no data is left within the stream's bound, and connected to again."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=5.0)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await until(lambda: handler.frames)
            await b.time.advance(5.0)
            assert [(True, "connected")] == b.sink.changes

            await b.time.advance(1.0)
            await until(lambda: len(handler.links) == 2)

        assert [(True, "connected"), (False, "no data for 5 s")] == b.sink.changes


async def test_a_venue_that_fell_dead_is_left(tmp_path: Path) -> None:
    """A half-open connection is found by an unanswered ping within nine seconds, though silence is normal on it."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await until(lambda: handler.frames)
            b.venue.peers[0].transport.pause_reading()
            await b.time.advance(9.0)
            await until(lambda: len(b.sink.changes) == 2)

        assert (False, "no sign of life for 8 s") == b.sink.changes[1]


async def test_an_answered_ping_is_a_sign_of_life(tmp_path: Path) -> None:
    """Where silence is normal, a venue that answers pings is kept for as long as it does."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            for _ in range(120):
                await b.time.advance(0.5)
                await until(lambda: handler.links[0].last_seen_ns >= handler.links[0].pinged_ns)

        assert [(True, "connected")] == b.sink.changes


async def test_our_own_standstill_is_not_the_venues_silence(tmp_path: Path) -> None:
    """After the process stood still, what the venue sent meanwhile is read before the link is judged."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=5.0)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await until(lambda: handler.frames)
            b.time.jump(60.0)
            await b.time.advance(0.2)
            await b.venue.say("two")
            await until(lambda: len(handler.frames) == 2)
            await b.time.advance(2.0)

        assert [(True, "connected")] == b.sink.changes


async def test_a_link_that_is_never_served_is_left(tmp_path: Path) -> None:
    """A venue that takes the connection and then says nothing of use is not waited for."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None, confirm_s=3.0)):
            await until(lambda: b.venue.peers)
            await b.time.advance(3.5)
            await until(lambda: b.sink.changes)

        assert [(False, "not served within 3 s of connecting")] == b.sink.changes


async def test_a_long_lived_link_is_replaced_at_once(tmp_path: Path) -> None:
    """A venue that cuts a link which lived long is connected to again without waiting."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None, dead_after_s=1e6)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await b.time.advance(31.0)
            await b.venue.peers[0].close(1001)
            await until(lambda: len(handler.links) == 2)

        assert (False, "closed by the venue (1001)") == b.sink.changes[1]


async def test_a_link_that_ends_early_is_not_replaced_in_a_hurry(tmp_path: Path) -> None:
    """Links that end early are replaced after a growing pause."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler)):
            for number in range(1, 6):
                await until(partial(_has_links, handler, number))
                await until(lambda: b.venue.peers)
                b.venue.peers[0].transport.abort()
                await until(lambda: not b.venue.peers)
                await settle()
                await b.time.advance(0.18 * 2 ** (number - 1))
                assert number == len(handler.links)
                await b.time.advance(0.08 * 2 ** (number - 1))


async def test_a_refusing_venue_is_asked_less_and_less(tmp_path: Path) -> None:
    """While nobody listens, the reason is reported once and attempts back off; a venue that is back is found."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        b.pin[HOST] = ("127.0.0.1", _closed_port())
        stream = b.stream(handler)
        async with running(stream):
            await until(lambda: b.sink.changes)
            for _ in range(60):
                await b.time.advance(0.5)
                await asyncio.sleep(0.002)

        assert [(False, "connection refused")] == b.sink.changes
        assert 6 <= len(b.log) <= 10


async def test_too_many_unusable_frames_mean_a_new_connection(tmp_path: Path) -> None:
    """Ten bad frames a minute are dropped and counted; one more ends the link."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        stream = b.stream(handler)
        async with running(stream):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            for _ in range(BAD_FRAMES_MAX):
                await b.venue.say("bad")
            await until(lambda: stream.bad_frames == BAD_FRAMES_MAX)
            assert [(True, "connected")] == b.sink.changes

            await b.venue.say(b"binary")
            await until(lambda: len(b.sink.changes) == 2)

        assert (False, "more than 10 unusable frames within a minute") == b.sink.changes[1]


async def test_few_unusable_frames_are_borne(tmp_path: Path) -> None:
    """Bad frames that come one at a time are dropped for ever without cutting the link."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        stream = b.stream(handler, silence_s=None, dead_after_s=1e6)
        async with running(stream):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            for _ in range(3 * BAD_FRAMES_MAX):
                await b.venue.say("bad")
                await b.time.advance(7.0)
            await until(lambda: stream.bad_frames == 3 * BAD_FRAMES_MAX)

        assert [(True, "connected")] == b.sink.changes


async def test_fragments_are_one_frame(tmp_path: Path) -> None:
    """A message that comes in pieces is handed on whole."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler)):
            await until(lambda: b.venue.peers)
            await b.venue.peers[0].send(["on", "", "e"])
            peer = b.venue.peers[0]
            peer.protocol.send_text(b'{"a":', fin=False)
            peer.protocol.send_continuation(b"{}}", fin=True)
            peer.send_data()
            await until(lambda: len(handler.frames) == 2)

        assert [b"one", b'{"a":{}}'] == handler.frames


async def test_a_message_too_long_is_not_gathered(tmp_path: Path) -> None:
    """A message that grows above the limit piece by piece is dropped, and the link ends."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler)):
            await until(lambda: b.venue.peers)
            await b.venue.peers[0].send(["x" * 600_000, "x" * 600_000])
            await until(lambda: b.sink.changes)

        assert [] == handler.frames
        assert [(False, "a message is too long")] == b.sink.changes


async def test_an_oversized_frame_ends_the_link(tmp_path: Path) -> None:
    """A single frame above the limit is a violation of the protocol: the link ends."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler)):
            await until(lambda: b.venue.peers)
            await b.venue.say("x" * 1_200_000)
            await until(handler.links[0].ended.done)
            await until(lambda: "test: WSProtocolError" in b.log)


async def test_an_old_link_is_relieved_without_a_gap(tmp_path: Path) -> None:
    """Before the venue cuts it, an old link is replaced by one that has shown data, and nothing goes down."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        stream = b.stream(handler, silence_s=None, age_s=60.0, dead_after_s=1e6)
        async with running(stream):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await b.time.advance(61.0)
            await until(lambda: len(b.venue.peers) == 2 and len(handler.anew) == 2)
            assert [True, False] == handler.anew

            await b.venue.peers[0].send("two")
            await until(lambda: b"two" in handler.frames)
            assert 2 == len(b.venue.peers)

            await b.venue.peers[1].send("three")
            await until(lambda: len(b.venue.peers) == 1)

        assert [b"one", b"two", b"three"] == handler.frames
        assert [(True, "connected")] == b.sink.changes
        assert 2 == stream.connects


async def test_a_successor_that_fails_leaves_the_old_link_alone(tmp_path: Path) -> None:
    """While no successor can be had, the old link goes on working and nothing is reported down."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None, dead_after_s=1e6)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            b.venue.refuse = HTTPStatus.SERVICE_UNAVAILABLE
            handler.links[0].retire("it is old")
            await until(lambda: b.log)
            await b.venue.say("two")
            await until(lambda: len(handler.frames) == 2)
            b.venue.refuse = None
            await b.time.advance(1.0)
            await until(lambda: len(b.venue.peers) == 2)
            await b.venue.peers[1].send("three")
            await until(lambda: len(b.venue.peers) == 1)

        assert [(True, "connected")] == b.sink.changes


async def test_a_successor_that_is_never_served_does_not_relieve(tmp_path: Path) -> None:
    """A new link that ends before it showed data is not trusted: the old one goes on until the next one is served."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None, dead_after_s=1e6)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            handler.links[0].retire("it is old")
            await until(lambda: len(b.venue.peers) == 2)
            b.venue.peers[1].transport.abort()
            await until(lambda: len(b.venue.peers) == 1)
            await b.venue.say("two")
            await until(lambda: len(handler.frames) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(b.venue.peers) == 2)
            await b.venue.peers[1].send("three")
            await until(lambda: len(b.venue.peers) == 1)

        assert [(True, "connected")] == b.sink.changes
        assert 3 == len(handler.links)


async def test_an_old_link_that_dies_first_is_reported(tmp_path: Path) -> None:
    """If the old link ends before its successor is served, the stream is down and says so."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, silence_s=None, dead_after_s=1e6)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            handler.links[0].retire("it is old")
            await until(lambda: len(b.venue.peers) == 2)
            b.venue.peers[0].transport.abort()
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(handler.links) == 3 and len(b.venue.peers) == 1)
            await b.venue.say("two")
            await until(lambda: len(b.sink.changes) == 3)

        assert [(True, "connected"), (False, "connection lost"), (True, "connected")] == b.sink.changes


async def test_a_strange_certificate_is_refused(tmp_path: Path) -> None:
    """A server whose certificate another authority signed gets no handshake, and the reason says certificate."""
    async with bench(tmp_path) as b, opened(b.venue, trustme.CA(), HOST):
        b.pin[HOST] = ("127.0.0.1", b.venue.port)
        async with running(b.stream(Recorder())):
            await until(lambda: b.sink.changes)

        assert [] == b.venue.paths
        assert b.sink.changes[0][1].startswith("certificate refused")


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    """A certificate of the right authority for the wrong name is not enough."""
    async with bench(tmp_path) as b, opened(b.venue, b.ca, "fstream.binance.com"):
        b.pin[HOST] = ("127.0.0.1", b.venue.port)
        async with running(b.stream(Recorder())):
            await until(lambda: b.sink.changes)

        assert [] == b.venue.paths
        assert b.sink.changes[0][1].startswith("certificate refused")


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """A server that accepts and then says nothing costs the connect timeout, no more."""
    async with bench(tmp_path) as b:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            b.pin[HOST] = mute.getsockname()
            async with running(b.stream(Recorder(), connect_s=0.05)):
                await until(lambda: b.sink.changes)

        assert [(False, "no connection within 0.05 s")] == b.sink.changes


async def test_given_up_attempts_leave_no_sockets_behind(tmp_path: Path) -> None:
    """Attempts that time out close what they opened."""
    async with bench(tmp_path) as b:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            b.pin[HOST] = mute.getsockname()
            before = _open_sockets()
            async with running(b.stream(Recorder(), connect_s=0.02)):
                for number in range(1, 5):
                    await until(partial(_has_lines, b.log, number))
                    await b.time.advance(4.0)

            assert abs(_open_sockets() - before) <= 2


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """A handshake that is answered by a redirect is a refusal: the address, key and all, goes nowhere else."""
    async with bench(tmp_path) as b:
        b.venue.refuse, b.venue.redirect_to = HTTPStatus.TEMPORARY_REDIRECT, f"wss://{HOST}/elsewhere"
        async with running(b.stream(Recorder())):
            await until(lambda: b.sink.changes)

        assert [(False, "the venue refused the websocket (HTTP 307)")] == b.sink.changes
        assert {"/ws?listenKey=SECRETKEY"} == set(b.venue.paths)


async def test_a_host_outside_the_pin_is_never_asked(tmp_path: Path) -> None:
    """A stream to a host that the pin does not name stays down and says why."""
    async with bench(tmp_path, "fstream.binance.com") as b:
        async with running(b.stream(Recorder())):
            await until(lambda: b.sink.changes)

        assert [(False, f"{HOST} is not pinned")] == b.sink.changes
        assert [] == b.venue.paths


async def test_an_address_that_cannot_be_had_keeps_the_stream_down(tmp_path: Path) -> None:
    """Without a listen key there is no connection; the stream asks again and comes up when there is one."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        handler.unreachable = "no listen key"
        async with running(b.stream(handler)):
            await until(lambda: b.sink.changes)
            handler.unreachable = ""
            await b.time.advance(1.0)
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await until(lambda: len(b.sink.changes) == 2)

        assert [(False, "no listen key"), (True, "connected")] == b.sink.changes


async def test_a_bug_of_ours_is_raised(tmp_path: Path) -> None:
    """What a handler raises is not mistaken for the venue's doing: it ends `run` with that exception."""
    async with bench(tmp_path) as b:
        handler = Recorder()
        handler.bug = KeyError("ours")
        task = asyncio.create_task(b.stream(handler).run())
        await until(lambda: b.venue.peers)
        await b.venue.say("one")

        with pytest.raises(KeyError, match="ours"):
            await asyncio.wait_for(task, 5)


async def test_no_text_holds_the_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The listen key in the address shows up in no reason, no log line and no record of the websocket library."""
    caplog.set_level(1)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    async with bench(tmp_path) as b:
        handler = Recorder()
        async with running(b.stream(handler, connect_s=0.5)):
            await until(lambda: b.venue.peers)
            await b.venue.say("one")
            await until(lambda: handler.frames)
            await b.venue.peers[0].close(1008, "go away SECRETKEY")
            b.venue.refuse = HTTPStatus.FORBIDDEN
            for _ in range(4):
                await b.time.advance(2.0)
                await asyncio.sleep(0.01)

        ours = [record for record in caplog.records if not record.name.startswith("websockets")]
        assert "SECRETKEY" in b.venue.paths[0]
        assert (False, "the venue refused the websocket (HTTP 403)") in b.sink.changes
        assert "SECRETKEY" not in b.told() + "\n".join(record.getMessage() for record in ours)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no connection: Name or service not known"),
        (ssl.SSLError(1, "wss://host/?key"), "TLS failed"),
        (ConnectionResetError(), "no connection: ConnectionResetError"),
        (TimeoutError(), "no connection within 5 s"),
    ],
)
def test_a_failure_is_told_in_words(error: Exception, text: str) -> None:
    """Each way to fail has its own words, and none of them quotes the exception's arguments at length."""
    assert text == describe(error, 5.0)


def _has_links(handler: Recorder, count: int) -> bool:
    return len(handler.links) == count


def _has_lines(log: list[str], count: int) -> bool:
    return len(log) >= count


def _open_sockets() -> int:
    return sum(1 for link in Path("/dev/fd").iterdir() if link.is_socket())


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    return port
