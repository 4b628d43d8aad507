"""What a measurement comes to: figures with their units, and the targets they are held against."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class AtMost(msgspec.Struct, frozen=True, tag=True):
    """The figure should not be above this."""

    value: float

    def met(self, value: float) -> bool:
        """Whether the figure keeps it."""
        return value <= self.value


class AtLeast(msgspec.Struct, frozen=True, tag=True):
    """The figure should not be below this."""

    value: float

    def met(self, value: float) -> bool:
        """Whether the figure keeps it."""
        return value >= self.value


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number. `note` says precisely what was measured, where the name does not."""

    name: str
    value: float
    unit: str
    target: AtMost | AtLeast | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is kept; None where there is none."""
        return None if self.target is None else self.target.met(self.value)


class Row(msgspec.Struct, frozen=True):
    """One measurement with all its figures."""

    key: str
    title: str
    figures: tuple[Figure, ...]
    seconds: float


class Machine(msgspec.Struct, frozen=True):
    """Where the figures were taken."""

    python: str
    system: str
    processor: str
    cores: int
    directory: str
    load: float
    """How many processes wanted a core, on average over the minute before the run."""


class Table(msgspec.Struct, frozen=True):
    """A whole run."""

    machine: Machine
    quick: bool
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    seconds: float

    @property
    def missed(self) -> list[Figure]:
        """The figures that do not keep their target."""
        return [figure for row in self.rows for figure in row.figures if figure.met is False]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything is measured. Of CPU times the best of `repeats` counts: disturbances only ever add."""

    repeats: int
    ticker_frames: int
    ccxt_frames: int
    depth_frames: int
    paced_frames: int
    replayed: int
    evaluated: int
    evaluations: int
    walked: int
    intents: int
    orders: int
    appends: int
    commits: int
    starts: int
    statuses: int
    programs: int
    updates: int
    exchange_calls: int
    simulated_s: int


FULL = Counts(
    repeats=5,
    ticker_frames=100_000,
    ccxt_frames=10_000,
    depth_frames=20_000,
    paced_frames=3_000,
    replayed=1_000_000,
    evaluated=20_000,
    evaluations=1_000,
    walked=120_000,
    intents=1_000,
    orders=500,
    appends=30_000,
    commits=1_000,
    starts=9,
    statuses=40,
    programs=100,
    updates=1_000_000,
    exchange_calls=40_000,
    simulated_s=3_000,
)
QUICK = Counts(
    repeats=2,
    ticker_frames=20_000,
    ccxt_frames=2_000,
    depth_frames=5_000,
    paced_frames=400,
    replayed=200_000,
    evaluated=2_000,
    evaluations=20,
    walked=20_000,
    intents=100,
    orders=60,
    appends=5_000,
    commits=100,
    starts=3,
    statuses=10,
    programs=30,
    updates=60_000,
    exchange_calls=10_000,
    simulated_s=500,
)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank); raises on none."""
    if not values:
        raise ValueError("no values were measured")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]


def median(values: Sequence[float]) -> float:
    """The 50 % quantile."""
    return quantile(values, 0.5)


def quantiles(name: str, values_us: Sequence[float], target: AtMost | None = None, note: str = "") -> list[Figure]:
    """p50, which has the target, and p99 of durations in microseconds."""
    return [
        Figure(name=f"{name}, p50", value=median(values_us), unit="us", target=target, note=note),
        Figure(name=f"{name}, p99", value=quantile(values_us, 0.99), unit="us"),
    ]
