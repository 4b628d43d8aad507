"""The daemon's ear: a unix socket in the state directory, for its owner only.

Theory of operation. The socket is `control.sock`, mode 0600, made under the state directory; the wire is described in
`bot.runtime.ask`. A verb is an async callable that the app hands in; it takes the request's arguments and returns
whatever msgspec can encode. It says no by raising `Denied`. Anything else that it raises is a bug of ours: the client
is told "internal", and `on_bug` gets the exception, so that a defect is neither swallowed nor kills the ear.

A verb runs in a task of its own and is bounded; so are the request, the number of clients and their silence. Nothing a
client does or leaves undone can hold the engine up. The journal's lock is what keeps two daemons apart; the check here
turns the common case into a clear message and never removes a socket that somebody answers on.
"""

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from bot.runtime.ask import ANSWER_BYTES_MAX, PathTooLong, short_name, socket_path

Arguments = Mapping[str, Any]
Handler = Callable[[Arguments], Awaitable[object]]
Handlers = Mapping[str, Handler]
OnBug = Callable[[BaseException], None]

_PROBE_S = 1.0
_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the ear."""

    request_bytes_max: int = 64 * 1024
    clients_max: int = 16
    silence_s_max: float = 30.0
    """A client that says nothing for so long, or takes an answer no faster, is hung up on."""
    verb_s_max: float = 15.0


class ControlError(Exception):
    """The control socket cannot be opened; the message is one line for a person."""


class ControlBusy(ControlError):
    """Another daemon answers on this state directory's socket."""


class Denied(Exception):
    """A verb's way to say no: `code` is for programs (`refused`, `bad_arguments`, `not_ready` ...)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verb: str
    args: dict[str, Any] = {}


_DECODER = msgspec.json.Decoder(_Request)


class ControlServer:
    """The listening socket and its clients; an async context manager."""

    def __init__(
        self, state_dir: Path, handlers: Handlers, *, limits: Limits | None = None, on_bug: OnBug | None = None
    ) -> None:
        self._path = socket_path(state_dir)
        self._handlers = dict(handlers)
        self._limits = limits or Limits()
        self._on_bug = on_bug or _to_the_loop
        self._clients: set[asyncio.Task[Any]] = set()
        self._inode: tuple[int, int] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "ControlServer":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Listen; raises ControlBusy when another daemon answers there, ControlError when it cannot be made."""
        try:
            listening = _bound(self._path)
        except PathTooLong as error:
            raise ControlError(str(error)) from error
        made = self._path.stat()
        self._inode = (made.st_dev, made.st_ino)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=self._limits.request_bytes_max, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Hang up on everybody and remove the socket, if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._unlink()

    def _unlink(self) -> None:
        try:
            found = self._path.stat()
            if (found.st_dev, found.st_ino) == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > self._limits.clients_max:
                await self._send(writer, _failure("busy", f"{self._limits.clients_max} clients are connected already"))
            else:
                await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # the client is gone or asleep; nobody is left to tell
        finally:
            self._clients.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), self._limits.silence_s_max)
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                limit = self._limits.request_bytes_max
                await self._send(writer, _failure("bad_request", f"a request is at most {limit} bytes"))
                return
            await self._send(writer, await self._answer(line))

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(answer + b"\n")
        await asyncio.wait_for(writer.drain(), self._limits.silence_s_max)

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            return _failure("bad_request", f"not a request: {error}")
        handler = self._handlers.get(request.verb)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return _failure("unknown_verb", f"{request.verb!r} is no verb; known are {known}")
        return await self._outcome(request.verb, handler(request.args))

    async def _outcome(self, verb: str, running: Awaitable[object]) -> bytes:
        """Run a verb in a task of its own; turn what became of it into an answer."""
        task = asyncio.ensure_future(running)
        try:
            await asyncio.wait({task}, timeout=self._limits.verb_s_max)
        finally:
            finished = task.done()
            task.cancel()
        if not finished:
            return _failure("timeout", f"{verb} took longer than {self._limits.verb_s_max:g} s")
        if task.cancelled():
            return _failure("stopping", "the daemon is stopping")
        match task.exception():
            case None:
                return self._encoded(verb, task.result())
            case Denied(code=code, message=message):
                return _failure(code, message)
            case bug:
                self._on_bug(bug)
                return _failure("internal", f"{verb} failed: {type(bug).__name__} (see the daemon's log)")

    def _encoded(self, verb: str, result: object) -> bytes:
        try:
            answer = msgspec.json.encode({"ok": True, "result": result})
        except (TypeError, msgspec.MsgspecError) as bug:
            self._on_bug(bug)
            return _failure("internal", f"{verb} gave no JSON")
        if len(answer) >= ANSWER_BYTES_MAX:
            return _failure("too_long", f"the answer to {verb} has {len(answer)} bytes, {ANSWER_BYTES_MAX} are allowed")
        return answer


def _failure(code: str, message: str) -> bytes:
    return msgspec.json.encode({"ok": False, "error": {"code": code, "message": message}})


def _to_the_loop(bug: BaseException) -> None:
    context = {"message": "a control verb failed", "exception": bug}
    asyncio.get_running_loop().call_exception_handler(context)


def _bound(path: Path) -> socket.socket:
    """A listening socket at `path` that only its owner can open."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(path)
    with short_name(path) as name:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode must hold from the first moment on; a chmod after bind would leave a gap.
        mask = os.umask(0o177)
        try:
            listening.bind(name)
        except OSError as error:
            listening.close()
            raise ControlError(f"cannot listen at {path}: {error.strerror or error}") from error
        finally:
            os.umask(mask)
    listening.setblocking(False)
    return listening


def _clear(path: Path) -> None:
    """Remove what a killed daemon left; raises ControlBusy when somebody answers, ControlError when it is no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ControlError(f"{path} is in the way: it is not a socket; remove it")
    except FileNotFoundError:
        return
    if _alive(path):
        raise ControlBusy(f"another daemon answers at {path}; stop it first, or use another state directory")
    path.unlink(missing_ok=True)


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, short_name(path) as name:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True  # its backlog is full: it lives, and is busy
    return True
