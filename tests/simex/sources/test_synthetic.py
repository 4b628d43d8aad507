"""The seeded market: one seed one flow however it is asked for, and a sane book at every moment."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from itertools import islice, pairwise
from statistics import correlation, fmean, pstdev

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.flow import Aggression, Flow, IndexPrice, Level, Levels, Top
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.sources.listings import binance, bybit
from bot.simex.sources.quoter import Quoter, Shape
from bot.simex.sources.synthetic import Behaviour, Premium, SyntheticMarket
from bot.simex.sources.world import CALM, Regime, World
from tests.simex.sources.background import START_MS, Stage

HOUR = 3_600_000
LISTED = binance(START_MS)
SPOT, PERP = ("spot", "BTCUSDT"), ("usdm", "BTCUSDT")


def world(seed: int = 1, **changes: object) -> World:
    """The default world, with changes."""
    return msgspec.structs.replace(World(seed=seed, start_ms=START_MS), **changes)


def some(*keys: tuple[str, str], listed: tuple[Instrument, ...] = LISTED) -> list[Instrument]:
    """The instruments of these keys."""
    return [one for one in listed if one.key in keys]


def played(market: SyntheticMarket, instruments: list[Instrument], until_ms: int) -> Stage:
    """A stage on which the market was played from its opening, everything checked on the way."""
    stage = Stage(instruments)
    stage.play(market.opening())
    stage.play(market.until(until_ms))
    return stage


def digest(flows: Iterator[Flow]) -> str:
    """A hash over flow."""
    return hashlib.sha256(b"".join(msgspec.json.encode((type(one).__name__, one)) for one in flows)).hexdigest()


@given(st.integers(0, 2**32), st.lists(st.integers(1, 20_000), min_size=1, max_size=12))
@settings(max_examples=15)
def test_one_seed_is_one_flow_whatever_the_steps(seed: int, steps: list[int]) -> None:
    """Asked at once, step by step, or with readers that leave in the middle: the same flow."""
    instruments = some(SPOT, PERP, ("coinm", "ETHUSD_PERP"))
    at_once, by_steps = (SyntheticMarket(world(seed), instruments) for _ in range(2))
    now_ms = START_MS
    found: list[Flow] = []
    for step in steps:
        now_ms += step
        found += islice(by_steps.until(now_ms), step % 7)
        found += by_steps.until(now_ms)

    assert found == list(at_once.until(now_ms))
    assert list(by_steps.opening()) == list(at_once.opening())
    assert by_steps.next_ms() == at_once.next_ms() > now_ms


def test_the_flow_is_the_same_on_every_machine() -> None:
    """The hash of half an hour's flow, shocks included, is this one: whoever changes it changes every seeded run."""
    market = SyntheticMarket(world(), some(SPOT, PERP, ("spot", "USDCUSDT")))

    def half_hour() -> Iterator[Flow]:
        yield from market.opening()
        yield from market.until(START_MS + HOUR // 4)
        yield from market.shock("BTC", 0.9, START_MS + HOUR // 4)
        yield from market.until(START_MS + HOUR // 2)

    assert digest(half_hour()) == "e22ccf6b99136b1642a057bb4da89284403ef8a7f6fb7adedf7a574e0e14b6d7"


@pytest.mark.parametrize("listed", [LISTED, bybit(START_MS)], ids=["binance", "bybit"])
def test_books_are_sane_at_every_moment(listed: tuple[Instrument, ...]) -> None:
    """Every instrument of a venue: on tick and lot, uncrossed, both sides there, through stress, shocks and jumps."""
    wild = world(
        4,
        calm=Regime(name="calm", mean_s=120.0),
        stress=Regime(name="stress", mean_s=60.0, volatility=10.0, spread=8.0, depth=0.1, activity=2.0),
        common_jumps_per_day=2000.0,
    )
    market = SyntheticMarket(wild, listed)
    stage = played(market, list(listed), START_MS + 200_000)
    for base, factor in (("BTC", 0.5), ("PEPE", 0.001), ("USDT", 0.97), ("ETH", 30.0)):
        stage.play(market.shock(base, factor, stage.now_ms))
        stage.play(market.until(stage.now_ms + 20_000))

    sizes = [len(side) for book in stage.books.values() for side in (book.bids, book.asks)]
    assert max(sizes) <= 1 + 2 * Shape().rungs
    assert market.keys == {one.key for one in listed}
    assert not market.ended


def test_a_book_refills_what_was_taken_without_being_told() -> None:
    """An emptied background is as deep as an untouched one again within a minute, and never deeper."""
    instruments = some(PERP)
    market = SyntheticMarket(world(), instruments)
    stage, untouched = Stage(instruments), Stage(instruments)
    for one in (stage, untouched):
        one.play(market.opening())
    for side in (stage.books[PERP].bids, stage.books[PERP].asks):
        for price in list(side)[:8]:
            side[price] = 1

    flows = list(market.until(START_MS + 60_000))
    stage.play(flows)
    untouched.play(flows)

    assert sum(stage.books[PERP].bids.values()) > 0.8 * sum(untouched.books[PERP].bids.values())
    assert all(stage.books[PERP].bids[p] <= untouched.books[PERP].bids[p] for p in stage.books[PERP].bids)


def test_a_stranger_that_took_the_touch_is_followed_by_a_quote() -> None:
    """After an aggression the next flow of that instrument that is not a refresh sets the touch anew."""
    flows = [f for f in SyntheticMarket(world(), some(PERP)).until(START_MS + HOUR) if not isinstance(f, IndexPrice)]
    touched = [f for f in flows if not isinstance(f, Level)]
    after = [b for a, b in pairwise(touched) if isinstance(a, Aggression)]

    assert len(after) > 500
    assert all(isinstance(flow, Top | Levels) for flow in after)


def test_strangers_lean_the_way_the_price_goes() -> None:
    """Buyers when the fair price is above the quotes; both sides about equally often over an hour."""
    stage = played(SyntheticMarket(world(2), some(PERP)), some(PERP), START_MS + HOUR)
    buys = fmean(take.side > 0 for take in stage.takes if isinstance(take, Aggression))

    assert 0.4 < buys < 0.6


def minutes(market: SyntheticMarket, stage: Stage, count: int) -> Iterator[Stage]:
    """The stage after each of so many minutes."""
    stage.play(market.opening())
    for minute in range(1, count + 1):
        stage.play(market.until(START_MS + 60_000 * minute))
        yield stage


def test_a_perpetual_basis_reverts_to_its_mean() -> None:
    """Over half a day the basis averages what the model says, strays as it says, and forgets within hours."""
    instruments = some(SPOT, PERP)
    calm = world(3, calm=msgspec.structs.replace(CALM, mean_s=1e9))
    behaviour = Behaviour(events_per_s=0.5, premiums={PERP: Premium(mean_bps=5.0, stdev_bps=3.0, half_life_s=300.0)})
    market, stage = SyntheticMarket(calm, instruments, behaviour), Stage(instruments)
    basis = [1e4 * (now.books[PERP].mid / now.books[SPOT].mid - 1) for now in minutes(market, stage, 720)]

    assert fmean(basis) == pytest.approx(5.0, abs=1.2)
    assert pstdev(basis) == pytest.approx(3.0, rel=0.25)
    assert correlation(basis[:-5], basis[5:]) == pytest.approx(0.5, abs=0.15)


def test_two_venues_of_one_world_move_together_and_differ_a_little() -> None:
    """Spot of both venues: returns correlate above 0.95, mids stay within ten basis points, flows are not the same."""
    one, other = some(SPOT), some(SPOT, listed=bybit(START_MS))
    calm = world(6, common_jumps_per_day=0.0)
    markets = SyntheticMarket(calm, one), SyntheticMarket(calm, other, Behaviour(venue="bybit"))
    both = zip(minutes(markets[0], Stage(one), 90), minutes(markets[1], Stage(other), 90), strict=True)
    mids = [(a.books[SPOT].mid, b.books[SPOT].mid) for a, b in both]
    moves = [tuple(math.log(now / then) for then, now in zip(x, y, strict=True)) for x, y in pairwise(mids)]

    assert correlation([m[0] for m in moves], [m[1] for m in moves]) > 0.95
    assert max(abs(a / b - 1) for a, b in mids) < 1e-3
    assert any(a != b for a, b in mids)


def test_stress_widens_the_spread_thins_the_book_and_quickens_it() -> None:
    """The touch of a market that is always in stress against one that is never."""
    calm = Regime(name="calm", mean_s=1e9)
    stressed = Regime(name="calm", mean_s=1e9, spread=10.0, depth=0.2, activity=2.0)

    def look(regime: Regime) -> tuple[float, float, int]:
        market = SyntheticMarket(world(8, calm=regime), some(("usdm", "SOLUSDT")))
        stage = played(market, some(("usdm", "SOLUSDT")), START_MS + 600_000)
        book = stage.books["usdm", "SOLUSDT"]
        return book.ask - book.bid, sum(book.bids.values()), market.position

    quiet, wild = look(calm), look(stressed)
    assert wild[0] > 2 * quiet[0]
    assert wild[1] < 0.4 * quiet[1]
    assert wild[2] == pytest.approx(2 * quiet[2], rel=0.1)


def test_a_dated_future_runs_into_its_index() -> None:
    """Its premium is the carry of what life it has left: full at the start, none at the end, silent after."""
    expiry = START_MS + 10 * 60_000
    dated = next(one for one in binance(START_MS) if one.category == "usdm" and one.expiry_ms)
    dated.expiry_ms = expiry
    terms = Premium(stdev_bps=0.0, carry=1000.0)
    market = SyntheticMarket(world(), [dated], Behaviour(premiums={dated.key: terms}))
    premiums = [
        now.books[dated.key].mid * SCALE / now.indices["BTCUSDT"] - 1 for now in minutes(market, Stage([dated]), 12)
    ]

    assert premiums[0] == pytest.approx(1000 * 9 / (365 * 1440), rel=0.05)
    assert premiums[9] == pytest.approx(0.0, abs=2e-4)
    assert [flow for flow in market.until(expiry + HOUR) if not isinstance(flow, IndexPrice)] == []


def test_a_shock_moves_every_price_of_an_asset_at_once_and_for_good() -> None:
    """Books and indices of the asset come at the shock's time at the new price; other assets' do not."""
    instruments = some(SPOT, PERP, ("coinm", "BTCUSD_PERP"), ("spot", "ETHUSDT"))
    market = SyntheticMarket(world(), instruments)
    stage = played(market, instruments, START_MS + 5000)
    before = {key: book.mid for key, book in stage.books.items()} | stage.indices

    flows = stage.play(market.shock("BTC", 0.8, START_MS + 5000))

    assert {type(flow) for flow in flows} == {Levels, IndexPrice}
    assert all(flow.time_ms == START_MS + 5000 for flow in flows)
    after = {key: book.mid for key, book in stage.books.items()} | stage.indices
    for name, value in after.items():
        factor = 1.0 if name == ("spot", "ETHUSDT") else 0.8
        assert value / before[name] == pytest.approx(factor, rel=2e-3)
    stage.play(market.until(START_MS + 60_000))
    assert stage.books[PERP].mid / before[PERP] == pytest.approx(0.8, rel=1e-2)


def test_a_shock_of_the_quote_moves_its_pairs_the_other_way() -> None:
    """When USDT loses two per cent, USDC and BTC cost two per cent more of it, and BTC in dollars nothing more."""
    usdc, dollar = ("spot", "USDCUSDT"), ("coinm", "BTCUSD_PERP")
    instruments = some(SPOT, usdc, dollar)
    market = SyntheticMarket(world(), instruments)
    stage = played(market, instruments, START_MS + 1000)
    before = {key: book.mid for key, book in stage.books.items()}

    stage.play(market.shock("USDT", 0.98, START_MS + 1000))

    moved = {key: book.mid / before[key] for key, book in stage.books.items()}
    assert moved[SPOT] == pytest.approx(1 / 0.98, rel=1e-3)
    assert moved[usdc] == pytest.approx(1 / 0.98, rel=1e-3)
    assert moved[dollar] == pytest.approx(1.0, rel=1e-3)


def test_a_multiplied_perpetual_follows_its_asset() -> None:
    """1000PEPE costs a thousand PEPE, and its index says so."""
    keys = ("spot", "PEPEUSDT"), ("usdm", "1000PEPEUSDT")
    stage = played(SyntheticMarket(world(), some(*keys)), some(*keys), START_MS + 60_000)

    assert stage.indices["1000PEPEUSDT"] == pytest.approx(1000 * stage.books[keys[0]].mid * SCALE, rel=2e-3)
    assert stage.books[keys[1]].mid == pytest.approx(1000 * stage.books[keys[0]].mid, rel=3e-3)


def test_broken_constituents_move_the_index_only_together() -> None:
    """One of four wrong by eight per cent moves nothing; two move the index half way; mended it is right again."""
    instruments = some(PERP)
    market = SyntheticMarket(world(), instruments)
    stage = played(market, instruments, START_MS + 1000)

    def ratio(second: int) -> float:
        stage.play(market.until(START_MS + 1000 * second))
        return stage.indices["BTCUSDT"] / SCALE / stage.books[PERP].mid

    market.break_constituent("BTCUSDT", "alpha", 1.2)
    assert ratio(2) == pytest.approx(1.0, abs=1e-3)
    market.break_constituent("BTCUSDT", "beta", 1.2)
    assert ratio(3) == pytest.approx(1.1, abs=1e-3)
    market.break_constituent("BTCUSDT", "beta", None)
    assert ratio(4) == pytest.approx(1.0, abs=1e-3)
    market.break_constituent("BTCUSDT", "alpha", 1.0)
    market.break_constituent("BTCUSDT", "beta", 1.0)
    assert ratio(5) == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(KeyError):
        market.break_constituent("BTCUSDT", "omega", 1.0)


def test_a_shock_of_something_else_does_nothing() -> None:
    """An asset that the venue does not have has no flow; an impossible factor is refused."""
    market = SyntheticMarket(world(), some(PERP))

    assert list(market.shock("DOGE", 2.0, START_MS)) == []
    for factor in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="more than zero"):
            market.shock("BTC", factor, START_MS)


def test_nonsense_is_refused() -> None:
    """No instruments, no events, no book."""
    with pytest.raises(ValueError, match="needs instruments"):
        SyntheticMarket(world(), [])
    with pytest.raises(ValueError, match="rate of events"):
        SyntheticMarket(world(), some(PERP), Behaviour(events_per_s=0.0))
    with pytest.raises(ValueError, match="4 rungs"):
        Quoter(some(PERP)[0], 1, "x", Shape(rungs=1))


@given(st.integers(0, 10**6))
@settings(max_examples=25)
def test_a_quoter_keeps_its_book_sane_wherever_the_price_goes(seed: int) -> None:
    """Random walks with leaps, spreads and depths of any size, down to a few ticks: uncrossed, on tick, both sides."""
    rng, one = random.Random(seed), some(("spot", "PEPEUSDT"))[0]
    quoter, stage, fair = Quoter(one, seed, "x", Shape(rungs=4, gap_bps=rng.choice([0.6, 30.0]))), Stage([one]), 1e-5
    stage.play([quoter.book(1, fair, 0.0, 1000.0)])
    for _ in range(150):
        fair = max(1e-8, fair * rng.choice([1.0, 1.0001, 0.9999, 1.01, 0.99, rng.uniform(0.3, 3.0)]))
        half, depth = fair * rng.choice([0.0, 1e-5, 0.01]), rng.uniform(0.0, 1e5)
        kind = rng.randrange(3)
        if kind == 0:
            stage.play(quoter.refresh(2))
        else:
            stage.play(quoter.quote(2, fair, half, depth) if kind == 1 else quoter.aggress(2, fair))
