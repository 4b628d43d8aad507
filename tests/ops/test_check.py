"""The promises of `trimtab check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from bot.ops import check as module
from bot.ops.check import check_config
from bot.runtime.redact import Redactor
from bot.runtime.refusal import StartRefused
from tests.runtime.configs import RIGHT, WEIGHTS

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "K3y" * 10, "S3cr3t" * 8
ENVIRON = {"TRIMTAB_API_KEY": KEY, "TRIMTAB_API_SECRET": SECRET}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A right config in a file."""
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    return path


def run(path: Path, *options: str, env: dict[str, str] | None = None) -> Result:
    """`trimtab check` on a file."""
    from bot.ops.cli import app

    nothing = dict.fromkeys(ENVIRON)
    return CliRunner().invoke(app, ["check", "--config", str(path), *options], env={**nothing, **(env or {})})


@pytest.mark.parametrize("name", ["neutral.yaml", "weights-60-40.yaml", "example.yaml"])
def test_the_examples_are_right(name: str) -> None:
    """Every config that we hand out can be used as it is."""
    report, loaded = check_config(ROOT / "config" / name, {})

    assert () == report.problems
    assert loaded is not None


def test_the_summary_says_what_is_asked_for(config: Path) -> None:
    """A person reads in words what the file means."""
    config.write_text(WEIGHTS, encoding="utf-8")
    report, _ = check_config(config, {"TRIMTAB_ASSETS__BTC__DECLARED": "0.5"})

    assert (
        "BTC: priced by spot:BTCUSDT, hedged with usdm:BTCUSDT, 0.5 declared",
        "ETH: priced by spot:ETHUSDT, hedged with usdm:ETHUSDT",
        "target core: BTC 60 %, ETH 40 % of net asset value less 20000 USDT, full rebalance; "
        "a hedge starts beyond 5 pp and ends at 0 pp",
        "an order: at most 25000 USDT, within 15 bps of the mid; a position: at most 250000 USDT",
    ) == report.summary[1:]


def test_a_wrong_config_ends_with_every_problem(config: Path) -> None:
    """All problems are printed, a line each, and the exit code is that of a wrong config."""
    config.write_text(RIGHT + "limits: {slippage: 15, quote_age: 2}\nfoo: 1\n", encoding="utf-8")
    done = run(config)

    assert 2 == done.exit_code
    assert ["limits.slippage", "limits.quote_age", "foo"] == [
        line.split(": ")[1] for line in done.stderr.splitlines()[:3]
    ]
    assert "3 problems, nothing was done" in done.stderr.splitlines()[3]


def test_the_json_holds_the_same(config: Path) -> None:
    """A program gets the problems with file, line, key, value and what is allowed."""
    config.write_text(RIGHT + "limits: {slippage: 15}\n", encoding="utf-8")
    done = run(config, "--json")
    [problem] = json.loads(done.stdout)["error"]["details"]

    assert 2 == done.exit_code
    assert (str(config), 10, "limits.slippage", "'15'", "1 bps to 500 bps") == tuple(
        problem[key] for key in ("place", "line", "key", "value", "allowed")
    )


def test_without_a_key_the_account_is_left_alone(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config can be checked on any machine: no key, no network."""
    monkeypatch.setattr(module, "_account", lambda loaded: pytest.fail("the account was looked at"))
    done = run(config)

    assert 0 == done.exit_code
    assert "key: none found" in done.stdout


def test_a_key_that_may_not_be_used_is_a_problem(config: Path) -> None:
    """A key file that others can read fails the check, and so does half a pair."""
    key = config.parent / "key"
    key.write_text(KEY, encoding="ascii")
    key.chmod(0o644)
    config.write_text(RIGHT + "credentials: {api_key_file: key, api_secret_file: key}\n", encoding="utf-8")

    assert "c.yaml:10: credentials:" in str(check_config(config, {})[0].problems[0])
    assert "may be read by others (mode 0644); do: chmod 600" in str(check_config(config, {})[0].problems[0])
    assert not check_config(config, {"TRIMTAB_API_KEY": KEY})[0].ok


def findings(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, bool, bool, str]) -> None:
    """The account is found to be so."""

    async def preflight(loaded: Any) -> tuple[tuple[str, bool, bool, str], ...]:
        return found

    monkeypatch.setattr("bot.runtime.app.preflight", preflight)


def test_with_a_key_the_account_is_checked(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would keep live from starting fails the check; what is only unwise is said."""
    findings(monkeypatch, ("clock", True, True, "3 ms"), ("ip", False, False, "no IP allow-list"))
    fine = run(config, env=ENVIRON)
    findings(monkeypatch, ("scope", False, True, "the key can withdraw"))
    bad = run(config, env=ENVIRON)

    assert 0 == fine.exit_code
    assert ["key: from the environment", "ok       clock: 3 ms", "warning  ip: no IP allow-list"] == (
        fine.stdout.splitlines()[-3:]
    )
    assert 4 == bad.exit_code
    assert "REFUSED  scope: the key can withdraw" in bad.stdout
    assert "live would refuse to start: scope" in bad.stderr


@pytest.mark.parametrize(("kind", "code"), [("venue", 5), ("config", 2), ("refused", 4)])
def test_what_stops_the_preflight_has_its_exit_code(
    config: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, code: int
) -> None:
    """An unreachable venue, a config that does not fit it, and a refusal are told apart by scripts."""

    async def preflight(loaded: Any) -> None:
        raise StartRefused(kind, "first line", "second line")

    monkeypatch.setattr("bot.runtime.app.preflight", preflight)
    done = run(config, env=ENVIRON)

    assert code == done.exit_code
    assert ["second line", "trimtab: first line"] == done.stderr.splitlines()


def test_the_key_is_known_to_the_redactor(config: Path) -> None:
    """Whoever prints after the check can have its texts redacted."""
    redactor = Redactor()
    check_config(config, ENVIRON, redactor)

    assert SECRET not in redactor.text(SECRET)
