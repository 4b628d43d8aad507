"""Self-trade prevention as the venue tells it afterwards: which orders would have met, and what expired of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from bot.simex.core.order import BUY, Order

MATCHES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """Two orders of one account that would have met; the quantities (of 1e-8) are what expired, 0 where nothing did."""

    number: int
    taker: Order
    maker: Order
    taker_quantity: int
    maker_quantity: int
    time_ms: int


class PreventedMatches:
    """The matches by number, and the newest of each order."""

    def __init__(self) -> None:
        self._next = count(1).__next__
        self._matches: OrderedDict[int, PreventedMatch] = OrderedDict()

    def note(self, taker: Order, rivals: Sequence[Order]) -> None:
        """Write down what prevention did while `taker` came in; `rivals` are its account's orders of the other side."""
        expired = [one for one in rivals if one.end == "self_trade" and one.updated_ms == taker.updated_ms]
        ended = taker.end == "self_trade"
        if ended and not expired:
            expired = sorted((one for one in rivals if one.is_open), key=_priority)[:1]
        for maker in expired:
            gone = maker.end == "self_trade"
            match = PreventedMatch(
                self._next(),
                taker,
                maker,
                taker.remaining if ended else 0,
                maker.remaining if gone else 0,
                taker.updated_ms,
            )
            self._matches[match.number] = match
            if len(self._matches) > MATCHES_MAX:
                self._matches.popitem(last=False)

    def of(self, order: Order) -> PreventedMatch | None:
        """The newest match that ended an order."""
        return next((one for one in reversed(self._matches.values()) if order.order_id in _ids(one)), None)

    def select(self, account_id: str, number: int | None, order_id: int | None, first: int) -> list[PreventedMatch]:
        """The matches of an account by number, or of an order from a number on, oldest first."""
        return [
            one
            for one in self._matches.values()
            if one.taker.account_id == account_id
            and number in (None, one.number)
            and (order_id is None or order_id in _ids(one))
            and one.number >= first
        ]


def _ids(match: PreventedMatch) -> tuple[int, int]:
    return match.taker.order_id, match.maker.order_id


def _priority(order: Order) -> tuple[int, int]:
    """Which of several resting orders would have been met first: the best price, then the oldest."""
    return (-order.price if order.side == BUY else order.price), order.order_id
