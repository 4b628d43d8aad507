"""The journal alone: records a second with group commit, and what one durable record costs."""

from __future__ import annotations

import time
from pathlib import Path

from bot.journal.sqlite import SqliteJournal
from bot.lab.bench.desk import open_journal
from bot.lab.bench.figures import Counts, Figure, quantiles
from bot.runtime.clock import SystemClock

PAYLOAD_BYTES = 6_000
"""What the step of a breach takes: the books it read, its intent and its order."""
WINDOW = 5_000
"""Records in the queue at most: the bound in front of the writer is not to be reached."""


def appends_per_s(journal: SqliteJournal, count: int) -> tuple[float, float]:
    """Durable records a second, and the caller's own CPU microseconds a record."""
    payload, at_ns = b"x" * PAYLOAD_BYTES, time.time_ns()
    called_ns = 0
    began = time.perf_counter_ns()
    for start in range(0, count, WINDOW):
        before = time.thread_time_ns()
        seq = 0
        for _ in range(min(WINDOW, count - start)):
            seq = journal.append("Bench", payload, at_ns)
        called_ns += time.thread_time_ns() - before
        journal.durable(seq).result()
    spent_ns = time.perf_counter_ns() - began
    return count * 1e9 / spent_ns, called_ns / count / 1_000


def commits_us(journal: SqliteJournal, count: int) -> list[float]:
    """Microseconds from appending a record to its being durable, one at a time."""
    payload, at_ns = b"x" * PAYLOAD_BYTES, time.time_ns()
    out = []
    for _ in range(count):
        began = time.perf_counter_ns()
        journal.durable(journal.append("Bench", payload, at_ns)).result()
        out.append((time.perf_counter_ns() - began) / 1_000)
    return out


def measure(counts: Counts, directory: Path) -> list[Figure]:
    """The row."""
    with open_journal(directory, SystemClock()) as journal:
        single = commits_us(journal, counts.commits)
        rate, own_us = appends_per_s(journal, counts.appends)
    return [
        Figure(
            name="journal appends, durable",
            value=rate,
            unit="/s",
            note=f"{PAYLOAD_BYTES} B each, group commit, synchronous FULL, hash chain",
        ),
        Figure(name="journal append, caller's CPU", value=own_us, unit="us"),
        *quantiles("journal commit, one record", single, note="append to durable, nothing else to do"),
    ]
