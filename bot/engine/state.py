"""The engine's state: a few owners, each folding its own events. Folding decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from bot.calc.pnl import base_units
from bot.domain.events import (
    AccountConfirmed,
    AccountSeen,
    AccountUnreadable,
    Action,
    BalancesChanged,
    BarsSeen,
    CalendarStruck,
    CancelFailed,
    ClockSampled,
    Event,
    FaultRaised,
    ForeignOrderSeen,
    FundingPaid,
    FundingSeen,
    HistorySeen,
    HoldingsDeclared,
    OpenInterestSeen,
    OperatorAsked,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    PositionsChanged,
    Remarked,
    RulesChanged,
    Sampled,
    Started,
    Stopping,
    StreamChanged,
    Ticked,
)
from bot.domain.instrument import account_of
from bot.domain.market import Depth, Mark, Quote
from bot.domain.rules import Rules
from bot.domain.units import ZERO, AccountId, Asset, ClientOrderId, Contracts, InstrumentId, Nanos, Qty
from bot.engine.accounts import AccountBelief, Accounts
from bot.engine.amend import Amended, bar
from bot.engine.books import Books
from bot.engine.conversions import PROCESSING_NS, Conversions
from bot.engine.declared import Declared
from bot.engine.layout import Layout, coins_of
from bot.engine.legs import Legs
from bot.engine.modes import GLOBAL, Latch, Mode, Modes
from bot.engine.orders import OrderRecord, Orders, Progress
from bot.engine.pegs import Pegs
from bot.engine.routes import Routes
from bot.engine.sleeves import Sleeves
from bot.engine.statistics import Statistics
from bot.engine.triggers import Triggers

NO_TIME_NS = -1
"""Silence of any length: after a restart whatever was on its way is unknown."""


@dataclass(frozen=True, slots=True)
class Left:
    """What stands at the venue on an instrument that the rules of this start no longer name."""

    instrument: InstrumentId
    what: str
    coin: Asset | None


@dataclass(slots=True)
class State:
    """Everything the engine knows. Only `apply` and the engine's own bookkeeping of a decision change it."""

    layout: Layout
    now: Nanos
    epoch: int = 0
    books: Books = field(default_factory=Books)
    accounts: Accounts = field(default_factory=Accounts)
    orders: Orders = field(default_factory=Orders)
    legs: Legs = field(default_factory=Legs)
    modes: Modes = field(default_factory=Modes)
    statistics: Statistics = field(default_factory=Statistics)
    triggers: Triggers = field(default_factory=Triggers)
    sleeves: Sleeves = field(default_factory=Sleeves)
    conversions: Conversions = field(default_factory=Conversions)
    declared: Declared = field(default_factory=Declared)
    routes: Routes = field(default_factory=Routes)
    pegs: Pegs = field(default_factory=Pegs)
    streams: dict[str, bool] = field(default_factory=dict)
    clock_offsets: dict[AccountId, int] = field(default_factory=dict)
    foreign: list[ForeignOrderSeen] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    amended: Amended | None = None
    """What the change of rules that is being handled came to."""
    unobeyed: str = ""
    stopping: bool = False
    refreshed: dict[AccountId, Nanos] = field(default_factory=dict)

    def apply(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - the one exhaustive match that hands events out
        """Hand an event to the owner of what it is about, and let its moment be now unless a later one was seen.

        So nothing that is judged after a pause looks younger than it is, whichever event comes first.
        """
        self.now = max(self.now, event.now_ns if isinstance(event, Ticked) else Nanos(event.received_ns))
        match event:
            case Quote() | Depth() | Mark():
                self.books.put(event)
            case Ticked():
                self.orders.on_silence(self.layout.limits.ack_timeout_ns, "no answer in time", self.now)
            case Started():
                self._restart(event)
            case StreamChanged():
                self.streams[event.stream] = event.up
                if event.account is not None:
                    self.accounts.on_stream(event.account, up=event.up, now=event.received_ns)
            case AccountSeen():
                held = self._held()
                self.accounts.on_snapshot(event.snapshot, self.layout.limits, event.received_ns, self._in_flight())
                self._moved(held)
            case AccountConfirmed():
                self.accounts.on_confirmed(event.account, event.margin, event.requested_ns or event.received_ns)
            case BalancesChanged():
                self.accounts.on_balances(
                    event.account, event.balances, self.layout.limits, event.event_ns, event.received_ns
                )
            case PositionsChanged():
                self._positions(event)
            case OrderReported():
                self._reported(event)
            case OrderRejected():
                self.orders.on_rejected(event)
            case OrderUnanswered():
                self.orders.on_unanswered(event)
            case OrderNotFound():
                self.orders.on_not_found(event, self.proof_delay_ns(event.client_id))
            case ForeignOrderSeen():
                self.foreign.append(event)
            case ClockSampled():
                self.clock_offsets[event.account] = event.offset_ns
            case OperatorAsked():
                self._obey(event)
            case RulesChanged():
                self.amended = self._amend(event.rules)
            case Stopping():
                self.stopping = True
            case FaultRaised():
                self.modes.latch(GLOBAL, Latch(Mode.HALT, event.what, "trimtab", event.received_ns))
            case AccountUnreadable():
                self.accounts.on_unreadable(event.account)
            case FundingPaid():
                if event.instrument in self.accounts.positions:
                    self.sleeves.on_funding(event)
            case Sampled():
                self.statistics.on_sample(event)
                self.statistics.digest(wanted=self.layout.statistical)
            case HistorySeen():
                self.statistics.on_history(event, self.layout.rules.statistics)
                self.statistics.digest(wanted=self.layout.statistical)
            case FundingSeen():
                self.statistics.on_funding(event)
            case BarsSeen() | OpenInterestSeen():
                self.triggers.see(event)
            case CalendarStruck():
                self.triggers.strike(event, self.layout.groups_of(event.target))
            case HoldingsDeclared():
                self.declared.on_read(event, self.layout.limits)
            case CancelFailed() | Remarked():
                pass
            case _:
                assert_never(event)

    def proof_delay_ns(self, client_id: ClientOrderId) -> int:
        """How long after an order can have left us a look that does not find it proves that it was never placed.

        By then it cannot reach the book any more, and had it been filled we would see it: by the private stream, if
        that has listened since before the order left us, else by a read that the slowest replica would answer.
        """
        limits, record = self.layout.limits, self.orders.records.get(client_id)
        if record is None:
            return limits.order_deadline_ns
        account = account_of(record.request.instrument)
        told = self.accounts.accounts.get(account, AccountBelief()).listened_since(record.sent_ns)
        processing_ns = PROCESSING_NS if self.conversions.sells(record) else 0
        deadline_ns = limits.order_deadline_ns_of(record.request.instrument)
        return deadline_ns + processing_ns + (0 if told else limits.replica_lag_ns_max)

    def _in_flight(self) -> frozenset[InstrumentId]:
        """Instruments of ours on which an order may still fill."""
        live = {record.request.instrument for record in self.orders.live()}
        return frozenset(live & self.layout.instruments.keys())

    def _reported(self, event: OrderReported) -> None:
        """A report on an order of ours; one that carries our prefix and is not known here is another program's."""
        report = event.report
        if report.client_id not in self.orders.records:
            seen = ForeignOrderSeen(
                report.instrument, report.client_id, "named like ours, but not ours", report.filled, event.received_ns
            )
            self.foreign.append(seen)
            return
        before = self.orders.records[report.client_id]
        if gained := self.orders.on_report(event):
            self._filled(before, gained, event.received_ns)
        self._book(before, self.orders.records[report.client_id])

    def _filled(self, record: OrderRecord, gained: Progress, now: Nanos) -> None:
        """Count what an order newly filled: a position is what fills make it, a balance is what the account tells."""
        if not self.conversions.sells(record):
            self.accounts.on_fill(gained.instrument, gained.contracts, gained.price, now)
        if self.routes.moves and (instrument := self.layout.instruments.get(gained.instrument)) is not None:
            self.routes.on_fill(record, base_units(instrument, gained.contracts), now)
        self.conversions.on_fill(record, gained.contracts)

    def _book(self, before: OrderRecord, after: OrderRecord) -> None:
        """Share what a report added among the sleeves, and hold their sum against the position."""
        name = after.request.instrument
        instrument, belief = self.layout.instruments.get(name), self.accounts.positions.get(name)
        if instrument is None or belief is None:
            return  # of an earlier config: nothing of it is hedged any more
        self.sleeves.on_order(before, after, instrument.contract_size, self.now)
        self.sleeves.check(belief.position, instrument.contract_size, self.now)

    def _positions(self, event: PositionsChanged) -> None:
        held = self._held()
        for position in event.positions:
            self.accounts.on_position(
                position,
                event.cause,
                self.layout.limits,
                event.received_ns,
                in_flight=bool(self.orders.live(position.instrument)),
                asked_ns=event.received_ns,
            )
        self._moved(held)

    def _restart(self, event: Started) -> None:
        before, self.layout = self.layout, Layout.of(event.rules)
        self.epoch = event.epoch
        self.stopping = False
        self.modes.run_mode = event.mode
        self.books.forget()
        self.streams.clear()
        self.clock_offsets.clear()
        self.refreshed.clear()
        self.orders.on_silence(NO_TIME_NS, "the process restarted", event.received_ns)
        self.legs.abandon()
        self.legs.held.clear()
        futures = tuple(rule.hedge for rule in self.layout.carriers())
        gone = self.accounts.restart(event.rules.accounts, futures)
        self.sleeves.keep(futures)
        # What an older version left without books is nobody's.
        self._moved({name: self.sleeves.total(name) for name in futures})
        self.statistics.begin(event.rules.statistics, tuple(self.layout.assets), futures)
        self.declared.keep(event.rules.sources)
        self.routes.keep({asset: self.layout.candidates[asset] for asset in self.layout.routed})
        self.pegs.interrupt(watched=bool(event.rules.pegs))
        self._retarget(before)
        self.left = [Left(p.instrument, f"{p.contracts} contracts", before.coin(p.instrument)) for p in gone]
        self.left += [
            Left(
                r.request.instrument, f"order {r.request.client_id} of unknown fate", before.coin(r.request.instrument)
            )
            for r in self.orders.live()
            if r.request.instrument in before.instruments.keys() - self.layout.instruments.keys()
        ]

    def _amend(self, rules: Rules) -> Amended:
        """Replace the rules as a whole, at a moment of rest; what hung on a target that is no longer so ends with it.

        Positions, balances, orders, latches and clocks stay: none of them may depend on what can change.
        """
        before = self.layout
        if why := self.unrest(rules) or bar(before.rules, rules):
            return Amended(barred=why)
        self.layout = Layout.of(rules)
        self._retarget(before)
        kept = {group.name for group in self.layout.groups if group in before.groups}
        gone = [group.name for group in before.groups if group.name not in kept]
        gone += [one.name for one in before.conversions if one not in self.layout.conversions]
        ended = self.legs.end(gone)
        aimed = {coin for target in rules.targets for coin in coins_of(target)}
        dropped = {coin for target in before.rules.targets for coin in coins_of(target)} - aimed
        traded = {one.id: one.trading for one in before.rules.instruments}
        return Amended(
            relisted=before.rules.instruments != rules.instruments,
            ended=ended,
            untargeted=tuple(sorted(dropped)),
            stopped=tuple(one.id for one in rules.instruments if traded[one.id] and not one.trading),
            resumed=tuple(one.id for one in rules.instruments if one.trading and not traded[one.id]),
        )

    def _retarget(self, before: Layout) -> None:
        """Let go of what was marked for targets that are no longer so, and measure what the new ones look at."""
        unchanged = {group.name for group in self.layout.groups if group in before.groups}
        self.statistics.digest(wanted=self.layout.statistical)
        self.statistics.keep(unchanged)
        self.triggers.begin(self.layout.rules.targets, before.rules.targets, unchanged)

    def _moved(self, before: Mapping[InstrumentId, Contracts]) -> None:
        """Book what moved positions from where they were before and was no fill of ours."""
        for name, belief in self.accounts.positions.items():
            instrument, was = self.layout.instruments.get(name), before.get(name, ZERO)
            if instrument is not None and belief.position.contracts != was:
                self.sleeves.on_moved(belief.position, was, instrument.contract_size, self.now)
                self.routes.disturb(name)

    def carrying(self, asset: Asset) -> InstrumentId:
        """The future that carries most of a coin's hedge; where none does, the one that is next to."""
        first, *others = self.layout.candidates[asset]
        if not others:
            return first
        held = self.units_held(asset)
        return max(held, key=lambda name: abs(held[name])) if held else self.routes.chosen.get(asset, first)

    def units_held(self, asset: Asset) -> dict[InstrumentId, Qty]:
        """Signed units of a coin in each of its futures, those that are flat left out."""
        positions, instruments = self.accounts.positions, self.layout.instruments
        held = {name: positions[name].position.contracts for name in self.layout.candidates[asset]}
        return {name: base_units(instruments[name], contracts) for name, contracts in held.items() if contracts}

    def _held(self) -> dict[InstrumentId, Contracts]:
        """Signed contracts of every position as believed."""
        return {name: belief.position.contracts for name, belief in self.accounts.positions.items()}

    def unrest(self, rules: Rules) -> str:
        """Why these rules may not come into force at this moment; empty when they may.

        An order that may still fill keeps those it was made under. One on an instrument that the rules no longer know
        (it was left by an earlier config) depends on none of them. What changes nothing may come at any moment.
        """
        if rules == self.layout.rules:
            return ""
        live = (record for record in self.orders.live() if record.request.instrument in self.layout.instruments)
        return next((f"order {r.request.client_id} on {r.request.instrument} is {r.status.value}" for r in live), "")

    def _obey(self, event: OperatorAsked) -> None:
        before = self.modes.overall
        self.unobeyed = self.modes.obey(event)
        if event.action is Action.ARM:
            self.conversions.rearm()
        if not self.unobeyed and (event.action is not Action.ARM or before is not Mode.RUN):
            self.legs.abandon()
            self.routes.abandon()
        if not self.unobeyed and event.action is Action.ARM:
            self.triggers.rearm()
