"""The control socket: only its owner reaches it, nothing a client does can hold the daemon up."""

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvloop

from bot.runtime.ask import NotRunning, PathTooLong, Refused, Unanswered, ask, socket_path
from bot.runtime.control import ControlBusy, ControlError, ControlServer, Denied, Handlers, Limits


async def echo(args: Mapping[str, Any]) -> object:
    return dict(args)


async def deny(args: Mapping[str, Any]) -> object:
    raise Denied("refused", "the guard says no")


async def broken(args: Mapping[str, Any]) -> object:
    raise ZeroDivisionError("a bug")


async def sleepy(args: Mapping[str, Any]) -> object:
    await asyncio.Event().wait()
    return None


HANDLERS: Handlers = {"echo": echo, "deny": deny, "broken": broken, "sleepy": sleepy}


@asynccontextmanager
async def serving(place: Path, **limits: Any) -> AsyncIterator[list[BaseException]]:
    """A server with short patience; yields the bugs that it reported."""
    bugs: list[BaseException] = []
    async with ControlServer(place, HANDLERS, limits=Limits(**limits), on_bug=bugs.append):
        yield bugs


async def asked(place: Path, verb: str, args: Mapping[str, object] | None = None, timeout_s: float = 5.0) -> Any:
    return await asyncio.to_thread(ask, place, verb, args, timeout_s)


async def sent(place: Path, line: bytes) -> dict[str, Any]:
    """Send raw bytes and read one answer."""
    reader, writer = await asyncio.open_unix_connection(str(socket_path(place)))
    writer.write(line)
    answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
    writer.close()
    await writer.wait_closed()
    return dict(answer)


@contextmanager
def listening(place: Path, answer: bytes | None) -> Iterator[None]:
    """A stand-in daemon that reads one request and says `answer`; None: it never accepts anybody."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_path(place)))
        server.listen(1)

        def once() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(answer or b"")

        thread = threading.Thread(target=once)
        if answer is not None:
            thread.start()
        yield
        if answer is not None:
            thread.join()


async def test_an_answer_comes_back(tmp_path: Path) -> None:
    """A verb gets its arguments, and its result reaches the client."""
    async with serving(tmp_path):
        assert {"reason": "über"} == await asked(tmp_path, "echo", {"reason": "über"})


async def test_exact_numbers_cross_as_text(tmp_path: Path) -> None:
    """A Decimal is not rounded on its way to the client."""

    async def exact(args: Mapping[str, Any]) -> object:
        return {"fee": Decimal("0.10")}

    async with ControlServer(tmp_path, {"exact": exact}):
        assert {"fee": "0.10"} == await asked(tmp_path, "exact")


async def test_one_connection_carries_many_requests(tmp_path: Path) -> None:
    """Answers come in the order of the requests on one connection."""
    async with serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(str(socket_path(tmp_path)))
        writer.write(b'{"verb":"echo","args":{"n":1}}\n{"verb":"echo","args":{"n":2}}\n')
        lines = [json.loads(await reader.readline()) for _ in range(2)]
        writer.close()

    assert [{"n": 1}, {"n": 2}] == [line["result"] for line in lines]


async def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    """The socket's mode is 0600 and its directory's 0700 when the server makes it."""
    place = tmp_path / "state"
    async with serving(place):
        assert 0o600 == stat.S_IMODE(socket_path(place).stat().st_mode)
        assert 0o700 == stat.S_IMODE(place.stat().st_mode)


async def test_a_denial_is_told(tmp_path: Path) -> None:
    """A verb that says no reaches the client with its code and its reason."""
    async with serving(tmp_path) as bugs:
        with pytest.raises(Refused, match="the guard says no") as denied:
            await asked(tmp_path, "deny")

    assert ("refused", []) == (denied.value.code, bugs)


async def test_a_bug_is_reported_and_survived(tmp_path: Path) -> None:
    """A defect in a verb is told to the app and to the client, and the next request is served."""
    async with serving(tmp_path) as bugs:
        with pytest.raises(Refused, match="ZeroDivisionError") as failed:
            await asked(tmp_path, "broken")
        await asked(tmp_path, "echo")

    assert "internal" == failed.value.code
    assert [ZeroDivisionError] == [type(bug) for bug in bugs]


async def test_a_result_that_is_no_json_is_a_bug(tmp_path: Path) -> None:
    """A verb that returns what cannot be encoded is a defect, not a hang-up."""
    bugs: list[BaseException] = []

    async def odd(args: Mapping[str, Any]) -> object:
        return object()

    async with ControlServer(tmp_path, {"odd": odd}, on_bug=bugs.append):
        with pytest.raises(Refused, match="no JSON"):
            await asked(tmp_path, "odd")

    assert [TypeError] == [type(bug) for bug in bugs]


async def test_a_slow_verb_is_cut_off(tmp_path: Path) -> None:
    """A verb that does not end is answered for it after its bound."""
    async with serving(tmp_path, verb_s_max=0.05):
        with pytest.raises(Refused, match="longer than") as slow:
            await asked(tmp_path, "sleepy")

    assert "timeout" == slow.value.code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"hello\n", "bad_request"),
        (b'{"verb": 1}\n', "bad_request"),
        (b'{"verb": "echo", "argz": {}}\n', "bad_request"),
        (b'{"verb": "echo", "args": []}\n', "bad_request"),
        (b'{"verb": "nothing"}\n', "unknown_verb"),
        (b"\xff\xfe\n", "bad_request"),
        (b"x" * 2000 + b"\n", "bad_request"),
    ],
)
async def test_a_bad_request_is_refused(tmp_path: Path, line: bytes, code: str) -> None:
    """What is no request of the wire gets an error and does no harm."""
    async with serving(tmp_path, request_bytes_max=1000):
        assert code == (await sent(tmp_path, line))["error"]["code"]
        await asked(tmp_path, "echo")


async def test_too_many_clients_are_turned_away(tmp_path: Path) -> None:
    """The number of clients is bounded, and a place that becomes free is given out again."""
    async with serving(tmp_path, clients_max=1):
        _, first = await asyncio.open_unix_connection(str(socket_path(tmp_path)))
        assert "busy" == (await sent(tmp_path, b""))["error"]["code"]
        first.close()
        await first.wait_closed()
        await asyncio.sleep(0)

        assert {} == await asked(tmp_path, "echo")


async def test_a_silent_client_is_hung_up_on(tmp_path: Path) -> None:
    """A client that says nothing loses its place after the bound."""
    async with serving(tmp_path, silence_s_max=0.02):
        reader, writer = await asyncio.open_unix_connection(str(socket_path(tmp_path)))

        assert b"" == await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """A live socket is neither taken over nor removed, and its owner goes on serving."""
    async with serving(tmp_path):
        with pytest.raises(ControlBusy, match="another daemon"):
            await ControlServer(tmp_path, HANDLERS).open()

        assert {} == await asked(tmp_path, "echo")


async def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    """What a killed daemon left behind does not stop the next one."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(tmp_path)))
    assert socket_path(tmp_path).exists()

    async with serving(tmp_path):
        assert {} == await asked(tmp_path, "echo")


async def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    """Something that is not a socket is not ours to remove."""
    socket_path(tmp_path).write_text("mine")

    with pytest.raises(ControlError, match="not a socket"):
        await ControlServer(tmp_path, HANDLERS).open()
    assert "mine" == socket_path(tmp_path).read_text()


async def test_closing_removes_the_socket_and_its_clients(tmp_path: Path) -> None:
    """After close nobody is connected, and the next `ask` says that no daemon runs."""
    async with serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(str(socket_path(tmp_path)))
        await asked(tmp_path, "echo")

    assert b"" == await asyncio.wait_for(reader.read(), 5)
    assert not socket_path(tmp_path).exists()
    with pytest.raises(NotRunning):
        await asked(tmp_path, "echo")
    writer.close()


async def test_closing_leaves_a_successor_alone(tmp_path: Path) -> None:
    """A socket that somebody else has put there meanwhile is not removed."""
    server = ControlServer(tmp_path, HANDLERS)
    await server.open()
    socket_path(tmp_path).unlink()
    async with serving(tmp_path):
        await server.close()

        assert {} == await asked(tmp_path, "echo")


async def test_a_deep_state_directory_works(tmp_path: Path) -> None:
    """A path longer than a socket address can hold is reached all the same where the system has /proc."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system has no /proc/self/fd")
    deep = tmp_path.joinpath(*("d" * 50 for _ in range(5)))
    async with serving(deep):
        assert len(os.fsencode(socket_path(deep))) > 200
        assert {} == await asked(deep, "echo")
        with pytest.raises(ControlBusy):
            await ControlServer(deep, HANDLERS).open()


async def test_a_deep_state_directory_is_refused_clearly_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc the error names the path and what to do."""
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    deep = tmp_path.joinpath(*("d" * 50 for _ in range(5)))

    with pytest.raises(ControlError, match="shorter state directory"):
        await ControlServer(deep, HANDLERS).open()
    with pytest.raises(PathTooLong):
        ask(deep, "echo")


def test_no_daemon_is_told_apart(tmp_path: Path) -> None:
    """A missing socket, a missing directory and a dead socket all mean that no daemon runs."""
    with pytest.raises(NotRunning):
        ask(tmp_path, "status")
    with pytest.raises(NotRunning):
        ask(tmp_path / "nowhere", "status")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(tmp_path)))
    with pytest.raises(NotRunning):
        ask(tmp_path, "status")


def test_a_hung_daemon_is_told_apart(tmp_path: Path) -> None:
    """A daemon that listens but does not answer is not taken for a stopped one, however full its backlog."""
    with listening(tmp_path, answer=None), socket.socket(socket.AF_UNIX) as other:
        with pytest.raises(Unanswered):
            ask(tmp_path, "kill", timeout_s=0.05)
        other.connect(str(socket_path(tmp_path)))
        with pytest.raises(Unanswered):
            ask(tmp_path, "kill", timeout_s=0.05)
        with pytest.raises(Unanswered):
            ask(tmp_path, "kill", timeout_s=0.05)


@pytest.mark.parametrize("answer", [b"", b"{}\n", b"not json\n", b'{"ok":true}\n', b'{"ok":false}\n', b'{"ok":true'])
def test_an_unreadable_answer_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    """Nothing is concluded from an answer that is not of the wire."""
    with listening(tmp_path, answer), pytest.raises(Unanswered):
        ask(tmp_path, "kill", timeout_s=5)


def test_an_endless_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads no more than its bound."""
    monkeypatch.setattr("bot.runtime.ask.ANSWER_BYTES_MAX", 10)
    with listening(tmp_path, b'{"ok":true,"result":"long"}'), pytest.raises(Unanswered, match="longer than"):
        ask(tmp_path, "status", timeout_s=5)


def test_it_works_on_the_daemons_event_loop(tmp_path: Path) -> None:
    """The daemon runs on uvloop: serving, refusing a second one and closing work there as well."""

    async def scene() -> None:
        async with serving(tmp_path):
            assert {"n": 1} == await asked(tmp_path, "echo", {"n": 1})
            with pytest.raises(ControlBusy):
                await ControlServer(tmp_path, HANDLERS).open()
        assert not socket_path(tmp_path).exists()

    uvloop.run(scene())
