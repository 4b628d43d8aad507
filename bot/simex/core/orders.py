"""Every order the exchange accepted: open ones where the desk finds them at once, closed ones for queries."""

from __future__ import annotations

from collections import deque

from bot.simex.core.account import Account
from bot.simex.core.book import Book
from bot.simex.core.instrument import Category, Key
from bot.simex.core.order import Order, PositionSide, Side
from bot.simex.core.ports import Money, Till
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.state import State

# Closed orders that are kept; the oldest are forgotten first, and with them their client ids.
CLOSED_KEPT_MAX = 200_000


class Seat:
    """One account at one book: what a call about the two needs, found with one look-up; `till` is for the money.

    `resting` counts its orders in the book, `reducing` are the reduce-only ones of them by position side, `waiting`
    those whose trigger did not fire, both by order id, oldest first; `closed` are the rest, in the order of their ends.
    `clients` is shared by all seats of an account in a category: client id -> the newest order that carried it.
    """

    __slots__ = ("account", "book", "clients", "closed", "instrument", "reducing", "resting", "till", "waiting")

    def __init__(self, account: Account, book: Book, till: Till, clients: dict[str, Order]) -> None:
        self.account = account
        self.book = book
        self.till = till
        self.instrument = book.instrument
        self.clients = clients
        self.resting = 0
        self.waiting: dict[int, Order] = {}
        self.reducing: dict[PositionSide, dict[int, Order]] = {}
        self.closed: deque[Order] = deque()


class Orders:
    """The registry. Queries of one account and category; a client id names the newest order that carried it.

    `by_id` are all orders that are known, `seats` the seats that were taken, by account and instrument.
    """

    def __init__(self, state: State, books: dict[Key, Book], money: Money) -> None:
        self._state = state
        self._books = books
        self._money = money
        self.by_id: dict[int, Order] = {}
        self.seats: dict[tuple[str, Key], Seat] = {}
        self._clients: dict[tuple[str, Category], dict[str, Order]] = {}
        self._closed: deque[Seat] = deque()

    def find(self, account_id: str, where: Key | Category, order_id: int | None = None, client_id: str = "") -> Order:
        """One order, open or not, of an instrument or a category; the order id wins. Refused(UNKNOWN_ORDER)."""
        category = where if isinstance(where, str) else where[0]
        if order_id is not None:
            found = self.by_id.get(order_id)
        else:
            found = self._clients.get((account_id, category), {}).get(client_id)
        if found is None or found.account_id != account_id or found.instrument.category != category:
            raise Refused(Reason.UNKNOWN_ORDER)
        if not isinstance(where, str) and found.instrument.key != where:
            raise Refused(Reason.UNKNOWN_ORDER)
        return found

    def open(
        self, account_id: str, category: Category, key: Key | None = None, side: Side | None = None
    ) -> list[Order]:
        """Open orders by order id, those that wait for their trigger included."""
        account = self._state.accounts.get(account_id)
        found = () if account is None else account.orders.values()
        return sorted(
            (
                order
                for order in found
                if order.instrument.category == category
                and key in (None, order.instrument.key)
                and side in (None, order.side)
            ),
            key=_by_id,
        )

    def history(self, account_id: str, category: Category, key: Key | None = None) -> list[Order]:
        """Every order still known, open or closed, by order id."""
        keys = [key] if key is not None else [known for known in self._books if known[0] == category]
        seats = (self.seats.get((account_id, known)) for known in keys)
        closed = [order for seat in seats if seat is not None for order in seat.closed]
        return sorted(closed + self.open(account_id, category, key), key=_by_id)

    # ------------------------------------------------------------------------------------------- for the desk
    def seat(self, account_id: str, key: Key) -> Seat:
        """An account's seat at a book, made at its first call. Refused(UNKNOWN_ACCOUNT, UNKNOWN_SYMBOL)."""
        found = self.seats.get((account_id, key))
        if found is None:
            account, instrument = self._state.account(account_id), self._state.instrument(key)
            clients = self._clients.setdefault((account_id, key[0]), {})
            till = self._money.till(account, instrument)
            found = self.seats[(account_id, key)] = Seat(account, self._books[key], till, clients)
        return found

    def seat_of(self, order: Order) -> Seat:
        """The seat from which an order was placed."""
        return self.seats[order.account_id, order.instrument.key]

    def add(self, seat: Seat, order: Order) -> None:
        """A new order was accepted."""
        self.by_id[order.order_id] = order
        if order.client_id:
            seat.clients[order.client_id] = order

    def rename(self, order: Order, client_id: str) -> None:
        """Give an order another client id; the old one names it no longer."""
        clients = self.seat_of(order).clients
        if clients.get(order.client_id) is order:
            del clients[order.client_id]
        order.client_id = client_id
        clients[client_id] = order

    def rested(self, seat: Seat, order: Order) -> None:
        """An order came into the book."""
        seat.resting += 1
        seat.account.orders[order.order_id] = order
        if order.reduce_only:
            seat.reducing.setdefault(order.position_side, {})[order.order_id] = order

    def moved(self, seat: Seat, order: Order) -> None:
        """An order left the book to come back elsewhere."""
        seat.resting -= 1
        del seat.account.orders[order.order_id]
        if order.reduce_only:
            del seat.reducing[order.position_side][order.order_id]

    def waits(self, seat: Seat, order: Order) -> None:
        """An order waits for its trigger."""
        seat.waiting[order.order_id] = order
        seat.account.orders[order.order_id] = order

    def triggered(self, seat: Seat, order: Order) -> None:
        """An order no longer waits for its trigger."""
        del seat.waiting[order.order_id]
        del seat.account.orders[order.order_id]

    def ended(self, seat: Seat, order: Order) -> None:
        """An order will not change any more."""
        order_id, orders = order.order_id, seat.account.orders
        if order_id in orders:
            del orders[order_id]
            if order_id in seat.waiting:
                del seat.waiting[order_id]
            else:
                seat.resting -= 1
                if order.reduce_only:
                    del seat.reducing[order.position_side][order_id]
        seat.closed.append(order)
        closed = self._closed
        closed.append(seat)
        if len(closed) > CLOSED_KEPT_MAX:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        seat = self._closed.popleft()
        oldest = seat.closed.popleft()
        del self.by_id[oldest.order_id]
        if seat.clients.get(oldest.client_id) is oldest:
            del seat.clients[oldest.client_id]


def _by_id(order: Order) -> int:
    return order.order_id
