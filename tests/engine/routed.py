"""A world in which BTC has two perpetuals or more, with funding that a test says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

import msgspec

from bot.calc.pnl import base_units
from bot.domain.account import Position
from bot.domain.commands import Notice
from bot.domain.events import Event, FundingSeen, OrderRejected
from bot.domain.instrument import Instrument
from bot.domain.order import OrderRequest
from bot.domain.rules import Rules
from bot.domain.snapshot import FundingTerms
from bot.domain.targets import TargetSpec
from bot.domain.units import HOUR_NS, MILLISECOND_NS, ZERO, InstrumentId, Nanos
from tests.engine.kit import Venue, World
from tests.kit import BTC, PRICES, d, hedge, limits, neutral, perpetual, rules

FIRST, SECOND, KILO = hedge("BTC"), hedge("BTC2"), hedge("MBTC")
CHEAP, DEAR = "0.30", "0.05"
"""A short receives the one, and only the other: yearly rates."""


class Choosy(Venue):
    """A venue that can refuse orders, or fill less, on one instrument alone."""

    refused_on: InstrumentId | None = None
    most: dict[InstrumentId, Decimal]

    def submit(self, request: OrderRequest, now: int) -> list[Event]:
        """As the venue does, but for the instruments that a test names."""
        if request.instrument == self.refused_on:
            return [OrderRejected(request.client_id, "-2019", "no", Nanos(now))]
        self.fills_at_most = self.most.get(request.instrument)
        return super().submit(request, now)


def second(**changes: Any) -> Instrument:
    """A second perpetual on BTC."""
    return perpetual("BTC", id=SECOND, symbol="BTC2USDT", **changes)


def milli(**changes: Any) -> Instrument:
    """A perpetual whose contract is a thousandth of a coin, priced by the coin."""
    made = perpetual("BTC", id=KILO, symbol="MBTCUSDT", contract_size=d("0.001"), lot=d(1), contracts_min=d(1))
    return msgspec.structs.replace(made, **changes)


def routed_rules(*targets: TargetSpec, others: tuple[Instrument, ...] | None = None, **changes: Any) -> Rules:
    """BTC with two perpetuals, ETH with one; `changes` are of the rules."""
    more = (second(),) if others is None else others
    made = rules(*(targets or (neutral("BTC"),)), limits=changes.pop("limits", limits()), **changes)
    assets = tuple(
        msgspec.structs.replace(one, alternatives=tuple(other.id for other in more)) if one.asset == BTC else one
        for one in made.assets
    )
    return msgspec.structs.replace(made, assets=assets, instruments=(*made.instruments, *more))


class RoutedWorld(World):
    """A running book of one BTC with two perpetuals."""

    @classmethod
    def routed(
        cls,
        *targets: TargetSpec,
        coins: dict[str, str] | None = None,
        rates: dict[str, str] | None = None,
        **parts: Any,
    ) -> Self:
        """The book, its funding known (`rates`, yearly), before its first hedge. `parts` are of the rules."""
        others = parts.pop("others", None)
        owned = routed_rules(*targets, others=others, **parts)
        world = cls(owned, {coin: d(total) for coin, total in (coins or {"BTC": "1", "ETH": "0"}).items()})
        names = {one.symbol.removesuffix("USDT") for one in owned.instruments}
        prices = PRICES | {"BTC2": PRICES["BTC"], "MBTC": PRICES["BTC"]}
        world.venue = Choosy({name: prices[name] for name in sorted(names)}, dict(world.venue.coins))
        world.venue.most = {}
        world.start()
        for coin, rate in (rates or {"BTC": DEAR, "BTC2": CHEAP}).items():
            world.fund(coin, rate)
        return world

    def fund(self, coin: str, yearly: str, days: int = 20, age_ns: int = 0) -> None:
        """A perpetual's settled rates: the same for so many days up to now."""
        each = (d(yearly) / 1095).quantize(d("1e-10"))
        last = self.now - age_ns
        rates = tuple((Nanos(last - 8 * HOUR_NS * k), each) for k in reversed(range(3 * days)))
        terms = FundingTerms(interval_ns=8 * HOUR_NS, history=rates)
        self.handle(FundingSeen(hedge(coin), terms, self.now))

    def turn(self, coin: str, yearly: str) -> None:
        """Funding turns, as facts alone tell it: ever so many settlements of late that outweigh the past."""
        each = (d(yearly) / 1095).quantize(d("1e-10"))
        rates = tuple((Nanos(self.now - MILLISECOND_NS * k), each) for k in reversed(range(200)))
        self.handle(FundingSeen(hedge(coin), FundingTerms(interval_ns=8 * HOUR_NS, history=rates), self.now))

    def flip(self, coin: str, yearly: str) -> None:
        """Funding has changed and been so for a long time: the past is forgotten, as a test's time is short."""
        self.engine.state.statistics.settled.pop(hedge(coin), None)
        self.fund(coin, yearly)

    def put(self, name: InstrumentId, contracts: Decimal) -> None:
        """A position is there, at the venue and as believed, that nobody asked for."""
        state = self.engine.state
        held = Position(name, contracts, d(60_000))
        before, self.venue.positions[name] = state._held(), held
        belief = state.accounts.positions[name]
        state.accounts.positions[name] = msgspec.structs.replace(belief, position=held, reported=contracts)
        state._moved(before)

    def heal(self) -> None:
        """Every order fills again."""
        assert isinstance(self.venue, Choosy), "a routed world trades there"
        self.venue.most = {}

    def units(self, coin: str) -> Decimal:
        """Signed coins that a future holds, as the venue has it."""
        instrument = self.engine.state.layout.instruments[hedge(coin)]
        return base_units(instrument, self.venue.position(hedge(coin)).contracts)

    @property
    def net(self) -> Decimal:
        """Signed coins of all futures on BTC."""
        names = self.engine.state.layout.candidates[BTC]
        return sum((self.units(name.split(":")[1].removesuffix("USDT")) for name in names), ZERO)

    @property
    def said(self) -> list[str]:
        """Topics and texts of the notices about routes and naked pairs."""
        return [f"{one.topic}: {one.text}" for one in self.log if isinstance(one, Notice) and one.topic in SAID]


SAID = ("route", "naked", "held")
