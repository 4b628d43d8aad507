"""A new user's first minute: `init`, `check`, `run`, three processes against a running simulated exchange."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.ask import AskError, ask
from bot.simex.config import SimexConfig
from bot.simex.serve import Simex

PATIENCE_S = 40.0
MINUTE_S = 60.0
LOOK_S = 0.1


def environment(home: Path) -> dict[str, str]:
    """A home of their own, and nothing of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    # No port of its own, since other tests run on this machine.
    return {**ours, "HOME": str(home), "TRIMTAB_WEB__ENABLED": "false"}


async def started(home: Path, *words: str) -> asyncio.subprocess.Process:
    """The command as a process, in the user's home, with nobody at a terminal."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.ops.cli",
        *words,
        cwd=home,
        env={**environment(home), "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def done(home: Path, *words: str) -> tuple[int, str]:
    """Its exit code and what it said."""
    process = await started(home, *words)
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def hedged_on_paper(state_dir: Path, process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Wait until the paper account's coins are hedged; the status then."""
    deadline = time.monotonic() + PATIENCE_S
    status: Any = None
    while time.monotonic() < deadline:
        assert process.returncode is None, await process.communicate()
        try:
            status = await asyncio.to_thread(ask, state_dir, "status")
        except AskError:
            status = None
        if status and [float(row["futures"] or 0) for row in status["assets"]] == [-1.0, -10.0]:
            return dict(status)
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"not hedged within {PATIENCE_S} s: {status}")


@pytest.mark.parametrize("venue", ["binance", "bybit", "binance+bybit", "bybit+binance"])
async def test_three_commands_lead_to_a_hedged_dry_run(tmp_path: Path, venue: str) -> None:
    """`init`, `check` and `run`, as they are printed: one bitcoin and ten ether are hedged within a minute."""
    home, ready = tmp_path / "home", tmp_path / "simex.json"
    home.mkdir()
    async with Simex.start(SimexConfig(ready_file=ready, plain_http=False)):
        began = time.monotonic()
        code, said = await done(home, "init", "--simex", str(ready), "--venue", venue)
        printed = [line.split("#")[0].split() for line in said.splitlines() if line.startswith("  trimtab ")]

        assert (0, [["trimtab", "check"], ["trimtab", "run"]]) == (code, [words[:2] for words in printed]), said
        code, said = await done(home, *printed[0][1:])
        assert (0, True) == (code, said.endswith("trimtab.yaml: usable\n")), said
        process = await started(home, *printed[1][1:])
        try:
            status = await hedged_on_paper(home / ".local/state/trimtab/savings", process)
            assert time.monotonic() - began < MINUTE_S
            assert ("savings", "dry-run") == (status["portfolio"], status["run_mode"])
        finally:
            process.terminate()
            said_last, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert 0 == process.returncode, said_last.decode()


async def test_a_venue_that_is_away_is_told_with_its_own_code(tmp_path: Path) -> None:
    """Without a venue `check` cannot say that a config is usable; told to leave it out, it can."""
    ready = tmp_path / "simex.json"
    async with Simex.start(SimexConfig(ready_file=ready, state_dir=tmp_path, plain_http=False)):
        assert 0 == (await done(tmp_path, "init", "--simex", str(ready)))[0]
    code, said = await done(tmp_path, "check", "--config", "trimtab.yaml")

    assert (5, True) == (code, "the market was not looked at" in said), said
    assert 0 == (await done(tmp_path, "check", "--config", "trimtab.yaml", "--offline"))[0]
