"""Looks on and remembers what people ask about: orders, fees, slippage, funding, time outside the band.

Nothing here decides anything, and nothing here is needed after a restart: the journal has the facts.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.commands import CloseCorrection, Command, Notice, OpenIntent, ProposeIntent
from bot.domain.events import Event, FundingPaid
from bot.domain.hedge import Need
from bot.domain.targets import UNWIND
from bot.domain.units import ZERO, ClientOrderId, Nanos
from bot.engine.orders import OrderRecord
from bot.engine.results import slippage
from bot.engine.state import State
from bot.runtime.status import OrderStatus, Totals

ORDERS_KEPT = 100
NOTICES_KEPT = 50
TRANSACTIONS_KEPT = 10_000


@dataclass(slots=True)
class Deviation:
    """How far and how long an asset was outside its band; `outside` is how the last look found it."""

    outside: bool = False
    outside_ns: int = 0
    largest: Decimal | None = None
    largest_value: Decimal | None = None
    sampled_ns: int = 0


@dataclass(slots=True)
class _Sums:
    """What orders came to; a live one counts in `orders` and not yet in `ended`."""

    orders: int = 0
    fills: int = 0
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    ended: Counter[str] = field(default_factory=Counter)

    def add(self, state: State, record: OrderRecord) -> None:
        self.orders += 1
        self.fills += len(record.fills)
        self.fees += record.fee
        if not record.live:
            self.ended[record.status.value] += 1
        instrument = state.layout.instruments.get(record.request.instrument)
        if record.average_price is not None and instrument is not None:
            worse = (record.average_price - record.mid) * record.request.side.sign
            self.slippage += instrument.coins(record.filled) * worse


class Monitor:
    """Sees every step and every tick."""

    def __init__(self) -> None:
        self.deviations: dict[str, Deviation] = {}
        self.notices: deque[str] = deque(maxlen=NOTICES_KEPT)
        self._orders: dict[ClientOrderId, OrderRecord] = {}
        self._retired = _Sums()
        self._paid, self._received = ZERO, ZERO
        self._transactions: dict[str, None] = {}

    def on_step(self, event: Event, commands: Sequence[Command]) -> None:
        """A step was taken."""
        for command in commands:
            match command:
                case Notice():
                    self.notices.append(f"{command.severity.value}: {command.topic} {command.subject}: {command.text}")
                case OpenIntent() | ProposeIntent():
                    # A hedge takes less time than lies between two samples: what it was decided on counts as one.
                    self.sample_needs(command.intent.group, command.intent.needs, Nanos(command.intent.decided_ns))
                case CloseCorrection():
                    self._back_inside(command)
                case _:
                    pass
        if isinstance(event, FundingPaid) and event.transaction not in self._transactions:
            self._transactions[event.transaction] = None
            self._paid += max(-event.amount, ZERO)
            self._received += max(event.amount, ZERO)
            if len(self._transactions) > TRANSACTIONS_KEPT:
                del self._transactions[next(iter(self._transactions))]

    def sample_orders(self, state: State, since: Nanos) -> None:
        """Take over the orders of this start as they are now; the oldest are summed up and let go.

        An order is let go only once the engine has forgotten it too: one that came back would count twice.
        """
        records = state.orders.records
        for client_id, record in records.items():
            if record.sent_ns >= since:
                self._orders[client_id] = record
        spare = max(len(self._orders) - ORDERS_KEPT, 0)
        for client_id in [client_id for client_id in self._orders if client_id not in records][:spare]:
            self._retired.add(state, self._orders.pop(client_id))

    def sample_needs(self, group: str, needs: Iterable[Need], now: Nanos) -> None:
        """Account for the time since the last sample: outside, if the asset was outside then.

        An unwind's needs do not count: no target is kept while it lasts.
        """
        kept = not group.startswith(f"{UNWIND}:")
        for need in needs:
            seen = self.deviations.setdefault(need.asset, Deviation())
            _account(seen, now, outside=need.breached and kept)
            if not kept:
                continue
            if seen.largest is None or abs(need.deviation) > abs(seen.largest):
                seen.largest, seen.largest_value = need.deviation, need.value

    def _back_inside(self, closed: CloseCorrection) -> None:
        for asset in closed.residuals:
            if asset in self.deviations:
                _account(self.deviations[asset], closed.closed_ns, outside=False)

    def orders(self) -> tuple[OrderStatus, ...]:
        """The last orders, newest last."""
        return tuple(_order(record) for record in list(self._orders.values())[-ORDERS_KEPT:])

    def totals(self, state: State) -> Totals:
        """Sums since the start."""
        sums = replace(self._retired, ended=self._retired.ended.copy())
        for record in self._orders.values():
            sums.add(state, record)
        return Totals(
            orders=sums.orders,
            fills=sums.fills,
            fees=sums.fees,
            funding=self._received - self._paid,
            slippage=sums.slippage,
            funding_paid=self._paid,
            funding_received=self._received,
            ended=dict(sums.ended),
            live=dict(Counter(record.status.value for record in self._orders.values() if record.live)),
        )


def _account(seen: Deviation, now: Nanos, *, outside: bool) -> None:
    if seen.outside:
        seen.outside_ns += max(now - seen.sampled_ns, 0)
    seen.outside, seen.sampled_ns = outside, max(now, seen.sampled_ns)


def _order(record: OrderRecord) -> OrderStatus:
    return OrderStatus(
        client_id=record.request.client_id,
        instrument=record.request.instrument,
        side=record.request.side.value,
        contracts=record.request.contracts,
        limit_price=record.request.limit_price,
        filled=record.filled,
        average_price=record.average_price,
        status=record.status.value,
        reduce_only=record.request.reduce_only,
        slippage_bps=slippage(record),
        fee=record.fee,
        sent_ns=record.sent_ns,
    )
