"""From state to hedges: what each group needs, and which approved orders would bring it there. Nothing is changed here.

`assess` derives the needs, `draft` makes orders of them. A group is all or nothing: if one leg of a basket is refused
none is sent, because half of a rebalance is a new position nobody asked for. Unwinding is the exception: each hedge is
closed on its own, so that nothing can stand in the way of reducing.
"""

from fractions import Fraction

import msgspec

from bot.calc import boxes, sizing
from bot.domain.hedge import HedgeIntent, Leg, Need
from bot.domain.order import Approved, OrderRequest, Refused, Status, TimeInForce
from bot.domain.rules import UNWIND, AssetRule, RatioTarget, Unit
from bot.domain.units import MINUTE_NS, SECOND_NS, ZERO, Asset, Bps, Contracts, InstrumentId, Qty
from bot.engine import trust
from bot.engine.guards.context import Context
from bot.engine.ids import client_order_id
from bot.engine.modes import Mode
from bot.engine.orders import OrderRecord
from bot.engine.risk import review
from bot.engine.state import Group, State
from bot.engine.trust import Beliefs
from bot.policy import basket, overlay, unwind
from bot.policy.view import View

PAUSE_AFTER_REFUSAL_NS = 1 * SECOND_NS
"""So that an overload of a moment does not use up in a moment the refusals after which an instrument is halted, and a
book that stands still while the market leaves it does not use up the pace."""
WHOLE = Fraction(1)


class Assessment(msgspec.Struct, frozen=True):
    """What a group needs; `held` says why nothing may be done about it now."""

    group: str
    needs: tuple[Need, ...]
    held: Refused | None
    rows: tuple[boxes.Row, ...] = ()

    @property
    def called_for(self) -> bool:
        """Whether any asset needs a hedge."""
        return any(need.hedge != 0 for need in self.needs)


class Draft(msgspec.Struct, frozen=True):
    """Orders that passed every guard, or the refusal that stopped them; neither when all that is left is dust."""

    intent: HedgeIntent | None
    orders: tuple[Approved, ...]
    refused: Refused | None
    residuals: dict[str, Qty]


def assess(beliefs: Beliefs, group: Group) -> Assessment:
    """Derive what a group needs from what can be trusted."""
    refused = trust.doubt(beliefs, group)
    if refused is not None:
        return _reduce_in_doubt(beliefs, group, refused)
    view, state = trust.view(beliefs, group), beliefs.state
    correcting = group.name in state.legs.corrections
    pricing = {asset: state.layout.assets[asset].pricing for asset in group.assets}
    target = group.target
    if isinstance(target, RatioTarget):
        (asset,) = group.assets
        needs = overlay.needs(target, asset, view, correcting=correcting)
        rows = overlay.rows(target, asset, pricing[asset], view)
    else:
        if basket.base(target, view) <= 0:
            return Assessment(group.name, (), Refused("base", group.name, "the base of the weights is not positive"))
        needs = basket.needs(target, view, correcting=correcting)
        rows = basket.rows(target, pricing, view)
    return Assessment(group.name, needs, locked(beliefs, group.assets), tuple(rows))


def _reduce_in_doubt(beliefs: Beliefs, group: Group, refused: Refused) -> Assessment:
    """What a group in doubt may still do: a doubted price holds new risk, never what gives a hedge back.

    A ratio target measured in coins needs no price to know that coins have left, and its reduce-only order is priced by
    the hedge's own book, whose age and collar are judged as for every order.
    """
    state, target, nothing = beliefs.state, group.target, Assessment(group.name, (), refused)
    if refused.guard not in trust.PRICE_DOUBTS or not isinstance(target, RatioTarget):
        return nothing
    (asset,) = group.assets
    name = state.layout.assets[asset].hedge
    quote = state.books.quotes.get(name)
    if quote is None or not quote.sane or target.band.trigger.unit is Unit.QUOTE:
        return nothing
    view = View({asset: sizing.mid_price(quote)}, {asset: trust.parts(beliefs, asset)}, ZERO, ZERO)
    needs = overlay.needs(target, asset, view, correcting=group.name in state.legs.corrections)
    wanted = state.layout.instruments[name].contracts(needs[0].hedge)
    position = state.accounts.positions[name].position.contracts
    reduces = wanted * position < 0 and abs(wanted) <= abs(position)
    return Assessment(group.name, needs, locked(beliefs, group.assets) if reduces else refused)


def assess_unwind(beliefs: Beliefs, rule: AssetRule) -> Assessment:
    """What closing one hedge needs. Only the hedge's own book and position count."""
    state, name = beliefs.state, f"{UNWIND}:{rule.asset}"
    contracts = state.accounts.positions[rule.hedge].position.contracts
    quote = state.books.quotes.get(rule.hedge)
    if quote is None or not quote.sane:
        if contracts == 0:
            return Assessment(name, (), locked(beliefs, (rule.asset,)))
        return Assessment(name, (), Refused("quote", rule.hedge, "there is no sane best bid and ask"))
    coins = state.layout.instruments[rule.hedge].coins(contracts)
    need = unwind.need(rule.asset, trust.parts(beliefs, rule.asset), coins, sizing.mid_price(quote))
    return Assessment(name, (need,), locked(beliefs, (rule.asset,)))


def locked(beliefs: Beliefs, assets: tuple[Asset, ...]) -> Refused | None:
    """Whether an order is in flight, just refused, or a position unconfirmed on any of the assets' hedges."""
    state = beliefs.state
    for asset in assets:
        name = state.layout.assets[asset].hedge
        if (live := beliefs.live.get(name)) is not None:
            return Refused("lock", name, f"order {live.request.client_id} is {live.status.value}")
        if not state.accounts.positions[name].settled:
            return Refused("lock", name, "the venue has not confirmed the position that our fills add up to")
        if why := _breather(state, name, beliefs.last.get(name)):
            return Refused("lock", name, why)
    return None


def _breather(state: State, name: InstrumentId, last: OrderRecord | None) -> str:
    """Why the end of the last order asks for a moment's pause; empty when none is due."""
    if last is None or state.now - last.done_ns >= PAUSE_AFTER_REFUSAL_NS:
        return ""
    if last.status in (Status.REJECTED, Status.NOT_PLACED):
        return "the last order was refused just now; what refused it may pass"
    depth = state.books.depths.get(name)
    if last.filled < last.request.contracts and (depth is None or depth.received_ns <= last.done_ns):
        return "the last order found less than the book had shown; a newer book is awaited"
    return ""


def draft(beliefs: Beliefs, assessment: Assessment) -> Draft:
    """Make orders of a group's needs and have each reviewed; all or nothing."""
    state = beliefs.state
    sized, residuals, refused = _sized_legs(state, [n for n in assessment.needs if n.hedge != 0])
    if refused is not None or not sized:
        return Draft(None, (), refused, residuals)
    number = state.orders.intents + 1
    alongside = _in_flight(state)
    legs: list[Leg] = []
    orders: list[Approved] = []
    for index, (need, figures) in enumerate(sized):
        request = _request(state, number, index, need, figures)
        verdict = review(_context(beliefs, request, alongside, _wanted(state, need)))
        if isinstance(verdict, Refused):
            return Draft(None, (), verdict, residuals)
        orders.append(verdict)
        legs.append(Leg(request, need.asset, figures.mid, figures.expected_vwap, figures.residual))
        alongside = (*alongside, request)
    intent = HedgeIntent(
        number=number,
        group=assessment.group,
        reason="; ".join(need.why for need, _ in sized),
        needs=assessment.needs,
        legs=tuple(legs),
        decided_ns=state.now,
    )
    return Draft(intent, tuple(orders), None, residuals)


def slippage_limit(state: State) -> Bps:
    """How far from mid an order's limit may lie: wider only while an operator flattens."""
    limits = state.layout.limits
    return limits.flatten_slippage_bps_max if state.modes.overall is Mode.FLATTEN else limits.slippage_bps_max


def _sized_legs(
    state: State, needs: list[Need]
) -> tuple[list[tuple[Need, sizing.Sized]], dict[str, Qty], Refused | None]:
    """Size every leg; legs of one basket are cut to the same share, so that they keep step."""
    sized: list[tuple[Need, sizing.Sized]] = []
    residuals: dict[str, Qty] = {}
    for need in needs:
        figures = _size(state, need, WHOLE)
        if isinstance(figures, Refused):
            return [], residuals, figures
        if isinstance(figures, sizing.Unsized):
            residuals[need.asset] = need.hedge
        else:
            sized.append((need, figures))
    share = min((_share(state, need, figures) for need, figures in sized), default=WHOLE)
    if share == 1 or len(sized) == 1:
        return sized, residuals, None
    cut: list[tuple[Need, sizing.Sized]] = []
    for need, _ in sized:
        figures = _size(state, need, share)
        if isinstance(figures, Refused | sizing.Unsized):
            why = f"a share of {share} of the leg: {figures.why}"
            return [], residuals, Refused("size", need.asset, why)
        cut.append((need, figures))
    return cut, residuals, None


def _share(state: State, need: Need, figures: sizing.Sized) -> Fraction:
    """How much of what could be ordered in whole lots this leg takes. Exact, so that the cut leg is what it gave."""
    return Fraction(figures.contracts) / Fraction(_wanted(state, need))


def _size(state: State, need: Need, share: Fraction) -> sizing.Sized | sizing.Unsized | Refused:
    name = state.layout.assets[need.asset].hedge
    quote, depth = state.books.quotes.get(name), state.books.depths.get(name)
    if quote is None or not quote.sane or depth is None:
        return Refused("quote", name, "there is no sane quote and depth of the hedge")
    depth_age = trust.age(state, depth.received_ns)
    if depth_age is None or depth_age > state.layout.limits.reducing_quote_age_ns_max:
        return Refused("stale_depth", name, "its book was last seen too long ago to size an order by it")
    limits = sizing.SizeLimits(slippage_limit(state), state.layout.limits.order_notional_max)
    position = state.accounts.positions[name].position.contracts
    hedge = need.hedge * share.numerator / share.denominator
    figures = sizing.size(state.layout.instruments[name], hedge, position, quote, depth, limits)
    if isinstance(figures, sizing.Unsized) and not figures.dust:
        return Refused("depth", name, figures.why)
    return figures


def _wanted(state: State, need: Need) -> Contracts:
    instrument = state.layout.instruments[state.layout.assets[need.asset].hedge]
    return abs(instrument.contracts(need.hedge))


def _request(state: State, number: int, index: int, need: Need, figures: sizing.Sized) -> OrderRequest:
    return OrderRequest(
        client_id=client_order_id(state.layout.rules.portfolio, state.epoch, number, index),
        instrument=state.layout.assets[need.asset].hedge,
        side=figures.side,
        contracts=figures.contracts,
        limit_price=figures.limit_price,
        time_in_force=TimeInForce.IOC,
        reduce_only=figures.reduce_only,
        intent=number,
        leg=index,
        decided_ns=state.now,
    )


def _in_flight(state: State) -> tuple[OrderRequest, ...]:
    """What every order that has not ended may still fill."""
    return tuple(msgspec.structs.replace(r.request, contracts=abs(r.remaining)) for r in state.orders.live())


def _context(
    beliefs: Beliefs, request: OrderRequest, alongside: tuple[OrderRequest, ...], intent_left: Contracts
) -> Context:
    state, name = beliefs.state, request.instrument
    instrument = state.layout.instruments[name]
    account = state.accounts.accounts[instrument.account]
    belief, mark = state.accounts.positions[name], state.books.marks.get(name)
    return Context(
        request=request,
        instrument=instrument,
        limits=state.layout.limits,
        mode=state.modes.of(name),
        quote=state.books.quotes.get(name),
        mark=mark,
        book_age_ns=trust.age(state, state.books.book_received_ns(name)),
        mark_age_ns=trust.age(state, mark.received_ns) if mark else None,
        account_age_ns=trust.age(state, account.seen_ns) if account.confirmed else None,
        stream_up=account.stream_up,
        clock_offset_ns=state.clock_offsets.get(instrument.account),
        position=belief.position.contracts,
        settled=belief.settled,
        live=sum((abs(r.remaining) for r in state.orders.live(name)), ZERO),
        sent_last_minute=_sent_since(state, name, state.now - MINUTE_NS),
        rejects_in_row=len(refused_in_row(state, name)),
        wallet=trust.wallet(state, name),
        holdings=beliefs.holdings,
        alongside=alongside,
        venue_margin=account.margin,
        slippage_bps_max=slippage_limit(state),
        intent_left=intent_left,
    )


def _sent_since(state: State, name: InstrumentId, since: int) -> int:
    return sum(1 for r in state.orders.records.values() if r.request.instrument == name and r.sent_ns > since)


def refused_in_row(state: State, name: InstrumentId) -> list[OrderRecord]:
    """The last orders on an instrument that the venue refused, latest first, none taken and nothing armed in between.

    One that never reached the venue says nothing of what it thinks of our orders.
    """
    refused = []
    for record in reversed(state.orders.records.values()):
        if record.request.instrument != name or record.status is Status.NOT_PLACED:
            continue
        if record.status is not Status.REJECTED or record.done_ns <= state.modes.armed_ns:
            break
        refused.append(record)
    return refused
