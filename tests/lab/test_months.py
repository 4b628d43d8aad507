"""Days of running, small: what the full thirty of `python -m bot.lab.months` are judged by holds for two."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.lab.months import Figures, measure
from bot.lab.months_world import DAY_TURNS, HOUR_TURNS


def lived(directory: Path, hours: float, retention_hours: float, seed: int = 7) -> Figures:
    """So many hours and what they left."""
    directory.mkdir()
    return asyncio.run(measure(directory, hours / 24, retention_hours / 24, seed))


@pytest.mark.slow
def test_two_days_with_hourly_checkpoints_hold(tmp_path: Path) -> None:
    """The start stays short, the size inside the retention's bound, and a backup restores and verifies."""
    found = lived(tmp_path / "a", 48, 12)

    assert {} == {name: held for name, held in found.checks.items() if not held}
    assert found.orders > 48
    assert found.records_kept < found.records // 3
    assert found.journal_bytes[1] < found.journal_bytes_bound
    assert found.records_a_day < 10_000, "17,280 reads and 5,760 samples of a day are not a record each"


def test_one_seed_repeats_one_life(tmp_path: Path) -> None:
    """The journal's head is a digest of all that happened: the same seed leads to the same, another to another."""
    heads = [lived(tmp_path / name, 1, 24, seed).head for name, seed in (("a", 1), ("b", 1), ("c", 2))]

    assert heads[0] == heads[1] != heads[2]
    assert DAY_TURNS == 24 * HOUR_TURNS


def test_a_size_beyond_the_bound_is_not_called_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that could not fail would be none: without pruning and without slack the bound is broken."""
    monkeypatch.setattr("bot.lab.months.LOG_BYTES", 0)
    monkeypatch.setattr("bot.lab.months_world.Upkeep.turn", _nothing)
    found = lived(tmp_path / "a", 4, 1)

    assert not found.ok
    assert (False, False) == (found.checks["size_bounded"], found.checks["pruned"])


async def _nothing(*_: object) -> None:
    """Upkeep that keeps nothing up."""
