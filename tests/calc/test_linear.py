"""Small linear systems in plain floats: what they solve, and what they refuse."""

import math

from hypothesis import given
from hypothesis import strategies as st

from bot.calc import linear

FLOATS = st.floats(-3.0, 3.0)


@st.composite
def systems(draw: st.DrawFn) -> tuple[linear.Rows, list[float]]:
    """A well-conditioned positive definite matrix A A' + I, and a right side."""
    n = draw(st.integers(1, 6))
    a = [draw(st.lists(FLOATS, min_size=n, max_size=n)) for _ in range(n)]
    matrix = [[linear.dot(a[i], a[j]) + (1.0 if i == j else 0.0) for j in range(n)] for i in range(n)]
    return matrix, draw(st.lists(FLOATS, min_size=n, max_size=n))


@given(systems())
def test_a_solution_solves_its_system(system: tuple[linear.Rows, list[float]]) -> None:
    """Put back in, the solution gives the right side."""
    matrix, right = system
    solution = linear.solve(matrix, right)

    assert solution is not None
    assert all(abs(a - b) < 1e-9 for a, b in zip(linear.product(matrix, solution), right, strict=True))


@given(systems())
def test_the_factor_times_itself_is_the_matrix(system: tuple[linear.Rows, list[float]]) -> None:
    """L L' is the matrix that was factored."""
    matrix, _ = system
    factor = linear.cholesky(matrix)

    assert factor is not None
    for i, row in enumerate(factor):
        for j in range(i + 1):
            assert math.isclose(linear.dot(row[: j + 1], factor[j]), matrix[i][j], rel_tol=1e-12, abs_tol=1e-12)


def test_rows_that_say_the_same_are_refused() -> None:
    """Two hedges that are one and the same have no single answer."""
    assert linear.solve([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0]) is None
    assert linear.solve([[1.0, 1.0], [1.0, 1.0 + 1e-3]], [1.0, 1.0]) is not None
    assert linear.solve([[0.0]], [1.0]) is None
    assert linear.solve([[math.nan]], [1.0]) is None


def test_a_correlation_above_one_is_no_covariance() -> None:
    """A portfolio with a negative variance shows; one without any does not."""
    assert not linear.is_semidefinite([[1.0, 1.1], [1.1, 1.0]])
    assert linear.is_semidefinite([[1.0, 1.0], [1.0, 1.0]])
    assert linear.is_semidefinite([[1.0, 0.0], [0.0, 0.0]])


@given(systems())
def test_a_quadratic_form_of_a_definite_matrix_is_positive(system: tuple[linear.Rows, list[float]]) -> None:
    """It is at least the vector's own square, since the matrix is A A' + I."""
    matrix, vector = system

    assert linear.quadratic(matrix, vector) >= linear.dot(vector, vector) * (1 - 1e-12)


def test_a_submatrix_has_the_order_asked_for() -> None:
    """Rows and columns come as they were named."""
    assert ((4.0, 3.0), (2.0, 1.0)) == linear.submatrix([[1.0, 2.0], [3.0, 4.0]], (1, 0), (1, 0))


@given(systems(), st.floats(1.0, 4.0))
def test_a_reconciled_matrix_is_semidefinite_and_keeps_its_diagonal(
    system: tuple[linear.Rows, list[float]], stretch: float
) -> None:
    """Covariances that were stretched beyond what can be shrink back; what could be stays to the bit."""
    matrix, _ = system
    n = len(matrix)
    stretched = [[one if i == j else one * stretch for j, one in enumerate(row)] for i, row in enumerate(matrix)]
    found = linear.reconciled(stretched, range(n))

    assert linear.is_semidefinite(found)
    assert [row[i] for i, row in enumerate(matrix)] == [row[i] for i, row in enumerate(found)]
    assert tuple(map(tuple, matrix)) == linear.reconciled(matrix, range(n))


def test_what_comes_first_is_kept() -> None:
    """The later row gives way, by no more than it must; a row of zeros is passed over."""
    found = linear.reconciled([[1.0, 0.9, 2.0, 0.0], [0.9, 1.0, 1.8, 0.0], [2.0, 1.8, 1.0, 0.0], [0.0] * 4], range(4))

    assert 0.9 == found[0][1]
    assert math.isclose(1.0, found[0][2], rel_tol=0.2)
    assert found[0][2] <= 1.0
    assert linear.is_semidefinite(found)


def test_a_correlation_beyond_one_is_brought_back_to_one() -> None:
    """Two rows that agree with each other stay so, when both seemed to move with a third by more than is possible."""
    found = linear.reconciled([[0.5, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], range(3))

    assert math.isclose(math.sqrt(0.5), found[0][1])
    assert math.isclose(math.sqrt(0.5), found[0][2])
    assert 1.0 == found[1][2]
