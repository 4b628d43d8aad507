"""The short form of a fault: one flat object, as the control API has always taken it.

It says the same as a fault of `bot.simex.faults` with a scope and parameters, for the faults that are needed most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bot.simex.faults.armed import Injections as Armed
from bot.simex.faults.catalogue import DELAY_MS_MAX, KINDS
from bot.simex.faults.model import Fault as FullFault
from bot.simex.faults.model import Scope
from bot.simex.faults.scenario import SHORT_KINDS

DURATION_MS_MAX: Final = 3_600_000

HTTP_503: Final = "http_503"
DELAY: Final = "delay"
DROP_ANSWER: Final = "drop_answer"
GARBAGE_200: Final = "garbage_200"
EMPTY_LIST: Final = "empty_list"
EMPTY_BALANCES: Final = "empty_balances"
STALL: Final = "stall"
ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its scope. `path` and `host` may hold `*`; empty means any.

    `variant` is one of the kind's. `executes`: whether the exchange carries the request out although the client is told
    otherwise. `delay_ms` for "delay"; `duration_ms` for "stall". For "error": `status`, `code`, `msg`.
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
        if self.kind not in SHORT_KINDS:
            raise ValueError(f"kind {self.kind!r}: allowed are {', '.join(SHORT_KINDS)}")
        allowed = KINDS[self.kind].variants
        if allowed and self.variant not in allowed:
            raise ValueError(f"variant {self.variant!r} of {self.kind}: allowed are {', '.join(allowed)}")
        if not 0 <= self.delay_ms <= DELAY_MS_MAX:
            raise ValueError(f"delay_ms {self.delay_ms}: allowed is 0 to {DELAY_MS_MAX}")
        if not 0 <= self.duration_ms <= DURATION_MS_MAX:
            raise ValueError(f"duration_ms {self.duration_ms}: allowed is 0 to {DURATION_MS_MAX}")
        if self.count < 1:
            raise ValueError("count: allowed is 1 or more")

    def full(self) -> FullFault:
        """The same fault in full."""
        kind = KINDS[self.kind]
        variant = self.variant if kind.variants else ""
        params: dict[str, Any] = {name: getattr(self, name) for name in kind.params if hasattr(self, name)}
        if self.kind == STALL:
            return FullFault(STALL, variant, count=1, duration_ms=self.duration_ms)
        scope = Scope(host=self.host, method=self.method, endpoint=self.path, symbol=self.symbol)
        return FullFault(self.kind, variant, scope, count=self.count, params=params)


class Injections(Armed):
    """The armed faults; both forms are taken."""

    def arm(self, fault: Fault | FullFault) -> int:
        """Arm a fault from now on and answer its id."""
        return super().arm(fault if isinstance(fault, FullFault) else fault.full())

    def note(self, fault_id: int, fault: Fault | FullFault, *_: object) -> None:
        """Log what was done by hand."""
        super().note(fault_id, fault if isinstance(fault, FullFault) else fault.full())
