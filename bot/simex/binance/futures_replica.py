"""Queries are answered by replicas that are behind the engine: orders and positions as they were some time ago.

With no lag nothing is kept. Otherwise every order that may still change, or changed within the lag, keeps its recent
states, and every position that ever changed keeps those since the newest one that is old enough to be seen.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.simex.core.instrument import Key
from bot.simex.core.order import ALIVE, Order, PositionSide
from bot.simex.core.views import PositionView
from bot.simex.lag import BalanceReplica, Lag

_NOTHING = Decimal(0)
_Place = tuple[str, Key, PositionSide]


class FuturesReplica(Lag):
    """The view of the order, trade and position queries of one market; moments are the server's."""

    def __init__(self, lag_ms: int = 0, name: str = "") -> None:
        super().__init__(lag_ms, name)
        self.balances = BalanceReplica(self)
        self._orders: dict[int, list[tuple[int, Order]]] = {}
        self._closed: list[tuple[int, int]] = []
        self._positions: dict[_Place, list[tuple[int, PositionView]]] = {}

    def order_changed(self, order: Order, now_ms: int) -> None:
        """An order is as this copy of it from now on."""
        if not self.kept_ms:
            return
        kept = self._orders.setdefault(order.order_id, [])
        kept.append((now_ms, order))
        _forget(kept, now_ms - self.kept_ms)
        if order.status not in ALIVE:
            self._closed.append((now_ms, order.order_id))
        self._forget_closed(now_ms)

    def order(self, order: Order, now_ms: int) -> Order | None:
        """An order as it is seen; None when it is not known yet."""
        kept = self._orders.get(order.order_id) if self.kept_ms else None
        if kept is None:
            return order
        return next((old for at_ms, old in reversed(kept) if at_ms <= self.horizon_ms(now_ms)), None)

    def position_changed(self, account_id: str, view: PositionView, now_ms: int) -> None:
        """A position is as in this view from now on."""
        kept = self._positions.setdefault((account_id, view.instrument.key, view.side), [])
        kept.append((now_ms, view))
        _forget(kept, now_ms - self.kept_ms)

    def position(self, account_id: str, view: PositionView, now_ms: int) -> PositionView:
        """A position as it is seen, given what it is now: fresh when it did not change within the lag."""
        kept = self._positions.get((account_id, view.instrument.key, view.side)) if self.kept_ms else None
        horizon_ms = self.horizon_ms(now_ms)
        if not kept or kept[-1][0] <= horizon_ms:
            return view
        return next((old for at_ms, old in reversed(kept) if at_ms <= horizon_ms), None) or _flat(view)

    def _forget_closed(self, now_ms: int) -> None:
        """Closed orders that are old enough are seen as they are."""
        due = 0
        while due < len(self._closed) and self._closed[due][0] <= now_ms - self.kept_ms:
            self._orders.pop(self._closed[due][1], None)
            due += 1
        del self._closed[:due]


def _forget(kept: list[tuple[int, Order]] | list[tuple[int, PositionView]], horizon_ms: int) -> None:
    """Drop what is older than the newest state that is seen."""
    while len(kept) > 1 and kept[1][0] <= horizon_ms:
        del kept[0]


def _flat(view: PositionView) -> PositionView:
    """A position of which the replica has not heard."""
    zero = (
        "quantity entry_price break_even_price notional unrealized liquidation_price bankruptcy_price isolated_wallet "
        "initial_margin maintenance_margin"
    )
    changes: dict[str, object] = dict.fromkeys(zero.split(), _NOTHING)
    return msgspec.structs.replace(view, adl_rank=0, **changes)
