"""The convex program: optimal by its derivatives, inside its caps and its margin to the last bit."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc import descent, linear
from bot.calc.descent import RESIDUAL_MAX, Program, minimised, objective, residual, used
from bot.domain.statistics import Matrix

FLOATS = st.floats(-3.0, 3.0)


@st.composite
def covariances(draw: st.DrawFn, smallest: int = 2, largest: int = 5) -> Matrix:
    """A covariance matrix in which no asset is a combination of the others."""
    n = draw(st.integers(smallest, largest))
    a = [draw(st.lists(FLOATS, min_size=n, max_size=n)) for _ in range(n)]
    return tuple(tuple(1e-4 * (linear.dot(a[i], a[j]) + (0.5 if i == j else 0.0)) for j in range(n)) for i in range(n))


COSTS = st.floats(0.0, 1.0) | st.just(0.0)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A program with costs, caps and, as often as not, a margin that binds."""
    covariance = draw(covariances(1, 5))
    n = len(covariance)

    def each(values: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Program(
        hessian=[[1e4 * one for one in row] for row in covariance],
        gradient=each(st.floats(-20.0, 20.0)),
        start=each(st.floats(-5.0, 5.0) | st.just(0.0)),
        cost=each(COSTS),
        holding=each(COSTS),
        cap=each(st.floats(0.0, 4.0) | st.just(math.inf)),
        margin=each(st.floats(0.01, 1.0) | st.just(0.0)),
        margin_max=draw(st.floats(0.01, 3.0) | st.just(math.inf) | st.just(0.0)),
    )


@given(programs(), st.data())
def test_the_optimum_is_one(program: Program, data: st.DataObject) -> None:
    """No other point inside the caps and the margin is better, and the derivatives say so."""
    best = minimised(program)
    other = [max(-cap, min(cap, data.draw(st.floats(-5.0, 5.0)))) for cap in program.cap]
    needs = used(program, other)
    inside = [one * min(1.0, program.margin_max / needs) if needs > 0.0 else one for one in other]

    assert best.converged
    assert residual(program, best.z, best.price) <= RESIDUAL_MAX
    assert objective(program, best.z) <= objective(program, inside) + 1e-6


@given(programs())
def test_caps_and_margin_are_never_exceeded(program: Program) -> None:
    """To the last bit, whether or not the margin binds."""
    best = minimised(program)

    assert all(abs(one) <= cap for one, cap in zip(best.z, program.cap, strict=True))
    assert used(program, best.z) <= program.margin_max
    assert best.price >= 0.0
    if best.price > 0.0:
        assert used(program, best.z) >= program.margin_max * (1 - 1e-6) - 1e-12


@given(programs(), st.randoms(use_true_random=False))
def test_the_order_of_instruments_does_not_matter(program: Program, random: st.DataObject) -> None:
    """Named in another order, each has the same amount."""
    order = list(range(len(program.start)))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = Program(
        hessian=linear.submatrix(program.hessian, order, order),
        gradient=[program.gradient[j] for j in order],
        start=[program.start[j] for j in order],
        cost=[program.cost[j] for j in order],
        holding=[program.holding[j] for j in order],
        cap=[program.cap[j] for j in order],
        margin=[program.margin[j] for j in order],
        margin_max=program.margin_max,
    )
    one, other = minimised(program), minimised(turned)

    assert all(math.isclose(one.z[j], other.z[n], rel_tol=1e-5, abs_tol=1e-6) for n, j in enumerate(order))


def test_a_search_that_was_not_finished_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no rounds left the point keeps its caps, and is not to be traded to."""
    monkeypatch.setattr(descent, "SWEEPS_MAX", 1)
    monkeypatch.setattr(descent, "_polished", lambda *_: None)
    alike = [[1.0 if i == j else 0.99 for j in range(4)] for i in range(4)]
    none = [0.0] * 4
    stopped = minimised(
        Program(
            hessian=alike,
            gradient=[1.0, -2.0, 3.0, -4.0],
            start=none,
            cost=none,
            holding=none,
            cap=[5.0] * 4,
            margin=none,
        )
    )

    assert not stopped.converged
    assert stopped.residual > RESIDUAL_MAX
    assert all(abs(one) <= 5.0 for one in stopped.z)


def small(**changes: object) -> Program:
    """Two instruments, correlated at a half, whose best unbound amounts are 4 and -4."""
    plain = Program(
        hessian=((1.0, 0.5), (0.5, 1.0)),
        gradient=(-2.0, 2.0),
        start=(0.0, 0.0),
        cost=(0.0, 0.0),
        holding=(0.0, 0.0),
        cap=(math.inf, math.inf),
        margin=(0.5, 0.5),
    )
    return msgspec.structs.replace(plain, **changes)


def test_the_objective_adds_risk_gradient_and_costs() -> None:
    """1/2 z'Hz + g'z + k |z - start| + m |z|, by hand."""
    program = small(start=(1.0, 0.0), cost=(0.1, 0.2), holding=(0.3, 0.4))

    assert math.isclose(2.0 - 8.0 + (0.1 + 0.4) + (0.6 + 0.8), objective(program, (2.0, -2.0)))


def test_margin_is_shared_by_what_it_is_worth() -> None:
    """Both amounts shrink alike to what the margin allows; an instrument that needs none is not held back."""
    both, free = minimised(small(margin_max=1.0)), minimised(small(margin_max=0.0, margin=(0.5, 0.0)))

    assert both.converged
    assert all(math.isclose(a, b, rel_tol=1e-8) for a, b in zip((1.0, -1.0), both.z, strict=True))
    assert math.isclose(3.0, both.price, rel_tol=1e-6)
    assert free.converged
    assert (0.0, -2.0) == free.z


def test_margin_at_a_cap_goes_to_the_others() -> None:
    """What one instrument may not use the other has."""
    best = minimised(small(margin_max=1.0, cap=(0.5, math.inf)))

    assert best.converged
    assert 0.5 == best.z[0]
    assert math.isclose(-1.5, best.z[1], rel_tol=1e-8)


def test_margin_goes_elsewhere_once_a_cap_is_reached() -> None:
    """The cheaper instrument would take all of the margin; its cap leaves nine tenths of it to the dearer one."""
    best = minimised(small(gradient=(-1.0, 1.0), cap=(0.5, math.inf), margin=(0.1, 0.5), margin_max=0.5))

    assert best.converged
    assert 0.5 == best.z[0]
    assert math.isclose(-0.9, best.z[1], rel_tol=1e-8)


def test_an_optimum_at_nothing_is_reached() -> None:
    """Without a gradient the best is to hold nothing, however slowly amounts halve on their way there."""
    best = minimised(small(hessian=((1.5, 1.0), (1.0, 1.5)), gradient=(0.0, 0.0), start=(0.0, 1.0)))

    assert best.converged
    assert all(abs(one) < 1e-8 for one in best.z)


def test_the_price_of_margin_is_halved_down_to_where_polishing_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """By bisection alone the same point is found, and one that was stopped early keeps the margin and says so."""
    monkeypatch.setattr(descent, "_smooth", lambda *_: None)
    best = minimised(small(margin_max=1.0))
    monkeypatch.setattr(descent, "BISECTIONS_MAX", 2)
    stopped = minimised(small(margin_max=1.0))

    assert best.converged
    assert all(math.isclose(a, b, rel_tol=1e-8) for a, b in zip((1.0, -1.0), best.z, strict=True))
    monkeypatch.setattr(descent, "BISECTIONS_MAX", 0)
    never = minimised(small(margin_max=1.0))

    assert not stopped.converged
    assert used(small(), stopped.z) <= 1.0
    assert not never.converged
    assert math.isclose(1.0, used(small(), never.z), rel_tol=1e-8)
    assert used(small(), never.z) <= 1.0


def test_instruments_that_are_alike_are_solved_at_once() -> None:
    """Correlations of 0.99 need a few rounds where going round would need thousands."""
    n = 20
    alike = [[1.0 if i == j else 0.99 for j in range(n)] for i in range(n)]
    best = minimised(
        Program(
            hessian=alike,
            gradient=[math.sin(j + 1.0) for j in range(n)],
            start=[0.0] * n,
            cost=[0.05] * n,
            holding=[0.0] * n,
            cap=[50.0] * n,
            margin=[0.1] * n,
            margin_max=20.0,
        )
    )

    assert best.converged
    assert math.isclose(20.0, linear.dot([0.1] * n, [abs(one) for one in best.z]), rel_tol=1e-8)
