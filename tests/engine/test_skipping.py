"""A quote that is skipped is one that exact evaluation would not have acted on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc.boxes import EVERYWHERE
from bot.domain.bands import Band, Unit, Width
from bot.domain.market import Quote
from bot.domain.targets import (
    Base,
    Basis,
    Budgets,
    CashTarget,
    LeverageTarget,
    Neutrality,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    WeightsMode,
)
from bot.domain.units import Asset
from bot.engine.state import State
from tests.engine.kit import World, encoded
from tests.kit import USDT, band, d, hedge, limits, neutral, pricing, quote, rules, weights

COINS = ("BTC", "ETH", "SOL")
PRICES = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0}
HELD = {"BTC": "1", "ETH": "12", "SOL": "60"}


def evaluated(world: World, event: Quote) -> bytes:
    """What the engine says of a quote when no box lets it skip."""
    state = msgspec.json.decode(msgspec.json.encode(world.engine.state), type=State)
    bare = type(world.engine).of(state)
    return encoded(bare.handle(event))


def skips(world: World, event: Quote) -> bool:
    """Whether a quote is inside its finite box."""
    box = world.engine._boxes.get(event.instrument)
    return box is not None and box != EVERYWHERE and box.lo <= event.bid < event.ask <= box.hi


def hedged(held: dict[str, str], *targets: TargetSpec, **parts: Any) -> World:
    """A world at rest in its bands. `parts` are of the rules."""
    owned = rules(
        *targets,
        coins=COINS,
        limits=limits(
            orders_per_minute_max=99, order_notional_max=d(10**9), position_notional_max=d(10**9), margin_ratio_max=d(9)
        ),
        **parts,
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
    return weights(
        dict(zip(COINS, shares, strict=True)),
        draw(st.sampled_from(WeightsMode)),
        draw(st.sampled_from(Base)),
        within,
        reserve=10**7 + draw(st.integers(-50_000, 50_000)),
        fixed=100_000,
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
    walked(hedged(HELD, target), path)


def walked(world: World, path: list[tuple[str, bool, float, float]]) -> None:
    """Let quotes go along a path; each is evaluated exactly beside, whether it was skipped, proven or evaluated.

    But for groups that are held or under correction: what is new of those is for the next tick to see.
    """
    prices = dict(PRICES)
    for coin, spot, move, spread in path:
        prices[coin] *= 1 + move
        half = max(prices[coin] * spread, 1e-3)
        event = quote(pricing(coin) if spot else hedge(coin), round(prices[coin], 4), world.now, round(half, 4))
        touched = world.engine.state.layout.touching(event.instrument)
        watched = all(group.name in world.engine._skipping._ratchets for group in touched)
        expected = evaluated(world, event)
        commands = world.handle(event)
        if watched:
            assert encoded(commands) == expected
        if world.pending:
            world.venue.prices = dict(prices)
            world.run(3)


WITHIN = st.tuples(
    st.one_of(
        st.decimals("0.002", "0.1", places=4).map(lambda v: (v, Unit.RELATIVE)),
        st.decimals(100, 5_000, places=0).map(lambda v: (v, Unit.QUOTE)),
        st.decimals("0.001", "0.05", places=4).map(lambda v: (v, Unit.POINTS)),
    ),
    st.sampled_from([d(0), d("0.5"), d(1)]),
    st.one_of(st.none(), st.sampled_from([d("0.5"), d(2)])),
).map(lambda one: _asymmetric(*one))


def _asymmetric(wide: tuple[Decimal, Unit], share: Decimal, below: Decimal | None) -> Band:
    """A band; where `below` is given it is that many times as wide below the target."""
    value, unit = wide
    made = Band(Width(value, unit), Width(value * share, unit))
    if below is None:
        return made
    lower = (Width(value * below, unit), Width(value * below * share, unit))
    return msgspec.structs.replace(made, trigger_below=lower[0], destination_below=lower[1])


@st.composite
def bases(draw: st.DrawFn) -> Basis:
    """Any base that is worth something like 100,000."""
    reserve = {USDT: d(10**7) + draw(st.integers(-50_000, 20_000))}
    return Basis(base=draw(st.sampled_from(Base)), reserve=reserve, fixed=d(100_000))


@st.composite
def overlays(draw: st.DrawFn) -> TargetSpec:
    """Any target that wants something beside what is held: tilt, cash hedge, leverage, proxy."""
    within, basis = draw(WITHIN), draw(bases())
    cap = draw(st.one_of(st.none(), st.sampled_from([d(3_000), d(30_000)])))
    btc, eth, sol = (Asset(coin) for coin in COINS)
    one = draw(st.sampled_from(["tilt", "cash", "leverage", "proxy"]))
    if one == "tilt":
        betas = {btc: d(1), eth: d("1.2"), sol: d("1.5")}
        neutral_ = draw(st.sampled_from(Neutrality))
        short = {btc: d("0.7"), sol: d("0.3")}
        return TiltTarget(
            name=one, long={eth: d(1)}, short=short, size=d("0.1"), band=within, neutral=neutral_, betas=betas,
            basis=basis, cap=cap,
        )  # fmt: skip
    if one == "cash":
        return CashTarget(name=one, share=d("0.3"), anchor=btc, band=within, basis=basis, cap=cap, beta=d("1.1"))
    if one == "leverage":
        shares = {btc: d("0.6"), eth: d("0.4")}
        basis = Basis(base=Base.OWNED)
        return LeverageTarget(
            name=one, weights=shares, leverage=d("1.4"), leverage_max=d("1.5"), band=within, basis=basis, cap=cap
        )
    caps = draw(st.sampled_from([{}, {btc: d(9_000)}]))
    given_ = {sol: {btc: d("0.9"), eth: d("0.4")}}
    return ProxyTarget(
        name=one, assets=(sol,), anchors=(btc, eth), band=within, betas=given_, anchor_caps=caps, cap=cap
    )


@settings(max_examples=60)
@given(overlays(), PATH)
def test_no_skipped_quote_of_an_overlay_would_have_been_acted_on(
    target: TargetSpec, path: list[tuple[str, bool, float, float]]
) -> None:
    """Tilts, cash hedges, leverage and proxies, capped or not: what is skipped is what nothing would follow from."""
    walked(hedged(HELD, target), path)


BUDGETS = st.sampled_from(
    [
        Budgets(),
        Budgets(assets={Asset("BTC"): d(20_000)}),
        Budgets(overlay=d("0.004")),
        Budgets(core=d("0.995")),
        Budgets(venues={"binance": d(40_000)}),
    ]
)


@settings(max_examples=60)
@given(overlays(), st.one_of(overlays().map(lambda one: renamed(one, "second")), targets()), BUDGETS, PATH)
def test_no_skipped_quote_of_composed_targets_would_have_been_acted_on(
    first: TargetSpec, second: TargetSpec, budgets: Budgets, path: list[tuple[str, bool, float, float]]
) -> None:
    """Two targets on the same coins, within budgets: one deviation, one box, and nothing is missed."""
    walked(hedged(HELD, first, second, budgets=budgets), path)


def renamed(target: TargetSpec, name: str) -> TargetSpec:
    """The same under another name."""
    return msgspec.structs.replace(target, name=name)


TILT = TiltTarget(
    name="tilt",
    long={Asset("ETH"): d(1)},
    short={Asset("BTC"): d(1)},
    size=d("0.1"),
    band=band("0.02"),
    basis=Basis(reserve={USDT: d(10**7)}),
)
CASH = CashTarget(
    name="cash", share=d("0.3"), anchor=Asset("BTC"), band=band("0.02"), basis=Basis(reserve={USDT: d(10**7)})
)
LEVERAGE = LeverageTarget(
    name="leverage",
    weights={Asset("BTC"): d("0.6"), Asset("ETH"): d("0.4")},
    leverage=d("1.4"),
    leverage_max=d("1.5"),
    band=band("0.02"),
    basis=Basis(base=Base.OWNED),
)
PROXY = ProxyTarget(
    name="proxy",
    assets=(Asset("SOL"),),
    anchors=(Asset("BTC"), Asset("ETH")),
    band=band("0.02"),
    betas={Asset("SOL"): {Asset("BTC"): d("0.9"), Asset("ETH"): d("0.4")}},
)


@pytest.mark.parametrize(
    "book",
    [
        (neutral("BTC", within=band("500", unit=Unit.QUOTE)),),
        (weights({"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, within=band("0.05", unit=Unit.POINTS)),),
        (weights({"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, WeightsMode.TRIM_ONLY, within=band("0.05")),),
        (TILT,),
        (CASH,),
        (LEVERAGE,),
        (PROXY,),
        (TILT, CASH, neutral("SOL")),
    ],
    ids=lambda book: "+".join(target.name for target in book),
)
def test_a_resting_book_skips_its_quotes(book: tuple[TargetSpec, ...]) -> None:
    """Small moves of every market are inside their boxes: the skipping is real, not an empty promise."""
    world = hedged(HELD, *book)
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
    """The box of a coin-matched hedge ends where mid and index no longer agree, a quarter being left to the index."""
    world = World.neutral(neutral("BTC")).run(5)
    box = world.engine._boxes[pricing("BTC")]
    world.handle(quote(pricing("BTC"), 60_700.0, world.now))

    assert box.lo == pytest.approx(59_548.5)
    assert box.hi == pytest.approx(60_448.5)
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


def test_a_price_that_two_groups_rest_on_is_inside_the_boxes_of_both() -> None:
    """ETH is hedged by one target and counted by the other: the tighter of their edges counts on either side."""
    tight = neutral("ETH", within=band("150", unit=Unit.QUOTE))
    world = hedged({"BTC": "1", "ETH": "12.05", "SOL": "60"}, CASH, tight)
    world.venue.coins["ETH"] = d("12.1")
    world.run(25)
    engine, name = world.engine, pricing("ETH")
    first, second = (engine._skipping._drawn[group.name][name] for group in engine.state.layout.touching(name))
    box = engine._boxes[name]

    assert first != second
    assert (max(first.lo, second.lo), min(first.hi, second.hi)) == (box.lo, box.hi)


def test_a_quote_is_proven_group_by_group() -> None:
    """An ask beyond the narrow group's box is inside the wide one's own: only the narrow one has to look at it."""
    narrow = msgspec.structs.replace(neutral("BTC", within=band("36.1", unit=Unit.QUOTE)), name="narrow")
    wide = CashTarget(
        name="ample", share=d("0.1"), anchor=Asset("ETH"), band=band("0.2", unit=Unit.POINTS), basis=Basis()
    )
    world = hedged({**HELD, "BTC": "1.0006"}, narrow, wide)
    drawn = world.engine._skipping._drawn.items()
    own = {name: boxes[pricing("BTC")] for name, boxes in drawn if pricing("BTC") in boxes}
    tight, loose = sorted(own.values(), key=lambda box: box.hi)
    beyond = quote(pricing("BTC"), tight.hi - 0.05, world.now)

    assert loose.lo <= beyond.bid < beyond.ask <= loose.hi
    assert not skips(world, beyond)
    assert encoded(world.engine.handle(beyond)) == evaluated(world, beyond)
