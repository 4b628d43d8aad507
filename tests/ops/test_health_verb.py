"""`trimtab health`: an exit code for scripts and containers, and a reason for people."""

from __future__ import annotations

import json
from pathlib import Path

from bot.ops.exits import Exit
from tests.ops.desk import desk_at, trimtab
from tests.ops.house import UNREADY, WELL


def test_a_ready_daemon_ends_it_with_success(tmp_path: Path) -> None:
    """Exit code 0, and a line with the mode."""
    with desk_at(tmp_path) as desk:
        desk.answers["health"] = WELL

        assert (Exit.OK, "ready, mode RUN\n", "") == trimtab("health", "--state-dir", tmp_path)


def test_one_that_is_not_ready_has_a_code_of_its_own_and_says_why(tmp_path: Path) -> None:
    """Exit code 10; each reason is a line, and the mode is told."""
    with desk_at(tmp_path) as desk:
        desk.answers["health"] = UNREADY
        code, out, err = trimtab("health", "--state-dir", tmp_path)

    assert (Exit.NOT_READY, "") == (code, out)
    assert ["binance.usdm.book: silent for 5.0 s", "trimtab: not ready, mode HALT"] == err.splitlines()


def test_as_json_it_is_the_daemons_own_answer(tmp_path: Path) -> None:
    """The whole document on standard output, the code as without it."""
    with desk_at(tmp_path) as desk:
        desk.answers["health"] = UNREADY
        code, out, _ = trimtab("health", "--json", "--state-dir", tmp_path)
        desk.answers["health"] = WELL
        well, _, _ = trimtab("health", "--json", "--state-dir", tmp_path)

    assert (Exit.NOT_READY, Exit.OK) == (code, well)
    assert "binance.usdm.book" == json.loads(out)["reasons"][0]["subject"]


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    """Nobody listens: code 3, for a container as unhealthy as any other."""
    assert Exit.NOT_RUNNING == trimtab("health", "--state-dir", tmp_path)[0]
