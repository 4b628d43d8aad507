"""Small dense linear algebra in plain floats and a fixed order: a few dozen rows, symmetric matrices.

No library is used because the last bit must not depend on which processor or build solves it: what is computed here
decides trades, and one journal replays to one command stream.
"""

import math
from collections.abc import Sequence
from operator import mul

from bot.domain.statistics import Matrix

PIVOT_MIN = 1e-6
"""A pivot that is less than this share of its diagonal is taken for zero: the row is a combination of those before it.

For covariances: a hedge of which others explain all but a millionth of the variance adds nothing that can be measured.
"""
SEMIDEFINITE_SLACK = 1e-9
"""By how much of each diagonal element a matrix may miss being positive semidefinite: rounding, no more."""
RECONCILED_PIVOT = 1e-3
"""What a row keeps for its own after it was made to agree with others: clear of the rounding at which it would not."""

Vector = Sequence[float]
Rows = Sequence[Sequence[float]]


def dot(a: Vector, b: Vector) -> float:
    """The inner product, rounded once."""
    return math.fsum(map(mul, a, b))


def product(matrix: Rows, vector: Vector) -> tuple[float, ...]:
    """Matrix times vector."""
    return tuple(dot(row, vector) for row in matrix)


def quadratic(matrix: Rows, vector: Vector) -> float:
    """The quadratic form v' M v."""
    return dot(vector, product(matrix, vector))


def submatrix(matrix: Rows, rows: Sequence[int], columns: Sequence[int]) -> Matrix:
    """The rows and columns asked for, in the order asked for."""
    return tuple(tuple(matrix[i][j] for j in columns) for i in rows)


def cholesky(matrix: Rows, pivot_min: float = PIVOT_MIN) -> tuple[tuple[float, ...], ...] | None:
    """The lower factor L of M = L L', row i with i + 1 elements; None where a pivot is too small (see PIVOT_MIN)."""
    factor: list[tuple[float, ...]] = []
    for i, row in enumerate(matrix):
        below: list[float] = []
        for j, other in enumerate(factor):
            below.append((row[j] - dot(below, other)) / other[j])
        pivot = row[i] - dot(below, below)
        if not pivot > pivot_min * row[i]:
            return None
        factor.append((*below, math.sqrt(pivot)))
    return tuple(factor)


def back(factor: Rows, right: Vector) -> tuple[float, ...]:
    """The x of L L' x = right."""
    n = len(factor)
    forward: list[float] = []
    for i, row in enumerate(factor):
        forward.append((right[i] - dot(row, forward)) / row[i])
    solution = [0.0] * n
    for i in range(n - 1, -1, -1):
        rest = math.fsum(factor[k][i] * solution[k] for k in range(i + 1, n))
        solution[i] = (forward[i] - rest) / factor[i][i]
    return tuple(solution)


def solve(matrix: Rows, right: Vector, pivot_min: float = PIVOT_MIN) -> tuple[float, ...] | None:
    """The x of M x = right for a positive definite M; None where M is not (clearly) that."""
    factor = cholesky(matrix, pivot_min)
    return None if factor is None else back(factor, right)


def is_semidefinite(matrix: Rows) -> bool:
    """Whether a covariance matrix can be one: no portfolio has a negative variance. Rows of zeros do not count."""
    live = [i for i, row in enumerate(matrix) if row[i] > 0.0]
    grown = [[matrix[i][j] * (1.0 + SEMIDEFINITE_SLACK) if i == j else matrix[i][j] for j in live] for i in live]
    return cholesky(grown, 0.0) is not None


def reconciled(matrix: Rows, order: Sequence[int]) -> Matrix:
    """The matrix made positive semidefinite by shrinking what contradicts the rows that come before it in `order`.

    No correlation stays beyond 1, and a row that even so allows a portfolio of negative variance has all of its
    off-diagonal elements scaled by one factor, so that RECONCILED_PIVOT of its variance is its own. Where nothing
    contradicts, not a bit changes. The diagonal stays, and rows of zeros are passed over.
    """
    found = [list(row) for row in matrix]
    factor: list[tuple[float, ...]] = []
    placed: list[int] = []
    for i in (i for i in order if matrix[i][i] > 0.0):
        room = matrix[i][i] * (1.0 + SEMIDEFINITE_SLACK)
        below: list[float] = []
        for j, other in zip(placed, factor, strict=True):
            bound = math.sqrt(matrix[i][i] * matrix[j][j])
            found[i][j] = found[j][i] = max(-bound, min(bound, matrix[i][j]))
            below.append((found[i][j] - dot(below, other)) / other[-1])
        taken = dot(below, below)
        scale = 1.0 if taken < room else math.sqrt((1.0 - RECONCILED_PIVOT) * matrix[i][i] / taken)
        for j in placed:
            found[i][j] = found[j][i] = found[i][j] * scale
        factor.append((*(one * scale for one in below), math.sqrt(room - taken * scale * scale)))
        placed.append(i)
    return tuple(map(tuple, found))
