"""A stage for trading: a small exchange with a known book, whose market says what the test says."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Level, Levels
from bot.simex.core.instrument import HOUR_MS, Filters, FundingTerms, Instrument, Tier
from bot.simex.core.numbers import MONEY, SCALE, money, scaled
from bot.simex.core.order import BUY, SELL, Order, Ticket
from bot.simex.core.venue import BINANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.simex.core.account import Position
    from bot.simex.core.flow import Flow
    from bot.simex.core.instrument import Key
    from bot.simex.core.order import Side
    from bot.simex.core.venue import VenueRules

E = TypeVar("E")

START_MS = 1_700_000_000_000 // (8 * HOUR_MS) * (8 * HOUR_MS)
TIERS = (
    Tier(0, 10_000_000 * MONEY, 500_000, 0, 125),
    Tier(10_000_000 * MONEY, 10**9 * MONEY, 5_000_000, 450_000 * MONEY, 20),
)
BIDS = (("99.9", "1"), ("99.8", "2"), ("99.7", "3"))
ASKS = (("100.1", "1"), ("100.2", "2"), ("100.3", "3"))


def n(value: str | int) -> int:
    """A price or a quantity."""
    return scaled(Decimal(value))


def rows(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
    """Levels of a book."""
    return tuple((n(price), n(quantity)) for price, quantity in pairs)


def filters(**changed: int) -> Filters:
    """Ordinary filters: tick 0.1, lot 0.001, 5 of notional, prices within 10 % of the reference."""
    ordinary = {
        "tick": n("0.1"),
        "lot": n("0.001"),
        "quantity_min": n("0.001"),
        "quantity_max": n(1000),
        "market_quantity_max": n(100),
        "notional_min": 5 * MONEY,
        "price_min": n("0.1"),
        "price_max": n(100_000),
        "multiplier_up": 110_000_000,
        "multiplier_down": 90_000_000,
    }
    return Filters(**(ordinary | changed))


def perpetual(name: str = "BTCUSDT", category: str = "usdm") -> Instrument:
    """A linear perpetual; maker 0.02 %, taker 0.05 %."""
    return Instrument(
        category,
        name,
        "linear",
        name[:3],
        "USDT",
        "USDT",
        name,
        filters(),
        1,
        3,
        20_000,
        50_000,
        tiers=TIERS,
        funding=FundingTerms(),
    )


def coins(name: str = "BTCUSDT") -> Instrument:
    """A spot pair; 0.1 % for both."""
    return Instrument("spot", name, "spot", name[:3], "USDT", "USDT", name, filters(), 1, 3, 100_000, 100_000)


PERP: Key = ("usdm", "BTCUSDT")
SPOT: Key = ("spot", "BTCUSDT")


class Tape:
    """A market that says what it was given, at the times it was given."""

    ended = False
    position = 0

    def __init__(self, books: Iterable[Key], flow: Iterable[Flow] = ()) -> None:
        self.keys = frozenset(books)
        self._books = tuple(books)
        self.flow = deque(flow)

    def opening(self) -> Iterator[Flow]:
        """The same book for every instrument."""
        for key in self._books:
            yield Levels(key, START_MS, rows(BIDS), rows(ASKS))

    def until(self, now_ms: int) -> Iterator[Flow]:
        """What was recorded up to now."""
        while self.flow and self.flow[0].time_ms <= now_ms:
            yield self.flow.popleft()

    def next_ms(self) -> int | None:
        """When the next of it is due."""
        return self.flow[0].time_ms if self.flow else None

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Every price of the opening book times a factor."""
        for key in self._books:
            if key[1].startswith(base):
                bids, asks = ([(_ticked(p * factor), q) for p, q in rows(side)] for side in (BIDS, ASKS))
                yield Levels(key, now_ms, tuple(bids), tuple(asks))


def _ticked(price: float) -> int:
    return round(price / n("0.1")) * n("0.1")


class Stage:
    """An exchange with a perpetual and a spot pair, and two rich accounts "a" and "b"."""

    def __init__(
        self,
        rules: VenueRules = BINANCE,
        flow: Iterable[Flow] = (),
        seed: int = 1,
        *,
        depth_interval_ms: int = 100,
        mark_interval_ms: int = 1_000,
        digests: bool = True,
    ) -> None:
        category = "usdm" if rules.name == "binance" else "linear"
        self.perp, self.spot = perpetual(category=category), coins()
        self.tape = Tape((self.perp.key, self.spot.key), flow)
        self.exchange = Exchange(
            rules,
            (self.perp, self.spot),
            self.tape,
            seed=seed,
            start_ms=START_MS,
            depth_interval_ms=depth_interval_ms,
            mark_interval_ms=mark_interval_ms,
            digests=digests,
        )
        for name in ("a", "b"):
            self.fund(name)
        self.exchange.drain()

    def fund(self, name: str) -> None:
        """Open an account and make it rich."""
        account, rules = self.exchange.open_account(name), self.exchange.state.rules
        wallets = {rules.wallets["spot"], rules.wallets[self.perp.category]}
        for wallet in sorted(wallets):
            for asset, size in (("USDT", 100_000), ("BTC", 100)):
                self.exchange.funds.deposit(account, wallet, asset, money(Decimal(size)))

    def ticket(self, side: Side, quantity: str, price: str = "", *, spot: bool = False, **more: object) -> Ticket:
        """An order as asked for; without a price at market."""
        instrument = self.spot if spot else self.perp
        return Ticket(
            instrument=instrument,
            side=side,
            type="limit" if price else "market",
            quantity=n(quantity),
            price=n(price) if price else 0,
            **more,  # type: ignore[arg-type]
        )

    def buy(self, name: str, quantity: str, price: str = "", **more: object) -> Order:
        """Place a buy and check the books of account."""
        return self._place(name, self.ticket(BUY, quantity, price, **more))  # type: ignore[arg-type]

    def sell(self, name: str, quantity: str, price: str = "", **more: object) -> Order:
        """Place a sell and check the books of account."""
        return self._place(name, self.ticket(SELL, quantity, price, **more))  # type: ignore[arg-type]

    def cancel(self, order: Order) -> Order:
        """Cancel it as its owner."""
        return self.exchange.cancel(order.account_id, order)

    def amend(self, order: Order, price: str | None = None, quantity: str | None = None) -> Order:
        """Amend it as its owner."""
        changed = self.exchange.amend(
            order.account_id, order, n(price) if price else None, n(quantity) if quantity else None
        )
        self.exchange.check()
        return changed

    def tell(self, *flow: Flow) -> None:
        """Let the market say this now, a millisecond on."""
        self.tape.flow.extend(flow)
        self.exchange.advance(self.now_ms + 1)
        self.exchange.check()

    def level(self, side: Side, price: str, quantity: str) -> None:
        """Strangers now offer so much at a price of the perpetual."""
        self.tell(Level(self.perp.key, self.now_ms + 1, side, n(price), n(quantity)))

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self.exchange.now_ms

    def held(self, name: str, side: str = "both") -> str:
        """The position of an account on the perpetual, as text."""
        return text(self.position(name, side).quantity)

    def position(self, name: str, side: str = "both") -> Position:
        """The row of it."""
        return self.exchange.state.accounts[name].position(self.perp, side)  # type: ignore[arg-type]

    def book(self, limit: int = 10, *, spot: bool = False) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Bids and asks as text, best first."""
        _, bids, asks = self.exchange.depth(self.spot.key if spot else self.perp.key, limit)
        return [shown(row) for row in bids], [shown(row) for row in asks]

    def drained(self, kind: type[E]) -> list[E]:
        """The events of one kind since the last drain."""
        return [event for event in self.exchange.drain() if isinstance(event, kind)]

    def _place(self, name: str, ticket: Ticket) -> Order:
        order = self.exchange.place(name, ticket)
        self.exchange.check()
        return order


def shown(row: tuple[int, int]) -> tuple[str, str]:
    """Price and quantity without needless zeros."""
    price, quantity = row
    return text(price), text(quantity)


def text(value: int) -> str:
    """A number without needless zeros."""
    return f"{(Decimal(value) / SCALE).normalize():f}"
