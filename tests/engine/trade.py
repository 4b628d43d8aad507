"""A market that buys coins, and a hedged book with a conversion: what its stories are told with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.account import Balance, Position
from bot.domain.commands import Notice
from bot.domain.events import (
    BalancesChanged,
    Event,
    OrderRejected,
    OrderReported,
    RunMode,
    Source,
)
from bot.domain.order import OrderRequest, Side
from bot.domain.rules import Rules
from bot.domain.targets import ConvertTarget, TargetSpec
from bot.domain.triggers import Slices
from bot.domain.units import SECOND_NS, ZERO, Asset, Nanos
from tests.engine.kit import Order, Venue, World
from tests.kit import BTC, SPOT, band, d, hedge, limits, neutral, pricing, rules

NAME = "realise"
PAIR, FUTURE = pricing("BTC"), hedge("BTC")


def target(amount: str = "0.4", notional: str = "6003", every_s: int = 2, **changes: Any) -> ConvertTarget:
    """Sell 0.4 BTC, 0.1 at a time."""
    slices = Slices(notional_max=d(notional), every_ns=every_s * SECOND_NS)
    made = ConvertTarget(name=NAME, asset=BTC, amount=d(amount), slices=slices, band=band("0.0001"))
    return msgspec.structs.replace(made, **changes)


@dataclass
class Market(Venue):
    """An exchange that takes sales of coins as well, and tells balances as absolute figures."""

    proceeds: Decimal = ZERO
    refuses_sales: str = ""
    refuses_purchases: str = ""
    sells_at_most: Decimal | None = None
    buys_at_most: Decimal | None = None
    answers_sales: bool = True
    places_sales: bool = True

    def submit(self, request: OrderRequest, now: int) -> list[Event]:
        """Take an order of either market."""
        assert request.client_id not in self.orders, f"{request.client_id} was sent twice"
        if not request.instrument.startswith(SPOT):
            return self._future(request, now)
        assert request.side is Side.SELL, "coins are never bought"
        if self.refuses_sales:
            return [OrderRejected(request.client_id, self.refuses_sales, "no", Nanos(now))]
        kept = self.answers, self.streams, self.places, self.fills_at_most
        self.answers, self.streams, self.places = self.answers_sales, self.answers_sales, self.places_sales
        self.fills_at_most = self.sells_at_most
        try:
            return super().submit(request, now)
        finally:
            self.answers, self.streams, self.places, self.fills_at_most = kept

    def _future(self, request: OrderRequest, now: int) -> list[Event]:
        if request.side is Side.BUY and self.refuses_purchases:
            return [OrderRejected(request.client_id, self.refuses_purchases, "no", Nanos(now))]
        self.fills_at_most = self.buys_at_most if request.side is Side.BUY else None
        return super().submit(request, now)

    def _execute(self, request: OrderRequest, now: int) -> list[Event]:
        if not request.instrument.startswith(SPOT):
            return super()._execute(request, now)
        coin = request.instrument.split(":")[1].removesuffix("USDT")
        filled = request.contracts if self.fills_at_most is None else min(request.contracts, self.fills_at_most)
        order = self.orders[request.client_id] = Order(request, filled, d(f"{self.prices[coin] - 0.1:.1f}"))
        self.coins[coin] -= filled
        self.coins["USDT"] = self.coins.get("USDT", ZERO) + filled * order.price
        told = tuple(Balance(Asset(one), self.coins[one]) for one in (coin, "USDT"))
        return [
            OrderReported(order.report(now), Source.STREAM, Nanos(now)),
            BalancesChanged(SPOT, told, "", Nanos(now), Nanos(now)),
        ]


class Trade(World):
    """A hedged book with a conversion, at a market that buys coins."""

    def __init__(self, owned: Rules, coins: dict[str, Decimal], mode: RunMode = RunMode.LIVE) -> None:
        super().__init__(owned, coins, mode)
        self.venue: Market = Market(dict(self.venue.prices), dict(coins))

    def run(self, seconds: float = 5) -> Trade:
        """Let the world go on for a while."""
        super().run(seconds)
        return self

    def until(self, done: Callable[[World], bool], seconds: float = 60) -> Trade:
        """Let the world go on until something holds."""
        super().until(done, seconds)
        return self

    def start(self, mode: RunMode = RunMode.LIVE) -> Trade:
        """Bring the process up."""
        super().start(mode)
        return self

    @property
    def coins(self) -> Decimal:
        """Coins left at the venue."""
        return self.venue.coins["BTC"]

    @property
    def short(self) -> Decimal:
        """The hedge at the venue."""
        return self.venue.position(FUTURE).contracts

    @property
    def sold(self) -> list[OrderRequest]:
        """Every sale that was sent."""
        return [one for one in self.sent if one.instrument == PAIR]

    def said(self, topic: str) -> list[Notice]:
        """What was said of the conversion."""
        return [one for one in self.notices(topic) if one.subject == NAME]

    def progress(self) -> tuple[Decimal, Decimal]:
        """Coins left and hedge, at the venue."""
        return self.coins, self.short


def book(*targets: TargetSpec, mode: RunMode = RunMode.LIVE, coins: str = "1", **changes: Any) -> Trade:
    """A book of one bitcoin, neutral, whose conversion comes with the first tick."""
    owned = rules(*(targets or (neutral("BTC"), target())), coins=("BTC",), limits=limits(**changes))
    return Trade(owned, {"BTC": d(coins), "USDT": d(0)}, mode).start(mode)


def hedged(**changes: Any) -> Trade:
    """A book whose bitcoin is hedged and whose conversion is about to begin."""
    return book(**changes).until(lambda world: world.position("BTC") == -1)


def selling(**faults: Any) -> Trade:
    """A book that has just sent its first pair, at a venue that has these faults."""
    world = book()
    for name, value in faults.items():
        setattr(world.venue, name, value)
    return world.until(lambda _: bool(world.sold))


def mended(world: Trade) -> Trade:
    """The same book at a venue that is well again."""
    fresh = Market(world.venue.prices, world.venue.coins)
    for name in ("refuses_sales", "refuses_purchases", "sells_at_most", "buys_at_most"):
        setattr(world.venue, name, getattr(fresh, name))
    world.venue.answers_sales = world.venue.places_sales = True
    return world


def convert_only(**changes: Any) -> ConvertTarget:
    """The conversion alone: nobody else trades the hedge."""
    return target(**changes)


def short(contracts: str) -> Position:
    """A position of the hedge."""
    return Position(FUTURE, d(contracts), d(60_000))


def alone(contracts: str = "-1", **changes: Any) -> Trade:
    """A book with a short that nobody looks after but the conversion."""
    world = Trade(rules(target(**changes), coins=("BTC",), limits=limits()), {"BTC": d(1), "USDT": ZERO})
    world.venue.positions[FUTURE] = short(contracts)
    return world.start()
