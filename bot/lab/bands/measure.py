"""What is measured: every family beside every reference, on each source of prices, a process for each part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import msgspec

from bot.lab.bands.frontier import Frontier, Match
from bot.lab.bands.history import BOOK, History, made, recorded
from bot.lab.bands.living import Outcome, lived
from bot.lab.bands.rules import FAMILIES, JOINT, LEAST, REFERENCES

DRIFTS = ("1% -> target", "2% -> target")
CLOCKS = ("8h", "24h")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where prices come from: a directory of recorded ones, or a seed, days after the warm-up and a correlation."""

    directory: str = ""
    seed: int = 0
    days: int = 0
    correlation: float = 0.0

    def history(self) -> History:
        """The prices. Raises NoPrices."""
        return recorded(Path(self.directory)) if self.directory else made(self.seed, self.days, self.correlation)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one process found on one source: the references, and each of its families beside each of them."""

    references: dict[str, Outcome]
    matches: dict[str, dict[str, Match | None]]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Cost over the reference's cost at equal tracking error, over all sources. `is_equal`: on every one of them."""

    ratio: float
    low: float
    high: float
    is_equal: bool


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A promise about the joint program beside one reference, with its least trade or without."""

    family: str = JOINT
    reference: str
    cell: Cell | None
    ratio_max: float

    @property
    def ok(self) -> bool:
        """Whether it is kept; a reference that cannot be matched keeps nothing."""
        return self.cell is not None and self.cell.is_equal and self.cell.ratio <= self.ratio_max


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the table shows: medians over the sources."""

    title: str
    references: dict[str, Outcome]
    cells: dict[str, dict[str, Cell | None]]
    checks: tuple[Check, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure: sources, families, references, and what the joint program is held to."""

    title: str
    sources: tuple[Source, ...]
    families: tuple[str, ...]
    references: tuple[str, ...] = tuple(REFERENCES)
    drift_max: float
    clock_max: float


def measured(plan: Plan, workers: int | None = None) -> Report:
    """Measure all of it, at most `workers` processes at a time. Raises NoPrices."""
    whole = [(source, plan.families, plan.references) for source in plan.sources]
    every = whole if len(whole) > 1 else [(plan.sources[0], (name,), plan.references) for name in plan.families]
    count = min(workers or os.cpu_count() or 1, len(every))
    if count == 1:
        return summed(plan, [part(*one) for one in every])
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        return summed(plan, list(pool.map(part, *zip(*every, strict=True))))


def part(source: Source, families: Sequence[str], references: Sequence[str]) -> Part:
    """Some families on one source."""
    history = source.history()
    outcomes = {name: lived(history, BOOK, REFERENCES[name]()) for name in references}
    frontiers = {name: Frontier(history, BOOK, FAMILIES[name]) for name in families}
    return Part(
        references=outcomes,
        matches={
            family: {name: frontier.beside(outcome) for name, outcome in outcomes.items()}
            for family, frontier in frontiers.items()
        },
    )


def summed(plan: Plan, parts: Sequence[Part]) -> Report:
    """The report of what the processes found: medians over the sources."""
    cells = {family: {name: _cell(parts, family, name) for name in plan.references} for family in plan.families}
    bounds = dict.fromkeys(DRIFTS, plan.drift_max) | dict.fromkeys(CLOCKS, plan.clock_max)
    checks = (
        Check(family=family, reference=name, cell=cells[family][name], ratio_max=bound)
        for family in (JOINT, LEAST)
        if family in plan.families
        for name, bound in bounds.items()
        if name in plan.references
    )
    references = {name: _typical([one.references[name] for one in parts]) for name in plan.references}
    return Report(title=plan.title, references=references, cells=cells, checks=tuple(checks))


def _cell(parts: Sequence[Part], family: str, name: str) -> Cell | None:
    found = [one.matches[family][name] for one in parts if family in one.matches]
    matches = [match for match in found if match is not None]
    if len(matches) < len(found):
        return None
    ratios = [match.ratio for match in matches]
    is_equal = all(match.is_equal for match in matches)
    return Cell(ratio=median(ratios), low=min(ratios), high=max(ratios), is_equal=is_equal)


def _typical(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        tracking_error=median(one.tracking_error for one in outcomes),
        cost=median(one.cost for one in outcomes),
        trades=median(one.trades for one in outcomes),
    )
