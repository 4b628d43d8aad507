"""Take profit and stop loss of a position: conditional orders that the exchange keeps in step with it.

A full one closes the whole position when it fires and is replaced when it is set again; partial ones add up. They are
set for a position by /v5/position/trading-stop, or come with the order that opens it. A partial take profit and stop
loss that were set together are bound: when one fires or is cancelled, the other goes. A trailing stop closes the whole
position when the last price has come back by its distance. All of them go when the position is closed or turned around.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from bot.simex.bybit.attached import check_side, is_partial, size, target
from bot.simex.bybit.desk import DERIVATIVES, Desk, category_of, in_venue_words
from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.figures import price as price_text
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.params import Params
from bot.simex.bybit.records import GOALS, Attached, Goal, Target
from bot.simex.bybit.tickets import position_side, watched_price
from bot.simex.core.account import Position
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import BUY, SELL, Order, PositionSide, Ticket, Trigger
from bot.simex.core.refusal import Reason, Refused
from bot.simex.trailing import Trail, TrailingStops

Place = tuple[str, Key, PositionSide]
_NAMES: Final[dict[Goal, str]] = {"takeProfit": "TakeProfit", "stopLoss": "StopLoss"}
PARTIAL_MAX: Final = 20


@dataclass(slots=True)
class _Stops:
    """The stops of one position. `of_order`: the partial ones that came with an order, by its id."""

    full: dict[Goal, Order] = field(default_factory=dict)
    partial: dict[int, Order] = field(default_factory=dict)
    of_order: dict[tuple[int, Goal], Order] = field(default_factory=dict)
    trailing: tuple[Order, Trail] | None = None
    is_long: bool = True


class Stops:
    """The stops of all positions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stops: dict[Place, _Stops] = {}
        self._trailing = TrailingStops(desk.exchange)
        self._bound: dict[int, Order] = {}
        """The other one of two that were set together, by order id."""

    def routes(self) -> list[Route]:
        """The endpoint."""
        return [Route("POST", "/v5/position/trading-stop", self._set, Scope.FUTURES)]

    def shown(self, account: str, key: Key, side: PositionSide) -> tuple[str, str, str]:
        """Take profit and stop loss of a position, empty without one, and the distance of its trailing stop."""
        found = self._stops.get((account, key, side))
        full = found.full if found is not None else {}
        texts = [
            price_text(order.instrument, order.trigger.price)
            if (order := full.get(goal)) is not None and order.status == "untriggered" and order.trigger
            else ""
            for goal in GOALS
        ]
        trailing = self._follows(found) if found is not None else None
        distance = price_text(trailing[0].instrument, trailing[1].distance) if trailing is not None else "0"
        return texts[0], texts[1], distance

    # ---------------------------------------------------------------------------------------------- what happened
    def moved(self, account: str, key: Key, side: PositionSide, quantity: int) -> None:
        """A position is so large now: the stops of one that is flat, or the other way round, go."""
        place = (account, key, side)
        found = self._stops.get(place)
        if found is None or (quantity > 0 if found.is_long else quantity < 0):
            return
        del self._stops[place]
        for order in (*found.full.values(), *found.partial.values()):
            self._cancel(order)
        if found.trailing is not None:
            self._cancel(found.trailing[0])

    def traded(self, key: Key, price: int) -> None:
        """The last price of an instrument: trailing stops follow it."""
        self._trailing.seen(key, "last", price)

    def ended(self, order_id: int) -> None:
        """A stop has fired or is cancelled: the one that is bound to it goes."""
        other = self._bound.pop(order_id, None)
        if other is not None:
            self._bound.pop(other.order_id, None)
            self._cancel(other)

    def filled(self, order: Order, wanted: Attached, quantity: int) -> None:
        """An order filled so much: what is attached to it becomes the position's, if it has opened one."""
        account = self._desk.account(order.account_id)
        position = account.positions.get((order.instrument.key, order.position_side))
        if position is None or position.quantity * order.side <= 0:
            return
        place = (order.account_id, order.instrument.key, order.position_side)
        stops = self._of(place, position)
        set_now: list[Order] = []
        for goal, one in wanted.targets.items():
            if not wanted.partial:
                self._set_full(place, position, goal, one)
            elif not self._grow(stops, (order.order_id, goal), quantity):
                made = self._tried(place, position, goal, one, min(quantity, abs(position.quantity)))
                if made is not None:
                    stops.partial[made.order_id] = stops.of_order[order.order_id, goal] = made
                    set_now.append(made)
        self._bind(set_now)

    def _grow(self, stops: _Stops, name: tuple[int, Goal], quantity: int) -> bool:
        """Let the stop of an order that has filled before be for more."""
        known = stops.of_order.get(name)
        if known is None or known.status != "untriggered":
            return False
        with suppress(Refused):
            self._desk.exchange.amend(known.account_id, known, quantity=known.quantity + quantity)
        return True

    # --------------------------------------------------------------------------------------------- the endpoint
    def _set(self, call: Call) -> dict[str, Any]:
        params = call.params
        category = category_of(params, DERIVATIVES)
        instrument, side = self._desk.instrument(category, params), position_side(params)
        partial = is_partial(params)
        self._desk.catch_up()
        position = self._desk.account(call.account).positions.get((instrument.key, side))
        if position is None or not position.quantity:
            raise invalid("can not set tp/sl/ts for zero position")
        place = (call.account, instrument.key, side)
        asked = {goal: target(goal, params) for goal in GOALS if goal in params}
        for goal, one in asked.items():
            if one is not None:
                self._check_side(position, goal, one)
        trail = self._trail(position, params)
        with in_venue_words():
            if partial:
                changed = self._add_partial(place, position, asked, params)
            else:
                done = [self._set_full(place, position, goal, one) for goal, one in asked.items()]
                changed = any(done)
            if params.text("trailingStop"):
                changed = self._set_trailing(place, position, trail) or changed
        if not changed:
            raise VenueError(34040)
        return {}

    def _add_partial(
        self, place: Place, position: Position, asked: Mapping[Goal, Target | None], params: Params
    ) -> bool:
        sizes = {goal: size(goal, params) for goal, one in asked.items() if one is not None}
        if len(set(sizes.values())) > 1:
            raise invalid("tpSize and slSize must be equal")
        stops = self._of(place, position)
        if len(stops.partial) + len(sizes) > PARTIAL_MAX:
            raise VenueError(110061)
        made = []
        for goal, one in asked.items():
            if one is not None:
                order = self._place(place[0], position, goal, one, sizes[goal], "Partial")
                stops.partial[order.order_id] = order
                made.append(order)
        self._bind(made)
        return bool(made)

    def _set_full(self, place: Place, position: Position, goal: Goal, wanted: Target | None) -> bool:
        """Set, replace or take away (None) a stop of the whole position; whether anything changed. Refused."""
        stops = self._of(place, position)
        known = stops.full.get(goal)
        if known is not None and known.status != "untriggered":
            known = None
        if wanted is None:
            if known is not None:
                self._cancel(stops.full.pop(goal))
            return known is not None
        if known is not None and known.trigger is not None and known.trigger.price == wanted.price:
            return False
        made = self._tried(place, position, goal, wanted, 0)
        if made is not None:
            stops.full[goal] = made
        if known is not None:
            self._cancel(known)
        return True

    # ------------------------------------------------------------------------------------------------ trailing stops
    def _trail(self, position: Position, params: Params) -> Trail:
        """The trailing stop that is asked for; distance 0: none."""
        instrument, long = position.instrument, position.quantity > 0
        distance, active = params.quantity("trailingStop"), params.quantity("activePrice")
        current = self._desk.last_price(instrument)
        if distance % instrument.filters.tick or (distance and long and distance >= (active or current)):
            raise invalid("trailingStop invalid")
        if active % instrument.filters.tick or (active and (active <= current if long else active >= current)):
            raise invalid("activePrice invalid")
        return Trail(active, distance=distance)

    def _set_trailing(self, place: Place, position: Position, wanted: Trail) -> bool:
        """Set, replace or take away (distance 0) the trailing stop; whether anything changed. Refused."""
        stops = self._of(place, position)
        known = self._follows(stops)
        if known is not None and _is_same(known[1], wanted):
            return False
        if not wanted.distance:
            stops.trailing = None
        else:
            stops.trailing = self._place_trailing(place[0], position, wanted), wanted
        if known is not None:
            self._cancel(known[0])
        return known is not None or stops.trailing is not None

    def _place_trailing(self, account: str, position: Position, trail: Trail) -> Order:
        instrument, side = position.instrument, SELL if position.quantity > 0 else BUY
        trigger = self._trailing.trigger(instrument, side, "last", trail)
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type="market",
            quantity=0,
            reduce_only=True,
            close_position=True,
            position_side=position.side,
            prevention="none",
            trigger=trigger,
        )
        order = self._sent(account, ticket, "TrailingStop", rises=side == BUY)
        self._trailing.follow(order, trail)
        return order

    @staticmethod
    def _follows(stops: _Stops) -> tuple[Order, Trail] | None:
        """The trailing stop that still waits."""
        found = stops.trailing
        return found if found is not None and found[0].status == "untriggered" else None

    # --------------------------------------------------------------------------------------------------- orders
    def _of(self, place: Place, position: Position) -> _Stops:
        stops = self._stops.setdefault(place, _Stops())
        stops.is_long = position.quantity > 0
        stops.partial = {number: one for number, one in stops.partial.items() if one.status == "untriggered"}
        stops.of_order = {name: one for name, one in stops.of_order.items() if one.status == "untriggered"}
        return stops

    def _bind(self, made: list[Order]) -> None:
        if len(made) == len(GOALS):
            first, second = made
            self._bound |= {first.order_id: second, second.order_id: first}

    def _cancel(self, order: Order) -> None:
        if order.status == "untriggered":
            self._desk.exchange.cancel(order.account_id, order, "parent")

    def _tried(self, place: Place, position: Position, goal: Goal, wanted: Target, quantity: int) -> Order | None:
        """The stop; where its price is reached already, it fires at once. None when the exchange does not take it."""
        stops, name = self._stops[place], "Partial" if quantity else ""
        if quantity and len(stops.partial) >= PARTIAL_MAX:
            return None
        try:
            return self._place(place[0], position, goal, wanted, quantity, name)
        except Refused as refused:
            if refused.reason is Reason.WOULD_TRIGGER:
                with suppress(Refused):
                    self._place(place[0], position, goal, wanted, quantity, name, fires=True)
            return None

    def _place(
        self,
        account: str,
        position: Position,
        goal: Goal,
        wanted: Target,
        quantity: int,
        name: str,
        *,
        fires: bool = False,
    ) -> Order:
        instrument, long = position.instrument, position.quantity > 0
        rises = long == (goal == "takeProfit")
        ticket = Ticket(
            instrument=instrument,
            side=SELL if long else BUY,
            type="limit" if wanted.limit else "market",
            quantity=quantity or (abs(position.quantity) if fires else 0),
            price=wanted.limit,
            reduce_only=True,
            close_position=not (quantity or fires),
            position_side=position.side,
            prevention="none",
            trigger=None if fires else Trigger(price=wanted.price, by=wanted.by, rises=rises),
        )
        return self._sent(account, ticket, name + _NAMES[goal], rises=rises)

    def _sent(self, account: str, ticket: Ticket, stop_type: str, *, rises: bool) -> Order:
        tag = self._desk.recorder.new_tag(ticket.instrument)
        tag.stop_type = stop_type
        tag.close_on_trigger, tag.trigger_direction = True, 1 if rises else 2
        order: Order = self._desk.exchange.place(account, ticket)
        self._desk.recorder.bind(order, tag)
        return order

    def _check_side(self, position: Position, goal: Goal, wanted: Target) -> None:
        instrument: Instrument = position.instrument
        current = watched_price(self._desk, instrument, wanted.by)
        check_side(instrument, goal, wanted.price, current, long=position.quantity > 0)


def _is_same(known: Trail, wanted: Trail) -> bool:
    """Whether a trailing stop is what is asked for; without an activation price asked for, it goes on as it is."""
    return known.distance == wanted.distance and wanted.activation in (0, known.activation)
