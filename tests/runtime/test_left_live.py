"""Where somebody took a process out of live, a restart does not put it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.runtime import left_live

OBSERVE, DRY, LIVE = RunMode.OBSERVE, RunMode.DRY_RUN, RunMode.LIVE


@pytest.mark.parametrize("mode", list(RunMode))
def test_a_start_for_live_begins_in_the_way_that_was_chosen_last(tmp_path: Path, mode: RunMode) -> None:
    """And once that was live again, in live; the file is the owner's alone."""
    left_live.keep(tmp_path, DRY)
    left_live.keep(tmp_path, mode)

    assert mode is left_live.begins_in(tmp_path, LIVE)
    assert (mode is not LIVE) == (tmp_path / left_live.NAME).exists()
    assert all(0o600 == path.stat().st_mode & 0o777 for path in tmp_path.iterdir())


def test_where_nothing_was_chosen_a_start_is_what_it_was_asked_to_be(tmp_path: Path) -> None:
    """The first start of all, and one whose state directory is not there yet."""
    assert [LIVE, DRY] == [left_live.begins_in(tmp_path / "new", mode) for mode in (LIVE, DRY)]


def test_a_start_that_was_not_for_live_is_never_anything_else(tmp_path: Path) -> None:
    """What is noted holds back, and leads nowhere."""
    left_live.keep(tmp_path, OBSERVE)

    assert DRY is left_live.begins_in(tmp_path, DRY)


@pytest.mark.parametrize("said", [b"", b"live", b"\xff\xfe", b"x" * 10_000])
def test_a_file_that_says_nothing_of_use_is_a_dry_run(tmp_path: Path, said: bytes) -> None:
    """Half written, or by hand: it was put there for something."""
    (tmp_path / left_live.NAME).write_bytes(said)

    assert DRY is left_live.begins_in(tmp_path, LIVE)


def test_a_file_that_cannot_be_read_is_a_dry_run(tmp_path: Path) -> None:
    """A directory of that name stands for whatever cannot be opened."""
    (tmp_path / left_live.NAME).mkdir()

    assert DRY is left_live.begins_in(tmp_path, LIVE)


def test_a_state_directory_that_cannot_be_looked_into_is_a_dry_run(tmp_path: Path) -> None:
    """The start itself says what is wrong with it; a look at its file does not break before."""
    assert DRY is left_live.begins_in(tmp_path / ("x" * 300), LIVE)
