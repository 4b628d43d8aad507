"""A small world around an engine: a clock cranked by hand and an honest venue, so that a test reads as a story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

import msgspec

from bot.domain.account import AccountSnapshot, Balance, MarginState, Position
from bot.domain.commands import (
    CancelOrder,
    CloseCorrection,
    Command,
    Notice,
    OpenIntent,
    ProposeIntent,
    QueryOrder,
    RefreshAccount,
    SubmitOrder,
)
from bot.domain.events import (
    AccountSeen,
    Action,
    BalancesChanged,
    ClockSampled,
    Endpoint,
    Event,
    Market,
    OperatorAsked,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    PositionsChanged,
    RunMode,
    Source,
    Started,
    StreamChanged,
    Ticked,
)
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status
from bot.domain.rules import Rules
from bot.domain.targets import TargetSpec
from bot.domain.units import (
    MILLISECOND_NS,
    SECOND_NS,
    ZERO,
    AccountId,
    Asset,
    ClientOrderId,
    InstrumentId,
    Nanos,
)
from bot.engine.engine import Engine
from bot.engine.orders import OrderRecord
from tests.kit import PRICES, SPOT, START_NS, USDM, USDT, d, depth, hedge, limits, mark, pricing, quote, rules, weights

TRANSIENT = (Quote, Depth, Mark, Ticked)
TICK_NS = 250 * MILLISECOND_NS
RECONCILE_NS = 10 * SECOND_NS


@dataclass
class Order:
    """An order as the venue has it."""

    request: OrderRequest
    filled: Decimal
    price: Decimal

    def report(self, now: int) -> OrderReport:
        """What the venue says of it: an IOC order has ended by the time anybody hears of it."""
        request, full = self.request, self.filled == self.request.contracts
        fill = Fill(trade_id=f"t{request.client_id}", price=self.price, contracts=self.filled, fee=d(1), fee_asset=USDT)
        return OrderReport(
            client_id=request.client_id,
            instrument=request.instrument,
            side=request.side,
            status=Status.FILLED if full else Status.EXPIRED,
            contracts=request.contracts,
            filled=self.filled,
            average_price=self.price if self.filled else None,
            reduce_only=request.reduce_only,
            updated_ns=Nanos(now),
            fills=(fill,) if self.filled else (),
        )


@dataclass
class Venue:
    """An exchange that does what it is told at the touch, and says so by stream and by answer."""

    prices: dict[str, float]
    coins: dict[str, Decimal]
    wallet: Decimal = Decimal(50_000)
    positions: dict[InstrumentId, Position] = field(default_factory=dict)
    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    margin: MarginState | None = None
    fills_at_most: Decimal | None = None
    answers: bool = True
    streams: bool = True
    places: bool = True
    refuses: str = ""

    def submit(self, request: OrderRequest, now: int) -> list[Event]:
        """Take an order; the answer comes last."""
        if request.client_id in self.orders:
            raise AssertionError(f"{request.client_id} was sent twice")
        at = Nanos(now)
        if self.refuses:
            return [OrderRejected(request.client_id, self.refuses, "no", at)]
        events: list[Event] = []
        if self.places:
            events = self._execute(request, now)
        if not self.streams:
            events = []
        if not (self.answers and self.places):
            return [*events, OrderUnanswered(request.client_id, "timeout", at)]
        return [*events, OrderReported(self.orders[request.client_id].report(now), Source.ANSWER, at)]

    def look(self, command: QueryOrder, now: int) -> Event | None:
        """Answer a query from the truth; None where nothing can be learned."""
        order = self.orders.get(command.client_id)
        if order is None:
            return OrderNotFound(command.client_id, command.endpoint, Nanos(now), Nanos(now))
        return OrderReported(order.report(now), Source.QUERY, Nanos(now))

    def snapshot(self, account: AccountId, names: Iterable[InstrumentId], now: int) -> AccountSnapshot:
        """A read of an account."""
        if account == SPOT:
            held = tuple(Balance(Asset(coin), total) for coin, total in sorted(self.coins.items()))
            return AccountSnapshot(account=account, balances=held, requested_ns=Nanos(now))
        positions = tuple(self.position(name) for name in sorted(names))
        cash = (Balance(USDT, self.wallet),)
        return AccountSnapshot(
            account=account, balances=cash, positions=positions, margin=self.margin, requested_ns=Nanos(now)
        )

    def position(self, name: InstrumentId) -> Position:
        """The venue's own position."""
        return self.positions.get(name, Position(name, ZERO))

    def _execute(self, request: OrderRequest, now: int) -> list[Event]:
        coin = request.instrument.split(":")[1].removesuffix("USDT")
        touch = self.prices[coin] + 0.1 * request.side.sign
        price = d(f"{touch:.1f}")
        filled = request.contracts if self.fills_at_most is None else min(request.contracts, self.fills_at_most)
        if (price - request.limit_price) * request.side.sign > 0:
            filled = ZERO
        order = self.orders[request.client_id] = Order(request, filled, price)
        if filled:
            before = self.position(request.instrument)
            self.positions[request.instrument] = before.after_fill(request.side, filled, price)
        self.wallet -= filled * price * d("0.0005")
        return [
            OrderReported(order.report(now), Source.STREAM, Nanos(now)),
            PositionsChanged(USDM, (self.position(request.instrument),), "ORDER", Nanos(now), Nanos(now)),
            BalancesChanged(USDM, (Balance(USDT, self.wallet),), "ORDER", Nanos(now), Nanos(now)),
        ]


class Step(msgspec.Struct, frozen=True):
    """What a journal keeps of one step."""

    now_ns: Nanos
    reads: tuple[Market, ...]
    event: Event
    commands: msgspec.Raw


def encoded(commands: Sequence[Command]) -> bytes:
    """Commands as canonical bytes."""
    return msgspec.json.encode(tuple(commands))


class World:
    """An engine, its clock, and the venue at the other end of the wire."""

    def __init__(self, owned: Rules, coins: dict[str, Decimal], mode: RunMode = RunMode.LIVE) -> None:
        self.now = Nanos(START_NS)
        self.rules = owned
        self.venue = Venue(dict(PRICES), dict(coins))
        self.pending: list[Event] = []
        self.log: list[Command] = []
        self.steps: list[Step] = []
        self.feeding = True
        self.reconciling = True
        self.depth_size = 50.0
        self.bent: Callable[[Market], Market | None] = lambda event: event
        self._reconciled = 0
        self.engine = Engine(self.started(mode))

    @classmethod
    def neutral(cls, *targets: TargetSpec, coins: dict[str, str] | None = None, **changes: Any) -> World:
        """A running neutral book of 1.2345 BTC and 10 ETH, before its first hedge. `changes` are of the limits."""
        owned = rules(*targets, limits=limits(**changes))
        holdings = {coin: d(total) for coin, total in (coins or {"BTC": "1.2345", "ETH": "10"}).items()}
        return cls(owned, holdings).start()

    @classmethod
    def weighted(cls, target: TargetSpec | None = None, coins: dict[str, str] | None = None, **changes: Any) -> World:
        """A running 60/40 book of 1 BTC and 16 ETH, worth 60,000 and 40,000."""
        return cls.neutral(target or weights(), coins=coins or {"BTC": "1", "ETH": "16"}, **changes)

    # ------------------------------------------------------------------------------------------ time and wire
    def started(self, mode: RunMode = RunMode.LIVE) -> Started:
        """A start at this moment."""
        return Started(mode, self.now // MILLISECOND_NS, self.rules, self.now)

    def start(self, mode: RunMode = RunMode.LIVE) -> Self:
        """Bring the process up: streams, clock, market and first reads, up to the read that confirms (held back)."""
        self.handle(self.started(mode))
        for account in self.rules.accounts:
            self.handle(StreamChanged(f"{account}.user", True, "", self.now, account))
            self.handle(ClockSampled(account, MILLISECOND_NS, MILLISECOND_NS, self.now))
        self.feed()
        return self

    def restart(self, mode: RunMode = RunMode.LIVE) -> Self:
        """Kill the process and start another one on the same state; what was on the wire is lost."""
        self.pending.clear()
        self.now = Nanos(self.now + SECOND_NS)
        self.engine = Engine.of(
            msgspec.json.decode(msgspec.json.encode(self.engine.state), type=type(self.engine.state))
        )
        return self.start(mode)

    def handle(self, event: Event) -> Sequence[Command]:
        """Give the engine an event and put what it asks for on the wire."""
        state = self.engine.state
        before = state.now
        commands = self.engine.handle(event)
        if commands or not isinstance(event, TRANSIENT):
            reads = state.books.take_unreported() if commands else ()
            self.steps.append(Step(before, reads, event, msgspec.Raw(encoded(commands))))
        self.log += commands
        for command in commands:
            self.pending += self._carried(command)
        return commands

    def feed(self) -> None:
        """Publish marks, books and quotes at the venue's prices, each as `bent`."""
        for coin, price in sorted(self.venue.prices.items()):
            if hedge(coin) not in {i.id for i in self.rules.instruments}:
                continue
            names = (hedge(coin), pricing(coin))
            events: list[Market] = [mark(hedge(coin), price, self.now)]
            events += [depth(name, price, self.now, self.depth_size) for name in names]
            events += [quote(name, price, self.now) for name in names]
            for event in events:
                if (bent := self.bent(event)) is not None:
                    self.handle(bent)

    def deliver(self, event: Event) -> Sequence[Command]:
        """Give the engine something off the wire, received now."""
        return self.handle(msgspec.structs.replace(event, received_ns=self.now))

    def tick(self, nanos: int = TICK_NS) -> None:
        """Let time pass, deliver what was on the wire, publish the market, then strike the clock."""
        self.now = Nanos(self.now + nanos)
        arrived, self.pending = self.pending, []
        for event in arrived:
            self.deliver(event)
        if self.feeding:
            self.feed()
        self.handle(Ticked(self.now))
        if self.reconciling and self.now - self._reconciled >= RECONCILE_NS:
            self._reconciled = self.now
            for account in self.rules.accounts:
                self.pending += self._carried(RefreshAccount(account, "reconcile"))

    def run(self, seconds: float = 5) -> Self:
        """Let the world go on for a while."""
        for _ in range(round(seconds * SECOND_NS / TICK_NS)):
            self.tick()
        return self

    def until(self, done: Callable[[Any], bool], seconds: float = 60) -> Self:
        """Let the world go on until something holds."""
        for _ in range(round(seconds * SECOND_NS / TICK_NS)):
            if done(self):
                return self
            self.tick()
        raise AssertionError("it never came")

    def _carried(self, command: Command) -> list[Event]:
        names = [i.id for i in self.rules.instruments if i.account == USDM]
        if isinstance(command, SubmitOrder):
            return self.venue.submit(command.order.request, self.now)
        if isinstance(command, QueryOrder):
            found = self.venue.look(command, self.now)
            return [] if found is None else [found]
        if isinstance(command, RefreshAccount):
            return [AccountSeen(self.venue.snapshot(command.account, names, self.now), self.now)]
        return []

    # ------------------------------------------------------------------------------------------ what befalls it
    def deposit(self, coin: str, amount: str) -> None:
        """Coins arrive in the spot account (a negative amount leaves it); the stream says so."""
        self.venue.coins[coin] = self.venue.coins.get(coin, ZERO) + d(amount)
        held = (Balance(Asset(coin), self.venue.coins[coin]),)
        self.pending.append(BalancesChanged(SPOT, held, "DEPOSIT", self.now, self.now))

    def price(self, coin: str, price: float) -> None:
        """The market moves."""
        self.venue.prices[coin] = price
        self.feed()

    def ask(self, action: Action) -> Sequence[Command]:
        """The operator asks for something."""
        return self.handle(OperatorAsked(action, "because", "ann", self.now))

    def read(self, account: AccountId, asked: int | None = None, **changes: Any) -> Sequence[Command]:
        """An account read arrives that was begun `asked` (now), with `changes` to the truth."""
        names = [i.id for i in self.rules.instruments if i.account == account]
        seen = self.venue.snapshot(account, names, self.now if asked is None else asked)
        return self.handle(AccountSeen(msgspec.structs.replace(seen, **changes), self.now))

    # ------------------------------------------------------------------------------------------ what is seen of it
    def position(self, coin: str) -> Decimal:
        """Contracts as the engine believes them."""
        return self.engine.state.accounts.positions[hedge(coin)].position.contracts

    def settled(self, coin: str) -> bool:
        """Whether the venue confirmed the position."""
        return self.engine.state.accounts.positions[hedge(coin)].settled

    @property
    def sent(self) -> list[OrderRequest]:
        """Every order that was sent, in order."""
        return [command.order.request for command in self.log if isinstance(command, SubmitOrder)]

    @property
    def intents(self) -> list[OpenIntent]:
        """Every intent."""
        return [command for command in self.log if isinstance(command, OpenIntent)]

    @property
    def proposals(self) -> list[ProposeIntent]:
        """Every proposal."""
        return [command for command in self.log if isinstance(command, ProposeIntent)]

    @property
    def closed(self) -> list[CloseCorrection]:
        """Every correction that ended."""
        return [command for command in self.log if isinstance(command, CloseCorrection)]

    @property
    def cancels(self) -> list[CancelOrder]:
        """Every cancel."""
        return [command for command in self.log if isinstance(command, CancelOrder)]

    @property
    def queries(self) -> list[QueryOrder]:
        """Every query."""
        return [command for command in self.log if isinstance(command, QueryOrder)]

    def notices(self, topic: str) -> list[Notice]:
        """Every notice on a topic."""
        return [command for command in self.log if isinstance(command, Notice) and command.topic == topic]

    def records(self, coin: str) -> list[OrderRecord]:
        """Our orders on a coin's hedge."""
        return [r for r in self.engine.state.orders.records.values() if r.request.instrument == hedge(coin)]

    def forget(self) -> None:
        """Begin a new chapter: what was said before is not counted."""
        self.log.clear()


def side_of(request: OrderRequest) -> int:
    """+1 for a buy, -1 for a sell."""
    return 1 if request.side is Side.BUY else -1


__all__ = ["Endpoint", "Order", "Step", "Venue", "World", "encoded", "side_of"]
