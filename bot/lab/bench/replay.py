"""Quotes a CPU-second through `Engine.handle`: without consequence, evaluated each time, and each an intent."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from bot.domain.market import Quote
from bot.domain.units import SECOND_NS, InstrumentId
from bot.engine.engine import Engine
from bot.lab.bench.desk import BTC_QUOTE, EDGE, INSTRUMENTS, Restorable, engine, quote, submitted
from bot.lab.bench.figures import AtLeast, Counts, Figure
from bot.lab.bench.frames import PRICES

REPLAY_PER_S = 1_000_000.0
NOW = 1_700_000_000 * SECOND_NS
TAPE_QUOTES = 20_000
WANDER = 0.005
"""Prices stay within this of their start, which is within every box of a book in the middle of its band."""
PUSH = 1.3
"""A move of BTC alone, in radii of its box: it leaves the box and, since ETH stands still, not the band."""
_SEED = 7


def tape(length: int = TAPE_QUOTES) -> list[Quote]:
    """Every instrument's quotes in turn, wandering at random inside every box."""
    rng = random.Random(_SEED)
    names = list(INSTRUMENTS)
    out = []
    for n in range(length):
        name = names[n % len(names)]
        mid = round(PRICES[INSTRUMENTS[name].symbol] * (1 + rng.uniform(-WANDER, WANDER)), 2)
        out.append(quote(name, mid, NOW, n + 1))
    return out


def restless(radius: float) -> tuple[Quote, Quote]:
    """Two quotes of BTC, each outside the box that the other's evaluation drew."""
    price = PRICES["BTCUSDT"]
    return quote(BTC_QUOTE, price * (1 + PUSH * radius), NOW, 1), quote(BTC_QUOTE, price, NOW, 2)


def edge_radius() -> float:
    """How far every price may move at once when BTC is `EDGE` above its weight of 0.6 and may be 0.05 above."""
    weight, over, bound = 0.6, float(EDGE), 0.05
    btc, eth = weight + over, 1 - weight - over
    slack = (weight + bound) * (btc + eth) - btc
    terms = abs(weight + bound - 1) * btc + (weight + bound) * eth
    return slack / terms


def without_consequence(made: Engine, quotes: Sequence[Quote], count: int) -> float:
    """Quotes a CPU-second; raises AssertionError if one of them led to a command."""
    handle, acted = made.handle, 0
    began = time.process_time_ns()
    for _ in range(max(count // len(quotes), 1)):
        for event in quotes:
            if handle(event):
                acted += 1
    spent = time.process_time_ns() - began
    assert acted == 0, "a quote of the tape left the band"
    return max(count // len(quotes), 1) * len(quotes) * SECOND_NS / spent


def evaluated(count: int) -> float:
    """Quotes a CPU-second where each is outside its box, with nothing to be done about it."""
    made = engine(NOW, EDGE)
    return without_consequence(made, restless(edge_radius()), count)


def intents(count: int) -> float:
    """Quotes a CPU-second where each breaches and leads to an intent with its reviewed order.

    The engine is put back before the breach each time; that is not measured.
    """
    book = Restorable(NOW)
    spent = 0
    for _ in range(count):
        made = book.engine()
        began = time.process_time_ns()
        commands = made.handle(book.breaching)
        spent += time.process_time_ns() - began
        submitted(commands)
    return count * SECOND_NS / spent


def bare(quotes: Sequence[Quote], count: int) -> float:
    """The least that could be called a replay: keep the quote, compare it with two bounds."""
    boxes = {name: (PRICES[i.symbol] * 0.99, PRICES[i.symbol] * 1.01) for name, i in INSTRUMENTS.items()}
    latest: dict[InstrumentId, Quote] = {}
    acted = 0
    began = time.process_time_ns()
    for _ in range(max(count // len(quotes), 1)):
        for event in quotes:
            latest[event.instrument] = event
            low, high = boxes[event.instrument]
            if not low <= event.bid < event.ask <= high:
                acted += 1
    spent = time.process_time_ns() - began
    assert acted == 0, "the tape leaves the bare loop's bounds"
    return max(count // len(quotes), 1) * len(quotes) * SECOND_NS / spent


def measure(counts: Counts) -> list[Figure]:
    """The row."""
    quotes, made = tape(), engine(NOW)

    def best(run: Callable[[], float]) -> float:
        return max(run() for _ in range(counts.repeats))

    quiet = best(lambda: without_consequence(made, quotes, counts.replayed))
    floor = best(lambda: bare(quotes, counts.replayed))
    return [
        Figure(
            name="replayed quotes, no consequence",
            value=quiet,
            unit="/CPU-s",
            target=AtLeast(REPLAY_PER_S),
            note="4 instruments, 2 assets, in band, every box drawn",
        ),
        Figure(
            name="bare arithmetic loop, same quotes", value=floor, unit="/CPU-s", note="dict store, two comparisons"
        ),
        Figure(name="engine / bare loop, time", value=floor / quiet, unit="x"),
        Figure(
            name="replayed quotes, each out of its box",
            value=best(lambda: evaluated(counts.evaluated)),
            unit="/CPU-s",
            note="the boxes follow it, or are drawn anew: nothing to be done, which is proven in floats",
        ),
        Figure(
            name="replayed quotes, each an intent",
            value=intents(counts.intents),
            unit="/CPU-s",
            note="breach, sizing on the book, every guard, reviewed order",
        ),
    ]
