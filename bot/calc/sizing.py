"""From coins to an order: limit price, depth, caps, lots and minimums.

This is the one place where a float (a book level) becomes an exact quantity, always by rounding toward no trade.
Source: formulas.md 2.11 (book walk, limit price) and 2.13 (rounding).
"""

import math
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from functools import lru_cache

import msgspec

from bot.domain.instrument import Instrument
from bot.domain.market import Depth, Level, Quote
from bot.domain.order import Side
from bot.domain.units import BPS_PER_UNIT, ONE, ZERO, Bps, Contracts, Notional, Price, Qty, exact

TOPS_REMEMBERED_MAX = 2_048


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """An order's figures. `contracts` > 0; `residual` is what it leaves of the need, in signed coins."""

    side: Side
    contracts: Contracts
    limit_price: Price
    mid: Price
    expected_vwap: Price
    reduce_only: bool
    residual: Qty


class Unsized(msgspec.Struct, frozen=True):
    """Why no order can be made of a need; `dust` when the need itself is below the venue's minimum."""

    why: str
    dust: bool


class SizeLimits(msgspec.Struct, frozen=True):
    """What one order may be at most."""

    slippage_bps_max: Bps
    order_notional_max: Notional


def mid_price(quote: Quote) -> Price:
    """The exact middle of the best bid and ask."""
    return _middle(quote.bid, quote.ask)


# Of a whole book few tops are new from one look to the next.
@lru_cache(maxsize=TOPS_REMEMBERED_MAX, typed=True)
def _middle(bid: float, ask: float) -> Price:
    return (exact(bid) + exact(ask)) / 2


def limit_price(instrument: Instrument, side: Side, mid: Price, slippage_bps_max: Bps) -> Price:
    """The worst price that the slippage limit allows, rounded to the tick on the safe side."""
    worst = mid * (ONE + side.sign * slippage_bps_max / BPS_PER_UNIT)
    return instrument.floor_price(worst) if side is Side.BUY else instrument.ceil_price(worst)


def within(
    levels: tuple[Level, ...], side: Side, limit: Price, enough: Contracts | None = None
) -> list[tuple[Price, Contracts]]:
    """The levels at or better than `limit`, best first and exact, as far as `enough` contracts need them."""
    rows: list[tuple[Price, Contracts]] = []
    found = ZERO
    for level_price, level_size in levels:
        price = exact(level_price)
        if price > limit if side is Side.BUY else price < limit:
            break
        rows.append((price, exact(level_size)))
        found += rows[-1][1]
        if enough is not None and found >= enough:
            break
    return rows


def vwap(rows: list[tuple[Price, Contracts]], contracts: Contracts) -> Price:
    """Volume-weighted price of taking `contracts` > 0 from rows that hold at least as much."""
    left, cost = contracts, ZERO
    for price, size in rows:
        taken = min(size, left)
        cost += taken * price
        left -= taken
    return cost / contracts


def common_step(one: Qty, other: Qty) -> Qty:
    """The smallest quantity that is a whole number of both steps."""
    first, second = Fraction(one), Fraction(other)
    whole = math.lcm(first.numerator * second.denominator, second.numerator * first.denominator)
    found = Fraction(whole, first.denominator * second.denominator)
    return Decimal(found.numerator) / Decimal(found.denominator)


def slippage_bps(side: Side, price: Price, mid: Price) -> Bps:
    """How much worse than the mid a price is: > 0 is a cost."""
    return side.sign * (price / mid - ONE) * BPS_PER_UNIT


def size(
    instrument: Instrument, hedge: Qty, position: Contracts, quote: Quote, depth: Depth, limits: SizeLimits
) -> Sized | Unsized:
    """Make an order of a need of `hedge` signed coins, given the position's signed contracts.

    The order is reduce-only when it makes the position smaller without turning it round.
    """
    side = Side.BUY if hedge > 0 else Side.SELL
    wanted = abs(instrument.contracts(hedge))
    reducing = position * side.sign < 0 and wanted <= abs(position)
    mid = mid_price(quote)
    price = limit_price(instrument, side, mid, limits.slippage_bps_max)
    if price <= 0:
        return Unsized(f"a tick of {instrument.tick} is too coarse for a price of {mid}", dust=False)
    if why := _below_minimum(instrument, wanted, price, reducing=reducing):
        return Unsized(why, dust=True)
    rows = within(depth.against(side), side, price, wanted)
    contracts = min(wanted, _in_lots(instrument, sum((s for _, s in rows), ZERO)), _capped(instrument, limits, mid))
    contracts = _leaving_no_dust(instrument, contracts, wanted, price, reducing=reducing)
    if contracts <= 0 or _below_minimum(instrument, contracts, price, reducing=reducing):
        return Unsized(
            f"within {limits.slippage_bps_max} bps of {mid} and the order cap there is less than the venue's minimum",
            dust=False,
        )
    return Sized(
        side=side,
        contracts=contracts,
        limit_price=price,
        mid=mid,
        expected_vwap=vwap(rows, contracts),
        reduce_only=reducing,
        residual=hedge - instrument.coins(contracts * side.sign),
    )


def _in_lots(instrument: Instrument, contracts: Contracts) -> Contracts:
    return (contracts / instrument.lot).to_integral_value(ROUND_DOWN) * instrument.lot


def _capped(instrument: Instrument, limits: SizeLimits, mid: Price) -> Contracts:
    cap = _in_lots(instrument, limits.order_notional_max / (mid * instrument.contract_size))
    return cap if instrument.contracts_max is None else min(cap, instrument.contracts_max)


def _minimum(instrument: Instrument, price: Price, *, reducing: bool) -> Contracts:
    smallest = max(instrument.contracts_min, instrument.lot)
    if reducing and instrument.reduce_only_below_minimum:
        return smallest
    notional = instrument.notional_min / (price * instrument.contract_size)
    lots = _in_lots(instrument, notional)
    return max(smallest, lots if lots >= notional else lots + instrument.lot)


def _below_minimum(instrument: Instrument, contracts: Contracts, price: Price, *, reducing: bool) -> str:
    least = _minimum(instrument, price, reducing=reducing)
    if contracts >= least:
        return ""
    return f"{contracts} contracts are below the venue's minimum of {least}"


def _leaving_no_dust(
    instrument: Instrument, contracts: Contracts, wanted: Contracts, price: Price, *, reducing: bool
) -> Contracts:
    """Shorten a slice whose remainder could not be ordered, so that the last slice can take the whole tail."""
    least = _minimum(instrument, price, reducing=reducing)
    rest = wanted - contracts
    if not ZERO < rest < least:
        return contracts
    shorter = contracts - (least - rest)
    return shorter if shorter >= least else contracts
