"""The index contract that follows a basket best, by tracking error and cost."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear
from bot.calc.tracking import Candidate, Tracked, choose, rank
from bot.domain.statistics import Matrix, Moments
from bot.domain.units import HOUR_NS, Asset, Nanos

ALTS, BTC, DEFI, WIDE = (Asset(name) for name in ("ALTS", "BTC", "DEFI", "WIDE"))
HOURS_A_YEAR = 8760


def known(covariance: Matrix, *assets: Asset, samples: int = 500) -> Moments:
    """Moments of these assets, measured by `samples` returns each."""
    return Moments(
        assets=assets, interval_ns=HOUR_NS, at_ns=Nanos(0), samples=(samples,) * len(assets), effective=300.0,
        covariance=covariance, fast=covariance, slow=covariance,
    )  # fmt: skip


TWO = known(((4e-4, 1e-4), (1e-4, 1e-4)), ALTS, BTC)


def row(moments: Moments, candidate: Candidate, ratio: float | None = None) -> Tracked:
    """The row of a single candidate for a basket of ALTS."""
    (found,) = rank(moments, {ALTS: 70_000.0}, [candidate], ratio=ratio)
    return found


def test_the_worked_index_overlay_tracks_with_half_of_the_difference() -> None:
    """Half of the index is BTC: one to one it leaves TE^2 = (w - v)' S (w - v), half long ALTS and half short BTC."""
    found = row(TWO, Candidate(asset=WIDE, composition={BTC: 0.5, ALTS: 0.5}), ratio=1.0)
    by_hand = linear.quadratic(TWO.covariance, (0.5, -0.5)) * HOURS_A_YEAR

    assert 1.0 == found.ratio
    assert math.isclose(math.sqrt(by_hand), found.error or 0.0)
    assert math.isclose(1.0 - by_hand / HOURS_A_YEAR / 4e-4, found.effectiveness or 0.0)


def test_the_best_ratio_is_the_slope_on_the_index() -> None:
    """No other short of the same contract follows better."""
    index = Candidate(asset=WIDE, composition={BTC: 0.5, ALTS: 0.5})
    best = row(TWO, index)

    assert math.isclose(2.5e-4 / 1.75e-4, best.ratio or 0.0)
    assert (best.error or 0.0) < (row(TWO, index, ratio=(best.ratio or 0.0) + 0.05).error or 0.0)
    assert (best.error or 0.0) < (row(TWO, index, ratio=(best.ratio or 0.0) - 0.05).error or 0.0)


def test_a_basis_of_its_own_adds_to_the_error() -> None:
    """TE^2 grows by the variance of the contract against its index."""
    plain = row(TWO, Candidate(asset=WIDE, composition={ALTS: 1.0}), ratio=1.0)
    loose = row(TWO, Candidate(asset=WIDE, composition={ALTS: 1.0}, basis_variance=1e-6), ratio=1.0)
    double = row(TWO, Candidate(asset=WIDE, composition={ALTS: 1.0}, basis_variance=1e-6), ratio=2.0)

    assert 0.0 == plain.error
    assert math.isclose(math.sqrt(1e-6 * HOURS_A_YEAR), loose.error or 0.0)
    assert math.isclose(math.sqrt((4e-4 + 4e-6) * HOURS_A_YEAR), double.error or 0.0)


def test_returns_of_its_own_come_before_a_composition() -> None:
    """An index that is measured is judged by what it did, not by what it is said to be made of."""
    measured = known(((4e-4, 1e-4), (1e-4, 1e-4)), ALTS, WIDE)
    found = row(measured, Candidate(asset=WIDE, composition={ALTS: 1.0}), ratio=1.0)

    assert math.isclose(math.sqrt(3e-4 * HOURS_A_YEAR), found.error or 0.0)
    assert "own returns" in found.why


def test_a_contract_on_the_basket_itself_follows_it_without_error() -> None:
    """One of the basket's own coins may be the contract."""
    found = row(TWO, Candidate(asset=ALTS))

    assert (1.0, 0.0, 1.0) == (found.ratio, found.error, found.effectiveness)


def test_the_best_contract_is_the_cheapest_to_follow_with() -> None:
    """A small error that costs much a year loses to a larger one that earns; what is unknown comes last."""
    candidates = [
        Candidate(asset=DEFI),
        Candidate(asset=WIDE, composition={ALTS: 0.9, BTC: 0.1}, cost=2.0),
        Candidate(asset=BTC, cost=-0.1),
    ]
    table = rank(TWO, {ALTS: 1.0}, candidates)

    assert [BTC, WIDE, DEFI] == [one.asset for one in table]
    assert "too few returns of DEFI" in table[2].why
    assert table[2].score is None
    assert BTC == (choose(table) or table[2]).asset


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5), st.floats(0.1, 1e6))
def test_the_size_of_the_basket_does_not_change_the_choice(shares: list[float], scale: float) -> None:
    """Weights and values of one basket rank alike, in whichever order candidates are named."""
    candidates = [
        Candidate(asset=Asset(f"I{n}"), composition={BTC: one, ALTS: 1.0 - one}) for n, one in enumerate(shares)
    ]
    small = rank(TWO, {ALTS: 1.0, BTC: 0.5}, candidates)
    large = rank(TWO, {BTC: 0.5 * scale, ALTS: scale}, candidates[::-1])

    for one, other in zip(small, large, strict=True):
        assert math.isclose(one.score or 0.0, other.score or 0.0, rel_tol=1e-6, abs_tol=1e-6)


def test_a_contract_that_is_held_is_kept_until_another_is_clearly_better() -> None:
    """A switch costs two trades: it must gain more than the buffer."""
    table = rank(TWO, {ALTS: 1.0}, [Candidate(asset=WIDE, composition={ALTS: 1.0}, cost=0.1), Candidate(asset=ALTS)])

    assert ALTS == (choose(table, held=WIDE, buffer=0.05) or table[1]).asset
    assert WIDE == (choose(table, held=WIDE, buffer=0.2) or table[0]).asset
    assert ALTS == (choose(table, held=DEFI, buffer=0.2) or table[1]).asset


@pytest.mark.parametrize(
    ("basket", "candidate", "why"),
    [
        ({}, Candidate(asset=BTC), "the basket is empty"),
        ({ALTS: 1.0, BTC: -1.0}, Candidate(asset=BTC), "the basket is empty"),
        ({ALTS: 1.0}, Candidate(asset=WIDE, composition={DEFI: 1.0}), "too few returns of DEFI"),
        ({DEFI: 1.0}, Candidate(asset=BTC), "too few returns of DEFI"),
        ({ALTS: 1.0}, Candidate(asset=WIDE, composition={ALTS: 0.0}), "does not move"),
    ],
)
def test_what_is_not_known_is_said_and_not_chosen(
    basket: Mapping[Asset, float], candidate: Candidate, why: str
) -> None:
    """An empty basket, too few returns, or an index that does not move."""
    table = rank(TWO, basket, [candidate])

    assert why in table[0].why
    assert choose(table) is None


def test_too_few_returns_are_not_known() -> None:
    """The caller says how many it wants."""
    assert choose(rank(TWO, {ALTS: 1.0}, [Candidate(asset=BTC)], samples_min=501)) is None
