"""One alert for each hedge: why, delta before and after, orders, what they cost, and what funding will do.

Figures are computed from the engine's own records in Decimal, so that they agree with the journal to the last digit
that is shown.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from bot.calc.sizing import slippage_bps
from bot.domain.commands import CloseCorrection, Severity
from bot.domain.hedge import ROUTE, HedgeIntent, Leg, Need
from bot.domain.instrument import Instrument
from bot.domain.order import Side, Status
from bot.domain.targets import UNWIND
from bot.domain.units import ZERO, Asset, InstrumentId
from bot.engine import views
from bot.engine.orders import OrderRecord
from bot.engine.results import slippage
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.ops.alerts import words
from bot.ops.alerts.corrections import Tally
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.outlook import Intervals, Outlook, outlook, told
from bot.ops.alerts.voice import Voice

ORDERS_SHOWN = 6
REASONS_SHOWN = 2
ASSETS_AT_LENGTH = 2
"""A basket of more assets has a line for each, not five."""
TRADES_IN_TITLE = 3
PAST = {Side.BUY: "bought", Side.SELL: "sold"}
_CENT = Decimal("0.01")


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """What the orders of one instrument and side filled together."""

    instrument: Instrument
    side: Side
    coins: Decimal
    average_price: Decimal
    slippage_bps: Decimal

    @property
    def words(self) -> str:
        """As `sold 0.416 BTC at 60,012.00`."""
        amount = words.coins(self.coins, self.instrument.base)
        return f"{PAST[self.side]} {amount} at {words.price(self.average_price, self.instrument.tick)}"


def hedged(voice: Voice, tally: Tally, closed: CloseCorrection | None, state: State, intervals: Intervals) -> Alert:
    """The alert of a correction that was closed, or (None) cut short."""
    traded = summed(tally.orders.values(), state)
    outlooks = _outlooks(tally, state, intervals, voice.wall_ns())
    return voice.say(
        Kind.HEDGE,
        _name(tally.group, tally.needs),
        _title(tally, traded),
        [*_reasons(tally), *_delta_line(tally, closed, state), *_outlook_lines(outlooks, state, voice.wall_ns())],
        key=f"hedge:{tally.group}:{tally.epoch}.{tally.number}",
        severity=Severity.WARNING if tally.cut_short else Severity.INFO,
        facts=[
            *(f for need in tally.needs for f in _need_facts(need, len(tally.needs), _after(need, closed, state))),
            *_order_facts(tally, state),
            *_cost_facts(tally, traded, state),
            *_end_facts(voice, tally, closed, state),
            *_funding_facts(outlooks, state, voice.wall_ns()),
        ],
    )


def proposed(voice: Voice, intent: HedgeIntent, state: State) -> Alert:
    """The alert of a hedge that was not sent, because this is observe."""
    name = _name(intent.group, intent.needs)
    plans = [_plan(leg, state) for leg in intent.legs]
    mode = f"{voice.run_mode}, {state.modes.overall.name}"
    return voice.say(
        Kind.PROPOSAL,
        name,
        f"{name} would be hedged: {'; '.join(plans)}",
        [*[need.why for need in intent.needs if need.hedge][:REASONS_SHOWN], "Nothing was sent: this is observe."],
        key=f"proposal:{intent.group}:{state.epoch}.{intent.number}",
        severity=Severity.INFO,
        facts=[
            *(f for need in intent.needs for f in _need_facts(need, len(intent.needs), (None, None))),
            *(fact for leg in intent.legs for fact in _leg_facts(leg, state)),
            ("mode", mode),
        ],
    )


def summed(records: Iterable[OrderRecord], state: State) -> tuple[Traded, ...]:
    """Fills by instrument and side, in the order in which they were first sent."""
    sums: dict[tuple[InstrumentId, Side], list[OrderRecord]] = {}
    for record in records:
        if record.filled and record.average_price is not None and record.request.instrument in state.layout.instruments:
            sums.setdefault((record.request.instrument, record.request.side), []).append(record)
    return tuple(_traded(state.layout.instruments[name], side, found) for (name, side), found in sums.items())


def _traded(instrument: Instrument, side: Side, records: list[OrderRecord]) -> Traded:
    contracts = sum((r.filled for r in records), ZERO)
    if len({(r.average_price, r.mid) for r in records}) == 1:
        average, mid = records[0].average_price or ZERO, records[0].mid
    else:
        average = sum((r.filled * (r.average_price or ZERO) for r in records), ZERO) / contracts
        mid = sum((r.filled * r.mid for r in records), ZERO) / contracts
    return Traded(
        instrument=instrument,
        side=side,
        coins=instrument.coins(contracts),
        average_price=average,
        slippage_bps=slippage_bps(side, average, mid),
    )


def overall_slippage(traded: Iterable[Traded]) -> Decimal | None:
    """Slippage of several instruments together, weighted by value; None without a fill."""
    parts = [(one.coins * one.average_price, one.slippage_bps) for one in traded]
    if len(parts) == 1:
        return parts[0][1]
    whole = sum((value for value, _ in parts), ZERO)
    return sum((value * bps for value, bps in parts), ZERO) / whole if whole else None


def fees(records: Iterable[OrderRecord]) -> dict[Asset, Decimal]:
    """Fees by the asset they were paid in; < 0 is a rebate."""
    out: dict[Asset, Decimal] = {}
    for record in records:
        for fill in record.fills:
            out[fill.fee_asset] = out.get(fill.fee_asset, ZERO) + fill.fee
    return {asset: amount for asset, amount in sorted(out.items()) if amount}


def _name(group: str, needs: Iterable[Need]) -> str:
    """What a person calls the group: its only asset, or the target's name."""
    assets = [need.asset for need in needs]
    return str(assets[0]) if len(assets) == 1 else group.rpartition(":")[2]


def _title(tally: Tally, traded: tuple[Traded, ...]) -> str:
    name = _name(tally.group, tally.needs)
    if not traded:
        return f"{name}: the hedge ended and nothing was filled"
    verb = "hedged"
    if tally.cut_short:
        verb = "hedge cut short"
    elif tally.group.startswith(f"{UNWIND}:"):
        verb = "hedge closed"
    elif tally.group.startswith(f"{ROUTE}:"):
        verb = "hedge moved"
    elif len(tally.needs) > 1:
        verb = "rebalanced"
    more = f" and {len(traded) - TRADES_IN_TITLE} more" if len(traded) > TRADES_IN_TITLE else ""
    done = ", ".join(one.words for one in traded[:TRADES_IN_TITLE])
    return f"{name} {verb}: {done}{more} ({words.bps(overall_slippage(traded))})"


def _reasons(tally: Tally) -> list[str]:
    """The target's own words, a line per asset; and of one asset why its hedge is where it is."""
    whys = [need.why for need in tally.needs if need.hedge]
    route = tally.reason.removeprefix(whys[0]).removeprefix("; ") if len(whys) == 1 else ""
    if route and tally.reason.startswith(whys[0]):
        whys.append(route)
    return whys[:REASONS_SHOWN] or [tally.reason]


# ------------------------------------------------------------------------------------------------ delta and band
def _after(need: Need, closed: CloseCorrection | None, state: State) -> tuple[Decimal | None, Decimal | None]:
    """Exposure and deviation at the close; the deviation is not known where a correction was cut short."""
    if closed is None or need.asset not in state.layout.assets:
        return None, None
    return views.parts(Beliefs(state), need.asset).exposure, closed.residuals.get(need.asset)


def _delta_line(tally: Tally, closed: CloseCorrection | None, state: State) -> Iterator[str]:
    parts = []
    for need in tally.needs:
        after, _ = _after(need, closed, state)
        then = f", now {words.coins(after, need.asset)}" if after is not None else ""
        parts.append(f"{need.asset} delta was {words.coins(need.parts.exposure, need.asset)}{then}")
    yield "; ".join(parts)


def _need_facts(need: Need, of: int, after: tuple[Decimal | None, Decimal | None]) -> Iterator[tuple[str, str]]:
    """An asset's delta, target and band; `of` how many assets it is one, so that each label says whose it is."""
    exposure, deviation = after
    trigger, destination = words.coins(need.trigger, need.asset), words.coins(need.destination, need.asset)
    if of > ASSETS_AT_LENGTH:
        now = f", now {words.number(exposure)}" if exposure is not None else ""
        aim = f"target {words.number(need.target)}, band {words.number(need.trigger)}"
        yield need.asset, f"delta was {words.coins(need.parts.exposure, need.asset)}{now}; {aim}"
        return
    prefix = f"{need.asset} " if of > 1 else ""
    yield f"{prefix}delta before", words.coins(need.parts.exposure, need.asset)
    if exposure is not None:
        yield f"{prefix}delta after", words.coins(exposure, need.asset)
    yield f"{prefix}target", words.coins(need.target, need.asset)
    yield f"{prefix}off target before", words.coins(need.deviation, need.asset, signed=True)
    if deviation is not None:
        yield f"{prefix}off target after", words.coins(deviation, need.asset, signed=True)
    yield f"{prefix}band", f"trigger {trigger}, destination {destination}"


# ------------------------------------------------------------------------------------------------ orders and costs
def _order_facts(tally: Tally, state: State) -> Iterator[tuple[str, str]]:
    records = list(tally.orders.values())
    for record in records[:ORDERS_SHOWN]:
        yield "order", _order(record, state)
    more = len(records) - ORDERS_SHOWN + tally.unkept
    if more > 0:
        yield "more orders", str(more)


def _order(record: OrderRecord, state: State) -> str:
    request = record.request
    instrument = state.layout.instruments.get(request.instrument)
    tick = instrument.tick if instrument is not None else _CENT
    limit = words.price(request.limit_price, tick)
    text = f"{request.side.value} {words.number(request.contracts)} {request.instrument} limit {limit}"
    if not record.filled:
        why = f" ({record.refusal})" if record.refusal else ""
        return f"{text}: {_ending(record)}, nothing filled{why}"
    paid = f"average {words.price(record.average_price, tick)}, {words.bps(slippage(record), 2)}"
    if record.status is Status.FILLED:
        return f"{text}: filled, {paid}"
    return f"{text}: {_ending(record)}, {words.number(record.filled)} filled, {paid}"


def _ending(record: OrderRecord) -> str:
    return record.status.value.replace("_", " ")


def _cost_facts(tally: Tally, traded: tuple[Traded, ...], state: State) -> Iterator[tuple[str, str]]:
    for one in traded:
        prefix = f"{one.instrument.base} " if len(traded) > 1 else ""
        yield f"{prefix}average price", words.price(one.average_price, one.instrument.tick)
        yield f"{prefix}slippage", words.bps(one.slippage_bps, 2)
    if traded:
        yield "fees", _fees(tally.orders.values(), state)


def _fees(records: Iterable[OrderRecord], state: State) -> str:
    found = list(records)
    paid = fees(found) or {state.layout.rules.quote: ZERO}
    text = ", ".join(words.money(amount, asset) for asset, amount in paid.items())
    if any(record.filled > sum((fill.contracts for fill in record.fills), ZERO) for record in found):
        return f"{text}, as far as the venue has itemised the fills"
    return text


# ------------------------------------------------------------------------------------------------ funding
def _outlooks(tally: Tally, state: State, intervals: Intervals, now_ns: int) -> dict[Asset, Outlook]:
    """The outlook of each hedge that is open now, by asset."""
    out: dict[Asset, Outlook] = {}
    for name in dict.fromkeys(record.request.instrument for record in tally.orders.values()):
        instrument, belief = state.layout.instruments.get(name), state.accounts.positions.get(name)
        mark = state.books.marks.get(name)
        if instrument is None or belief is None or mark is None or not belief.position.contracts:
            continue
        found = outlook(instrument, belief.position.contracts, mark, intervals, now_ns)
        if found is not None:
            out[instrument.base] = found
    return out


def _outlook_lines(outlooks: dict[Asset, Outlook], state: State, now_ns: int) -> Iterator[str]:
    quote = state.layout.rules.quote
    for asset, found in list(outlooks.items())[:2]:
        prefix = f"{asset} funding" if len(outlooks) > 1 else "Funding"
        yield f"{prefix}: {told(found, quote, now_ns)}"


def _funding_facts(outlooks: dict[Asset, Outlook], state: State, now_ns: int) -> Iterator[tuple[str, str]]:
    quote = state.layout.rules.quote
    for asset, found in outlooks.items():
        yield (f"{asset} funding" if len(outlooks) > 1 else "funding"), told(found, quote, now_ns)


def _end_facts(voice: Voice, tally: Tally, closed: CloseCorrection | None, state: State) -> Iterator[tuple[str, str]]:
    until = closed.closed_ns if closed is not None else state.now
    yield "took", words.duration(until - tally.opened_ns)
    if tally.intents > 1:
        yield "slices", str(tally.intents)
    if tally.cut_short:
        yield "cut short", tally.cut_short
    yield "mode", f"{voice.run_mode}, {state.modes.overall.name}"


# ------------------------------------------------------------------------------------------------ proposals
def _plan(leg: Leg, state: State) -> str:
    instrument = state.layout.instruments[leg.request.instrument]
    about = words.price(leg.expected_vwap, instrument.tick)
    return (
        f"{leg.request.side.value} {words.coins(instrument.coins(leg.request.contracts), leg.asset)} at about {about}"
    )


def _leg_facts(leg: Leg, state: State) -> Iterator[tuple[str, str]]:
    request, tick = leg.request, state.layout.instruments[leg.request.instrument].tick
    limit, expected = words.price(request.limit_price, tick), words.price(leg.expected_vwap, tick)
    order = f"{request.side.value} {words.number(request.contracts)} {request.instrument} limit {limit}"
    cost = words.bps(slippage_bps(request.side, leg.expected_vwap, leg.mid), 2)
    yield "order", f"{order}: expected {expected}, {cost}"
