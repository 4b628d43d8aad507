"""The joint band program: which of several correlated deviations to trade, when each has a band of its own.

Two deviations that offset each other are less of a risk than their bands say, and two that add up are more. With the
deviations x before and z after trading (fractions of NAV), the program is

    z = argmin 1/2 z' S z + sum S_ii D_i |z_i - x_i|   with |z_i| <= hard_i,

where S = (Sigma + diag Sigma) / 2 believes half of each correlation (the whole of it trades worse than no correlation
at all where few assets are held), D_i is the width of the asset's own band and hard_i its owner's limit. Alone, an
asset is traded to the edge of its band exactly.

Every row is divided by its own variance first, so that the conditions of an optimum read in fractions of NAV: with
g = A z and a_ii = 1, an asset that is not traded has |g_i| <= D_i, one that was bought or sold has g_i = +D_i or -D_i.
The program is strictly convex (S is at least half its diagonal), so that its answer does not depend on the way to it.
Coordinate descent finds which assets are traded and on which side, then one linear system gives how much, exactly; it
is done when every condition holds, and where it is not done it says so and trades nothing.
Source: formulas.md 3 (auto band, step 4), properties 11 to 13.
"""

import math
from operator import sub

import msgspec

from bot.calc import autoband
from bot.calc.linear import Vector, dot, is_semidefinite, product
from bot.domain.statistics import Matrix

BELIEF = 0.5
"""The share of each covariance that counts; 0.25 to 0.75 make little difference, 1 is worse than per-asset bands."""
SWEEPS_MAX = 500
"""Rounds over all assets. Twenty take at most 26 even where they move as one: S is never nearly singular."""
RESIDUAL_MAX = 1e-10
"""By how much a condition may be missed, as a share of the largest deviation (and of its row's sum)."""
TIE = 1e-13
"""What lies as near to its old place as this share of the largest deviation has not moved."""


class Coupling(msgspec.Struct, frozen=True):
    """S with each row divided by its own variance, and those variances. Made once for a covariance.

    `is_sound` is False where no returns can have such a covariance: then no asset is coupled with another, so that each
    is judged by its own band.
    """

    rows: Matrix
    variances: tuple[float, ...]
    is_sound: bool


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """The deviations after trading. `residual` is the worst condition's miss, `converged` whether it is small enough.

    Where it did not converge `after` is what was: the caller falls back to per-asset bands.
    """

    after: tuple[float, ...]
    residual: float
    sweeps: int
    converged: bool


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The assets that are judged together, each by its place; distances and deviations are fractions of NAV.

    `deviations` are exposure - target with working orders counted; `variances` those of their untraded increments,
    per year (autoband.Restlessness); `costs` one-way, fractions of what is traded. `floors` and `hards` bound the
    widths; beyond its hard limit an asset is always traded.
    """

    deviations: tuple[float, ...]
    variances: tuple[float, ...]
    costs: tuple[float, ...]
    floors: tuple[float, ...]
    hards: tuple[float, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a group trades, in fractions of NAV (> 0 buys), and the widths that say so.

    `is_joint` is False where each asset was judged by its own band: the program did not converge, or had no covariance.
    """

    widths: tuple[float, ...]
    trades: tuple[float, ...]
    is_joint: bool
    residual: float


def coupling(covariance: Matrix, belief: float = BELIEF) -> Coupling:
    """Of a covariance of returns (in any unit of time). An asset that never moves is coupled with nothing."""
    variances = tuple(row[i] for i, row in enumerate(covariance))
    is_sound = is_semidefinite(covariance)
    share = belief if is_sound else 0.0
    rows = tuple(
        tuple(
            1.0 if i == j else share * value / own if share and own > 0.0 and other > 0.0 else 0.0
            for j, (value, other) in enumerate(zip(row, variances, strict=True))
        )
        for i, (row, own) in enumerate(zip(covariance, variances, strict=True))
    )
    return Coupling(rows, variances, is_sound)


def problems(group: Group, coupling: Coupling, aversion: float = 1.0) -> tuple[autoband.Problem, ...]:
    """Each asset's own problem, as the closed forms take it. `coupling` is of a covariance per year."""
    return tuple(
        autoband.Problem(variance=variance, returns=returns, aversion=aversion, cost=cost)
        for variance, returns, cost in zip(group.variances, coupling.variances, group.costs, strict=True)
    )


def widths(group: Group, coupling: Coupling, aversion: float) -> tuple[float, ...]:
    """Each asset's own band at a risk aversion (per NAV), within its floor and hard limit."""
    own = map(autoband.width, problems(group, coupling, aversion))
    return tuple(map(autoband.clipped, own, group.floors, group.hards))


def aversion_of(group: Group, coupling: Coupling, tracking_error: float) -> float:
    """The risk aversion at which the group keeps a tracking error (a fraction of NAV a year)."""
    return autoband.aversion_of_budget(problems(group, coupling), tracking_error)


def decide(group: Group, coupling: Coupling, aversion: float, trade_min: float) -> Verdict:
    """What to trade now. A trade of less than `trade_min` is left out, unless its asset is beyond its hard limit.

    Raises:
        ValueError: an input is not a finite number; what is unknown must not get here.
    """
    known = (aversion, *group.deviations, *group.variances, *group.costs, *coupling.variances)
    if not all(map(math.isfinite, known)):
        msg = f"the band program needs numbers: {group}, aversion {aversion}"
        raise ValueError(msg)
    own = widths(group, coupling, aversion)
    solution = solve(coupling, group.deviations, own, group.hards)
    wanted = (
        map(sub, solution.after, group.deviations)
        if solution.converged
        else map(autoband.to_edge, group.deviations, own)
    )
    trades = (
        trade if abs(trade) >= trade_min or abs(deviation) > hard else 0.0
        for trade, deviation, hard in zip(wanted, group.deviations, group.hards, strict=True)
    )
    is_joint = solution.converged and coupling.is_sound
    return Verdict(widths=own, trades=tuple(trades), is_joint=is_joint, residual=solution.residual)


def is_still(coupling: Coupling, deviations: Vector, widths: Vector, hards: Vector) -> bool:
    """Whether nothing is to be traded: exactly when the program's answer is the deviations as they are."""
    for row, deviation, width, hard in zip(coupling.rows, deviations, widths, hards, strict=True):
        if not (abs(dot(row, deviations)) <= width and abs(deviation) <= hard):
            return False
    return True


def solve(coupling: Coupling, deviations: Vector, widths: Vector, hards: Vector) -> Solution:
    """The program's answer. `widths` and `hards` are >= 0 and may be infinite; all are fractions of NAV."""
    if is_still(coupling, deviations, widths, hards):
        return Solution(after=tuple(deviations), residual=0.0, sweeps=0, converged=True)
    return _Program(coupling.rows, deviations, widths, hards).solved()


class _Program:
    """One program under way: z is where it stands, g its gradient A z."""

    def __init__(self, rows: Matrix, deviations: Vector, widths: Vector, hards: Vector) -> None:
        self._rows = rows
        self._columns = tuple(zip(*rows, strict=True))
        self._before, self._widths, self._hards = deviations, widths, hards
        self._all = range(len(rows))
        self._scale = max(map(abs, deviations))

    def solved(self) -> Solution:
        z = [min(max(x, -hard), hard) for x, hard in zip(self._before, self._hards, strict=True)]
        g = list(product(self._rows, z))
        sides: list[int] = []
        tried: list[int] = []
        residual = math.inf
        for sweep in range(1, SWEEPS_MAX + 1):
            self._sweep(z, g)
            last, sides = sides, self._sides(z)
            if sides != last or sides == tried:
                continue
            tried, exact = sides, self._exact(z, sides)
            residual = self._residual(exact)
            if residual <= RESIDUAL_MAX * self._scale:
                return Solution(after=tuple(exact), residual=residual, sweeps=sweep, converged=True)
        return Solution(after=tuple(self._before), residual=residual, sweeps=SWEEPS_MAX, converged=False)

    def _sweep(self, z: list[float], g: list[float]) -> None:
        """Each coordinate in turn to the best place for it, the others staying where they are."""
        for i in self._all:
            before, width, hard = self._before[i], self._widths[i], self._hards[i]
            free = z[i] - g[i]
            place = free - width if free - width > before else min(free + width, before)
            place = min(max(place, -hard), hard)
            step = place - z[i]
            if step != 0.0:
                z[i] = place
                g[:] = [value + step * a for value, a in zip(g, self._columns[i], strict=True)]

    def _sides(self, z: Vector) -> list[int]:
        """What holds each coordinate: 0 its deviation, +-1 the cost of having bought or sold it, 2 the hard limit."""
        return [
            0 if place == before else 2 if abs(place) >= hard else 1 if place > before else -1
            for place, before, hard in zip(z, self._before, self._hards, strict=True)
        ]

    def _exact(self, z: Vector, sides: list[int]) -> list[float]:
        """Where the traded ones end if they are these: the solution of A_TT z_T = -+D_T - A_TN z_N."""
        traded = [i for i in self._all if sides[i] in (1, -1)]
        fixed = [0.0 if sides[i] in (1, -1) else z[i] for i in self._all]
        matrix = [[self._rows[i][j] for j in traded] for i in traded]
        right = [-sides[i] * self._widths[i] - dot(self._rows[i], fixed) for i in traded]
        for i, place in zip(traded, _eliminated(matrix, right), strict=True):
            is_moved = abs(place - self._before[i]) > TIE * self._scale
            fixed[i] = place if is_moved else self._before[i]
        return fixed

    def _residual(self, z: Vector) -> float:
        """By how much the worst condition is missed, each as a share of its row's sum."""
        g = product(self._rows, z)
        return max(self._miss(i, z[i], g[i]) / math.fsum(map(abs, self._rows[i])) for i in self._all)

    def _miss(self, i: int, place: float, slope: float) -> float:
        before, width, hard = self._before[i], self._widths[i], self._hards[i]
        low = slope + width if place > before else slope - width
        high = slope - width if place < before else slope + width
        outside = abs(place) - hard
        if place >= hard:
            high = math.inf
        if place <= -hard:
            low = -math.inf
        return max(low, -high, outside)


def _eliminated(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss without pivoting: the matrix is a positive definite one with its rows scaled, and keeps the order."""
    size = len(right)
    for k in range(size):
        pivot = matrix[k]
        for i in range(k + 1, size):
            factor = matrix[i][k] / pivot[k]
            if factor != 0.0:
                matrix[i][k + 1 :] = [a - factor * b for a, b in zip(matrix[i][k + 1 :], pivot[k + 1 :], strict=True)]
                right[i] -= factor * right[k]
    for k in reversed(range(size)):
        right[k] = (right[k] - dot(matrix[k][k + 1 :], right[k + 1 :])) / matrix[k][k]
    return right
