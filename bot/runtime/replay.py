"""Replaying a journal file: does the engine say today what it said then, byte for byte."""

from pathlib import Path

from bot.engine.engine import Engine
from bot.journal.reader import SqliteReader
from bot.runtime import steps
from bot.runtime.steps import ReplayResult


def replay(path: Path) -> ReplayResult:
    """Replay the kept records of a journal, from its start, or from its oldest checkpoint where the start was pruned.

    Works on a journal that a daemon is writing. Raises JournalError, Unreplayable and ValueError.
    """
    engine: Engine | None = None
    after = 0
    with SqliteReader.open(path) as reader:
        if reader.floor.seq:
            checkpoint = reader.oldest_checkpoint()
            if checkpoint is not None:
                engine, after = Engine.of(steps.decode_state(checkpoint.state)), checkpoint.seq
        _, result = steps.replay(((record.seq, record.payload) for record in reader.records(after)), engine)
    return result
