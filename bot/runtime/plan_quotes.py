"""What a snapshot says of an instrument's market: its middle, its spread, its cost, and why it cannot be traded."""

from decimal import Decimal

from bot.domain.instrument import Instrument, Kind
from bot.domain.snapshot import Traded
from bot.domain.units import ZERO, Nanos, Notional, Price

TRADING = "trading"
REDUCE_ONLY = "reduce_only"
NEEDED = ("quote", "settle", "contract_size", "lot_size", "tick_size")


def mid(one: Traded) -> Price | None:
    """The middle of the best bid and ask, else the mark, else the index; None where none is known."""
    if one.bid is not None and one.ask is not None:
        return (one.bid + one.ask) / 2
    return one.mark if one.mark is not None else one.index


def half_spread(one: Traded) -> Decimal | None:
    """Half the distance of bid and ask, as a fraction of their middle; None where they are not known."""
    if one.bid is None or one.ask is None:
        return None
    return (one.ask - one.bid) / (one.ask + one.bid)


def cost_share(one: Traded) -> Decimal:
    """The cost of trading once, as a fraction: fee and half spread, as far as they are known."""
    spread = half_spread(one)
    return one.instrument.taker_fee + (ZERO if spread is None else spread)


def lacking(one: Traded, now_ns: Nanos, gaps: tuple[str, ...], *, reducing: bool = False) -> str:
    """Why an instrument cannot be traded now; empty where it can."""
    if missing := [term for term in NEEDED if term in gaps]:
        return f"its {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not known"
    if one.instrument.expiry_ns is not None and one.instrument.expiry_ns <= now_ns:
        return "it has expired"
    if one.status not in ((TRADING, REDUCE_ONLY) if reducing else (TRADING,)):
        return f"it is {one.status}"
    return "" if mid(one) is not None else "it has no price: neither bid and ask nor a mark or an index price"


def value_of_contract(instrument: Instrument, price: Price, payout: Price) -> Notional:
    """What one contract is worth in its quote currency; `payout` is a quanto's settlement asset in that currency."""
    match instrument.kind:
        case Kind.INVERSE:
            return instrument.contract_size
        case Kind.QUANTO:
            return instrument.contract_size * price * payout
        case _:
            return instrument.contract_size * price
