"""The closed forms of a band's width: against their limits, their sources and a walk that is counted."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.autoband import (
    YEAR_NS,
    Corridor,
    Problem,
    Restlessness,
    aversion_of_budget,
    aversion_of_width,
    best,
    clipped,
    cube_root,
    inner_of_lot,
    loss,
    mean_square,
    myopic,
    option_variance,
    to_edge,
    trades,
    turnover,
    weight_variances,
    width,
    width_of_budget,
)
from bot.domain.units import DAY_NS, HOUR_NS

variances = st.floats(1e-4, 4.0)
aversions = st.floats(0.1, 1e4)
costs = st.floats(1e-5, 1e-2)
fixed_costs = st.floats(1e-9, 1e-3)


def problem(
    variance: float = 0.05, returns: float = 0.5, aversion: float = 100.0, cost: float = 5.5e-4, fixed: float = 0.0
) -> Problem:
    """A weights book's typical asset."""
    return Problem(variance=variance, returns=returns, aversion=aversion, cost=cost, fixed=fixed)


problems = st.builds(problem, variances, variances, aversions, costs, st.just(0.0) | fixed_costs)


@given(st.floats(1e-300, 1e300))
def test_a_cube_root_cubed_is_what_it_was(x: float) -> None:
    """The cube root is right to the last digits wherever floats go."""
    root = cube_root(x)

    assert root * (root / x) * root == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(("x", "root"), [(-1.0, 0.0), (0.0, 0.0), (8.0, 2.0), (math.inf, math.inf)])
def test_cube_roots_have_their_ends(x: float, root: float) -> None:
    """Nothing gives nothing, everything everything, and rounding below zero is zero."""
    assert root == cube_root(x)


def test_what_is_not_a_number_has_no_cube_root() -> None:
    """Not a number stays that, and does not become a width of zero."""
    assert math.isnan(cube_root(math.nan))


@given(problems)
def test_without_a_fixed_cost_trades_end_at_the_edge(case: Problem) -> None:
    """F = 0: y = D = (3 k sigma_x^2 / (2 aversion sigma_r^2))^(1/3)."""
    plain = problem(case.variance, case.returns, case.aversion, case.cost)
    d = (3 * plain.cost * plain.variance / (2 * plain.aversion * plain.returns)) ** (1 / 3)

    assert width(plain) == pytest.approx(d, rel=1e-12)
    assert best(plain).trigger == best(plain).inner == pytest.approx(d, rel=1e-12)


@given(variances, variances, aversions, fixed_costs)
def test_without_a_proportional_cost_trades_end_at_the_target(
    variance: float, returns: float, aversion: float, fixed: float
) -> None:
    """k = 0: y = 0, D = (12 F sigma_x^2 / (aversion sigma_r^2))^(1/4)."""
    found = best(problem(variance, returns, aversion, 0.0, fixed))

    assert found.trigger == pytest.approx((12 * fixed * variance / (aversion * returns)) ** 0.25, rel=1e-9)
    assert found.inner == pytest.approx(0.0, abs=1e-6 * found.trigger)


@pytest.mark.parametrize(
    ("fixed", "trigger", "inner"),
    [(0.0, 0.0070, 0.0070), (1e-6, 0.0110, 0.0041), (1e-5, 0.0162, 0.0023), (1e-4, 0.0270, 0.0009)],
)
def test_the_dearer_a_trade_is_the_further_it_goes(fixed: float, trigger: float, inner: float) -> None:
    """60/40 at 5.5 bps and an aversion of 100: the published corridors for fixed costs from nothing to 1e-4 of NAV."""
    found = best(problem(variance=0.0415758 * 0.5, returns=0.5, fixed=fixed))

    assert [trigger, inner] == pytest.approx([found.trigger, found.inner], abs=5e-5)


@given(problems, st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_no_other_corridor_loses_less(case: Problem, wider: float, further: float) -> None:
    """J's minimum is one: moving the trigger or the inner point never gains."""
    found = best(case)
    trigger = found.trigger * (1 + wider)
    other = Corridor(trigger, min(found.inner * (1 + further), trigger * (1 - 1e-6)))

    assert loss(case, found) <= loss(case, other) * (1 + 1e-9)


@given(problems)
def test_a_fixed_cost_widens_the_trigger_and_deepens_the_trade(case: Problem) -> None:
    """0 <= y <= the width without fixed cost <= D."""
    found, plain = best(case), width(case)

    assert 0 <= found.inner <= plain * (1 + 1e-9)
    assert plain * (1 - 1e-9) <= found.trigger


def test_nothing_at_risk_is_never_traded() -> None:
    """Without aversion or volatility a band is endless."""
    assert math.inf == width(problem(aversion=0.0)) == width(problem(returns=0.0))
    assert Corridor(math.inf, math.inf) == best(problem(aversion=0.0))


@given(problems, st.floats(1.01, 100.0))
def test_widths_grow_with_cost_and_drift_and_shrink_with_aversion_and_risk(case: Problem, factor: float) -> None:
    """D increases in k and sigma_x^2, decreases in aversion and sigma_r; 8x k gives 2x D (property 12)."""
    d = width(case)

    def changed(**by: float) -> float:
        return width(problem(**{"variance": case.variance, "returns": case.returns, "cost": case.cost} | by))

    assert width(problem(case.variance, case.returns, case.aversion, 8 * case.cost)) == pytest.approx(2 * d)
    assert width(problem(case.variance * factor, case.returns, case.aversion, case.cost)) > d
    assert width(problem(case.variance, case.returns, case.aversion, case.cost * factor)) > d
    assert width(problem(case.variance, case.returns, case.aversion * factor, case.cost)) < d
    assert width(problem(case.variance, case.returns * factor, case.aversion, case.cost)) < d


@pytest.mark.parametrize(("trigger", "inner"), [(10, 0), (12, 5), (14, 0), (14, 9), (25, 24)])
def test_the_terms_of_the_loss_are_those_of_a_walk(trigger: int, inner: int) -> None:
    """Mean square, turnover and number of trades are what a random walk between +-D and +-y shows, within 5 %."""
    chance = random.Random(trigger)
    x = squares = traded = count = 0
    steps = 600_000
    for up in chance.choices((1, -1), k=steps):
        x += up
        if abs(x) >= trigger:
            traded += trigger - inner
            count += 1
            x = inner if x > 0 else -inner
        squares += x * x
    corridor = Corridor(trigger, inner)

    assert squares / steps == pytest.approx(mean_square(corridor), rel=0.05)
    assert traded / steps == pytest.approx(turnover(corridor, 1.0), rel=0.05)
    assert count / steps == pytest.approx(trades(corridor, 1.0), rel=0.05)


def test_trades_to_the_edge_are_endlessly_many_and_endlessly_small() -> None:
    """They have a turnover, not a number; without a fixed cost none is charged."""
    corridor = Corridor(0.01, 0.01)

    assert math.inf == trades(corridor, 0.05)
    assert loss(problem(), corridor) == pytest.approx(25 * 1e-4 / 3 + 5.5e-4 * 0.05 / 0.02)


@given(problems)
def test_at_equal_tracking_error_the_edge_costs_seven_tenths_of_the_target(case: Problem) -> None:
    """Cost per tracking error: band to target 0.408, to edge 0.289 (property 14: a ratio of 0.63 to 0.78)."""
    target, edge = Corridor(0.02, 0.0), Corridor(0.02 / math.sqrt(2), 0.02 / math.sqrt(2))

    assert mean_square(target) == pytest.approx(mean_square(edge))
    assert turnover(edge, case.variance) / turnover(target, case.variance) == pytest.approx(math.sqrt(0.5))
    assert turnover(target, 1.0) * math.sqrt(mean_square(target)) == pytest.approx(0.408, abs=5e-4)
    assert turnover(edge, 1.0) * math.sqrt(mean_square(edge)) == pytest.approx(0.289, abs=5e-4)


@given(st.floats(0.01, 100.0), st.floats(0.01, 1e3), variances, aversions, costs)
def test_an_options_band_is_whalley_and_wilmotts(
    gamma: float, price: float, returns: float, aversion: float, cost: float
) -> None:
    """In coins: (3 k S Gamma^2 / (2 aversion))^(1/3), whatever the volatility."""
    dollars = width(problem(option_variance(gamma, price, returns), returns, aversion, cost))

    assert dollars / price == pytest.approx((3 * cost * price * gamma**2 / (2 * aversion)) ** (1 / 3), rel=1e-9)


@given(st.floats(0.01, 0.99), variances, aversions, costs)
def test_a_weights_band_beside_cash_is_davis_and_normans(
    weight: float, returns: float, aversion: float, cost: float
) -> None:
    """(3 k w^2 (1 - w)^2 / (2 aversion))^(1/3), whatever the volatility."""
    (variance,) = weight_variances((weight,), ((returns,),))
    expected = (3 * cost * weight**2 * (1 - weight) ** 2 / (2 * aversion)) ** (1 / 3)

    assert width(problem(variance, returns, aversion, cost)) == pytest.approx(expected, rel=1e-9)


def test_two_weights_that_are_all_there_is_drift_alike() -> None:
    """What one gains of NAV the other loses; coins that move as one do not drift at all."""
    one, other = weight_variances((0.6, 0.4), ((0.3, 0.2), (0.2, 0.5)))

    assert one == pytest.approx(other) == pytest.approx((0.6 * 0.4) ** 2 * (0.3 + 0.5 - 0.4))
    assert weight_variances((0.5, 0.5), ((0.3, 0.3), (0.3, 0.3))) == (0.0, 0.0)


@given(problems, st.floats(1e-4, 0.1))
def test_a_tracking_error_budget_is_a_risk_aversion(case: Problem, budget: float) -> None:
    """One asset: D = sqrt(3) TE / sigma_r, and the aversion whose width that is; then the mean risk is the budget."""
    d = width_of_budget(budget, case.returns)
    aversion = aversion_of_width(case, d)
    same = problem(case.variance, case.returns, aversion, case.cost)

    assert d == pytest.approx(math.sqrt(3) * budget / math.sqrt(case.returns))
    assert width(same) == pytest.approx(d)
    assert aversion_of_budget([case], budget) == pytest.approx(aversion)
    assert math.sqrt(mean_square(Corridor(d, d)) * case.returns) == pytest.approx(budget)


@given(st.lists(problems, min_size=1, max_size=6), st.floats(1e-4, 0.1))
def test_the_budget_of_several_assets_is_their_mean_risk_together(cases: list[Problem], budget: float) -> None:
    """At that aversion sum Sigma_ii D_i^2 / 3 is the budget squared (formulas 2.13)."""
    aversion = aversion_of_budget(cases, budget)
    widths = [width(problem(p.variance, p.returns, aversion, p.cost)) for p in cases]
    risk = sum(p.returns * d * d / 3 for p, d in zip(cases, widths, strict=True))

    assert math.sqrt(risk) == pytest.approx(budget, rel=1e-9)


def test_assets_that_never_move_take_no_budget() -> None:
    """A stablecoin's deviation is no risk, so that it does not narrow the bands of the others."""
    still = problem(returns=0.0)

    assert aversion_of_budget([problem(), still], 0.01) == aversion_of_budget([problem()], 0.01)
    assert aversion_of_budget([still], 0.01) == 0.0


def test_a_hedge_with_little_life_left_waits_for_more() -> None:
    """x_min = c k / (aversion Sigma tau), twice that where it must be undone; without time it is never worth it."""
    once = myopic(5e-4, 0.5, 100.0, 0.01, is_reversed=False)

    assert once == pytest.approx(5e-4 / (100 * 0.5 * 0.01))
    assert myopic(5e-4, 0.5, 100.0, 0.01, is_reversed=True) == 2 * once
    assert myopic(5e-4, 0.5, 100.0, 0.0, is_reversed=False) == math.inf


@pytest.mark.parametrize(
    ("distance", "floor", "hard", "result"),
    [(0.01, 0.0, 0.1, 0.01), (0.01, 0.02, 0.1, 0.02), (math.inf, 0.0, 0.1, 0.1), (0.01, 0.2, 0.1, 0.1)],
)
def test_a_width_keeps_its_users_limits(distance: float, floor: float, hard: float, result: float) -> None:
    """It is raised to the floor and cut at the hard limit, which wins."""
    assert result == clipped(distance, floor, hard)


def test_what_a_lot_cannot_reach_is_traded_further_in() -> None:
    """y = D - m, and no further than the target."""
    assert inner_of_lot(0.01, 0.004) == pytest.approx(0.006)
    assert inner_of_lot(0.01, 0.02) == 0.0


@given(st.floats(-1.0, 1.0, allow_subnormal=False), st.floats(0.0, 1.0))
def test_a_trade_to_the_edge_ends_there_and_nowhere_else(deviation: float, distance: float) -> None:
    """Inside: nothing. Outside: towards the target, never past it, and within the band afterwards (property 11)."""
    trade = to_edge(deviation, distance)
    after = deviation + trade

    if abs(deviation) <= distance:
        assert trade == 0.0
    else:
        assert (trade > 0) == (deviation < 0)
        assert abs(after) == pytest.approx(distance)
        assert after == 0 or (after > 0) == (deviation > 0)


def test_restlessness_is_the_mean_square_of_increments_in_their_time() -> None:
    """A daily increment of 1 % is 365 x 1e-4 a year, from the first one on."""
    seen = Restlessness()
    for sign in (1, -1, 1):
        seen = seen.seen(sign * 0.01, DAY_NS, 10 * DAY_NS)
        assert seen.variance == pytest.approx(365 * 1e-4)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_restlessness_does_not_depend_on_how_often_it_is_sampled(hours: list[int]) -> None:
    """Increments as large as their time allows (sigma^2 dt) give one variance, whatever the times."""
    seen = Restlessness()
    for some in hours:
        seen = seen.seen(math.sqrt(0.04 * some * HOUR_NS / YEAR_NS), some * HOUR_NS, 240 * HOUR_NS)

    assert seen.variance == pytest.approx(0.04)


def test_restlessness_forgets_by_halves() -> None:
    """After one half-life of stillness, what was weighs as much as it should."""
    seen = Restlessness().seen(0.01, HOUR_NS, 10 * HOUR_NS).seen(0.0, 10 * HOUR_NS, 10 * HOUR_NS)

    assert seen.squares == pytest.approx(0.5e-4)
    assert seen.years == pytest.approx(10.5 / 8760)


def test_what_was_never_seen_is_unknown() -> None:
    """No increment, no variance: not zero."""
    assert Restlessness().variance is None


@pytest.mark.parametrize(("increment", "elapsed"), [(math.nan, HOUR_NS), (math.inf, HOUR_NS), (0.01, 0)])
def test_what_is_no_increment_is_refused(increment: float, elapsed: int) -> None:
    """A number that is none, or no time, would poison every width after it."""
    with pytest.raises(ValueError, match="not an increment"):
        Restlessness().seen(increment, elapsed, HOUR_NS)
