"""Binance's error answers: a code, a message and the HTTP status they travel with.

The codes and messages are the documented ones (binance-spot-api-docs errors.md; USD-M "Error Codes"). `VenueError` is
raised inside the dialect and nowhere leaves it: `respond` turns it into `{"code": .., "msg": ..}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping


class VenueError(Exception):
    """A refusal in Binance's own terms."""

    def __init__(
        self,
        code: int,
        msg: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        """`data` is what few errors say beside: what became of the halves of a cancel-replace."""
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.headers = dict(headers or {})
        self.data = data

    def content(self) -> dict[str, object]:
        """The answer as JSON has it."""
        found: dict[str, object] = {"code": self.code, "msg": self.msg}
        return found if self.data is None else {**found, "data": dict(self.data)}

    def body(self) -> bytes:
        """The answer's body."""
        return json.dumps(self.content(), separators=(",", ":")).encode()


def missing(name: str) -> VenueError:
    """A mandatory parameter is absent, empty or not of its type."""
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def either_missing(one: str, other: str) -> VenueError:
    """Neither of two parameters was sent."""
    return VenueError(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> VenueError:
    """A parameter holds characters outside its legal range."""
    return VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def not_required(name: str) -> VenueError:
    """A parameter was sent with an order type that does not take it."""
    return VenueError(-1106, f"Parameter '{name}' sent when not required.")


def too_much_weight(limit: int, retry_after_s: int, *, futures: bool) -> VenueError:
    """The request weight of the minute is used up."""
    if futures:
        text = (
            f"Too many requests; current limit is {limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
    else:
        text = (
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
    return VenueError(-1003, text, 429, {"Retry-After": str(retry_after_s)})


def too_many_requests(retry_after_s: int) -> VenueError:
    """The number of requests of five minutes is used up."""
    return VenueError(-1003, "Too many requests queued.", 429, {"Retry-After": str(retry_after_s)})


def banned(until_ms: int, now_ms: int, *, futures: bool) -> VenueError:
    """The address is banned until a moment."""
    if futures:
        text = (
            f"Way too many requests; IP banned until {until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
    else:
        text = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
    return VenueError(-1003, text, 418, {"Retry-After": str(max(1, -(-(until_ms - now_ms) // 1000)))})


def too_many_orders(limit: int, interval: str, retry_after_s: int) -> VenueError:
    """The order count of an interval is used up."""
    text = f"Too many new orders; current limit is {limit} orders per {interval}."
    return VenueError(-1015, text, 429, {"Retry-After": str(retry_after_s)})


BAD_API_KEY_FORMAT = (-2014, "API-key format invalid.", 401)
REJECTED_API_KEY = (-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.", 400)
OUTSIDE_RECV_WINDOW = (-1021, "Timestamp for this request is outside of the recvWindow.", 400)
AHEAD_OF_SERVER = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.", 400)
RECV_WINDOW_TOO_LARGE = (-1131, "recvWindow must be less than 60000", 400)
OUTSIDE_ENGINE_WINDOW = (-5028, "Timestamp for this request is outside of the ME recvWindow.", 400)
SYSTEM_PROTECTION = (
    -1008,
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.",
    503,
)
SERVER_BUSY = (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503)
BAD_SYMBOL = (-1121, "Invalid symbol.", 400)
NO_SUCH_ORDER = (-2013, "Order does not exist.", 400)
UNKNOWN_ORDER = (-2011, "Unknown order sent.", 400)
DUPLICATE_PARAMETER = (-1101, "Duplicate values for a parameter detected.", 400)
INVALID_LISTEN_KEY = (
    -1125,
    "This listenKey does not exist. Please use POST /fapi/v1/listenKey to recreate listenKey",
    400,
)
# What is said to a request that no endpoint is shown: a status, a code and a text.
FRONT_REFUSALS = {
    "too_large": (413, -1000, "Request body is too large."),
    "too_long": (414, -1000, "Request URI is too long."),
    "malformed": (400, -1000, "Request is malformed, or its header is too large."),
}


def venue_error(row: tuple[int, str, int]) -> VenueError:
    """The error of one row of the table above."""
    code, msg, status = row
    return VenueError(code, msg, status)


# The three documented bodies of a 503, and the throttling one. Binance sends the first without a code.
UNAVAILABLE_VARIANTS: Mapping[str, Mapping[str, object]] = {
    "unknown": {"msg": "Unknown error, please check your request or try again later."},
    "unavailable": {"msg": "Service Unavailable."},
    "internal": {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."},
    "throttled": {
        "code": -1008,
        "msg": "Request throttled by system-level protection. "
        "Reduce-only/close-position orders are exempt. Please try again.",
    },
}
