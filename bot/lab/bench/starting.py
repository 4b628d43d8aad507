"""How long `trimtab --help` takes, and that it loads no exchange library."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bot.lab.bench.figures import AtMost, Counts, Figure, median

TIMEOUT_S = 30.0
_WITHOUT_SCRIPT = "import sys; sys.argv[0] = 'trimtab'; from bot.ops.cli import main; main()"


def command() -> list[str]:
    """`trimtab` as installed beside this interpreter, or what that script does where it is not installed."""
    script = Path(sys.executable).with_name("trimtab")
    return [sys.executable, str(script)] if script.exists() else [sys.executable, "-c", _WITHOUT_SCRIPT]


def one_start() -> tuple[float, float]:
    """Wall and CPU milliseconds of one `trimtab --help`."""
    began, before = time.perf_counter(), os.times()
    subprocess.run([*command(), "--help"], stdout=subprocess.DEVNULL, check=True, timeout=TIMEOUT_S)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall * 1_000, cpu * 1_000


def imported() -> set[str]:
    """The top-level modules that `trimtab --help` loads."""
    program, *rest = command()
    done = subprocess.run(
        [program, "-X", "importtime", *rest, "--help"], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


def measure(counts: Counts) -> list[Figure]:
    """The row."""
    modules = imported()
    starts = [one_start() for _ in range(counts.starts)]
    return [
        Figure(
            name="trimtab --help, wall", value=median([w for w, _ in starts]), unit="ms", note="median of all starts"
        ),
        Figure(
            name="trimtab --help, CPU", value=median([c for _, c in starts]), unit="ms", note="median of all starts"
        ),
        Figure(
            name="ccxt modules that it loads",
            value=float("ccxt" in modules),
            unit="",
            target=AtMost(0.0),
            note=f"{len(modules)} top-level modules in all",
        ),
    ]
