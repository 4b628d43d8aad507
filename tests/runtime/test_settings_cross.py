"""The promises of what must fit together in a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.runtime.settings_triggers import BandSettings
from tests.runtime.configs import RIGHT, WEIGHTS, changed, loaded, only_problem, problems, with_limit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            changed("assets: [BTC, ETH]", "assets: [BTC, ETC]"),
            (
                "c.yaml:8: targets[0].assets[1]: value 'ETC': ETC has no entry under assets, so nothing says how to "
                "price and hedge it; allowed: BTC, ETH; did you mean 'ETH'?"
            ),
        ),
        (
            changed("  BTC: {}", "  BTC: {held_as: {ETH: 1}}"),
            "assets.BTC.held_as.ETH: value '1': ETH counts by itself; allowed: a coin that has no entry of its own",
        ),
        (
            changed("  ETH: {}", "  ETH: {held_as: {USDT: 1}}"),
            "assets.ETH.held_as.USDT: value '1': USDT counts by itself",
        ),
        (
            changed("  BTC: {}\n  ETH: {}", "  BTC: {held_as: {WBTC: 1}}\n  ETH: {held_as: {WBTC: 1}}"),
            "assets.ETH.held_as.WBTC: value '1': WBTC counts as BTC already; allowed: each coin once",
        ),
        (
            changed("  ETH: {}", "  ETH: {held_as: {STETH: 0}}"),
            "assets.ETH.held_as.STETH: value '0'",
        ),
        (
            changed("name: neutral", "name: unwind"),
            "targets[0].name: value 'unwind': what closing every hedge is called; allowed: another name",
        ),
        (
            changed("assets: [BTC, ETH]", "assets: [BTC, BTC]"),
            "targets[0].assets[1]: value 'BTC': BTC stands in the list already; allowed: each coin once",
        ),
        (
            RIGHT + "  - {name: two, kind: ratio, ratio: 0.5, assets: [ETH], band: {trigger: 1 %, destination: 0 %}}\n",
            "c.yaml:10: targets[1].assets[0]: value 'ETH': ETH belongs to the target 'neutral' already",
        ),
        (
            changed("{BTC: 60 %, ETH: 40 %}", "{BTC: 60 %, ETH: 0.41}", WEIGHTS),
            "c.yaml:6: targets[0].weights: the weights add up to 1.01; allowed: a sum of at most 1",
        ),
        (
            changed("reserve: 20000 USDT", "base: fixed", WEIGHTS),
            (
                "targets[0].base: value 'fixed': the base fixed needs 'fixed'; allowed: base: nav_less_reserve with "
                "reserve: 20000 USDT (collateral that does not count), base: owned, or base: fixed with fixed: 100000"
            ),
        ),
        (
            changed("reserve: 20000 USDT", "base: owned\n    reserve: 1 USDT", WEIGHTS),
            "targets[0].reserve: value '1 USDT': means nothing with the base owned",
        ),
        (
            changed("reserve: 20000 USDT", "reserve: 20000 EUR", WEIGHTS),
            (
                "targets[0].reserve: value '20000 EUR': 'EUR' is neither the quote currency nor an asset; allowed: an "
                "amount in USDT, USD, BTC, ETH"
            ),
        ),
        (
            changed("destination: 0 %", "destination: 2 %"),
            (
                "c.yaml:9: targets[0].band.destination: value '2 %': wider than the trigger, 1 %: a hedge would start "
                "inside and end outside; allowed: 0 % to 1 %"
            ),
        ),
        (
            changed("destination: 0 %", "destination: 1 coins"),
            "targets[0].band.destination: value '1 coins': not in the trigger's unit; allowed: 0 % to 1 %",
        ),
        (changed("trigger: 1 %", "trigger: -1 %"), "targets[0].band.trigger: value '-1 %': negative"),
        (changed("trigger: 1 %", "trigger: 101 %"), "more than the whole; allowed: at most 100 %"),
        (
            changed("trigger: 1 %", "trigger: 1 pp"),
            (
                "percentage points are parts of a base, and this kind has none; allowed: a width with %, USDT, coins; "
                "did you mean '1 %'?"
            ),
        ),
        (
            changed("trigger: 1 %", "trigger: 0.01 BTC"),
            "a width in BTC for a target of BTC, ETH; allowed: a width with %, USDT, coins; did you mean '0.01 coins'?",
        ),
        (
            changed("trigger: 1 %", "trigger: 500 USTD"),
            "'USTD' is not a unit of this; allowed: a width with %, USDT, coins; did you mean '500 USDT'?",
        ),
        (
            changed("  BTC: {}", "  BTC: {declared: 1 ETH}"),
            "assets.BTC.declared: value '1 ETH': 'ETH' is another coin; allowed: a number of BTC",
        ),
        (
            with_limit("order_notional: 25000 USD"),
            (
                "limits.order_notional: value '25000 USD': 'USD' is not a unit of this; allowed: an amount in USDT; "
                "did you mean '25000 USDT'?"
            ),
        ),
        (
            with_limit("naked_exposure: 25000 USDT"),
            "allowed: an amount in USDT s; did you mean '25000 USDT s'?",
        ),
        (
            with_limit("slippage: 31 bps"),
            (
                "limits.slippage: value '31 bps': slippage (31 bps) is beyond collar_mid (30 bps): an order at its "
                "slippage limit would be outside the collar; allowed: slippage <= collar_mid"
            ),
        ),
        (
            with_limit("position_notional: 24999 USDT"),
            "order_notional (25000) is beyond position_notional (24999 USDT)",
        ),
        (with_limit("reducing_quote_age: 1 s"), "quote_age (2 s) is beyond reducing_quote_age (1 s)"),
        (with_limit("unknown_halt: 30 s"), "unknown_alert (1 min) is beyond unknown_halt (30 s)"),
        (RIGHT + "exchange: {pin: {api.binance.com: '127.0.0.1:1'}}\n", "hosts are pinned without ca_file"),
        (RIGHT + "credentials: {api_key_file: /k}\n", "api_key_file without api_secret_file; allowed: both files"),
        (RIGHT + "paper: {balances: {spot: {BTC: 1}}}\n", "balances mean nothing where the paper account is seeded"),
        (RIGHT + "paper: {seed: config}\n", "a paper account seeded from the config, and no balances"),
    ],
)
def test_what_does_not_fit_together_is_one_line(text: str, part: str) -> None:
    """Each contradiction is found before anything starts, and said with what would be right."""
    assert part in only_problem(text)


def test_one_unreadable_value_hides_no_contradiction() -> None:
    """The checks across values look at what can be read, so that mending one thing does not bring up the next."""
    text = changed("{trigger: 1 %, destination: 0 %}", "{trigger: 1 pp, destination: x}")
    found = [problem.key for problem in problems(text + "limits: {slippage: 40 bps, quote_age: x}\n")]

    assert ["targets[0].band.destination", "targets[0].band.trigger", "limits.quote_age", "limits.slippage"] == sorted(
        found, key=lambda key: (key.split(".")[0] != "targets[0]", key)
    )


def test_the_name_of_a_target_is_its_own() -> None:
    """The journal could not tell two targets of one name apart."""
    text = RIGHT.replace("[BTC, ETH]", "[BTC]")
    text += "  - {name: neutral, kind: neutral, assets: [ETH], band: {trigger: 1 %, destination: 0 %}}\n"

    assert "targets[1].name: value 'neutral': the name of targets[0] too" in only_problem(text)


def test_a_width_in_the_only_coin_is_fine() -> None:
    """A target of one coin may write its band in that coin."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]").replace("1 %", "0.01 BTC").replace("0 %", "0 BTC")

    band = loaded(text).settings.targets[0].band
    assert isinstance(band, BandSettings)
    assert "BTC" == band.trigger.unit


def test_a_destination_of_nothing_fits_every_trigger() -> None:
    """Nothing is nothing in every unit."""
    text = changed("{trigger: 1 %, destination: 0 %}", "{trigger: 500 USDT, destination: 0 coins}")

    band = loaded(text).settings.targets[0].band
    assert isinstance(band, BandSettings)
    assert 0 == band.destination.value


def test_weights_that_add_up_exactly_are_right() -> None:
    """Ten tenths are one, in Decimal as on paper."""
    coins = [f"C{index}" for index in range(10)]
    text = WEIGHTS.replace("{BTC: {}, ETH: {}}", "{" + ", ".join(f"{coin}: {{}}" for coin in coins) + "}")
    text = text.replace("{BTC: 60 %, ETH: 40 %}", "{" + ", ".join(f"{coin}: 0.1" for coin in coins) + "}")

    assert 10 == len(loaded(text).settings.assets)


def test_an_authority_file_must_exist(tmp_path: Path) -> None:
    """A certificate that is not there is found before the first connection is."""
    section = "exchange: {{pin: {{api.binance.com: '127.0.0.1:8443'}}, ca_file: {}}}\n"
    authority = tmp_path / "ca.pem"
    assert "exchange.ca_file" in only_problem(RIGHT + section.format(authority))

    authority.write_text("certificate", encoding="ascii")

    pin = loaded(RIGHT + section.format(authority)).settings.exchange.pin["api.binance.com"]
    assert ("127.0.0.1", 8443) == (pin.host, pin.port)
