"""Moves: a position is closed on one future and opened on another, because that is cheaper. Nothing is changed here.

Theory of operation
-------------------
`consider` looks at one coin at a moment at which none of its futures has an order in flight. It begins a move only
where all of the coin's targets are at rest, nothing about the coin is in doubt, and `bot.calc.routing.route` says that
what the move saves over the horizon beats both trades and the buffer; where a dated future is about to expire, or a
long and a short of one coin cost twice for nothing, the position has to go. Whether it pays is asked on a grid of the
clock (`REVIEW_EVERY_S`), for it is a question of days, and on a grid of event time a replay asks at the same moments.

* A slice is one intent of two orders of the same number of coins, on the grid that both futures' lots share, cut to
  what either book gives within the slippage limit. The closing leg is reduce-only. Both are reviewed before either is
  sent, and neither is sent alone. Each slice is decided anew, from positions that the venue has confirmed.
* What a pair has filled unevenly is evened out by one order: the failed leg is completed, and where that is refused the
  other leg is undone. While neither can be done the naked-exposure budget runs; beyond it the move ends and says so,
  and the coin's targets go on from the exposure that there is.
* A move that finds no way on for `MOVE_NS_MAX` ends as far as it came; one that was traded back ends with that.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from bot.calc import sizing
from bot.calc.pnl import base_units
from bot.calc.routing import smallest
from bot.calc.sizing import mid_price
from bot.domain.commands import Command, Notice, Severity
from bot.domain.hedge import HedgeIntent, Leg
from bot.domain.instrument import Instrument
from bot.domain.order import Approved, OrderRequest, Refused
from bot.domain.units import HOUR_NS, MINUTE_NS, SECOND_NS, ZERO, Asset, Contracts, InstrumentId, Notional, Qty
from bot.engine import decide, routing, sales, slices, trust
from bot.engine.convert import on_grid
from bot.engine.decide import Assessment, Draft
from bot.engine.legs import naked_seconds
from bot.engine.modes import Mode
from bot.engine.results import close
from bot.engine.risk import review
from bot.engine.routes import Move, group_of
from bot.engine.sleeves import UNASSIGNED
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.policy.view import plain

MOVE_EVERY_NS = 8 * HOUR_NS
"""At most one move of a coin begins in this time: no more often than funding is paid."""
PACE_SHARE = 2
"""Pairs take one order in so many of a future's pace: what only saves costs never holds a hedge up."""
MOVE_NS_MAX = 1 * HOUR_NS
"""A move that has not come to its end by then ends."""
REVIEW_EVERY_S = 10
"""Whether a move pays is looked at in one second out of so many."""


class Step(msgspec.Struct, frozen=True):
    """Orders of a move: the move as it is from their sending on."""

    draft: Draft
    move: Move


class Ended(msgspec.Struct, frozen=True):
    """A move is over, and why; `naked` says that it left a pair uneven."""

    why: str
    naked: bool = False


class Wish(msgspec.Struct, frozen=True):
    """Signed coins that had better be on another future, and why."""

    source: InstrumentId
    target: InstrumentId
    coins: Qty
    why: str


Outcome = Step | Ended | Refused | None


def consider(beliefs: Beliefs, asset: Asset) -> Outcome:
    """What the moves of a coin come to now; None where there is nothing to do or to say."""
    move = beliefs.state.routes.moves.get(asset)
    if move is None:
        return _begun(beliefs, asset)
    if decide.locked(beliefs, (asset,)) is not None:
        return None
    return _evened(beliefs, asset, move) or _continued(beliefs, asset, move)


def told(state: State, asset: Asset, outcome: Ended) -> Iterator[Command]:
    """Mark that a move is over, and say it."""
    move, group = state.routes.moves[asset], group_of(asset)
    if group in state.legs.corrections:
        closed = close(state, Assessment(group, (), None))
        if outcome.naked or move.turned:
            # Its alert would read as that of a move that came to its end.
            closed = msgspec.structs.replace(closed, reason=f"{closed.reason}; {outcome.why}")
        yield closed
        del state.legs.corrections[group]
    state.legs.held.pop(group, None)
    state.routes.end(asset)
    severity, topic = (Severity.CRITICAL, "naked") if outcome.naked else (Severity.INFO, "route")
    yield Notice(severity, topic, asset, f"the move from {move.source} to {move.target} is over: {outcome.why}")


# -------------------------------------------------------------------------------------------------------- beginning
def _begun(beliefs: Beliefs, asset: Asset) -> Step | None:
    """The first pair of a move that is worth it, where nothing else is going on."""
    state = beliefs.state
    if (state.now // SECOND_NS) % REVIEW_EVERY_S or state.modes.overall is not Mode.RUN:
        return None
    if asset in state.routes.begun and state.now - state.routes.begun[asset] < MOVE_EVERY_NS:
        return None
    if not _at_rest(beliefs, asset):
        return None
    for source in sorted(state.units_held(asset)):
        wish = _wish(beliefs, asset, source)
        if isinstance(wish, Wish):
            first = pair(beliefs, asset, wish, abs(wish.coins))
            if isinstance(first, Draft):
                move = Move(source=source, target=wish.target, coins=wish.coins, why=wish.why, begun_ns=state.now)
                return Step(first, move)
    return None


def _at_rest(beliefs: Beliefs, asset: Asset) -> bool:
    """Whether the coin has targets, and none of them is at work, held or in doubt."""
    state = beliefs.state
    groups = [group for group in state.layout.groups if asset in group.assets]
    busy = any(group.name in state.legs.corrections or group.name in state.legs.held for group in groups)
    if not groups or busy or decide.locked(beliefs, (asset,)) is not None:
        return False
    if any(sales.busy(state, group) is not None for group in groups):
        return False
    return all(trust.doubt(beliefs, group) is None for group in groups)


def _wish(beliefs: Beliefs, asset: Asset, source: InstrumentId) -> Wish | Refused | None:
    """Where the position of a future had better be; the refusal where that cannot be told now."""
    state = beliefs.state
    held = state.units_held(asset)
    units = held[source]
    opposite = [name for name in sorted(held) if held[name] * units < 0]
    if opposite:
        target = max(opposite, key=lambda name: abs(held[name]))
        coins = min(abs(units), abs(held[target])).copy_sign(units)
        return Wish(source, target, coins, f"a long and a short of {asset} cost twice and hedge nothing")
    quote, instrument = state.books.quotes.get(source), state.layout.instruments[source]
    if quote is None or not quote.sane:
        return Refused("quote", source, "there is no sane best bid and ask")
    most = state.layout.limits.order_notional_max * instrument.base_units / mid_price(quote)
    coins = routing.movable(beliefs, asset, source, min(abs(units), most).copy_sign(units))
    if not coins:
        return Refused("route", asset, f"no other future can take what {source} holds")
    if routing.expires_soon(instrument, state.now):
        other = routing.elsewhere(beliefs, asset, source, coins)
        if other.choice is None:
            return Refused("route", asset, other.why)
        return Wish(source, other.choice, coins, f"{source} expires within a day; {other.why}")
    route = routing.leaving(beliefs, asset, source, coins)
    if route.choice is not None and route.leave == source:
        return Wish(source, route.choice, coins, route.why)
    unknown = next((row.refused for row in route.costs if row.instrument == source and row.refused), "")
    return Refused("route", source, unknown) if unknown else None


# -------------------------------------------------------------------------------------------------------- going on
def _evened(beliefs: Beliefs, asset: Asset, move: Move) -> Step | Ended | Refused | None:
    """One order for what the last pair owes; None where it is even but for dust."""
    state, coins = beliefs.state, -move.debt
    if not coins:
        return None
    opens = coins * move.coins > 0
    first: Refused | None = None
    for name in (move.target, move.source) if opens else (move.source, move.target):
        figures = slices.size(state, name, coins)
        if isinstance(figures, sizing.Unsized):
            continue
        found: Draft | Refused
        if isinstance(figures, Refused):
            found = figures
        elif not (opens or figures.reduce_only):
            found = Refused("reduce", name, "its position is not as large as what is owed")
        else:
            verb = "sell" if coins < 0 else "buy"
            why = f"{verb} {plain(abs(coins))} {asset}: the other half of the last pair"
            found = _drafted(beliefs, asset, move.source, ((name, figures),), why)
        if isinstance(found, Draft):
            return Step(found, move)
        first = first or found
    if first is None:
        return None
    naked = naked_seconds(coins * _price(state, asset), move.filled_ns, state.now)
    if naked <= state.layout.limits.naked_notional_seconds_max:
        return first
    return Ended(f"{plain(abs(coins))} {asset} are uneven and cannot be evened out ({first.why})", naked=True)


def _continued(beliefs: Beliefs, asset: Asset, move: Move) -> Outcome:
    """The next pair, or the end."""
    state = beliefs.state
    if why := _over(state, asset, move):
        return Ended(why)
    for name in (move.source, move.target):
        account = state.layout.instruments[name].account
        if unread := beliefs.unread.get(account):
            # The closing half is free of an account's guard, and rests on a position that nobody has seen for long.
            return Refused("account", account, unread)
    wish = _wish(beliefs, asset, move.source)
    if isinstance(wish, Refused):
        return wish
    if wish is None or wish.target != move.target:
        return Ended("moving the rest would not pay any more")
    if _is_hasty(state, move):
        return None
    found = pair(beliefs, asset, wish, abs(wish.coins))
    if isinstance(found, Refused):
        return Ended("what is left is too little for a pair") if found.guard == "minimum" else found
    return Step(found, move)


def _over(state: State, asset: Asset, move: Move) -> str:
    """Why a move is over, whatever it would save; empty while it is not."""
    if move.source not in state.units_held(asset):
        return f"all of it is there ({move.why})"
    if _is_dust(state, asset, move):
        return "what is left is too little for a pair"
    if move.turned:
        return "its other half was not to be had, and a pair was undone; the rest stays where it is"
    if state.now - move.begun_ns > MOVE_NS_MAX:
        return "it found no way on for too long; the rest stays where it is"
    return ""


def _is_hasty(state: State, move: Move) -> bool:
    """Whether the next pair would take more of a future's pace than is a move's."""
    since, bound = state.now - MINUTE_NS, state.layout.limits.orders_per_minute_max
    return any(decide.sent_since(state, name, since) * PACE_SHARE >= bound for name in (move.source, move.target))


def _is_dust(state: State, asset: Asset, move: Move) -> bool:
    """Whether the futures' lots share nothing of what is left, or the venue takes no order of it."""
    futures = [state.layout.instruments[name] for name in (move.source, move.target)]
    coins = on_grid(abs(state.units_held(asset)[move.source]), _step(*futures))
    return coins < max(base_units(one, smallest(one)) for one in futures)


def _step(one: Instrument, other: Instrument) -> Qty:
    return sizing.common_step(base_units(one, one.lot), base_units(other, other.lot))


def _price(state: State, asset: Asset) -> Decimal:
    """The last known price of the coin, whatever its age."""
    quote = state.books.quotes.get(state.layout.assets[asset].pricing)
    return mid_price(quote) if quote is not None and quote.sane else ZERO


# ------------------------------------------------------------------------------------------------------------ orders
def pair(beliefs: Beliefs, asset: Asset, wish: Wish, most: Qty) -> Draft | Refused:
    """Both legs of at most so many coins, exactly as many on one future as on the other."""
    state = beliefs.state
    source, target = (state.layout.instruments[name] for name in (wish.source, wish.target))
    coins = on_grid(most, _step(source, target)).copy_sign(wish.coins)
    if not coins:
        return Refused("minimum", wish.source, f"{plain(most)} {asset} are less than both futures' lots share")
    legs = slices.size(state, wish.source, -coins), slices.size(state, wish.target, coins)
    for name, figures in zip((wish.source, wish.target), legs, strict=True):
        if isinstance(figures, sizing.Unsized):
            return Refused("minimum", name, figures.why)
        if isinstance(figures, Refused):
            return figures
    closing, opening = (one for one in legs if isinstance(one, sizing.Sized))
    gives = min(base_units(source, closing.contracts), base_units(target, opening.contracts))
    if gives != abs(coins):
        return pair(beliefs, asset, wish, gives)
    figures_of = ((wish.source, closing), (wish.target, opening))
    return _drafted(beliefs, asset, wish.source, figures_of, f"move {plain(abs(coins))} {asset}: {wish.why}")


def _drafted(
    beliefs: Beliefs,
    asset: Asset,
    holder: InstrumentId,
    figures_of: Iterable[tuple[InstrumentId, sizing.Sized]],
    why: str,
) -> Draft | Refused:
    """Have every leg reviewed; all or nothing."""
    state, orders, legs = beliefs.state, list[Approved](), list[Leg]()
    number, alongside = state.orders.intents + 1, decide.in_flight(beliefs.state)
    for index, (name, figures) in enumerate(figures_of):
        request = decide.request_of(state, number, index, name, figures)
        verdict = review(decide.context(beliefs, request, alongside, request.contracts))
        if isinstance(verdict, Refused):
            return verdict
        orders.append(verdict)
        legs.append(_leg(state, asset, holder, request, figures))
        alongside = (*alongside, request)
    group = group_of(asset)
    intent = HedgeIntent(number=number, group=group, reason=why, needs=(), legs=tuple(legs), decided_ns=state.now)
    return Draft(intent, tuple(orders), None, {})


def _leg(state: State, asset: Asset, holder: InstrumentId, request: OrderRequest, figures: sizing.Sized) -> Leg:
    """An order with what it was decided on; both legs are booked to those who hold the position, pro rata."""
    price: Notional = _price(state, asset)
    return Leg(
        request=request,
        asset=asset,
        mid=figures.mid,
        expected_vwap=figures.expected_vwap,
        residual=ZERO,
        wants=_shares(state, holder, request),
        spot=price * state.layout.instruments[request.instrument].base_units,
    )


def _shares(state: State, holder: InstrumentId, request: OrderRequest) -> dict[str, Contracts]:
    booked = state.sleeves.booked(holder)
    whole = sum(booked.values(), ZERO)
    if not whole:
        return {UNASSIGNED: request.signed_contracts}
    return {name: one * request.signed_contracts / whole for name, one in sorted(booked.items()) if one}
