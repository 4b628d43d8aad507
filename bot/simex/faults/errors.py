"""The documented errors that a fault can answer with: for each name, status, code and text at each venue.

Binance: binance-spot-api-docs errors.md and the "Error Codes" of USD-M and COIN-M. Bybit: "Error Codes" of v5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Row = tuple[int, int, str]

_KEY: Final = "Invalid API-key, IP, or permissions for action."
_TIMEOUT: Final = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
_BUS: Final = "An unexpected response was received from the message bus. Execution status unknown."
_POST_ONLY: Final = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history"
)
_REDUCE_ONLY: Final = (
    "Currently you can only reduce your position on this contract. please check our announcement or contact customer "
    "service for details."
)
_LARGE: Final = (
    "Futures Trading Risk Control Rules of large position holding violated, only reduceOnly order is allowed, please "
    "reduce the position. ."
)
ERRORS: Final[Mapping[str, Mapping[str, Row]]] = {
    "timeout": {"binance": (408, -1007, _TIMEOUT), "bybit": (200, 10000, "Server Timeout")},
    "bad_response": {"binance": (400, -1006, _BUS), "bybit": (200, 10016, "Server error.")},
    "unknown_code": {"binance": (400, -9999, "New here."), "bybit": (200, 199999, "New here.")},
    "duplicate_id": {
        "binance": (400, -4116, "ClientOrderId is duplicated."),
        "bybit": (200, 110072, "OrderLinkedID is duplicate"),
    },
    "reduce_only": {
        "binance": (400, -2022, "ReduceOnly Order is rejected."),
        "bybit": (200, 110017, "orderQty will be truncated to zero"),
    },
    "price_limit": {
        "binance": (400, -4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
        "bybit": (200, 110003, "Order price exceeds the allowable range."),
    },
    "post_only": {
        "binance": (
            400,
            -5022,
            _POST_ONLY,
        ),
        "bybit": (200, 170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    },
    "insufficient_margin": {
        "binance": (400, -2019, "Margin is insufficient."),
        "bybit": (200, 110007, "Available balance is insufficient"),
    },
    "insufficient_balance": {
        "binance": (400, -2010, "Account has insufficient balance for requested action."),
        "bybit": (200, 170131, "Balance insufficient"),
    },
    "leverage": {
        "binance": (400, -2027, "Exceeded the maximum allowable position at current leverage."),
        "bybit": (200, 110090, "Order placement failed as your position may exceed the max limit."),
    },
    "min_notional": {
        "binance": (400, -4164, "Order's notional must be no smaller than 5.0 (unless you choose reduce only)"),
        "bybit": (200, 110094, "Order notional value below the lower limit"),
    },
    "precision": {
        "binance": (400, -1111, "Precision is over the maximum defined for this asset."),
        "bybit": (200, 10001, "Request parameter error."),
    },
    "position_side": {
        "binance": (400, -4061, "Order's position side does not match user's setting."),
        "bybit": (200, 10001, "position idx not match position mode"),
    },
    "locked": {
        "binance": (
            400,
            -4400,
            "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try again later.",
        ),
        "bybit": (
            200,
            110023,
            _REDUCE_ONLY,
        ),
    },
    "reduce_only_account": {
        "binance": (400, -4087, "User can only place reduce only order"),
        "bybit": (200, 110023, _REDUCE_ONLY),
    },
    "large_position": {
        "binance": (400, -4401, _LARGE),
        "bybit": (200, 110023, _REDUCE_ONLY),
    },
    "position_not_sufficient": {
        "binance": (400, -2024, "Position is not sufficient."),
        "bybit": (200, 110017, "orderQty will be truncated to zero"),
    },
    "reduce_only_margin": {
        "binance": (400, -4118, "ReduceOnly Order Failed. Please check your existing position and open orders"),
        "bybit": (200, 110017, "orderQty will be truncated to zero"),
    },
    "triggering": {
        "binance": (400, -4117, "stop order is triggering"),
        "bybit": (200, 110079, "The order is processing and can not be operated, please try again later"),
    },
    "cooling_off": {
        "binance": (400, -4192, "Trade forbidden due to Cooling-off Period."),
        "bybit": (200, 110066, "Trading is currently not allowed."),
    },
    "unknown_cancel": {
        "binance": (400, -2011, "Unknown order sent."),
        "bybit": (200, 110001, "Order does not exist"),
    },
    "unknown_order": {
        "binance": (400, -2013, "Order does not exist."),
        "bybit": (200, 110001, "Order does not exist"),
    },
    "too_many_orders": {
        "binance": (429, -1015, "Too many new orders; current limit is 300 orders per 10 SECOND."),
        "bybit": (200, 10006, "Too many visits. Exceeded the API Rate Limit."),
    },
    "clock": {
        "binance": (400, -1021, "Timestamp for this request is outside of the recvWindow."),
        "bybit": (200, 10002, "The request time exceeds the time window range."),
    },
    "key_revoked": {"binance": (401, -2015, _KEY), "bybit": (200, 10003, "API key is invalid.")},
    "key_expired": {"binance": (401, -2015, _KEY), "bybit": (200, 33004, "Your api key has expired")},
    "ip_not_allowed": {
        "binance": (401, -2015, _KEY),
        "bybit": (200, 10010, "Unmatched IP, please check your API key's bound IP addresses."),
    },
    "permission": {
        "binance": (401, -2015, _KEY),
        "bybit": (200, 10005, "Permission denied, please check your API key permissions."),
    },
    "internal": {
        "binance": (500, -1001, "Internal error; unable to process your request. Please try again."),
        "bybit": (200, 10016, "Server error."),
    },
}
# Those after which nobody knows whether it was done.
UNKNOWN_OUTCOME: Final = frozenset({"timeout", "bad_response", "408", "500", "502", "504"})
# Those that an order which only reduces is spared.
SPARES_REDUCING: Final = frozenset({"locked", "cooling_off", "reduce_only_account", "large_position", "throttled"})

STATUSES: Final = ("403", "408", "418", "429", "451", "500", "502", "504")
_BANNED: Final = (
    "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates to avoid bans."
)
_THROTTLED: Final = "Too many requests; please use the websocket for live updates to avoid polling the API."
_VISITS: Final = "Too many visits. Exceeded the API Rate Limit."
_REGION: Final = "Service unavailable from a restricted location according to 'b. Eligibility' in the terms of use."
FRONT_ERRORS: Final[Mapping[str, Mapping[str, Row]]] = {
    "408": ERRORS["timeout"],
    "418": {"binance": (418, -1003, _BANNED), "bybit": (403, 10006, "403, access too frequent")},
    "429": {"binance": (429, -1003, _THROTTLED), "bybit": (200, 10006, _VISITS)},
    "451": {"binance": (451, 0, _REGION), "bybit": (403, 10009, "IP has been banned.")},
}
FRONT_PAGES: Final[Mapping[str, str]] = {
    "403": "403 Forbidden",
    "500": "500 Internal Server Error",
    "502": "502 Bad Gateway",
    "504": "504 Gateway Time-out",
}


def page(title: str) -> bytes:
    """What a front says in HTML."""
    return f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>".encode()
