"""Asking a running daemon from another process: the control socket's wire, and a blocking client.

A connection carries lines of JSON. A request is ``{"verb": "status", "args": {}}``; its answer is
``{"ok": true, "result": ...}`` or ``{"ok": false, "error": {"code": "...", "message": "..."}}``, in order.
Only the standard library is used here, and little of it: `trimtab kill` must not wait for imports.

The exceptions say what the caller may conclude:

    AskError
    +-- NotRunning      nothing listens: there is no daemon in this state directory
    +-- Unanswered      something listens but did not answer in time, or not readably; what it did is not known
    +-- Refused         the daemon answered that it will not: `code` and one line for a person
    +-- PathTooLong     this system cannot name a socket that deep
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOCKET_NAME = "control.sock"
TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 8 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024

SOCKET_PATH_BYTES_MAX = 103
"""The shortest limit of the systems we run on (macOS: 104 with the closing NUL; Linux: 108)."""


class AskError(Exception):
    """The daemon could not be asked, or would not."""


class NotRunning(AskError):
    """Nothing listens on the control socket."""


class Unanswered(AskError):
    """No complete, readable answer came in time; whether the request had an effect is not known."""


class Refused(AskError):
    """The daemon's own error: `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PathTooLong(AskError):
    """The state directory lies too deep for a socket address, and this system offers no way around."""


def socket_path(state_dir: Path) -> Path:
    """Where the daemon of `state_dir` listens."""
    return state_dir.absolute() / SOCKET_NAME


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of `path` that fits into a socket address, valid inside the block.

    A socket address holds about a hundred bytes, a path four thousand. Where the system shows open directories as
    files, the name goes through one; raises PathTooLong where it does not.
    """
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise PathTooLong(f"{path} is longer than {SOCKET_PATH_BYTES_MAX} bytes; choose a shorter state directory")
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def ask(state_dir: Path, verb: str, args: Mapping[str, object] | None = None, timeout_s: float = TIMEOUT_S) -> Any:
    """Send one request to the daemon of `state_dir` and return the decoded result; raises the kinds of AskError.

    `timeout_s` bounds the whole exchange.
    """
    request = json.dumps({"verb": verb, "args": dict(args or {})}).encode() + b"\n"
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        _connect(client, socket_path(state_dir))
        try:
            client.sendall(request)
            line = _line(client, deadline)
        except OSError as error:
            raise Unanswered(f"the daemon did not answer {verb!r} within {timeout_s:g} s ({_said(error)})") from error
    return _result(line)


def _connect(client: socket.socket, path: Path) -> None:
    try:
        with short_name(path) as name:
            client.connect(name)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        raise NotRunning(f"no daemon listens at {path}") from error
    except OSError as error:
        # A full backlog (EAGAIN) is a daemon that accepts nobody any more; a denied one is somebody else's.
        raise Unanswered(f"cannot reach the daemon at {path} ({_said(error)})") from error


def _line(client: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        client.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = client.recv(_CHUNK_BYTES)
        if not chunk:
            raise Unanswered("the daemon closed the connection before it answered")
        received += chunk
        if len(received) > ANSWER_BYTES_MAX:
            raise Unanswered(f"the daemon's answer is longer than {ANSWER_BYTES_MAX} bytes")
    return bytes(received)


def _result(line: bytes) -> Any:
    try:
        answer = json.loads(line)
        if answer["ok"] is True:
            return answer["result"]
        code, message = str(answer["error"]["code"]), str(answer["error"]["message"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unanswered(f"the daemon's answer cannot be read: {line[:80]!r}") from error
    raise Refused(code, message)


def _said(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
