"""What the endpoints share: the exchange, the two clocks, the records, and the reading of common parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from bot.simex.bybit.errors import NO_OTHERWISE, VenueError, invalid, refusal
from bot.simex.bybit.params import Params
from bot.simex.bybit.recorder import Recorder
from bot.simex.bybit.records import Replica
from bot.simex.bybit.tape import Tape
from bot.simex.core.account import Account
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.valuation import Valuation
from bot.simex.timeline import Timeline

CATEGORIES = ("spot", "linear", "inverse")
DERIVATIVES = ("linear", "inverse")
WALLET = "unified"
FUNDING_WALLET = "funding"
Row = TypeVar("Row")


class Desk:
    """An exchange as Bybit's endpoints ask about it."""

    def __init__(self, exchange: Exchange, timeline: Timeline, lag_ms: int = 0) -> None:
        self.exchange = exchange
        self.timeline = timeline
        self.replica = Replica(lag_ms)
        self.recorder = Recorder(self.replica, timeline.wire_ms, timeline.server_ms)
        self.valuation = Valuation(exchange.accounting, exchange.adl.ranking)
        self.tape = Tape(exchange.now_ms)

    @property
    def server_ms(self) -> int:
        """The server's clock."""
        return self.timeline.server_ms()

    def wire(self, exchange_ms: int) -> int:
        """An exchange moment as clients are told it."""
        return self.timeline.wire_ms(exchange_ms)

    def account(self, account_id: str) -> Account:
        """The account of a key."""
        return self.exchange.state.account(account_id)

    def catch_up(self) -> None:
        """Let the exchange live up to now, so that what is asked or done next happens at its own time."""
        now_ms = self.timeline.exchange_ms()
        if now_ms > self.exchange.now_ms:
            self.exchange.advance(now_ms)

    def last_price(self, instrument: Instrument) -> int:
        """The last trade's price, or the mid before there was one; 0 with an empty book."""
        return self.tape.last(instrument.key) or self.mid(instrument)

    def mid(self, instrument: Instrument) -> int:
        """The mid of the book; 0 when a side is empty."""
        _, bids, asks = self.exchange.depth(instrument.key, 1)
        return (int(bids[0][0]) + int(asks[0][0])) // 2 if bids and asks else 0

    def instruments(self, category: str) -> list[Instrument]:
        """The category's instruments by name."""
        found = (one for one in self.exchange.instruments.values() if one.category == category)
        return sorted(found, key=lambda one: one.name)

    def instrument(self, category: str, params: Params) -> Instrument:
        """The instrument of the mandatory `symbol`."""
        found = self.exchange.instruments.get((category, params.need("symbol")))
        if found is None:
            raise unknown_symbol(category)
        return found

    def chosen(self, category: str, params: Params) -> list[Instrument]:
        """The instrument of `symbol`, or all of the category."""
        return [self.instrument(category, params)] if "symbol" in params else self.instruments(category)


def category_of(params: Params, allowed: Iterable[str] = CATEGORIES, default: str | None = None) -> str:
    """The mandatory `category`; an option is known and not open here."""
    category = params.one_of("category", (*allowed, "option"), default)
    if category == "option":
        raise invalid("category option is not open on this exchange")
    return category


def unknown_symbol(category: str) -> VenueError:
    """There is no such instrument."""
    return VenueError(170121) if category == "spot" else invalid("symbol invalid")


@contextmanager
def in_venue_words(*, spot: bool = False, otherwise: Mapping[Reason, int] = NO_OTHERWISE) -> Iterator[None]:
    """What the core refuses inside the block is refused in the venue's words."""
    try:
        yield
    except Refused as refused:
        raise refusal(refused, spot=spot, otherwise=otherwise) from None


def page(rows: Iterable[Row], number: Callable[[Row], int], params: Params, limit: int) -> tuple[list[Row], str]:
    """So many rows after the cursor, of rows whose numbers fall, and the cursor of the next page."""
    cursor = params.text("cursor")
    after = _cursor_number(cursor) if cursor else None
    taken: list[Row] = []
    for row in rows:
        if after is not None and number(row) >= after:
            continue
        if len(taken) == limit:
            return taken, f"page_token%3D{number(taken[-1])}%26"
        taken.append(row)
    return taken, ""


def _cursor_number(cursor: str) -> int:
    text = cursor.replace("%3D", "=").replace("%26", "&").removeprefix("page_token=").rstrip("&")
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise invalid("cursor invalid")
    return int(text)
