"""`check` with a key: the account's findings decide the exit code, and no secret is printed."""

import json
from pathlib import Path

import pytest

from bot.ops.exits import Exit
from bot.runtime import app
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded
from tests.ops.desk import trimtab

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "neutral.yaml"
CANARY = "canaryCANARY0123456789canaryCANARY0123456789"
Line = tuple[str, bool, bool, str]
FINE: Line = ("clock", True, True, "2 ms ahead")
WARNING: Line = ("rate budget", False, False, "half used")
BLOCKING: Line = ("key scope", False, True, "the key may withdraw")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_API_KEY", CANARY)
    monkeypatch.setenv("TRIMTAB_API_SECRET", CANARY)


def check(monkeypatch: pytest.MonkeyPatch, found: tuple[Line, ...] | StartRefused, *words: str) -> tuple[int, str, str]:
    """Run `check` with a pre-flight that finds this."""

    async def preflight(_: Loaded) -> tuple[Line, ...]:
        if isinstance(found, StartRefused):
            raise found
        return found

    monkeypatch.setattr(app, "preflight", preflight)
    return trimtab("check", "--config", EXAMPLE, *words)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ((FINE,), Exit.OK),
        ((FINE, WARNING), Exit.OK),
        ((FINE, WARNING, BLOCKING), Exit.REFUSED),
        (StartRefused("venue", "api.binance.com cannot be reached"), Exit.VENUE),
        (StartRefused("config", "c.yaml:3: no such symbol"), Exit.USAGE),
    ],
)
def test_the_worst_finding_decides(
    monkeypatch: pytest.MonkeyPatch, found: tuple[Line, ...] | StartRefused, code: Exit
) -> None:
    """What would keep live from starting ends the check with that code; a warning does not."""
    ended, out, err = check(monkeypatch, found)
    lines = found.lines if isinstance(found, StartRefused) else [line[3] for line in found]

    assert code == ended
    assert all(line in out for line in lines)
    assert CANARY not in out + err


def test_a_program_gets_every_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON the findings are data."""
    code, out, _ = check(monkeypatch, (FINE, BLOCKING), "--json")
    said = json.loads(out)

    assert (Exit.REFUSED, False, int(Exit.REFUSED)) == (code, said["ok"], said["exit"])
    assert {"subject": "key scope", "ok": False, "blocking": True, "text": BLOCKING[3]} == said["account"][1]


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ((("market", True, True, "BTCUSDT is traded"),), Exit.OK, "BTCUSDT is traded"),
        (StartRefused("venue", "no route to the venue"), Exit.VENUE, "not looked at: no route to the venue"),
        (StartRefused("config", "c.yaml:3: no such symbol"), Exit.USAGE, "c.yaml:3: no such symbol"),
    ],
)
def test_without_a_key_the_market_is_asked(
    monkeypatch: pytest.MonkeyPatch, said: tuple[Line, ...] | StartRefused, code: Exit, words: str
) -> None:
    """What anybody may ask is asked; of a venue that cannot be reached nothing is known, and that has its own code."""

    async def market_check(_: Loaded) -> tuple[Line, ...]:
        if isinstance(said, StartRefused):
            raise said
        return said

    for name in ("TRIMTAB_API_KEY", "TRIMTAB_API_SECRET"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(app, "market_check", market_check)
    ended, out, _ = trimtab("check", "--config", EXAMPLE)

    assert code == ended
    assert words in out
    assert "the account was not looked at: there is no API key" in out


def test_offline_looks_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told so, the account is not looked at even with a key, and that is said."""
    code, out, _ = check(monkeypatch, StartRefused("venue", "never asked"), "--offline")

    assert Exit.OK == code
    assert "not looked at: told not to" in out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("alerts: {sinks: {phone: {url_file: url}}}", "2: alerts.sinks.phone.url_file: "),
        ("alerts: {sinks: {phone: {url_file: nothing}}}", "nothing cannot be read"),
        ("alerts: {sinks: {}, heartbeat: {url_file: nothing}}", "alerts.heartbeat.url_file: "),
        ("chat: {telegram: {token_file: nothing, users: [1]}}", "chat.telegram.token_file: "),
    ],
)
def test_what_would_keep_run_from_telling_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: str, words: str
) -> None:
    """An address that `run` refuses is named by the plain check already, with its line, and nothing is sent."""
    url, config = tmp_path / "url", tmp_path / "c.yaml"
    url.write_text("foo://nobody/serves/this\n")
    url.chmod(0o600)
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    config.write_text("\n".join(["# a line", more, *lines]) + "\n", encoding="utf-8")
    code, out, _ = trimtab("check", "--config", config, "--offline")

    assert Exit.USAGE == code
    assert words in out
    assert "1 problem" in out.splitlines()[-1]
