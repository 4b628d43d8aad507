"""Coins in another form: staked, lent and wrapped ones count as what they stand for."""

from __future__ import annotations

import msgspec

from bot.domain.account import Balance
from bot.domain.events import BalancesChanged
from bot.domain.rules import Rules
from bot.domain.units import ZERO, Asset
from tests.engine.kit import World
from tests.engine.test_marks import same_again
from tests.kit import SPOT, d, neutral, rules


def staked(**held_as: str) -> Rules:
    """BTC is hedged, other coins count as it."""
    counted = {Asset(other): d(units) for other, units in held_as.items()}
    made = rules(neutral("BTC"), coins=("BTC",))
    return msgspec.structs.replace(made, assets=tuple(msgspec.structs.replace(a, held_as=counted) for a in made.assets))


def test_coins_in_another_form_are_hedged_as_what_they_stand_for() -> None:
    """One coin, half a wrapped one, and 0.2 staked ones at 1.1: 1.72 are short, and what arrives later is too."""
    world = World(staked(WBTC="1", STBTC="1.1"), {"BTC": d(1), "WBTC": d("0.5"), "STBTC": d("0.2")}).start().run(6)
    assert d("-1.72") == world.position("BTC")
    world.deposit("STBTC", "0.1")
    world.run(6)

    assert d("-1.83") == world.position("BTC")
    same_again(world)


def test_a_doubt_of_what_counts_holds_its_coin() -> None:
    """Staked coins that are suddenly gone are looked at twice before anything is bought back."""
    world = World(staked(STBTC="1.1"), {"BTC": d(1), "STBTC": d(1)}).start().run(6)
    before = world.position("BTC")
    world.deliver(BalancesChanged(SPOT, (Balance(Asset("STBTC"), ZERO),), "unknown", world.now, world.now))
    (assessed,) = world.engine.assess()

    assert assessed.held is not None
    assert ("balance", "STBTC") == (assessed.held.guard, assessed.held.subject)
    assert before == world.position("BTC")
