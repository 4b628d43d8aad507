"""What people are shown of a book that means harm: margin of every venue, positions that nothing counts."""

from __future__ import annotations

import msgspec
import pytest

from bot.domain.account import MarginState, Uncounted
from bot.domain.units import AccountId
from bot.domain.venues import BYBIT_UNIFIED
from bot.runtime.foreign_money import foreign_amounts
from bot.runtime.picture import margin_figures
from bot.runtime.plans import answer
from tests.engine.test_hostile_venues import TwoVenues
from tests.engine.test_uncounted import by_hand
from tests.kit import USDM, d
from tests.runtime.configs import WEIGHTS, loaded, only_problem


def margined(world: TwoVenues, account: AccountId, balance: str, maintenance: str) -> None:
    """What a venue says of an account's margin."""
    accounts = world.engine.state.accounts.accounts
    told = MarginState(
        margin_balance=d(balance), maintenance_margin=d(maintenance), initial_margin=d(0), available=d(0)
    )
    accounts[account] = msgspec.structs.replace(accounts[account], margin=told, seen_ns=world.now)


@pytest.mark.parametrize(("worse", "better"), [(USDM, BYBIT_UNIFIED), (BYBIT_UNIFIED, USDM)])
def test_the_account_that_is_nearest_to_its_liquidation_is_the_one_that_is_told(
    worse: AccountId, better: AccountId
) -> None:
    """Whichever of two venues it is: an alert that looks at the other one never comes."""
    world = TwoVenues().start().run(15)
    margined(world, worse, "1000", "900")
    margined(world, better, "1000000", "900")
    ratio, stress = margin_figures(world.engine.state)

    assert d("0.9") == ratio
    assert stress is not None
    assert stress < d("0.01")


def test_an_account_answers_for_its_own_positions_alone() -> None:
    """The other venue's short is no burden of this one's collateral: both could bear a tenth of what each holds."""
    world = TwoVenues().start().run(15)
    margined(world, USDM, "4500", "150")
    margined(world, BYBIT_UNIFIED, "6600", "300")
    _, stress = margin_figures(world.engine.state)

    assert stress is not None
    assert stress > d("0.09")


def test_a_weight_of_money_needs_a_base_that_counts_money() -> None:
    """60/40 of coins and money, of what the coins alone are worth, would sell coins that are at their weight."""
    mixed = WEIGHTS.replace("{BTC: 60 %, ETH: 40 %}", "{BTC: 40 %, ETH: 20 %, USDT: 40 %}")
    loaded(mixed.replace("    reserve: 20000 USDT\n", ""))
    line = only_problem(mixed.replace("reserve: 20000 USDT", "base: owned"))

    assert "targets[0].weights.USDT" in line
    assert "the base owned is what the coins are worth, and has no USDT in it" in line


@pytest.mark.parametrize("line", ["owns: {BTC: 1 BTC}", "reserve: 0.5 BTC"])
def test_coins_need_no_rate_where_a_coin_is_reported_in(line: str) -> None:
    """A reserve and a sleeve are units of assets: no config is refused for them."""
    text = "reporting: BTC\n" + WEIGHTS.replace("reserve: 20000 USDT", line)

    assert [] == list(foreign_amounts(loaded(text)))


def test_a_position_that_nothing_counts_is_among_what_a_plan_does_not_know() -> None:
    """Half a bitcoin is short in another currency: the plan of the running service says so."""
    world, _ = by_hand(Uncounted("BTCUSDC", d("-0.5")))

    (line,) = [one for one in answer(world.engine).unknown if "BTCUSDC" in one]
    assert "nothing counts it" in line
