"""What looks after the journal must not be what leaves the book unhedged, or a position half closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.events import Action, OperatorAsked
from bot.domain.units import Nanos
from bot.engine.modes import Mode
from bot.journal.reader import SqliteReader, verify
from bot.journal.store import JournalFailed, VerifyResult
from bot.runtime.upkeep import AUDIT_FIRST_NS
from tests.runtime.test_upkeep import Setting


class Flaky:
    """A walk over the chain that finds so many times that the file cannot be opened, then what is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
        self.walks = 0
        self._monkeypatch = monkeypatch
        self._failures = failures

    def __call__(self, path: Path, breathe: Callable[[], None]) -> VerifyResult:
        """One walk."""
        self.walks += 1

        def cannot(*_: object) -> SqliteReader:
            raise JournalFailed("journal: CantOpenError: unable to open database file")

        with self._monkeypatch.context() as here:
            if self.walks <= self._failures:
                here.setattr(SqliteReader, "open", cannot)
            return verify(path, breathe)


@pytest.mark.parametrize(("failures", "verbs"), [(0, []), (1, []), (2, ["pause"])])
def test_a_journal_that_could_not_be_read_once_halts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, verbs: list[str]
) -> None:
    """Too many open files for a moment is no broken chain: only a second look that fails, too, pauses."""
    with Setting(tmp_path, audit=Flaky(monkeypatch, failures)) as setting:
        setting.live(1)
        setting.turn()
        setting.home.now += AUDIT_FIRST_NS
        setting.turn()

        assert verbs == [verb for verb, _ in setting.home.asked]


def broken(path: Path, breathe: Callable[[], None]) -> VerifyResult:
    """A chain that does not hold."""
    return VerifyResult(False, 1, 1, 1, "", 1, "the digest does not fit")


@pytest.mark.parametrize("action", [Action.UNWIND, Action.FLATTEN])
def test_a_broken_chain_never_stops_somebody_from_closing_the_hedges(tmp_path: Path, action: Action) -> None:
    """While they are closed nothing is paused; once armed again it is, at the next look."""
    with Setting(tmp_path, audit=broken) as setting:
        setting.live(1)
        setting.turn()
        setting.home.state.modes.obey(OperatorAsked(action, "out", "ann", Nanos(setting.home.now)))
        setting.home.now += AUDIT_FIRST_NS
        setting.turn()
        meanwhile = list(setting.home.asked)
        setting.home.state.modes.latches.clear()
        setting.turn()

        assert Mode.RUN is setting.home.state.modes.overall
        assert [] == meanwhile
        assert ["pause"] == [verb for verb, _ in setting.home.asked]
