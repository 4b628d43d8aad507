"""Places where a journal cannot be kept: one line that says what, where and what is allowed, and nothing is lost."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.journal.reader import verify
from bot.ops.exits import Exit
from bot.runtime.replay import replay
from bot.simex.serve import Simex
from tests.e2e.kit import Story, attached, config, exchange, running, written

ONLY_BTC = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}]"
COMMAND = "from bot.ops.cli import main; main()"
END_S = 40.0
ORDER = "/fapi/v1/order"


async def _daemon(directory: Path, way: str = "--live") -> asyncio.subprocess.Process:
    """`trimtab run` in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", COMMAND, "run", way, "--config", str(written(directory))),
        env={**os.environ, "TRIMTAB_CONFIRM_LIVE": "story"},
        stderr=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> tuple[int, list[str]]:
    """How it ended, and what it said that was no line of the log."""
    _, said = await asyncio.wait_for(process.communicate(), END_S)
    assert process.returncode is not None
    assert b"Traceback" not in said, said.decode()
    return process.returncode, [line for line in said.decode().splitlines() if "[bot." not in line]


async def _refused(directory: Path) -> tuple[int, list[str]]:
    return await _end(await _daemon(directory))


def _changed(directory: Path, before: str, after: str) -> None:
    """Change the config of the daemon to come."""
    text = written(directory).read_text()
    assert before in text
    written(directory).write_text(text.replace(before, after))


def _signed(simex: Simex) -> int:
    return int(simex.requests.summary()["signed_mutating_total"])


def _in_the_way(state: Path) -> str:
    state.touch()
    return "is not a directory, or lies below a file"


def _open_to_all(state: Path) -> str:
    state.mkdir()
    state.chmod(0o777)
    return "can be written by everybody (mode 0777)"


def _somebody_elses(state: Path) -> str:
    state.mkdir()
    try:
        os.chown(state, 54_321, -1)
    except PermissionError:
        pytest.skip("only root can give a directory away")
    return f"belongs to user 54321, this process is user {os.geteuid()}"


@pytest.mark.process
@pytest.mark.parametrize("place", [_in_the_way, _open_to_all, _somebody_elses], ids=lambda place: place.__name__)
async def test_a_state_directory_that_cannot_be_used_is_one_line(tmp_path: Path, place: Any) -> None:
    """The config's code; file, line and key, what is wrong and what is allowed; nothing was asked of the venue."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        why = place(loaded.settings.state_dir)
        code, lines = await _refused(tmp_path)

        assert Exit.USAGE == code
        assert f"{written(tmp_path)}:4: state_dir: " in lines[0]
        assert f"{loaded.settings.state_dir} {why}; allowed: a directory of your own (mode 0700)" in lines[0]
        assert ["trimtab: not started, nothing was sent"] == lines[1:]
        assert 0 == simex.requests.total


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, two megabytes large, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.process
async def test_a_disk_mounted_read_only_is_one_line(tmp_path: Path, disk: Path) -> None:
    """The reason is the mount, not the mode."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path)
        _changed(tmp_path, str(tmp_path / "state"), str(disk))
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(disk)], check=True)
        code, lines = await _refused(tmp_path)

        assert Exit.USAGE == code
        assert f"{disk} cannot be written: its disk is mounted read-only" in lines[0]


@pytest.mark.process
async def test_a_disk_almost_full_keeps_live_from_starting(tmp_path: Path) -> None:
    """What is left, what the config asks for; the code of a refusal, and nothing was asked of the venue."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        with written(tmp_path).open("a") as file:
            file.write("journal: {disk_free: 1 TiB}\n")
        code, lines = await _refused(tmp_path)

        assert Exit.REFUSED == code
        assert f"{loaded.settings.state_dir}: its disk has " in lines[0]
        assert "MiB left, journal.disk_free asks for 1048576 MiB" in lines[0]
        assert 0 == simex.requests.total


@pytest.mark.process
async def test_a_disk_without_any_space_is_one_line(tmp_path: Path, disk: Path) -> None:
    """A journal that cannot even be made keeps a dry-run from starting, too: the journal's code, and the place."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path)
        _changed(tmp_path, str(tmp_path / "state"), str(disk))
        assert _fill(disk / "filler") > 0
        code, lines = await _end(await _daemon(tmp_path, "--dry-run"))

        assert (Exit.JOURNAL, 1) == (code, len(lines)), lines
        assert str(disk) in lines[0]
        assert "No space left on device" in lines[0]


def _fill(path: Path) -> int:
    """Use up what is left of a disk."""
    taken = 0
    with path.open("wb", buffering=0) as file:
        try:
            while written_now := file.write(b"x" * 4_096):
                taken += written_now
        except OSError:
            return taken
    return taken


@pytest.mark.process
async def test_a_log_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """At its place in the config; nothing was asked of the venue."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path)
        (tmp_path / "file").touch()
        _changed(tmp_path, "log: {level: error}", f"log: {{level: error, file: {{path: {tmp_path / 'file' / 'log'}}}}}")
        code, lines = await _refused(tmp_path)

        assert Exit.USAGE == code
        assert "log.file.path: " in lines[0]
        assert "the log file cannot be written: " in lines[0]
        assert "allowed: a file in a directory of your own" in lines[0]
        assert 0 == simex.requests.total


@pytest.mark.process
async def test_a_second_daemon_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    """The code for busy, who holds it; the first one's hedge, journal and socket are as before."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            code, lines = await _refused(tmp_path)

            assert (Exit.BUSY, 1) == (code, len(lines)), lines
            assert f"is held by process {os.getpid()}" in lines[0]
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.until_position("BTCUSDT", "-1.5")
            assert 2 == await story.order_requests()
    assert replay(loaded.settings.state_dir / "journal-live.sqlite3").ok


async def _halted(story: Story) -> bool:
    return bool((await story.command("status"))["mode"] == "HALT")


@pytest.mark.process
async def test_a_disk_that_fills_up_halts_and_nothing_is_lost(tmp_path: Path) -> None:
    """No order leaves without its record; kill still answers; with space again the next start hedges what was missed.

    A process that may not let a file grow any more has what a full disk does, for its journal and nobody else's.
    """
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=ONLY_BTC)
        process = await _daemon(tmp_path)
        async with attached(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            journal = loaded.settings.state_dir / "journal-live.sqlite3"
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
            await story.control("deposit", account="default", wallet="spot", asset="BTC", amount="0.5")
            await story.until("halted", lambda: _halted(story))
            await story.stays("BTCUSDT", "-1")
            assert 1 == await story.order_requests()
            await story.command("kill", reason="the disk is full")
            process.send_signal(signal.SIGTERM)
            code, _ = await _end(process)
        assert Exit.JOURNAL == code
        assert verify(journal).ok
        (loaded.settings.state_dir / "KILL").unlink(missing_ok=True)
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1.5")
            await story.stays("BTCUSDT", "-1.5")
            assert 2 == await story.order_requests()
    assert replay(journal).ok
