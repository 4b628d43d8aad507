"""Books with several futures for a coin: replays give the same commands, and what is skipped changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import Action, Started
from bot.domain.targets import Base, TargetSpec
from bot.domain.units import ZERO, Nanos
from bot.engine.engine import Engine
from bot.engine.moves import MOVE_EVERY_NS
from bot.engine.state import State
from tests.engine.routed import CHEAP, DEAR, FIRST, SECOND, Choosy, RoutedWorld
from tests.engine.test_replay import replayed
from tests.engine.test_skipping_exact import Watch
from tests.kit import band, d, hedge, limits, neutral, pricing, quote, weights

CHAPTERS = st.lists(
    st.sampled_from(
        "deposit withdraw flip flop thin refuse heal deaf mute hearing kill arm unwind restart day".split()
    ),
    min_size=3,
    max_size=8,
)
LOOSE = {"orders_per_minute_max": 60, "rejects_in_row_max": 99, "order_notional_max": d(30_000)}


def story(world: RoutedWorld, chapters: list[str]) -> RoutedWorld:
    """A random story of funding that turns, orders that fill in part or not at all, and operators."""
    world.run(2)
    for chapter in chapters:
        _tell(world, chapter)
        world.run(4)
    return world


def _tell(world: RoutedWorld, chapter: str) -> None:
    if chapter in ("deaf", "mute", "hearing"):
        world.venue.streams, world.venue.answers = chapter != "deaf", chapter != "mute"
    elif chapter in ("thin", "refuse", "heal"):
        _trouble(world, chapter)
    elif chapter in ("kill", "arm", "unwind"):
        world.ask(Action[chapter.upper()])
    elif chapter in ("flip", "flop"):
        world.turn("BTC2", "-0.3" if chapter == "flip" else CHEAP)
    elif chapter == "restart":
        world.restart()
    elif chapter == "day":
        world.now = Nanos(world.now + MOVE_EVERY_NS)
        for coin, rate in (("BTC", DEAR), ("BTC2", CHEAP)):
            world.turn(coin, rate)
    else:
        world.deposit("BTC", "0.3" if chapter == "deposit" else "-0.1")


def _trouble(world: RoutedWorld, chapter: str) -> None:
    assert isinstance(world.venue, Choosy)
    world.venue.most = {FIRST: d("0.11"), SECOND: d("0.23")} if chapter == "thin" else {}
    world.venue.refused_on = FIRST if chapter == "refuse" else None


@settings(max_examples=12, deadline=None)
@given(CHAPTERS)
def test_a_replay_routes_and_moves_as_the_story_did(chapters: list[str]) -> None:
    """Events, what they read and the time are enough to repeat every route and every move."""
    world = story(RoutedWorld.routed(limits=limits(**LOOSE)), chapters)
    first = world.steps[0].event
    assert isinstance(first, Started)

    assert replayed(Engine(first), world.steps) == [bytes(step.commands) for step in world.steps]


@settings(max_examples=8, deadline=None)
@given(CHAPTERS, CHAPTERS)
def test_a_checkpoint_in_the_middle_of_a_move_goes_on_alike(before: list[str], after: list[str]) -> None:
    """The state, written down and read back, gives what the whole journal gives."""
    world = story(RoutedWorld.routed(limits=limits(**LOOSE)), ["flip", *before])
    kept, count = msgspec.json.encode(world.engine.state), len(world.steps)
    story(world, after)
    restored = msgspec.json.decode(kept, type=State)

    assert msgspec.json.encode(restored) == kept
    assert replayed(Engine.of(restored), world.steps[count:]) == [bytes(s.commands) for s in world.steps[count:]]


@settings(max_examples=12, deadline=None)
@given(CHAPTERS)
def test_every_story_ends_hedged_when_all_is_well_again(chapters: list[str]) -> None:
    """Whatever was refused, lost or cut short: armed and heard again, the futures together hedge what is held, no
    instrument ever had two orders at once, and nobody's books are out of step.
    """
    world = story(RoutedWorld.routed(limits=limits(**LOOSE)), chapters)
    story(world, ["heal", "hearing", "arm", "heal"])
    world.run(60)
    world.ask(Action.ARM)
    world.run(30)

    holding = world.venue.coins["BTC"]
    assert abs(world.net + holding) <= holding / 100
    for name in (FIRST, SECOND):
        position = world.engine.state.accounts.positions[name].position.contracts
        assert world.engine.state.sleeves.total(name) == position == world.venue.position(name).contracts


PATH = st.lists(
    st.tuples(st.sampled_from([FIRST, SECOND, pricing("BTC"), hedge("ETH"), pricing("ETH")]), st.floats(-0.003, 0.003)),
    min_size=5,
    max_size=25,
)
NAMES = {FIRST: "BTC", SECOND: "BTC2", pricing("BTC"): "BTC", hedge("ETH"): "ETH", pricing("ETH"): "ETH"}


def books() -> st.SearchStrategy[TargetSpec]:
    """A ratio in coins, and weights in which the futures' profit counts."""
    return st.sampled_from(
        [
            neutral("BTC", "ETH", within=band("0.02", "0.01")),
            weights(within=band("0.03", "0.01"), base=Base.NAV_LESS_RESERVE, reserve=49_000),
            weights({"BTC": "0.5", "ETH": "0.3"}, within=band("0.04")),
        ]
    )


@settings(max_examples=25, deadline=None)
@given(books(), PATH)
def test_a_skipped_quote_of_any_candidate_changes_nothing(target: TargetSpec, path: list[tuple[Any, float]]) -> None:
    """Beside every quote that is skipped, of either future, stands the exact evaluation of all groups."""
    world = RoutedWorld.routed(
        target,
        coins={"BTC": "1", "ETH": "12"},
        rates={"BTC": DEAR, "BTC2": CHEAP, "ETH": DEAR},
        limits=limits(position_notional_max=d(40_000), orders_per_minute_max=99, margin_ratio_max=d(9)),
    ).run(5)
    assert world.units("BTC") < ZERO or world.units("BTC2") < ZERO or target.name == "weights"
    watch, prices = Watch(world), dict(world.venue.prices)
    for name, size in path:
        prices[NAMES[name]] *= 1 + size
        world.handle(quote(name, round(prices[NAMES[name]], 1), world.now, 0.1))
        if world.pending:
            watch.looking = False
            world.venue.prices = dict(prices)
            world.run(3)
            watch.looking = True
