"""What an operator may ask of the running daemon, by the control socket or by chat: the verbs and their answers."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.domain.events import Action, Event, OperatorAsked, Remarked, RunMode
from bot.domain.units import SECOND_NS
from bot.engine.engine import Engine
from bot.engine.modes import GLOBAL, Mode
from bot.runtime import killfile
from bot.runtime.clock import Clock
from bot.runtime.control import Arguments, Denied, Handlers
from bot.runtime.plans import plan

NONCE_SECONDS = 30


class Operator:
    """Answers verbs; each is an async callable that takes the request's arguments."""

    def __init__(
        self,
        engine: Engine,
        step: Callable[[Event], object],
        clock: Clock,
        state_dir: Path,
        kill_file: killfile.Watch,
        ways: frozenset[RunMode],
        stop: Callable[[], None],
        looks: Handlers,
    ) -> None:
        """`ways` are the ways to run that may be gone over to; `looks` are verbs that somebody else answers."""
        self.next_mode: RunMode | None = None
        """The way to run that was asked for instead of this one; None when the process shall end."""
        self._engine = engine
        self._step = step
        self._clock = clock
        self._state_dir = state_dir
        self._kill_file = kill_file
        self._ways = ways
        self._stop = stop
        self._looks = looks
        self._nonce: tuple[str, int] = ("", 0)

    def handlers(self) -> Handlers:
        """The verbs by name."""
        return {
            **self._looks,
            "plan": self._on_plan,
            "kill": self._on_kill,
            "pause": self._on_pause,
            "arm": self._on_arm,
            "unwind": self._on_unwind,
            "flatten": self._on_flatten,
            "mode": self._on_mode,
            "stop": self._on_stop,
        }

    async def _on_plan(self, _: Arguments) -> dict[str, Any]:
        return plan(self._engine)

    async def _on_kill(self, arguments: Arguments) -> dict[str, str]:
        """Halt, and leave the file as a kill by hand does: it holds in whatever way this process or another goes on."""
        self._stay()
        kept = self._is_killed_so(arguments) or self._operate(Action.KILL, arguments)
        await self._leave_file(arguments, kept=kept)
        return self._mode()

    def _is_killed_so(self, arguments: Arguments) -> bool:
        """Whether this very kill is in force: `trimtab kill` writes its file first, and a tick may have read it."""
        (reason, by), order = _who(arguments), killfile.read(self._state_dir)
        state = self._engine.state
        latch = state.modes.latches.get(GLOBAL)
        halted = latch is not None and latch.mode is Mode.HALT and latch.by == by and latch.reason.endswith(reason)
        # The file that keeps it must be there: a journal that is lost keeps no latch.
        filed = order is not None and (order.reason, order.by) == (reason, by)
        return halted and filed and not state.orders.live()

    async def _on_pause(self, arguments: Arguments) -> dict[str, str]:
        if not self._operate(Action.PAUSE, arguments):
            await self._leave_file(arguments, kept=False)
        return self._mode()

    async def _on_arm(self, arguments: Arguments) -> dict[str, str]:
        try:
            self._kill_file.lift()
        except OSError as error:
            why = f"not armed: {killfile.place(self._state_dir)} cannot be removed ({error.strerror})"
            raise Denied("refused", why) from error
        self._operate(Action.ARM, arguments)
        return self._mode()

    async def _on_unwind(self, arguments: Arguments) -> dict[str, str]:
        if self._engine.state.modes.overall is Mode.HALT:
            raise Denied("refused", "halted: arm first, or flatten")
        self._operate(Action.UNWIND, arguments)
        return self._mode()

    async def _on_flatten(self, arguments: Arguments) -> dict[str, str]:
        """Two steps: the first call gives a nonce, the second one with it within 30 s does it."""
        self._stay()
        given, now = arguments.get("confirm"), self._clock.now_ns()
        nonce, until = self._nonce
        if given is None:
            self._nonce = (secrets.token_hex(4), now + NONCE_SECONDS * SECOND_NS)
            return {"confirm": self._nonce[0], "valid_s": str(NONCE_SECONDS)}
        self._nonce = ("", 0)
        if not nonce or not secrets.compare_digest(str(given).encode(), nonce.encode()) or now > until:
            raise Denied("refused", "wrong or expired confirmation; ask for a new one with `trimtab flatten`")
        if self._operate(Action.FLATTEN, arguments):
            # It outranks the kill before it: a restart halfway must go on with it, and not be halted by that kill's
            # file. One that cannot be removed is no reason to stay exposed.
            with suppress(OSError):
                self._kill_file.lift()
        return self._mode()

    async def _on_mode(self, arguments: Arguments) -> dict[str, str]:
        """Go on in another way to run: this one winds down like at a stop, and the process starts anew in the other.

        Until it has wound down the last word counts: another way, this one, or a stop.
        """
        given = str(arguments.get("mode") or "")
        modes = {mode.value: mode for mode in RunMode}
        if given not in modes:
            raise Denied("bad_arguments", f"'{given[:20]}' is no way to run; allowed: {', '.join(modes)}")
        here = modes[given] is self._engine.state.modes.run_mode
        if here and self.next_mode is None:
            raise Denied("refused", f"it runs in {given} already")
        if not here and modes[given] not in self._ways:
            raise Denied("refused", f"{given} needs a start with --{given} and its confirmation")
        reason, by = _who(arguments)
        self._step(Remarked("operator", "mode", f"goes over to {given}, by {by}: {reason}", self._clock.now_ns()))
        self.next_mode = modes[given]
        self._stop()
        return {"state": "stopping", "next": given}

    async def _on_stop(self, _: Arguments) -> dict[str, str]:
        self.next_mode = None
        self._stop()
        return {"state": "stopping"}

    def _operate(self, action: Action, arguments: Arguments) -> bool:
        """Hand a command over; says whether the journal took it, for a command always leads to a notice at least."""
        if action is not Action.ARM:
            self._stay()
        reason, by = _who(arguments)
        return bool(self._step(OperatorAsked(action, reason, by, self._clock.now_ns())))

    def _mode(self) -> dict[str, str]:
        return {"mode": self._engine.state.modes.overall.name}

    def _stay(self) -> None:
        """Call a switch off that is under way: what is asked now counts in this way to run, so this one goes on."""
        if self.next_mode is not None:
            self.next_mode = self._engine.state.modes.run_mode

    async def _leave_file(self, arguments: Arguments, *, kept: bool) -> None:
        try:
            # In a thread, and last: a disk that hangs must not keep what was just cancelled from leaving.
            await asyncio.to_thread(self._kill_file.leaving(*_who(arguments)))
        except OSError as error:
            if not kept:
                why = (
                    f"halted, but neither the journal nor a kill file keeps it ({error.strerror}): the next start runs"
                )
                raise Denied("refused", why) from error


def _who(arguments: Arguments) -> tuple[str, str]:
    """The reason given and who asks, within bounds."""
    return str(arguments.get("reason") or "no reason given")[:500], str(arguments.get("by") or "operator")[:100]
