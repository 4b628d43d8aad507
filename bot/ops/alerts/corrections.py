"""Remembers what each correction began with and what became of its orders, until it can be told.

Theory of operation
-------------------
An OpenIntent begins a correction or goes on with it; CloseCorrection ends it with an account of its orders. A kill, an
operator's other commands, a stop and a restart end it without one: its orders may still fill, so it is kept until the
last of them has ended, and told then, if anything was filled. Orders that a start finds without an end belong to a
correction that the process before it did not live to close; they are followed in the same way.

An answer to an order may say that it filled before the stream says at which fee: a correction that closed waits for its
fills to be told one by one, at most DETAILS_WAIT_NS.

The engine forgets orders ten minutes after they ended. A record is taken over with every report, so that a long
correction is told whole. At most ORDERS_MAX orders are kept per correction: the first ones, and how many more.
"""

from collections.abc import Iterable, Iterator

import msgspec

from bot.domain.commands import CloseCorrection
from bot.domain.hedge import HedgeIntent, Need
from bot.domain.units import SECOND_NS, ZERO, ClientOrderId, Nanos
from bot.engine.orders import OrderRecord
from bot.engine.state import State

ORDERS_MAX = 256
CUT_SHORT_MAX = 64
"""Corrections without a close that still wait for orders to end."""
DETAILS_WAIT_NS = 5 * SECOND_NS


class Tally(msgspec.Struct, kw_only=True):
    """One correction, as far as it has come. `epoch` and `number` name its first intent."""

    group: str
    number: int
    epoch: int
    reason: str
    needs: tuple[Need, ...]
    opened_ns: Nanos
    orders: dict[ClientOrderId, OrderRecord]
    intents: int = 1
    unkept: int = 0
    """Orders beyond ORDERS_MAX."""
    cut_short: str = ""
    """Why it ended without a close; empty while it runs and when it was closed."""

    @property
    def filled(self) -> bool:
        """Whether any order filled at all."""
        return any(record.filled for record in self.orders.values())

    @property
    def is_detailed(self) -> bool:
        """Whether each fill is known by itself, with its fee, and not only as part of a sum."""
        return all(sum((one.contracts for one in row.fills), ZERO) >= row.filled for row in self.orders.values())

    def ended(self, state: State) -> bool:
        """Whether no order can fill any more: none is live, or the engine does not know of it."""
        known = state.orders.records
        return not any(client_id in known and known[client_id].live for client_id in self.orders)

    def take(self, records: Iterable[OrderRecord]) -> None:
        """Keep these orders, up to the bound."""
        for record in records:
            if len(self.orders) < ORDERS_MAX:
                self.orders[record.request.client_id] = record
            else:
                self.unkept += 1

    def refresh(self, state: State) -> None:
        """Take over what the engine knows of the orders; what it has forgotten stays as it was."""
        known = state.orders.records
        for client_id in self.orders:
            if client_id in known:
                self.orders[client_id] = known[client_id]


class Closed(msgspec.Struct, frozen=True):
    """A correction that closed, and until when its fills may still be told."""

    tally: Tally
    command: CloseCorrection
    until_ns: Nanos


class Corrections:
    """The corrections under way, those that closed and wait for details, and those cut short with live orders."""

    def __init__(self) -> None:
        self._open: dict[str, Tally] = {}
        self._closed: list[Closed] = []
        self._cut_short: list[Tally] = []

    @property
    def waiting(self) -> bool:
        """Whether any correction waits for details, or was cut short and waits for an order to end."""
        return bool(self._cut_short or self._closed)

    @property
    def untold(self) -> bool:
        """Whether any correction that closed waits for its details."""
        return bool(self._closed)

    def begin(self, intent: HedgeIntent, state: State) -> None:
        """An intent was opened; one that is not its correction's first goes on with it."""
        found = self._open.get(intent.group)
        correction = state.legs.corrections.get(intent.group)
        if found is not None and (correction is None or correction.intents == 1):
            self._cut(found, "it was begun anew")
            found = None
        records = [state.orders.records[leg.request.client_id] for leg in intent.legs]
        if found is None:
            found = self._open[intent.group] = _tally(intent, state)
        else:
            found.intents += 1
        found.take(records)

    def close(self, closed: CloseCorrection, state: State) -> None:
        """A correction ended; of one whose beginning nobody saw, its results are what is known."""
        found = self._open.pop(closed.group, None) or _unseen(closed, state)
        found.refresh(state)
        # A close that says more than the correction began with was forced: its target was changed under way.
        found.cut_short = closed.reason.removeprefix(found.reason).lstrip("; ")
        self._closed.append(Closed(found, closed, Nanos(state.now + DETAILS_WAIT_NS)))

    def told(self, state: State, *, everything: bool = False) -> Iterator[Closed]:
        """Closed corrections of which all is known, or whose time is over; each is given once, in order."""
        for one in self._closed:
            one.tally.refresh(state)
        done = [one for one in self._closed if everything or one.tally.is_detailed or state.now >= one.until_ns]
        self._closed = [one for one in self._closed if one not in done]
        yield from done

    def follow(self, state: State) -> None:
        """At a start: whatever runs is cut short, and orders of unknown fate are followed to their end."""
        self.abandon("the process restarted")
        known = {client_id for tally in self._cut_short for client_id in tally.orders}
        orphans: dict[str, Tally] = {}
        for record in state.orders.live():
            if record.request.client_id not in known:
                orphan = orphans.setdefault(record.group, _orphan(record, state.epoch))
                orphan.take((record,))
        self._cut_short += orphans.values()

    def abandon(self, why: str, kept: Iterable[str] = ()) -> None:
        """Corrections end without a close, except those of the groups `kept`."""
        staying = set(kept)
        for group in [group for group in self._open if group not in staying]:
            self._cut(self._open.pop(group), why)

    def report(self, client_id: ClientOrderId, state: State) -> None:
        """There is news of an order: keep its record before the engine forgets it."""
        record = state.orders.records.get(client_id)
        if record is None:
            return
        for tally in self._open.values():
            if client_id in tally.orders:
                tally.orders[client_id] = record

    def ended(self, state: State) -> Iterator[Tally]:
        """Corrections cut short of which every order has ended now; each is given once, if it filled anything."""
        if not self._cut_short:
            return
        for tally in self._cut_short:
            tally.refresh(state)
        done = [tally for tally in self._cut_short if tally.ended(state)]
        self._cut_short = [tally for tally in self._cut_short if not tally.ended(state)]
        yield from (tally for tally in done if tally.filled)

    def _cut(self, tally: Tally, why: str) -> None:
        tally.cut_short = why
        self._cut_short.append(tally)
        del self._cut_short[:-CUT_SHORT_MAX]


def _tally(intent: HedgeIntent, state: State) -> Tally:
    return Tally(
        group=intent.group,
        number=intent.number,
        epoch=state.epoch,
        reason=intent.reason,
        needs=intent.needs,
        opened_ns=Nanos(intent.decided_ns),
        orders={},
    )


def _unseen(closed: CloseCorrection, state: State) -> Tally:
    records = [state.orders.records[one.client_id] for one in closed.results if one.client_id in state.orders.records]
    return Tally(
        group=closed.group,
        number=records[0].request.intent if records else state.orders.intents,
        epoch=state.epoch,
        reason=closed.reason,
        needs=(),
        opened_ns=closed.opened_ns,
        orders={record.request.client_id: record for record in records[:ORDERS_MAX]},
        intents=closed.intents,
        unkept=max(len(records) - ORDERS_MAX, 0),
    )


def _orphan(record: OrderRecord, epoch: int) -> Tally:
    return Tally(
        group=record.group,
        number=record.request.intent,
        epoch=epoch,
        reason="",
        needs=(),
        opened_ns=record.sent_ns,
        orders={},
        cut_short="the process restarted",
    )
