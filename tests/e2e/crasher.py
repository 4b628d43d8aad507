"""A daemon that kills itself with SIGKILL at one chosen journal write of its first hedge.

`python -m tests.e2e.crasher CONFIG NUMBER WHEN`: NUMBER counts the writes from the hedge's intent (0) on; WHEN is
`before` the write, or `durable`: after it is on disk and before anything that follows from it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from bot.domain.events import RunMode
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Entry
from bot.runtime.app import run_daemon
from bot.runtime.settings_load import load

INTENT = b'{"type":"OpenIntent"'
COMMIT_S = 10.0


def main(config: str, number: int, when: str) -> None:
    """Run the daemon with a journal that dies at the chosen write."""
    written = SqliteJournal.append_many
    since_intent = -1

    def append_many(self: SqliteJournal, entries: Iterable[Entry]) -> int:
        nonlocal since_intent
        kept = tuple(entries)
        if since_intent >= 0 or any(INTENT in entry.payload for entry in kept):
            since_intent += 1
        chosen = since_intent == number
        if chosen and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        seq = written(self, kept)
        if chosen:
            self.durable(seq).result(COMMIT_S)
            os.kill(os.getpid(), signal.SIGKILL)
        return seq

    def append(self: SqliteJournal, kind: str, payload: bytes, at_ns: int) -> int:
        return append_many(self, (Entry(kind, payload, at_ns),))

    SqliteJournal.append = append  # type: ignore[method-assign]
    SqliteJournal.append_many = append_many  # type: ignore[method-assign]
    asyncio.run(run_daemon(load(Path(config), {}), RunMode.LIVE))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
