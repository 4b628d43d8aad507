"""How wide a band should be: closed forms that weigh the cost of trading against the risk of not trading.

A deviation x (a fraction of NAV) moves by sigma_x dW while nothing is traded. It costs risk at a rate a x^2, with
a = aversion x return variance / 2, and a trade costs k of what is traded and F each time. Trading at +-D back to +-y
then costs, a year,

    J(D, y) = a (D^2 + y^2) / 6 + sigma_x^2 (k / (D + y) + F / (D^2 - y^2)),

the first term being a times the mean of x^2, k's factor the turnover and F's the number of trades.
All variances are per year and all distances fractions of NAV, so that an aversion is per NAV and has no unit. Plain
floats: a width is a statistic, and what is sent is made of exact numbers afterwards.
Source: formulas.md 3, and 2.13 for the tracking-error budget of several assets.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import msgspec

from bot.calc.elementary import halved
from bot.calc.linear import Vector, dot, product
from bot.domain.statistics import Matrix
from bot.domain.units import HOUR_NS, Nanos

YEAR_NS = 8_760 * HOUR_NS
NEWTON_STEPS_MAX = 64
"""Newton's steps fall onto the root from above and double the digits each time: about eight are taken."""
ROOT_STEPS = 4
"""Newton's steps to a cube root of [0.5, 4), from a start that is off by a tenth at most, which squares each time."""


class Restlessness(msgspec.Struct, frozen=True, kw_only=True):
    """An exponentially weighted variance of a deviation's untraded increments: what moved it, but for own hedges.

    Deposits, fills of others, price drift, collateral and funding all count, so that no model is needed. `squares` is
    the weighted sum of squared increments and `years` that of the time they took: the first is unbiased from the first
    sample on, and samples may come at any distance.
    """

    squares: float = 0.0
    years: float = 0.0

    def seen(self, increment: float, elapsed_ns: Nanos | int, half_life_ns: int) -> Self:
        """With one increment more, that took `elapsed_ns` > 0; what went before weighs half after each half-life.

        Raises:
            ValueError: the increment is not a number, or took no time.
        """
        if not (elapsed_ns > 0 and half_life_ns > 0 and math.isfinite(increment)):
            msg = f"not an increment: {increment} in {elapsed_ns} ns"
            raise ValueError(msg)
        kept = _kept(elapsed_ns, half_life_ns)
        return type(self)(
            squares=self.squares * kept + increment * increment,
            years=self.years * kept + elapsed_ns / YEAR_NS,
        )

    @property
    def variance(self) -> float | None:
        """Per year; None while nothing was seen, which is unknown and not 0."""
        return self.squares / self.years if self.years > 0 else None


@lru_cache(maxsize=64)
def _kept(elapsed_ns: int, half_life_ns: int) -> float:
    """All assets are sampled together, mostly at the same distance: the weight is worked out once."""
    return halved(elapsed_ns / half_life_ns)


def cube_root(x: float) -> float:
    """Of a number >= 0, from plain arithmetic: the same bits on every machine."""
    if not 0.0 < x < math.inf:
        return max(x, 0.0)
    mantissa, exponent = math.frexp(x)
    thirds, rest = divmod(exponent, 3)
    scaled = math.ldexp(mantissa, rest)
    root = 0.75 + 0.25 * scaled
    for _ in range(ROOT_STEPS):
        root = (2.0 * root + scaled / (root * root)) / 3.0
    return math.ldexp(root, thirds)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What a band of one asset is chosen for.

    `variance` is that of the untraded deviation and `returns` that of one unit of deviation, both per year and > 0;
    `cost` is one-way, a fraction of what is traded; `fixed` is per trade, a fraction of NAV.
    """

    variance: float
    returns: float
    aversion: float
    cost: float
    fixed: float = 0.0

    @property
    def risk(self) -> float:
        """a: what a deviation of 1 costs a year."""
        return self.aversion * self.returns / 2


class Corridor(msgspec.Struct, frozen=True):
    """Trade when |x| is beyond `trigger`, back to `inner`, which is not larger."""

    trigger: float
    inner: float


def mean_square(corridor: Corridor) -> float:
    """The mean of x^2 inside a corridor: squares of a fraction of NAV."""
    return (corridor.trigger * corridor.trigger + corridor.inner * corridor.inner) / 6


def turnover(corridor: Corridor, variance: float) -> float:
    """What is traded a year, as a fraction of NAV. `variance` is that of the untraded deviation, per year."""
    return variance / (corridor.trigger + corridor.inner)


def trades(corridor: Corridor, variance: float) -> float:
    """How often a year is traded; infinite where a trade goes to the edge only (as little as it can be)."""
    room = (corridor.trigger - corridor.inner) * (corridor.trigger + corridor.inner)
    return variance / room if room > 0 else math.inf


def loss(problem: Problem, corridor: Corridor) -> float:
    """J: risk and cost of a corridor, a fraction of NAV a year."""
    fixed = problem.fixed * trades(corridor, problem.variance) if problem.fixed > 0 else 0.0
    return problem.risk * mean_square(corridor) + problem.cost * turnover(corridor, problem.variance) + fixed


def best(problem: Problem) -> Corridor:
    """The corridor of least loss: to the edge where trades have no fixed cost, to the target where they have no other.

    With u = D + y, v = D - y and s = 6 sigma_x^2 / a the conditions are v^3 u = s F and u^3 = s (k + F / v), which
    leave u^3 - (s F)^(2/3) u^(1/3) - s k = 0: convex, so that Newton's steps from above reach its only root.
    """
    if problem.risk <= 0:
        return Corridor(math.inf, math.inf)
    scale = 6 * problem.variance / problem.risk
    edge, fixed = scale * problem.cost, scale * problem.fixed
    bend = cube_root(fixed * fixed)
    total = cube_root(edge) + math.sqrt(math.sqrt(fixed))
    for _ in range(NEWTON_STEPS_MAX if fixed > 0 else 0):
        root = cube_root(total)
        step = (total * total * total - bend * root - edge) / (3 * total * total - bend / (3 * root * root))
        if not total - step < total:
            break
        total -= step
    gap = min(cube_root(fixed / total), total) if total > 0 else 0.0
    return Corridor((total + gap) / 2, (total - gap) / 2)


def width(problem: Problem) -> float:
    """D for trades to the edge, (3 k sigma_x^2 / (2 aversion sigma_r^2))^(1/3); infinite where nothing is at risk.

    Whalley-Wilmott's and Davis-Norman's bands are this one, with the deviation that their asset has.
    """
    if problem.risk <= 0:
        return math.inf
    return cube_root(0.75 * problem.cost * problem.variance / problem.risk)


def option_variance(gamma: float, price: float, returns: float) -> float:
    """sigma_x^2 of the delta of options, in dollars: (gamma x price^2)^2 sigma^2 a year (Whalley-Wilmott).

    `gamma` is in coins per unit of price; divide by NAV^2 for the variance of a fraction of NAV.
    """
    dollars = gamma * price * price
    return dollars * dollars * returns


def weight_variances(weights: Vector, covariance: Matrix, base: Vector | None = None) -> tuple[float, ...]:
    """sigma_x^2 of weights that prices alone move: w_i^2 Var(r_i - sum_j b_j r_j), b being what moves their base.

    That is the weights themselves where nothing is said, and what is left to 1 is cash: Davis-Norman's and
    Shreve-Soner's (w (1 - w) sigma)^2 for one asset. What was seen is better: this is to begin with.
    """
    shares = weights if base is None else base
    moved = product(covariance, shares)
    whole = dot(shares, moved)
    return tuple(
        w * w * max(row[i] - 2.0 * moved[i] + whole, 0.0)
        for i, (w, row) in enumerate(zip(weights, covariance, strict=True))
    )


def width_of_budget(tracking_error: float, returns: float) -> float:
    """D for one asset whose tracking error (a fraction of NAV a year) is to be so large: sqrt(3) TE / sigma_r."""
    return math.sqrt(3 / returns) * tracking_error


def aversion_of_width(problem: Problem, distance: float) -> float:
    """The risk aversion at which the width is `distance`: the inverse of `width`. The problem's own is not read."""
    return 1.5 * problem.cost * problem.variance / (problem.returns * distance * distance * distance)


def aversion_of_budget(problems: Sequence[Problem], tracking_error: float) -> float:
    """The risk aversion at which assets in bands of their own have this tracking error together (fraction a year).

    (sum Sigma_ii d_i^2 / (3 TE^2))^1.5, d_i being the width at an aversion of 1. It takes their deviations for
    uncorrelated. 0 where nothing moves or costs anything: then any band keeps the budget.
    """
    widths = ((p.returns, cube_root(1.5 * p.cost * p.variance / p.returns)) for p in problems if p.returns > 0)
    share = math.fsum(returns * d * d for returns, d in widths) / (3 * tracking_error * tracking_error)
    return share * math.sqrt(share)


def myopic(cost: float, returns: float, aversion: float, years: float, *, is_reversed: bool) -> float:
    """The deviation below which a hedge with so little life left does not earn its cost: c k / (aversion Sigma tau).

    `is_reversed`: the trade has to be undone at the end, so that it costs twice. The band is the wider of the two.
    """
    at_risk = aversion * returns * years
    return (2 if is_reversed else 1) * cost / at_risk if at_risk > 0 else math.inf


def clipped(distance: float, floor: float, hard: float) -> float:
    """A width within its user's limits; the hard limit wins over the floor."""
    return min(max(distance, floor), hard)


def inner_of_lot(distance: float, lot: float) -> float:
    """Where a trade at `distance` ends if less than `lot` cannot be traded: the fixed cost of a smallest order."""
    return max(distance - lot, 0.0)


def to_edge(deviation: float, distance: float) -> float:
    """What is traded to bring one deviation back to the edge of its band; 0 inside."""
    if abs(deviation) <= distance:
        return 0.0
    return math.copysign(distance, deviation) - deviation
