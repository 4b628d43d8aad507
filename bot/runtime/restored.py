"""The engine as a journal left it: its newest checkpoint, and the steps since."""

from bot.engine.engine import Engine
from bot.journal.store import JournalCorrupt, Reader
from bot.runtime.steps import Unreplayable, decode_state, replay


def restored(journal: Reader) -> Engine | None:
    """The engine as the journal left it; None for a new journal.

    Raises JournalCorrupt for steps that cannot be read, or that lead to other commands than were recorded.
    """
    checkpoint = journal.latest_checkpoint()
    engine: Engine | None = None
    after = 0
    try:
        if checkpoint is not None:
            engine, after = Engine.of(decode_state(checkpoint.state)), checkpoint.seq
        records = ((record.seq, record.payload) for record in journal.records(after))
        engine, result = replay(records, engine)
    except (ValueError, Unreplayable) as error:
        raise JournalCorrupt(f"the journal's steps cannot be read: {error}") from error
    if result.difference is not None:
        raise JournalCorrupt(
            f"record {result.difference.seq} replays to other commands than it recorded: this is another version's "
            "journal, or a defect; `trimtab journal accept` goes on from it, halted, once the positions were looked at"
        )
    return engine
