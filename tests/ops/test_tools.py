"""The verbs that need no daemon: check, schema, journal, simex, run's refusals, and the command itself."""

import json
from pathlib import Path

import pytest

from bot import __version__
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Stamp
from bot.ops.exits import Exit
from bot.ops.journals import difference_told
from bot.runtime.steps import Difference, ReplayResult
from tests.journal.helpers import tampered
from tests.ops.desk import desk_at, trimtab

pytestmark = pytest.mark.usefixtures("no_settings")

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "neutral.yaml"
VERBS = "arm check demo flatten journal kill plan run schema simex status unwind".split()


def config_at(folder: Path, more: str = "") -> Path:
    """The example config with its state in a folder."""
    path = folder / "config.yaml"
    path.write_text(f"{EXAMPLE.read_text(encoding='utf-8')}\nstate_dir: {folder}\n{more}", encoding="utf-8")
    return path


def journal_at(folder: Path, name: str = "journal-live.sqlite3") -> Path:
    """A journal of three records."""
    path = folder / name
    with SqliteJournal.open(path, Stamp("live", "me"), lambda: 1, lambda _: None) as opened:
        for number in range(3):
            opened.append("Note", json.dumps({"n": number}).encode(), number)
    return path


def test_help_names_every_verb() -> None:
    """A stranger finds every verb, and where the exit codes are explained."""
    code, out, _ = trimtab("--help")

    assert Exit.OK == code
    assert [] == [verb for verb in VERBS if f" {verb} " not in out]
    assert "docs/exit-codes.md" in out


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "simex"])
def test_every_verb_explains_itself(verb: str) -> None:
    """Each verb has its own help."""
    code, out, _ = trimtab(verb, "--help")

    assert Exit.OK == code
    assert "Usage: " in out


def test_the_help_of_init_shows_every_default() -> None:
    """What is taken where nothing is given stands beside its option."""
    shown = trimtab("init", "--help")[1]

    assert [] == [word for word in ("savings", "BTC,ETH", "neutral", "none") if f"[default: ({word})]" not in shown]


def test_the_version_is_printed() -> None:
    """One line, with the version of the package."""
    assert (0, f"trimtab {__version__}\n", "") == trimtab("--version")


@pytest.mark.parametrize(
    "words", [("nonsense",), ("status", "--nonsense"), ("run",), ("check",), ("kill", "--timeout", "0")]
)
def test_a_wrong_command_line_is_code_2(words: tuple[str, ...]) -> None:
    """A misspelt verb or option and a missing one end with the usage code."""
    assert Exit.USAGE == trimtab(*words)[0]


def test_a_good_config_is_put_into_words(tmp_path: Path) -> None:
    """Offline the config alone is judged, and it is said that nothing else was looked at."""
    code, out, _ = trimtab("check", "--offline", "--config", config_at(tmp_path))

    assert Exit.OK == code
    assert "BTC, ETH delta-neutral" in out
    assert "the account was not looked at: told not to" in out


def test_a_bad_config_has_every_problem_named(tmp_path: Path) -> None:
    """All errors at once, a line each with file and line; every verb that reads the config ends the same way."""
    path = config_at(tmp_path, "limitz: {}\nquote: EUR\n")
    code, out, _ = trimtab("check", "--config", path)

    assert Exit.USAGE == code
    assert [f"{path}:", f"{path}:"] == [line[: len(f"{path}:")] for line in out.splitlines()[:2]]
    assert "2 problems" in out
    for words in (("run", "--config", path), ("status", "--config", path), ("journal", "verify", path)):
        code, out, err = trimtab(*words)
        assert (Exit.USAGE, "") == (code, out)
        assert 2 == err.count(f"{path}:") - err.count(f"trimtab: {path}:")


def test_a_bad_config_as_json_is_one_document(tmp_path: Path) -> None:
    """A program gets the problems as data."""
    code, out, _ = trimtab("check", "--json", "--config", config_at(tmp_path, "limitz: {}\n"))
    said = json.loads(out)

    assert (Exit.USAGE, False, 2) == (code, said["ok"], said["exit"])
    assert "limitz" == said["config"]["problems"][0]["key"]


def test_the_schema_is_a_json_schema() -> None:
    """The document says which dialect it is written in and knows the config's keys."""
    code, out, _ = trimtab("schema")

    assert Exit.OK == code
    assert {"portfolio", "assets", "targets", "limits"} <= set(json.loads(out)["properties"])


def test_live_needs_its_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at a terminal and no variable, or one of another portfolio: refused before anything is opened."""
    config = config_at(tmp_path)

    assert Exit.REFUSED == trimtab("run", "--live", "--config", config)[0]
    monkeypatch.setenv("TRIMTAB_CONFIRM_LIVE", "another")
    code, _, err = trimtab("run", "--live", "--config", config)
    assert Exit.REFUSED == code
    assert "portfolio's name, 'neutral'" in err
    assert [config] == list(tmp_path.iterdir())


def test_the_ways_to_run_exclude_each_other(tmp_path: Path) -> None:
    """Two ways at once is a mistake, not a choice for us to make."""
    assert Exit.USAGE == trimtab("run", "--live", "--observe", "--config", config_at(tmp_path))[0]


def test_a_whole_journal_is_whole(tmp_path: Path) -> None:
    """A journal is found by its path, its state directory or its config, and its chain is walked."""
    path = journal_at(tmp_path)
    config = config_at(tmp_path)

    for target in (path, tmp_path, config):
        code, out, _ = trimtab("journal", "verify", target)
        assert Exit.OK == code
        assert out.startswith("whole: 3 records (1 to 3)")
    assert json.loads(trimtab("journal", "verify", "--json", path)[1])["result"]["ok"]


def test_a_broken_journal_is_code_6(tmp_path: Path) -> None:
    """A file that is no journal, and one that is not there, end with the journal's code."""
    path = journal_at(tmp_path)
    content = path.read_bytes()
    place = content.index(b'{"n": 1}')
    path.write_bytes(content[:place] + b'{"n": 7}' + content[place + 8 :])
    code, out, _ = trimtab("journal", "verify", path)

    assert Exit.JOURNAL == code
    assert "BROKEN at record 2" in out
    for target in (tmp_path / "nothing", tmp_path / "nowhere.sqlite3"):
        assert Exit.JOURNAL == trimtab("journal", "verify", target)[0]


def test_several_journals_must_be_told_apart(tmp_path: Path) -> None:
    """A state directory that was used in two ways has two journals: the message names them."""
    for way in ("live", "dry-run"):
        journal_at(tmp_path, f"journal-{way}.sqlite3")
    code, _, err = trimtab("journal", "verify", tmp_path)

    assert Exit.USAGE == code
    assert "journal-dry-run.sqlite3, journal-live.sqlite3" in err


def test_a_journal_is_found_as_a_daemon_is(tmp_path: Path) -> None:
    """By --config or --state-dir, as for every other verb; a path beside one of them is refused."""
    place = tmp_path / "state"
    place.mkdir()
    path, config = journal_at(place), config_at(place)

    for words in (("-c", config), ("-d", place), (config,), (place,), (path,)):
        assert Exit.OK == trimtab("journal", "verify", *words)[0]
    assert Exit.USAGE == trimtab("journal", "verify", path, "-d", place)[0]
    assert Exit.OK == trimtab("journal", "backup", tmp_path / "one", "-c", config)[0]
    assert Exit.OK == trimtab("journal", "restore", tmp_path / "one", "-c", config)[0]


def test_what_is_not_whole_is_not_replayed(tmp_path: Path) -> None:
    """A replay of a damaged journal would prove nothing: it ends as the walk of its chain does."""
    path = journal_at(tmp_path)
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 2")
    code, out, err = trimtab("journal", "replay", path)

    assert (Exit.JOURNAL, "") == (code, out)
    assert "BROKEN at record 2" in err


def test_an_export_is_a_line_a_record(tmp_path: Path) -> None:
    """To standard output or to a new private file; a file that is there is not overwritten."""
    path, target = journal_at(tmp_path), tmp_path / "out.jsonl"
    code, _, _ = trimtab("journal", "export", path, "--after", "1", "--output", target)

    assert Exit.OK == code
    assert [2, 3] == [json.loads(line)["seq"] for line in target.read_text(encoding="utf-8").splitlines()]
    assert 0o600 == target.stat().st_mode & 0o777
    assert Exit.USAGE == trimtab("journal", "export", path, "--output", target)[0]
    assert 3 == len(trimtab("journal", "export", path)[1].splitlines())


def test_an_export_of_a_broken_journal_is_code_6(tmp_path: Path) -> None:
    """Everything that is left is written, and the message names the record at which it broke."""
    path = journal_at(tmp_path)
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 2")
    code, out, err = trimtab("journal", "export", path)

    assert (Exit.JOURNAL, 3) == (code, len(out.splitlines()))
    assert "BROKEN at record 2" in err


def test_a_backup_is_made_and_put_back(tmp_path: Path) -> None:
    """One file, verified, that replaces nothing; put back, what stood in its place is kept and named."""
    path, target = journal_at(tmp_path), tmp_path / "backups" / "one"
    target.parent.mkdir()
    made = json.loads(trimtab("journal", "backup", target, tmp_path, "--json")[1])["backup"]
    again, _, err = trimtab("journal", "backup", target, tmp_path)
    code, out, _ = trimtab("journal", "restore", target, tmp_path)

    assert (str(target), 3) == (made["path"], made["last_seq"])
    assert (Exit.JOURNAL, Exit.OK) == (again, code)
    assert "replaces nothing" in err
    assert f"what stood there is kept in {path}.replaced-" in out
    assert json.loads(trimtab("journal", "verify", "--json", path)[1])["result"]["ok"]
    assert Exit.JOURNAL == trimtab("journal", "restore", tmp_path / "nothing", tmp_path)[0]


def test_there_is_nothing_to_accept_in_what_no_engine_wrote(tmp_path: Path) -> None:
    """Steps that cannot be read are not taken over."""
    code, _, err = trimtab("journal", "accept", journal_at(tmp_path))

    assert Exit.JOURNAL == code
    assert "cannot be read" in err


def test_a_journal_that_cannot_be_replayed_is_code_6(tmp_path: Path) -> None:
    """Records that are no steps of the engine are told as such, not as a traceback."""
    code, _, err = trimtab("journal", "replay", journal_at(tmp_path))

    assert Exit.JOURNAL == code
    assert "cannot be replayed" in err


def test_a_difference_is_shown_where_it_is() -> None:
    """The message names the record and shows the place, not two pages of commands."""
    difference = Difference(17, "a" * 500 + "sell" + "b" * 500, "a" * 500 + "buy" + "b" * 500)
    told = difference_told(ReplayResult(ok=False, steps=17, commands=1, difference=difference))

    assert told.startswith("record 17 replays differently: recorded ...aaa")
    assert "asell" in told
    assert "abuy" in told
    assert len(told) < 500


def test_simex_gets_its_own_arguments() -> None:
    """Whatever follows `simex` is for the simulated exchange, its help included."""
    code, out, _ = trimtab("simex", "--help")

    assert Exit.OK == code
    assert "--replay" in out


def test_the_default_state_directory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without option, config or variable the daemon of the default state directory is asked."""
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".local" / "state" / "trimtab"
    with desk_at(place) as desk:
        assert Exit.OK == trimtab("kill")[0]

    assert ["kill"] == [verb for verb, _ in desk.asked]
