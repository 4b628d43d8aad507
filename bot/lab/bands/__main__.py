"""`python -m bot.lab.bands`: what the joint auto band costs beside simpler rules, at equal tracking error.

On the recorded hourly prices of 2024 (--data, TRIMTAB_DATA, or ../shared/data), or on made-up ones (--synthetic);
--quick is a smoke test of seconds. Exit code 1 if a promise is missed, 2 if there are no prices.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from bot.lab.bands.history import CORRELATION, NoPrices
from bot.lab.bands.measure import Plan, Source, measured
from bot.lab.bands.rules import FAMILIES, JOINT, LEAST
from bot.lab.bands.table import text

RECORDED_MAX = (0.60, 0.40)
"""What the joint band may cost beside drifts to target, and beside the clock, on recorded prices."""
SYNTHETIC_MAX = (0.65, 0.55)
QUICK_MAX = (0.70, 0.60)
"""A few months of one path is noisy: this is to see that all is well, and not how well."""
SEEDS = 5
YEARS = 3.0
QUICK_DAYS = 120


def main() -> int:
    """Measure, print the table, and say by the exit code whether the promises hold."""
    arguments = _parser().parse_args()
    began = time.monotonic()
    try:
        report = measured(_plan(arguments), arguments.workers)
    except NoPrices as error:
        print(f"{error}\nwithout recorded prices: --synthetic", file=sys.stderr)
        return 2
    print(msgspec.json.encode(report).decode() if arguments.json else text(report))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0 if all(check.ok for check in report.checks) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.lab.bands", description=__doc__)
    parser.add_argument("--data", type=Path, help="directory of the recorded data; its folder prices is read")
    parser.add_argument("--synthetic", action="store_true", help="made-up prices: a median over seeds")
    parser.add_argument("--quick", action="store_true", help="one short made-up path against three rules")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"made-up paths (default {SEEDS})")
    parser.add_argument("--years", type=float, default=YEARS, help=f"length of each (default {YEARS:g})")
    parser.add_argument("--workers", type=int, help="processes (default: one for each processor)")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    if arguments.quick:
        return quick()
    if arguments.synthetic:
        return synthetic(arguments.seeds, round(arguments.years * 365))
    return real(arguments.data or _data())


def real(directory: Path) -> Plan:
    """All rules on the recorded prices."""
    prices = directory / "prices"
    drift, clock = RECORDED_MAX
    return Plan(
        title="Binance 2024, hourly, spot and perpetuals; BTC/ETH/SOL/ADA/XRP 40/25/15/10/10",
        sources=(Source(directory=str(prices if prices.is_dir() else directory)),),
        families=tuple(FAMILIES),
        drift_max=drift,
        clock_max=clock,
    )


def synthetic(seeds: int, days: int) -> Plan:
    """Medians over made-up paths, without the rule whose small trades are left out: it takes as long as the others."""
    drift, clock = SYNTHETIC_MAX
    return Plan(
        title=f"{seeds} made-up paths of {days} days, hourly, correlation {CORRELATION}; weights 40/25/15/10/10",
        sources=tuple(_made(seed, days) for seed in range(1, seeds + 1)),
        families=tuple(name for name in FAMILIES if name != LEAST),
        drift_max=drift,
        clock_max=clock,
    )


def quick() -> Plan:
    """The joint program alone, against one rule of each kind."""
    drift, clock = QUICK_MAX
    return Plan(
        title=f"one made-up path of {QUICK_DAYS} days, hourly, correlation {CORRELATION}",
        sources=(_made(1, QUICK_DAYS),),
        families=(JOINT,),
        references=("8h", "24h", "1% -> target"),
        drift_max=drift,
        clock_max=clock,
    )


def _made(seed: int, days: int) -> Source:
    return Source(seed=seed, days=days, correlation=CORRELATION)


def _data() -> Path:
    return Path(os.environ.get("TRIMTAB_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


if __name__ == "__main__":
    sys.exit(main())
