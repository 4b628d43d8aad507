"""`trimtab reload` and SIGHUP: what a person sees of it, with which code it ends, and whose file is read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.ops import daemon
from bot.ops.configs import read_again
from bot.ops.exits import Exit
from bot.runtime.problems import ConfigError
from bot.runtime.reload import ConfigFile
from tests.ops.desk import Desk, trimtab
from tests.runtime.configs import RIGHT, loaded

pytestmark = pytest.mark.usefixtures("no_settings")


def answered(outcome: str, **parts: object) -> dict[str, object]:
    """What the daemon says of a reload."""
    return {"outcome": outcome, "changes": ["targets.core.ratio: 1 -> 0.5"], "problems": [], "why": "", **parts}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answered("applied"), "in force"),
        (answered("waiting", why="order x is new"), "at rest: order x is new"),
        (answered("possible"), "would be taken over"),
        (answered("unchanged", changes=[]), "nothing has changed"),
    ],
)
def test_the_changes_are_shown_and_what_became_of_them(desk: Desk, answer: dict[str, object], said: str) -> None:
    """Each change in a line, then whether it is in force."""
    desk.answers["reload"] = answer
    code, out, err = trimtab("reload", "-d", desk.state_dir)

    assert (Exit.OK, "") == (code, err)
    assert said in out
    assert all(f"  {change}" in out for change in answer["changes"])  # type: ignore[attr-defined]
    assert ("reload", False) == (desk.asked[-1][0], desk.asked[-1][1]["dry_run"])


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("invalid", Exit.USAGE), ("unfit", Exit.USAGE), ("needs_restart", Exit.REFUSED), ("refused", Exit.REFUSED)],
)
def test_a_refusal_names_every_line_and_has_a_code(desk: Desk, outcome: str, code: Exit) -> None:
    """A file with problems is the owner's to mend, what needs a restart is a refusal; nothing has changed."""
    desk.answers["reload"] = answered(outcome, problems=["c.yaml:3: targets: wrong"], why="ask again")
    ended, out, err = trimtab("reload", "-d", desk.state_dir)

    assert code == ended
    assert "c.yaml:3: targets: wrong\nask again\n" in err
    assert "the config in force stays in force" in err
    assert "targets.core.ratio: 1 -> 0.5" in out


def test_programs_get_one_document(desk: Desk) -> None:
    """Whatever became of it; a dry-run asks for no more than a look."""
    desk.answers["reload"] = answered("possible")
    _, out, _ = trimtab("reload", "-d", desk.state_dir, "--dry-run", "--json")
    assert answered("possible") == json.loads(out)
    assert desk.asked[-1][1]["dry_run"] is True
    desk.answers["reload"] = answered("invalid", problems=["c.yaml:3: wrong"])
    _, out, _ = trimtab("reload", "-d", desk.state_dir, "--json")

    assert {"exit": 2, "code": "invalid", "details": ["c.yaml:3: wrong"]}.items() <= json.loads(out)["error"].items()


def test_the_daemon_is_reached_by_a_config_that_is_broken_now(desk: Desk, tmp_path: Path) -> None:
    """The daemon itself says what is wrong with its file."""
    desk.answers["reload"] = answered("invalid", problems=["c.yaml:3: wrong"])
    broken = tmp_path / "c.yaml"
    broken.write_text(f"state_dir: {desk.state_dir}\nportfolio: 7 7\n")
    code, _, err = trimtab("reload", "-c", broken)

    assert Exit.USAGE == code
    assert "c.yaml:3: wrong" in err


# ------------------------------------------------------------------------------------------------------------- SIGHUP
@pytest.mark.parametrize(
    ("at_a_terminal", "is_there", "reloads"), [(False, False, True), (True, True, True), (True, False, False)]
)
async def test_a_hangup_is_a_reload_unless_the_terminal_is_gone(
    monkeypatch: pytest.MonkeyPatch, at_a_terminal: bool, is_there: bool, reloads: bool
) -> None:
    """A service reloads; one that a person started in a terminal ends in good order when that is closed."""
    monkeypatch.setattr(daemon, "_terminal_is_there", lambda: is_there)
    file, stop = ConfigFile(loaded(), loaded), asyncio.Event()
    daemon._hung_up(at_a_terminal, file, stop)

    assert (reloads, not reloads) == (file.asked.is_set(), stop.is_set())


def test_a_file_is_read_again_as_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same path, the environment over it, and the state directory that the command line gave."""
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT)
    monkeypatch.setenv("TRIMTAB_LIMITS__ORDERS_PER_MINUTE", "7")
    found = read_again(path, tmp_path / "state").settings

    assert (7, tmp_path / "state") == (found.limits.orders_per_minute, found.state_dir)
    path.write_text("portfolio: 1 2\n")
    with pytest.raises(ConfigError):
        read_again(path)
