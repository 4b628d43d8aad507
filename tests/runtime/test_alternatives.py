"""Further futures of a coin in the config: what is wrong is one line, and what is right reaches the engine's rules."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.events import RunMode
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import SECOND_NS, Asset, InstrumentId, Nanos
from bot.runtime.endings import past_expiries
from bot.runtime.feasible import check_against
from bot.runtime.learning import Wanted
from bot.runtime.plans import answer
from bot.runtime.portfolio import instruments_wanted, symbols_wanted, to_rules
from bot.runtime.settings_diff import compare
from tests.engine.routed import FIRST, SECOND, RoutedWorld
from tests.kit import d, limits
from tests.runtime.configs import RIGHT, catalogue, changed, instrument, loaded, only_problem, problems

DATED = "BTCUSDT_300628"
EXPIRY_NS = Nanos(1_909_000_000 * SECOND_NS)
TWO = changed("  BTC: {}", f"  BTC: {{alternatives: [usdm:BTCUSDT_P, usdm:{DATED}]}}")
PLACE = "assets.BTC.alternatives"


def listed(**changes: Any) -> tuple[Instrument, ...]:
    """The venue with two further futures on BTC; `changes` are of the first of them."""
    return (
        *catalogue(),
        instrument("usdm", "BTCUSDT_P", **changes),
        instrument("usdm", DATED, expiry_ns=EXPIRY_NS),
    )


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("[usdm:BTCUSDT_P, usdm:BTCUSDT_P]", f"{PLACE}[1]: value 'usdm:BTCUSDT_P': usdm:BTCUSDT_P is named twice"),
        ("[usdm:BTCUSDT]", f"{PLACE}[0]: value 'usdm:BTCUSDT': usdm:BTCUSDT is its hedge already"),
        ("[usdm:XBTUSDT], hedge: usdm:XBTUSDT", f"{PLACE}[0]: value 'usdm:XBTUSDT': usdm:XBTUSDT is its hedge already"),
        ("[usdm:XBTUSDT], hedge: none", f"{PLACE}[0]: value 'usdm:XBTUSDT': BTC has no future of its own; allowed: no"),
        ("[linear:BTCUSDT]", f"{PLACE}[0]: value 'linear:BTCUSDT': linear:BTCUSDT is its hedge already"),
        ("[binance.usdm:BTCUSDT]", "binance.usdm:BTCUSDT is its hedge already"),
        (
            "[bybit.linear:BTCUSDT, bybit.usdm:BTCUSDT]",
            f"{PLACE}[1]: value 'bybit.usdm:BTCUSDT': bybit.usdm:BTCUSDT is",
        ),
        ("[spot:BTCUSDT]", f"{PLACE}[0]: value 'spot:BTCUSDT'"),
        ("[usdm:BTCA, usdm:BTCB, usdm:BTCC, usdm:BTCD, usdm:BTCE]", PLACE),
    ],
)
def test_what_cannot_stand_in_the_config_is_one_line(given: str, part: str) -> None:
    """A future that is named twice, one of another market, one beside no hedge, or too many of them."""
    assert any(part in str(found) for found in problems(changed("  BTC: {}", f"  BTC: {{alternatives: {given}}}")))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"kind": Kind.INVERSE}, "usdm:BTCUSDT_P is inverse; allowed: a linear future"),
        ({"settle": "USDC"}, "usdm:BTCUSDT_P settles in USDC; allowed: a future that settles in USDT"),
        ({"quote": "USDC"}, "usdm:BTCUSDT_P is quoted in USDC; allowed: one quoted in USDT, as quote says"),
        ({"base": "BTCDOM"}, "usdm:BTCUSDT_P is an instrument of BTCDOM; allowed: one of BTC"),
        ({"trading": False}, "usdm:BTCUSDT_P is not trading"),
    ],
)
def test_a_future_that_could_not_carry_the_hedge_is_refused(changes: dict[str, Any], part: str) -> None:
    """Another underlying, another settlement, another kind, or none that trades: each a line of its own."""
    (found,) = check_against(loaded(TWO), listed(**changes))

    assert f"c.yaml:3: {PLACE}[0]" in str(found)
    assert part in str(found)


def test_an_unknown_future_is_named_with_a_near_one() -> None:
    """The venue does not list it."""
    (found,) = check_against(loaded(TWO), (*catalogue(), instrument("usdm", DATED)))

    assert "usdm:BTCUSDT_P does not exist on binance" in str(found)
    assert found.meant == "usdm:BTCUSDT"


def test_a_future_that_expires_may_be_an_alternative_and_not_the_hedge() -> None:
    """What expires is left in time, while there is another; once it has expired it is refused."""
    assert [] == list(check_against(loaded(TWO), listed()))
    assert [] == list(past_expiries(loaded(TWO), listed(), Nanos(EXPIRY_NS - 1)))
    (found,) = past_expiries(loaded(TWO), listed(), EXPIRY_NS)
    assert f"{PLACE}[1]: value 'usdm:{DATED}': it expired at 2030-06-29T21:46:40Z" in str(found)
    assert [] == list(past_expiries(loaded(TWO), catalogue(), EXPIRY_NS))


def test_a_budget_may_name_an_alternative() -> None:
    """It bounds what goes there."""
    text = TWO + "budgets: {instruments: {'usdm:BTCUSDT_P': 50000 USDT}}\n"

    assert [] == list(check_against(loaded(text), listed()))


def test_the_rules_name_them_in_the_order_of_the_file() -> None:
    """They are wanted of the venue, and the engine has them beside the preferred one."""
    rules = to_rules(loaded(TWO).settings, listed())

    assert {"BTCUSDT_P", DATED} < symbols_wanted(loaded(TWO).settings)
    assert "binance.usdm:BTCUSDT_P" in instruments_wanted(loaded(TWO).settings)
    assert (
        InstrumentId("binance.usdm:BTCUSDT"),
        InstrumentId("binance.usdm:BTCUSDT_P"),
        InstrumentId(f"binance.usdm:{DATED}"),
    ) == rules.assets[0].candidates
    assert rules.assets[1].alternatives == ()


def test_the_funding_of_every_perpetual_is_learned() -> None:
    """What is dated has none."""
    wanted = Wanted.of(to_rules(loaded(TWO).settings, listed()))

    assert ["BTCUSDT", "BTCUSDT_P", "ETHUSDT"] == [one.symbol for one in wanted.funding]
    assert {Asset("BTC")} != wanted.measured


def test_other_futures_need_a_restart() -> None:
    """What positions are looked at begins with a start."""
    (found,) = compare(loaded(RIGHT).settings, loaded(TWO).settings)

    assert str(found) == f"{PLACE}: [] -> [usdm:BTCUSDT_P, usdm:{DATED}]"
    assert not found.reloadable


def test_the_name_of_moves_is_reserved() -> None:
    """A target named so would be mixed up with them."""
    assert "what moving a hedge to another future is called" in only_problem(changed("name: neutral", "name: route"))


def test_the_plan_of_a_daemon_routes_as_the_daemon_would() -> None:
    """The same chooser: what a limit does not let the cheapest take goes to the next, and nothing is left twice."""
    world = RoutedWorld.routed(coins={"BTC": "0", "ETH": "0"}, limits=limits(position_notional_max=d(36_000)))
    world.restart(RunMode.OBSERVE)
    world.run(30)
    world.deposit("BTC", "1")
    world.run(30)
    made = answer(world.engine)

    assert [(SECOND, d("0.6"), None), (FIRST, d("0.4"), None)] == [
        (order.instrument, order.contracts, order.pair) for order in made.orders
    ]
    assert made.assets["BTC"].residual_after_rounding == 0
    assert not world.sent
