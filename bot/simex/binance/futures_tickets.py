"""From the parameters of a futures order to the core's ticket: what is refused before the order desk sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.simex.binance import futures_errors as refused
from bot.simex.binance.desk import OVER_PRECISE, exact
from bot.simex.binance.errors import missing, not_required, venue_error
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_records import Tag
from bot.simex.binance.params import Params
from bot.simex.binance.words import FUTURES_TIMES, POSITION_SIDES, PREVENTIONS, SIDES, price_of
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, OrderType, PositionSide, Side, Ticket, TimeInForce, Trigger, TriggerBy
from bot.simex.trailing import Trail

CLIENT_ID: Final = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}")
CLIENT_ID_MAX: Final = 36
GOOD_TILL_LEAST_MS: Final = 600_000
GOOD_TILL_MAX_MS: Final = 253_402_300_799_000
PREVENTION_DEFAULT: Final = "EXPIRE_MAKER"
TRAILING: Final = "TRAILING_STOP_MARKET"
# Per cent.
CALLBACK_LEAST: Final = Decimal("0.1")
CALLBACK_MOST: Final = Decimal(10)
CALLBACK_PLACES: Final = 1
STOPS: Final = frozenset({"STOP", "STOP_MARKET"})
CONDITIONAL: Final[Mapping[str, OrderType]] = {
    "STOP": "limit",
    "STOP_MARKET": "market",
    "TAKE_PROFIT": "limit",
    "TAKE_PROFIT_MARKET": "market",
}
WORKING_TYPES: Final[Mapping[str, TriggerBy]] = {"CONTRACT_PRICE": "last", "MARK_PRICE": "mark"}
# Which side of the book a limit price is taken from, and which level of it.
_DEPTHS: Final = (1, 5, 10, 20)
PRICE_MATCHES: Final = {
    f"{side}_{depth}" if depth > 1 else side: (side, depth) for side in ("OPPONENT", "QUEUE") for depth in _DEPTHS
}
_CONDITIONS: Final = ("stopPrice", "triggerPrice", "activationPrice", "activatePrice", "callbackRate")


@dataclass(frozen=True, slots=True)
class Request:
    """An order that is well-formed: what the core is asked for, and what the venue remembers of it."""

    ticket: Ticket
    tag: Tag


class Tickets:
    """Reads the orders of one market; filters, modes and margins are the order desk's business."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk

    def read(self, account_id: str, params: Params) -> Request:
        """The order of POST order."""
        instrument, side = self._desk.symbol(params), read_side(params)
        kind = params.need("type")
        if kind in CONDITIONAL or kind == TRAILING:
            if not self._desk.is_inverse:
                raise venue_error(refused.ALGO_ONLY)
            return self.conditional(account_id, instrument, side, kind, params, "stopPrice", "newClientOrderId")
        if kind not in ("LIMIT", "MARKET"):
            raise venue_error(refused.BAD_TYPE)
        for name in _CONDITIONS:
            if name in params:
                raise not_required(name)
        if params.boolean("closePosition"):
            raise not_required("closePosition")
        return self._plain(account_id, instrument, side, kind, params)

    def _plain(self, account_id: str, instrument: Instrument, side: Side, kind: str, params: Params) -> Request:
        tag = Tag()
        quantity = read_quantity(instrument, params)
        tif, price = self._limits(instrument, side, params, tag) if kind == "LIMIT" else _market_only(params)
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type="limit" if kind == "LIMIT" else "market",
            quantity=quantity,
            price=price,
            tif=tif,
            reduce_only=self._reduce_only(account_id, params),
            position_side=read_position_side(params),
            client_id=read_client_id(params, "newClientOrderId"),
            prevention=PREVENTIONS[_prevention(params)],
        )
        return Request(ticket, tag)

    def conditional(
        self,
        account_id: str,
        instrument: Instrument,
        side: Side,
        kind: str,
        params: Params,
        trigger_name: str,
        id_name: str,
    ) -> Request:
        """A conditional order: of the algo service in USD-M, an order like others in COIN-M."""
        if kind == TRAILING and not self._desk.is_inverse:
            return self._trailing(account_id, instrument, side, params, id_name)
        if kind == TRAILING:
            raise venue_error(refused.NOT_OPEN_YET)
        if kind not in CONDITIONAL:
            raise venue_error(refused.BAD_TYPE)
        tag = Tag(price_protect=_flag(params, "priceProtect"))
        close = params.boolean("closePosition")
        quantity = 0 if close else read_quantity(instrument, params)
        tif, price = self._conditional_limits(instrument, side, kind, params, tag)
        trigger = _trigger(instrument, side, kind, params, trigger_name)
        check_stop_caps(instrument, side, price, trigger.price)
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type=CONDITIONAL[kind],
            quantity=quantity,
            price=price,
            tif=tif,
            reduce_only=_closes(kind, params) if close else self._reduce_only(account_id, params),
            close_position=close,
            position_side=read_position_side(params),
            client_id=read_client_id(params, id_name),
            prevention=PREVENTIONS[_prevention(params)],
            trigger=trigger,
        )
        return Request(ticket, tag)

    def _trailing(self, account_id: str, instrument: Instrument, side: Side, params: Params, id_name: str) -> Request:
        """A trailing stop; what it watches decides when it is activated and from where it follows."""
        for name in ("triggerPrice", "price", "closePosition"):
            if name in params and params.text(name).lower() != "false":
                raise not_required(name)
        tag = Tag(price_protect=_flag(params, "priceProtect"), trail=_trail(instrument, params))
        self._desk.catch_up()
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type="market",
            quantity=read_quantity(instrument, params),
            reduce_only=self._reduce_only(account_id, params),
            position_side=read_position_side(params),
            client_id=read_client_id(params, id_name),
            prevention=PREVENTIONS[_prevention(params)],
            trigger=self._following(instrument, side, params, tag),
        )
        return Request(ticket, tag)

    def _following(self, instrument: Instrument, side: Side, params: Params, tag: Tag) -> Trigger:
        trail, by = tag.trail, _watched(params)
        assert trail is not None
        return self._desk.run(lambda: self._desk.trailing.trigger(instrument, side, by, trail))

    # -------------------------------------------------------------------------------------------- prices and validity
    def _limits(self, instrument: Instrument, side: Side, params: Params, tag: Tag) -> tuple[TimeInForce, int]:
        tif = self._time_in_force(params, tag)
        match = params.text("priceMatch", "NONE")
        if match == "NONE":
            return tif, read_price(instrument, params, "price")
        tag.price_match = match
        return tif, self.matched_price(instrument, side, match, params)

    def _conditional_limits(
        self, instrument: Instrument, side: Side, kind: str, params: Params, tag: Tag
    ) -> tuple[TimeInForce, int]:
        if params.text("priceMatch", "NONE") != "NONE":
            # The price would have to be taken from the book when the order is triggered: refused, never guessed.
            raise venue_error(refused.NOT_OPEN_YET)
        if CONDITIONAL[kind] == "market":
            if "price" in params:
                raise not_required("price")
            return "gtc", 0
        return self._time_in_force(params, tag, "GTC"), read_price(instrument, params, "price")

    def matched_price(self, instrument: Instrument, side: Side, match: str, params: Params) -> int:
        """The limit price that `priceMatch` takes from the book of now; it replaces `price`."""
        if match not in PRICE_MATCHES:
            raise venue_error(refused.BAD_PRICE_MATCH)
        if "price" in params:
            raise not_required("price")
        whose, level = PRICE_MATCHES[match]
        self._desk.catch_up()
        _, bids, asks = self._desk.exchange.depth(instrument.key, level)
        levels = bids if (side == BUY) == (whose == "QUEUE") else asks
        if len(levels) < level:
            raise venue_error(refused.NO_PRICE_MATCHES)
        return int(levels[level - 1][0])

    def _time_in_force(self, params: Params, tag: Tag, default: str | None = None) -> TimeInForce:
        word = params.text("timeInForce", default or "") or params.need("timeInForce")
        if word == "GTD" and not self._desk.is_inverse:
            tag.good_till_ms = self._good_till(params)
            return "gtc"
        if word not in FUTURES_TIMES:
            raise venue_error(refused.BAD_TIME_IN_FORCE)
        if params.integer("goodTillDate"):
            raise not_required("goodTillDate")
        return FUTURES_TIMES[word]

    def _good_till(self, params: Params) -> int:
        """The date, of which whole seconds count."""
        until_ms = params.need_integer("goodTillDate") // 1000 * 1000
        if not self._desk.server_ms + GOOD_TILL_LEAST_MS < until_ms < GOOD_TILL_MAX_MS:
            raise venue_error(refused.BAD_GOOD_TILL)
        return until_ms

    # --------------------------------------------------------------------------------------------------- what it does
    def _hedged(self, account_id: str) -> bool:
        return self._desk.account(account_id).hedge_mode.get(self._desk.market, False)

    def _reduce_only(self, account_id: str, params: Params) -> bool:
        """`reduceOnly`, which hedge mode does not know: there the position side says it."""
        if "reduceOnly" in params and self._hedged(account_id):
            raise venue_error(refused.REDUCE_ONLY_IN_HEDGE)
        return params.boolean("reduceOnly")


def read_side(params: Params) -> Side:
    """BUY or SELL."""
    return SIDES[params.one_of("side", SIDES, venue_error(refused.BAD_SIDE))]


def read_position_side(params: Params) -> PositionSide:
    """BOTH, LONG or SHORT."""
    return POSITION_SIDES[params.one_of("positionSide", POSITION_SIDES, venue_error(refused.BAD_POSITION_SIDE), "BOTH")]


def read_client_id(params: Params, name: str) -> str:
    """A client's own id, empty when the exchange is to make one."""
    found = params.text(name)
    if len(found) > CLIENT_ID_MAX:
        raise venue_error(refused.LONG_CLIENT_ID)
    if found and not CLIENT_ID.fullmatch(found):
        raise venue_error(refused.BAD_CLIENT_ID)
    return found


def read_quantity(instrument: Instrument, params: Params) -> int:
    """The mandatory `quantity`, within the instrument's precision."""
    found = _precise(params, "quantity", instrument.quantity_places)
    if found <= 0:
        raise venue_error(refused.QUANTITY_NOT_POSITIVE)
    return found


def read_price(instrument: Instrument, params: Params, name: str) -> int:
    """A mandatory price, within the instrument's precision and above its least."""
    found = _precise(params, name, instrument.price_places)
    if found <= 0:
        raise venue_error(refused.PRICE_NOT_POSITIVE if name == "price" else refused.STOP_NOT_POSITIVE)
    if name == "price" and found < instrument.filters.price_min:
        raise venue_error(refused.PRICE_BELOW_MIN)
    return found


def is_precise(value: Decimal, places: int) -> bool:
    """Whether a number has no more than so many decimals that count."""
    return value == round(value, places)


def _precise(params: Params, name: str, places: int) -> int:
    value = params.need_decimal(name)
    if not is_precise(value, places):
        raise venue_error(OVER_PRECISE)
    return exact(value)


def _market_only(params: Params) -> tuple[TimeInForce, int]:
    """A market order has neither a price nor a validity."""
    for name in ("price", "timeInForce", "goodTillDate"):
        if name in params:
            raise not_required(name)
    if params.text("priceMatch", "NONE") != "NONE":
        raise venue_error(refused.PRICE_MATCH_TYPE)
    return "gtc", 0


def _prevention(params: Params) -> str:
    return params.one_of(
        "selfTradePreventionMode", PREVENTIONS, venue_error(refused.BAD_PREVENTION), PREVENTION_DEFAULT
    )


def _flag(params: Params, name: str) -> bool:
    return params.boolean(name)


def _closes(kind: str, params: Params) -> bool:
    """What may be sent with `closePosition`; such an order is reduce-only by itself."""
    if CONDITIONAL[kind] != "market":
        raise not_required("closePosition")
    if params.decimal("quantity"):
        raise venue_error(refused.QUANTITY_WITH_CLOSE)
    if "reduceOnly" in params:
        raise venue_error(refused.REDUCE_ONLY_WITH_CLOSE)
    return True


def _trigger(instrument: Instrument, side: Side, kind: str, params: Params, name: str) -> Trigger:
    """A stop waits for the price to get worse for its side, a take-profit for it to get better."""
    if name not in params:
        raise missing(name)
    watched, rises = _watched(params), (side == BUY) == (kind in STOPS)
    return Trigger(price=read_price(instrument, params, name), by=watched, rises=rises)


def check_stop_caps(instrument: Instrument, side: Side, price: int, stop: int) -> None:
    """A stop's limit price against its stop price, in the bounds that a limit price has against the mark."""
    filters = instrument.filters
    most, least = stop * filters.multiplier_up // SCALE, -(-stop * filters.multiplier_down // SCALE)
    if side == BUY and price > most > 0:
        raise venue_error((-4183, f"Limit price can't be higher than {price_of(instrument, most)}.", 400))
    if side != BUY and 0 < price < least:
        raise venue_error((-4184, f"Limit price can't be lower than {price_of(instrument, least)}.", 400))


def _watched(params: Params) -> TriggerBy:
    """What a trigger looks at: the last price unless the mark is asked for."""
    error = venue_error(refused.BAD_WORKING_TYPE)
    return WORKING_TYPES[params.one_of("workingType", WORKING_TYPES, error, "CONTRACT_PRICE")]


def _trail(instrument: Instrument, params: Params) -> Trail:
    """`callbackRate` in per cent, and `activatePrice`, 0 for the price of now."""
    rate = params.need_decimal("callbackRate")
    if not CALLBACK_LEAST <= rate <= CALLBACK_MOST or not is_precise(rate, CALLBACK_PLACES):
        raise refused.bad_data("callbackRate")
    name = next((one for one in ("activatePrice", "activationPrice") if one in params), "")
    if not name:
        return Trail(0, exact(rate / 100))
    if not params.need_decimal(name):
        raise venue_error(refused.BAD_ACTIVATION)
    return Trail(read_price(instrument, params, name), exact(rate / 100))
