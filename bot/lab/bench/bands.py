"""What the joint band program of a wide portfolio costs when much of it is to be traded."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from functools import partial

from bot.calc import joint, linear
from bot.domain.statistics import Matrix
from bot.domain.units import MILLISECOND_NS
from bot.lab.bench.figures import AtMost, Counts, Figure, median

SIZE = 20
CORRELATION = 0.7
AVERSION = 100.0
PROGRAM_MS_MAX = 5.0
SEED = 20


def covariance() -> Matrix:
    """Of twenty instruments, per year: volatilities from 40 to 120 %, each pair correlated by 0.7."""
    volatilities = [0.4 + 0.8 * i / (SIZE - 1) for i in range(SIZE)]
    return tuple(
        tuple(a * b * (1.0 if i == j else CORRELATION) for j, b in enumerate(volatilities))
        for i, a in enumerate(volatilities)
    )


def groups(count: int) -> list[joint.Group]:
    """Books after a shock: some deviations inside their bands of about 1 % of NAV, many far outside."""
    chance = random.Random(SEED)
    return [
        joint.Group(
            deviations=tuple(chance.gauss(0.0, 0.02) for _ in range(SIZE)),
            variances=tuple(chance.uniform(0.01, 0.1) for _ in range(SIZE)),
            costs=(6e-4,) * SIZE,
            floors=(0.0,) * SIZE,
            hards=(math.inf,) * SIZE,
        )
        for _ in range(count)
    ]


def measure(counts: Counts) -> list[Figure]:
    """The row."""
    known, coupling = covariance(), joint.coupling(covariance())
    books = groups(counts.programs)
    verdicts = [joint.decide(book, coupling, AVERSION, 0.0) for book in books]
    assert all(verdict.is_joint and any(verdict.trades) for verdict in verdicts), "a program was not solved"
    took = [_ms(partial(joint.decide, book, coupling, AVERSION, 0.0), counts) for book in books]
    system = median([_ms(lambda: linear.solve(known, books[0].deviations), counts) for _ in books])
    traded = sum(1 for verdict in verdicts for trade in verdict.trades if trade) / len(verdicts)
    note = f"widths, program and trades of {SIZE} instruments correlated by {CORRELATION}; {traded:.1f} of them traded"
    slow = Figure(name="  the slowest of them", value=max(took), unit="ms", target=AtMost(PROGRAM_MS_MAX))
    return [
        Figure(name="joint band program", value=median(took), unit="ms", target=AtMost(PROGRAM_MS_MAX), note=note),
        slow,
        Figure(name="  one linear system of its size", value=system, unit="ms", note="Cholesky, no inequality"),
        Figure(name="  program / linear system", value=median(took) / system, unit="x"),
        Figure(name="  its covariance made ready", value=_ms(lambda: joint.coupling(known), counts), unit="ms"),
    ]


def _ms(run: Callable[[], object], counts: Counts) -> float:
    """CPU of one call, the best of `repeats`."""
    best = math.inf
    for _ in range(counts.repeats):
        began = time.process_time_ns()
        run()
        best = min(best, (time.process_time_ns() - began) / MILLISECOND_NS)
    return best
