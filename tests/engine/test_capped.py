"""Anchors with a cap, live: the engine solves for what the cap cuts, within the margin that its accounts have."""

from __future__ import annotations

import random

import msgspec

from bot.domain.account import MarginState
from bot.domain.events import HistorySeen
from bot.domain.snapshot import Returns
from bot.domain.targets import ProxyTarget
from bot.domain.units import HOUR_NS, ZERO, Asset
from bot.engine import views
from bot.engine.trust import Beliefs
from bot.policy.view import MarginRoom
from tests.engine.kit import World
from tests.engine.test_inputs import SOL, futureless, world_of
from tests.engine.test_marks import same_again
from tests.kit import BTC, ETH, USDM, band, d

CAPPED = ProxyTarget(
    name="proxy", assets=(SOL,), anchors=(BTC, ETH), band=band("0.02"), samples_min=100, anchor_caps={BTC: d(10_000)}
)


def started(target: ProxyTarget = CAPPED) -> World:
    """500 SOL at 150, whose returns are 1.2 of BTC's and 0.6 of ETH's; ETH's are 1.2 of BTC's and some of its own."""
    world = world_of(futureless(target), SOL="500")
    chance = random.Random(5)
    base = [chance.gauss(0, 0.01) for _ in range(600)]
    ether = [1.2 * one + chance.gauss(0, 0.006) for one in base]
    found: dict[Asset, tuple[float | None, ...]] = {
        BTC: tuple(base),
        ETH: tuple(ether),
        SOL: tuple(1.2 * a + 0.6 * b + chance.gauss(0, 0.004) for a, b in zip(base, ether, strict=True)),
    }
    world.handle(HistorySeen(Returns(interval_ns=HOUR_NS, end_ns=world.now, logarithmic=True, series=found), world.now))
    return world


def worth(world: World, coin: str) -> float:
    """The value of a position."""
    return float(world.position(coin)) * world.venue.prices[coin]


def test_what_the_cap_of_one_anchor_cuts_is_sold_of_the_other() -> None:
    """Plain: 90,000 of BTC and 45,000 of ETH. Capped at 10,000 most of the other 80,000 is worth selling of ETH."""
    plain = started(msgspec.structs.replace(CAPPED, anchor_caps={})).run(12)
    capped = started().run(12)

    assert -93_000 < worth(plain, "BTC") < -85_000
    assert -49_000 < worth(plain, "ETH") < -41_000
    assert -10_000 <= worth(capped, "BTC") < -9_500
    assert -108_000 < worth(capped, "ETH") < -92_000
    same_again(capped)


def test_the_view_says_what_margins_each_anchor() -> None:
    """At a ratio of 0.5: the highest bracket's maintenance twice, a fee and slippage; unknown wallets say nothing."""
    world = started().run(12)
    state = world.engine.state
    tight = MarginState(d(1_000), d(400), ZERO, ZERO)
    state.accounts.accounts[USDM] = msgspec.structs.replace(state.accounts.accounts[USDM], margin=tight)
    (group,) = state.layout.groups
    known = views.view(Beliefs(state), group).margins
    state.accounts.accounts[USDM] = msgspec.structs.replace(state.accounts.accounts[USDM], confirmed=False)

    assert dict.fromkeys((BTC, ETH), MarginRoom(account=USDM, rate=0.012, free=d(200))) == known
    assert {} == views.view(Beliefs(state), group).margins
