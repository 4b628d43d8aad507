"""Basis, what locking it earns, rolling, and which leg a change of exposure should use.

Source: formulas.md 2.4 and section 1. F is the future's price, S the spot's, b = F - S. The quantities of a
cash-and-carry are matched in coins: legs matched in dollars are not locked. Everything here is exact.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from bot.calc.funding import HOURS_PER_YEAR
from bot.domain.order import Side
from bot.domain.units import DAY_NS, HOUR_NS, ONE, ZERO, Nanos, Notional, Price, Qty

DAYS_PER_YEAR = Decimal(365)
EXPIRY_FLOOR_NS = HOUR_NS
"""Nearer to its expiry than this, a yearly figure of a basis means nothing."""


def days_to(expiry_ns: Nanos | None, now_ns: Nanos, floor_ns: int = EXPIRY_FLOOR_NS) -> Decimal | None:
    """Days to the exact expiry, fraction included; None for a contract without one, or nearer to it than the floor."""
    if expiry_ns is None or expiry_ns - now_ns < floor_ns:
        return None
    return Decimal(expiry_ns - now_ns) / DAY_NS


def basis(future: Price, spot: Price) -> Price:
    """F - S: > 0 in contango."""
    return future - spot


def basis_share(future: Price, spot: Price) -> Decimal:
    """F / S - 1."""
    return future / spot - ONE


class Annualised(msgspec.Struct, frozen=True):
    """One basis as yearly rates (fractions)."""

    simple: Decimal
    compounded: Decimal
    continuous: Decimal


def annualised(future: Price, spot: Price, days: Decimal | None) -> Annualised | None:
    """Yearly basis over the days to expiry; None where there are none (see `days_to`)."""
    if days is None:
        return None
    years = days / DAYS_PER_YEAR
    continuous = (future / spot).ln() / years
    return Annualised(basis_share(future, spot) / years, continuous.exp() - ONE, continuous)


def implied_carry(coins: Qty, spot: Price, future: Price, fees: Notional = ZERO, borrow: Notional = ZERO) -> Notional:
    """What holding `coins` > 0 of spot against a short future of as many coins earns at expiry, at any price."""
    return coins * (future - spot) - fees - borrow


def pair_pnl(
    coins: Qty, basis_before: Price, basis_after: Price, funding: Notional = ZERO, fees: Notional = ZERO
) -> Notional:
    """P&L of long `coins` spot and short as many of the future: -(b1 - b0) q + funding - fees."""
    return -(basis_after - basis_before) * coins + funding - fees


def legs_pnl(coins: Qty, future_coins: Qty, spot: Price, future: Price, at_expiry: Price) -> Notional:
    """P&L at expiry of `coins` bought at `spot` (sold: < 0) and of signed `future_coins` opened at `future`."""
    return coins * (at_expiry - spot) + future_coins * (at_expiry - future)


def inverse_match(coins: Qty, future: Price) -> Notional:
    """The signed face that locks coins x F0 in quote currency at any settlement price: -coins x F0, not x S0."""
    return -coins * future


def tailed_coins(coins: Qty, spot: Price, future: Price) -> Qty:
    """The signed coins of the future that hedge `coins` marked to market under a proportional basis: -q S / F."""
    return -coins * spot / future


class Reverse(msgspec.Struct, frozen=True):
    """A reverse carry: coins of the future to buy, and what is locked in quote currency at any price."""

    future_coins: Qty
    locked: Notional


def reverse(coins: Qty, spot: Price, future: Price, interest: Decimal, fees: Notional = ZERO) -> Reverse:
    """Sell `coins` > 0 of borrowed spot and buy the future. Interest (a fraction to expiry) accrues in the coin.

    The debt at expiry is q (1 + i) coins, and so is the future's quantity; q S - q (1 + i) F is then left.
    """
    owed = coins * (ONE + interest)
    return Reverse(owed, coins * spot - owed * future - fees)


def interest(apr: Decimal, days: Decimal) -> Decimal:
    """Simple interest over some days, as a fraction."""
    return apr * days / DAYS_PER_YEAR


def roll_yield(near: Price, far: Price, days_between: Decimal) -> Decimal:
    """(F2 / F1)^(365 / (D2 - D1)) - 1: the compounded yearly premium of the far contract over the near one."""
    return ((far / near).ln() * DAYS_PER_YEAR / days_between).exp() - ONE


class Roll(msgspec.Struct, frozen=True):
    """Whether to roll: the yearly yield of rolling after its cost, what it must beat, and the sentence that says so."""

    roll: bool
    yearly: Decimal
    hurdle: Decimal
    why: str


def roll(
    near: Price,
    far: Price,
    days_between: Decimal,
    *,
    side: Side = Side.SELL,
    cost: Decimal,
    closing: Decimal = ZERO,
    buffer: Decimal = ZERO,
) -> Roll:
    """Roll when ((F2 / F1 - 1) - cost) x 365 / (D2 - D1) beats closing (a yearly yield) by a buffer.

    `side` is that of the hedge: a short earns the far contract's premium, a long pays it. `cost` is the roll's, as a
    fraction of its notional.
    """
    premium = -side.sign * (far / near - ONE)
    yearly, hurdle = (premium - cost) * DAYS_PER_YEAR / days_between, closing + buffer
    verb = "beats" if yearly > hurdle else "does not beat"
    return Roll(
        yearly > hurdle, yearly, hurdle, f"rolling yields {yearly:.4f} a year, which {verb} closing at {hurdle:.4f}"
    )


def perpetual_carry(apr: Decimal, days: Decimal, cost: Decimal = ZERO) -> Decimal:
    """What a short perpetual is expected to earn over a horizon, as a fraction: funding less the round trip's cost."""
    return apr * days / DAYS_PER_YEAR - cost


def dated_carry(
    future: Price, spot: Price, days_to_expiry: Decimal, days: Decimal, cost: Decimal = ZERO, reversion: Decimal = ONE
) -> Decimal:
    """What a short dated future is expected to earn over a horizon, as a fraction.

    Held to expiry the whole basis converges; before it, its share of the time, of which `reversion` is counted on.
    """
    share = ONE if days >= days_to_expiry else reversion * days / days_to_expiry
    return basis_share(future, spot) * share - cost


def break_even_hours(round_trip_cost: Decimal, apr: Decimal) -> Decimal | None:
    """Hours until carry at `apr` has paid a round trip (a fraction of notional); None where it never does."""
    return round_trip_cost * HOURS_PER_YEAR / apr if apr > 0 else None


class Use(Enum):
    """Which market a change of exposure should use."""

    SPOT = "spot"
    FUTURE = "future"


def cheaper(side: Side, future: Price, spot: Price) -> Use:
    """Buy what is cheap and sell what is rich; the future where both cost the same, so that the coins stay.

    Contango: add by buying spot, reduce by selling futures; backwardation: add by buying futures, reduce by selling
    spot. Buying one and selling the other changes no exposure.
    """
    return Use.SPOT if side.sign * basis(future, spot) > 0 else Use.FUTURE
