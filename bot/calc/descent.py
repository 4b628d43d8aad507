"""The convex program behind hedges with costs: a quadratic risk, kinked costs, caps, and one row of margin.

    minimise   1/2 z' H z + g' z + sum k_j |z_j - start_j| + m_j |z_j|
    subject to |z_j| <= cap_j   and   sum margin_j |z_j| <= margin_max

Theory of operation. One coordinate at a time has an exact answer: its derivative rises and jumps at 0 and at the
start, so that its root is found by looking at the pieces, and clipped to the cap. Going round is slow where columns
are alike, so every few rounds the pieces that coordinates have settled in are taken for final and the smooth part is
solved at once (`_polished`); what comes out is kept only if it is inside those pieces. The margin row is a price
on |z|, found by bisection on the side where the row holds, and made exact by the same polishing. What ends the
work is the distance from optimality (KKT residual), never the number of rounds; an answer that is not optimal says so.
"""

import math
from collections.abc import Sequence

import msgspec

from bot.calc import linear

SWEEPS_MAX = 400
"""Rounds over all coordinates for one price of margin."""
POLISH_EVERY = 8
"""Rounds between two attempts to solve the smooth part at once."""
BISECTIONS_MAX = 100
"""Halvings of the interval in which the price of margin lies."""
RESIDUAL_MAX = 1e-9
"""A point is optimal when no derivative misses 0 by more than this share of the largest number that it is made of."""
MARGIN_SLACK = 1e-9
"""The share of the margin that is left unused, so that no rounding goes beyond it."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The program, all of one length n. `hessian` positive semidefinite with a positive diagonal, costs >= 0.

    `gradient` is g, `cost` k, `holding` m, `cap` may be infinite, and so may `margin_max`.
    """

    hessian: Sequence[Sequence[float]]
    gradient: Sequence[float]
    start: Sequence[float]
    cost: Sequence[float]
    holding: Sequence[float]
    cap: Sequence[float]
    margin: Sequence[float]
    margin_max: float = math.inf


class Optimum(msgspec.Struct, frozen=True, kw_only=True):
    """A point that keeps caps and margin, whether or not it is optimal.

    `price` is what one more unit of margin would be worth; `residual` the distance from optimality as a share;
    where `converged` is False the point must not be traded to.
    """

    z: tuple[float, ...]
    price: float
    residual: float
    sweeps: int
    converged: bool


def minimised(program: Program) -> Optimum:
    """Solve the program."""
    z = [max(-cap, min(cap, at)) for cap, at in zip(program.cap, program.start, strict=True)]
    sweeps = _descend(program, z, 0.0)
    price = 0.0
    room = program.margin_max * (1.0 - MARGIN_SLACK)
    if used(program, z) > room:
        price, z, more = _priced(program, z, room)
        sweeps += more
    missed = residual(program, z, price)
    if price > 0.0:
        missed = max(missed, 1.0 - used(program, z) / room if room > 0.0 else 0.0)
    needs = used(program, z)
    if needs > program.margin_max:
        z = [one * (room / needs) for one in z]
        missed = math.inf
    return Optimum(z=tuple(z), price=price, residual=missed, sweeps=sweeps, converged=missed <= 2.0 * RESIDUAL_MAX)


def used(program: Program, z: Sequence[float]) -> float:
    """The margin that a point needs."""
    return linear.dot(program.margin, [abs(one) for one in z])


def objective(program: Program, z: Sequence[float]) -> float:
    """What is minimised."""
    away = [abs(one - at) for one, at in zip(z, program.start, strict=True)]
    size = [abs(one) for one in z]
    costs = linear.dot(program.cost, away) + linear.dot(program.holding, size)
    return 0.5 * linear.quadratic(program.hessian, z) + linear.dot(program.gradient, z) + costs


def residual(program: Program, z: Sequence[float], price: float = 0.0) -> float:
    """How far the derivatives are from allowing 0, as a share of the largest number that they are made of.

    What the start would make of them counts, too: near an optimum at 0 nothing else may be left to compare with.
    """
    slopes = linear.product(program.hessian, z)
    worst, scale = 0.0, 0.0
    for j, one in enumerate(z):
        slope, extra = slopes[j] + program.gradient[j], _holding(program, j, price)
        low, high = _derivatives(program, j, one, slope, price)
        worst = max(worst, low if one > -program.cap[j] else 0.0, -high if one < program.cap[j] else 0.0)
        largest = program.hessian[j][j] * max(abs(one), min(abs(program.start[j]), program.cap[j]))
        scale = max(scale, abs(program.gradient[j]), program.cost[j], extra, largest)
    return worst / scale if scale > 0.0 else 0.0


def _holding(program: Program, j: int, price: float) -> float:
    return program.holding[j] + price * program.margin[j]


def _derivatives(program: Program, j: int, one: float, slope: float, price: float) -> tuple[float, float]:
    """The lowest and the highest derivative at a point: they differ at a kink."""
    low = high = slope
    for weight, at in ((program.cost[j], program.start[j]), (_holding(program, j, price), 0.0)):
        low += weight if one > at else -weight
        high += -weight if one < at else weight
    return low, high


def _descend(program: Program, z: list[float], price: float) -> int:
    """Go round until the point is optimal for this price of margin; how many rounds it took."""
    for sweep in range(1, SWEEPS_MAX + 1):
        for j, row in enumerate(program.hessian):
            rest = linear.dot(row, z) - row[j] * z[j] + program.gradient[j]
            z[j] = _coordinate(program, j, rest, price)
        if sweep % POLISH_EVERY == 1:
            better = _polished(program, z, price)
            if better is not None and residual(program, better, price) <= RESIDUAL_MAX:
                z[:] = better
                return sweep
        if residual(program, z, price) <= RESIDUAL_MAX:
            return sweep
    return SWEEPS_MAX


def _coordinate(program: Program, j: int, rest: float, price: float) -> float:
    """The best value of one coordinate while all others stay: where h z + rest + costs' derivatives cross 0."""
    curvature, cap = program.hessian[j][j], program.cap[j]
    kinks = sorted([(program.start[j], program.cost[j]), (0.0, _holding(program, j, price))])
    below = rest - kinks[0][1] - kinks[1][1]
    best = -below / curvature
    for at, weight in kinks:
        if best <= at:
            break
        below += 2.0 * weight
        best = max(at, -below / curvature)
    return max(-cap, min(cap, best))


def _priced(program: Program, z: list[float], room: float) -> tuple[float, list[float], int]:
    """The price of margin at which it suffices, the point, and the rounds it took."""
    largest = max(
        abs(program.gradient[j]) + program.cost[j] + program.hessian[j][j] * abs(one) for j, one in enumerate(z)
    )
    low, high, sweeps = 0.0, largest / max(program.margin), 0
    point = list(z)
    while used(program, point) > room and sweeps < SWEEPS_MAX * BISECTIONS_MAX:
        high *= 4.0
        sweeps += _descend(program, point, high)
    for _ in range(BISECTIONS_MAX):
        exact = _polished_to(program, point, room, high)
        if exact is not None:
            return (*exact, sweeps)
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        trial = list(point)
        sweeps += _descend(program, trial, middle)
        if used(program, trial) > room:
            low = middle
        else:
            high, point = middle, trial
    return high, point, sweeps


def _free(program: Program, z: Sequence[float]) -> list[int]:
    """The coordinates that are neither at a kink nor at a cap."""
    return [j for j, one in enumerate(z) if one not in (0.0, program.start[j]) and abs(one) < program.cap[j]]


def _smooth(program: Program, z: Sequence[float], free: Sequence[int], price: float) -> tuple[float, ...] | None:
    """The free coordinates' best values while the pieces stay what they are; None where they have no best."""
    fixed = [0.0 if j in free else one for j, one in enumerate(z)]
    right = []
    for j in free:
        costs = math.copysign(program.cost[j], z[j] - program.start[j])
        costs += math.copysign(_holding(program, j, price), z[j])
        right.append(-program.gradient[j] - costs - linear.dot(program.hessian[j], fixed))
    return linear.solve(linear.submatrix(program.hessian, free, free), right)


def _polished(program: Program, z: Sequence[float], price: float) -> list[float] | None:
    """The smooth part solved at once; None where that leaves the pieces that the coordinates were in."""
    free = _free(program, z)
    found = _smooth(program, z, free, price)
    return None if found is None else _within(program, z, free, found)


def _within(program: Program, z: Sequence[float], free: Sequence[int], found: Sequence[float]) -> list[float] | None:
    moved = list(z)
    for j, one in zip(free, found, strict=True):
        start = program.start[j]
        if abs(one) > program.cap[j] or (one > 0.0) != (z[j] > 0.0) or (one > start) != (z[j] > start):
            return None
        moved[j] = one
    return moved


def _polished_to(program: Program, z: Sequence[float], room: float, high: float) -> tuple[float, list[float]] | None:
    """Price and point with the margin used to the full, in the pieces of `z`; None where that is not the optimum.

    The free coordinates are linear in the price, known at 0 and at `high`, and the margin row says which price it is.
    """
    free = _free(program, z)
    at_none, at_high = (_smooth(program, z, free, price) for price in (0.0, high))
    if at_none is None or at_high is None:
        return None
    signed = [math.copysign(program.margin[j], z[j]) for j in free]
    fixed = math.fsum(program.margin[j] * abs(one) for j, one in enumerate(z) if j not in free)
    falls = linear.dot(signed, [a - b for a, b in zip(at_none, at_high, strict=True)])
    if not falls > 0.0:
        return None
    part = (linear.dot(signed, at_none) + fixed - room) / falls
    price, found = part * high, [a + part * (b - a) for a, b in zip(at_none, at_high, strict=True)]
    moved = _within(program, z, free, found)
    if moved is None or price < 0.0 or used(program, moved) > program.margin_max:
        return None
    return (price, moved) if residual(program, moved, price) <= RESIDUAL_MAX else None
