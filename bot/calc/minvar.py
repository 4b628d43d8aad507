"""Hedges of least variance with one or several instruments, plain or with costs, caps and margin (formulas.md 2.8).

Amounts are values in the unit of account, long > 0; variances are per interval of the covariance matrix. `exposure`
is what is hedged, x; instrument j moves the exposures by its column of B for each unit of value, so that x + B z is
left after trading. Without costs z = -(B'SB)^-1 B'S x, whose residual x + B z is uncorrelated with every instrument.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from bot.calc import linear
from bot.calc.descent import Program, minimised
from bot.domain.statistics import Matrix
from bot.domain.units import Asset


class Hedge(msgspec.Struct, frozen=True, kw_only=True):
    """What to hold of each instrument. `before` and `residual` are variances of the whole, unhedged and hedged.

    `converged` False: these amounts keep every cap but are not the best ones; hold what there is.
    """

    amounts: tuple[float, ...]
    before: float
    residual: float
    converged: bool = True
    margin_price: float = 0.0
    """What one more unit of margin would be worth in units of the objective; 0 where the margin does not bind."""

    @property
    def effectiveness(self) -> float:
        """The share of the variance that is hedged away: 1 where there was none."""
        return 1.0 - self.residual / self.before if self.before > 0.0 else 1.0


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be traded to hedge, by the value of one unit of it.

    `moves`: the exposure that one unit of value brings, by asset (an index has several). `now` is what is held of it.
    `cost` is the one-way cost of a trade, `carry` what a long of it is expected to pay over the horizon (a short
    receives it), `margin_cost` what it costs to margin it over the horizon: all three as fractions of value. `cap`
    bounds |amount|; `margin` is its initial margin as a fraction.
    """

    name: Asset
    moves: Mapping[Asset, float]
    now: float = 0.0
    cost: float = 0.0
    carry: float = 0.0
    margin_cost: float = 0.0
    cap: float = math.inf
    margin: float = 0.0


def betas(covariance: Matrix, hedged: int, hedges: Sequence[int]) -> tuple[float, ...] | None:
    """The slopes of one asset on several together: S_hh^-1 S_hx, by place in the covariance matrix.

    None where the hedges cannot be told apart, or one of them does not move. An asset among its own hedges has slope
    1 on itself and 0 on the others.
    """
    if hedged in hedges:
        return tuple(1.0 if j == hedged else 0.0 for j in hedges)
    inner = linear.submatrix(covariance, hedges, hedges)
    return linear.solve(inner, [covariance[j][hedged] for j in hedges])


def hedge(covariance: Matrix, exposure: Sequence[float], hedges: Sequence[int]) -> Hedge | None:
    """The amounts of the assets at places `hedges` that leave the least variance of `exposure` (by place).

    None where the hedges cannot be told apart, or one of them does not move.
    """
    slopes = [betas(covariance, i, hedges) for i in range(len(exposure))]
    known = [one for one in slopes if one is not None]
    if len(known) < len(slopes):
        return None
    amounts = tuple(-linear.dot(exposure, [row[k] for row in known]) for k in range(len(hedges)))
    left = list(exposure)
    for j, amount in zip(hedges, amounts, strict=True):
        left[j] += amount
    return _measured(covariance, exposure, left, amounts)


def constrained(
    covariance: Matrix,
    assets: Sequence[Asset],
    exposure: Mapping[Asset, float],
    instruments: Sequence[Instrument],
    *,
    aversion: float,
    intervals: float = 1.0,
    margin_max: float = math.inf,
) -> Hedge | None:
    """The amounts for which risk and costs together are least, within caps and margin.

    Risk is 1/2 `aversion` x variance over `intervals`: with the risk aversion per NAV of formulas.md, `aversion` is
    that divided by NAV, and the objective is money. `covariance` is in the order of `assets`. None where nothing can
    be said: an instrument that does not move, a number that is none, a negative cost, cap or margin.
    """
    columns = [[one.moves.get(asset, 0.0) for asset in assets] for one in instruments]
    held = [exposure.get(asset, 0.0) for asset in assets]
    risk = aversion * intervals
    felt = [linear.product(covariance, column) for column in columns]
    program = Program(
        hessian=tuple(tuple(risk * linear.dot(row, column) for column in columns) for row in felt),
        gradient=tuple(risk * linear.dot(row, held) + one.carry for row, one in zip(felt, instruments, strict=True)),
        start=tuple(one.now for one in instruments),
        cost=tuple(one.cost for one in instruments),
        holding=tuple(one.margin_cost for one in instruments),
        cap=tuple(one.cap for one in instruments),
        margin=tuple(one.margin for one in instruments),
        margin_max=margin_max,
    )
    if not _sound(program):
        return None
    best = minimised(program)
    left = [x + linear.dot([column[i] for column in columns], best.z) for i, x in enumerate(held)]
    found = _measured(covariance, held, left, best.z)
    return msgspec.structs.replace(found, converged=best.converged, margin_price=best.price)


def _measured(covariance: Matrix, before: Sequence[float], after: Sequence[float], amounts: tuple[float, ...]) -> Hedge:
    return Hedge(
        amounts=amounts,
        before=max(0.0, linear.quadratic(covariance, before)),
        residual=max(0.0, linear.quadratic(covariance, after)),
    )


def _sound(program: Program) -> bool:
    """Whether every number is one, every instrument has risk, and no cost, cap or margin is negative."""
    bounds = (*program.cap, program.margin_max)
    finite = (*program.gradient, *program.start, *program.cost, *program.holding, *program.margin)
    positive = (*program.cost, *program.holding, *program.margin, *bounds)
    return (
        all(math.isfinite(one) for one in finite)
        and all(one >= 0.0 for one in positive)
        and all(0.0 < row[j] < math.inf for j, row in enumerate(program.hessian))
    )
