"""What trading costs: the exact book walk, effective one-way cost, impact, slicing and the risk while slicing.

Source: formulas.md 2.11. Levels are (price, contracts), best first, and what a book does not hold is not invented.
Costs are > 0, rebates < 0, in fractions unless a name says bps. Money is exact; impact and trajectories are floats.
"""

from collections.abc import Iterator
from decimal import Decimal
from math import sqrt

import msgspec

from bot.calc.elementary import LN_2, halved
from bot.calc.sizing import slippage_bps
from bot.domain.instrument import Kind
from bot.domain.order import Side
from bot.domain.units import BPS_PER_UNIT, ZERO, Bps, Contracts, Notional, Price, Qty

ExactLevel = tuple[Price, Contracts]

IMPACT_Y = 1.0
"""Square-root impact, in daily standard deviations, of trading a whole day's volume."""
SLICES_MAX = 10_000
KAPPA_T_MIN = 1e-6
"""Less risk aversion than this over the whole time is a straight line (TWAP)."""


class Book(msgspec.Struct, frozen=True):
    """The visible levels of an instrument, best first; exact."""

    bids: tuple[ExactLevel, ...]
    asks: tuple[ExactLevel, ...]

    @property
    def sane(self) -> bool:
        """Whether both sides are there and not crossed."""
        return bool(self.bids and self.asks) and ZERO < self.bids[0][0] < self.asks[0][0]

    @property
    def mid(self) -> Price:
        """The middle of the best bid and ask."""
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def half_spread(self) -> Decimal:
        """Half the distance of the best bid and ask, as a fraction of the middle."""
        return (self.asks[0][0] - self.bids[0][0]) / 2 / self.mid

    def against(self, side: Side) -> tuple[ExactLevel, ...]:
        """The levels that an order of `side` takes."""
        return self.asks if side is Side.BUY else self.bids


class Walked(msgspec.Struct, frozen=True):
    """Contracts taken from a book, their average price, the worst one touched, and whether that is all that was asked.

    Prices are None where nothing was taken.
    """

    contracts: Contracts
    vwap: Price | None
    worst: Price | None
    complete: bool


def walk(
    levels: tuple[ExactLevel, ...],
    side: Side,
    contracts: Contracts,
    *,
    limit: Price | None = None,
    kind: Kind = Kind.LINEAR,
) -> Walked:
    """Take up to `contracts` >= 0 from the levels, no further than `limit`.

    The average weighs by coins: an inverse contract is a face in quote currency, so that its average is harmonic.
    """
    taken = list(_taken(levels, side, contracts, limit))
    if not taken:
        return Walked(ZERO, None, None, contracts == 0)
    total = sum((size for _, size in taken), ZERO)
    if kind is Kind.INVERSE:
        average = total / sum((size / price for price, size in taken), ZERO)
    else:
        average = sum((price * size for price, size in taken), ZERO) / total
    return Walked(total, average, taken[-1][0], total == contracts)


def _taken(
    levels: tuple[ExactLevel, ...], side: Side, contracts: Contracts, limit: Price | None
) -> Iterator[ExactLevel]:
    left = contracts
    for price, size in levels:
        if left <= 0 or (limit is not None and (price - limit) * side.sign > 0):
            return
        taken = min(size, left)
        left -= taken
        yield price, taken


def within_limit(levels: tuple[ExactLevel, ...], side: Side, limit: Price) -> Contracts:
    """The most contracts that the levels hold at or better than `limit`."""
    return sum((size for price, size in levels if (price - limit) * side.sign <= 0), ZERO)


def child_max(
    depth: Contracts, share: Decimal, adv: Contracts | None, participation: Decimal, seconds: Decimal
) -> Contracts:
    """The most that one slice may be: min(share x depth within the limit, participation x ADV x time).

    `adv` is the average volume of a day, None where it is unknown: depth alone bounds then.
    """
    by_depth = share * depth
    return by_depth if adv is None else min(by_depth, participation * adv * seconds / 86_400)


class OneWay(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of trading once, against the mid, in fractions of notional. `fee` < 0 is a rebate.

    `impact` is what the book walk costs beyond the half spread. `complete`: the book holds what was asked for; if
    not, the cost is that of the part which it does hold.
    """

    fee: Decimal
    half_spread: Decimal
    impact: Decimal
    contracts: Contracts
    vwap: Price | None
    complete: bool

    @property
    def total(self) -> Decimal:
        """k_eff = fee + half spread + impact."""
        return self.fee + self.half_spread + self.impact


def one_way(book: Book, side: Side, contracts: Contracts, *, fee: Decimal, kind: Kind = Kind.LINEAR) -> OneWay:
    """What taking `contracts` >= 0 from a sane book costs."""
    walked = walk(book.against(side), side, contracts, kind=kind)
    slipped = ZERO if walked.vwap is None else slippage_bps(side, walked.vwap, book.mid) / BPS_PER_UNIT
    return OneWay(
        fee=fee,
        half_spread=book.half_spread,
        impact=slipped - book.half_spread if walked.vwap is not None else ZERO,
        contracts=walked.contracts,
        vwap=walked.vwap,
        complete=walked.complete,
    )


def in_bps(fraction: Decimal) -> Bps:
    """A fraction in hundredths of a per cent."""
    return fraction * BPS_PER_UNIT


def square_root_impact(sigma_daily: float, quantity: float, adv: float, factor: float = IMPACT_Y) -> float:
    """Y sigma_d sqrt(Q / ADV), as a fraction; infinite without volume (ADV <= 0): nobody is there to trade with."""
    if quantity <= 0:
        return 0.0
    return factor * sigma_daily * sqrt(quantity / adv) if adv > 0 else float("inf")


def kappa(risk_aversion: float, sigma: float, temporary_impact: float) -> float:
    """Almgren-Chriss urgency sqrt(lambda sigma^2 / eta), per unit of the time that sigma is measured in."""
    return sqrt(risk_aversion * sigma * sigma / temporary_impact)


def trajectory(quantity: float, duration: float, slices: int, urgency: float) -> tuple[float, ...]:
    """What is left to trade after 0, 1, ... `slices` slices: x_t = X sinh(kappa (T - t)) / sinh(kappa T).

    Towards no urgency it is TWAP, towards infinite urgency one immediate order.

    Raises:
        ValueError: no slices, more than `SLICES_MAX`, no duration, or a negative urgency.
    """
    if not 0 < slices <= SLICES_MAX or duration <= 0 or urgency < 0:
        msg = f"no trajectory of {slices} slices over {duration} at an urgency of {urgency}"
        raise ValueError(msg)
    whole = urgency * duration
    return tuple(quantity * _left(whole, 1 - k / slices) for k in range(slices + 1))


def _left(whole: float, share: float) -> float:
    """sinh(whole x share) / sinh(whole), without overflow: e^-a(1-s) (1 - e^-2as) / (1 - e^-2a)."""
    if whole < KAPPA_T_MIN:
        return share
    shrunk = [halved(x / LN_2) for x in (whole * (1 - share), 2 * whole * share, 2 * whole)]
    return shrunk[0] * (1 - shrunk[1]) / (1 - shrunk[2])


def residual_risk(sigma: float, exposure: float, duration: float) -> float:
    """One standard deviation of the P&L of an exposure while it is traded away evenly: sigma |x| sqrt(T / 3)."""
    return sigma * abs(exposure) * sqrt(duration / 3)


def risk_removed(sigma_daily: float, value_before: Notional, value_after: Notional = ZERO) -> float:
    """One daily standard deviation that a hedge takes away, in money: sigma (|before| - |after|), never below 0."""
    return max(sigma_daily * float(abs(value_before) - abs(value_after)), 0.0)


def cost_to_risk(cost: Notional, risk: float) -> float:
    """A hedge's cost over the risk that it removes in a day; infinite where it costs and removes nothing."""
    if cost <= 0:
        return 0.0
    return float(cost) / risk if risk > 0 else float("inf")


def hedge_cost(coins: Qty, price: Price, one: OneWay) -> Notional:
    """What trading signed `coins` once costs in money."""
    return abs(coins) * price * one.total
