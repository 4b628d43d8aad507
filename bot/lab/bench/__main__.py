"""`make bench`: measure, and print the table. Exit code 1 when a row could not be measured, whatever its figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bot.lab.bench import table
from bot.lab.bench.figures import Row, Table
from bot.lab.bench.rows import ROWS, STANDARD_TEMPORARY, RowFailed, run_apart


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="How fast Trimtab is, on loopback only.")
    parser.add_argument("--quick", action="store_true", help="few samples: under 20 s instead of under 3 minutes")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--only", choices=list(ROWS), action="append", metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--dir", type=Path, default=_disk(), help="where the journal is written (default: %(default)s)")
    return parser.parse_args()


def _disk() -> Path:
    """A directory on a disk; the usual one for temporary files is often in memory."""
    return STANDARD_TEMPORARY if STANDARD_TEMPORARY.is_dir() else Path(tempfile.gettempdir())


def run(keys: list[str], *, quick: bool, directory: Path) -> Table:
    """Measure the rows one after the other."""
    began = time.monotonic()
    rows: list[Row] = []
    failures: list[str] = []
    for key in keys:
        print(f"measuring {key} ...", file=sys.stderr)
        try:
            rows.append(run_apart(key, quick=quick, parent=directory))
        except RowFailed as error:
            failures.append(str(error))
    seconds = time.monotonic() - began
    return Table(table.machine(directory), quick, tuple(rows), tuple(failures), seconds)


def main() -> int:
    """Run what the command line asks for."""
    chosen = _arguments()
    found = run(chosen.only or list(ROWS), quick=chosen.quick, directory=chosen.dir)
    if chosen.json:
        print(msgspec.json.encode(found).decode())
    else:
        table.show(found)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
