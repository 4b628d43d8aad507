"""From the parameters of a spot order to the core's ticket: what is refused before the matching engine sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.simex.binance.desk import exact
from bot.simex.binance.errors import VenueError, either_missing, illegal, missing, not_required, venue_error
from bot.simex.binance.params import Params
from bot.simex.binance.spot_desk import SpotDesk, SpotTag
from bot.simex.binance.words import PREVENTIONS, SIDES, SPOT_TIMES
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, OrderType, Prevention, Side, Ticket, TimeInForce, Trigger

DECIMALS_MAX: Final = 8
STRATEGY_TYPE_LEAST: Final = 1_000_000
PREVENTION_DEFAULT: Final = "EXPIRE_MAKER"
RESPONSES: Final = ("ACK", "RESULT", "FULL")
RESTRICTIONS: Final = ("ONLY_NEW", "ONLY_PARTIALLY_FILLED")
BAD_RESTRICTION: Final = (
    -1145,
    "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
    400,
)
CLIENT_ID: Final = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")
TYPES: Final[Mapping[str, OrderType]] = {
    "LIMIT": "limit",
    "MARKET": "market",
    "LIMIT_MAKER": "limit",
    "STOP_LOSS": "market",
    "STOP_LOSS_LIMIT": "limit",
    "TAKE_PROFIT": "market",
    "TAKE_PROFIT_LIMIT": "limit",
}
CONDITIONAL: Final = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_TIMED: Final = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_REJECTED: Final = -1013


class SpotTickets:
    """Reads new orders; filters and balances are the core's business."""

    def __init__(self, desk: SpotDesk) -> None:
        self._desk = desk

    def read(self, params: Params) -> tuple[Ticket, SpotTag]:
        """The order, and what the venue remembers of it."""
        instrument = self._desk.symbol(params)
        side = SIDES[params.one_of("side", SIDES, VenueError(-1117, "Invalid side."))]
        kind = params.one_of("type", TYPES, VenueError(-1116, "Invalid orderType."))
        _check_unsupported(params)
        _check_presence(params, kind)
        client_id = read_client_id(params, "newClientOrderId")
        ticket = Ticket(
            instrument=instrument,
            side=side,
            type=TYPES[kind],
            quantity=read_amount(params, "quantity"),
            price=read_amount(params, "price"),
            tif=_time_in_force(params, kind),
            client_id=client_id,
            quote_quantity=read_amount(params, "quoteOrderQty") * SCALE,
            prevention=_prevention(params),
            trigger=_trigger(side, kind, params),
        )
        return ticket, _tag(params)


def read_response(params: Params) -> str:
    """ACK, RESULT or FULL; limit and market orders are answered in full unless the client says otherwise."""
    default = "FULL" if params.text("type") in ("LIMIT", "MARKET") else "ACK"
    return params.one_of("newOrderRespType", RESPONSES, invalid("newOrderRespType"), default)


def read_client_id(params: Params, name: str) -> str:
    """A client's own id, empty when the exchange is to make one."""
    found = params.text(name)
    if found and not CLIENT_ID.match(found):
        raise illegal(name, CLIENT_ID.pattern)
    return found


def read_restriction(params: Params) -> str:
    """`cancelRestrictions`, empty when there is none."""
    return params.one_of("cancelRestrictions", (*RESTRICTIONS, ""), venue_error(BAD_RESTRICTION), "")


def read_amount(params: Params, name: str) -> int:
    """An optional number, of 1e-8; 0 when it is not there."""
    value = params.decimal(name)
    if value is None:
        return 0
    if value != round(value, DECIMALS_MAX):
        raise VenueError(-1111, f"Parameter '{name}' has too much precision.")
    return exact(value)


def invalid(name: str) -> VenueError:
    """A parameter of which the venue knows the values, with another one."""
    return VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")


def _check_unsupported(params: Params) -> None:
    """What no symbol here takes, as exchangeInfo says too: icebergs, trailing stops, pegs."""
    for name, what in (
        ("icebergQty", "Iceberg orders are"),
        ("trailingDelta", "Trailing stop orders are"),
        ("pegPriceType", "Pegged orders are"),
    ):
        if name in params and params.text(name).strip("0.") != "":
            raise VenueError(_REJECTED, f"{what} not supported for this symbol.")


def _check_presence(params: Params, kind: str) -> None:
    """Refuse an order that lacks what its type needs, or carries what its type does not take."""
    unwanted: list[str] = []
    if kind == "MARKET":
        if "quantity" not in params and "quoteOrderQty" not in params:
            raise either_missing("quantity", "quoteOrderQty")
        if "quantity" in params and "quoteOrderQty" in params:
            raise VenueError(-1128, "Combination of optional parameters invalid.")
    else:
        for name in _needed(kind):
            params.need(name)
        unwanted.append("quoteOrderQty")
    if TYPES[kind] == "market":
        unwanted.append("price")
    if kind not in _TIMED:
        unwanted.append("timeInForce")
    if kind not in CONDITIONAL:
        unwanted.append("stopPrice")
    for name in unwanted:
        if name in params:
            raise not_required(name)


def _needed(kind: str) -> list[str]:
    names = ["timeInForce"] if kind in _TIMED else []
    names.append("quantity")
    if TYPES[kind] == "limit":
        names.append("price")
    if kind in CONDITIONAL:
        names.append("stopPrice")
    return names


def _time_in_force(params: Params, kind: str) -> TimeInForce:
    if kind == "LIMIT_MAKER":
        return "post_only"
    if kind not in _TIMED:
        return "gtc"
    return SPOT_TIMES[params.one_of("timeInForce", SPOT_TIMES, VenueError(-1115, "Invalid timeInForce."))]


def _prevention(params: Params) -> Prevention:
    name = "selfTradePreventionMode"
    return PREVENTIONS[params.one_of(name, PREVENTIONS, invalid(name), PREVENTION_DEFAULT)]


def _trigger(side: Side, kind: str, params: Params) -> Trigger | None:
    """A stop waits for the last price to get worse for its side, a take-profit for it to get better."""
    if kind not in CONDITIONAL:
        return None
    price = read_amount(params, "stopPrice")
    if not price:
        raise missing("stopPrice")
    return Trigger(price=price, by="last", rises=(side == BUY) == kind.startswith("STOP"))


def _tag(params: Params) -> SpotTag:
    strategy_type = params.integer("strategyType")
    if strategy_type is not None and strategy_type < STRATEGY_TYPE_LEAST:
        raise VenueError(-1134, "`strategyType` was less than 1000000.")
    return SpotTag(params.integer("strategyId"), strategy_type)
