"""The verbs that talk to a daemon: what they ask, what they print, and how they end."""

import json
import os
import socket
from pathlib import Path

import msgspec
import pytest

from bot.ops.exits import Exit
from bot.ops.view import progress_line
from bot.ops.watch import AWAY, watch_status
from bot.runtime import killfile
from bot.runtime.ask import NotRunning, socket_path
from bot.runtime.control import Denied
from tests.ops.desk import Desk, trimtab
from tests.ops.plan_samples import EMPTY, PLAN
from tests.ops.samples import STATUS

pytestmark = pytest.mark.usefixtures("no_settings")


def test_status_prints_the_picture(desk: Desk) -> None:
    """A person gets the view, as wide as it wants to be where no terminal says otherwise."""
    code, out, _ = trimtab("status", "-d", desk.state_dir)

    assert Exit.OK == code
    assert "savings" in out
    assert "OUT +2,409.92" in out


def test_status_as_json_is_the_whole_status(desk: Desk) -> None:
    """A program gets one document with every field, exact numbers as text."""
    code, out, err = trimtab("status", "-d", desk.state_dir, "--json")
    said = json.loads(out)

    assert (Exit.OK, "") == (code, err)
    assert set(STATUS.__struct_fields__) == set(said)
    assert "61800.25" == said["assets"][0]["price"]


def test_status_of_another_version_is_told(desk: Desk) -> None:
    """An answer that this version cannot read is an error, not half a picture."""
    desk.answers["status"] = {"portfolio": "x"}
    code, out, err = trimtab("status", "-d", desk.state_dir)

    assert (Exit.INTERNAL, "") == (code, out)
    assert "not what this version reads" in err


@pytest.mark.parametrize(
    "words", [("status",), ("plan",), ("arm", "x"), ("unwind", "x"), ("flatten",), ("kill",), ("status", "--watch")]
)
def test_no_daemon_is_code_3(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Every verb that needs a daemon says that none runs, on standard error, with one code."""
    code, out, err = trimtab(*words, "-d", tmp_path)

    assert (Exit.NOT_RUNNING, "") == (code, out)
    assert "no daemon listens" in err


def test_an_error_as_json_is_one_document(tmp_path: Path) -> None:
    """With --json an error can be read by a program as well."""
    code, out, err = trimtab("status", "-d", tmp_path, "--json")

    assert (Exit.NOT_RUNNING, "") == (code, err)
    assert {"exit": 3, "code": "not_running"}.items() <= json.loads(out)["error"].items()


@pytest.mark.parametrize(
    ("denied", "code"),
    [("refused", Exit.REFUSED), ("timeout", Exit.UNANSWERED), ("journal", Exit.JOURNAL), ("odd", Exit.REFUSED)],
)
def test_the_daemons_no_has_its_code(desk: Desk, denied: str, code: Exit) -> None:
    """What the daemon denies ends the command with its reason and the code for its kind."""
    desk.answers["unwind"] = Denied(denied, "halted: arm first")
    ended, out, err = trimtab("unwind", "x", "-d", desk.state_dir)

    assert (code, "") == (ended, out)
    assert "halted: arm first" in err


@pytest.mark.parametrize("verb", ["kill", "arm", "unwind"])
def test_a_reason_and_a_name_are_passed_on(desk: Desk, verb: str) -> None:
    """What an operator does is journaled with why and by whom."""
    code, _, _ = trimtab(verb, "the desk is on fire", "-d", desk.state_dir)
    ((asked, args),) = desk.asked

    assert (Exit.OK, verb, "the desk is on fire") == (code, asked, args["reason"])
    assert f"pid {os.getpid()}" in args["by"]


@pytest.mark.parametrize("verb", ["arm", "unwind"])
def test_lifting_and_unwinding_need_a_reason(desk: Desk, verb: str) -> None:
    """Whatever adds risk or takes a hedge away is not done without a reason; a kill needs none."""
    assert Exit.USAGE == trimtab(verb, "-d", desk.state_dir)[0]
    assert [] == desk.asked
    assert Exit.OK == trimtab("kill", "-d", desk.state_dir)[0]


def test_kill_writes_the_file_before_it_asks(desk: Desk) -> None:
    """The file lies there with its reason by the time the daemon is asked, and stays."""
    trimtab("kill", "enough", "-d", desk.state_dir)

    assert "enough" == getattr(killfile.read(desk.state_dir), "reason", "")


def test_kill_without_a_daemon_leaves_the_file(tmp_path: Path) -> None:
    """The next start is killed, and the message says so; the code says that nobody confirmed."""
    code, _, err = trimtab("kill", "enough", "-d", tmp_path)

    assert Exit.NOT_RUNNING == code
    assert killfile.read(tmp_path) is not None
    assert "will not trade until" in err


def test_kill_of_a_hung_daemon_leaves_the_file(tmp_path: Path) -> None:
    """A daemon that does not answer is killed by the file, within the time that was asked for."""
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(socket_path(tmp_path)))
        hung.listen(1)
        code, out, _ = trimtab("kill", "enough", "-d", tmp_path, "--timeout", "0.1", "--json")

    assert (Exit.UNANSWERED, "unanswered", 8) == (code, json.loads(out)["daemon"], json.loads(out)["exit"])
    assert str(killfile.place(tmp_path)) == json.loads(out)["file"]
    assert killfile.read(tmp_path) is not None


def test_kill_still_asks_when_the_file_cannot_be_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk does not stop a kill: the daemon is asked all the same, and the trouble is named."""

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(killfile, "write", full)
    code, out, err = trimtab("kill", "-d", desk.state_dir)

    assert (Exit.OK, ["kill"]) == (code, [verb for verb, _ in desk.asked])
    assert "killed" in out
    assert "No space left" in err


def test_kill_in_the_wrong_place_is_not_taken_for_done(tmp_path: Path) -> None:
    """A state directory that does not exist is not made: nobody would ever read that file."""
    code, _, err = trimtab("kill", "-d", tmp_path / "typo")

    assert Exit.NOT_RUNNING == code
    assert "nothing was done" in err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("verb", ["kill", "status", "pause"])
def test_a_portfolio_has_to_be_named_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The directory above the portfolios' own is nobody's: a kill that went there would stop nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".local" / "state" / "trimtab"
    for name in ("cold", "savings"):
        (place / name).mkdir(parents=True)
        (place / name / "journal-live.sqlite3").touch()
    code, _, err = trimtab(verb)

    assert Exit.NOT_RUNNING == code
    assert "holds the state of cold, savings: name one by --config FILE" in err
    assert killfile.read(place) is None


def test_arm_makes_sure_that_the_file_is_gone(desk: Desk) -> None:
    """The daemon removes the kill file; a file that is back is an error, for the next tick would kill again."""
    trimtab("kill", "-d", desk.state_dir)
    assert Exit.OK == trimtab("arm", "fixed", "-d", desk.state_dir)[0]
    assert killfile.read(desk.state_dir) is None

    killfile.place(desk.state_dir).mkdir()
    desk.answers["arm"] = Denied("internal", "cannot remove it")
    assert Exit.INTERNAL == trimtab("arm", "fixed", "-d", desk.state_dir)[0]


def test_flatten_takes_two_calls(desk: Desk) -> None:
    """The first call sends no nonce and prints how to confirm, with the options that were given; the second does it."""
    code, out, _ = trimtab("flatten", "-d", desk.state_dir)
    assert Exit.OK == code
    assert f"trimtab flatten --confirm abc123 --state-dir {desk.state_dir}" in out

    code, out, _ = trimtab("flatten", "--confirm", "abc123", "-d", desk.state_dir)
    assert "flattening" in out
    assert [None, "abc123"] == [args["confirm"] for _, args in desk.asked]


def test_the_state_directory_is_found(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option counts most, then the environment over the config, then the config, then the default."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    config = elsewhere / "c.yaml"
    example = Path(__file__).resolve().parents[2] / "config" / "neutral.yaml"
    config.write_text(example.read_text(encoding="utf-8") + f"\nstate_dir: {desk.state_dir}\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(elsewhere))

    assert Exit.NOT_RUNNING == trimtab("status")[0]
    assert Exit.OK == trimtab("status", "--config", config)[0]
    monkeypatch.setenv("TRIMTAB_STATE_DIR", str(desk.state_dir))
    assert Exit.OK == trimtab("status")[0]
    assert Exit.NOT_RUNNING == trimtab("status", "--state-dir", elsewhere)[0]
    monkeypatch.setenv("TRIMTAB_STATE_DIR", str(elsewhere))
    assert Exit.NOT_RUNNING == trimtab("status", "--config", config)[0]


def test_watching_a_pipe_prints_a_line_a_change(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody watches, the same state is printed once and a change is printed again; Ctrl-C ends it."""
    looks = iter(["run", "run", "halt"])

    def nap(_: float) -> None:
        mode = next(looks, None)
        if mode is None:
            raise KeyboardInterrupt
        desk.answers["status"] = msgspec.structs.replace(STATUS, mode=mode)

    monkeypatch.setattr("bot.ops.watch.time.sleep", nap)
    code, out, _ = trimtab("status", "--watch", "-d", desk.state_dir)

    assert [["live", "run"], ["live", "halt"]] == [line.split(" ", 1)[1].split("; ")[:2] for line in out.splitlines()]
    assert Exit.INTERRUPTED == code


def test_a_watch_outlives_a_change_of_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon that is away for a moment is waited for, which is said; one that stays away ends the watch."""
    said = iter([STATUS, None, None, msgspec.structs.replace(STATUS, mode="HALT")])

    def look(*_: object) -> object:
        if (status := next(said, None)) is None:
            raise NotRunning(tmp_path)
        return status

    monkeypatch.setattr("bot.ops.watch.status_of", look)
    monkeypatch.setattr("bot.ops.watch.time.sleep", lambda _: None)
    with pytest.raises(NotRunning):
        watch_status(tmp_path, 0.5, 1.0)
    lines = [line.partition("Z ")[2] or line for line in capsys.readouterr().out.splitlines()]

    assert [progress_line(STATUS), AWAY, lines[2], AWAY] == lines
    assert "; halt; " in lines[2]


def test_watching_and_json_exclude_each_other(desk: Desk) -> None:
    """A live view is no document."""
    assert Exit.USAGE == trimtab("status", "--watch", "--json", "-d", desk.state_dir)[0]


def test_a_plan_explains_itself(desk: Desk) -> None:
    """A person sees the derivation, the order that follows, and what a guard would stop."""
    desk.answers["plan"] = PLAN
    code, out, _ = trimtab("plan", "-d", desk.state_dir)

    assert Exit.OK == code
    for words in (
        "sell 1 BTC: holding 1",
        "59,910.00",
        "59,990.50",
        "margin of the accounts",
        "was last heard of too long ago",
    ):
        assert words in out


def test_a_plan_of_nothing_says_so(desk: Desk) -> None:
    """A book in its band needs no order, and the plan says that in words."""
    desk.answers["plan"] = EMPTY

    assert "No order would be sent now." in trimtab("plan", "-d", desk.state_dir)[1]


def test_a_plan_as_json_is_the_daemons_own(desk: Desk) -> None:
    """A program gets what the daemon said, unchanged."""
    desk.answers["plan"] = PLAN

    assert PLAN == json.loads(trimtab("plan", "-d", desk.state_dir, "--json")[1])


@pytest.mark.parametrize("broken", ["limitz: {}", "quote: [", "assets: 7"])
def test_a_broken_config_does_not_stop_a_kill(desk: Desk, tmp_path: Path, broken: str) -> None:
    """A config that somebody is editing still tells where the daemon is, and the daemon is killed; nothing else is."""
    config = tmp_path / "c.yaml"
    config.write_text(f"portfolio: x\nstate_dir: {desk.state_dir}\n{broken}\n", encoding="utf-8")
    assert Exit.USAGE == trimtab("unwind", "x", "-c", config)[0]
    code, _, err = trimtab("kill", "-c", config)

    if broken == "quote: [":
        assert (Exit.USAGE, []) == (code, desk.asked)
    else:
        assert (Exit.OK, ["kill"]) == (code, [verb for verb, _ in desk.asked])
        assert "its state_dir can be read" in err
