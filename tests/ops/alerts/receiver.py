"""A webhook on loopback that alerts are sent to, and that misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 20.0


@dataclass(slots=True)
class Received:
    """What was accepted, and what was asked for at all."""

    title: str
    text: str
    level: str


@dataclass(slots=True)
class Mood:
    """How it answers: after a delay, with a status and headers; `down` cuts the connection without an answer."""

    status: int = 200
    delay_s: float = 0.0
    down: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class Receiver:
    """The server; `with Receiver() as receiver:` runs it."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.asked: list[str] = []
        self.mood = Mood()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Receiver:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let whoever waits go, and end."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """For a sink."""
        return f"json://{self.address}/alerts"

    def titles(self) -> list[str]:
        """The titles of what was accepted, in order."""
        with self._lock:
            return [message.title for message in self.received]

    def texts(self) -> list[str]:
        """The texts of what was accepted, in order."""
        with self._lock:
            return [message.text for message in self.received]

    def await_titles(self, count: int) -> list[str]:
        """The titles once there are so many."""
        await_true(lambda: len(self.received) >= count, lambda: f"only {self.titles()} of {count}")
        return self.titles()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request, in today's mood."""
        mood = self.mood
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.asked.append(handler.path)
        if mood.delay_s:
            self._released.wait(mood.delay_s)
        if mood.down:
            handler.close_connection = True
            return
        if mood.status < 300 and content:
            self._accept(json.loads(content))
        try:
            handler.send_response(mood.status)
            for name, value in {"Content-Length": str(len(mood.body)), **mood.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(mood.body)
        except OSError:
            pass  # the sender gave up waiting

    def _accept(self, document: dict[str, Any]) -> None:
        with self._lock:
            self.received.append(Received(document["title"], document["message"], document["type"]))


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.answer(self)

        def do_GET(self) -> None:
            receiver.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def await_true(condition: Callable[[], bool], what: Callable[[], str] = lambda: "it never became true") -> None:
    """Wait until a condition holds, as other threads make it."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)
