"""Every order the exchange accepted, found by id and by client id."""

from __future__ import annotations

from collections import defaultdict

from bot.simex.model import Market, Order, Reject, Side, SymbolKey

ORDERS_KEPT_MAX = 200_000
_Owner = tuple[str, str, str]


class Orders:
    """Order queries. A client id names the latest order that carried it: it is unique among open orders only."""

    def __init__(self) -> None:
        self._by_id: dict[int, Order] = {}
        self._by_client: dict[tuple[str, str, str, str], int] = {}
        self._open: defaultdict[_Owner, dict[int, None]] = defaultdict(dict)
        self._all: defaultdict[_Owner, dict[int, None]] = defaultdict(dict)

    def get(
        self, account_id: str, market: Market, symbol: str, order_id: int | None = None, client_id: str = ""
    ) -> Order:
        """One order, open or not; the order id wins when both are given. Reject(-2013) when unknown."""
        wanted = self._by_client.get((account_id, market, symbol, client_id)) if order_id is None else order_id
        found = None if wanted is None else self._by_id.get(wanted)
        if found is None or (found.account_id, found.market, found.symbol) != (account_id, market, symbol):
            raise Reject(-2013, "Order does not exist.")
        return found

    def open(self, account_id: str, market: Market, symbol: str | None = None) -> list[Order]:
        """Open orders by order id, of one symbol or of the whole market."""
        owners = [o for o in self._open if o[:2] == (account_id, market) and symbol in (None, o[2])]
        return [self._by_id[i] for i in sorted(i for owner in owners for i in self._open[owner])]

    def history(self, account_id: str, market: Market, symbol: str) -> list[Order]:
        """All orders of a symbol by order id, open and closed."""
        return [self._by_id[i] for i in sorted(self._all[(account_id, market, symbol)])]

    def is_client_id_open(self, account_id: str, key: SymbolKey, client_id: str) -> bool:
        """Whether an open order carries a client id."""
        known = self._by_client.get((account_id, *key, client_id))
        return known is not None and self._by_id[known].is_open

    def open_on(self, account_id: str, key: SymbolKey, side: Side | None = None) -> list[Order]:
        """Open orders of one symbol, of one side or both, oldest first."""
        found = (self._by_id[i] for i in self._open[(account_id, *key)])
        return [order for order in found if side in (None, order.side)]

    def by_id(self, order_id: int) -> Order:
        """An order by its id alone. KeyError when unknown."""
        return self._by_id[order_id]

    def put(self, order: Order) -> Order:
        """Write an order's newest state and answer it."""
        owner = (order.account_id, order.market, order.symbol)
        if order.order_id not in self._by_id:
            self._by_client[(*owner, order.client_order_id)] = order.order_id
            self._all[owner][order.order_id] = None
        self._by_id[order.order_id] = order
        if order.is_open:
            self._open[owner][order.order_id] = None
        else:
            self._open[owner].pop(order.order_id, None)
            self._forget_oldest()
        return order

    def _forget_oldest(self) -> None:
        if len(self._by_id) <= ORDERS_KEPT_MAX:
            return
        oldest = next(order for order in self._by_id.values() if not order.is_open)
        owner = (oldest.account_id, oldest.market, oldest.symbol)
        del self._by_id[oldest.order_id], self._all[owner][oldest.order_id]
        client = (*owner, oldest.client_order_id)
        if self._by_client.get(client) == oldest.order_id:
            del self._by_client[client]
