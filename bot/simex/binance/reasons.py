"""The core's reasons to refuse in Binance's words: a code, a message and a status for each, futures and spot apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.simex.binance.errors import VenueError
from bot.simex.core.refusal import Reason, Refused

Row = tuple[int, str]

_NOT_RECORDED = "The order will not be recorded in the order history"

FUTURES: Final[Mapping[Reason, Row]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.NOT_TRADING: (-4141, "Symbol is closed."),
    Reason.REDUCE_ONLY_SYMBOL: (-4140, "Invalid symbol status for opening position."),
    Reason.CANCEL_ONLY: (-4088, "User can not place order currently"),
    Reason.PRICE_TICK: (-4014, "Price not increased by tick size."),
    Reason.PRICE_RANGE: (-4002, "Price greater than max price."),
    Reason.PRICE_ABOVE_MULTIPLIER: (-4016, "Limit price can't be higher than {detail}."),
    Reason.PRICE_BELOW_MULTIPLIER: (-4024, "Limit price can't be lower than {detail}."),
    Reason.MARKET_BEYOND_MULTIPLIER: (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    Reason.QUANTITY_LOT: (-4023, "Qty not increased by step size."),
    Reason.QUANTITY_MIN: (-4004, "Quantity less than min quantity."),
    Reason.QUANTITY_MAX: (-4005, "Quantity greater than max quantity."),
    Reason.NOTIONAL_MIN: (-4164, "Order's notional must be no smaller than {detail} (unless you choose reduce only)."),
    Reason.OPEN_ORDERS_MAX: (-2025, "Reach max open order limit."),
    Reason.ALGO_ORDERS_MAX: (-4045, "Reach max stop order limit."),
    Reason.CLIENT_ID_DUPLICATE: (-4116, "ClientOrderId is duplicated."),
    Reason.CLIENT_ID_FORMAT: (-4015, "Client order id is not valid."),
    Reason.POSITION_SIDE: (-4061, "Order's position side does not match user's setting."),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.POSITION_TOO_SMALL: (-2022, "ReduceOnly Order is rejected."),
    Reason.INSUFFICIENT_BALANCE: (-2018, "Balance is insufficient."),
    Reason.INSUFFICIENT_MARGIN: (-2019, "Margin is insufficient."),
    Reason.BEYOND_LEVERAGE: (-2027, "Exceeded the maximum allowable position at current leverage."),
    Reason.POST_ONLY_WOULD_TAKE: (
        -5022,
        f"Due to the order could not be executed as maker, the Post Only order will be rejected. {_NOT_RECORDED}",
    ),
    Reason.FOK_UNFILLABLE: (
        -5021,
        f"Due to the order could not be filled immediately, the FOK order has been rejected. {_NOT_RECORDED}",
    ),
    Reason.NO_LIQUIDITY: (-2020, "Unable to fill."),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.ORDER_NOT_OPEN: (-2011, "Unknown order sent."),
    Reason.AMEND_UNCHANGED: (-5027, "No need to modify the order."),
    Reason.AMEND_FILLED: (-5028, "Order modify failed: the new quantity is not above the executed one."),
    Reason.LEVERAGE_RANGE: (-4028, "Leverage {detail} is not valid"),
    Reason.LEVERAGE_UNCHANGED: (-4046, "No need to change leverage."),
    Reason.MARGIN_TYPE_UNCHANGED: (-4046, "No need to change margin type."),
    Reason.HAS_OPEN_ORDERS: (-4067, "Position side cannot be changed if there exists open orders."),
    Reason.HAS_POSITION: (-4068, "Position side cannot be changed if there exists position."),
    Reason.MODE_UNCHANGED: (-4059, "No need to change position side."),
    Reason.ISOLATED_ONLY: (-4051, "Isolated balance insufficient."),
    Reason.ISOLATED_FORBIDDEN: (-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode."),
    Reason.TRANSFER_AMOUNT: (-2018, "Balance is insufficient."),
    Reason.IN_LIQUIDATION: (-2023, "User in liquidation mode now."),
    Reason.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    Reason.SETTLEMENT: (-4108, "Symbol is not in trading status"),
}
_REJECTED = -2010
_FILTER = -1013
SPOT: Final[Mapping[Reason, Row]] = {
    **FUTURES,
    Reason.NOT_TRADING: (_FILTER, "Market is closed."),
    Reason.SETTLEMENT: (_FILTER, "Market is closed."),
    Reason.CANCEL_ONLY: (_REJECTED, "This action is disabled on this account."),
    Reason.REDUCE_ONLY_SYMBOL: (_FILTER, "Market is closed."),
    Reason.PRICE_TICK: (_FILTER, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_RANGE: (_FILTER, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_ABOVE_MULTIPLIER: (_FILTER, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.PRICE_BELOW_MULTIPLIER: (_FILTER, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.MARKET_BEYOND_MULTIPLIER: (_FILTER, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reason.QUANTITY_LOT: (_FILTER, "Filter failure: LOT_SIZE"),
    Reason.QUANTITY_MIN: (_FILTER, "Filter failure: LOT_SIZE"),
    Reason.QUANTITY_MAX: (_FILTER, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL_MIN: (_FILTER, "Filter failure: NOTIONAL"),
    Reason.OPEN_ORDERS_MAX: (_FILTER, "Filter failure: MAX_NUM_ORDERS"),
    Reason.ALGO_ORDERS_MAX: (_FILTER, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reason.CLIENT_ID_DUPLICATE: (_REJECTED, "Duplicate order sent."),
    Reason.INSUFFICIENT_BALANCE: (_REJECTED, "Account has insufficient balance for requested action."),
    Reason.POST_ONLY_WOULD_TAKE: (_REJECTED, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (_REJECTED, "Order would trigger immediately."),
    Reason.NO_LIQUIDITY: (_REJECTED, "Order book liquidity is less than symbol minimum quantity."),
}


def refusal(refused: Refused, *, spot: bool) -> VenueError:
    """The venue's answer to a refusal of the core."""
    code, text = (SPOT if spot else FUTURES)[refused.reason]
    return VenueError(code, text.format(detail=refused.detail))
