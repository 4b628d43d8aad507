"""The engine hedges on the simulated Bybit through the live adapter: what a portfolio's owner would see happen.

Everything between the config and the exchange's matching is the real thing; the loop that joins them is a plain one
here, and time is cranked by hand.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.domain.commands import CancelOrder, QueryOrder, RefreshAccount, SubmitOrder
from bot.domain.events import Action, OperatorAsked, RunMode, Started, StreamChanged, Ticked
from bot.domain.market import Depth, Mark, Quote
from bot.domain.units import MILLISECOND_NS, Nanos
from bot.domain.venues import BYBIT_UNIFIED, instrument_named
from bot.engine.engine import Engine
from bot.runtime.portfolio import to_rules
from bot.simex.bybit.dialect import Behaviour
from bot.simex.core.flow import IndexPrice
from bot.simex.core.numbers import money, scaled
from bot.venues.bybit import BookChannel, MarkChannel, MarketParser, QuoteChannel, subscription
from tests.runtime.configs import loaded
from tests.simex.bybit.stage import BTC, ETH, books
from tests.venues.canned import durable
from tests.venues.test_bybit_against_dialect import Rig

if TYPE_CHECKING:
    from bot.domain.events import Event

CONFIG = """\
portfolio: main
venue: bybit
assets: {BTC: {}}
targets:
  - name: neutral
    kind: neutral
    assets: [BTC]
    band: {trigger: 1 %, destination: 0 %}
limits: {orders_per_minute: 60, stress_distance: 0, quote_age: 5 s, mark_age: 10 s, ack_timeout: 1 s}
"""
STEP_MS = 200
QUIET_S = 30


WEIGHTS = """\
portfolio: main
venue: bybit
assets: {BTC: {}, ETH: {}}
targets:
  - name: even
    kind: weights
    weights: {BTC: 50 %, ETH: 50 %}
    mode: full_rebalance
    base: owned
    band: {trigger: 2 pp, destination: 0 pp}
limits: {orders_per_minute: 60, stress_distance: 0, mark_age: 10 s, order_notional: 200000 USDT}
"""
COINS = ("BTC", "ETH")


class Desk:
    """An engine, the adapter and the exchange, joined by a plain loop."""

    def __init__(self, rig: Rig, config: str = CONFIG) -> None:
        self.rig = rig
        self.config = config
        self.sent: list[Any] = []
        self.markets: list[tuple[Any, MarketParser]] = []
        self.deaf = False
        """Whether what the private stream says is lost."""

    async def open(self) -> Desk:
        """Listen to both categories and start the engine."""
        await self.rig.open()
        for path, market, kinds in (
            ("/v5/public/spot", "spot", (QuoteChannel, BookChannel)),
            ("/v5/public/linear", "linear", (QuoteChannel, BookChannel, MarkChannel)),
        ):
            socket = self.rig.stage.connect(path)
            symbols = [f"{coin}USDT" for coin in COINS]
            channels = tuple(kind(instrument_named("bybit", market, one), one) for one in symbols for kind in kinds)
            parser = MarketParser(channels)
            for channel in channels:
                for reply in socket.say(subscription("subscribe", channel.topic).decode()):
                    parser.parse(json.dumps(reply).encode(), int(self.rig.clock()))
            self.markets.append((socket, parser))
        rules = to_rules(loaded(self.config).settings, self.rig.instruments)
        self.engine = Engine(Started(RunMode.LIVE, 1, rules, self.rig.clock()))
        await self.tell(Started(RunMode.LIVE, 1, rules, self.rig.clock()))
        await self.tell(self.stream(up=True))
        for sample in await self.rig.snapshots.clock():
            await self.tell(sample)
        return self

    def stream(self, *, up: bool) -> StreamChanged:
        """The private stream comes or goes."""
        return StreamChanged("bybit.unified.user", up, "test", self.rig.clock(), BYBIT_UNIFIED)

    async def tell(self, *events: Event) -> None:
        """Hand events to the engine and carry out what it asks for."""
        waiting = list(events)
        while waiting:
            for command in self.engine.handle(waiting.pop(0)):
                waiting += await self.carry(command)

    async def carry(self, command: Any) -> tuple[Event, ...]:
        """Carry out one command."""
        match command:
            case SubmitOrder(order=order):
                self.sent.append(order.request)
                return await self.rig.gateway.submit(order, durable())
            case CancelOrder():
                return await self.rig.gateway.cancel(command)
            case QueryOrder():
                return await self.rig.gateway.query(command)
            case RefreshAccount(account=account):
                return await self.rig.snapshots.account(account)
            case _:
                return ()

    async def run(self, seconds: float = QUIET_S) -> None:
        """Let time pass: market, private stream, the engine's clock, and a read every second."""
        for number in range(int(seconds * 1_000 / STEP_MS)):
            self.rig.stage.advance(STEP_MS)
            if number % (1_000 // STEP_MS) == 1:
                # Somebody trades and the book is as before a moment later: a market that lives, at one price.
                self.live()
            for socket, parser in self.markets:
                seen = [parser.parse(json.dumps(one).encode(), int(self.rig.clock())) for one in socket.taken()]
                await self.tell(*(one for one in seen if isinstance(one, Quote | Depth | Mark)))
            news = self.rig.news()
            if not self.deaf:
                await self.tell(*news)
            if number % (1_000 // STEP_MS) == 0:
                await self.tell(*await self.rig.snapshots.account(BYBIT_UNIFIED))
            await self.tell(Ticked(self.rig.clock()))

    def live(self) -> None:
        """Strangers trade everywhere, then the books are whole again."""
        stage = self.rig.stage
        for market in ("linear", "spot"):
            for coin in COINS:
                stage.strangers((market, f"{coin}USDT"), 1, "0.01")
        for one in books(time_ms=stage.now_ms + 1):
            stage.tape.say(one)
        for name, price in (("BTCUSDT", BTC), ("ETHUSDT", ETH)):
            stage.tape.say(IndexPrice(name, stage.now_ms + 1, scaled(price)))
        stage.leap(1)

    @property
    def position(self) -> Decimal:
        """What the exchange itself holds for us of bitcoin contracts."""
        return self.held("BTC")

    def held(self, coin: str) -> Decimal:
        """What it holds of a coin's contracts."""
        row = self.rig.stage.position(symbol=f"{coin}USDT")
        return Decimal(row["size"] or 0) * (-1 if row["side"] == "Sell" else 1)

    def ask(self, action: Action) -> OperatorAsked:
        """An operator's word."""
        return OperatorAsked(action, "a test", "a test", Nanos(self.rig.clock() + MILLISECOND_NS))


async def desk(**more: Any) -> Desk:
    """A desk at work on two bitcoin."""
    return await Desk(Rig(**more)).open()


async def test_two_bitcoin_are_hedged_once() -> None:
    """Open: the short equals the coins in the one wallet, which count once, and then nothing more is sent."""
    d = await desk()
    await d.run()

    assert Decimal(-2) == d.position
    sent = len(d.sent)
    await d.run(10)
    assert sent == len(d.sent)


async def test_a_deposit_is_hedged_too() -> None:
    """Coins that arrive move the hedge by as much."""
    d = await desk()
    await d.run()
    account = d.rig.stage.dialect.desk.account("alice")
    d.rig.stage.exchange.funds.deposit(account, "unified", "BTC", money(Decimal("0.5")))
    d.rig.stage.flush()
    await d.run(60)

    assert Decimal("-2.5") == d.position


async def test_a_lost_answer_is_never_sent_twice() -> None:
    """The order was taken, its answer and the stream's word are lost: a look finds it, and the hedge is whole."""
    d = await desk()
    d.rig.lose = "/v5/order/create"
    d.deaf = True
    await d.run(10)
    d.deaf = False
    await d.run(60)

    assert Decimal(-2) == d.position
    names = [request.client_id for request in d.sent]
    assert len(set(names)) == len(names)


async def test_without_the_stream_a_receipt_is_looked_after() -> None:
    """Nobody says what became of the order, so it is asked for, and nothing is sent twice meanwhile."""
    d = await desk()
    d.deaf = True
    await d.run(60)

    assert Decimal(-2) == d.position


async def test_nothing_new_is_sent_while_the_stream_is_away() -> None:
    """Its loss stops new risk; its return lets the hedge go on."""
    d = await desk()
    await d.tell(d.stream(up=False))
    await d.run(5)
    before = d.position
    await d.tell(d.stream(up=True))
    await d.run(60)

    assert Decimal(0) == before
    assert Decimal(-2) == d.position


async def test_a_kill_keeps_the_hedge_and_sends_nothing() -> None:
    """After it coins may come and go: no order leaves."""
    d = await desk()
    await d.run()
    await d.tell(d.ask(Action.KILL))
    sent = len(d.sent)
    account = d.rig.stage.dialect.desk.account("alice")
    d.rig.stage.exchange.funds.deposit(account, "unified", "BTC", money(Decimal(1)))
    d.rig.stage.flush()
    await d.run()

    assert (Decimal(-2), sent) == (d.position, len(d.sent))


async def test_an_unwind_closes_the_hedge() -> None:
    """By orders that can only reduce, down to flat."""
    d = await desk()
    await d.run()
    opened = len(d.sent)
    await d.tell(d.ask(Action.UNWIND))
    await d.run(60)

    assert Decimal(0) == d.position
    assert all(request.reduce_only for request in d.sent[opened:])


async def test_weights_are_reached_by_a_pair() -> None:
    """Two bitcoin and no ether become half and half: bitcoin is sold and ether bought, in futures, together."""
    d = await Desk(Rig(), WEIGHTS).open()
    await d.run(90)

    assert abs(d.held("BTC") - Decimal(-1)) <= Decimal("0.02")
    assert abs(d.held("ETH") - Decimal(20)) <= Decimal("0.4")


async def test_an_engine_that_takes_its_time_is_waited_for() -> None:
    """Receipts long before the matching: the order is in flight meanwhile, and is sent once."""
    d = await desk(behaviour=Behaviour(engine_delay_ms=700))
    await d.run(60)

    assert Decimal(-2) == d.position
