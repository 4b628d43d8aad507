"""The log's own file: turned over, reopened, and never a burden."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.runtime import log
from bot.runtime.log_file import LogFile
from bot.runtime.redact import Redactor
from bot.runtime.settings import LogSettings
from bot.runtime.settings_service import LogFileSettings

SIZE = 64 * 1024


class Told(list[str]):
    """What was said on standard error."""

    def __call__(self, text: str) -> None:
        """Say it."""
        self.append(text)


def settings(path: Path, size: int = SIZE, keep: int = 3) -> LogFileSettings:
    """A log file, as a config that was checked has it."""
    return LogFileSettings.model_construct(path=path, size=size, keep=keep)


def names(path: Path) -> list[str]:
    """The files of its directory."""
    return sorted(file.name for file in path.parent.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is written, in a directory that is not there yet."""
    return tmp_path / "logs" / "trimtab.log"


def test_only_the_owner_reads_it(path: Path) -> None:
    """The directory is made 0700 and the file 0600, also where it was there with another mode."""
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o644)
    LogFile(settings(path)).write("line")

    assert (0o700, 0o600) == tuple(stat.S_IMODE(file.stat().st_mode) for file in (path.parent, path))
    assert "line\n" == path.read_text()


def test_it_is_turned_over_by_size_and_the_oldest_go(path: Path) -> None:
    """No file is larger than the size, so many turned-over ones are kept, and no line in them is torn or lost."""
    file = LogFile(settings(path))
    lines = [f"{number:06} {'x' * 993}" for number in range(300)]
    for line in lines:
        file.write(line)
    kept = [path.with_name(f"trimtab.log.{number}") for number in (3, 2, 1)] + [path]

    assert ["trimtab.log", "trimtab.log.1", "trimtab.log.2", "trimtab.log.3"] == names(path)
    assert all(one.stat().st_size <= SIZE for one in kept)
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in kept)
    read = "".join(one.read_text() for one in kept).splitlines()
    assert lines[-len(read) :] == read
    assert len(read) > 3 * 60


def test_a_line_larger_than_the_file_is_written_all_the_same(path: Path) -> None:
    """A traceback is not lost because somebody chose a small size; the next line begins a new file."""
    file = LogFile(settings(path))
    for line in ("first", "x" * (2 * SIZE), "last"):
        file.write(line)

    assert ["trimtab.log", "trimtab.log.1", "trimtab.log.2"] == names(path)
    assert "last\n" == path.read_text()


def test_it_goes_on_where_it_ended(path: Path) -> None:
    """A restart appends, and what is there counts for the size."""
    for text in ("one", "x" * (SIZE - 10), "three"):
        file = LogFile(settings(path))
        file.write(text)
        file.close()

    assert ["trimtab.log", "trimtab.log.1"] == names(path)
    assert path.with_name("trimtab.log.1").read_text().startswith("one\n")


@pytest.mark.parametrize("removed", [False, True])
def test_a_file_that_somebody_moved_is_opened_anew(path: Path, removed: bool) -> None:
    """An outside logrotate moves it, or somebody deletes it: the next line makes a new one."""
    file = LogFile(settings(path))
    file.write("before")
    moved = path.with_name("moved")
    path.rename(moved)
    if removed:
        moved.unlink()
    file.write("after")

    assert "after\n" == path.read_text()
    assert removed or moved.read_text() == "before\n"


def test_it_is_opened_anew_when_asked(path: Path) -> None:
    """On a signal, for whoever copies and truncates: nothing is lost and nothing is written twice."""
    file = LogFile(settings(path))
    file.write("before")
    file.reopen()
    file.write("after")

    assert "before\nafter\n" == path.read_text()


def test_a_file_that_was_cut_short_where_it_lies_counts_anew(path: Path) -> None:
    """Logrotate's copytruncate: the next line stands at the beginning, and the size is that of the file."""
    file = LogFile(settings(path))
    file.write("x" * (SIZE - 100))
    os.truncate(path, 0)
    file.write("y" * 200)

    assert (["trimtab.log"], 201) == (names(path), path.stat().st_size)


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A disk that takes so many bytes more."""
    left, write = after, os.write

    def limited(descriptor: int, data: bytes) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[:left])
        left -= written
        return written

    monkeypatch.setattr("os.write", limited)


def test_a_full_disk_costs_lines_and_is_told_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are counted, one line goes to standard error, no torn line stays; with space it goes on and says so."""
    told = Told()
    file = LogFile(settings(path), told)
    file.write("before")
    with monkeypatch.context() as patch:
        full(patch, after=20)
        for number in range(5):
            file.write(f"{number} {'x' * 50}")
    file.write("after")

    assert 5 == file.lost
    assert 1 == len(told)
    assert f"the log file {path} cannot be written (No space left on device)" in told[0]
    assert "before\n5 log lines were lost: the file could not be written\nafter\n" == path.read_text()


def test_every_outage_is_told_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the disk is full is news again."""
    told = Told()
    file = LogFile(settings(path), told)
    for _ in range(2):
        with monkeypatch.context() as patch:
            full(patch, after=0)
            file.write("lost")
            file.write("lost")
        file.write("kept")

    assert (4, 2) == (file.lost, len(told))


def test_a_directory_that_vanished_is_made_again(path: Path) -> None:
    """Somebody cleans up by hand: the log comes back by itself."""
    file = LogFile(settings(path))
    path.unlink()
    path.parent.rmdir()
    file.write("after")

    assert "after\n" == path.read_text()


def test_what_cannot_be_opened_at_the_start_is_an_error(tmp_path: Path) -> None:
    """A path below a file, or one that is a link to somewhere else, is a mistake of the config."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for wrong in (tmp_path / "file" / "log", tmp_path / "link", tmp_path):
        with pytest.raises(OSError, match=r".+"):
            LogFile(settings(wrong))
    assert not (tmp_path / "elsewhere").exists()


def started(path: Path | None, stream: io.StringIO, **options: Any) -> log.Log:
    """A running log with a file."""
    redactor = Redactor()
    redactor.learn("hush-hush-secret-0815")
    file = settings(path) if path is not None else None
    chosen = LogSettings.model_construct(format="console", level="info", file=file)
    return log.start(chosen, redactor, stream, **{"to_file": True, **options})


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))])
def test_what_is_no_file_is_an_error_and_left_as_it_is(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe that nobody reads holds nobody up, and a device keeps its mode: it is everybody's."""
    path = tmp_path / "odd"
    try:
        make(path)
    except PermissionError:
        pytest.skip("only root makes a device")
    path.chmod(0o666)
    with pytest.raises(OSError, match=r"no regular file|No such device"):
        LogFile(settings(path))

    assert 0o666 == stat.S_IMODE(path.stat().st_mode)


def test_both_outputs_have_every_line_and_neither_has_a_secret(path: Path) -> None:
    """The same redacting thread writes both."""
    stream = io.StringIO()
    with started(path, stream) as running:
        for number in range(100):
            log.logger("bot.test").info("said", number=number, key="hush-hush-secret-0815")
    written = path.read_text()

    assert 100 == len(written.splitlines())
    assert stream.getvalue() == written
    assert "hush-hush" not in written
    assert (0, 0) == (running.dropped, running.lost)


def test_a_full_disk_does_not_touch_the_other_output(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error has every line, and the log knows how many the file has not."""
    stream = io.StringIO()
    with monkeypatch.context() as patch, started(path, stream) as running:
        full(patch, after=0)
        for _ in range(10):
            log.logger("bot.test").info("said")
        running.close()
        assert 10 == running.lost
    assert 10 == len(stream.getvalue().splitlines())


def test_only_the_daemon_writes_the_file(path: Path) -> None:
    """A verb that looks while a daemon runs must not write to the daemon's file, and turn it over under its hands."""
    with started(path, io.StringIO(), to_file=False):
        log.logger("bot.test").info("said")

    assert not path.exists()


def test_the_running_log_is_opened_anew_from_anywhere(path: Path) -> None:
    """A signal handler need not know the log; without one, or without a file, nothing happens."""
    log.reopen()
    with started(None, io.StringIO()):
        log.reopen()
    with started(path, io.StringIO()):
        log.logger("bot.test").info("one")
        log.reopen()
        log.logger("bot.test").info("two")

    assert 2 == len(path.read_text().splitlines())
