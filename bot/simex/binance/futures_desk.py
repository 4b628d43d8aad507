"""What the endpoints of a futures market share: its codes, its records, its replica.

USD-M and COIN-M differ in path, in names of fields, in some codes, and in where conditional orders live: in COIN-M they
are orders like others, in USD-M they belong to the algo service until they are triggered and are orders only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from bot.simex.binance.desk import Desk
from bot.simex.binance.errors import venue_error
from bot.simex.binance.futures_errors import INACTIVE, refusal_of
from bot.simex.binance.futures_records import PLAIN, Records, Tag
from bot.simex.binance.futures_replica import FuturesReplica
from bot.simex.core.account import Account
from bot.simex.core.events import AccountChanged, Event, Marked, OrderChanged, Traded
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Category, Instrument
from bot.simex.core.order import ALIVE, Order, PositionSide, Ticket
from bot.simex.core.refusal import Refused
from bot.simex.core.valuation import Valuation
from bot.simex.timeline import Timeline
from bot.simex.trailing import TrailingStops

PREFIXES: Final = {"usdm": "/fapi", "coinm": "/dapi"}
Row = TypeVar("Row")


class FuturesDesk(Desk):
    """An exchange as one of its futures markets is asked about it.

    The dialect hands every event of the exchange to `observe` before it tells anybody, and calls `run_deadlines` as
    time passes. `lag_ms` is how far the view of the order, trade and position queries is behind.
    """

    def __init__(self, exchange: Exchange, timeline: Timeline, market: Category, lag_ms: int = 0) -> None:
        super().__init__(exchange, timeline, market)
        self.prefix = PREFIXES[market]
        self.is_inverse = market == "coinm"
        self.valuation = Valuation(exchange.accounting, exchange.adl.ranking)
        self.replica = FuturesReplica(lag_ms, market)
        self.records = Records(self.wire)
        self.trailing = TrailingStops(exchange)

    def run(self, action: Callable[[], Row]) -> Row:
        """What the core answers; its refusal in the market's words."""
        try:
            return action()
        except Refused as refused:
            raise refusal_of(self.market, refused) from None

    def pair(self, instrument: Instrument) -> str:
        """The pair of a contract: the name of what it is on, without delivery."""
        return f"{instrument.base}{instrument.quote}"

    def sides(self, account: Account) -> tuple[PositionSide, ...]:
        """The position rows of a symbol; COIN-M shows BOTH in hedge mode as well."""
        if not account.hedge_mode.get(self.market, False):
            return ("both",)
        return ("both", "long", "short") if self.is_inverse else ("long", "short")

    # -------------------------------------------------------------------------------------------------------- events
    def observe(self, event: Event) -> None:
        """Something happened on the exchange; of other markets it is ignored."""
        if isinstance(event, OrderChanged) and event.order.instrument.category == self.market:
            self._order_changed(event)
        elif isinstance(event, (Traded, Marked)):
            self.watch(event)
        elif isinstance(event, AccountChanged) and event.wallet == self.wallet:
            self._account_changed(event)

    def watch(self, event: Traded | Marked) -> None:
        """A price that trailing stops follow."""
        if isinstance(event, Traded):
            self.trailing.seen(event.instrument.key, "last", event.price)
        else:
            self.trailing.seen(event.instrument.key, "mark", event.mark)

    def _account_changed(self, event: AccountChanged) -> None:
        self.replica.balances.changed(event, self.server_ms)
        if event.positions and self.replica.kept_ms:
            account = self.account(event.account_id)
            for row in event.positions:
                if row.instrument.category == self.market:
                    view = self.valuation.position(account, row.instrument, row.side)
                    self.replica.position_changed(event.account_id, view, self.server_ms)

    def _order_changed(self, event: OrderChanged) -> None:
        order = event.order
        self.replica.order_changed(order, self.server_ms)
        if event.execution == "triggered":
            self.records.tag_for(order).triggered_ms = self.wire(event.time_ms)

    # -------------------------------------------------------------------------------------------------------- orders
    def tag(self, order: Order) -> Tag:
        """What an order was asked for beyond what the core keeps."""
        return self.records.tag(order)

    def place_ticket(self, account_id: str, ticket: Ticket, tag: Tag) -> Order:
        """Place an order now and remember its tag. -4109 for an account whose wallet never held anything."""
        if not self.account(account_id).wallets[self.wallet]:
            raise venue_error(INACTIVE)
        order = self.place(account_id, ticket)
        if tag != PLAIN:
            self.records.keep(order, tag)
        if tag.trail is not None:
            self.trailing.follow(order, tag.trail)
        return order

    def run_deadlines(self) -> None:
        """Cancel the orders good till a date that has come."""
        for order in self.records.overdue(self.server_ms):
            if order.status in ALIVE:
                self.exchange.cancel(order.account_id, order, "deadline")
