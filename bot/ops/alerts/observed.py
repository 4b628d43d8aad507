"""What apprise does not tell: the status, the Retry-After and the kind of failure of a service's last answer.

apprise says of a delivery whether it went well, and its services send by `requests`. While a thread watches, every
answer to a request of that thread is noted; a thread that does not watch, and every other user of `requests`, is left
alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
import requests.adapters

BODY_BYTES_MAX = 64 * 1024
TOO_MANY = 429


@dataclass(slots=True)
class Seen:
    """The last answer, or what was raised in its place."""

    status: int | None = None
    retry_after: str | None = None
    error: requests.RequestException | None = None


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class _Body(msgspec.Struct):
    """Where services write the pause that they ask for, if not into the header. Seconds."""

    retry_after: float | None = None
    parameters: _Parameters | None = None


_watching = threading.local()
_send = requests.adapters.HTTPAdapter.send


@contextmanager
def watched() -> Iterator[Seen]:
    """Note what this thread's requests are answered."""
    _watching.seen = seen = Seen()
    try:
        yield seen
    finally:
        _watching.seen = None


def observe() -> None:
    """Begin to look on, once for the process."""
    requests.adapters.HTTPAdapter.send = _noting  # type: ignore[method-assign, assignment]


def _noting(adapter: requests.adapters.HTTPAdapter, *args: Any, **options: Any) -> requests.Response:
    seen: Seen | None = getattr(_watching, "seen", None)
    if seen is None:
        return _send(adapter, *args, **options)
    try:
        response = _send(adapter, *args, **options)
    except requests.RequestException as error:
        seen.status, seen.error = None, error
        raise
    seen.status, seen.error = response.status_code, None
    seen.retry_after = response.headers.get("Retry-After") or _pause_in(response)
    return response


def _pause_in(response: requests.Response) -> str | None:
    if response.status_code != TOO_MANY or int(response.headers.get("Content-Length") or 0) > BODY_BYTES_MAX:
        return None
    try:
        body = msgspec.json.decode(response.content, type=_Body)
    except (msgspec.MsgspecError, requests.RequestException):
        return None
    pause = body.retry_after or (body.parameters.retry_after if body.parameters else None)
    return None if pause is None else str(pause)
