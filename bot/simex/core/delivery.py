"""The end of a contract: delivery of a dated future at its expiry, and delisting of any future.

The settlement price is the average of the index over the last half hour, sampled every second. Then the contract's
orders are cancelled, every position is closed at that price against the house, and the contract is closed for good.
A delisting is announced with a time from which orders may only reduce.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.simex.core.accounting import Accounting
from bot.simex.core.events import StatusChanged
from bot.simex.core.forcing import Desk, closing
from bot.simex.core.instrument import Instrument, Key, Status
from bot.simex.core.numbers import divided

WINDOW_MS = 30 * 60_000
SAMPLE_MS = 1_000


@dataclass(slots=True)
class _Plan:
    instrument: Instrument
    settle_ms: int
    reduce_only_ms: int | None = None
    samples: int = 0
    total: int = 0

    def next_ms(self, now_ms: int) -> int:
        """The first moment after `now_ms` at which something of it is due; an overdue restriction is due at once."""
        if self.reduce_only_ms is not None:
            return min(self.reduce_only_ms, self._sample_ms(now_ms))
        return self._sample_ms(now_ms)

    def _sample_ms(self, now_ms: int) -> int:
        opens_ms, second_ms = self.settle_ms - WINDOW_MS, (now_ms // SAMPLE_MS + 1) * SAMPLE_MS
        if now_ms < opens_ms:
            return opens_ms
        return min(second_ms, self.settle_ms) if now_ms < self.settle_ms else second_ms


class Delivery:
    """Settles dated futures at their expiry, and what is delisted at its time."""

    def __init__(self, accounting: Accounting, desk: Desk) -> None:
        self._accounting = accounting
        self._state = accounting.state
        self._desk = desk
        self._plans: dict[Key, _Plan] = {}
        self._next_ms: dict[Key, int] = {}
        for instrument in accounting.state.instruments.values():
            if instrument.expiry_ms is not None and instrument.status != "closed":
                self._plan(_Plan(instrument, instrument.expiry_ms))

    @property
    def due_ms(self) -> int | None:
        """The next sample, restriction or settlement; None when nothing is to end."""
        return min(self._next_ms.values(), default=None)

    def delist(self, key: Key, reduce_only_ms: int, settle_ms: int) -> None:
        """End a future: reduce-only from a time, settled at another. ValueError for spot or times out of order."""
        instrument = self._state.instrument(key)
        if not instrument.is_future or not self._state.now_ms <= reduce_only_ms <= settle_ms:
            raise ValueError(f"{key[1]}: only a future can be delisted, and its end follows the restriction")
        self._plan(_Plan(instrument, max(settle_ms, self._state.now_ms + 1), reduce_only_ms))

    def is_delisting(self, key: Key) -> bool:
        """Whether the end of a contract that has no expiry is announced."""
        plan = self._plans.get(key)
        return plan is not None and plan.instrument.expiry_ms is None

    def run(self) -> None:
        """Do what is due."""
        now_ms = self._state.now_ms
        for key, plan in list(self._plans.items()):
            if self._next_ms[key] > now_ms:
                continue
            if plan.reduce_only_ms is not None and plan.reduce_only_ms <= now_ms:
                plan.reduce_only_ms = None
                self._status(plan.instrument, "reduce_only")
            self._sample(plan)
            if plan.settle_ms <= now_ms and self._settle(plan):
                del self._plans[key], self._next_ms[key]
            else:
                self._next_ms[key] = max(plan.next_ms(now_ms), now_ms + 1)

    def _plan(self, plan: _Plan) -> None:
        self._plans[plan.instrument.key] = plan
        self._next_ms[plan.instrument.key] = plan.next_ms(self._state.now_ms)

    def _sample(self, plan: _Plan) -> None:
        index = self._accounting.marks.index(plan.instrument.key)
        if index and self._state.now_ms >= plan.settle_ms - WINDOW_MS:
            plan.samples += 1
            plan.total += index

    def _settle(self, plan: _Plan) -> bool:
        """Close everything; answers False as long as there is no price to do it at."""
        if not plan.samples:
            return False
        instrument, price = plan.instrument, divided(plan.total, plan.samples)
        self._status(instrument, "settling")
        for account in self._state.accounts.values():
            for order in list(account.orders.values()):
                if order.instrument is instrument and order.order_id in account.orders:
                    self._desk.cancel(order, "settlement")
        marker = "delivery" if instrument.kind == "inverse" else "settlement"
        for account in self._state.accounts.values():
            for position in list(account.positions.values()):
                if position.instrument is instrument and position.quantity:
                    size = abs(position.quantity)
                    ticket = closing(self._state, position, size, price, "settlement", marker)
                    self._desk.assign(account, ticket, trade_id=self._state.next_trade_id(), house=True)
        self._accounting.rates.drop(instrument.key)
        self._status(instrument, "closed")
        return True

    def _status(self, instrument: Instrument, status: Status) -> None:
        instrument.status = status
        self._state.emit(StatusChanged(self._state.now_ms, instrument, status))
