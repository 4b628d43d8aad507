"""What the quote currency is worth in dollars at this moment, what the guard is told of it, and what people are.

Each reference is a spot pair of the quote currency with another dollar. Which way round it is quoted follows from the
pair; its mid, or the inverse of it, is the quote currency's price. Where there are several the one in the middle counts
(of two in the middle that which is further off its peg: which of them is right is not known), as long as more than half
of them can be believed. Otherwise the price is unknown, which is never 1.
"""

from collections.abc import Iterator

from bot.calc.peg import BACK_BPS, STOP_BPS, WARN_BPS, consensus, off_peg
from bot.calc.sizing import mid_price
from bot.domain.commands import Command, Notice, Severity
from bot.domain.units import BPS_PER_UNIT, MINUTE_NS, ONE, SECOND_NS, InstrumentId, Price, exact
from bot.engine.pegs import BACK_FOR_NS, Level, Move, PegReading
from bot.engine.state import State
from bot.engine.trust import age

AGE_NS_MAX = 10 * SECOND_NS
"""How old a reference's book may be: a pair of two dollars may stand still for longer than a coin's."""
HALF_SPREAD_BPS_MAX = WARN_BPS
"""Where bid and ask are further from the middle between them than this, the middle says nothing of a peg."""
TOPIC, WAY_BACK = "peg", "peg_back"

_SAID = {
    Move.WARNED: (Severity.WARNING, TOPIC),
    Move.STOPPED: (Severity.CRITICAL, TOPIC),
    Move.RETURNING: (Severity.INFO, WAY_BACK),
    Move.LEFT: (Severity.INFO, WAY_BACK),
    Move.OVER: (Severity.INFO, TOPIC),
}


def reading(state: State) -> PegReading | None:
    """The peg as it is now; None where nobody named a reference for it."""
    names = state.layout.rules.pegs
    if not names:
        return None
    quote, stopped = state.layout.rules.quote, state.pegs.level is Level.STOPPED
    seen = {name: _price(state, name) for name in names}
    known = [price for price in seen.values() if isinstance(price, Price)]
    if 2 * len(known) > len(names):
        return PegReading(quote, consensus(known), "", stopped)
    why = "; ".join(f"{name} {price}" for name, price in seen.items() if isinstance(price, str))
    return PegReading(quote, None, why, stopped)


def _price(state: State, name: InstrumentId) -> Price | str:
    """What one reference says, or why it says nothing."""
    quote, instrument = state.books.quotes.get(name), state.layout.instruments[name]
    if not instrument.trading:
        return "does not trade"
    if quote is None or not quote.sane:
        return "has no sane best bid and ask"
    old = age(state, state.books.book_received_ns(name))
    if old is None or old > AGE_NS_MAX:
        return f"was last heard of more than {AGE_NS_MAX // SECOND_NS} s ago"
    if (exact(quote.ask) - exact(quote.bid)) / 2 > mid_price(quote) * HALF_SPREAD_BPS_MAX / BPS_PER_UNIT:
        return f"has bid and ask more than {HALF_SPREAD_BPS_MAX} bps away from the middle between them"
    straight = instrument.base == state.layout.rules.quote
    return mid_price(quote) if straight else Price(ONE / mid_price(quote))


def watch_peg(state: State) -> Iterator[Command]:
    """Look at the peg and tell what changed: each move is told, so that the journal has the step."""
    found = reading(state)
    if found is None:
        return
    off = None if found.price is None else off_peg(found.price)
    move = state.pegs.look(off, state.now)
    if move is not Move.NONE:
        severity, topic = _SAID[move]
        yield Notice(severity, topic, found.asset, _text(found, move))


def _text(found: PegReading, move: Move) -> str:
    """A move in words."""
    here = found.told
    minutes = BACK_FOR_NS // MINUTE_NS
    back = f"inside {BACK_BPS} bps for {minutes} min"
    match move:
        case Move.WARNED:
            return f"{here}: warned beyond {WARN_BPS} bps; beyond {STOP_BPS} bps no order adds risk"
        case Move.STOPPED:
            return f"{here}, more than {STOP_BPS} bps: no order adds risk until it was {back}"
        case Move.RETURNING:
            return f"{here}: it is over once it was {back}"
        case Move.LEFT:
            return f"{here}: not {back} yet"
        case _:
            return f"{here}, and was {back}: it is over"
