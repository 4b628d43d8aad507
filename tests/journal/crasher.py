"""A process that appends until it is killed and reports each record that it was promised."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.journal.helpers import entries, sqlite_journal

GROUP = 3
RECORDS_MAX = 200_000


async def appending(path: Path) -> None:
    """Append groups; after each promise write its number to standard output, unbuffered."""
    journal = sqlite_journal(path)
    for _ in range(RECORDS_MAX // GROUP):
        seq = journal.append_many(entries(GROUP, journal.last_seq + 1))
        if seq % 2:
            await journal.flushed(seq)
            os.write(1, f"{seq}\n".encode())
        if seq % 250 == 0:
            journal.checkpoint(seq, b"state")


if __name__ == "__main__":
    asyncio.run(appending(Path(sys.argv[1])))
