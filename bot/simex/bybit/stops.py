"""Take profit and stop loss of a position: conditional orders that the exchange keeps in step with it.

A full one closes the whole position when it fires and is replaced when it is set again; partial ones add up. All of
them are cancelled when the position is closed. Trailing stops are not simulated and refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from bot.simex.bybit.desk import DERIVATIVES, Desk, category_of, in_venue_words
from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.figures import price as price_text
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.params import Params
from bot.simex.bybit.tickets import position_side, watched_price
from bot.simex.core.account import Position
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import BUY, SELL, Order, PositionSide, Ticket, Trigger, TriggerBy

Goal = Literal["takeProfit", "stopLoss"]
Place = tuple[str, Key, PositionSide]
_WATCHED: Final[dict[str, TriggerBy]] = {"LastPrice": "last", "MarkPrice": "mark", "IndexPrice": "index"}
_NAMES: Final[dict[Goal, str]] = {"takeProfit": "TakeProfit", "stopLoss": "StopLoss"}
_SHORT: Final[dict[Goal, str]] = {"takeProfit": "tp", "stopLoss": "sl"}
PARTIAL_MAX: Final = 20


@dataclass(slots=True)
class _Stops:
    full: dict[Goal, Order] = field(default_factory=dict)
    partial: list[Order] = field(default_factory=list)


class Stops:
    """The stops of all positions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stops: dict[Place, _Stops] = {}

    def routes(self) -> list[Route]:
        """The endpoint."""
        return [Route("POST", "/v5/position/trading-stop", self._set, Scope.FUTURES)]

    def shown(self, account: str, key: Key, side: PositionSide) -> tuple[str, str]:
        """Take profit and stop loss of a position, empty without one."""
        found = self._stops.get((account, key, side))
        full = found.full if found is not None else {}
        texts = [
            price_text(order.instrument, order.trigger.price)
            if (order := full.get(goal)) is not None and order.status == "untriggered" and order.trigger
            else ""
            for goal in ("takeProfit", "stopLoss")
        ]
        return texts[0], texts[1]

    def closed(self, account: str, key: Key, side: PositionSide) -> None:
        """A position is flat: its stops go."""
        found = self._stops.pop((account, key, side), None)
        for order in (*found.full.values(), *found.partial) if found is not None else ():
            self._cancel(order)

    def _cancel(self, order: Order) -> None:
        if order.status == "untriggered":
            self._desk.exchange.cancel(order.account_id, order, "parent")

    def _set(self, call: Call) -> dict[str, Any]:
        params = call.params
        category = category_of(params, DERIVATIVES)
        instrument, side = self._desk.instrument(category, params), position_side(params)
        partial = params.one_of("tpslMode", ("Full", "Partial"), "Full") == "Partial"
        if params.text("trailingStop") not in ("", "0"):
            raise invalid("trailingStop is not open here")
        self._desk.catch_up()
        position = self._desk.account(call.account).positions.get((instrument.key, side))
        if position is None or not position.quantity:
            raise invalid("can not set tp/sl/ts for zero position")
        place = (call.account, instrument.key, side)
        goals: tuple[Goal, ...] = ("takeProfit", "stopLoss")
        changed = [self._set_one(place, position, goal, params, partial) for goal in goals if goal in params]
        if not any(changed):
            raise VenueError(34040)
        return {}

    def _set_one(self, place: Place, position: Position, goal: Goal, params: Params, partial: bool) -> bool:
        price = params.quantity(goal)
        stops = self._stops.setdefault(place, _Stops())
        known = stops.full.get(goal)
        if known is not None and known.status != "untriggered":
            known = None
        if not price:
            if known is not None:
                self._cancel(stops.full.pop(goal))
            return known is not None
        if not partial and known is not None and known.trigger is not None and known.trigger.price == price:
            return False
        stops.partial = [one for one in stops.partial if one.status == "untriggered"]
        if partial and len(stops.partial) >= PARTIAL_MAX:
            raise VenueError(10001, "Not allowed to have more than 20 TP/SLs under Partial tpSlMode")
        order = self._place(place[0], position, goal, price, params, partial)
        if partial:
            stops.partial.append(order)
            return True
        if known is not None:
            self._cancel(known)
        stops.full[goal] = order
        return True

    def _place(self, account: str, position: Position, goal: Goal, price: int, params: Params, partial: bool) -> Order:
        instrument, long = position.instrument, position.quantity > 0
        rises = long == (goal == "takeProfit")
        by = _WATCHED[params.one_of(f"{_SHORT[goal]}TriggerBy", _WATCHED, "LastPrice")]
        self._check_side(instrument, goal, price, rises, by)
        size = params.quantity(f"{_SHORT[goal]}Size") if partial else 0
        limit = params.quantity(f"{_SHORT[goal]}LimitPrice") if partial else 0
        ticket = Ticket(
            instrument=instrument,
            side=SELL if long else BUY,
            type="limit" if limit else "market",
            quantity=size,
            price=limit,
            reduce_only=True,
            close_position=not size,
            position_side=position.side,
            prevention="none",
            trigger=Trigger(price=price, by=by, rises=rises),
        )
        tag = self._desk.recorder.new_tag(instrument)
        tag.stop_type = ("Partial" if partial else "") + _NAMES[goal]
        tag.close_on_trigger, tag.trigger_direction = True, 1 if rises else 2
        with in_venue_words():
            order: Order = self._desk.exchange.place(account, ticket)
        self._desk.recorder.bind(order, tag)
        return order

    def _check_side(self, instrument: Instrument, goal: Goal, price: int, rises: bool, by: TriggerBy) -> None:
        current = watched_price(self._desk, instrument, by)
        if current and (price <= current if rises else price >= current):
            relation = "higher" if rises else "lower"
            shown = Decimal(current).scaleb(-8).normalize()
            raise invalid(f"{goal} should be {relation} than base_price:{shown:f}")
