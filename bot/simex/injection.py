"""Faults that the control API arms: which request they touch, what they do to it, and a log of each firing.

A fault fires at most `count` times, on requests within its scope. What it does happens around the dialect: before the
request is executed (then it is not, unless `executes`), or to the answer after it was.
"""

from __future__ import annotations

import fnmatch
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.simex.wire import Request, Response

ARMED_MAX = 1_000
FIRED_MAX = 100_000
DELAY_MS_MAX = 120_000
DURATION_MS_MAX = 3_600_000

HTTP_503 = "http_503"
DELAY = "delay"
DROP_ANSWER = "drop_answer"
GARBAGE_200 = "garbage_200"
EMPTY_LIST = "empty_list"
EMPTY_BALANCES = "empty_balances"
STALL = "stall"
ERROR = "error"

KINDS = (HTTP_503, DELAY, DROP_ANSWER, GARBAGE_200, EMPTY_LIST, EMPTY_BALANCES, STALL, ERROR)
VARIANTS: Mapping[str, tuple[str, ...]] = {
    HTTP_503: ("unknown", "unavailable", "internal", "throttled"),
    DELAY: ("before", "after"),
    GARBAGE_200: ("empty", "truncated", "html", "{}"),
    STALL: ("market", "user", "all"),
}
THROTTLED = "throttled"
# The 503s that mean that nothing was done.
FAILURES = ("unavailable", "internal", THROTTLED)
_HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_LISTS = ("balances", "assets", "positions")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its scope. `path` and `host` may hold `*`; empty means any.

    `variant` is one of `VARIANTS` for the kind. `executes`: whether the exchange carries the request out although the
    client is told otherwise. `delay_ms` for "delay"; `duration_ms` for "stall". For "error": `status`, `code`, `msg`.
    """

    kind: str
    variant: str = ""
    executes: bool = True
    delay_ms: int = 0
    duration_ms: int = 0
    status: int = 400
    code: int = 0
    msg: str = ""
    method: str = ""
    path: str = ""
    host: str = ""
    symbol: str = ""
    count: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r}: allowed are {', '.join(KINDS)}")
        allowed = VARIANTS.get(self.kind)
        if allowed and self.variant not in allowed:
            raise ValueError(f"variant {self.variant!r} of {self.kind}: allowed are {', '.join(allowed)}")
        if not 0 <= self.delay_ms <= DELAY_MS_MAX:
            raise ValueError(f"delay_ms {self.delay_ms}: allowed is 0 to {DELAY_MS_MAX}")
        if not 0 <= self.duration_ms <= DURATION_MS_MAX:
            raise ValueError(f"duration_ms {self.duration_ms}: allowed is 0 to {DURATION_MS_MAX}")
        if self.count < 1:
            raise ValueError("count: allowed is 1 or more")

    def touches(self, method: str, host: str, path: str, symbol: str) -> bool:
        """Whether a request lies within this fault's scope."""
        return (
            (not self.method or self.method == method)
            and (not self.host or fnmatch.fnmatchcase(host, self.host))
            and (not self.path or fnmatch.fnmatchcase(path, self.path))
            and (not self.symbol or self.symbol == symbol)
        )


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a fault."""

    fault_id: int
    kind: str
    variant: str
    time_ms: int
    method: str
    path: str


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int


@dataclass(slots=True)
class Injections:
    """The armed faults and the log of those that fired."""

    _armed: dict[int, _Armed] = field(default_factory=dict)
    _next_id: int = 1
    fired: deque[Firing] = field(default_factory=lambda: deque(maxlen=FIRED_MAX))

    def arm(self, fault: Fault) -> int:
        """Arm a fault and return its id."""
        if len(self._armed) >= ARMED_MAX:
            raise ValueError(f"more than {ARMED_MAX} faults armed")
        fault_id = self._next_id
        self._next_id += 1
        self._armed[fault_id] = _Armed(fault, fault.count)
        return fault_id

    def disarm(self, fault_id: int | None = None) -> int:
        """Disarm one fault, or all; returns how many were."""
        if fault_id is None:
            count = len(self._armed)
            self._armed.clear()
            return count
        return 1 if self._armed.pop(fault_id, None) else 0

    def take(self, request: Request, symbol: str, time_ms: int) -> list[Fault]:
        """The faults that fire on this request, in the order armed: every delay, and the first of the others."""
        chosen: list[Fault] = []
        for fault_id, armed in list(self._armed.items()):
            fault = armed.fault
            if not fault.touches(request.method, request.host, request.path, symbol):
                continue
            if fault.variant == THROTTLED and _reduces(request):
                continue
            if fault.kind != DELAY and any(other.kind != DELAY for other in chosen):
                continue
            self.note(fault_id, fault, time_ms, request.method, request.path)
            chosen.append(fault)
            armed.left -= 1
            if armed.left <= 0:
                del self._armed[fault_id]
        return chosen

    def note(self, fault_id: int, fault: Fault, time_ms: int, method: str = "", path: str = "") -> None:
        """Log a firing."""
        self.fired.append(Firing(fault_id, fault.kind, fault.variant, time_ms, method, path))

    def as_dict(self) -> dict[str, Any]:
        """What is armed and what fired, as JSON-ready values."""
        armed = [{"id": key, "left": one.left, **asdict(one.fault)} for key, one in self._armed.items()]
        return {"armed": armed, "fired": [asdict(firing) for firing in self.fired]}


def _reduces(request: Request) -> bool:
    """Whether the venue exempts a request from throttling: cancellations and reduce-only orders."""
    text = f"{request.query}&{request.body.decode('latin-1')}".lower()
    return request.method == "DELETE" or "reduceonly=true" in text


def garbled(variant: str, body: bytes) -> tuple[bytes, str]:
    """The body and content type that a "garbage_200" puts in place of `body`."""
    if variant == "truncated":
        return body[: len(body) * 2 // 3], "application/json"
    if variant == "html":
        return _HTML, "text/html"
    return (b"{}", "application/json") if variant == "{}" else (b"", "application/json")


def emptied(response: Response) -> bytes:
    """The answer's body with every account row taken out: `[]`, or its lists of balances and positions empty."""
    decoded = json.loads(response.body)
    if isinstance(decoded, list):
        return b"[]"
    if isinstance(decoded, dict):
        decoded.update({name: [] for name in _LISTS if name in decoded})
    return json.dumps(decoded, separators=(",", ":")).encode()
