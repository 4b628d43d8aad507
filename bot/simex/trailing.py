"""Trailing stops: a stop whose trigger price follows the market at a distance. The venues' dialects share them.

A trailing sell waits until the watched price has been at its activation price or above; from then on its trigger is the
highest price since, less a distance: a share of it (Binance's callback rate) or a price (Bybit). A buy does the same
with signs turned. In the core it is a stop: one that no price reaches until it is activated, and whose trigger is
amended whenever there is a new extreme.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, Order, Side, Trigger, TriggerBy
from bot.simex.core.refusal import Reason, Refused

TRAILS_MAX: Final = 10_000


@dataclass(slots=True)
class Trail:
    """How a stop follows: prices of 1e-8, the rate of 1e-8 of the price. `extreme` is 0 until it is activated.

    `activation` 0: it follows from the price at which it is placed. The distance is `distance`, else by `rate`.
    """

    activation: int
    rate: int = 0
    distance: int = 0
    extreme: int = 0


class TrailingStops:
    """The trailing stops of one market that wait, by instrument."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[Key, dict[int, tuple[Order, Trail]]] = {}

    def trigger(self, instrument: Instrument, side: Side, by: TriggerBy, trail: Trail) -> Trigger:
        """The trigger with which a trailing stop begins. Refused(WOULD_TRIGGER): it would be activated already."""
        price = self._price(instrument.key, by)
        if not trail.activation:
            trail.activation = trail.extreme = price
        elif price and (price <= trail.activation if side == BUY else price >= trail.activation):
            raise Refused(Reason.WOULD_TRIGGER)
        return Trigger(price=_stop_price(instrument, side, trail), by=by, rises=side == BUY)

    def follow(self, order: Order, trail: Trail) -> None:
        """An order that was accepted begins to follow its market."""
        waiting = self._waiting.setdefault(order.instrument.key, {})
        waiting[order.order_id] = order, trail
        if len(waiting) > TRAILS_MAX:
            del waiting[next(iter(waiting))]

    def seen(self, key: Key, by: TriggerBy, price: int) -> None:
        """A watched price was there."""
        for order, trail in list(self._waiting.get(key, {}).values()):
            if order.status != "untriggered":
                del self._waiting[key][order.order_id]
            elif order.trigger is not None and order.trigger.by == by and _is_further(order, trail, price):
                trail.extreme = price
                self._move(order, _stop_price(order.instrument, order.side, trail))

    def _move(self, order: Order, price: int) -> None:
        """Amend the trigger; where the market has come back beyond it since, the next tick against it fires."""
        try:
            self._exchange.amend(order.account_id, order, trigger_price=price)
        except Refused as refused:
            if refused.reason is not Reason.WOULD_TRIGGER or order.trigger is None:
                return
            now, tick = self._price(order.instrument.key, order.trigger.by), order.instrument.filters.tick
            near = -(-(now + 1) // tick) * tick if order.side == BUY else (now - 1) // tick * tick
            with suppress(Refused):
                self._exchange.amend(order.account_id, order, trigger_price=near)

    def _price(self, key: Key, by: TriggerBy) -> int:
        if by == "mark":
            return self._exchange.marks.mark(key)
        bid, _, ask, _ = self._exchange.top(key)
        return self._exchange.last(key) or ((bid + ask) // 2 if bid and ask else 0)


def _is_further(order: Order, trail: Trail, price: int) -> bool:
    """Whether a price activates a trailing stop, or is better than all that it has seen."""
    reference = trail.extreme or trail.activation
    if order.side == BUY:
        return price < reference or (not trail.extreme and price == reference)
    return price > reference or (not trail.extreme and price == reference)


def _least(instrument: Instrument) -> int:
    filters = instrument.filters
    return -(-max(filters.price_min, 1) // filters.tick) * filters.tick


def _stop_price(instrument: Instrument, side: Side, trail: Trail) -> int:
    """The trigger for the extreme, on the grid; before there is one, a price that is never reached."""
    filters = instrument.filters
    if not trail.extreme:
        return filters.price_max // filters.tick * filters.tick if side == BUY else _least(instrument)
    # In units of 1e-16, as the rate makes them.
    away = trail.distance * SCALE or trail.extreme * trail.rate
    if side == BUY:
        return -(-(trail.extreme * SCALE + away) // SCALE // filters.tick) * filters.tick
    return (trail.extreme * SCALE - away) // SCALE // filters.tick * filters.tick
