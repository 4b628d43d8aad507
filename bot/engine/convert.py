"""Conversions: coins are sold on the spot market, and as much of their hedge is bought back. Nothing is changed here.

Theory of operation
-------------------
`consider` looks at one conversion at a moment at which everything it rests on is known: no order of it or of the hedge
is in flight, balance and position are confirmed, price and index agree. It first makes up for what the last pair owes
(`sales.owed`), then it sells the next slice:

* a slice is one intent of two orders of the same number of coins, on the grid that both markets' lots share, cut to
  what either book gives within the slippage limit. The future is bought reduce-only and no further than its short goes;
* both are reviewed before either is sent, and neither is sent alone. A sale may be no larger than what is confirmed and
  free, than what is left of the target's amount, and than what its intent buys back. It is sent in RUN only, for it is
  no reduction of risk: the exposure stays what it is;
* of several futures the one goes first that costs the most to keep, as far as its short reaches; one that cannot be
  traded now leaves the pair to the next. A pair has one future, and what it owes is bought back there, or on another
  where its last order there came to nothing;
* what a pair has filled unevenly is evened out by one order: a reduce-only purchase of the future, which every mode but
  HALT allows, or a sale of what was bought back too much. While that lasts longer than the naked-exposure budget allows
  the conversion stops, and says so.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal

import msgspec

from bot.calc import sizing
from bot.calc.sizing import mid_price
from bot.domain.hedge import HedgeIntent, Leg
from bot.domain.instrument import Instrument
from bot.domain.market import Mark
from bot.domain.order import Approved, OrderRequest, Refused, Status
from bot.domain.targets import ConvertTarget
from bot.domain.units import MINUTE_NS, ZERO, ClientOrderId, Contracts, InstrumentId, Qty
from bot.engine import decide, peg, routing, sales, trust, views
from bot.engine.decide import PAUSE_AFTER_REFUSAL_NS, Draft
from bot.engine.guards.context import Context, Sale
from bot.engine.legs import naked_seconds
from bot.engine.risk import review
from bot.engine.sleeves import UNASSIGNED
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.policy import convert as policy
from bot.policy.endings import over
from bot.policy.members import Member
from bot.policy.purse import Scope
from bot.policy.unwind import until_next
from bot.policy.view import View, plain


class Even(msgspec.Struct, frozen=True):
    """The last pair is even, as near as lots let it."""


class Done(msgspec.Struct, frozen=True):
    """Nothing more is to be sold, and why."""

    why: str


class Stopped(msgspec.Struct, frozen=True):
    """A pair stayed uneven for too long, or cannot be evened out."""

    why: str


Outcome = Draft | Refused | Even | Done | Stopped | None


def consider(beliefs: Beliefs, group: Member, target: ConvertTarget) -> Outcome:
    """What a conversion comes to now; None where there is nothing to do or to say."""
    state = beliefs.state
    known = state.conversions.get(target)
    if why := sales.pending(state, target):
        return Refused("lock", target.asset, why)
    if refused := decide.locked(beliefs, (target.asset,)) or _breather(state, target):
        return refused
    if target.asset in state.routes.moves:
        return Refused("lock", target.asset, "its hedge is being moved to another future")
    if not known.stopped and sales.owed(state, target):
        return _even_out(beliefs, group, target)
    if target.name in state.legs.corrections:
        return Even()
    if known.stopped or known.finished >= target.amount:
        return None
    return trust.doubt(beliefs, group) or _next(beliefs, target)


def _breather(state: State, target: ConvertTarget) -> Refused | None:
    """A moment's pause after a sale that was refused, or that found less than the book had shown."""
    record = state.orders.records.get(ClientOrderId(state.conversions.get(target).sale))
    if record is None or state.now - record.done_ns >= PAUSE_AFTER_REFUSAL_NS or record.status is Status.FILLED:
        return None
    return Refused("lock", record.request.instrument, "the last sale did not fill just now")


# ------------------------------------------------------------------------------------------------------ evening out
def _even_out(beliefs: Beliefs, group: Member, target: ConvertTarget) -> Outcome:
    """One order for what the last pair owes; where none can go for too long, the conversion stops."""
    state, amount = beliefs.state, sales.owed(beliefs.state, target)
    ended_ns = sales.last_end_ns(state, target)
    doubt = trust.doubt(beliefs, group)
    open_to_doubt = doubt is None or (amount < 0 and doubt.guard in trust.PRICE_DOUBTS)
    found = _single(beliefs, target, amount) if open_to_doubt else doubt
    if not isinstance(found, Refused):
        return found
    price = _price(state, target)
    naked = naked_seconds(amount * price, ended_ns, state.now)
    if ended_ns and naked <= state.layout.limits.naked_notional_seconds_max:
        return found
    verb = "sell" if amount > 0 else "buy back"
    owes = f"it still has to {verb} {plain(abs(amount))} {target.asset}"
    return Stopped(f"{owes}, and cannot: {found.guard} ({found.subject}): {found.why}")


def _price(state: State, target: ConvertTarget) -> Decimal:
    """The last known price of the coin, whatever its age."""
    quote = state.books.quotes.get(sales.pair_of(state, target)[0].id)
    return mid_price(quote) if quote is not None and quote.sane else ZERO


def _single(beliefs: Beliefs, target: ConvertTarget, amount: Qty) -> Draft | Refused:
    """One leg alone: a sale (`amount` > 0) or a purchase of the future (< 0), where that cannot be of another one."""
    state, coins = beliefs.state, abs(amount)
    spot, future = sales.pair_of(state, target)
    if amount > 0:
        return _alone(beliefs, target, spot, -coins)
    others = [one for one in _shorts(beliefs, target, coins) if one is not future]
    ordered = (*others, future) if _came_to_nothing(state, target, future) else (future, *others)
    return _first(_alone(beliefs, target, one, coins) for one in ordered)


def _came_to_nothing(state: State, target: ConvertTarget, future: Instrument) -> bool:
    """Whether nothing was filled of a conversion's last order on a future: then it is another one's turn."""
    own = (one for one in reversed(state.orders.records.values()) if one.group == target.name)
    last = next((one for one in own if one.request.instrument == future.id), None)
    return last is not None and last.filled == 0


def _alone(beliefs: Beliefs, target: ConvertTarget, market: Instrument, units: Qty) -> Draft | Refused:
    """Sell units of the coin (< 0), or buy so much of its hedge back on one future."""
    limits, coins = beliefs.state.layout.limits, abs(units)
    bound_ns = limits.quote_age_ns_max_of(market.id) if units < 0 else limits.reducing_quote_age_ns_max
    figures = _size(beliefs.state, market, units, bound_ns)
    if isinstance(figures, Refused):
        return figures
    words = "sell" if units < 0 else "buy back the hedge of"
    why = f"{words} {plain(coins)} {target.asset}: the other half of the last pair"
    return _draft(beliefs, target, ((market, figures),), coins, why)


def _first(drafts: Iterable[Draft | Refused]) -> Draft | Refused:
    """The first of them that can go; where none can, why the first cannot."""
    refused: Refused | None = None
    for found in drafts:
        if not isinstance(found, Refused):
            return found
        refused = refused or found
    assert refused is not None, "there is always a future to ask"
    return refused


def _shorts(beliefs: Beliefs, target: ConvertTarget, coins: Qty) -> tuple[Instrument, ...]:
    """The futures whose shorts are bought back for so many coins, dearest to keep first: all of them, if need be."""
    layout = beliefs.state.layout
    if target.asset not in layout.routed:
        return (layout.instruments[layout.hedge(target.asset)],)
    held = {name: units for name, units in beliefs.state.units_held(target.asset).items() if units < 0}
    ordered = routing.dearest(beliefs, held, coins)
    return tuple(layout.instruments[name] for name in ordered)


# -------------------------------------------------------------------------------------------------------- next slice
def _next(beliefs: Beliefs, target: ConvertTarget) -> Outcome:
    """The next pair, or the end."""
    state, asset = beliefs.state, target.asset
    known = state.conversions.get(target)
    until = () if target.until is None or target.until.price is None else (target.until.price.asset,)
    view = View(
        prices={name: views.price(state, name) for name in (asset, *until)},
        parts={asset: views.parts(beliefs, asset)},
        now=state.now,
        free={asset: sales.sellable(state, target)},
        converted={target.name: known.sold},
        sliced=state.triggers.sliced,
    )
    if why := over(target, view):
        return Done(f"{why}: {plain(known.sold)} of {plain(target.amount)} {asset} were sold")
    pair = policy.pair(target, Scope(state.layout.targets, view))
    assert isinstance(pair, policy.Pair), "all that a pair looks at was just given"
    if pair.left + pair.coins <= 0:
        return Done(f"{plain(known.sold)} {asset} were sold, and as much of the hedge was bought back")
    return _slice(beliefs, target, pair)


def _slice(beliefs: Beliefs, target: ConvertTarget, pair: policy.Pair) -> Outcome:
    """The orders of a pair, on the future that costs the most to keep of those that can take a part of it."""
    state = beliefs.state
    spot, _ = sales.pair_of(state, target)
    futures = [state.layout.instruments[name] for name in state.layout.candidates[target.asset]]
    if all(sales.below_minimum(state, spot, on_grid(pair.left + pair.coins, grid(spot, one))) for one in futures):
        known = state.conversions.get(target)
        rest = f"{plain(target.amount - known.sold)} {target.asset} are left, too little for an order"
        return Done(f"{plain(known.sold)} {target.asset} were sold, and as much of the hedge was bought back; {rest}")
    if until_next(target.slices, state.triggers.sliced.get(target.name, {}).get(target.asset), state.now):
        return None
    nothing = Refused("convert", target.asset, f"{pair.why}; 0 {target.asset} are too little for an order")
    shorts = _shorts(beliefs, target, pair.coins) if pair.coins else ()
    return _first(_on(beliefs, target, pair, one) for one in shorts) if shorts else nothing


def _on(beliefs: Beliefs, target: ConvertTarget, pair: policy.Pair, future: Instrument) -> Draft | Refused:
    """The orders of a pair with one future."""
    state = beliefs.state
    spot, _ = sales.pair_of(state, target)
    step = grid(spot, future)
    short = max(-state.accounts.positions[future.id].position.contracts, ZERO) * each(future)
    coins = on_grid(min(pair.coins, short), step)
    if coins <= 0 or sales.below_minimum(state, spot, coins):
        return Refused(
            "convert", target.asset, f"{pair.why}; {plain(coins)} {target.asset} are too little for an order"
        )
    figures = _both(state, spot, future, coins, step)
    if isinstance(figures, Refused):
        return figures
    sale, purchase = figures
    left = target.amount - state.conversions.get(target).sold - sale.contracts
    why = f"sell {plain(sale.contracts)} {target.asset} and buy back as much of the hedge; {plain(left)} left to sell"
    return _draft(beliefs, target, ((spot, sale), (future, purchase)), purchase.contracts * each(future), why)


def _both(
    state: State, spot: Instrument, future: Instrument, coins: Qty, step: Qty
) -> tuple[sizing.Sized, sizing.Sized] | Refused:
    """Both legs, exactly as many coins on one side as on the other: where a book gives less, both are that much."""
    limits = state.layout.limits
    sale = _size(state, spot, -coins, limits.quote_age_ns_max_of(spot.id))
    purchase = _size(state, future, coins, limits.quote_age_ns_max_of(future.id))
    if isinstance(sale, Refused):
        return sale
    if isinstance(purchase, Refused):
        return purchase
    gives = on_grid(min(sale.contracts, purchase.contracts * each(future)), step)
    return (sale, purchase) if gives == coins else _both(state, spot, future, gives, step)


def _size(state: State, instrument: Instrument, units: Qty, age_ns_max: int) -> sizing.Sized | Refused:
    """One leg of so many signed units. What buys the hedge back has to make a short smaller."""
    name = instrument.id
    quote, depth = state.books.quotes.get(name), state.books.depths.get(name)
    if quote is None or not quote.sane or depth is None:
        return Refused("quote", name, "there is no sane quote and depth")
    age = trust.age(state, depth.received_ns)
    if age is None or age > age_ns_max:
        return Refused("stale_depth", name, "its book was last seen too long ago to size an order by it")
    belief = state.accounts.positions.get(name)
    position = ZERO if belief is None else belief.position.contracts
    limits = sizing.SizeLimits(state.layout.limits.slippage_bps_max, state.layout.limits.order_notional_max)
    figures = sizing.size(instrument, units / instrument.base_units, position, quote, depth, limits)
    if isinstance(figures, sizing.Unsized):
        return Refused("depth", name, figures.why)
    if units > 0 and not figures.reduce_only:
        return Refused("reduce", name, f"the position of {position} contracts is no short of as much")
    return figures


def each(future: Instrument) -> Qty:
    """Units of the asset that one contract is."""
    return future.contract_size * future.base_units


def grid(spot: Instrument, future: Instrument) -> Qty:
    """The smallest number of units that is a whole number of lots of both."""
    return sizing.common_step(spot.lot, future.lot * each(future))


def on_grid(units: Qty, step: Qty) -> Qty:
    """Units rounded down to whole steps."""
    return (units / step).to_integral_value(ROUND_DOWN) * step


# ------------------------------------------------------------------------------------------------------------ orders
def _draft(
    beliefs: Beliefs,
    target: ConvertTarget,
    figures: Sequence[tuple[Instrument, sizing.Sized]],
    paired: Qty,
    why: str,
) -> Draft | Refused:
    """Have every leg reviewed; all or nothing. `paired` is what is bought back, in units."""
    state, orders, legs = beliefs.state, list[Approved](), list[Leg]()
    number, alongside = state.orders.intents + 1, decide.in_flight(beliefs.state)
    spot, latest = sales.pair_of(state, target)
    future = next((instrument for instrument, _ in figures if instrument is not spot), latest)
    for instrument, one in figures:
        sells = instrument is spot
        request = decide.request_of(state, number, 0 if sells else 1, instrument.id, one)
        context = (
            _sale_context(beliefs, target, request, paired, future)
            if sells
            else decide.context(beliefs, request, alongside, request.contracts)
        )
        verdict = review(context)
        if isinstance(verdict, Refused):
            return verdict
        orders.append(verdict)
        legs.append(_leg(state, target, request, one))
        alongside = (*alongside, request)
    intent = HedgeIntent(number=number, group=target.name, reason=why, needs=(), legs=tuple(legs), decided_ns=state.now)
    return Draft(intent, tuple(orders), None, {})


def _leg(state: State, target: ConvertTarget, request: OrderRequest, figures: sizing.Sized) -> Leg:
    """An order with what it was decided on; a purchase is booked to those who hold the short, pro rata."""
    booked = state.sleeves.booked(request.instrument)
    held = sum(booked.values(), ZERO)
    wants = {name: one * request.contracts / held for name, one in sorted(booked.items()) if one} if held else {}
    return Leg(
        request=request,
        asset=target.asset,
        mid=figures.mid,
        expected_vwap=figures.expected_vwap,
        residual=ZERO,
        wants=wants or {UNASSIGNED: request.signed_contracts},
        spot=_price(state, target) * state.layout.instruments[request.instrument].base_units,
    )


def _sale_context(
    beliefs: Beliefs, target: ConvertTarget, request: OrderRequest, paired: Qty, future: Instrument
) -> Context:
    """The moment at which a sale is judged. The index of the pair's future stands for the mark that spot has not."""
    state, name = beliefs.state, request.instrument
    spot, _ = sales.pair_of(state, target)
    account, mark = state.accounts.accounts[spot.account], _index(state.books.marks[future.id], future)
    return Context(
        request=request,
        instrument=spot,
        limits=state.layout.limits,
        mode=max(state.modes.of(name), state.modes.of(future.id)),
        quote=state.books.quotes.get(name),
        mark=mark,
        book_age_ns=trust.age(state, state.books.book_received_ns(name)),
        mark_age_ns=trust.age(state, mark.received_ns),
        account_age_ns=trust.age(state, account.seen_ns) if account.confirmed else None,
        stream_up=account.followed,
        clock_offset_ns=state.clock_offsets.get(spot.account),
        position=ZERO,
        settled=not sales.pending(state, target),
        live=_live(state, name),
        sent_last_minute=decide.sent_since(state, name, state.now - MINUTE_NS),
        rejects_in_row=len(decide.refused_in_row(state, name)),
        wallet=None,
        holdings=None,
        alongside=(),
        venue_margin=None,
        slippage_bps_max=state.layout.limits.slippage_bps_max,
        intent_left=request.contracts,
        peg=peg.reading(state),
        sale=Sale(
            free=sales.sellable(state, target),
            left=target.amount - state.conversions.get(target).sold,
            paired=paired,
        ),
    )


def _live(state: State, name: InstrumentId) -> Contracts:
    return sum((abs(record.remaining) for record in state.orders.live(name)), ZERO)


def _index(mark: Mark, future: Instrument) -> Mark:
    """The index price of one unit."""
    each_unit = mark.index / float(future.base_units)
    return Mark(mark.instrument, each_unit, each_unit, mark.funding_rate, mark.next_funding_ns, mark.received_ns)
