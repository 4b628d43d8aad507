"""What apprise does not tell: the status, the Retry-After and the kind of failure of a service's last answer.

apprise says of a delivery whether it went well, and its services send by `requests`. While a thread watches, every
answer to a request of that thread is noted; a thread that does not watch, and every other user of `requests`, is left
alone.

Nothing that alerts need is in a long answer. One that is longer than BODY_BYTES_MAX, or that trickles in for longer
than BODY_SECONDS_MAX, is cut: a service that never ends its answer must take neither memory nor the sink's thread.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
import requests.adapters
from urllib3.exceptions import HTTPError

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10.0
CHUNK_BYTES = 8 * 1024
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
        _cut_short(response)
    except requests.RequestException as error:
        seen.status, seen.error = None, error
        raise
    seen.status, seen.error = response.status_code, None
    seen.retry_after = response.headers.get("Retry-After") or _pause_in(response)
    return response


def _pause_in(response: requests.Response) -> str | None:
    if response.status_code != TOO_MANY:
        return None
    try:
        body = msgspec.json.decode(response.content, type=_Body)
    except msgspec.MsgspecError:
        return None
    pause = body.retry_after or (body.parameters.retry_after if body.parameters else None)
    return None if pause is None else str(pause)


def _cut_short(response: requests.Response) -> None:
    """Read the answer's body as far as it is of interest; whoever asks for it gets that. Raises RequestException."""
    body, until = bytearray(), time.monotonic() + BODY_SECONDS_MAX
    try:
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > BODY_BYTES_MAX or time.monotonic() > until:
                break
    except HTTPError as error:
        raise requests.ConnectionError("the answer was cut") from error
    response.close()
    response._content, response._content_consumed = bytes(body[:BODY_BYTES_MAX]), True
