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
from bot.journal.store import JournalBusy, JournalError
from bot.ops.exits import Exit
from bot.ops.options import state_dir_of
from bot.ops.speak import Stop

if TYPE_CHECKING:  # the engine is loaded for a replay only
    from bot.runtime.steps import ReplayResult

JOURNAL_PATTERN = "journal-*.sqlite3"
DIFFERENCE_BEFORE, DIFFERENCE_AFTER = 60, 120
"""How many characters of a difference are shown before and after its place."""
_CONFIG_SUFFIXES = (".yaml", ".yml")


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn the journal's errors inside the block into exit codes."""
    try:
        yield
    except JournalBusy as error:
        raise Stop(Exit.BUSY, str(error)) from error
    except JournalError as error:
        raise Stop(Exit.JOURNAL, str(error)) from error


def journal_of(target: Path | None) -> Path:
    """The journal at a path, in a state directory, or of a config; raises Stop when there is not exactly one."""
    if target is None:
        return _inside(state_dir_of(None, None))
    target = target.expanduser()
    if target.suffix in _CONFIG_SUFFIXES:
        return _inside(state_dir_of(None, target))
    return _inside(target) if target.is_dir() else _existing(target)


def state_dir_for(target: Path | None) -> Path:
    """The state directory at a path or of a config, the default one where nothing is named."""
    if target is None:
        return state_dir_of(None, None)
    target = target.expanduser()
    return state_dir_of(None, target) if target.suffix in _CONFIG_SUFFIXES else target


def restored(source: Path, state_dir: Path) -> Restored:
    """Put a backup back; raises JournalError and its kinds."""
    return restore(source, state_dir, time.time_ns())


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
