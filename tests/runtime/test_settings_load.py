"""The promises of loading a config: strict, exact, and everything that is wrong said at once, at its line."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.domain.units import SECOND_NS
from bot.runtime.problems import ConfigError
from bot.runtime.settings_load import FILE_BYTES_MAX, load
from bot.runtime.settings_targets import NeutralTarget
from tests.runtime.configs import RIGHT, WEIGHTS, changed, loaded, only_problem, problems, with_limit

CANARY = "q8Zr3Tn6Wp1Lx5Kc9Vb2Mh7Jd4Gf0SaYtEuRiOaPsDfGhJkL"


def test_a_short_config_is_enough() -> None:
    """A portfolio, its coins and a target say everything: the rest has defaults."""
    settings = loaded().settings

    assert "main" == settings.portfolio
    assert isinstance(settings.targets[0], NeutralTarget)
    assert ("binance", "USDT") == (settings.venue, settings.quote)
    assert 2 * SECOND_NS == settings.limits.quote_age


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """A person mends a config in one go: no problem hides another, whatever its kind."""
    text = """\
portfolio: Main
qoute: USDT
assets:
  BTC: {hedge: spot:BTCUSDT}
targets:
  - {name: a, kind: neutral, assets: [BTC, ETH], band: {trigger: 1, destination: 2 %}}
  - {name: a, kind: ratoi, assets: [BTC], band: {trigger: 1 %, destination: 0 %}}
limits:
  slippage: 40 bps
  quote_age: 2
  mark_age: 5 s
  mark_age: 6 s
"""
    found = problems(text)

    assert [1, 2, 4, 6, 6, 7, 7, 9, 10, 12] == [problem.line for problem in found]
    assert len(found) == len(set(map(str, found)))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            changed("assets: [BTC, ETH]", "asets: [BTC, ETH]\n    assets: [BTC, ETH]"),
            (
                "c.yaml:8: targets[0].asets: unknown key; allowed: name, band, when, until, owns, cap, kind, assets; "
                "did you mean 'assets'?"
            ),
        ),
        (
            with_limit("slipage: 15 bps"),
            (
                "c.yaml:11: limits.slipage: value '15 bps': unknown key; allowed: slippage, flatten_slippage, "
                "collar_mid, collar_mark, price_deviation, order_notional, position_notional, margin_ratio, "
                "stress_distance, quote_age, mark_age, account_age, reducing_quote_age, clock_offset, "
                "orders_per_minute, rejects_in_row, ack_timeout, recv_window, venue_delay, evidence_gap, replica_lag, "
                "balance_step, "
                "unknown_alert, unknown_halt, naked_exposure; did you mean 'slippage'?"
            ),
        ),
        (
            with_limit("slippage: 15"),
            "c.yaml:11: limits.slippage: value '15': a number without a unit; allowed: 1 bps to 500 bps",
        ),
        (
            with_limit("slippage: 15 s"),
            "c.yaml:11: limits.slippage: value '15 s': 's' is not a unit of this; allowed: 1 bps to 500 bps",
        ),
        (
            with_limit("quote_age: 2 seconds"),
            (
                "c.yaml:11: limits.quote_age: value '2 seconds': 'seconds' is not a unit of this; allowed: 50 ms to "
                "30 s; did you mean '2 s'?"
            ),
        ),
        (
            with_limit("quote_age: 1 h"),
            "c.yaml:11: limits.quote_age: value '1 h': out of range; allowed: 50 ms to 30 s",
        ),
        (
            with_limit("slippage: -1 bps"),
            "c.yaml:11: limits.slippage: value '-1 bps': negative; allowed: 1 bps to 500 bps",
        ),
        (
            with_limit("orders_per_minute: 2.5"),
            "c.yaml:11: limits.orders_per_minute: value '2.5': not a whole number; allowed: 1 to 600",
        ),
        (
            with_limit("orders_per_minute: true"),
            "c.yaml:11: limits.orders_per_minute: value 'True': not a number with a unit; allowed: 1 to 600",
        ),
        (
            with_limit("order_notional: 25,000 USDT"),
            (
                "c.yaml:11: limits.order_notional: value '25,000 USDT': not a number with a unit; write it without "
                "commas; allowed: an amount in the quote currency, above 0"
            ),
        ),
        (
            changed("portfolio: main", "portfolio: Main Book"),
            "c.yaml:1: portfolio: value 'Main Book': not of the allowed form; allowed: up to 32 of a-z, 0-9, - and _",
        ),
        (
            changed("portfolio: main\n", ""),
            "c.yaml:1: portfolio: required, and not there; allowed: up to 32 of a-z, 0-9, - and _",
        ),
        (
            changed("kind: neutral", "kind: nuetral"),
            (
                "c.yaml:7: targets[0].kind: value 'nuetral': not one of the choices; allowed: neutral, ratio, weights, "
                "tilt, cash_hedge, leverage, proxy, index, risk_parity, unwind, convert_to_spot; did you mean "
                "'neutral'?"
            ),
        ),
        (
            changed("    kind: neutral\n", ""),
            (
                "c.yaml:6: targets[0].kind: required, and not there; allowed: neutral, ratio, weights, tilt, "
                "cash_hedge, "
                "leverage, proxy, index, risk_parity, unwind, convert_to_spot"
            ),
        ),
        (
            changed("  BTC: {}", "  BTC: {pricing: spot:btc/usdt}"),
            (
                "c.yaml:3: assets.BTC.pricing: value 'spot:btc/usdt': not an instrument; allowed: spot:SYMBOL or "
                "usdm:SYMBOL; did you mean 'spot:BTCUSDT'?"
            ),
        ),
        (
            changed("assets: [BTC, ETH]", "assets: BTC"),
            (
                "c.yaml:8: targets[0].assets: value 'BTC': not a list; allowed: a list, as [BTC, ETH] or lines that "
                "start with '- '"
            ),
        ),
        (
            RIGHT + "limits: 3\n",
            "c.yaml:10: limits: value '3': not a section; allowed: keys with their values below it",
        ),
        (
            RIGHT + "venue: binanse\n",
            (
                "c.yaml:10: venue: value 'binanse': not one of the choices; allowed: binance, bybit; "
                "did you mean 'binance'?"
            ),
        ),
    ],
)
def test_each_problem_names_line_value_what_is_allowed_and_what_was_meant(text: str, line: str) -> None:
    """A problem is one line that a person can act on without the manual."""
    assert line == only_problem(text)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: [", 1, "not YAML: "),
        ("a: 1\n\tb: 2", 2, "not YAML: "),
        ("a: 1\nb: \x00", 2, "not YAML: the character U+0000 is not allowed"),
        ("a: &x [*x, *x]", 1, "too large"),
        ("portfolio: !!python/object:os.system x", 1, "is not supported"),
        ("", 1, "empty; allowed: the keys portfolio, venue"),
        ("- 1\n", 1, "not a section"),
        ("[" * 3_000, 1, "too large"),
        ("portfolio: main\nportfolio: other\n", 2, "a second time; the first is in line 1"),
    ],
)
def test_what_is_no_config_is_refused_with_its_line(text: str, line: int, part: str) -> None:
    """Broken, hostile and empty files end in a line, never in a traceback or an endless expansion."""
    found = next(problem for problem in problems(text) if part in str(problem))

    assert line == found.line


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    """A missing file, a folder, other encodings and huge files are said to be that."""
    latin, huge = tmp_path / "latin.yaml", tmp_path / "huge.yaml"
    latin.write_bytes(b"portfolio: main\n# caf\xe9\n")
    huge.write_bytes(b"#" * (FILE_BYTES_MAX + 1))

    for path, part in (
        (tmp_path / "none.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (latin, "latin.yaml:2: not UTF-8 text"),
        (huge, "larger than"),
    ):
        with pytest.raises(ConfigError, match=part):
            load(path, {})


def test_numbers_are_exact() -> None:
    """A number in the file is the number that counts: no float stands between."""
    text = changed("  BTC: {}", "  BTC: {declared: 0.1234567890123456789}")

    assert Decimal("0.1234567890123456789") == loaded(text).settings.assets["BTC"].declared.value


@pytest.mark.parametrize("value", ["1e999999999", "9" * 60, "nan", ".inf", "0x10", "1e99"])
def test_numbers_that_cannot_be_meant_are_refused(value: str) -> None:
    """No number can be so large that reading it costs more than reading it."""
    assert "assets.BTC.declared" in only_problem(changed("  BTC: {}", f"  BTC: {{declared: {value}}}"))


def test_words_of_other_yaml_versions_stay_words() -> None:
    """`on` is a word and 12:30 no number: a name that looks like a switch stays a name."""
    assert "on" == loaded(changed("portfolio: main", "portfolio: on")).settings.portfolio


def test_relative_paths_start_at_the_config(tmp_path: Path) -> None:
    """A config and what it names can be moved together."""
    (tmp_path / "c.yaml").write_text(RIGHT + "state_dir: state\n", encoding="utf-8")

    assert tmp_path / "state" == load(tmp_path / "c.yaml", {}).settings.state_dir


def test_a_secret_in_the_config_is_refused_and_not_shown() -> None:
    """Whoever pastes a key into the file is told so, and the key is not repeated on the screen."""
    found = "\n".join(map(str, problems(f"{RIGHT}api_secret: {CANARY}\nnotes: {CANARY}\nlog: {{level: {CANARY}}}\n")))

    assert "secrets do not belong into a config" in found
    assert all(CANARY[at : at + 12] not in found for at in range(len(CANARY) - 11))


def test_a_problem_stays_one_line() -> None:
    """A value cannot fake a second line of the report, nor steer the terminal."""
    found = problems(changed("portfolio: main", 'portfolio: "a\\nOK: all fine\\e[31m"'))

    assert "c.yaml:1: portfolio: value 'a\\nOK: all fine\\x1b[31m': not of the allowed form" in str(found[0])
    assert 1 == len(str(found[0]).splitlines())


def test_problems_have_a_json_form() -> None:
    """A program reads the same: place, line, key, value, what, allowed, meant."""
    with pytest.raises(ConfigError) as caught:
        loaded(RIGHT + "venue: binanse\n")

    assert [
        {
            "place": "c.yaml",
            "line": 10,
            "key": "venue",
            "value": "'binanse'",
            "what": "not one of the choices",
            "allowed": "binance, bybit",
            "meant": "binance",
        }
    ] == msgspec.json.decode(caught.value.as_json())


def test_settings_do_not_load_an_exchange_library() -> None:
    """The tools that only read a config stay quick and small."""
    code = (
        "import sys, bot.runtime.settings, bot.runtime.settings_load, bot.runtime.portfolio, bot.ops.schema\n"
        "print([m for m in ('ccxt', 'aiohttp', 'picows', 'structlog') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "[]" == done.stdout.strip()


def test_weights_load() -> None:
    """Weights may be written in per cent, and their base has a default."""
    target = loaded(WEIGHTS).settings.targets[0]

    assert {"BTC": Decimal("0.6"), "ETH": Decimal("0.4")} == target.weights  # type: ignore[union-attr]
