"""What the simulated exchange costs in process: calls of accounts, and time that goes by in a made-up market.

Orders: four accounts place, cancel, amend and take at two perpetuals (33, 30, 14 and 20 of a hundred calls, the rest
is refused), every second of the takers meets another account; events are read, and hashed, every 25 calls. Time: four
perpetuals of the synthetic market, 20 changes of books and strangers' trades a second together; nobody trades.
Beside both stands a bare loop of the same run: the same calls upon a dictionary, and the market's flow by itself.

Whatever else runs on the machine takes caches and clock from us, and CPU time counts that as ours. So each run is made
several times from the start, in slices, and of each slice the fastest counts: all slices together are the whole run.
"""

from __future__ import annotations

import gc
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from bot.lab.bench.figures import AtLeast, Counts, Figure
from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Flow, Levels
from bot.simex.core.instrument import Filters, FundingTerms, Instrument, Key, Tier
from bot.simex.core.numbers import MONEY, SCALE
from bot.simex.core.order import BUY, SELL, Order, Side, Ticket
from bot.simex.core.refusal import Refused
from bot.simex.core.venue import BINANCE
from bot.simex.sources.listings import binance
from bot.simex.sources.synthetic import Behaviour, SyntheticMarket
from bot.simex.sources.world import World

OPERATIONS_MIN = 100_000
SIMULATED_S_MIN = 3_000
SEED = 5
START_MS = 1_700_000_000_000
ACCOUNTS = ("a", "b", "c", "d")
PRICE = 60_000 * SCALE
TICK = SCALE // 10
LOT = SCALE // 1000
DEPTH = 300
RESTING_MAX = 100
READ_EVERY = 25
STEP_MS = 20
# Calls and simulated seconds of a slice: some milliseconds.
SLICE_CALLS = 10 * READ_EVERY
SLICE_S = 20
# Of a hundred calls; what is left takes.
PLACED, CANCELLED, AMENDED = 34.5, 30.5, 15.0
PERPETUALS = 4
# An event of the synthetic market is 1.4 flows, so this makes 20 a second.
EVENTS_PER_S = 20 / PERPETUALS / 1.4
SECOND_MS = 1_000


Work = Callable[[], None]


class Still:
    """A market that opens with a deep book for each instrument and never moves."""

    ended = False
    position = 0

    def __init__(self, keys: frozenset[Key]) -> None:
        self.keys = keys

    def opening(self) -> Iterator[Flow]:
        """The books."""
        for key in sorted(self.keys):
            bids, asks = (
                tuple((PRICE + sign * step * TICK, 2 * SCALE) for step in range(1, DEPTH)) for sign in (-1, 1)
            )
            yield Levels(key, START_MS, bids, asks)

    def until(self, now_ms: int) -> Iterator[Flow]:
        """Nothing."""
        return iter(())

    def next_ms(self) -> int | None:
        """Never."""
        return None

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Nothing."""
        return iter(())


class Call(NamedTuple):
    """One step of the plan: what is done by whom, and the orders that it may take."""

    kind: str
    account_id: str
    resting: Ticket
    taking: Ticket


def perpetual(name: str) -> Instrument:
    """A linear perpetual as Binance lists them, roughly."""
    filters = Filters(
        tick=TICK,
        lot=LOT,
        quantity_min=LOT,
        quantity_max=1_000 * SCALE,
        market_quantity_max=100 * SCALE,
        notional_min=5 * MONEY,
        price_min=SCALE,
        price_max=1_000_000 * SCALE,
        multiplier_up=105_000_000,
        multiplier_down=95_000_000,
    )
    tiers = (Tier(0, 10**9 * MONEY, 500_000, 0, 125),)
    base = name.removesuffix("USDT")
    fees = (20_000, 50_000)
    return Instrument(
        "usdm", name, "linear", base, "USDT", "USDT", name, filters, 1, 3, *fees, tiers=tiers, funding=FundingTerms()
    )


def plan(instruments: tuple[Instrument, ...], count: int) -> list[Call]:
    """The same calls on every machine."""
    chance = random.Random(SEED)
    return [_call(chance, chance.choice(instruments)) for _ in range(count)]


def _call(chance: random.Random, instrument: Instrument) -> Call:
    draw = chance.uniform(0, 100)
    kind = (
        "place"
        if draw < PLACED
        else "cancel"
        if draw < PLACED + CANCELLED
        else "amend"
        if draw < PLACED + CANCELLED + AMENDED
        else "take"
    )
    side: Side = chance.choice((BUY, SELL))
    quantity, away = chance.randrange(1, 20) * LOT, chance.randrange(1, 50) * TICK
    resting = Ticket(instrument=instrument, side=side, type="limit", quantity=quantity, price=PRICE - side * away)
    far = PRICE + side * 100 * SCALE
    taking = Ticket(
        instrument=instrument, side=side, type="limit", tif="ioc", quantity=quantity, price=far, prevention="none"
    )
    return Call(kind, chance.choice(ACCOUNTS), resting, taking)


class Traders:
    """The four accounts at work."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._resting: dict[str, deque[Order]] = {name: deque() for name in ACCOUNTS}
        for name in ACCOUNTS:
            account = exchange.open_account(name)
            exchange.funds.deposit(account, "usdm", "USDT", 10**8 * MONEY)

    def work(self, calls: list[Call]) -> None:
        """Make the calls, and read what happened every so often."""
        exchange = self._exchange
        for first in range(0, len(calls), READ_EVERY):
            for call in calls[first : first + READ_EVERY]:
                try:
                    self._make(call)
                except Refused:
                    continue  # an order that was filled meanwhile: part of the mix
            exchange.advance(exchange.now_ms + STEP_MS)
            exchange.drain()

    def _make(self, call: Call) -> None:
        kind, account_id, resting, taking = call
        exchange, mine = self._exchange, self._resting[account_id]
        if kind == "place" and len(mine) < RESTING_MAX:
            mine.append(exchange.place(account_id, resting))
        elif kind == "cancel" and mine:
            exchange.cancel(account_id, mine.pop())
        elif kind == "amend" and mine:
            order = mine[-1]
            exchange.amend(account_id, order, order.price - order.side * TICK, resting.quantity)
        else:
            exchange.place(account_id, taking)


def bare(calls: list[Call]) -> None:
    """What no exchange can do without: a look at each call, and a dictionary of what rests."""
    resting: dict[str, deque[int]] = {name: deque() for name in ACCOUNTS}
    orders: dict[int, Ticket] = {}
    for number, call in enumerate(calls):
        mine = resting[call.account_id]
        if call.kind == "place" and len(mine) < RESTING_MAX:
            orders[number] = call.resting
            mine.append(number)
        elif call.kind == "cancel" and mine:
            del orders[mine.pop()]
        elif call.kind == "amend" and mine:
            orders[mine[-1]] = call.resting


RUNS_A_REPEAT = 3
"""Of order operations: on a busy machine each slice of them needs some tries until nothing disturbs it."""


def measure(counts: Counts) -> list[Figure]:
    """The row."""
    return [*_orders(counts), *_time(counts)]


def _orders(counts: Counts) -> list[Figure]:
    instruments = (perpetual("BTCUSDT"), perpetual("ETHUSDT"))
    calls = plan(instruments, counts.exchange_calls)
    whole = _fastest(RUNS_A_REPEAT * counts.repeats, partial(_trading, instruments, calls)) / len(calls)
    simple = _fastest(counts.repeats, lambda: iter([partial(bare, calls)])) / len(calls)
    return [
        Figure(
            name="order operations a CPU-second",
            value=1 / whole,
            unit="1/s",
            target=AtLeast(OPERATIONS_MIN),
            note="place, cancel, amend, IOC of four accounts at two perpetuals; events read and hashed",
        ),
        Figure(name="  one of them", value=whole * 1e6, unit="us"),
        Figure(name="  / the same calls upon a dictionary", value=whole / simple, unit="x"),
    ]


def _trading(instruments: tuple[Instrument, ...], calls: list[Call]) -> Iterator[Work]:
    exchange = Exchange(
        BINANCE, instruments, Still(frozenset(one.key for one in instruments)), seed=SEED, start_ms=START_MS
    )
    traders = Traders(exchange)
    for first in range(0, len(calls), SLICE_CALLS):
        yield partial(traders.work, calls[first : first + SLICE_CALLS])
    exchange.check()


def _time(counts: Counts) -> list[Figure]:
    length_s = counts.simulated_s
    ends = range(START_MS + SLICE_S * SECOND_MS, START_MS + length_s * SECOND_MS + 1, SLICE_S * SECOND_MS)
    whole = _fastest(counts.repeats, partial(_passing, ends))
    flows = [0]
    alone = _fastest(counts.repeats, partial(_flowing, ends, flows))
    rate = flows[0] / counts.repeats / length_s
    note = f"{PERPETUALS} perpetuals, {rate:.0f} flows a second in all; events read and hashed"
    return [
        Figure(
            name="simulated seconds a CPU-second",
            value=length_s / whole,
            unit="s/s",
            target=AtLeast(SIMULATED_S_MIN),
            note=note,
        ),
        Figure(name="  / the market's flow by itself", value=whole / alone, unit="x"),
    ]


def _passing(ends: range) -> Iterator[Work]:
    exchange = _market()
    for end_ms in ends:
        yield partial(_pass, exchange, end_ms)
    exchange.check()


def _flowing(ends: range, flows: list[int]) -> Iterator[Work]:
    market = _source()
    for end_ms in ends:
        yield partial(_count, market, end_ms, flows)


def _count(market: SyntheticMarket, end_ms: int, flows: list[int]) -> None:
    flows[0] += sum(1 for _ in market.until(end_ms))


def _source() -> SyntheticMarket:
    listed = [one for one in binance(START_MS) if one.category == "usdm"][:PERPETUALS]
    return SyntheticMarket(World(seed=SEED, start_ms=START_MS), listed, Behaviour(events_per_s=EVENTS_PER_S))


def _market() -> Exchange:
    listed = [one for one in binance(START_MS) if one.category == "usdm"][:PERPETUALS]
    return Exchange(BINANCE, listed, _source(), seed=SEED, start_ms=START_MS)


def _pass(exchange: Exchange, end_ms: int) -> None:
    """Let time go by, a second at a time, and read what happened."""
    while exchange.now_ms < end_ms:
        exchange.advance(min(exchange.now_ms + SECOND_MS, end_ms))
        exchange.drain()


def _fastest(runs: int, begin: Callable[[], Iterator[Work]]) -> float:
    """CPU seconds of a run: the sum of its slices, each the fastest of several runs, all of which do the same."""
    fastest: list[float] = []
    for _ in range(runs):
        gc.collect()
        spent = [_seconds(work) for work in begin()]
        fastest = [min(pair) for pair in zip(fastest, spent, strict=True)] if fastest else spent
    return sum(fastest)


def _seconds(run: Work) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began
