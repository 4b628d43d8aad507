"""The promises of settings from the environment."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.runtime.environment import RESERVED
from bot.runtime.settings_triggers import BandSettings
from tests.runtime.configs import RIGHT, WEIGHTS, loaded, only_problem, problems


def test_a_variable_overrides_the_file() -> None:
    """What the environment says goes over what the file says."""
    text = RIGHT + "limits: {slippage: 10 bps}\n"

    assert 20 == loaded(text, {"TRIMTAB_LIMITS__SLIPPAGE": "20 bps"}).settings.limits.slippage


def test_a_variable_makes_the_section_that_is_not_there() -> None:
    """A key need not stand in the file to be set."""
    assert "json" == loaded(RIGHT, {"TRIMTAB_LOG__FORMAT": "json"}).settings.log.format


def test_items_of_lists_and_coins_are_reached() -> None:
    """Targets are numbered from 0, and coins are found although variables are in capitals anyway."""
    environ = {"TRIMTAB_TARGETS__0__BAND__TRIGGER": "2 %", "TRIMTAB_ASSETS__BTC__DECLARED": "1.5"}
    settings = loaded(RIGHT, environ).settings

    band = settings.targets[0].band
    assert isinstance(band, BandSettings)
    assert 2 == band.trigger.value
    assert Decimal("1.5") == settings.assets["BTC"].declared.value


def test_a_whole_section_may_be_set() -> None:
    """A value may be a section in YAML's short form, as host names cannot stand in a variable's name."""
    weights = {"TRIMTAB_TARGETS__0__WEIGHTS": "{BTC: 50 %, ETH: 30 %}"}

    assert {"BTC": Decimal("0.5"), "ETH": Decimal("0.3")} == loaded(WEIGHTS, weights).settings.targets[0].weights  # type: ignore[union-attr]


def test_a_new_coin_is_written_in_capitals() -> None:
    """A coin that the file does not have is a coin all the same."""
    environ = {"TRIMTAB_ASSETS__SOL__DECLARED": "3"}

    assert 3 == loaded(RIGHT, environ).settings.assets["SOL"].declared.value


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "TRIMTAB_LIMITS__SLIPPAGE",
            "20",
            "TRIMTAB_LIMITS__SLIPPAGE: limits.slippage: value '20': a number without a unit; allowed: 1 bps to 500 bps",
        ),
        (
            "TRIMTAB_LIMTS__SLIPPAGE",
            "20 bps",
            (
                "TRIMTAB_LIMTS__SLIPPAGE: limts: unknown key; allowed: portfolio, venue, quote, reporting, "
                "state_dir, assets, "
                "targets, peg, budgets, routing, statistics, holdings, limits, intervals, exchange, credentials, "
                "paper, log, "
                "alerts, chat, web, health, journal; "
                "did you mean 'limits'?"
            ),
        ),
        (
            "TRIMTAB_TARGETS__7__NAME",
            "x",
            "TRIMTAB_TARGETS__7__NAME: targets.7.name: there is no such place in the config to override",
        ),
        (
            "TRIMTAB_PORTFOLIO__NAME",
            "x",
            "TRIMTAB_PORTFOLIO__NAME: portfolio.name: there is no such place in the config to override",
        ),
        (
            "TRIMTAB_",
            "x",
            (
                "TRIMTAB_: value 'x': unknown key; allowed: portfolio, venue, quote, reporting, state_dir, assets, "
                "targets, peg, budgets, routing, statistics, holdings, limits, intervals, exchange, credentials, "
                "paper, log, "
                "alerts, chat, web, health, journal"
            ),
        ),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, line: str) -> None:
    """A misspelt variable is an error with its own name in it, not a silence."""
    assert line == only_problem(RIGHT, {name: value})


def test_secrets_and_switches_are_no_settings() -> None:
    """What is read elsewhere under the same prefix is left alone."""
    environ = dict.fromkeys(RESERVED, "something")

    assert loaded(RIGHT).settings == loaded(RIGHT, environ).settings


def test_a_secret_under_a_misspelt_name_is_not_shown() -> None:
    """A key in a variable of a wrong name is an unknown key, and its value stays unsaid."""
    found = "\n".join(
        map(str, problems(RIGHT, {"TRIMTAB_APIKEY": "canary-value", "TRIMTAB_API_SECRETS": "canary-value"}))
    )

    assert "TRIMTAB_APIKEY" in found
    assert "canary" not in found


def test_sleeves_and_sides_are_keyed_by_coins() -> None:
    """A coin that is set by a variable's name is written in capitals, whatever it belongs to."""
    settings = loaded(RIGHT, {"TRIMTAB_TARGETS__0__OWNS__BTC": "1.5"}).settings

    assert {"BTC": Decimal("1.5")} == {coin: amount.value for coin, amount in settings.targets[0].owns.items()}
