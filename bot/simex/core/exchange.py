"""The exchange as dialects and tests use it: books, orders, accounts, money and time behind one set of calls.

It is deterministic: the same instruments, source, seed and calls give the same events. Time moves only by `advance`;
a call acts at `now_ms`, so the caller advances first. Every change is an event (see events.py), read by `drain`.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.simex.core.accounting import Accounting
from bot.simex.core.adl import Adl
from bot.simex.core.admission import Admission
from bot.simex.core.book import Book, Levels, Top
from bot.simex.core.clockwork import Clockwork, MarkTimer, Timer
from bot.simex.core.controls import Controls
from bot.simex.core.countdowns import Countdowns
from bot.simex.core.delivery import Delivery
from bot.simex.core.desk import Desk
from bot.simex.core.digest import Digest
from bot.simex.core.events import Event
from bot.simex.core.execution import Floor
from bot.simex.core.flow import MarketSource
from bot.simex.core.funding import Funding
from bot.simex.core.instrument import Category, Instrument, Key
from bot.simex.core.liquidation import Liquidation
from bot.simex.core.order import EndReason, Order, Side
from bot.simex.core.orders import Orders
from bot.simex.core.publication import Publication
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.state import State
from bot.simex.core.strangers import Strangers
from bot.simex.core.valuation import Valuation
from bot.simex.core.venue import VenueRules

DEPTH_INTERVAL_MS = 100
MARK_INTERVAL_MS = 1_000


class Exchange(Controls):
    """A simulated exchange.

    Attributes:
        state: time, instruments, accounts. `open_account` adds one.
        place: accept an order, match it, and answer it as it then is (see Desk.place). examine: refuses what `place`
            would refuse now, and changes nothing.
        orders: order queries (see Orders).
        funds: money of the accounts: deposit, transfer ... (see Funds); `marks`: mark and index prices.
        valuation: positions and margin as they are shown.
        adl: deleveraging and its ranks; `delivery`: expiries and delistings.
        market: the source of flow; `market.ended` says that nothing more will come.
    """

    def __init__(
        self,
        rules: VenueRules,
        instruments: Iterable[Instrument],
        market: MarketSource,
        *,
        seed: int,
        start_ms: int,
        depth_interval_ms: int = DEPTH_INTERVAL_MS,
        mark_interval_ms: int = MARK_INTERVAL_MS,
        digests: bool = True,
    ) -> None:
        """Open with these instruments and the books with which the market opens.

        Without `digests` there is no `digest()`, and orders cost a sixth less.
        """
        state = State(rules, instruments, start_ms)
        self._books = books = {key: Book(one) for key, one in state.instruments.items()}
        accounting = Accounting(state, self._mid)
        self.orders = Orders(state, books, accounting.funds)
        publication = Publication(state, books, depth_interval_ms)
        floor = Floor(state, self.orders)
        admission = Admission(state, accounting.marks, seed)
        desk = Desk(state, books, self.orders, admission, floor, publication)
        self.examine = desk.examine
        self._countdowns = Countdowns(state, desk)
        strangers = Strangers(state, books, floor, accounting.marks, accounting.rates)
        marks = MarkTimer(state, accounting.marks, desk, mark_interval_ms)
        self.adl = Adl(accounting, desk)
        self.delivery = Delivery(accounting, desk)
        self.valuation = Valuation(accounting, self.adl.ranking)
        timers: tuple[Timer, ...] = (
            marks,
            Funding(accounting),
            self._countdowns,
            Liquidation(accounting, desk, self.adl),
            self.delivery,
        )
        clockwork = Clockwork(state, market, strangers, desk, publication, timers)
        super().__init__(state, market, accounting, strangers, clockwork, desk)
        self.place = desk.place
        self._digest = Digest() if digests else None
        self._digested = 0
        for change in market.opening():
            strangers.apply(change)
        strangers.touched.clear()
        publication.opened()
        accounting.marks.sample()

    # ------------------------------------------------------------------------------------------------ time
    def advance(self, now_ms: int) -> None:
        """Move everything to `now_ms`; however finely it is called, the result is the same."""
        self.state.check_unread()
        self._clockwork.advance(now_ms)

    def countdown(self, account_id: str, key: Key, length_ms: int) -> None:
        """Cancel the account's orders on an instrument when so much time passes without another call; 0 disarms."""
        self.state.account(account_id)
        self.state.instrument(key)
        self._countdowns.set(account_id, key, length_ms)

    # ---------------------------------------------------------------------------------------------- orders
    def amend(
        self,
        account_id: str,
        order: Order,
        price: int | None = None,
        quantity: int | None = None,
        trigger_price: int | None = None,
    ) -> Order:
        """Change an open order's price or whole quantity, or the trigger price of one that waits. Refused."""
        if order.account_id != account_id:
            raise Refused(Reason.UNKNOWN_ORDER)
        return self._desk.amend(order, price, quantity, trigger_price)

    def cancel(self, account_id: str, order: Order, reason: EndReason = "user") -> Order:
        """End an order. Refused(ORDER_NOT_OPEN)."""
        if order.account_id != account_id:
            raise Refused(Reason.UNKNOWN_ORDER)
        return self._desk.cancel(order, reason)

    def cancel_all(
        self,
        account_id: str,
        category: Category,
        key: Key | None = None,
        side: Side | None = None,
    ) -> list[Order]:
        """End every order of an account in a category, or of one instrument or side; answers them, oldest first."""
        return self._desk.cancel_all(self.state.account(account_id), category, key, side)

    # --------------------------------------------------------------------------------------------- looking
    def depth(self, key: Key, limit: int) -> tuple[int, Levels, Levels]:
        """Update id, bids and asks: the best `limit` (price, quantity) of each side. Refused(UNKNOWN_SYMBOL)."""
        book = self._book(key)
        return book.update_id, book.bids.depth(limit), book.asks.depth(limit)

    def top(self, key: Key) -> Top:
        """Best bid, its quantity, best ask, its quantity; an empty side has both zero. Refused(UNKNOWN_SYMBOL)."""
        return self._book(key).top()

    def last(self, key: Key) -> int:
        """The price of the last trade, 0 before the first. Refused(UNKNOWN_SYMBOL)."""
        return self._book(key).last

    def drain(self) -> list[Event]:
        """All events since the last call, in order."""
        if self._digest is not None:
            self._feed(self._digest)
            self._digested = 0
        return self.state.drain()

    # ----------------------------------------------------------------------------------------------- truth
    def check(self) -> None:
        """Raise AssertionError unless positions sum to zero per contract and money per asset is conserved, exactly."""
        self.accounting.check()

    def digest(self) -> str:
        """The SHA-256 over every event so far. RuntimeError when the exchange was opened without digests."""
        if self._digest is None:
            raise RuntimeError("the exchange was opened without digests")
        self._feed(self._digest)
        return self._digest.hexdigest()

    def _feed(self, digest: Digest) -> None:
        events = self.state.events
        digest.feed(events[self._digested :] if self._digested else events)
        self._digested = len(events)

    def _book(self, key: Key) -> Book:
        self.state.instrument(key)
        return self._books[key]

    def _mid(self, key: Key) -> int | None:
        book = self._books.get(key)
        return (book.mid() or None) if book is not None else None
