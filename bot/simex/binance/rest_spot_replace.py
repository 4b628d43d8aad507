"""cancelReplace: end one order and place another, with an answer for each half.

The order count is charged here and not by the router: `orderRateLimitExceededMode` says what happens beyond it.
"""

from __future__ import annotations

from typing import Any, Final

from bot.simex.binance import spot_shapes as shapes
from bot.simex.binance.errors import UNKNOWN_ORDER, VenueError, venue_error
from bot.simex.binance.gate import Call
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.params import Params
from bot.simex.binance.spot_desk import SpotDesk, SpotTag, reference
from bot.simex.binance.spot_tickets import SpotTickets, invalid, read_client_id, read_response, read_restriction
from bot.simex.core.order import Ticket

MODES: Final = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
RATE_MODES: Final = ("DO_NOTHING", "CANCEL_ONLY")
PARTLY: Final = (-2021, "Order cancel-replace partially failed.")
FAILED: Final = (-2022, "Order cancel-replace failed.")
Row = dict[str, Any]


class CancelReplace:
    """The handler."""

    def __init__(self, desk: SpotDesk, limiter: RateLimiter) -> None:
        self._desk = desk
        self._limiter = limiter
        self._tickets = SpotTickets(desk)

    def handle(self, call: Call) -> Row:
        """Both halves; anything but two successes is refused with what became of each in `data`."""
        params = call.params
        mode = params.one_of("cancelReplaceMode", MODES, invalid("cancelReplaceMode"))
        rate_mode = params.one_of(
            "orderRateLimitExceededMode", RATE_MODES, invalid("orderRateLimitExceededMode"), "DO_NOTHING"
        )
        shape = read_response(params)
        ticket, tag = self._tickets.read(params)
        self._desk.catch_up()
        limited = self._charge(call.account)
        if limited is not None and rate_mode == "DO_NOTHING":
            raise limited
        ended, cancel_row = self._cancel(call, params)
        if limited is not None:
            raise self._refusal(ended, cancel_row, False, _row(limited), 429)
        if not ended and mode == "STOP_ON_FAILURE":
            raise self._refusal(False, cancel_row, None, None, 400)
        placed, order_row = self._place(call, ticket, tag, shape)
        if not (ended and placed):
            raise self._refusal(ended, cancel_row, placed, order_row, 409 if ended or placed else 400)
        return {
            "cancelResult": "SUCCESS",
            "newOrderResult": "SUCCESS",
            "cancelResponse": cancel_row,
            "newOrderResponse": order_row,
        }

    def _charge(self, account_id: str) -> VenueError | None:
        try:
            self._limiter.charge_order(account_id, self._desk.server_ms)
        except VenueError as error:
            return error
        return None

    def _cancel(self, call: Call, params: Params) -> tuple[bool, Row]:
        desk, instrument = self._desk, self._desk.symbol(params)
        named = reference(params, "cancelOrderId", "cancelOrigClientOrderId")
        restriction = read_restriction(params)
        cancel_id = read_client_id(params, "cancelNewClientOrderId")
        try:
            order = desk.live_order(call.account, instrument, *named)
            chosen = desk.end_order(call.account, order, cancel_id, restriction)
        except VenueError as error:
            return False, _row(error if error.code == UNKNOWN_ORDER[0] else venue_error(UNKNOWN_ORDER))
        return True, shapes.cancelled(desk, order, chosen)

    def _place(self, call: Call, ticket: Ticket, tag: SpotTag, shape: str) -> tuple[bool, Row]:
        try:
            order = self._desk.place_ticket(call.account, ticket, tag)
        except VenueError as error:
            return False, _row(error)
        call.order_id, call.client_order_id = order.order_id, order.client_id
        shaped = {"ACK": shapes.ack, "RESULT": shapes.result, "FULL": shapes.full}[shape]
        return True, shaped(self._desk, order)

    @staticmethod
    def _refusal(ended: bool, cancel_row: Row, placed: bool | None, order_row: Row | None, status: int) -> VenueError:
        code, text = PARTLY if ended or placed else FAILED
        words = {True: "SUCCESS", False: "FAILURE", None: "NOT_ATTEMPTED"}
        data = {
            "cancelResult": words[ended],
            "newOrderResult": words[placed],
            "cancelResponse": cancel_row,
            "newOrderResponse": order_row,
        }
        return VenueError(code, text, status, data=data)


def _row(error: VenueError) -> Row:
    return {"code": error.code, "msg": error.msg}
