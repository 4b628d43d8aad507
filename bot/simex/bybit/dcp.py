"""Disconnection protection: when every private connection of an account that watches a `dcp` topic is gone for longer
than the account's window, its orders of that product are cancelled. Positions are not touched.

At the venue it is for institutional clients and set up by the venue; here every account may use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.errors import invalid
from bot.simex.bybit.gate import Call, Route, Scope

WINDOW_S_DEFAULT: Final = 10
WINDOW_S_LEAST: Final = 3
WINDOW_S_MOST: Final = 300
PRODUCTS: Final = {"DERIVATIVES": ("linear", "inverse"), "SPOT": ("spot",), "OPTIONS": ()}
TOPICS: Final = {"dcp.future": "DERIVATIVES", "dcp.spot": "SPOT", "dcp.option": "OPTIONS"}
Row = dict[str, Any]


@dataclass(slots=True)
class _Watch:
    """One account and product: its window, who watches, and when the orders go if nobody comes back."""

    window_s: int = WINDOW_S_DEFAULT
    connections: int = 0
    due_ms: int | None = None


class Dcp:
    """The windows of every account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watches: dict[tuple[str, str], _Watch] = {}

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("POST", "/v5/order/disconnected-cancel-all", self._set, Scope.TRADE, msg="success"),
            Route("GET", "/v5/account/query-dcp-info", self._info, Scope.READ, msg="success"),
        ]

    def watched(self, account: str, topic: str) -> None:
        """A connection subscribed to a topic; what was about to happen does not."""
        watch = self._watch(account, TOPICS[topic])
        watch.connections += 1
        watch.due_ms = None

    def unwatched(self, account: str, topic: str, *, lost: bool) -> None:
        """A connection is gone, or has unsubscribed, which protects nothing any more."""
        watch = self._watch(account, TOPICS[topic])
        watch.connections -= 1
        if not watch.connections and lost:
            watch.due_ms = self._desk.server_ms + watch.window_s * 1000

    def tick(self) -> None:
        """Cancel the orders of those who did not come back."""
        now_ms = self._desk.server_ms
        for (account, product), watch in self._watches.items():
            if watch.due_ms is not None and now_ms >= watch.due_ms:
                watch.due_ms = None
                self._cancel(account, product)

    def window_s(self, account: str) -> int:
        """The window of an account's derivatives."""
        return self._watch(account, "DERIVATIVES").window_s

    def _cancel(self, account: str, product: str) -> None:
        for category in PRODUCTS[product]:
            for order in self._desk.exchange.orders.open(account, category):
                self._desk.exchange.cancel(account, order, "countdown")

    def _watch(self, account: str, product: str) -> _Watch:
        return self._watches.setdefault((account, product), _Watch())

    def _set(self, call: Call) -> Row:
        product = call.params.one_of("product", PRODUCTS, "OPTIONS")
        window = call.params.need_integer("timeWindow")
        if not WINDOW_S_LEAST <= window <= WINDOW_S_MOST:
            raise invalid(f"timeWindow should be from {WINDOW_S_LEAST} to {WINDOW_S_MOST}")
        self._watch(call.account, product).window_s = window
        return {}

    def _info(self, call: Call) -> Row:
        rows = [
            {"product": product, "dcpStatus": "ON", "timeWindow": str(self._watch(call.account, product).window_s)}
            for product in ("SPOT", "DERIVATIVES")
        ]
        return {"dcpInfos": rows}
