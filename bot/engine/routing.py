"""What is believed of the futures that may carry a coin's hedge, as candidates of `bot.calc.routing`.

A candidate whose book, mark or funding is stale or unknown is barred or has no cost: it is never cheap. What only the
order's own guards know (a pace, an account's stream, a margin after all orders) is found when the order is reviewed:
whoever drafts it names those that were refused in `shut`, and asks again.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from math import isfinite

import msgspec

from bot.calc import margin
from bot.calc.costs import Book, ExactLevel
from bot.calc.routing import BUFFER, HORIZON_DAYS, Candidate, Route, Terms, capital, route
from bot.calc.sizing import mid_price
from bot.calc.spreading import Spread, keeping, offer, reductions, spread
from bot.domain.account import MarginState
from bot.domain.instrument import Instrument
from bot.domain.market import Level, Mark
from bot.domain.units import (
    BPS_PER_UNIT,
    DAY_NS,
    HOUR_NS,
    ONE,
    SECOND_NS,
    ZERO,
    Asset,
    Bps,
    Contracts,
    InstrumentId,
    Nanos,
    Notional,
    Price,
    Qty,
    exact,
)
from bot.engine import trust
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.policy.budgets import Ceilings

FUNDING_AGE_NS_MAX = 24 * HOUR_NS
"""How long after a perpetual's last settlement that is known its forecast counts: a venue settles every eight hours."""
ROLL_NS = 1 * DAY_NS
"""A dated future that is this close to its expiry is left: what it holds is moved."""
LAST_OPENING_NS = 3 * DAY_NS
"""One that is this close takes nothing new: it would have to be left at once, and of a basis that is to be had for days
only, a month's yield is a guess."""


Planned = tuple[InstrumentId, Contracts]
"""Contracts (unsigned) that another order of the same decision adds to a position."""


def terms(state: State) -> Terms:
    """How candidates are compared now."""
    return Terms(
        now_ns=state.now,
        horizon_days=HORIZON_DAYS,
        slippage_bps_max=state.layout.limits.slippage_bps_max,
        capital_apr=state.layout.rules.routing.capital_apr,
        buffer=BUFFER,
    )


def shared_out(
    beliefs: Beliefs,
    asset: Asset,
    need: Qty,
    shut: Collection[InstrumentId] = (),
    beside: Sequence[Planned] = (),
) -> Spread:
    """Which futures take how much of a need of signed units of a coin (not 0). `beside` goes out with it."""
    state = beliefs.state
    return spread(
        [_candidate(beliefs, name, need, beside) for name in state.layout.candidates[asset]],
        need,
        terms(state),
        state.units_held(asset),
        standing=state.routes.chosen.get(asset),
        shut=shut,
    )


def leaving(beliefs: Beliefs, asset: Asset, source: InstrumentId, coins: Qty) -> Route:
    """Whether so many signed units of a position had better be elsewhere.

    Where it is nothing would be added: no limit on new risk bears on staying.
    """
    state = beliefs.state
    found = {name: _candidate(beliefs, name, coins) for name in state.layout.candidates[asset]}
    found[source] = msgspec.structs.replace(found[source], room=None, margin_free=None, barred=_unseen(state, source))
    return route(found.values(), coins, terms(state), {source: coins})


def movable(beliefs: Beliefs, asset: Asset, source: InstrumentId, coins: Qty) -> Qty:
    """How many of so many signed units of a position the best of the other futures could take at once."""
    found = terms(beliefs.state)
    others = [name for name in beliefs.state.layout.candidates[asset] if name != source]
    return max((offer(_candidate(beliefs, name, coins), coins, found).coins for name in others), key=abs)


def dearest(beliefs: Beliefs, held: Mapping[InstrumentId, Qty], coins: Qty) -> tuple[InstrumentId, ...]:
    """The futures of these signed positions (all of one side), by what each costs to keep for so many units of it.

    Unknown costs go first, then the dearest, as where a hedge is made smaller.
    """
    whole = sum(held.values(), ZERO)
    candidates = [_candidate(beliefs, name, coins.copy_sign(whole)) for name in held]
    running = keeping(candidates, coins.copy_sign(whole), terms(beliefs.state))
    return tuple(reductions(held, -whole, running)[0])


def elsewhere(beliefs: Beliefs, asset: Asset, source: InstrumentId, coins: Qty) -> Route:
    """The best of the other futures for so many signed units of a position that cannot stay."""
    others = [name for name in beliefs.state.layout.candidates[asset] if name != source]
    return route([_candidate(beliefs, name, coins) for name in others], coins, terms(beliefs.state))


def ceilings(state: State) -> Ceilings:
    """The budgets of those coins that have futures at one venue only: less what all others have there.

    What those hold counts at its entry, and what they are about to at its limit: neither moves with quotes.
    """
    found = state.layout.ceilings
    if not (found.venues and state.layout.routed):
        return found
    left = tuple((venue, coins, max(cap - _of_others(state, venue, coins), ZERO)) for venue, coins, cap in found.venues)
    return msgspec.structs.replace(found, venues=left)


def _of_others(state: State, venue: str, coins: Collection[Asset]) -> Notional:
    """What coins but these hold at a venue, and may hold there once all orders have filled."""
    names = [one.hedge for one in state.layout.carriers() if _venue(one.hedge) == venue and one.asset not in coins]
    held = [(name, state.accounts.positions[name].position) for name in names]
    worth = [state.layout.instruments[name].coins(abs(one.contracts)) * one.entry_price for name, one in held]
    for record in state.orders.live():
        request = record.request
        if request.instrument in names and not request.reduce_only:
            coming = state.layout.instruments[request.instrument].coins(abs(record.remaining))
            worth.append(coming * request.limit_price)
    return sum(worth, ZERO)


def expires_soon(instrument: Instrument, now: Nanos) -> bool:
    """Whether a dated future's position has to leave."""
    return instrument.expiry_ns is not None and instrument.expiry_ns - now < ROLL_NS


def _candidate(beliefs: Beliefs, name: InstrumentId, need: Qty, beside: Sequence[Planned] = ()) -> Candidate:
    """A future with its market as believed, for a need of that sign."""
    state = beliefs.state
    instrument, mark = state.layout.instruments[name], state.books.marks.get(name)
    rate, free = room(beliefs, instrument) or (ONE, ZERO)
    return Candidate(
        instrument=instrument,
        book=_book(state, name),
        index=exact(mark.index) if mark is not None else None,
        funding_apr=_funding_apr(state, name),
        initial_margin=rate,
        margin_free=free,
        room=_room(state, name, need),
        shared=_of_venue(state, name, beside),
        adverse_basis=ZERO if instrument.expiry_ns is not None else state.layout.rules.routing.adverse_basis,
        settlement_fee=instrument.taker_fee,
        barred=_why_barred(state, name),
    )


def _why_barred(state: State, name: InstrumentId) -> str:
    """Why a future takes no new risk now; empty where it does."""
    if (mode := state.modes.of(name)) is not Mode.RUN:
        return f"its mode is {mode.name}"
    expiry_ns = state.layout.instruments[name].expiry_ns
    if expiry_ns is not None and expiry_ns - state.now < LAST_OPENING_NS:
        return f"it expires within {LAST_OPENING_NS // DAY_NS} days"
    return _unseen(state, name)


def _unseen(state: State, name: InstrumentId) -> str:
    """What of a future's market is too old to compare it by; empty where all of it is fresh."""
    limits, mark, depth = state.layout.limits, state.books.marks.get(name), state.books.depths.get(name)
    seen_ns = 0 if depth is None else min(depth.received_ns, state.books.book_received_ns(name))
    bound_ns = limits.quote_age_ns_max_of(name)
    if seen_ns < state.now - bound_ns:
        return f"its book is not of the last {bound_ns / SECOND_NS:.1f} s"
    if mark is None or mark.received_ns < state.now - limits.mark_age_ns_max:
        return f"its mark is not of the last {limits.mark_age_ns_max / SECOND_NS:.1f} s"
    return _strange(state, name, mark)


def _strange(state: State, name: InstrumentId, mark: Mark) -> str:
    """Why a future's fresh market cannot be right: its book is far from its mark, or its index from the coin's price.

    Costs are fractions of a price: one that is wrong would make a future cheap.
    """
    limits, book, instrument = state.layout.limits, _book(state, name), state.layout.instruments[name]
    if book is not None and book.sane and _apart(book.mid, exact(mark.mark)) > limits.collar_mark_bps_max:
        return f"its book is more than {limits.collar_mark_bps_max} bps from its mark"
    coin = state.books.quotes.get(state.layout.assets[instrument.base].pricing)
    if coin is None or not coin.sane:
        return f"there is no price of {instrument.base} to hold it against"
    if _apart(exact(mark.index) / instrument.base_units, mid_price(coin)) > limits.price_deviation_bps_max:
        return f"its index is more than {limits.price_deviation_bps_max} bps from the price of {instrument.base}"
    return ""


def _apart(one: Price, other: Price) -> Bps:
    return abs(one / other - ONE) * BPS_PER_UNIT


def _book(state: State, name: InstrumentId) -> Book | None:
    depth = state.books.depths.get(name)
    return None if depth is None else Book(_exact(depth.bids), _exact(depth.asks))


def _exact(levels: tuple[Level, ...]) -> tuple[ExactLevel, ...]:
    return tuple((exact(price), exact(size)) for price, size in levels)


def _funding_apr(state: State, name: InstrumentId) -> Decimal | None:
    """What a long is expected to pay a year, while its last settlement that is known is recent."""
    known, settled = state.statistics.funding_apr.get(name), state.statistics.settled.get(name, ())
    if known is None or not isfinite(known) or settled[-1][0] < state.now - FUNDING_AGE_NS_MAX:
        return None
    return Decimal(repr(known))


def room(beliefs: Beliefs, instrument: Instrument) -> tuple[Decimal, Notional] | None:
    """The capital that more notional takes, as a fraction, and what of it the account has free; None while unknown.

    That is what `limits.margin_ratio` asks for: maintenance margin over the ratio.
    """
    state, limits = beliefs.state, beliefs.state.layout.limits
    wallet = trust.wallet(state, instrument.id)
    own = [one for one in beliefs.holdings or () if one.instrument.account == instrument.account]
    taken = capital(instrument, limits)
    tiered = all(one.instrument.tiers for one in own if one.position.contracts)
    if wallet is None or beliefs.holdings is None or taken is None or not tiered:
        return None
    most = limits.margin_ratio_max
    free = wallet + sum(map(margin.unrealized, own), ZERO) - margin.required(own) / most
    venue: MarginState | None = state.accounts.accounts[instrument.account].margin
    if venue is not None:
        free = min(free, venue.margin_balance - venue.maintenance_margin / most)
    return taken, max(free, ZERO)


def _room(state: State, name: InstrumentId, need: Qty) -> Notional:
    """What the largest position and the instrument's budget leave for more on that side."""
    budgets, contracts = state.layout.rules.budgets, state.accounts.positions[name].position.contracts
    own = _worth(state, name)
    rooms = [state.layout.limits.position_notional_max - (own if contracts * need > 0 else ZERO)]
    if name in budgets.instruments:
        rooms.append(budgets.instruments[name] - own)
    return max(min(rooms), ZERO)


def _of_venue(state: State, name: InstrumentId, beside: Sequence[Planned]) -> dict[str, Notional]:
    """What a venue's budget leaves for all futures there, with all orders that add to them filled."""
    venue, caps = _venue(name), state.layout.rules.budgets.venues
    if venue not in caps:
        return {}
    adding = {one.hedge: ZERO for one in state.layout.carriers() if _venue(one.hedge) == venue}
    in_flight = [(r.request.instrument, abs(r.remaining)) for r in state.orders.live() if not r.request.reduce_only]
    for future, contracts in (*in_flight, *beside):
        if future in adding:
            adding[future] += contracts
    there = [_worth(state, future, more) for future, more in adding.items()]
    return {venue: max(caps[venue] - sum(there, ZERO), ZERO)}


def _worth(state: State, name: InstrumentId, more: Contracts = ZERO) -> Notional:
    """Gross value of a position and of so many contracts `more`; at its entry while its market is unknown."""
    belief, quote = state.accounts.positions[name].position, state.books.quotes.get(name)
    price: Price = mid_price(quote) if quote is not None and quote.sane else belief.entry_price
    return state.layout.instruments[name].coins(abs(belief.contracts) + more) * price


def _venue(name: InstrumentId) -> str:
    return name.partition(".")[0]
