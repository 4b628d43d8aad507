"""Modes and the kill switch.

RUN < REDUCE_ONLY < UNWIND < FLATTEN < HALT. A latch sets a mode for a scope (`global` or an instrument) and stays,
over restarts too, until an operator arms again; what counts for an instrument is the strictest latch on it, but an
operator's UNWIND or FLATTEN closes an instrument that is halted on its own, too.

HALT sends nothing but cancels; hedges stay as they are. REDUCE_ONLY lets a position only get smaller.
UNWIND closes every hedge inside the ordinary limits; FLATTEN closes them inside wider ones, and is the one way to trade
that is obeyed under a global HALT, because an operator confirmed it in two steps.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from bot.domain.events import Action, OperatorAsked, RunMode
from bot.domain.units import InstrumentId, Nanos

GLOBAL = "global"
REASON_CHARACTERS_MAX = 1_000


class Mode(IntEnum):
    """What may be sent, in order of strictness."""

    RUN = 0
    REDUCE_ONLY = 1
    UNWIND = 2
    FLATTEN = 3
    HALT = 4


_LATCHED = {
    Action.KILL: Mode.HALT,
    Action.PAUSE: Mode.HALT,
    Action.UNWIND: Mode.UNWIND,
    Action.FLATTEN: Mode.FLATTEN,
}


class Latch(msgspec.Struct, frozen=True):
    """A mode that was set, why, by whom and when."""

    mode: Mode
    reason: str
    by: str
    since_ns: Nanos


@dataclass(slots=True)
class Modes:
    """Owner of the latches, by scope."""

    run_mode: RunMode = RunMode.DRY_RUN
    latches: dict[str, Latch] = field(default_factory=dict)
    armed_ns: int = 0

    @property
    def overall(self) -> Mode:
        """The mode of the whole portfolio."""
        latch = self.latches.get(GLOBAL)
        return latch.mode if latch else Mode.RUN

    def of(self, instrument: InstrumentId) -> Mode:
        """The mode that counts for an instrument. An operator's UNWIND or FLATTEN outranks an instrument's own halt."""
        own = self.latches.get(instrument)
        if self.overall in (Mode.UNWIND, Mode.FLATTEN) or own is None:
            return self.overall
        return max(own.mode, self.overall)

    def latch(self, scope: str, latch: Latch) -> bool:
        """Set a latch unless the scope already has one at least as strict; say whether it was set."""
        before = self.latches.get(scope)
        if before is not None and before.mode >= latch.mode:
            return False
        self.latches[scope] = latch
        return True

    def obey(self, event: OperatorAsked) -> str:
        """Carry out an operator's command; the answer says why it was not, and is empty when it was."""
        if event.action is Action.ARM:
            self.latches.clear()
            self.armed_ns = event.received_ns
            return ""
        if event.action is Action.UNWIND and self.overall is Mode.HALT:
            return "halted: arm first, or flatten"
        mode, reason, before = _LATCHED[event.action], event.reason, self.latches.get(GLOBAL)
        if mode is Mode.HALT and before is not None and before.mode is Mode.HALT:
            # Why it halted first is what somebody has to look into before it is armed.
            reason = f"{before.reason}; then {event.action.value}: {reason}"[:REASON_CHARACTERS_MAX]
        self.latches[GLOBAL] = Latch(mode, reason, event.by, event.received_ns)
        return ""
