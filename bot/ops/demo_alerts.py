"""Where the demo's daemons send their alerts: a receiver on loopback that keeps what it is told, in order."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import msgspec

MESSAGE_BYTES_MAX = 64 * 1024
MESSAGES_MAX = 1_000


class Told(msgspec.Struct, frozen=True):
    """One message as a sink got it."""

    book: str
    title: str
    text: str

    def kind(self) -> str:
        """Which kind of alert it is, by the runbook page that its text names; empty where it names none."""
        _, _, page = self.text.rpartition("docs/runbooks/")
        return page.split(".md")[0] if page.count(".md") else ""


class Receiver:
    """An HTTP server in a thread of its own; a context manager. Each book has a path of its own."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-alerts", daemon=True)

    def url(self, book: str) -> str:
        """The sink's URL for a book's config."""
        return f"json://127.0.0.1:{self._server.server_port}/{book}"

    def told(self, book: str) -> tuple[Told, ...]:
        """What a book's daemon has told so far."""
        with self._lock:
            return tuple(one for one in self._told if one.book == book)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, book: str, message: dict[str, Any]) -> None:
        with self._lock:
            if len(self._told) < MESSAGES_MAX:
                self._told.append(Told(book, str(message.get("title", "")), str(message.get("message", ""))))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                try:
                    message = json.loads(self.rfile.read(min(length, MESSAGE_BYTES_MAX)))
                except ValueError:
                    self.send_error(HTTPStatus.BAD_REQUEST)
                    return
                take(self.path.strip("/"), message)
                self.send_response(HTTPStatus.NO_CONTENT)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
                """Say nothing: the demo's screen is taken."""

        return Handler
