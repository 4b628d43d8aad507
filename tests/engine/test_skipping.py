"""A quote that is skipped is one that exact evaluation would not have acted on."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc.boxes import EVERYWHERE
from bot.domain.market import Quote
from bot.domain.rules import Band, Base, RatioTarget, TargetSpec, Unit, WeightsMode, WeightsTarget, Width
from bot.domain.units import Asset
from bot.engine.state import State
from tests.engine.kit import World, encoded
from tests.kit import band, d, hedge, limits, neutral, pricing, quote, rules, weights

COINS = ("BTC", "ETH", "SOL")
PRICES = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0}


def evaluated(world: World, event: Quote) -> bytes:
    """What the engine says of a quote when no box lets it skip."""
    state = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)
    bare = type(world.engine).of(state)
    return encoded(bare.handle(event))


def skips(world: World, event: Quote) -> bool:
    """Whether a quote is inside its finite box."""
    box = world.engine._boxes.get(event.instrument)
    return box is not None and box != EVERYWHERE and box.lo <= event.bid < event.ask <= box.hi


def hedged(target: TargetSpec, held: dict[str, str]) -> World:
    """A world at rest in its band."""
    owned = rules(
        target,
        coins=COINS,
        limits=limits(
            orders_per_minute_max=99, order_notional_max=d(10**9), position_notional_max=d(10**9), margin_ratio_max=d(9)
        ),
    )
    world = World(owned, {coin: d(total) for coin, total in held.items()})
    world.venue.prices = dict(PRICES)
    world.depth_size = 1e6
    world.venue.wallet = d(10**7)
    return world.start().run(4)


WIDTHS = st.one_of(
    st.decimals("0.002", "0.1", places=4).map(lambda v: (v, Unit.RELATIVE)),
    st.decimals("0.002", "0.1", places=4).map(lambda v: (v, Unit.POINTS)),
    st.decimals(100, 5_000, places=0).map(lambda v: (v, Unit.QUOTE)),
    st.decimals("0.01", 1, places=3).map(lambda v: (v, Unit.COINS)),
)


@st.composite
def targets(draw: st.DrawFn) -> TargetSpec:
    """Any ratio or weights target over three coins."""
    value, unit = draw(WIDTHS)
    within = Band(Width(value, unit), Width(value * draw(st.sampled_from([d(0), d("0.5"), d(1)])), unit))
    if draw(st.booleans()) and unit is not Unit.POINTS:
        return RatioTarget("neutral", tuple(Asset(c) for c in COINS), draw(st.sampled_from([d("0.5"), d(1)])), within)
    shares = draw(st.sampled_from([("0.6", "0.3", "0.1"), ("0.2", "0.2", "0.2"), ("0.05", "0.05", "0.9")]))
    return WeightsTarget(
        name="weights",
        weights={Asset(c): Decimal(s) for c, s in zip(COINS, shares, strict=True)},
        mode=draw(st.sampled_from(WeightsMode)),
        base=draw(st.sampled_from(Base)),
        band=within,
        reserve=d(10**7) + draw(st.integers(-50_000, 50_000)),
        fixed=d(100_000),
    )


PATH = st.lists(
    st.tuples(st.sampled_from(COINS), st.booleans(), st.floats(-0.004, 0.004), st.floats(0, 1e-4)),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60)
@given(targets(), PATH)
def test_no_skipped_quote_would_have_been_acted_on(
    target: TargetSpec, path: list[tuple[str, bool, float, float]]
) -> None:
    """Any target, band and path of quotes: inside a box, an engine without boxes says nothing either."""
    world = hedged(target, {"BTC": "1", "ETH": "12", "SOL": "60"})
    prices = dict(PRICES)
    for coin, spot, move, spread in path:
        prices[coin] *= 1 + move
        half = max(prices[coin] * spread, 1e-3)
        event = quote(pricing(coin) if spot else hedge(coin), round(prices[coin], 4), world.now, round(half, 4))
        if skips(world, event):
            assert evaluated(world, event) == b"[]"
        world.handle(event)
        if world.pending:
            world.venue.prices = dict(prices)
            world.run(3)


@pytest.mark.parametrize(
    "target",
    [
        neutral("BTC", within=band("500", unit=Unit.QUOTE)),
        weights({"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, within=band("0.05", unit=Unit.POINTS)),
        weights({"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, WeightsMode.TRIM_ONLY, within=band("0.05")),
    ],
)
def test_a_resting_book_skips_its_quotes(target: TargetSpec) -> None:
    """Small moves of every market are inside their boxes: the skipping is real, not an empty promise."""
    world = hedged(target, {"BTC": "1", "ETH": "12", "SOL": "60"})
    hedged_coins = {asset for group in world.engine.state.layout.groups for asset in group.assets}
    moved = [
        quote(pricing(coin), round(PRICES[coin] * (1 + sign * 1e-4), 4), world.now)
        for coin in sorted(hedged_coins)
        for sign in (1, -1)
    ]

    assert all(skips(world, event) for event in moved)


def test_the_edge_of_a_box_is_where_the_decision_turns() -> None:
    """0.008 BTC within 500 dollars: below 62,500 a quote is skipped, above it a hedge goes out."""
    world = World.neutral(
        neutral("BTC", within=band("500", unit=Unit.QUOTE)), coins={"BTC": "1"}, price_deviation_bps_max=d(9_999)
    ).run(3)
    world.venue.coins["BTC"] = d("1.008")
    world.run(25)
    box = world.engine._boxes[pricing("BTC")]

    assert 62_499.9 < box.hi <= 62_500
    assert world.handle(quote(pricing("BTC"), 62_499.8, world.now)) == ()
    assert len(world.sent) == 1
    world.handle(quote(pricing("BTC"), 62_500.2, world.now))
    assert len(world.sent) == 2


def test_a_price_far_from_the_index_is_never_skipped() -> None:
    """The box of a coin-matched hedge ends where mid and index no longer agree."""
    world = World.neutral(neutral("BTC")).run(5)
    box = world.engine._boxes[pricing("BTC")]
    world.handle(quote(pricing("BTC"), 60_700.0, world.now))

    assert box.lo == pytest.approx(59_400)
    assert box.hi == pytest.approx(60_600)
    assert world.notices("held")[-1].text.startswith("price_deviation")


@pytest.mark.parametrize(
    ("bid", "ask"), [(float("nan"), 1.0), (60_001.0, 60_000.0), (0.0, 60_000.0), (1.0, float("inf"))]
)
def test_what_is_not_a_market_is_never_skipped(bid: float, ask: float) -> None:
    """NaN, crossed, one-sided and endless quotes are evaluated, wherever the box is, and hold the hedge."""
    world = World.neutral(neutral("BTC")).run(5)
    for name in (hedge("BTC"), pricing("BTC")):
        world.handle(Quote(name, bid, ask, 1.0, 1.0, 1, world.now))

    assert world.notices("held")[-1].text.startswith("price")
    assert not world.engine.state.books.quotes[hedge("BTC")].sane


def test_a_breach_by_a_quote_is_answered_by_that_quote() -> None:
    """No tick is waited for: the event that breaches the band is the one that sends."""
    world = World.weighted().run(3)
    world.forget()
    world.venue.prices["BTC"] = 90_000.0
    world.feed()

    assert len(world.sent) == 2
