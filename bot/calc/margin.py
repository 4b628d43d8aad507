"""The margin of one account's positions, before and after an order.

Amounts are in the account's settlement currency: quote currency of linear contracts, coins of inverse ones.
Source: formulas.md 2.10 (MM = notional x rate - deduction by bracket; liquidation at ratio 1).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.calc import stress
from bot.calc.tiers import INFINITE, maintenance, ratio
from bot.domain.account import MarginState, Position
from bot.domain.instrument import Instrument, Kind
from bot.domain.units import ZERO, Contracts, InstrumentId, Notional, Price

__all__ = [
    "INFINITE",
    "Holding",
    "maintenance",
    "ratio",
    "ratio_after",
    "required",
    "stress_after",
    "stress_distance",
    "unrealized",
]


class Holding(msgspec.Struct, frozen=True):
    """A position with what its margin is computed from."""

    instrument: Instrument
    position: Position
    mark: Price


def unrealized(holding: Holding) -> Notional:
    """UPnL: coins x (mark - entry) of a linear contract, face x (1 / entry - 1 / mark) coins of an inverse one."""
    amount, entry = holding.instrument.coins(holding.position.contracts), holding.position.entry_price
    if holding.instrument.kind is Kind.INVERSE:
        return amount / entry - amount / holding.mark if amount else ZERO
    return amount * (holding.mark - entry)


def required(holdings: Iterable[Holding]) -> Notional:
    """Maintenance margin of all positions together (cross margin)."""
    total = ZERO
    for holding in holdings:
        amount = abs(holding.instrument.coins(holding.position.contracts))
        inverse = holding.instrument.kind is Kind.INVERSE
        notional = amount / holding.mark if inverse else amount * holding.mark
        if notional > 0:
            total += maintenance(notional, holding.instrument.tiers)
    return total


def ratio_after(
    wallet: Notional, before: tuple[Holding, ...], after: tuple[Holding, ...], cost: Notional, venue: MarginState | None
) -> Decimal:
    """The margin ratio once an order is filled at its limit and its `cost` (fee and slippage) paid.

    The venue's own figures are authoritative for what we do not track (other positions of the account), ours for
    what has moved since they were read: the higher ratio counts.
    """
    equity = wallet + sum((unrealized(h) for h in before), ZERO) - cost
    needed = required(after)
    ours = ratio(needed, equity)
    if venue is None:
        return ours
    added = needed - required(before)
    return max(ours, ratio(venue.maintenance_margin + max(added, ZERO), venue.margin_balance - cost))


def stress_after(
    wallet: Notional,
    before: tuple[Holding, ...],
    after: tuple[Holding, ...],
    maybe: Mapping[InstrumentId, tuple[Contracts, ...]],
    cost: Notional,
    venue: MarginState | None,
) -> Decimal:
    """The stress distance once an order is filled at its limit and its `cost` (fee and slippage) paid.

    `maybe` is what positions may come to as well, by orders that may fill or not: the worst of it counts. As with the
    ratio, the venue's own figures are authoritative for what we do not track, and the nearer distance counts.

    Raises:
        ValueError: an open position's instrument has no tiers, or is not linear.
    """
    held = tuple(
        stress.Exposed(
            instrument=one.instrument,
            contracts=one.position.contracts,
            mark=one.mark,
            maybe=maybe.get(one.instrument.id, ()),
        )
        for one in after
        if one.position.contracts or any(maybe.get(one.instrument.id, ()))
    )
    equity = wallet + sum((unrealized(h) for h in before), ZERO) - cost
    ours = stress.distance(stress.Pool(cash=equity, positions=held)).nearest
    if venue is None:
        return ours
    elsewhere = max(venue.maintenance_margin - required(before), ZERO)
    theirs = stress.Pool(cash=venue.margin_balance - cost, positions=held, elsewhere=elsewhere)
    return min(ours, stress.distance(theirs).nearest)


def stress_distance(holdings: Iterable[Holding], balance: Notional, elsewhere: Notional = ZERO) -> Decimal:
    """How far every price must move together, as a fraction of itself, until the positions are liquidated.

    `balance` is the margin balance now, `elsewhere` the maintenance margin of positions that are not among `holdings`
    and are taken to stay as they are. Both directions are looked at and the nearer one counts; 0 where liquidation is
    due already, infinite where no move of prices above zero leads to it. Source: formulas.md 2.10, stress distance with
    every beta 1.

    Raises:
        ValueError: an open position's instrument has no tiers, or is not linear (see `bot.calc.stress` for those).
    """
    held = tuple(
        stress.Exposed(instrument=one.instrument, contracts=one.position.contracts, mark=one.mark)
        for one in holdings
        if one.position.contracts
    )
    if not held:
        return INFINITE
    return stress.distance(stress.Pool(cash=balance, positions=held, elsewhere=elsewhere)).nearest
