"""The kill file: written in one piece, obeyed even when it cannot be read, removed only on purpose."""

import stat
from pathlib import Path

import pytest

from bot.runtime import killfile


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Reason and operator come back as they were given."""
    killfile.write(tmp_path, "fat finger ✗", "me (pid 1)")
    order = killfile.read(tmp_path)

    assert order is not None
    assert ("fat finger ✗", "me (pid 1)") == (order.reason, order.by)
    assert order.at_s > 0


def test_no_file_is_no_kill(tmp_path: Path) -> None:
    """Without a file, and without its directory, nothing is killed."""
    assert killfile.read(tmp_path) is None
    assert killfile.read(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", ["", "just stop it", "{}", "[]", '{"reason": "x"}', "\x00\xff"])
def test_any_file_kills(tmp_path: Path, content: str) -> None:
    """A file made by hand, or torn, is a kill as well, with a reason that can be shown."""
    killfile.place(tmp_path).write_text(content)
    order = killfile.read(tmp_path)

    assert order is not None
    assert order.reason


def test_a_file_that_cannot_be_read_kills(tmp_path: Path) -> None:
    """What cannot be read is taken for the worst."""
    killfile.place(tmp_path).mkdir()

    assert "cannot be read" in getattr(killfile.read(tmp_path), "reason", "")


def test_the_newest_reason_counts(tmp_path: Path) -> None:
    """A second kill replaces the first and leaves no draft behind."""
    killfile.write(tmp_path, "first", "me")
    killfile.write(tmp_path, "second", "me")

    assert "second" == getattr(killfile.read(tmp_path), "reason", "")
    assert [killfile.NAME] == [path.name for path in tmp_path.iterdir()]


def test_a_long_reason_is_cut_and_still_read(tmp_path: Path) -> None:
    """A reason beyond its bound does not make the file unreadable."""
    killfile.write(tmp_path, "✗" * 10_000, "me")

    assert "✗" * killfile.REASON_CHARACTERS_MAX == getattr(killfile.read(tmp_path), "reason", "")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """The file is made with mode 0600."""
    path = killfile.write(tmp_path, "x", "me")

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_removing_says_whether_there_was_one(tmp_path: Path) -> None:
    """The first call removes it, the second finds nothing."""
    killfile.write(tmp_path, "x", "me")

    assert [True, False] == [killfile.remove(tmp_path), killfile.remove(tmp_path)]
    assert killfile.read(tmp_path) is None


def test_a_watch_tells_of_each_kill_once(tmp_path: Path) -> None:
    """The file of a kill that was obeyed does not kill again; one that is written anew does."""
    watch = killfile.Watch(tmp_path)
    assert watch.news() is None
    killfile.write(tmp_path, "first", "me")

    assert ["first", None] == [getattr(watch.news(), "reason", None) for _ in range(2)]
    killfile.write(tmp_path, "second", "me")
    assert "second" == getattr(watch.news(), "reason", None)


def test_a_watch_counts_what_lies_there_and_what_comes_back(tmp_path: Path) -> None:
    """A file from before the start counts, and so does one that is written after an arm removed it."""
    killfile.write(tmp_path, "before the start", "me")
    watch = killfile.Watch(tmp_path)

    assert "before the start" == getattr(watch.news(), "reason", None)
    killfile.remove(tmp_path)
    assert watch.news() is None
    killfile.write(tmp_path, "again", "me")
    assert "again" == getattr(watch.news(), "reason", None)
