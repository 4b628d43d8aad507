"""Bybit's refusals: a retCode and retMsg, which travel with HTTP 200 except where the documentation says otherwise.

Codes and messages are the documented ones ("Error Codes" of the v5 documentation). `VenueError` is raised inside the
dialect and never leaves it. `refusal` gives every reason of the core its code: spot has codes of its own (170xxx).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.simex.core.refusal import Reason, Refused

MESSAGES: Final[Mapping[int, str]] = {
    429: "The trading service is experiencing a high server load. Please retry if you encounter this issue.",
    10000: "Server Timeout",
    10001: "Request parameter error",
    10002: "The request time exceeds the time window range.",
    10003: "API key is invalid. Check whether the key and domain are matched, there are 4 env: mainnet, testnet, "
    "mainnet-demo, testnet-demo",
    10004: "Error sign, please check your signature generation algorithm.",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10007: "User authentication failed.",
    10010: "Unmatched IP, please check your API key's bound IP addresses.",
    10014: "Invalid duplicate request.",
    10016: "Server error.",
    10017: "Route not found.",
    10019: "ws trade service is restarting, do not accept new request, but the request in the process is not affected. "
    "You can build new connection to be routed to normal service",
    10027: "Transactions are banned.",
    10029: "The requested symbol is invalid, please check symbol whitelist",
    10403: "exceed IP rate limit. 3000 requests per second per IP",
    10404: "op type is not found",
    10429: "System level frequency protection",
    20001: "repeat auth",
    20003: "Too frequent requests under the same session",
    20006: "reqId is duplicated",
    30228: "No new positions during delisting",
    33004: "Your api key has expired",
    34040: "Not modified. Indicates you already set this TP/SL value or you didn't pass a required parameter",
    100028: "The API cannot be accessed by unified account users.",
    110001: "Order does not exist",
    110003: "Order price exceeds the allowable range.",
    110004: "Wallet balance is insufficient",
    110005: "position status error",
    110006: "The assets are estimated to be unable to cover the position margin",
    110007: "Available balance is insufficient",
    110008: "The order has been completed or cancelled.",
    110009: "The number of stop orders exceeds the maximum allowable limit",
    110010: "The order has been cancelled",
    110012: "Insufficient available balance.",
    110013: "Cannot set leverage due to risk limit level.",
    110014: "Insufficient available balance to add additional margin.",
    110015: "The position is in cross margin mode.",
    110017: "orderQty will be truncated to zero",
    110018: "User ID is illegal.",
    110019: "Order ID is illegal.",
    110020: "Not allowed to have more than 500 active orders.",
    110021: "Not allowed to exceeded position limits due to Open Interest.",
    110023: "Currently you can only reduce your position on this contract. please check our announcement or contact "
    "customer service for details.",
    110024: "You have an existing position, so the position mode cannot be switched.",
    110025: "Position mode has not been modified.",
    110026: "Cross/isolated margin mode has not been modified.",
    110028: "You have existing open orders, so the position mode cannot be switched.",
    110029: "Hedge mode is not supported for this symbol.",
    110033: "You can't set margin without an open position",
    110042: "Currently,due to pre-delivery status, you can only reduce your position on this contract.",
    110043: "Set leverage has not been modified.",
    110044: "Available margin is insufficient.",
    110045: "Wallet balance is insufficient.",
    110059: "Not allowed to  modify the TP/SL of a partially filled open order",
    110061: "Not allowed to have more than 20 TP/SLs under Partial tpSlMode",
    110063: "Settlement in progress! {{key0}} not available for trading.",
    110064: "The modified contract quantity cannot be less than or equal to the filled quantity.",
    110066: "Trading is currently not allowed.",
    110072: "OrderLinkedID is duplicate",
    110073: "Set margin mode failed",
    110074: "This contract is not live",
    110076: "Only isolated mode can set auto-add-margin",
    110077: "Pm mode cannot support",
    110078: "Added margin more than max can reduce margin",
    110079: "The order is processing and can not be operated, please try again later",
    110090: "Order placement failed as your position may exceed the max limit. Please adjust your leverage to "
    "{{leverage}} or below to increase the max. position limit",
    110092: "expect Rising, but trigger_price[XXXXX] <= current[XXXXX]??laste",
    110093: "expect Falling, but trigger_price[XXXXX] >= current[XXXXX]??last",
    110094: "Order notional value below the lower limit",
    110118: "Unable to retrieve a pruce of the market order due to low liquidity",
    110120: "Order price cannot be smaller than xxxx, the price limitation",
    110121: "Order price cannot be higher than xxxx, the price limitation",
    131001: "openapi svc error",
    131002: "Parameter error",
    131207: "Account not exist",
    131210: "Amount accuracy error",
    131211: "fromAccountType can't be the same as toAccountType",
    131212: "Insufficient balance",
    131214: "TransferId exist",
    131215: "Amount error",
    140003: "You have position(s) being liquidated, please try again later.",
    170115: "Invalid timeInForce.",
    170116: "Invalid orderType.",
    170117: "Invalid side.",
    170121: "Invalid symbol.",
    170124: "Order amount too large.",
    170131: "Balance insufficient",
    170132: "Order price too high.",
    170134: "Order price decimal too long.",
    170136: "Order quantity lower than the minimum.",
    170137: "Order volume decimal too long",
    170140: "Order value exceeded lower limit",
    170141: "Duplicate clientOrderId",
    170151: "The trading pair is not open yet",
    170157: "The trading pair is not available for api trading",
    170198: "Your order quantity to sell is too large. The filled price may deviate significantly from the market "
    "price. Please try again",
    170210: "New order rejected.",
    170213: "Order does not exist.",
    170218: "The LIMIT-MAKER order is rejected due to invalid price.",
    170226: "Your Spot Account for Margin Trading is being liquidated.",
    170227: "This feature is not supported.",
    170313: "The modified contract quantity cannot be less than to the filled quantity",
    170371: "Order price cannot be lower than {}, the price limitation",
    170372: "Order price cannot be higher than 0, the price limitation",
    170810: "Cannot exceed maximum of 500 conditional, TP/SL and active orders.",
    3400045: "Set margin mode failed",
}

# Reason -> (code of linear and inverse, code of spot, what is added to a parameter error).
REASONS: Final[Mapping[Reason, tuple[int, int, str]]] = {
    Reason.UNKNOWN_SYMBOL: (10001, 170121, "symbol invalid"),
    Reason.NOT_TRADING: (110074, 170151, ""),
    Reason.REDUCE_ONLY_SYMBOL: (110023, 170157, ""),
    Reason.CANCEL_ONLY: (110066, 170157, ""),
    Reason.PRICE_TICK: (10001, 170134, "price is not a multiple of tickSize"),
    Reason.PRICE_RANGE: (110003, 170132, ""),
    Reason.PRICE_ABOVE_MULTIPLIER: (110121, 170372, ""),
    Reason.PRICE_BELOW_MULTIPLIER: (110120, 170371, ""),
    Reason.MARKET_BEYOND_MULTIPLIER: (110118, 170198, ""),
    Reason.QUANTITY_LOT: (10001, 170137, "qty is not a multiple of qtyStep"),
    Reason.QUANTITY_MIN: (10001, 170136, "The number of contracts is below minimum limit allowed"),
    Reason.QUANTITY_MAX: (10001, 170124, "The number of contracts exceeds maximum limit allowed"),
    Reason.NOTIONAL_MIN: (110094, 170140, ""),
    Reason.OPEN_ORDERS_MAX: (110020, 170810, ""),
    Reason.ALGO_ORDERS_MAX: (110009, 170810, ""),
    Reason.CLIENT_ID_DUPLICATE: (110072, 170141, ""),
    Reason.CLIENT_ID_FORMAT: (10001, 10001, "orderLinkId invalid"),
    Reason.POSITION_SIDE: (10001, 10001, "position idx not match position mode"),
    Reason.REDUCE_ONLY: (110017, 10001, "reduceOnly is not for spot"),
    Reason.POSITION_TOO_SMALL: (110017, 10001, "reduceOnly is not for spot"),
    Reason.INSUFFICIENT_BALANCE: (110007, 170131, ""),
    Reason.INSUFFICIENT_MARGIN: (110007, 170131, ""),
    Reason.BEYOND_LEVERAGE: (110090, 170131, ""),
    Reason.POST_ONLY_WOULD_TAKE: (110003, 170218, ""),
    Reason.FOK_UNFILLABLE: (110118, 170210, ""),
    Reason.NO_LIQUIDITY: (110118, 170210, ""),
    Reason.WOULD_TRIGGER: (110092, 10001, "triggerPrice invalid"),
    Reason.UNKNOWN_ORDER: (110001, 170213, ""),
    Reason.ORDER_NOT_OPEN: (110001, 170213, ""),
    Reason.AMEND_UNCHANGED: (10001, 10001, "The order remains unchanged"),
    Reason.AMEND_FILLED: (110064, 170313, ""),
    Reason.LEVERAGE_RANGE: (110013, 10001, "leverage invalid"),
    Reason.LEVERAGE_UNCHANGED: (110043, 110043, ""),
    Reason.MARGIN_TYPE_UNCHANGED: (110026, 110026, ""),
    Reason.HAS_OPEN_ORDERS: (110028, 110028, ""),
    Reason.HAS_POSITION: (110024, 110024, ""),
    Reason.MODE_UNCHANGED: (110025, 110025, ""),
    Reason.ISOLATED_ONLY: (110015, 110015, ""),
    Reason.ISOLATED_FORBIDDEN: (110073, 110073, ""),
    Reason.TRANSFER_AMOUNT: (131212, 131212, ""),
    Reason.IN_LIQUIDATION: (140003, 170226, ""),
    Reason.UNKNOWN_ACCOUNT: (110018, 110018, ""),
    Reason.SETTLEMENT: (110063, 170151, ""),
}

# Reasons that the matching engine finds: the gateway has acknowledged the order by then.
REJECTIONS: Final[Mapping[Reason, str]] = {
    Reason.POST_ONLY_WOULD_TAKE: "EC_PostOnlyWillTakeLiquidity",
    Reason.FOK_UNFILLABLE: "EC_CancelForNoFullFill",
    Reason.NO_LIQUIDITY: "EC_NoImmediateQtyToFill",
    Reason.PRICE_TICK: "EC_InvalidPriceScale",
    Reason.PRICE_RANGE: "EC_LimitOrderInvalidPrice",
    Reason.PRICE_ABOVE_MULTIPLIER: "EC_ReachRiskPriceLimit",
    Reason.PRICE_BELOW_MULTIPLIER: "EC_ReachRiskPriceLimit",
    Reason.MARKET_BEYOND_MULTIPLIER: "EC_ReachMarketPriceLimit",
    Reason.QUANTITY_LOT: "EC_EcInvalidQty",
    Reason.QUANTITY_MIN: "EC_EcInvalidQty",
    Reason.QUANTITY_MAX: "EC_EcInvalidQty",
    Reason.NOTIONAL_MIN: "EC_InvalidAmount",
    Reason.CLIENT_ID_DUPLICATE: "EC_DuplicatedClOrdID",
    Reason.NOT_TRADING: "EC_InvalidSymbolStatus",
    Reason.REDUCE_ONLY_SYMBOL: "EC_InvalidSymbolStatus",
    Reason.CANCEL_ONLY: "EC_InvalidSymbolStatus",
    Reason.SETTLEMENT: "EC_InvalidSymbolStatus",
}
OVERLOADED: Final = 10429
NO_OTHERWISE: Final[Mapping[Reason, int]] = {}
# A dated future that is reduce-only is about to be delivered.
PRE_DELIVERY: Final[Mapping[Reason, int]] = {Reason.REDUCE_ONLY_SYMBOL: 110042}
# One that has no expiry, and whose end is announced, is being delisted.
DELISTING: Final[Mapping[Reason, int]] = {Reason.REDUCE_ONLY_SYMBOL: 30228}
REJECTED_OTHERWISE: Final = "EC_Others"
# These end as Cancelled with a reject reason, as the documentation's examples show; every other one as Rejected.
ENDS_CANCELLED: Final = frozenset({Reason.POST_ONLY_WOULD_TAKE, Reason.FOK_UNFILLABLE, Reason.NO_LIQUIDITY})


class VenueError(Exception):
    """A refusal in Bybit's own terms; `result` and `headers` go with it."""

    def __init__(
        self,
        code: int,
        msg: str = "",
        *,
        status: int = 200,
        result: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.msg = msg or MESSAGES[code]
        self.status = status
        self.result = {} if result is None else result
        self.headers = dict(headers or {})
        super().__init__(f"{code} {self.msg}")


def invalid(detail: str) -> VenueError:
    """A parameter is absent, empty, of the wrong type or out of its range."""
    return VenueError(10001, f"{MESSAGES[10001]}: {detail}")


def refusal(refused: Refused, *, spot: bool, otherwise: Mapping[Reason, int] = NO_OTHERWISE) -> VenueError:
    """What the core's refusal is called here; `otherwise` has the codes of a call that are not the usual ones."""
    derivative, of_spot, detail = REASONS[refused.reason]
    code = otherwise.get(refused.reason) or (of_spot if spot else derivative)
    return invalid(detail) if code == 10001 else VenueError(code)
