"""From state to hedges: what each group needs, and which approved orders would bring it there. Nothing is changed here.

`assess` derives the needs, `draft` makes orders of them. A group is all or nothing: if one leg of a basket is refused
none is sent, because half of a rebalance is a new position nobody asked for. Unwinding is the exception: each hedge is
closed on its own, so that nothing can stand in the way of reducing.
"""

from fractions import Fraction

import msgspec

from bot.calc import sizing
from bot.calc.pnl import base_units
from bot.calc.sizing import mid_price
from bot.domain.bands import Band, Unit
from bot.domain.hedge import HedgeIntent, Leg, Need
from bot.domain.instrument import Instrument
from bot.domain.order import Approved, OrderRequest, Refused, Status, TimeInForce
from bot.domain.targets import UNWIND, RatioTarget
from bot.domain.triggers import When
from bot.domain.units import MINUTE_NS, SECOND_NS, ZERO, Asset, Bps, Contracts, InstrumentId, Qty
from bot.engine import sales, trust, views
from bot.engine.guards.context import Context
from bot.engine.ids import client_order_id
from bot.engine.layout import Hedge
from bot.engine.modes import Mode
from bot.engine.orders import OrderRecord
from bot.engine.risk import review
from bot.engine.sleeves import wants
from bot.engine.state import State
from bot.engine.triggers import DECOUPLED
from bot.engine.trust import Beliefs
from bot.policy import unwind
from bot.policy.budgets import cuts
from bot.policy.compose import Derived, derive
from bot.policy.members import Member
from bot.policy.purse import Scope
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
    derived: Derived | None = None

    @property
    def called_for(self) -> bool:
        """Whether any asset needs a hedge."""
        return any(need.hedge != 0 for need in self.needs)

    @property
    def waiting(self) -> bool:
        """Whether a band is left and something else is waited for."""
        derived = self.derived
        waits = derived is not None and not derived.fired and bool(derived.waits)
        return waits and self.held is None and not self.called_for

    @property
    def at_rest(self) -> bool:
        """Whether all is known, and nothing is called for or waited for."""
        judged = self.held is None and self.derived is not None
        return judged and not self.called_for and not self.waiting


class Draft(msgspec.Struct, frozen=True):
    """Orders that passed every guard, or the refusal that stopped them; neither when all that is left is dust."""

    intent: HedgeIntent | None
    orders: tuple[Approved, ...]
    refused: Refused | None
    residuals: dict[str, Qty]


def assess(beliefs: Beliefs, group: Member, *, explain: bool = False) -> Assessment:
    """Derive what a group needs from what can be trusted. At rest needs are made for whoever reads them only."""
    if (waits := sales.busy(beliefs.state, group)) is not None:
        return Assessment(group.name, (), waits)
    refused = trust.doubt(beliefs, group)
    if refused is not None:
        return _reduce_in_doubt(beliefs, group, refused)
    state = beliefs.state
    layout, triggers, view = state.layout, state.triggers, views.view(beliefs, group)
    scope, ended, closed = Scope(layout.targets, view), triggers.ended.keys(), triggers.closed.get(group.name, {})
    derived = derive(
        group,
        layout.targets,
        view,
        correcting=group.name in state.legs.corrections,
        ended=ended,
        closed=closed,
        outside_since=triggers.outside.get(group.name),
        struck=triggers.struck.get(group.name),
        cuts=cuts(layout.ceilings, scope, ended=ended, closed=closed),
        explain=explain,
        scope=scope,
    )
    if derived.missing is not None:
        guard = DECOUPLED if derived.missing.decoupled else "missing"
        return Assessment(group.name, (), Refused(guard, derived.missing.what, derived.missing.why))
    return Assessment(group.name, derived.needs, locked(beliefs, group.assets), derived)


def _reduce_in_doubt(beliefs: Beliefs, group: Member, refused: Refused) -> Assessment:
    """What a group in doubt may still do: a doubted price holds new risk, never what gives a hedge back.

    A ratio target measured in coins needs no price to know that coins have left, and its reduce-only order is priced by
    the hedge's own book, whose age and collar are judged as for every order.
    """
    state, nothing = beliefs.state, Assessment(group.name, (), refused)
    if refused.guard not in trust.PRICE_DOUBTS or not _needs_no_price(group):
        return nothing
    (asset,) = group.assets
    name = state.layout.hedge(asset)
    quote, instrument = state.books.quotes.get(name), state.layout.instruments[name]
    if quote is None or not quote.sane:
        return nothing
    price = mid_price(quote) / instrument.base_units
    view = View(prices={asset: price}, parts={asset: views.parts(beliefs, asset)}, now=state.now)
    correcting = group.name in state.legs.corrections
    derived = derive(group, state.layout.targets, view, correcting=correcting, explain=True)
    wanted = sum((contracts_of(instrument, need.hedge) for need in derived.needs), ZERO)
    position = state.accounts.positions[name].position.contracts
    reduces = wanted * position < 0 and abs(wanted) <= abs(position)
    return Assessment(group.name, derived.needs, locked(beliefs, (asset,)) if reduces else refused)


def _needs_no_price(group: Member) -> bool:
    """Whether a group is one coin's ratio target that looks at coins alone, and acts at once."""
    if len(group.targets) != 1 or not isinstance(target := group.targets[0], RatioTarget):
        return False
    plain = isinstance(target.band, Band) and target.when == When() and target.until is None and target.cap is None
    return plain and isinstance(target.band, Band) and target.band.trigger.unit is not Unit.QUOTE


def assess_unwind(beliefs: Beliefs, rule: Hedge) -> Assessment:
    """What closing one hedge needs. Only the hedge's own book and position count."""
    state, name = beliefs.state, f"{UNWIND}:{rule.asset}"
    contracts = state.accounts.positions[rule.hedge].position.contracts
    quote = state.books.quotes.get(rule.hedge)
    if quote is None or not quote.sane:
        if contracts == 0:
            return Assessment(name, (), locked(beliefs, (rule.asset,)))
        return Assessment(name, (), Refused("quote", rule.hedge, "there is no sane best bid and ask"))
    instrument = state.layout.instruments[rule.hedge]
    price = mid_price(quote) / instrument.base_units
    need = unwind.need(rule.asset, views.parts(beliefs, rule.asset), base_units(instrument, contracts), price)
    return Assessment(name, (need,), locked(beliefs, (rule.asset,)))


def contracts_of(instrument: Instrument, units: Qty) -> Contracts:
    """Signed units of the asset as signed contracts, rounded to the lot toward no trade."""
    return instrument.contracts(units / instrument.base_units)


def locked(beliefs: Beliefs, assets: tuple[Asset, ...]) -> Refused | None:
    """Whether an order is in flight, just refused, or a position unconfirmed on any of the assets' hedges."""
    state = beliefs.state
    for asset in assets:
        name = state.layout.hedge(asset)
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
    alongside = in_flight(state)
    legs: list[Leg] = []
    orders: list[Approved] = []
    for index, (need, figures) in enumerate(sized):
        request = _request(state, number, index, need, figures)
        verdict = review(context(beliefs, request, alongside, _wanted(state, need)))
        if isinstance(verdict, Refused):
            return Draft(None, (), verdict, residuals)
        orders.append(verdict)
        legs.append(_leg(state, request, need, figures))
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
    name = state.layout.hedge(need.asset)
    quote, depth = state.books.quotes.get(name), state.books.depths.get(name)
    if quote is None or not quote.sane or depth is None:
        return Refused("quote", name, "there is no sane quote and depth of the hedge")
    depth_age = trust.age(state, depth.received_ns)
    if depth_age is None or depth_age > state.layout.limits.reducing_quote_age_ns_max:
        return Refused("stale_depth", name, "its book was last seen too long ago to size an order by it")
    limits = sizing.SizeLimits(slippage_limit(state), state.layout.limits.order_notional_max)
    position = state.accounts.positions[name].position.contracts
    instrument = state.layout.instruments[name]
    hedge = need.hedge * share.numerator / share.denominator / instrument.base_units
    figures = sizing.size(instrument, hedge, position, quote, depth, limits)
    if isinstance(figures, sizing.Unsized) and not figures.dust:
        return Refused("depth", name, figures.why)
    return figures


def _wanted(state: State, need: Need) -> Contracts:
    return abs(contracts_of(state.layout.instruments[state.layout.hedge(need.asset)], need.hedge))


def _request(state: State, number: int, index: int, need: Need, figures: sizing.Sized) -> OrderRequest:
    return OrderRequest(
        client_id=client_order_id(state.layout.rules.portfolio, state.epoch, number, index),
        instrument=state.layout.hedge(need.asset),
        side=figures.side,
        contracts=figures.contracts,
        limit_price=figures.limit_price,
        time_in_force=TimeInForce.IOC,
        reduce_only=figures.reduce_only,
        intent=number,
        leg=index,
        decided_ns=state.now,
    )


def _leg(state: State, request: OrderRequest, need: Need, figures: sizing.Sized) -> Leg:
    """An order with what it was decided on, and what each target wants of it."""
    instrument = state.layout.instruments[request.instrument]
    coins = instrument.contract_size * instrument.base_units
    shares = {name: units / coins for name, units in need.shares.items()}
    return Leg(
        request=request,
        asset=need.asset,
        mid=figures.mid,
        expected_vwap=figures.expected_vwap,
        residual=figures.residual * instrument.base_units,
        wants=wants(request.side, shares, state.sleeves.booked(request.instrument)),
        spot=need.price * instrument.base_units,
    )


def in_flight(state: State) -> tuple[OrderRequest, ...]:
    """What every order that has not ended may still fill."""
    return tuple(msgspec.structs.replace(r.request, contracts=abs(r.remaining)) for r in state.orders.live())


def context(
    beliefs: Beliefs, request: OrderRequest, alongside: tuple[OrderRequest, ...], intent_left: Contracts
) -> Context:
    """The moment at which a future's order is judged."""
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
        sent_last_minute=sent_since(state, name, state.now - MINUTE_NS),
        rejects_in_row=len(refused_in_row(state, name)),
        wallet=trust.wallet(state, name),
        holdings=beliefs.holdings,
        alongside=alongside,
        venue_margin=account.margin,
        slippage_bps_max=slippage_limit(state),
        intent_left=intent_left,
    )


def sent_since(state: State, name: InstrumentId, since: int) -> int:
    """How many orders were sent on an instrument after a moment."""
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
