"""The life of an order.

Theory of operation
-------------------
An order is recorded as PENDING_NEW before a byte of it is sent. From then on only evidence moves it:

* a report of the venue, by answer, stream or query, in any order and any number of times. Reports are cumulative, so
  `filled` only ever grows, and a report that is older than what is known changes nothing;
* a documented refusal (REJECTED), which counts only while nothing further than NEW is known: a fill outweighs it. An
  order that was held back on our side (by the rate budget, or a halt that came first) never left us (NOT_PLACED);
* silence (a timeout, a reset, an unreadable answer, our own restart): UNKNOWN. An order that is UNKNOWN counts at its
  full size on the bad side of every limit, and its instrument takes no new order;
* proof of absence (NOT_PLACED): the venue's deadline for the order has passed, and after it two different endpoints
  said, at least `evidence_gap_ns` apart, that they know no such order, while the venue's position still equals ours
  (for a sale of coins, which changes no position: while the coin's balance is what it was before; see `sales`).
  Where the venue itself moved the position meanwhile, they never come to equal each other: there the denials are enough
  as soon as the future is halted, for nothing is sent on it before an operator has looked.
  The deadline counts from the moment at which silence was noted, for by then the order had certainly left us, if ever.

Terminal states never reopen. A fill that turns up after one is still counted, because the venue's fills are the truth,
and is reported as late. Nothing here sends anything twice: a new attempt is a new order with a new id.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from bot.domain.events import HELD_BACK, Endpoint, OrderNotFound, OrderRejected, OrderReported, OrderUnanswered
from bot.domain.hedge import Leg
from bot.domain.order import Fill, OrderReport, OrderRequest, Status
from bot.domain.units import ZERO, ClientOrderId, Contracts, InstrumentId, Nanos, Price

_LIVE = (Status.PENDING_NEW, Status.UNKNOWN, Status.NEW, Status.PARTIALLY_FILLED, Status.PENDING_CANCEL)
_DONE = (Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED)

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING_NEW: frozenset({*_LIVE[1:], *_DONE, Status.NOT_PLACED}),
    Status.UNKNOWN: frozenset({Status.NEW, Status.PARTIALLY_FILLED, *_DONE, Status.NOT_PLACED}),
    Status.NEW: frozenset({Status.PARTIALLY_FILLED, Status.PENDING_CANCEL, *_DONE}),
    Status.PARTIALLY_FILLED: frozenset({Status.PENDING_CANCEL, Status.FILLED, Status.CANCELED, Status.EXPIRED}),
    Status.PENDING_CANCEL: frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED}),
    Status.FILLED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.NOT_PLACED: frozenset(),
}
TERMINAL = frozenset(status for status, onward in TRANSITIONS.items() if not onward)
KEEP_DONE_NS = 600_000_000_000


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one of our orders."""

    request: OrderRequest
    status: Status
    mid: Price
    group: str
    sent_ns: Nanos
    filled: Contracts = ZERO
    average_price: Price | None = None
    fills: tuple[Fill, ...] = ()
    venue_id: str = ""
    refusal: str = ""
    late: bool = False
    done_ns: Nanos = Nanos(0)
    unknown_ns: Nanos = Nanos(0)
    asked_ns: Nanos = Nanos(0)
    told: tuple[str, ...] = ()
    """What a person was told about it."""
    wants: dict[str, Contracts] = {}
    """What each target wanted of it, in signed contracts: how its fills are shared."""
    spot: Price = ZERO
    """The spot price of a contract coin on which it was decided; 0 where none is known."""
    absent: dict[str, int] = {}
    """When each endpoint denied it: the one that was first by its first word, the other by its latest."""

    @property
    def live(self) -> bool:
        """Whether it may still fill, as far as anyone knows."""
        return self.status not in TERMINAL

    @property
    def remaining(self) -> Contracts:
        """Signed contracts that may still fill."""
        left = max(self.request.contracts - self.filled, ZERO) if self.live else ZERO
        return left * self.request.side.sign

    @property
    def gone_ns(self) -> Nanos:
        """The latest moment at which it can have left us: the venue's deadline counts from here."""
        return max(self.sent_ns, self.unknown_ns)

    @property
    def fee(self) -> Decimal:
        """Fees of the fills seen so far, in their own asset."""
        return sum((fill.fee for fill in self.fills), ZERO)


class Progress(msgspec.Struct, frozen=True):
    """What a report added: contracts newly filled (signed) and the price to book them at."""

    instrument: InstrumentId
    contracts: Contracts
    price: Price


@dataclass(slots=True)
class Orders:
    """Owner of our orders: the live ones, and the done ones for as long as late news may come."""

    records: dict[ClientOrderId, OrderRecord] = field(default_factory=dict)
    intents: int = 0

    def open(self, leg: Leg, group: str, now: Nanos) -> None:
        """Record an order as in flight, before it is sent. An id is used once."""
        request = leg.request
        if request.client_id in self.records:
            msg = f"client order id {request.client_id} was used before"
            raise ValueError(msg)
        self.records[request.client_id] = OrderRecord(
            request=request,
            status=Status.PENDING_NEW,
            mid=leg.mid,
            group=group,
            sent_ns=now,
            wants=leg.wants,
            spot=leg.spot,
        )

    def live(self, instrument: InstrumentId | None = None) -> list[OrderRecord]:
        """Orders that may still fill, oldest first."""
        return [
            record
            for record in self.records.values()
            if record.live and (instrument is None or record.request.instrument == instrument)
        ]

    def working(self) -> dict[InstrumentId, Contracts]:
        """Signed contracts still to fill, by instrument."""
        out: dict[InstrumentId, Contracts] = {}
        for record in self.live():
            name = record.request.instrument
            out[name] = out.get(name, ZERO) + record.remaining
        return out

    def on_report(self, event: OrderReported) -> Progress | None:
        """Fold a report on a known order; say what it newly filled."""
        report = event.report
        record = self.records[report.client_id]
        fills = _merged(record.fills, report.fills)
        filled = max(record.filled, report.filled, sum((f.contracts for f in fills), ZERO))
        gained = filled - record.filled
        average = _average(record, report, fills, filled)
        status = _advanced(record, report, filled)
        done = status in TERMINAL and record.live
        self.records[report.client_id] = msgspec.structs.replace(
            record,
            status=status,
            filled=filled,
            average_price=average,
            fills=fills,
            venue_id=report.venue_id or record.venue_id,
            late=record.late or (gained > 0 and not record.live),
            done_ns=event.received_ns if done else record.done_ns,
        )
        if gained == 0:
            return None
        price = _gained_price(record, filled, average)
        return Progress(record.request.instrument, gained * record.request.side.sign, price)

    def on_rejected(self, event: OrderRejected) -> None:
        """A documented refusal ends an order of which nothing else is known."""
        record = self.records.get(event.client_id)
        status = Status.NOT_PLACED if event.code == HELD_BACK else Status.REJECTED
        if record is None or record.filled > 0 or status not in TRANSITIONS[record.status]:
            return
        self._replace(record, status=status, refusal=f"{event.code}: {event.message}", done_ns=event.received_ns)

    def on_unanswered(self, event: OrderUnanswered) -> None:
        """Silence makes an order that was on its way unknown."""
        record = self.records.get(event.client_id)
        if record is not None and record.status is Status.PENDING_NEW:
            self._replace(record, status=Status.UNKNOWN, unknown_ns=event.received_ns, refusal=event.reason)

    def on_silence(self, longer_than_ns: int, reason: str, now: Nanos) -> None:
        """Orders that nobody has answered for longer than this are unknown."""
        for record in self.live():
            if record.status is Status.PENDING_NEW and now - record.sent_ns > longer_than_ns:
                self._replace(record, status=Status.UNKNOWN, unknown_ns=now, refusal=reason)

    def on_not_found(self, event: OrderNotFound, deadline_ns: int) -> None:
        """Note an absence, if it was asked for after the venue's deadline; before that it proves nothing."""
        record = self.records.get(event.client_id)
        if record is None or record.status is not Status.UNKNOWN or event.asked_ns <= record.gone_ns + deadline_ns:
            return
        if event.endpoint.value != next(iter(record.absent), None):
            self._replace(record, absent={**record.absent, event.endpoint.value: event.asked_ns})

    def resolve_absent(self, client_id: ClientOrderId, gap_ns: int, now: Nanos) -> bool:
        """Mark an order NOT_PLACED if both endpoints denied it far enough apart; whoever asks has seen the position."""
        record = self.records[client_id]
        asked = tuple(record.absent.values())
        if record.filled > 0 or len(asked) < len(Endpoint) or max(asked) - min(asked) < gap_ns:
            return False
        self._replace(record, status=Status.NOT_PLACED, done_ns=now)
        return True

    def note_asked(self, client_id: ClientOrderId, now: Nanos) -> None:
        """Remember when an order was last looked up."""
        self._replace(self.records[client_id], asked_ns=now)

    def note_told(self, client_id: ClientOrderId, topic: str) -> None:
        """Remember that a person was told of something about an order."""
        record = self.records[client_id]
        self._replace(record, told=(*record.told, topic))

    def prune(self, now: Nanos) -> None:
        """Forget orders that ended long ago."""
        for client_id, record in list(self.records.items()):
            if not record.live and record.done_ns < now - KEEP_DONE_NS:
                del self.records[client_id]

    def _replace(self, record: OrderRecord, **changes: object) -> None:
        self.records[record.request.client_id] = msgspec.structs.replace(record, **changes)


def _merged(known: tuple[Fill, ...], new: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """Fills once each, by trade id."""
    seen = {fill.trade_id for fill in known}
    return known + tuple({f.trade_id: f for f in new if f.trade_id not in seen}.values())


def _advanced(record: OrderRecord, report: OrderReport, filled: Contracts) -> Status:
    """The status after a report: never backwards, never out of a terminal state, and full means filled."""
    if not record.live:
        return record.status
    if filled >= record.request.contracts:
        return Status.FILLED
    return report.status if report.status in TRANSITIONS[record.status] else record.status


def _average(record: OrderRecord, report: OrderReport, fills: tuple[Fill, ...], filled: Contracts) -> Price | None:
    """The average price of what is filled: the venue's own where it covers all, else from the fills."""
    if filled == 0:
        return None
    if report.filled == filled and report.average_price:
        return report.average_price
    known = sum((f.contracts for f in fills), ZERO)
    if known == filled:
        return sum((f.contracts * f.price for f in fills), ZERO) / known
    return record.average_price


def _gained_price(record: OrderRecord, filled: Contracts, average: Price | None) -> Price:
    """The price of the newly filled part: what makes the average come out."""
    if average is None:
        return record.request.limit_price
    before = record.average_price * record.filled if record.average_price else ZERO
    return (average * filled - before) / (filled - record.filled)
