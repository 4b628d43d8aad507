"""What the endpoints of one market (spot, usdm, coinm) share: the exchange, the two clocks, common parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from bot.simex.binance.errors import BAD_SYMBOL, either_missing, venue_error
from bot.simex.binance.params import Params
from bot.simex.binance.reasons import refusal
from bot.simex.core.account import Account
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Category, Instrument
from bot.simex.core.numbers import scaled
from bot.simex.core.order import Order, Ticket
from bot.simex.core.refusal import Refused
from bot.simex.timeline import Timeline

ROWS_DEFAULT = 500
ROWS_MAX = 1_000
OVER_PRECISE = (-1111, "Precision is over the maximum defined for this asset.", 400)
Row = TypeVar("Row")


class Desk:
    """An exchange as one of its markets is asked about it."""

    def __init__(self, exchange: Exchange, timeline: Timeline, market: Category) -> None:
        self.exchange = exchange
        self.timeline = timeline
        self.market = market
        self.wallet = exchange.state.rules.wallets[market]

    @property
    def is_spot(self) -> bool:
        """Whether this is the spot market."""
        return self.market == "spot"

    @property
    def server_ms(self) -> int:
        """The server's clock."""
        return self.timeline.server_ms()

    def wire(self, exchange_ms: int) -> int:
        """An exchange moment as clients are told it."""
        return self.timeline.wire_ms(exchange_ms)

    def catch_up(self) -> None:
        """Let the exchange live up to now, so that what is asked or done next happens at its own time."""
        now_ms = self.timeline.exchange_ms()
        if now_ms > self.exchange.now_ms:
            self.exchange.advance(now_ms)

    def account(self, account_id: str) -> Account:
        """The account of a key."""
        return self.run(lambda: self.exchange.state.account(account_id))

    def run(self, action: Callable[[], Row]) -> Row:
        """What the core answers; its refusal in the venue's words."""
        try:
            return action()
        except Refused as refused:
            raise refusal(refused, spot=self.is_spot) from None

    # ------------------------------------------------------------------------------------------------- instruments
    def symbols(self) -> list[Instrument]:
        """The market's instruments by name."""
        found = (one for one in self.exchange.instruments.values() if one.category == self.market)
        return sorted(found, key=lambda one: one.name)

    def symbol(self, params: Params) -> Instrument:
        """The instrument of the mandatory `symbol`; -1121 when there is none."""
        found = self.exchange.instruments.get((self.market, params.need("symbol")))
        if found is None:
            raise venue_error(BAD_SYMBOL)
        return found

    def some_symbols(self, params: Params) -> tuple[list[Instrument], bool]:
        """The instrument of `symbol`, or all; and whether one was asked for."""
        return ([self.symbol(params)], True) if "symbol" in params else (self.symbols(), False)

    # ------------------------------------------------------------------------------------------------------ orders
    def place(self, account_id: str, ticket: Ticket) -> Order:
        """Place an order now."""
        self.catch_up()
        return self.run(lambda: self.exchange.place(account_id, ticket))

    def in_time(self, params: Params, time_ms: int) -> bool:
        """Whether an exchange moment lies within `startTime` and `endTime`, both inclusive and in wire time."""
        start, end = params.moment("startTime"), params.moment("endTime")
        moment = self.wire(time_ms)
        return (start is None or moment >= start) and (end is None or moment <= end)


def order_reference(params: Params) -> tuple[int | None, str]:
    """`orderId` and `origClientOrderId`, of which one must be there."""
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and not client_id:
        raise either_missing("origClientOrderId", "orderId")
    return order_id, client_id


def exact(value: Decimal) -> int:
    """A price or quantity for the core; -1111 when it has more decimals than any instrument."""
    try:
        return scaled(value)
    except ValueError:
        raise venue_error(OVER_PRECISE) from None


def page(rows: Sequence[Row], params: Params, default: int = ROWS_DEFAULT, most: int = ROWS_MAX) -> list[Row]:
    """`limit` rows, as the venue cuts them: the oldest from a start, otherwise the newest; always oldest first."""
    limit = params.limit("limit", default, most)
    from_start = any(name in params for name in ("startTime", "fromId", "orderId"))
    return list(rows[:limit] if from_start else rows[-limit:])
