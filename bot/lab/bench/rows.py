"""The rows of the table, and how one of them is run: each in a process of its own, set up as the daemon's is."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import uvloop

from bot.journal.writer import SWITCH_INTERVAL_S
from bot.lab.bench import (
    bands,
    evaluation,
    journal,
    memory,
    orders,
    replay,
    simex,
    simex_served,
    starting,
    status,
    ticker,
)
from bot.lab.bench.figures import FULL, QUICK, Counts, Figure, Row

ROW_TIMEOUT_S = 120.0
STANDARD_TEMPORARY = Path("/var/tmp")  # noqa: S108 - it outlives a reboot, so it is a disk and not memory
Measured = list[Figure] | Awaitable[list[Figure]]
Measure = Callable[[Counts, Path], Measured]

ROWS: dict[str, tuple[str, Measure]] = {
    "ticker": ("bookTicker frame -> decision (CPU)", ticker.measure),
    "depth": ("depth20 frame -> usable book (CPU)", ticker.measure_depth),
    "replay": ("Replay through Engine.handle (CPU)", lambda counts, _: replay.measure(counts)),
    "orders": ("Order and breach -> first byte on the wire", orders.measure),
    "journal": ("Journal", journal.measure),
    "status": ("Status and tick of a wide portfolio (CPU)", status.measure),
    "evaluation": ("Deciding, in books of any width (CPU)", lambda counts, _: evaluation.measure(counts)),
    "bands": ("Joint band program (CPU)", lambda counts, _: bands.measure(counts)),
    "simex": ("The simulated exchange (CPU)", lambda counts, _: simex.measure(counts)),
    "served": ("The simulated exchange, served", lambda counts, _: simex_served.measure(counts)),
    "cli": ("Start of the command line", lambda counts, _: starting.measure(counts)),
    "memory": ("Memory and stalls over many updates", memory.measure),
}


class RowFailed(Exception):
    """A row could not be measured; the message is for a person."""


def run_here(key: str, counts: Counts, parent: Path) -> Row:
    """Measure one row in this process, in a directory of its own that is removed afterwards."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    title, measure = ROWS[key]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-", dir=parent) as directory:
        figures = _finished(measure(counts, Path(directory)))
    return Row(key, title, tuple(figures), time.monotonic() - began)


def _finished(measured: Measured) -> list[Figure]:
    if not inspect.isawaitable(measured):
        return measured

    async def all_of_it() -> list[Figure]:
        async with asyncio.timeout(ROW_TIMEOUT_S):
            return await measured

    return uvloop.run(all_of_it())


def run_apart(key: str, *, quick: bool, parent: Path) -> Row:
    """Measure one row in a process of its own. Raises RowFailed."""
    command = [sys.executable, "-m", "bot.lab.bench.rows", key, "quick" if quick else "full", str(parent)]
    with _process(command) as process:
        try:
            output, trouble = process.communicate(timeout=ROW_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RowFailed(f"{key}: not done within {ROW_TIMEOUT_S:g} s") from None
    if process.returncode != 0:
        raise RowFailed(f"{key}: {trouble.decode(errors='replace').strip().rpartition(chr(10))[2]}")
    return msgspec.json.decode(output, type=Row)


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def main() -> None:
    """Measure the row that the command line names and print it as JSON."""
    key, size, parent = sys.argv[1:]
    row = run_here(key, QUICK if size == "quick" else FULL, Path(parent))
    sys.stdout.buffer.write(msgspec.json.encode(row))


if __name__ == "__main__":
    main()
