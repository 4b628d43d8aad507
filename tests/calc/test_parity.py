"""Risk-parity weights."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear
from bot.calc.parity import contributions, equal_risk, inverse_volatility
from bot.domain.statistics import Matrix

FLOATS = st.floats(-1.0, 1.0)


@st.composite
def covariances(draw: st.DrawFn) -> Matrix:
    """Covariances of assets with volatilities of very different size."""
    n = draw(st.integers(1, 8))
    a = [draw(st.lists(FLOATS, min_size=n, max_size=n)) for _ in range(n)]
    size = draw(st.lists(st.floats(0.001, 0.2), min_size=n, max_size=n))
    return tuple(
        tuple(size[i] * size[j] * (linear.dot(a[i], a[j]) + (0.2 if i == j else 0.0)) for j in range(n))
        for i in range(n)
    )


def test_an_asset_three_times_as_volatile_weighs_a_third() -> None:
    """The worked case: 75/25, by inverse volatility and, of two assets, by equal risk whatever the correlation."""
    assert (0.75, 0.25) == inverse_volatility((1.0, 3.0))
    for rho in (-0.5, 0.0, 0.7, 0.99):
        weights = equal_risk(((1.0, 3.0 * rho), (3.0 * rho, 9.0)))
        assert weights is not None
        assert math.isclose(0.75, weights[0], rel_tol=1e-9)


@given(covariances(), st.floats(0.1, 3.0))
def test_every_asset_carries_the_same_risk(covariance: Matrix, exposure: float) -> None:
    """Contributions are equal to 1e-9 and the weights, all of them long, add up to the exposure."""
    weights = equal_risk(covariance, exposure)

    assert weights is not None
    assert all(one > 0.0 for one in weights)
    assert math.isclose(exposure, math.fsum(weights), rel_tol=1e-12)
    assert all(abs(one - 1.0 / len(weights)) < 1e-9 for one in contributions(covariance, weights))


@given(st.lists(st.floats(1e-4, 10.0), min_size=1, max_size=10), st.floats(0.1, 3.0))
def test_uncorrelated_assets_are_weighed_by_inverse_volatility(volatilities: list[float], exposure: float) -> None:
    """Both methods agree where nothing is correlated, and their weights add up to the exposure."""
    diagonal = tuple(
        tuple(one * one if i == j else 0.0 for j in range(len(volatilities))) for i, one in enumerate(volatilities)
    )
    simple, equal = inverse_volatility(volatilities, exposure), equal_risk(diagonal, exposure)

    assert simple is not None
    assert equal is not None
    assert math.isclose(exposure, math.fsum(simple), rel_tol=1e-12)
    assert all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(simple, equal, strict=True))


@pytest.mark.parametrize("volatilities", [[], [0.1, 0.0], [0.1, math.nan], [0.1, math.inf], [-0.1]])
def test_an_asset_without_volatility_has_no_weight(volatilities: list[float]) -> None:
    """What does not move could carry risk at no weight at all: refused, not divided by."""
    assert inverse_volatility(volatilities) is None


@pytest.mark.parametrize("covariance", [(), ((0.0,),), ((1.0, -1.0), (-1.0, 1.0))])
def test_assets_that_cancel_each_other_have_no_equal_risk(covariance: Matrix) -> None:
    """Without risk there is nothing to share."""
    assert equal_risk(covariance) is None


def test_of_no_variance_nobody_has_a_share() -> None:
    """Shares of nothing are nothing."""
    assert (0.0, 0.0) == contributions(((1.0, -1.0), (-1.0, 1.0)), (1.0, 1.0))
