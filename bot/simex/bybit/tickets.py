"""From the parameters of an order to the core's ticket: what the gateway checks before it acknowledges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from bot.simex.bybit import attached
from bot.simex.bybit.attached import WATCHED
from bot.simex.bybit.desk import Desk
from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.params import Params, plain_decimal
from bot.simex.bybit.records import Tag
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import money, scaled, unscaled
from bot.simex.core.order import (
    BUY,
    SELL,
    OrderType,
    PositionSide,
    Prevention,
    Side,
    Ticket,
    TimeInForce,
    Trigger,
    TriggerBy,
)

LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
LEVELS_MAX: Final = 5
CONDITIONAL_MAX: Final = 10
CONDITIONAL_SPOT_MAX: Final = 30
TICKS_MAX: Final = 10_000
_TIMES: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "post_only"}
_SIDES: Final[dict[int, PositionSide]] = {0: "both", 1: "long", 2: "short"}
_PREVENTIONS: Final[dict[str, Prevention]] = {
    "None": "none",
    "CancelMaker": "maker",
    "CancelTaker": "taker",
    "CancelBoth": "both",
}


@dataclass(slots=True)
class Request:
    """An order that the gateway accepts: what the core is asked for, and what is remembered of it here."""

    ticket: Ticket
    tag: Tag


@dataclass(frozen=True, slots=True)
class _Size:
    quantity: int = 0
    quote: int = 0


class Tickets:
    """Reads orders. Refused parameters raise VenueError; balances, filters and modes are the engine's business."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read(self, category: str, account: str, params: Params) -> Request:
        """The order of a create request."""
        instrument = self._desk.instrument(category, params)
        spot = instrument.kind == "spot"
        side = BUY if params.one_of("side", ("Buy", "Sell")) == "Buy" else SELL
        kind: OrderType = "market" if params.one_of("orderType", ("Market", "Limit")) == "Market" else "limit"
        _refuse_unknown(params, spot)
        link_id = _link_id(params)
        tag = self._desk.recorder.new_tag(instrument, link_id)
        tag.last_price = self._desk.last_price(instrument)
        tag.smp_type = params.one_of("smpType", _PREVENTIONS, "None")
        size = self._size(instrument, side, kind, account, params, tag)
        price = self._price(instrument, side, kind, params)
        tif: TimeInForce = _time_in_force(params) if kind == "limit" else "ioc"
        if kind == "market" and "slippageTolerance" in params:
            kind, price = "limit", self._tolerated(instrument, side, params, tag)
        trigger = self._trigger(instrument, account, params, tag)
        tag.close_on_trigger = params.flag("closeOnTrigger")
        base = params.quantity("price") if kind == "limit" else trigger.price if trigger else 0
        tag.attached = attached.read(self._desk, instrument, side, base, params)
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type=kind,
            quantity=size.quantity,
            quote_quantity=size.quote,
            price=price,
            tif=tif,
            reduce_only=not spot and (params.flag("reduceOnly") or tag.close_on_trigger),
            position_side=position_side(params),
            client_id=link_id,
            prevention=_PREVENTIONS[tag.smp_type],
            trigger=trigger,
        )
        return Request(ticket, tag)

    def _size(
        self, instrument: Instrument, side: Side, kind: OrderType, account: str, params: Params, tag: Tag
    ) -> _Size:
        text = params.need("qty")
        if kind == "market" and instrument.kind == "spot":
            # A spot market buy is by value unless the client says otherwise.
            unit = params.one_of("marketUnit", ("baseCoin", "quoteCoin"), "quoteCoin" if side == BUY else "baseCoin")
            tag.market_unit = unit
            if unit == "quoteCoin":
                return _Size(quote=_amount("qty", text, spot=True))
        quantity = params.quantity("qty")
        if quantity == 0 and params.flag("reduceOnly") and params.flag("closeOnTrigger"):
            quantity = self._whole_position(instrument, account, params)
        if quantity <= 0:
            raise VenueError(170136) if instrument.kind == "spot" else invalid("qty invalid")
        return _Size(quantity=quantity)

    def _whole_position(self, instrument: Instrument, account: str, params: Params) -> int:
        """A quantity of 0 closes the position, as far as one market order may."""
        positions = self._desk.exchange.state.account(account).positions
        held = positions.get((instrument.key, position_side(params)))
        if held is None or not held.quantity:
            raise VenueError(110017)
        return min(abs(held.quantity), instrument.filters.market_quantity_max)

    def _price(self, instrument: Instrument, side: Side, kind: OrderType, params: Params) -> int:
        if kind == "market":
            return 0
        if "bboSideType" in params:
            return self._best_offer(instrument, side, params)
        price = params.quantity("price")
        if price <= 0:
            raise invalid("price is required")
        return price

    def _best_offer(self, instrument: Instrument, side: Side, params: Params) -> int:
        queue = params.one_of("bboSideType", ("Queue", "Counterparty")) == "Queue"
        level = int(params.one_of("bboLevel", tuple(str(one) for one in range(1, LEVELS_MAX + 1))))
        _, bids, asks = self._desk.exchange.depth(instrument.key, LEVELS_MAX)
        levels = bids if (side == BUY) == queue else asks
        if len(levels) < level:
            raise VenueError(110118)
        return int(levels[level - 1][0])

    def _tolerated(self, instrument: Instrument, side: Side, params: Params, tag: Tag) -> int:
        """The worst price of a market order with a slippage tolerance."""
        unit = params.one_of("slippageToleranceType", ("TickSize", "Percent"))
        text = params.need("slippageTolerance")
        value = plain_decimal("slippageTolerance", text)
        _, bids, asks = self._desk.exchange.depth(instrument.key, 1)
        levels = asks if side == BUY else bids
        if not levels:
            raise VenueError(170198) if instrument.kind == "spot" else VenueError(110118)
        best, tick = int(levels[0][0]), instrument.filters.tick
        if unit == "TickSize":
            if value != value.to_integral_value() or not 1 <= value <= TICKS_MAX:
                raise invalid("slippageTolerance: Allowable range: 1 to 10000 tick size")
            away = int(value) * tick
        else:
            if not Decimal("0.01") <= value <= 10:
                raise invalid("slippageTolerance: Allowable range: 0.01% to 10%")
            away = int((unscaled(best) * value / 100 * 10**8).to_integral_value(ROUND_FLOOR)) // tick * tick
        tag.tolerance = (unit, text)
        return best + side * away

    def _trigger(self, instrument: Instrument, account: str, params: Params, tag: Tag) -> Trigger | None:
        price = params.quantity("triggerPrice")
        if not price:
            return None
        tag.stop_type = "tpslOrder" if params.text("orderFilter") == "tpslOrder" else "Stop"
        self._check_number(instrument, account, tag)
        if instrument.kind == "spot":
            rises, by = price > self._desk.last_price(instrument), "LastPrice"
        else:
            direction = params.integer("triggerDirection")
            if direction not in (1, 2):
                raise invalid("triggerDirection invalid")
            rises, by = direction == 1, params.one_of("triggerBy", WATCHED, "LastPrice")
            tag.trigger_direction = direction
            self._check_direction(instrument, price, rises, WATCHED[by])
        return Trigger(price=price, by=WATCHED[by], rises=rises)

    def _check_number(self, instrument: Instrument, account: str, tag: Tag) -> None:
        """So many conditional orders of a symbol may wait; the stops of a position are not counted among them."""
        spot = instrument.kind == "spot"
        waiting = self._desk.exchange.orders.open(account, instrument.category, instrument.key)
        recorder = self._desk.recorder
        same = sum(one.status == "untriggered" and recorder.tag_of(one).stop_type == tag.stop_type for one in waiting)
        if same >= (CONDITIONAL_SPOT_MAX if spot else CONDITIONAL_MAX):
            raise VenueError(170810 if spot else 110009)

    def _check_direction(self, instrument: Instrument, price: int, rises: bool, by: TriggerBy) -> None:
        """A trigger price that is reached already is refused, with the code of the direction that was expected."""
        current = watched_price(self._desk, instrument, by)
        if current and rises and price <= current:
            raise VenueError(110092)
        if current and not rises and price >= current:
            raise VenueError(110093)


def watched_price(desk: Desk, instrument: Instrument, by: TriggerBy) -> int:
    """The price that a trigger watches; 0 when there is none yet."""
    if by == "last":
        return desk.last_price(instrument)
    marks = desk.exchange.marks
    return int(marks.mark(instrument.key) if by == "mark" else marks.index(instrument.key))


def position_side(params: Params) -> PositionSide:
    """The position that `positionIdx` names."""
    index = params.integer("positionIdx") or 0
    if index not in _SIDES:
        raise invalid("positionIdx invalid")
    return _SIDES[index]


def _refuse_unknown(params: Params, spot: bool) -> None:
    """What would change the order's meaning and is not simulated is refused, never ignored."""
    if spot and params.integer("isLeverage"):
        raise VenueError(10001, "Cross Margin Trading not yet supported by the selected coin")
    if params.text("timeInForce") == "RPI":
        raise VenueError(10005, "Order failed. RPI orders are restricted to approved market makers only")


def _link_id(params: Params) -> str:
    text = params.text("orderLinkId")
    if text and not LINK_ID.fullmatch(text):
        raise invalid("orderLinkId invalid")
    return text


def _time_in_force(params: Params) -> TimeInForce:
    return _TIMES[params.one_of("timeInForce", _TIMES, "GTC")]


def _amount(name: str, text: str, *, spot: bool) -> int:
    value = plain_decimal(name, text)
    try:
        scaled(value)
    except ValueError:
        raise VenueError(170137) if spot else invalid(f"{name} has too many decimals") from None
    if value <= 0:
        raise VenueError(170136)
    return money(value)
