"""The joint band program: its optimum's conditions, what it becomes alone, and where it steps aside."""

import math
import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc import autoband, joint
from bot.calc.linear import quadratic
from bot.domain.statistics import Matrix

INF = math.inf
Case = tuple[Matrix, list[float], list[float]]
"""Covariance, deviations and widths."""


def correlated(correlation: float, *volatilities: float) -> Matrix:
    """A covariance with one correlation for all."""
    return tuple(
        tuple(a * b * (1.0 if i == j else correlation) for j, b in enumerate(volatilities))
        for i, a in enumerate(volatilities)
    )


def cases(least: int = 1, most: int = 7) -> st.SearchStrategy[Case]:
    """Books of a few assets with deviations inside and outside of their bands; a seed is quicker than many draws."""
    return st.builds(case_of, st.integers(least, most), st.integers(0, 1 << 32))


def case_of(size: int, seed: int) -> Case:
    """Assets correlated through factors, some of them without cost, deviation or company."""
    chance = random.Random(seed)
    loadings = [[chance.uniform(-1, 1) * chance.choice((0, 1, 1)) for _ in range(size)] for _ in range(size)]
    own = [chance.choice((0.01, 0.1, 1.0)) for _ in range(size)]
    covariance = tuple(
        tuple(
            sum(a * b for a, b in zip(loadings[i], loadings[j], strict=True)) + own[i] * (i == j) for j in range(size)
        )
        for i in range(size)
    )
    deviations = [chance.uniform(-0.05, 0.05) * chance.choice((0, 1, 1, 1)) for _ in range(size)]
    widths = [chance.uniform(0.0, 0.03) * chance.choice((0, 1, 1, 1)) for _ in range(size)]
    return covariance, deviations, widths


def solved(case: Case, hards: list[float] | None = None) -> list[float]:
    """The deviations afterwards, of a program that must converge."""
    covariance, deviations, widths = case
    found = joint.solve(joint.coupling(covariance), deviations, widths, hards or [INF] * len(widths))

    assert found.converged
    return list(found.after)


def believed(covariance: Matrix) -> Matrix:
    """S = (Sigma + diag Sigma) / 2, as the formulas write it."""
    return tuple(tuple(v if i == j else 0.5 * v for j, v in enumerate(row)) for i, row in enumerate(covariance))


def objective(case: Case, z: list[float]) -> float:
    """What the program minimises."""
    covariance, deviations, widths = case
    moved = sum(covariance[i][i] * widths[i] * abs(z[i] - deviations[i]) for i in range(len(z)))
    return 0.5 * quadratic(believed(covariance), z) + moved


def of(deviations: list[float], *, cost: float = 5.5e-4, hard: float = INF, floor: float = 0.0) -> joint.Group:
    """A group of assets that differ by their deviations only."""
    size = len(deviations)
    return joint.Group(
        deviations=tuple(deviations),
        variances=(0.05,) * size,
        costs=(cost,) * size,
        floors=(floor,) * size,
        hards=(hard,) * size,
    )


@given(cases())
def test_the_conditions_of_an_optimum_hold(case: Case) -> None:
    """|(S z)_i| <= c_i where nothing is traded, and = c_i with the right sign where something is (property 13)."""
    covariance, deviations, widths = case
    z = solved(case)

    for i, row in enumerate(believed(covariance)):
        slope = sum(a * b for a, b in zip(row, z, strict=True)) / row[i]
        slack = 1e-9 * sum(map(abs, row)) / row[i]
        if z[i] == deviations[i]:
            assert abs(slope) <= widths[i] + slack
        else:
            assert slope == pytest.approx(widths[i] if z[i] < deviations[i] else -widths[i], abs=slack)


@given(cases(), st.lists(st.floats(-0.05, 0.05), min_size=7, max_size=7))
def test_nothing_else_is_better(case: Case, other: list[float]) -> None:
    """The objective is not above that of trading nothing, of trading all of it, and of anything else (property 13)."""
    best = objective(case, solved(case))
    size = len(case[1])

    for z in (case[1], [0.0] * size, other[:size]):
        assert best <= objective(case, z) + 1e-12


@given(cases(2, 4), st.randoms(use_true_random=False))
def test_the_order_of_assets_does_not_matter(case: Case, chance: random.Random) -> None:
    """Assets in another order give the same trades in that order (property 13)."""
    covariance, deviations, widths = case
    order = chance.choice(list(permutations(range(len(widths)))))
    turned = tuple(tuple(covariance[i][j] for j in order) for i in order)
    z, other = solved(case), solved((turned, [deviations[i] for i in order], [widths[i] for i in order]))

    assert other == pytest.approx([z[i] for i in order], abs=1e-9)


@given(cases())
def test_uncorrelated_assets_have_bands_of_their_own(case: Case) -> None:
    """A diagonal covariance gives each asset exactly the trade to the edge of its own band (properties 11 and 13)."""
    covariance, deviations, widths = case
    diagonal = tuple(tuple(v if i == j else 0.0 for j, v in enumerate(row)) for i, row in enumerate(covariance))
    own = [max(-width, min(x, width)) for x, width in zip(deviations, widths, strict=True)]

    assert own == solved((diagonal, deviations, widths))


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(1e-9, 1e3))
def test_one_asset_alone_is_traded_to_its_edge(deviation: float, width: float, variance: float) -> None:
    """n = 1 is band to edge, to the last bit (property 11)."""
    expected = math.copysign(width, deviation) if abs(deviation) > width else deviation

    assert [expected] == solved((((variance,),), [deviation], [width]))


@given(cases())
def test_negated_deviations_are_traded_the_other_way(case: Case) -> None:
    """The program knows no up and down (property 9)."""
    covariance, deviations, widths = case

    assert solved((covariance, [-x for x in deviations], widths)) == [-z for z in solved(case)]


@given(cases(), st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(case: Case, scale: float) -> None:
    """A covariance per hour or per year gives the same trades at the same widths."""
    covariance, deviations, widths = case
    scaled = tuple(tuple(scale * v for v in row) for row in covariance)

    assert solved((scaled, deviations, widths)) == pytest.approx(solved(case), abs=1e-9)


@given(cases())
def test_what_is_done_is_done(case: Case) -> None:
    """Once traded, the same program trades nothing more (property 8)."""
    covariance, _, widths = case
    z = solved(case)

    assert solved((covariance, z, widths)) == pytest.approx(z, abs=1e-9)


@given(cases(), st.floats(0.0, 0.03))
def test_no_deviation_stays_beyond_its_hard_limit(case: Case, hard: float) -> None:
    """Beyond the owner's limit it is always traded, and another asset never pushes one there; best within them."""
    size = len(case[1])
    z = solved(case, [hard] * size)

    assert max(map(abs, z)) <= hard
    assert objective(case, z) <= objective(case, [min(max(x, -hard), hard) for x in case[1]]) + 1e-12


def test_what_offsets_is_left_alone_and_what_adds_up_is_not() -> None:
    """Correlated deviations of 1 % with bands of 1.2 %: kept against each other, traded when both are on one side."""
    covariance, widths = correlated(0.8, 0.7, 0.7), [0.012, 0.012]

    assert solved((covariance, [0.01, -0.01], widths)) == [0.01, -0.01]
    assert max(solved((covariance, [0.01, 0.01], widths))) < 0.01
    assert solved((covariance, [0.015, -0.015], widths)) == [0.015, -0.015]


def test_an_asset_that_never_moves_is_coupled_with_nothing() -> None:
    """A variance of 0 is no division by it: the asset has a band of its own."""
    z = solved((((0.0, 0.0), (0.0, 0.5)), [0.02, 0.02], [0.01, 0.015]))

    assert [0.01, 0.015] == z


@given(cases())
def test_stillness_is_told_without_solving(case: Case) -> None:
    """`is_still` is exactly: the program's answer is what is."""
    covariance, deviations, widths = case
    is_still = joint.is_still(joint.coupling(covariance), deviations, widths, [INF] * len(widths))

    assert is_still == (solved(case) == deviations) or solved(case) == pytest.approx(deviations, abs=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.7, 0.9, 0.99, 1.0]))
def test_twenty_assets_take_a_few_dozen_rounds(seed: int, correlation: float) -> None:
    """Even perfectly correlated assets of very different volatility converge far inside the bound."""
    chance = random.Random(seed)
    covariance = correlated(correlation, *(math.exp(chance.gauss(-0.5, 0.8)) for _ in range(20)))
    deviations = [chance.gauss(0, 0.02) for _ in range(20)]
    widths = [chance.uniform(0.001, 0.02) for _ in range(20)]
    found = joint.solve(joint.coupling(covariance), deviations, widths, [INF] * 20)

    assert found.converged
    assert found.sweeps < joint.SWEEPS_MAX / 4
    assert found.residual <= joint.RESIDUAL_MAX * max(map(abs, deviations))


@pytest.mark.parametrize(
    "covariance",
    [
        ((1.0, 1.1), (1.1, 1.0)),
        ((1.0, -9.0), (-9.0, 1.0)),
        ((1.0, math.nan), (math.nan, 1.0)),
        ((1.0, 0.0, 0.9), (0.0, 1.0, 0.9), (0.9, 0.9, 1.0)),
    ],
)
def test_what_is_no_covariance_is_judged_asset_by_asset(covariance: Matrix) -> None:
    """What no returns can have couples nothing: each asset is judged by its own band, and that is told."""
    deviations = [0.05, 0.04, -0.03][: len(covariance)]
    coupling = joint.coupling(covariance)
    verdict = joint.decide(of(deviations), coupling, 100.0, 0.0)

    assert not coupling.is_sound
    assert not verdict.is_joint
    assert verdict.trades == pytest.approx(list(map(autoband.to_edge, deviations, verdict.widths)))


def test_a_program_that_takes_too_long_is_judged_asset_by_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on rounds is one: beyond it nothing is half-solved."""
    monkeypatch.setattr(joint, "SWEEPS_MAX", 1)
    coupling = joint.coupling(correlated(0.7, 0.6, 0.8))
    verdict = joint.decide(of([0.05, 0.04]), coupling, 100.0, 0.0)

    assert not verdict.is_joint
    assert verdict.trades == tuple(map(autoband.to_edge, (0.05, 0.04), verdict.widths))


def test_small_trades_are_left_out_unless_a_limit_asks_for_them() -> None:
    """Less than the least trade is no trade; what is beyond its hard limit is traded however small."""
    coupling = joint.coupling(((0.5,),))
    width = joint.widths(of([0.0]), coupling, 100.0)[0]
    beyond = [width + 0.001]

    assert joint.decide(of(beyond), coupling, 100.0, 0.002).trades == (0.0,)
    assert joint.decide(of(beyond), coupling, 100.0, 0.0005).trades[0] == pytest.approx(-0.001)
    assert joint.decide(of(beyond, hard=width), coupling, 100.0, 0.002).trades[0] == pytest.approx(-0.001)


def test_the_widths_are_the_closed_form_within_the_owners_limits() -> None:
    """Each asset's is its own problem's, cut and raised; an aversion of nothing leaves the hard limit."""
    coupling = joint.coupling(correlated(0.7, 0.6, 0.8))
    free = joint.widths(of([0.0, 0.0]), coupling, 100.0)

    assert free == tuple(map(autoband.width, joint.problems(of([0.0, 0.0]), coupling, 100.0)))
    assert free[0] > free[1]
    assert joint.widths(of([0.0, 0.0], hard=0.001), coupling, 100.0) == (0.001, 0.001)
    assert joint.widths(of([0.0, 0.0], floor=0.2, hard=0.5), coupling, 100.0) == (0.2, 0.2)
    assert joint.widths(of([0.0, 0.0], hard=0.3), coupling, 0.0) == (0.3, 0.3)


@given(st.floats(0.001, 0.05))
def test_a_budget_gives_the_aversion_of_the_whole_group(budget: float) -> None:
    """Formulas 2.13: sum Sigma_ii D_i^2 / 3 is the tracking error squared."""
    coupling = joint.coupling(correlated(0.7, 0.6, 0.8, 1.1))
    group = of([0.0, 0.0, 0.0])
    widths = joint.widths(group, coupling, joint.aversion_of(group, coupling, budget))
    risk = sum(v * d * d / 3 for v, d in zip(coupling.variances, widths, strict=True))

    assert math.sqrt(risk) == pytest.approx(budget)


@pytest.mark.parametrize(
    ("group", "aversion"), [(of([math.nan]), 1.0), (of([INF]), 1.0), (of([0.0], cost=math.nan), 1.0), (of([0.0]), INF)]
)
def test_what_is_unknown_is_never_judged(group: joint.Group, aversion: float) -> None:
    """A number that is none is refused, not traded on."""
    with pytest.raises(ValueError, match="needs numbers"):
        joint.decide(group, joint.coupling(((0.5,),)), aversion, 0.002)


def test_an_empty_group_trades_nothing() -> None:
    """No assets, no trades."""
    assert joint.decide(of([]), joint.coupling(()), 100.0, 0.002).trades == ()
