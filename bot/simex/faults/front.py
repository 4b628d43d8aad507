"""The front of the exchange: an HTTP request on its way in and its answer on its way out, with the faults on both.

A fault never changes what is true in the exchange: the request is carried out as any other, at once, late or not at
all, and what the client is told of it is another matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.simex.faults.answers import altered, is_executed, with_limit_headers
from bot.simex.faults.armed import Hit, Injections
from bot.simex.faults.errors import SPARES_REDUCING
from bot.simex.faults.model import Fault, Touch
from bot.simex.faults.places import reduces, symbol_of, venue_of
from bot.simex.requestlog import ANSWERED, DROPPED, REPLACED
from bot.simex.wire import Dialect, Request, Response

Execute = Callable[[Request, Dialect], Response]
Note = Callable[[Request, Response, tuple[str, ...], str, int], None]
PARKED_MAX: Final = 10_000
RESET: Final = "reset"
HOLD: Final = "hold"
SEND: Final = "send"
_ENDINGS: Final = {"drop_answer": RESET, "hold_answer": HOLD, "late": RESET}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a request: its answer is sent, or the connection is reset, or held without an answer.

    `response` is what the exchange made of it, for the log; `answer` what the client gets, so many bytes a second.
    """

    response: Response
    answer: Response
    end: str = SEND
    fate: str = ANSWERED
    faults: tuple[str, ...] = ()
    bytes_per_s: int = 0


class Front:
    """Carries requests out. `execute` asks the dialect, `note` logs a request that is carried out after its answer."""

    def __init__(self, injections: Injections, execute: Execute, note: Note) -> None:
        self._injections = injections
        self._execute = execute
        self._note = note
        self._parked: set[asyncio.Task[None]] = set()

    async def handle(self, request: Request, dialect: Dialect) -> Outcome:
        """What becomes of a request."""
        if not self._injections.watches("http"):
            response = self._execute(request, dialect)
            return Outcome(response, response)
        hits = self._hits(request, dialect)
        names = tuple(f"{one.kind}:{one.variant}" if one.variant else one.kind for one in hits)
        main = next((one for one in hits if not one.fault.what.stacks), None)
        await _delays(hits, "before")
        if main is not None and main.kind == "late" and main.variant == "told":
            return self._told(request, dialect, main, names)
        if main is not None and main.kind == "late":
            await asyncio.sleep(main.params["delay_ms"] / 1000)
        if main is None or is_executed(main):
            response = self._execute(request, dialect)
        else:
            response = Response(503, b"", trace=dialect.describe(request))
        await _delays(hits, "after")
        return _outcome(request, response, dialect, hits, main, names)

    async def close(self) -> None:
        """Forget what is parked."""
        for task in tuple(self._parked):
            task.cancel()
        await asyncio.gather(*self._parked, return_exceptions=True)

    def _hits(self, request: Request, dialect: Dialect) -> list[Hit]:
        asks_account = self._injections.names("http", "account")
        account = (dialect.describe(request).account or "") if asks_account else ""
        touch = Touch(venue_of(request.host), request.host, request.method, request.path, symbol_of(request), account)
        spared = reduces(request)

        def spares(fault: Fault) -> bool:
            return spared and fault.variant in SPARES_REDUCING

        return self._injections.take("http", touch, spares)

    def _told(self, request: Request, dialect: Dialect, hit: Hit, names: tuple[str, ...]) -> Outcome:
        """The client hears at once that nobody knows; the request is carried out later."""
        if len(self._parked) < PARKED_MAX:
            task = asyncio.create_task(self._later(request, dialect, hit.params["delay_ms"], names))
            self._parked.add(task)
            task.add_done_callback(self._parked.discard)
        answer = dialect.refusal("unknown", request)
        return Outcome(Response(answer.status, b"", trace=dialect.describe(request)), answer, SEND, REPLACED, names)

    async def _later(self, request: Request, dialect: Dialect, delay_ms: int, names: tuple[str, ...]) -> None:
        await asyncio.sleep(delay_ms / 1000)
        self._note(request, self._execute(request, dialect), names, DROPPED, 0)


def _outcome(
    request: Request,
    response: Response,
    dialect: Dialect,
    hits: Sequence[Hit],
    main: Hit | None,
    names: tuple[str, ...],
) -> Outcome:
    if main is not None and main.kind in _ENDINGS:
        return Outcome(response, response, _ENDINGS[main.kind], DROPPED, names)
    answer, fate, bytes_per_s = response, ANSWERED, 0
    if main is not None:
        answer, fate = altered(main, request, response, dialect, venue_of(request.host)), REPLACED
    for hit in hits:
        if hit.kind == "limit_headers":
            answer, fate = with_limit_headers(hit, answer), REPLACED
        elif hit.kind == "slow_body":
            bytes_per_s = hit.params["bytes_per_s"]
    return Outcome(response, answer, SEND, fate, names, bytes_per_s)


async def _delays(hits: Sequence[Hit], variant: str) -> None:
    waited_ms = sum(hit.params["delay_ms"] for hit in hits if hit.kind == "delay" and hit.variant == variant)
    if waited_ms:
        await asyncio.sleep(waited_ms / 1000)
