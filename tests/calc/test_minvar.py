"""Hedges of least variance, plain and with costs, caps and margin."""

import itertools
import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear
from bot.calc.minvar import Hedge, Instrument, betas, constrained, hedge
from bot.calc.moments import moments, of_returns
from bot.domain.snapshot import Returns
from bot.domain.statistics import Matrix
from bot.domain.targets import StatisticsRule
from bot.domain.units import HOUR_NS, Asset, Nanos

FLOATS = st.floats(-3.0, 3.0)
SIZES = st.floats(-100.0, 100.0)
BTC, ETH, ALT = Asset("BTC"), Asset("ETH"), Asset("ALT")


@st.composite
def covariances(draw: st.DrawFn, smallest: int = 2, largest: int = 5) -> Matrix:
    """A covariance matrix in which no asset is a combination of the others."""
    n = draw(st.integers(smallest, largest))
    a = [draw(st.lists(FLOATS, min_size=n, max_size=n)) for _ in range(n)]
    return tuple(tuple(1e-4 * (linear.dot(a[i], a[j]) + (0.5 if i == j else 0.0)) for j in range(n)) for i in range(n))


@st.composite
def books(draw: st.DrawFn) -> tuple[Matrix, list[float]]:
    """Covariances and what is held of each asset."""
    covariance = draw(covariances())
    return covariance, draw(st.lists(SIZES, min_size=len(covariance), max_size=len(covariance)))


def found(one: Hedge | None) -> Hedge:
    """A hedge that must exist."""
    assert one is not None
    return one


def left(exposure: Sequence[float], hedges: Sequence[int], one: Hedge) -> list[float]:
    """The exposure with its hedge."""
    after = list(exposure)
    for j, amount in zip(hedges, one.amounts, strict=True):
        after[j] += amount
    return after


@given(books(), st.data())
def test_what_is_left_is_uncorrelated_with_every_hedge(book: tuple[Matrix, list[float]], data: st.DataObject) -> None:
    """In sample no hedge could take any more away."""
    covariance, held = book
    hedges = data.draw(st.lists(st.sampled_from(range(len(held))), min_size=1, max_size=3, unique=True))
    after = linear.product(covariance, left(held, hedges, found(hedge(covariance, held, hedges))))

    assert all(abs(after[j]) < 1e-10 for j in hedges)


@given(books())
def test_another_instrument_never_leaves_more_variance(book: tuple[Matrix, list[float]]) -> None:
    """In sample the residual variance falls, or stays, with each hedge that is added; it is a share of what was."""
    covariance, held = book
    variances = [found(hedge(covariance, held, range(count))).residual for count in range(len(held) + 1)]
    shares = [found(hedge(covariance, held, range(count))).effectiveness for count in range(len(held) + 1)]

    assert all(later <= before + 1e-12 for before, later in itertools.pairwise(variances))
    assert variances[-1] < 1e-12
    assert all(-1e-12 <= share <= 1.0 for share in shares)


@given(covariances())
def test_the_hedge_of_an_asset_with_itself_is_itself(covariance: Matrix) -> None:
    """Beta 1 on itself, 0 on the others, and nothing is left."""
    whole = found(hedge(covariance, [0.0] * (len(covariance) - 1) + [7.0], range(len(covariance))))

    assert -7.0 == whole.amounts[-1]
    assert all(0.0 == one for one in whole.amounts[:-1])
    assert (0.0, 1.0) == (whole.residual, whole.effectiveness)


@given(covariances(3, 3), st.floats(-5.0, 5.0))
def test_betas_are_in_proportion_to_what_is_hedged(covariance: Matrix, c: float) -> None:
    """beta(c a) = c beta(a), with two instruments as with one."""
    scaled = tuple(
        tuple(one * (c if i == 0 else 1.0) * (c if j == 0 else 1.0) for j, one in enumerate(row))
        for i, row in enumerate(covariance)
    )
    one, other = betas(covariance, 0, (1, 2)), betas(scaled, 0, (1, 2))

    assert one is not None
    assert other is not None
    assert all(math.isclose(c * a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(one, other, strict=True))


def test_two_anchors_find_what_a_coin_was_made_of() -> None:
    """A coin of 0.8 BTC and 0.5 ETH is hedged by just that."""
    rows = [(0.01, 0.02), (-0.02, 0.01), (0.03, 0.03), (-0.01, -0.02), (0.0, 0.01)]
    series: dict[Asset, tuple[float | None, ...]] = {
        ALT: tuple(0.8 * b + 0.5 * e for b, e in rows),
        BTC: tuple(b for b, _ in rows),
        ETH: tuple(e for _, e in rows),
    }
    known = moments(
        of_returns(Returns(interval_ns=HOUR_NS, end_ns=Nanos(1), logarithmic=True, series=series), StatisticsRule())
    )
    slopes = betas(known.covariance, 0, (1, 2))

    assert (ALT, BTC, ETH) == known.assets
    assert slopes is not None
    assert math.isclose(0.8, slopes[0], rel_tol=1e-9)
    assert math.isclose(0.5, slopes[1], rel_tol=1e-9)


def test_three_times_the_volatility_is_not_three_times_the_hedge() -> None:
    """The worked case: at a correlation of 0.7 the hedge is 2.1 a dollar and takes 0.49 away; 3.0 takes 0.4."""
    covariance = ((1.0, 2.1), (2.1, 9.0))
    best = found(hedge(covariance, (0.0, 1.0), (0,)))
    by_volatility = linear.quadratic(covariance, (-3.0, 1.0))

    assert math.isclose(-2.1, best.amounts[0])
    assert math.isclose(0.49, best.effectiveness)
    assert math.isclose(0.4, 1.0 - by_volatility / 9.0)


@pytest.mark.parametrize("covariance", [((1.0, 1.0, 0.5), (1.0, 1.0, 0.5), (0.5, 0.5, 1.0)), ((0.0,) * 3,) * 3])
def test_hedges_that_cannot_be_told_apart_are_refused(covariance: Matrix) -> None:
    """Twice the same instrument, or one that does not move, has no single answer."""
    assert betas(covariance, 2, (0, 1)) is None
    assert hedge(covariance, (0.0, 0.0, 1.0), (0, 1)) is None


def perpetual(asset: Asset, **more: float) -> Instrument:
    """A future on one asset."""
    return msgspec.structs.replace(Instrument(name=asset, moves={asset: 1.0}), **more)


PAIR: Matrix = ((1e-4, 0.7e-4), (0.7e-4, 1e-4))


def best_of(*instruments: Instrument, margin_max: float = math.inf, aversion: float = 1.0) -> Hedge:
    """The hedge of 100 ALT that is correlated with BTC at 0.7."""
    return found(
        constrained(
            PAIR, (BTC, ALT), {ALT: 100.0}, instruments, aversion=aversion, intervals=1.0, margin_max=margin_max
        )
    )


@given(books())
def test_without_cost_the_constrained_hedge_is_the_plain_one(book: tuple[Matrix, list[float]]) -> None:
    """Caps, costs and margin that do not bind change nothing."""
    covariance, held = book
    assets = [Asset(f"A{n}") for n in range(len(held))]
    instruments = [perpetual(asset) for asset in assets[:2]]
    plain = found(hedge(covariance, held, (0, 1)))
    costless = found(
        constrained(covariance, assets, dict(zip(assets, held, strict=True)), instruments, aversion=3.0, intervals=24.0)
    )

    assert costless.converged
    assert all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in zip(plain.amounts, costless.amounts, strict=True)
    )
    assert math.isclose(plain.residual, costless.residual, rel_tol=1e-6, abs_tol=1e-9)


def test_what_costs_more_than_it_removes_is_left_out() -> None:
    """The last dollar of a hedge takes 1 bp^2 a dollar away: a cost above the first dollar's gain trades nothing."""
    gain = 0.7e-4 * 100.0

    assert (0.0,) == best_of(perpetual(BTC, cost=gain * 1.001)).amounts
    assert -70.0 < best_of(perpetual(BTC, cost=gain * 0.5)).amounts[0] < 0.0
    assert math.isclose(-70.0, best_of(perpetual(BTC)).amounts[0])


def test_a_hedge_that_stands_is_kept_while_moving_it_costs_more() -> None:
    """The cost is of the trade, not of what is held."""
    assert (-60.0,) == best_of(perpetual(BTC, now=-60.0, cost=0.002)).amounts
    assert math.isclose(-70.0, best_of(perpetual(BTC, now=-60.0)).amounts[0])


def test_funding_moves_the_hedge_to_where_it_is_paid() -> None:
    """A short that receives grows, one that pays shrinks, and margin that costs makes either smaller."""
    assert best_of(perpetual(BTC, carry=0.001)).amounts[0] < -70.0
    assert -70.0 < best_of(perpetual(BTC, carry=-0.001)).amounts[0]
    assert -70.0 < best_of(perpetual(BTC, margin_cost=0.001)).amounts[0]


def test_a_margin_that_binds_has_a_price() -> None:
    """Half the margin makes half the hedge, and one more unit would be worth something."""
    bound = best_of(perpetual(BTC, margin=0.1), margin_max=3.5)

    assert math.isclose(-35.0, bound.amounts[0], rel_tol=1e-8)
    assert bound.margin_price > 0.0
    assert bound.converged
    assert (0.0,) == best_of(perpetual(BTC, margin=0.1), margin_max=0.0).amounts


def test_an_index_moves_every_asset_that_it_is_made_of() -> None:
    """An index half BTC and half ALT is shorted by what leaves the least variance of both."""
    index = Instrument(name=Asset("IDX"), moves={BTC: 0.5, ALT: 0.5})
    felt = linear.product(PAIR, (0.5, 0.5))

    assert math.isclose(-100.0 * felt[1] / linear.dot((0.5, 0.5), felt), best_of(index).amounts[0], rel_tol=1e-9)


def test_without_instruments_nothing_is_hedged() -> None:
    """The variance stays what it is."""
    nothing = best_of()

    assert () == nothing.amounts
    assert nothing.before == nothing.residual
    assert 0.0 == nothing.effectiveness


def test_what_has_no_variance_is_hedged_already() -> None:
    """Of nothing, all has been taken away."""
    assert 1.0 == found(hedge(PAIR, (0.0, 0.0), (0,))).effectiveness


@pytest.mark.parametrize(
    "bad",
    [
        {"cost": -1.0},
        {"cap": -1.0},
        {"margin": math.nan},
        {"carry": math.inf},
        {"now": math.nan},
        {"margin_cost": -1.0},
    ],
)
def test_senseless_terms_are_refused(bad: dict[str, float]) -> None:
    """A negative cost, cap or margin, or what is no number, has no hedge."""
    assert constrained(PAIR, (BTC, ALT), {ALT: 1.0}, [perpetual(BTC, **bad)], aversion=1.0) is None


def test_an_instrument_without_risk_is_refused() -> None:
    """What moves nothing hedges nothing."""
    assert constrained(PAIR, (BTC, ALT), {ALT: 1.0}, [Instrument(name=BTC, moves={})], aversion=1.0) is None
    assert constrained(PAIR, (BTC, ALT), {ALT: 1.0}, [perpetual(BTC)], aversion=0.0) is None
