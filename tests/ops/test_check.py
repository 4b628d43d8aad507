"""The promises of `trimtab check`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bot.ops.check import check_config
from bot.runtime.redact import Redactor
from tests.runtime.configs import RIGHT, WEIGHTS

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "K3y" * 10, "S3cr3t" * 8
ENVIRON = {"TRIMTAB_API_KEY": KEY, "TRIMTAB_API_SECRET": SECRET}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A right config in a file."""
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    return path


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
        (
            "target core: BTC 60 %, ETH 40 % of net asset value less 20000 USDT, full rebalance; "
            "a hedge starts beyond 5 pp and ends at 0 pp"
        ),
        "an order: at most 25000 USDT, within 15 bps of the mid; a position: at most 250000 USDT",
        "after an order the margin ratio is at most 50 %, and it survives a move of all prices by 15 %",
        "nobody watches the peg of USDT: peg.references names nothing, so a loss is yours to notice",
    ) == report.summary[1:]


def test_a_summary_says_who_watches_the_peg_and_what_is_off(config: Path) -> None:
    """The references by name; a distance of zero is said to be off."""
    text = f"{WEIGHTS}\npeg: {{references: [spot:USDCUSDT, spot:FDUSDUSDT]}}\nlimits: {{stress_distance: 0}}\n"
    config.write_text(text, encoding="utf-8")
    report, _ = check_config(config, {})

    assert (
        "after an order the margin ratio is at most 50 %; no distance to liquidation is asked for",
        "the peg of USDT is watched by spot:USDCUSDT, spot:FDUSDUSDT; beyond 150 bps no order adds risk",
    ) == report.summary[-2:]


def test_a_wrong_config_is_reported_whole(config: Path) -> None:
    """Every problem is in the report, and the report has a JSON form for programs."""
    config.write_text(RIGHT + "limits: {slippage: 15, quote_age: 2}\nfoo: 1\n", encoding="utf-8")
    report, loaded = check_config(config, {})
    decoded = msgspec.json.decode(msgspec.json.encode(report))

    assert (False, None) == (report.ok, loaded)
    assert ["limits.slippage", "limits.quote_age", "foo"] == [problem["key"] for problem in decoded["problems"]]


def test_a_missing_key_is_no_problem(config: Path) -> None:
    """A config can be checked on any machine, and observed without a key."""
    report, _ = check_config(config, {})

    assert (True, None) == (report.ok, report.credentials)
    assert "the environment" == check_config(config, ENVIRON)[0].credentials


def test_a_key_that_may_not_be_used_is_a_problem(config: Path) -> None:
    """A key file that others can read fails the check, and so does half a pair."""
    key = config.parent / "key"
    key.write_text(KEY, encoding="ascii")
    key.chmod(0o644)
    config.write_text(RIGHT + "credentials: {api_key_file: key, api_secret_file: key}\n", encoding="utf-8")

    assert "c.yaml:10: credentials:" in str(check_config(config, {})[0].problems[0])
    assert "may be read by others (mode 0644); do: chmod 600" in str(check_config(config, {})[0].problems[0])
    assert not check_config(config, {"TRIMTAB_API_KEY": KEY})[0].ok


def test_the_key_is_known_to_the_redactor(config: Path) -> None:
    """Whoever prints after the check can have its texts redacted."""
    redactor = Redactor()
    check_config(config, ENVIRON, redactor)

    assert SECRET not in redactor.text(SECRET)
