"""From state to hedges: what each group needs, and which approved orders would bring it there. Nothing is changed here.

`assess` derives the needs, `draft` makes orders of them. A group is all or nothing: if one leg of a basket is refused
none is sent, because half of a rebalance is a new position nobody asked for. Unwinding is the exception: each hedge is
closed on its own, so that nothing can stand in the way of reducing.
"""

from collections.abc import Collection, Iterator

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
from bot.domain.units import MINUTE_NS, ONE, SECOND_NS, ZERO, Asset, Contracts, InstrumentId, Qty
from bot.engine import peg, routing, sales, slices, trust, views
from bot.engine.guards.context import Context
from bot.engine.ids import client_order_id
from bot.engine.layout import Hedge
from bot.engine.orders import OrderRecord
from bot.engine.risk import review
from bot.engine.sleeves import wants
from bot.engine.slices import Cut, Slice, contracts_of, slippage_limit
from bot.engine.state import State
from bot.engine.triggers import DECOUPLED
from bot.engine.trust import Beliefs
from bot.policy import unwind
from bot.policy.budgets import cuts
from bot.policy.compose import Derived, derive
from bot.policy.members import Member
from bot.policy.view import View

PAUSE_AFTER_REFUSAL_NS = 1 * SECOND_NS
"""So that an overload of a moment does not use up in a moment the refusals after which an instrument is halted, and a
book that stands still while the market leaves it does not use up the pace."""


class Assessment(msgspec.Struct, frozen=True):
    """What a group needs; `held` says why nothing may be done about it now."""

    group: str
    needs: tuple[Need, ...]
    held: Refused | None
    derived: Derived | None = None
    instrument: InstrumentId | None = None
    """The one future that the needs are of, where each is closed on its own."""

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
    layout, triggers, (view, scope) = state.layout, state.triggers, views.seen(beliefs, group)
    ended, closed = triggers.ended.keys(), triggers.closed.get(group.name, {})
    derived = derive(
        group,
        layout.targets,
        view,
        correcting=group.name in state.legs.corrections,
        ended=ended,
        closed=closed,
        outside_since=triggers.outside.get(group.name),
        struck=triggers.struck.get(group.name),
        cuts=cuts(routing.ceilings(state), scope, ended=ended, closed=closed),
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
    seen = ((state.books.quotes.get(name), name) for name in state.layout.candidates[asset])
    quote, name = next(((quote, name) for quote, name in seen if quote is not None and quote.sane), (None, ""))
    if quote is None:
        return nothing
    instrument = state.layout.instruments[InstrumentId(name)]
    price = mid_price(quote) / instrument.base_units
    view = View(prices={asset: price}, parts={asset: views.parts(beliefs, asset)}, now=state.now)
    correcting = group.name in state.legs.corrections
    derived = derive(group, state.layout.targets, view, correcting=correcting, explain=True)
    wanted = sum((need.hedge for need in derived.needs), ZERO)
    if asset not in state.layout.routed:
        wanted = base_units(instrument, contracts_of(instrument, wanted))
    against = sum((abs(coins) for coins in state.units_held(asset).values() if coins * wanted < 0), ZERO)
    reduces = ZERO < abs(wanted) <= against
    return Assessment(group.name, derived.needs, locked(beliefs, (asset,)) if reduces else refused)


def _needs_no_price(group: Member) -> bool:
    """Whether a group is one coin's ratio target that looks at coins alone, and acts at once."""
    if len(group.targets) != 1 or not isinstance(target := group.targets[0], RatioTarget):
        return False
    plain = isinstance(target.band, Band) and target.when == When() and target.until is None and target.cap is None
    return plain and isinstance(target.band, Band) and target.band.trigger.unit is not Unit.QUOTE


def assess_unwind(beliefs: Beliefs, rule: Hedge) -> Assessment:
    """What closing one hedge needs. Only the hedge's own book and position count."""
    state, name, only = beliefs.state, f"{UNWIND}:{rule.asset}", rule.hedge
    if only != state.layout.hedge(rule.asset):
        name = f"{UNWIND}:{only.partition(':')[2]}:{rule.asset}"
    contracts = state.accounts.positions[rule.hedge].position.contracts
    quote = state.books.quotes.get(rule.hedge)
    if quote is None or not quote.sane:
        if contracts == 0:
            return Assessment(name, (), locked(beliefs, (rule.asset,), only))
        return Assessment(name, (), Refused("quote", rule.hedge, "there is no sane best bid and ask"))
    instrument = state.layout.instruments[rule.hedge]
    price = mid_price(quote) / instrument.base_units
    need = unwind.need(rule.asset, views.parts(beliefs, rule.asset), base_units(instrument, contracts), price)
    return Assessment(name, (need,), locked(beliefs, (rule.asset,), only), instrument=only)


def locked(beliefs: Beliefs, assets: tuple[Asset, ...], only: InstrumentId | None = None) -> Refused | None:
    """Whether an order is in flight, just refused, or a position unconfirmed on any of the assets' futures.

    `only` is the one future that is asked for, whatever there is of the others.
    """
    state, live, last = beliefs.state, beliefs.live, beliefs.last
    for asset in assets:
        for name in (only,) if only is not None else state.layout.candidates[asset]:
            if name in live:
                return Refused("lock", name, f"order {live[name].request.client_id} is {live[name].status.value}")
            if not state.accounts.positions[name].settled:
                return Refused("lock", name, "the venue has not confirmed the position that our fills add up to")
            if name in last and (why := _breather(state, name, last[name])):
                return Refused("lock", name, why)
    return None


def _breather(state: State, name: InstrumentId, last: OrderRecord) -> str:
    """Why the end of the last order asks for a moment's pause; empty when none is due."""
    if state.now - last.done_ns >= PAUSE_AFTER_REFUSAL_NS:
        return ""
    if last.status in (Status.REJECTED, Status.NOT_PLACED):
        return "the last order was refused just now; what refused it may pass"
    depth = state.books.depths.get(name)
    if last.filled < last.request.contracts and (depth is None or depth.received_ns <= last.done_ns):
        return "the last order found less than the book had shown; a newer book is awaited"
    return ""


def draft(beliefs: Beliefs, assessment: Assessment) -> Draft:
    """Make orders of a group's needs and have each reviewed; all or nothing.

    Where a coin has several futures, one that is refused is left out and the need goes to the others; where none is
    left, it is the first refusal that counts.
    """
    first, shut = _drafted(beliefs, assessment, ()), list[InstrumentId]()
    found = first
    while found.refused is not None and assessment.instrument is None:
        name = InstrumentId(found.refused.subject)
        if name not in beliefs.state.layout.detours or name in shut:
            return first
        shut.append(name)
        found = _drafted(beliefs, assessment, shut)
    return found


def _drafted(beliefs: Beliefs, assessment: Assessment, shut: Collection[InstrumentId]) -> Draft:
    state = beliefs.state
    cut = slices.cut(beliefs, [n for n in assessment.needs if n.hedge != 0], assessment.instrument, shut)
    residuals = cut.residuals
    if cut.refused is not None or not cut.slices:
        return Draft(None, (), cut.refused, residuals)
    number = state.orders.intents + 1
    alongside = in_flight(state)
    legs: list[Leg] = []
    orders: list[Approved] = []
    for index, one in enumerate(cut.slices):
        request = request_of(state, number, index, one.instrument, one.figures)
        verdict = review(context(beliefs, request, alongside, slices.wanted(state, one)))
        if isinstance(verdict, Refused):
            return Draft(None, (), verdict, residuals)
        orders.append(verdict)
        legs.append(_leg(state, request, one))
        alongside = (*alongside, request)
    intent = HedgeIntent(
        number=number,
        group=assessment.group,
        reason="; ".join(_reasons(cut)),
        needs=assessment.needs,
        legs=tuple(legs),
        decided_ns=state.now,
    )
    return Draft(intent, tuple(orders), None, residuals)


def _reasons(cut: Cut) -> Iterator[str]:
    """Why each coin is hedged, and where more than one future could carry it, why this one does."""
    for need in {one.need.asset: one.need for one in cut.slices}.values():
        yield need.why
        if need.asset in cut.whys:
            yield cut.whys[need.asset]


def request_of(state: State, number: int, index: int, name: InstrumentId, figures: sizing.Sized) -> OrderRequest:
    """The order of one leg of an intent."""
    return OrderRequest(
        client_id=client_order_id(state.layout.rules.portfolio, state.epoch, number, index),
        instrument=name,
        side=figures.side,
        contracts=figures.contracts,
        limit_price=figures.limit_price,
        time_in_force=TimeInForce.IOC,
        reduce_only=figures.reduce_only,
        intent=number,
        leg=index,
        decided_ns=state.now,
    )


def _leg(state: State, request: OrderRequest, one: Slice) -> Leg:
    """An order with what it was decided on, and what each target wants of it."""
    need, figures = one.need, one.figures
    instrument = state.layout.instruments[request.instrument]
    coins = instrument.contract_size * instrument.base_units
    shares = {name: units / coins for name, units in need.shares.items()}
    return Leg(
        request=request,
        asset=need.asset,
        mid=figures.mid,
        expected_vwap=figures.expected_vwap,
        residual=figures.residual * instrument.base_units + one.beyond,
        wants=wants(request.side, shares, _booked(state, need.asset, instrument)),
        spot=need.price * instrument.base_units,
    )


def _booked(state: State, asset: Asset, instrument: Instrument) -> dict[str, Contracts]:
    """What is booked of a coin to each sleeve, in contracts of one of its futures."""
    out = state.sleeves.booked(instrument.id)
    for name in state.layout.candidates[asset]:
        if name != instrument.id:
            each = base_units(state.layout.instruments[name], ONE) / base_units(instrument, ONE)
            for target, contracts in state.sleeves.booked(name).items():
                out[target] = out.get(target, ZERO) + contracts * each
    return out


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
        stream_up=account.followed,
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
        peg=peg.reading(state),
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
