"""A quiet portfolio's months under virtual time: an honest exchange, a real engine, a real journal, a real upkeep.

A turn is ten seconds, as often as both accounts are read; the engine's clock strikes every minute, the venue's clocks
are sampled every half minute; a few times an hour coins arrive or leave and are hedged; funding settles every eight
hours; streams break a few times a day. Ticks and quotes between the turns would change nothing and are left out: they
are not journaled. The age limits of books are an hour for that reason; those of accounts are a daemon's.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.domain.account import AccountSnapshot, Balance, MarginState, Position
from bot.domain.bands import Band, Unit, Width
from bot.domain.commands import Command, RefreshAccount, SubmitOrder
from bot.domain.events import (
    AccountSeen,
    BalancesChanged,
    ClockSampled,
    Event,
    FundingPaid,
    OrderReported,
    PositionsChanged,
    RunMode,
    Source,
    Started,
    StreamChanged,
    Ticked,
)
from bot.domain.instrument import instrument_id
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status
from bot.domain.rules import Rules
from bot.domain.targets import RatioTarget
from bot.domain.units import MILLISECOND_NS, SECOND_NS, ZERO, AccountId, Asset, InstrumentId, Nanos
from bot.engine.engine import Engine
from bot.engine.state import State
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalError, Stamp
from bot.lab.bench import desk
from bot.lab.bench.desk import SPOT, USDM, USDT
from bot.lab.bench.frames import PRICES
from bot.runtime.clock import ManualClock
from bot.runtime.loop import Loop
from bot.runtime.monitor import Monitor
from bot.runtime.upkeep import Upkeep, spacing_ns

START_NS = 1_767_225_600 * SECOND_NS
TURN_S = 10
HOUR_TURNS = 3_600 // TURN_S
DAY_TURNS = 24 * HOUR_TURNS
CLOCK_TURNS = 3
MARKET_TURNS = 6
MOVES_AN_HOUR = 3
BREAKS_A_DAY = 4
COINS = ("BTC", "ETH")
HELD = {"BTC": Decimal(2), "ETH": Decimal(40)}
STAMP = Stamp("live", "months", ("binance",))
FUNDING_TURNS = 8 * HOUR_TURNS
FEE = Decimal("0.0005")
_DEADLINE_S = 60.0


def rules() -> Rules:
    """Both coins wholly hedged inside a band of one per cent."""
    band = Band(Width(Decimal("0.01"), Unit.RELATIVE), Width(ZERO, Unit.RELATIVE))
    target = RatioTarget("neutral", tuple(Asset(coin) for coin in COINS), Decimal(1), band)
    limits = msgspec.structs.replace(desk.LIMITS, account_age_ns_max=30 * SECOND_NS)
    return msgspec.structs.replace(desk.rules(), portfolio="months", targets=(target,), limits=limits)


class Exchange:
    """Fills every order at the touch, and says so by stream and by answer; never late, never wrong."""

    def __init__(self, chance: random.Random) -> None:
        self.prices = {coin: PRICES[f"{coin}USDT"] for coin in COINS}
        self.coins = dict(HELD)
        self.wallet = Decimal(500_000)
        self.positions = {hedge(coin): Position(hedge(coin), ZERO) for coin in COINS}
        self.fills = 0
        self._chance = chance

    def market(self, now: int) -> list[Event]:
        """Every book, mark and quote, a little further on."""
        for coin in COINS:
            self.prices[coin] = round(self.prices[coin] * (1 + self._chance.gauss(0, 0.0002)), 2)
        return [self._moved(event) for event in desk.market(now)]

    def _moved(self, event: Any) -> Event:
        """One of the desk's market events at this exchange's price."""
        coin = event.instrument.split(":")[1].removesuffix("USDT")
        by = self.prices[coin] - PRICES[f"{coin}USDT"]
        match type(event).__name__:
            case "Quote":
                return desk.quote(event.instrument, round(self.prices[coin], 2), event.received_ns)
            case "Depth":
                bids, asks = (tuple((round(p + by, 2), q) for p, q in side) for side in (event.bids, event.asks))
                moved: Event = msgspec.structs.replace(event, bids=bids, asks=asks)
                return moved
            case _:
                mark: Event = msgspec.structs.replace(event, mark=self.prices[coin], index=self.prices[coin])
                return mark

    def read(self, account: AccountId, now: Nanos) -> AccountSeen:
        """A read of an account."""
        if account == SPOT:
            balances = tuple(Balance(Asset(coin), self.coins[coin]) for coin in COINS)
            return AccountSeen(AccountSnapshot(account=account, balances=balances, requested_ns=now), now)
        positions = tuple(self.positions.values())
        equity = self.wallet + Decimal(str(round(sum(self.prices.values()), 2)))
        margin = MarginState(equity, Decimal(1_000), Decimal(10_000), equity - 10_000)
        wallet = (Balance(USDT, self.wallet),)
        seen = AccountSnapshot(account=account, balances=wallet, positions=positions, margin=margin, requested_ns=now)
        return AccountSeen(seen, now)

    def moved(self, now: Nanos) -> Event:
        """Coins arrive or leave, enough to be hedged."""
        coin = self._chance.choice(COINS)
        part = Decimal(self._chance.choice((-4, -3, -2, 2, 3, 4))) / 100
        self.coins[coin] = min(max(self.coins[coin] + HELD[coin] * part, HELD[coin] / 2), HELD[coin] * 2)
        return BalancesChanged(SPOT, (Balance(Asset(coin), self.coins[coin]),), "DEPOSIT", now, now)

    def funded(self, now: Nanos, number: int) -> list[Event]:
        """Funding of every position, told by the ledger and by the stream."""
        out: list[Event] = []
        for name, position in self.positions.items():
            amount = (-position.contracts * Decimal("0.5")).quantize(Decimal("1e-8"))
            self.wallet += amount
            out.append(FundingPaid(USDM, name, USDT, amount, f"{number}:{name}", now, now))
        return [BalancesChanged(USDM, (Balance(USDT, self.wallet),), "FUNDING_FEE", now, now), *out]

    def submit(self, request: OrderRequest, now: Nanos) -> list[Event]:
        """Take an order and fill it."""
        self.fills += 1
        price = request.limit_price
        before = self.positions[request.instrument]
        self.positions[request.instrument] = before.after_fill(request.side, request.contracts, price)
        fee = (request.contracts * price * FEE).quantize(Decimal("1e-8"))
        self.wallet -= fee
        report = OrderReport(
            client_id=request.client_id,
            instrument=request.instrument,
            side=request.side,
            status=Status.FILLED,
            contracts=request.contracts,
            filled=request.contracts,
            average_price=price,
            reduce_only=request.reduce_only,
            updated_ns=now,
            fills=(Fill(trade_id=f"t{self.fills}", price=price, contracts=request.contracts, fee=fee, fee_asset=USDT),),
        )
        assert request.side in Side
        position = self.positions[request.instrument]
        return [
            OrderReported(report, Source.STREAM, now),
            PositionsChanged(USDM, (position,), "ORDER", now, now),
            BalancesChanged(USDM, (Balance(USDT, self.wallet),), "ORDER", now, now),
            OrderReported(report, Source.ANSWER, now),
        ]


def hedge(coin: str) -> InstrumentId:
    """The perpetual that hedges a coin."""
    return instrument_id(USDM, f"{coin}USDT")


class Life:
    """A portfolio from one start to the next; it is also the house that its upkeep works in."""

    def __init__(self, directory: Path, retention_ns: int, log: FilteringBoundLogger, seed: int = 7) -> None:
        chance = random.Random(seed)
        self.clock = ManualClock(START_NS)
        self.exchange = Exchange(chance)
        self.path = directory / "journal-live.sqlite3"
        self.journal = SqliteJournal.open(
            self.path, STAMP, self.clock.wall_ns, _raise, checkpoint_spacing_ns=spacing_ns(retention_ns)
        )
        self.monitor = Monitor()
        self.turns = 0
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.engine = Engine(self._started())
        self.loop = Loop(
            self.engine, self.journal, self.clock, carrier=self._carry, observer=self._look_on, on_broken=_broken
        )
        self._chance = chance
        self._wire: deque[Event] = deque()
        self._upkeep = Upkeep(self.journal, self.path, retention_ns, 0, log)
        self._began()

    @property
    def state(self) -> State:
        """The engine's state."""
        return self.engine.state

    def now_ns(self) -> Nanos:
        """Virtual time."""
        return self.clock.now_ns()

    async def sleep(self, seconds: float) -> None:
        """Nobody sleeps here: upkeep is called turn by turn."""
        raise AssertionError("upkeep's turn does not wait")

    async def ask(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Note what upkeep asks for."""
        self.asked.append((verb, arguments))

    async def run(self, turns: int) -> None:
        """Let so many turns of ten seconds pass; a checkpoint and upkeep's turn come once an hour."""
        for _ in range(turns):
            self.turns += 1
            self._turn()
            if self.turns % HOUR_TURNS == 0:
                self.loop.checkpoint()
                self.journal.durable(self.journal.last_seq).result(_DEADLINE_S)
                await self._upkeep.turn(self)

    def _began(self) -> None:
        self._handle(self._started())
        for account in (SPOT, USDM):
            self._handle(StreamChanged(f"{account}.user", True, "connected", self.now_ns(), account))
        for _ in range(2):
            self._clocks()
            self._market()
            self._reads()
            self.clock.move(2 * SECOND_NS)

    def _started(self) -> Started:
        now = self.now_ns()
        return Started(RunMode.LIVE, now // MILLISECOND_NS, rules(), now)

    def _turn(self) -> None:
        self.clock.move(TURN_S * SECOND_NS)
        happens = self._chance.random()
        if self.turns % MARKET_TURNS == 0:
            self._market()
            self._handle(Ticked(self.now_ns()))
        if self.turns % CLOCK_TURNS == 0:
            self._clocks()
        if self.turns % FUNDING_TURNS == 0:
            for event in self.exchange.funded(self.now_ns(), self.turns):
                self._handle(event)
        if happens < MOVES_AN_HOUR / HOUR_TURNS:
            self._handle(self.exchange.moved(self.now_ns()))
            self._market()
        elif happens > 1 - BREAKS_A_DAY / DAY_TURNS:
            self._breaks()
        self._reads()

    def _market(self) -> None:
        for event in self.exchange.market(self.now_ns()):
            self._handle(event)

    def _clocks(self) -> None:
        for account in (SPOT, USDM):
            offset = self._chance.randrange(5) * MILLISECOND_NS
            self._handle(ClockSampled(account, offset, MILLISECOND_NS, self.now_ns()))

    def _reads(self) -> None:
        for account in (SPOT, USDM):
            self._handle(self.exchange.read(account, self.now_ns()))

    def _breaks(self) -> None:
        """A private stream goes and comes back."""
        for up in (False, True):
            self._handle(StreamChanged(f"{USDM}.user", up, "reset" if not up else "connected", self.now_ns(), USDM))
            self.clock.move(SECOND_NS)

    def _handle(self, event: Event) -> None:
        """One event, and everything that comes back over the wire because of it."""
        self.loop.step(event)
        while self._wire:
            self.clock.move(20 * MILLISECOND_NS)
            self.loop.step(msgspec.structs.replace(self._wire.popleft(), received_ns=self.now_ns()))
            if not self._wire:
                self.loop.step(Ticked(self.now_ns()))

    def _carry(self, commands: Sequence[Command], seq: int) -> None:
        for command in commands:
            if isinstance(command, SubmitOrder):
                self._wire.extend(self.exchange.submit(command.order.request, self.now_ns()))
            elif isinstance(command, RefreshAccount):
                self._wire.append(self.exchange.read(command.account, self.now_ns()))

    def _look_on(self, event: Event, commands: Sequence[Command]) -> None:
        self.monitor.on_step(event, commands)
        if commands:
            self.monitor.sample_orders(self.state, Nanos(START_NS))


def _raise(error: JournalError) -> None:
    raise error


def _broken(what: str, error: Exception) -> None:
    raise AssertionError(what) from error
