"""What keeps a journal small, its disk watched and its chain walked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.domain.units import SECOND_NS, Nanos
from bot.engine.state import State
from bot.journal.reader import verify
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalFailed, VerifyResult
from bot.runtime import upkeep as upkeeps
from bot.runtime.upkeep import (
    AUDIT_FIRST_NS,
    PRUNE_EVERY_NS,
    Interrupted,
    Upkeep,
    free_bytes,
    known_free_bytes,
    too_full,
)
from tests.journal.helpers import tampered
from tests.kit import START_NS
from tests.runtime.stage import Bench

HOUR_NS = 3_600 * SECOND_NS
RETENTION_NS = 10 * HOUR_NS


@dataclass
class Home:
    """The house that upkeep works in."""

    state: State
    now: int = START_NS
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def now_ns(self) -> Nanos:
        """The time, as set."""
        return Nanos(self.now)

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += round(seconds * SECOND_NS)
        await asyncio.sleep(0)

    async def ask(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Note it."""
        self.asked.append((verb, arguments))


class Setting:
    """A journal on disk with an hour of records and a checkpoint, as often as wanted, and its upkeep."""

    def __init__(self, tmp_path: Path, **options: Any) -> None:
        self.bench = Bench().ready()
        self.home = Home(self.bench.engine.state)
        self.path = tmp_path / "journal-live.sqlite3"
        self.said: list[Mapping[str, Any]] = []
        self.journal = SqliteJournal.open(
            self.path, self.bench.journal.stamp, self.home.now_ns, lambda _: None, checkpoint_spacing_ns=HOUR_NS
        )
        self.upkeep = Upkeep(
            self.journal, self.path, RETENTION_NS, options.pop("disk_free", 0), self._logger(), **options
        )

    def __enter__(self) -> Setting:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def _logger(self) -> Any:
        def keep(_: object, level: str, event: Any) -> Any:
            self.said.append({"level": level, **event})
            raise structlog.DropEvent

        return structlog.wrap_logger(None, processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(0))

    def live(self, hours: int) -> None:
        """So many hours of records, each with a checkpoint at its end."""
        for _ in range(hours):
            for _ in range(60):
                self.journal.append("fact", b"{}", self.home.now)
            self.home.now += HOUR_NS
            self.journal.checkpoint(self.journal.last_seq, b"state").result(20)

    def turn(self) -> None:
        """Upkeep does what is due."""
        asyncio.run(self.upkeep.turn(self.home))

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """What was logged under a name."""
        return [entry for entry in self.said if entry["event"] == name]


def test_records_older_than_the_retention_are_pruned_and_the_rest_verifies(tmp_path: Path) -> None:
    """A day with a retention of ten hours: about ten hours are left, behind a checkpoint, and the chain holds."""
    with Setting(tmp_path) as setting:
        setting.live(24)
        setting.turn()
        found = verify(setting.path)

    (told,) = setting.events("journal pruned")
    assert found.ok
    assert 10 * 60 <= found.records <= 12 * 60
    assert told["records"] == told["up_to"] == found.first_seq - 1


def test_pruning_is_done_once_an_hour(tmp_path: Path) -> None:
    """What became old meanwhile waits for the next hour."""
    with Setting(tmp_path) as setting:
        setting.live(12)
        setting.turn()
        setting.live(1)
        setting.home.now -= HOUR_NS // 2
        setting.turn()
        first = len(setting.events("journal pruned"))
        setting.home.now += PRUNE_EVERY_NS
        setting.turn()

    assert (1, 2) == (first, len(setting.events("journal pruned")))


@pytest.mark.parametrize("offset_ns", [None, 60 * SECOND_NS])
def test_nothing_is_pruned_under_a_clock_that_nobody_confirmed(tmp_path: Path, offset_ns: int | None) -> None:
    """A clock that is years ahead must not make the whole journal look old."""
    with Setting(tmp_path) as setting:
        setting.live(24)
        offsets = setting.home.state.clock_offsets
        changed = dict.fromkeys(offsets, offset_ns) if offset_ns is not None else {}
        offsets.clear()
        offsets.update(changed)
        setting.turn()

        assert 24 * 60 == verify(setting.path).records


def test_a_pruning_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upkeep goes on: the daemon does not depend on it."""

    def refused(*_: object) -> int:
        raise JournalFailed("no reading today")

    with Setting(tmp_path) as setting:
        setting.live(24)
        with monkeypatch.context() as patch:
            patch.setattr(SqliteJournal, "prunable", refused)
            setting.turn()
        told = setting.events("journal")
        setting.home.now += PRUNE_EVERY_NS
        setting.turn()

    assert ["old records were not pruned: no reading today"] == [entry["what"] for entry in told]
    assert setting.events("journal pruned")


def test_a_disk_that_fills_up_is_told_once_and_once_when_it_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the place, what is left and what was asked for."""
    left = 50 << 20
    monkeypatch.setattr(upkeeps, "free_bytes", lambda _: left)
    with Setting(tmp_path, disk_free=100 << 20) as setting:
        setting.turn()
        setting.turn()
        left = 200 << 20
        setting.turn()

    low, well = setting.events("disk")
    assert f"{setting.path}: its disk has 50 MiB left, journal.disk_free asks for 100 MiB" in low["what"]
    assert ("warning", "info") == (low["level"], well["level"])


def test_a_disk_that_cannot_be_asked_is_not_called_full(tmp_path: Path) -> None:
    """Nobody knows: that is no reason to alarm, for a disk that is gone is the journal's own failure."""
    assert "" == too_full(tmp_path / "no" / "where", 1 << 60)
    assert too_full(tmp_path, 1 << 60)
    assert 0 < free_bytes(tmp_path / "journal.sqlite3")


def test_the_space_of_a_disk_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    """What cannot be looked at has no size, least of all zero."""
    assert known_free_bytes(tmp_path / "no" / "where") is None
    assert (known_free_bytes(tmp_path) or 0) > 0


def test_the_whole_chain_is_walked_once_a_day(tmp_path: Path) -> None:
    """The first time ten minutes after the start, then every day: a start itself looks at the end only."""
    with Setting(tmp_path) as setting:
        setting.live(1)
        setting.turn()
        early = setting.events("journal verified")
        setting.home.now += AUDIT_FIRST_NS
        setting.turn()
        setting.turn()

    assert ([], 1) == (early, len(setting.events("journal verified")))
    assert [] == setting.home.asked


def test_a_chain_that_does_not_hold_pauses(tmp_path: Path) -> None:
    """A disk that changes old records is not one to write orders on: they pause, and a person is told where."""
    with Setting(tmp_path) as setting:
        setting.live(1)
        tampered(setting.path, "UPDATE records SET payload = x'00' WHERE seq = 7")
        setting.turn()
        setting.home.now += AUDIT_FIRST_NS
        setting.turn()

    ((verb, arguments),) = setting.home.asked
    assert "pause" == verb
    assert f"journal {setting.path} does not hold at record 7" in arguments["reason"]
    assert "restore a backup" in setting.events("journal")[0]["what"]


async def test_the_end_of_the_daemon_does_not_wait_for_the_walk(tmp_path: Path) -> None:
    """A walk of minutes is given up at its next page."""
    begun, interrupted = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def walk(path: Path, breathe: Callable[[], None]) -> VerifyResult:
        loop.call_soon_threadsafe(begun.set)
        try:
            for _ in range(100_000):
                breathe()
        except Interrupted:
            loop.call_soon_threadsafe(interrupted.set)
            raise
        raise AssertionError("nobody interrupted it")

    with Setting(tmp_path, audit=walk) as setting:
        setting.live(1)
        running = asyncio.create_task(setting.upkeep.run(setting.home))
        await asyncio.wait_for(begun.wait(), 20)
        running.cancel()
        await asyncio.wait_for(interrupted.wait(), 20)
        with pytest.raises(asyncio.CancelledError):
            await running
