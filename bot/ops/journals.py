"""Finding the journal that a person means, and reading it for the verbs."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.journal.backup import Restored, restore
from bot.journal.export import Exported, export
from bot.journal.reader import SqliteReader
from bot.journal.store import JournalBusy, JournalError, VerifyResult
from bot.ops.exits import Exit
from bot.ops.options import JOURNAL_PATTERN, state_dir_of
from bot.ops.speak import Stop
from bot.ops.variables import CONFIG_VARIABLE
from bot.runtime import killfile
from bot.runtime.supervise import attempt

if TYPE_CHECKING:  # the engine is loaded for a replay only
    from bot.engine.modes import Latch
    from bot.runtime.steps import ReplayResult

DIFFERENCE_BEFORE, DIFFERENCE_AFTER = 60, 120
"""How many characters of a difference are shown before and after its place."""
_CONFIG_SUFFIXES = (".yaml", ".yml")


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn the journal's errors inside the block into exit codes."""
    try:
        yield
    except JournalBusy as error:
        raise Stop(Exit.BUSY, f"{error}: stop the daemon first") from error
    except JournalError as error:
        raise Stop(Exit.JOURNAL, str(error)) from error


def journal_of(target: Path | None, config: Path | None = None, state_dir: Path | None = None) -> Path:
    """The journal at a path, in a state directory, or of a config; raises Stop when there is not exactly one."""
    if target is not None and target.suffix not in _CONFIG_SUFFIXES and not target.expanduser().is_dir():
        _only(target, config, state_dir)
        return _existing(target.expanduser())
    return _inside(state_dir_for(target, config, state_dir))


def state_dir_for(target: Path | None, config: Path | None = None, state_dir: Path | None = None) -> Path:
    """The state directory at a path or of a config, the default one where nothing is named."""
    if target is None:
        return state_dir_of(state_dir, config)
    _only(target, config, state_dir)
    target = target.expanduser()
    return state_dir_of(None, target) if target.suffix in _CONFIG_SUFFIXES else target


def _only(target: Path, config: Path | None, state_dir: Path | None) -> None:
    """A path and an option that both say where would leave open which counts; a config of the environment yields."""
    if state_dir is not None or (config is not None and str(config) != os.environ.get(CONFIG_VARIABLE)):
        raise Stop(Exit.USAGE, f"{target} says where, and so does an option: choose one")


def broken_told(found: VerifyResult) -> str:
    """Where a chain breaks and how, in a line."""
    where = "" if found.broken_at is None else f" at record {found.broken_at}"
    return f"BROKEN{where}: {found.reason}"


def restored(source: Path, state_dir: Path) -> Restored:
    """Put a backup back; raises JournalError and its kinds.

    What the journal in its place was halted for is not in the backup: a kill file keeps it until somebody arms.
    """
    made = restore(source, state_dir, time.time_ns())
    if made.kept_in and (why := _latched(Path(made.kept_in))):
        try:
            killfile.write(state_dir, f"a backup was put in the place of a journal {why}", "trimtab")
        except OSError as error:
            what = f"{made.path} is put back, but no file {killfile.NAME} can be written ({error.strerror})"
            raise JournalError(f"{what}: it would start without the halt of a journal {why}") from error
    return made


def _latched(journal: Path) -> str:
    """What a journal leaves halted, in words; empty when nothing."""
    from bot.runtime.restored import restored as engine_of

    latches: dict[str, Latch] = {}

    def read() -> None:
        with SqliteReader.open(journal) as reader:
            engine = engine_of(reader)
        latches.update(engine.state.modes.latches if engine is not None else {})

    # Whatever it is that its steps end in: it may be why somebody puts a backup in its place.
    if attempt(read) is not None:
        return "that cannot be read, so nobody knows what it was halted for"
    said = "; ".join(f"{latches[scope].mode.name} of {scope}: {latches[scope].reason}" for scope in sorted(latches))
    return f"that had latched {said}" if said else ""


def export_to(journal: Path, output: Path | None, after: int) -> Exported:
    """Write the records above `after` to a file that must not exist yet, or to standard output."""
    if output is None:
        found = export(journal, sys.stdout.buffer, after)
        sys.stdout.buffer.flush()
        return found
    try:
        handle = os.open(output.expanduser(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{output}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        return export(journal, file, after)


def replayed(journal: Path) -> "ReplayResult":
    """Replay a journal; raises Stop when its records are no steps of this version's engine."""
    from bot.runtime.replay import replay
    from bot.runtime.steps import Unreplayable

    try:
        return replay(journal)
    except (Unreplayable, ValueError) as error:
        raise Stop(Exit.JOURNAL, f"{journal} cannot be replayed: {error}", "unreplayable") from error


def difference_told(found: "ReplayResult") -> str:
    """Where a replay first says something else than its journal, with a little of what stands around it."""
    difference = found.difference
    if difference is None:
        return "the replay differs from the journal"
    pairs = enumerate(zip(difference.recorded, difference.replayed, strict=False))
    at = next((i for i, (said, says) in pairs if said != says), 0)
    here = slice(max(0, at - DIFFERENCE_BEFORE), at + DIFFERENCE_AFTER)
    recorded, replayed_now = difference.recorded[here], difference.replayed[here]
    return f"record {difference.seq} replays differently: recorded ...{recorded}..., replayed ...{replayed_now}..."


def _inside(state_dir: Path) -> Path:
    found = sorted(state_dir.glob(JOURNAL_PATTERN))
    if not found:
        raise Stop(Exit.JOURNAL, f"there is no journal in {state_dir}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise Stop(Exit.USAGE, f"{state_dir} holds several journals, name one of them: {names}")
    return found[0]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise Stop(Exit.JOURNAL, f"there is no journal at {path}")
    return path
