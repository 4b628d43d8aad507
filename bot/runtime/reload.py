"""Hot reload: the config file read anew while the daemon runs, by command or by SIGHUP.

The file is read as at the start (the same path, environment and state directory). Whatever is wrong with it, or cannot
change while it runs, or cannot work with what the venue trades and the account holds, is said with its line, and the
config in force stays in force, whole. Else what changed goes over to the engine in one journaled step (see
`bot.runtime.amendments` for its moment).
"""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Literal

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.rules import Rules
from bot.domain.units import ZERO, exact
from bot.engine.engine import Engine
from bot.engine.layout import coins_of
from bot.engine.state import State
from bot.runtime.amendments import Amendment, Amendments
from bot.runtime.control import Arguments, Denied
from bot.runtime.endings import past_ends
from bot.runtime.feasible import check_against
from bot.runtime.portfolio import to_rules
from bot.runtime.problems import ConfigError, dotted
from bot.runtime.settings_diff import Difference, compare
from bot.runtime.settings_load import Loaded
from bot.runtime.supervise import attempt

KIND = "config"
SUBJECT = "reload"
REMARK_CHARS_MAX = 2_000
BY_CHARS_MAX = 100
Outcome = Literal["unchanged", "possible", "applied", "waiting", "refused", "invalid", "needs_restart", "unfit"]
"""`possible` is what a dry run says of changes that would be taken over; the last four left the old config in force."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a reload: each change and each problem in a line, and `why` it waits or was refused."""

    outcome: Outcome
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    why: str = ""
    file: str = ""
    """Where the config was read."""


def nothing_more(_: Loaded) -> None:
    """Where nobody else wants to know of new settings."""


class ConfigFile:
    """The config that a process runs by, and the way to read it again. It outlives a change of the way to run.

    Give each start of the daemon in this process `newest`. `read` raises ConfigError. `on_settings` is told of settings
    that have come into force, by a reload that changed nothing too: the files that they name may hold something else.
    Set `asked` (SIGHUP does) for a reload whose outcome is logged and noticed.
    """

    def __init__(
        self, loaded: Loaded, read: Callable[[], Loaded], on_settings: Callable[[Loaded], None] = nothing_more
    ) -> None:
        self.current = loaded
        self.waiting: Loaded | None = None
        """Accepted, and not in force yet."""
        self.read = read
        self.on_settings = on_settings
        self.asked = asyncio.Event()

    def begin(self, loaded: Loaded) -> None:
        """A daemon starts with this."""
        self.current, self.waiting = loaded, None

    @property
    def newest(self) -> Loaded:
        """What the next start in this process goes by."""
        return self.waiting or self.current


async def without_file(_: Arguments) -> Answer:
    """The verb where there is nothing to read again. Raises Denied."""
    raise Denied("refused", "this daemon was not started from a config file, so there is nothing to read again")


class Reloader:
    """Takes a config over that was loaded anew; one reload at a time, the newest wins."""

    def __init__(
        self,
        file: ConfigFile,
        engine: Engine,
        amendments: Amendments,
        log: FilteringBoundLogger,
    ) -> None:
        self._file = file
        self._engine = engine
        self._amendments = amendments
        self._log = log
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Reload whenever the file's owner asks for it from outside."""
        while True:
            await self._file.asked.wait()
            self._file.asked.clear()
            await self.reload("SIGHUP", dry_run=False)

    async def on_verb(self, arguments: Arguments) -> Answer:
        """The verb `reload`; raises Denied for arguments that mean nothing."""
        dry_run = arguments.get("dry_run", False)
        if not isinstance(dry_run, bool):
            raise Denied("bad_arguments", "dry_run is true or false")
        answer = await self.reload(str(arguments.get("by") or "operator")[:BY_CHARS_MAX], dry_run=dry_run)
        return msgspec.structs.replace(answer, file=self._file.current.document.place)

    async def reload(self, by: str, *, dry_run: bool) -> Answer:
        """Read the file and take it over; with `dry_run` only say what would change."""
        async with self._one_at_a_time:
            try:
                # In a thread: reading YAML takes long enough to keep a quote waiting.
                loaded = await asyncio.to_thread(self._file.read)
            except ConfigError as error:
                answer = Answer("invalid", problems=tuple(map(str, error.problems)))
            else:
                answer = self._judged(loaded) or self._accepted(loaded, by, dry_run=dry_run)
        self._tell(answer, by, dry_run=dry_run)
        return answer

    def _judged(self, loaded: Loaded) -> Answer | None:
        """Why a config cannot be taken over; None when it can."""
        found = compare(self._file.current.settings, loaded.settings)
        changes = tuple(map(str, found))
        if fixed := [one for one in found if not one.reloadable]:
            return Answer("needs_restart", changes, tuple(str(one.problem(loaded)) for one in fixed))
        if doubts := tuple(_doubts(loaded, found, self._engine.state)):
            return Answer("refused", changes, why="; ".join(doubts))
        state = self._engine.state
        over = (str(one) for one in past_ends(loaded, state.layout.rules.targets, state.now))
        if problems := (*over, *_misfits(loaded, found, state)):
            return Answer("unfit", changes, problems)
        return None

    def _accepted(self, loaded: Loaded, by: str, *, dry_run: bool) -> Answer:
        changes = tuple(map(str, compare(self._file.current.settings, loaded.settings)))
        if dry_run:
            return Answer("possible" if changes else "unchanged", changes)
        self._amendments.withdraw(KIND)
        self._file.waiting = None
        if not changes:
            # The same settings, at their new lines; and a file that they only name may hold another token now.
            self._in_force(loaded, True)
            return Answer("unchanged")
        self._file.waiting = loaded
        amendment = Amendment(
            make=partial(_rules, loaded),
            why=f"reload by {by}",
            changes=changes,
            done=partial(self._in_force, loaded),
        )
        why = self._amendments.propose(KIND, amendment)
        if not why:
            return Answer("applied", changes)
        return Answer("waiting" if self._file.newest is loaded else "refused", changes, why=why)

    def _in_force(self, loaded: Loaded, taken: bool) -> None:
        self._file.waiting = None
        if not taken:
            return
        self._file.current = loaded
        error = attempt(partial(self._file.on_settings, loaded))
        if error is not None:
            self._log.error("reload", what=f"the services did not take it over: {error}", exc_info=error)

    def _tell(self, answer: Answer, by: str, *, dry_run: bool) -> None:
        """Log every outcome; what was refused is a notice, too, for whoever reloads by signal hears nothing else."""
        refused = answer.outcome in ("refused", "invalid", "needs_restart", "unfit")
        say = self._log.warning if refused else self._log.info
        say(
            "reload",
            outcome=answer.outcome,
            by=by,
            dry_run=dry_run,
            changes=list(answer.changes),
            problems=list(answer.problems),
            why=answer.why,
        )
        if refused and not dry_run:
            reasons = "; ".join((*answer.problems, *([answer.why] if answer.why else [])))
            mend = "; mend it, for the next start reads it too" if answer.outcome == "invalid" else ""
            text = f"the config in force stays in force{mend} ({by}): {reasons}"
            self._amendments.remark(KIND, SUBJECT, text[:REMARK_CHARS_MAX])


def _rules(loaded: Loaded, before: Rules) -> Rules:
    return to_rules(loaded.settings, before.instruments)


def _changed_targets(loaded: Loaded, found: Iterable[Difference]) -> dict[str, int]:
    """The targets that are new or changed, with their place in the new list."""
    names = {one.target for one in found}
    return {target.name: index for index, target in enumerate(loaded.settings.targets) if target.name in names}


def _doubts(loaded: Loaded, found: tuple[Difference, ...], state: State) -> Iterable[str]:
    """What a changed target would be held against, and is not known now."""
    changed = _changed_targets(loaded, found)
    rules = _rules(loaded, state.layout.rules)
    for account in rules.accounts if changed else ():
        if not state.accounts.accounts[account].confirmed:
            yield f"{account} is not confirmed yet, so the bands cannot be held against what it holds"
    for target in rules.targets:
        for coin in coins_of(target) if target.name in changed else ():
            rule = state.layout.futures.get(coin)
            if rule is not None and rule.hedge not in state.books.marks:
                yield f"{coin} has no price yet, so its band cannot be held against the smallest order"


def _misfits(loaded: Loaded, found: tuple[Difference, ...], state: State) -> Iterable[str]:
    """What the changed parts cannot do with what the venue trades and the account holds, each at its line."""
    places = [dotted(("targets", index)) for index in _changed_targets(loaded, found).values()]
    limited = any(one.path[0] == "limits" for one in found)
    for problem in check_against(loaded, state.layout.rules.instruments, _prices(state), _holdings(state)):
        about_limits = limited and problem.key.startswith("limits.")
        if about_limits or any(problem.key.startswith(f"{place}.") for place in places):
            yield str(problem)


def _prices(state: State) -> dict[str, Decimal]:
    marks = state.books.marks
    return {rule.asset: exact(marks[rule.hedge].mark) for rule in state.layout.hedges() if rule.hedge in marks}


def _holdings(state: State) -> dict[str, Decimal]:
    held: dict[str, Decimal] = {}
    for account in state.layout.rules.accounts:
        for asset, total in state.accounts.totals(account).items():
            held[asset] = held.get(asset, ZERO) + total
    return held
