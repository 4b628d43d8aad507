"""The refusals of the futures markets: the core's reasons per market, and what is wrong with parameters.

COIN-M numbers some refusals differently from USD-M and has none of the 5xxx block ("Error Codes" of both).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.simex.binance.errors import VenueError
from bot.simex.binance.reasons import FUTURES, Row
from bot.simex.core.instrument import Category
from bot.simex.core.refusal import Reason, Refused

ErrorRow = tuple[int, str, int]

USDM: Final[Mapping[Reason, Row]] = FUTURES
COINM: Final[Mapping[Reason, Row]] = {
    **FUTURES,
    Reason.NOT_TRADING: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading"),
    Reason.REDUCE_ONLY_SYMBOL: (-4089, "User can only place reduce only order."),
    Reason.CANCEL_ONLY: (-4090, "User can not place order currently."),
    Reason.MARKET_BEYOND_MULTIPLIER: (
        -4113,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    Reason.NOTIONAL_MIN: (-4178, "Order's notional must be no smaller than {detail} (unless you choose reduce only)"),
    Reason.AMEND_UNCHANGED: (-4197, "No need to modify the order."),
}
_TABLES: Final = {"usdm": USDM, "coinm": COINM}
_LIMIT_ONLY: Final = {"usdm": -5025, "coinm": -4196}
_AMENDED_TOO_OFTEN: Final = {"usdm": -5026, "coinm": -4198}
_NOT_AMENDABLE: Final = {"usdm": -5024, "coinm": -4199}
_LEVERAGE_OF_ISOLATED: Final = {"usdm": -4161, "coinm": -4150}
_INTERVAL: Final = {"usdm": -4165, "coinm": -4088}

BAD_SIDE: Final[ErrorRow] = (-1117, "Invalid side.", 400)
BAD_TYPE: Final[ErrorRow] = (-1116, "Invalid orderType.", 400)
BAD_TIME_IN_FORCE: Final[ErrorRow] = (-1115, "Invalid timeInForce.", 400)
BAD_RESPONSE_TYPE: Final[ErrorRow] = (-1136, "Invalid newOrderRespType.", 400)
BAD_POSITION_SIDE: Final[ErrorRow] = (-4060, "Invalid position side.", 400)
BAD_CLIENT_ID: Final[ErrorRow] = (-4015, "Client order id is not valid.", 400)
LONG_CLIENT_ID: Final[ErrorRow] = (-4015, "Client order id length should not be more than 36 chars", 400)
BAD_PREVENTION: Final[ErrorRow] = (-5039, "Invalid self trade prevention mode", 400)
BAD_PRICE_MATCH: Final[ErrorRow] = (-5037, "Invalid price match", 400)
PRICE_MATCH_TYPE: Final[ErrorRow] = (-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT", 400)
NO_PRICE_MATCHES: Final[ErrorRow] = (-5041, "No depth matches this BBO order", 400)
BAD_GOOD_TILL: Final[ErrorRow] = (
    -5040,
    (
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
        "253402300799000 (UTC 9999-12-31 23:59:59)"
    ),
    400,
)
BAD_WORKING_TYPE: Final[ErrorRow] = (-4031, "Invalid parameter working type", 400)
QUANTITY_WITH_CLOSE: Final[ErrorRow] = (-4137, "Quantity must be zero with closePosition equals true", 400)
REDUCE_ONLY_WITH_CLOSE: Final[ErrorRow] = (-1106, "Parameter 'reduceonly' sent when not required.", 400)
REDUCE_ONLY_IN_HEDGE: Final = REDUCE_ONLY_WITH_CLOSE
NOT_OPEN_YET: Final[ErrorRow] = (-4084, "Method is not allowed currently. Upcoming soon.", 400)
ALGO_ONLY: Final[ErrorRow] = (
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    400,
)
BAD_COMBINATION: Final[ErrorRow] = (-1128, "Combination of optional parameters invalid.", 400)
START_AFTER_END: Final[ErrorRow] = (-1023, "Start time is greater than end time.", 400)
PRICE_NOT_POSITIVE: Final[ErrorRow] = (-4001, "Price less than 0.", 400)
PRICE_BELOW_MIN: Final[ErrorRow] = (-4013, "Price less than min price.", 400)
QUANTITY_NOT_POSITIVE: Final[ErrorRow] = (-4003, "Quantity less than zero.", 400)
INACTIVE: Final[ErrorRow] = (-4109, "Inactive account", 400)
BAD_ACTIVATION: Final[ErrorRow] = (-4135, "Invalid activation price", 400)
STOP_NOT_POSITIVE: Final[ErrorRow] = (-4006, "Stop price less than zero.", 400)
AMOUNT_NOT_POSITIVE: Final[ErrorRow] = (-4055, "Amount must be positive.", 400)
MARGIN_OF_CROSS: Final[ErrorRow] = (-4049, "Add margin only support for isolated position.", 400)
MARGIN_OF_FLAT: Final[ErrorRow] = (-4054, "Cannot add position margin: position is 0.", 400)
CROSS_TOO_LITTLE: Final[ErrorRow] = (-4050, "Cross balance insufficient.", 400)
ISOLATED_TOO_LITTLE: Final[ErrorRow] = (-4051, "Isolated balance insufficient.", 400)
BATCH_SIZE: Final[ErrorRow] = (-4082, "Invalid number of batch place orders.", 400)
CANCEL_BATCH_SIZE: Final[ErrorRow] = (-4032, "Exceed maximum cancel order size.", 400)
BAD_PAIR: Final = {"usdm": (-4144, "Invalid pair", 400), "coinm": (-4087, "Invalid pair.", 400)}

# What the core calls by one name and the venue by several, depending on what was asked.
MARGIN_TYPE: Final[Mapping[Reason, Row]] = {
    Reason.HAS_OPEN_ORDERS: (-4047, "Margin type cannot be changed if there exists open orders."),
    Reason.HAS_POSITION: (-4048, "Margin type cannot be changed if there exists position."),
}
MULTI_ASSETS: Final[Mapping[Reason, Row]] = {
    Reason.MODE_UNCHANGED: (
        -4171,
        "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
    ),
    Reason.HAS_OPEN_ORDERS: (-4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures."),
    Reason.ISOLATED_FORBIDDEN: (
        -4167,
        "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.",
    ),
    Reason.INSUFFICIENT_MARGIN: (
        -4169,
        "Unable to adjust Multi-Assets Mode with insufficient margin balance in USDⓈ-M Futures.",
    ),
}


def leverage_words(market: Category) -> Mapping[Reason, Row]:
    """What a change of leverage is refused with."""
    text = "Leverage reduction is not supported in Isolated Margin Mode with open positions"
    return {
        Reason.ISOLATED_ONLY: (_LEVERAGE_OF_ISOLATED[market], text + ("." if market == "coinm" else "")),
        Reason.INSUFFICIENT_MARGIN: (-2028, "Leverage is smaller than permitted: insufficient margin balance."),
    }


def refusal_of(market: Category, refused: Refused, otherwise: Mapping[Reason, Row] | None = None) -> VenueError:
    """The market's answer to a refusal of the core; `otherwise` says it for a particular call."""
    row = (otherwise or {}).get(refused.reason) or _TABLES[market][refused.reason]
    return VenueError(row[0], row[1].format(detail=refused.detail))


def limit_order_only(market: Category) -> VenueError:
    """Only limit orders can be modified."""
    return VenueError(_LIMIT_ONLY[market], "Only limit order is supported.")


def amended_too_often(market: Category) -> VenueError:
    """An order was modified as often as it may be."""
    return VenueError(_AMENDED_TOO_OFTEN[market], "Exceed maximum modify order limit.")


def amended_too_small(market: Category, least: str) -> VenueError:
    """A modified order must be worth enough."""
    if market == "coinm":
        return refusal_of(market, Refused(Reason.NOTIONAL_MIN, least))
    return VenueError(-5029, f"Order's notional must be no smaller than {least}")


def not_amendable(market: Category) -> VenueError:
    """Nothing is modified while a symbol does not trade."""
    text = "Symbol is not in trading status. Order amendment is not permitted."
    return VenueError(_NOT_AMENDABLE[market], text)


def interval_too_long(market: Category, days: int) -> VenueError:
    """The time asked for is longer than the venue answers for."""
    return VenueError(_INTERVAL[market], f"Maximum time interval is {days} days.")


def bad_data(name: str) -> VenueError:
    """A parameter is not one of what it may be."""
    return VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
