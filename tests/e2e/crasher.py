"""A daemon that kills itself with SIGKILL at one chosen journal write of its first hedge.

`python -m tests.e2e.crasher CONFIG NUMBER WHEN`: NUMBER counts the writes from the hedge's intent (0) on; WHEN is
`before` the write, or `durable`: after it is on disk and before anything that follows from it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from bot.domain.events import RunMode
from bot.journal.sqlite import SqliteJournal
from bot.runtime.app import run_daemon
from bot.runtime.settings_load import load

INTENT = b'{"type":"OpenIntent"'
COMMIT_S = 10.0


def main(config: str, number: int, when: str) -> None:
    """Run the daemon with a journal that dies at the chosen write."""
    written = SqliteJournal.append
    since_intent = -1

    def append(self: SqliteJournal, kind: str, payload: bytes, at_ns: int) -> int:
        nonlocal since_intent
        if since_intent >= 0 or INTENT in payload:
            since_intent += 1
        chosen = since_intent == number
        if chosen and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        seq = written(self, kind, payload, at_ns)
        if chosen:
            self.durable(seq).result(COMMIT_S)
            os.kill(os.getpid(), signal.SIGKILL)
        return seq

    SqliteJournal.append = append  # type: ignore[method-assign]
    asyncio.run(run_daemon(load(Path(config), {}), RunMode.LIVE))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
