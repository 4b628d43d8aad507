"""What deciding costs by itself: a full evaluation of a book, and a quote that changes nothing, in any width.

Quotes are those of a market that moves: most stay inside their boxes, some take them along, and now and then the sums
are drawn anew. What is printed is the cost of all of them, over all quotes. Marks and ticks, which evaluate, are apart.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

from bot.domain.commands import Command
from bot.domain.events import Event, Ticked
from bot.domain.market import Quote
from bot.domain.units import MILLISECOND_NS, Nanos
from bot.engine import decide
from bot.engine.engine import Engine
from bot.engine.trust import Beliefs
from bot.lab.bench import market
from bot.lab.bench.figures import AtMost, Counts, Figure
from bot.lab.bench.market import Book

MICROSECOND_NS = 1_000
EVALUATION_MS_MAX = 1.0
EVALUATED = 50
QUOTE_US_MAX = 0.6
WIDENING_MAX = 1.5
ALONE, NARROW, WIDE = 1, 10, 200
ENGINES = 4
"""Where in memory things happen to lie makes a third of such short times: each book is built so often."""
BOOKS: dict[str, tuple[Callable[[int], Book], str]] = {
    "ratio": (market.ratio, "every coin neutral, a group of its own"),
    "weights": (market.weights, "weights of NAV: every quote moves every weight"),
    "composed": (market.composed, "weights, a cash hedge and a tilt: one group"),
}


def measure(counts: Counts) -> list[Figure]:
    """The row."""
    out = _evaluations(counts)
    for name, (made, note) in BOOKS.items():
        out += _widths(name, made, note, counts)
    return out


def _evaluations(counts: Counts) -> list[Figure]:
    mixed, composed = market.mixed(EVALUATED).engine(), market.composed(EVALUATED).engine()
    alone = market.weights(EVALUATED).engine()
    note = "20 neutral, weights over 30, a cash hedge: judged exactly, in Decimal, from accounts and quotes"
    return [
        _evaluation(f"full evaluation, {EVALUATED} assets, 3 targets", mixed, note, counts),
        _evaluation("  three targets on the same coins", composed, "weights over 50, cash hedge, tilt", counts),
        _evaluation("  one target", alone, "weights over 50", counts, bound=False),
        Figure(
            name="  a tick of the first of them",
            value=_best(lambda: mixed.handle(Ticked(Nanos(market.NOW))), counts) / MILLISECOND_NS,
            unit="ms",
            note="evaluation, and every box and sum drawn anew",
        ),
    ]


def _evaluation(name: str, made: Engine, note: str, counts: Counts, *, bound: bool = True) -> Figure:
    def whole() -> None:
        beliefs = Beliefs(made.state)
        for group in made.state.layout.groups:
            assert decide.assess(beliefs, group).at_rest, f"{group.name} is not at rest"

    spent = _best(whole, counts) / MILLISECOND_NS
    return Figure(name=name, value=spent, unit="ms", note=note, target=AtMost(EVALUATION_MS_MAX) if bound else None)


def _widths(name: str, made: Callable[[int], Book], note: str, counts: Counts) -> list[Figure]:
    widths = (NARROW, 50, WIDE) if made is market.composed else (ALONE, NARROW, 50, WIDE)
    spent = _quotes({width: made(width) for width in widths}, counts)
    figures = [
        Figure(
            name=f"a quote in a {name} book of {width}",
            value=min(spent[width]),
            unit="us",
            target=AtMost(QUOTE_US_MAX),
            note=note if width == NARROW else "",
        )
        for width in widths
    ]
    ratio = statistics.median(wide / narrow for wide, narrow in zip(spent[WIDE], spent[NARROW], strict=True))
    name, note = f"  {WIDE} / {NARROW} assets, {name}", "the median of walks that followed one another"
    return [*figures, Figure(name=name, value=ratio, unit="x", note=note, target=AtMost(WIDENING_MAX))]


def _quotes(books: dict[int, Book], counts: Counts) -> dict[int, list[float]]:
    """CPU of a quote on average over a walk, in microseconds, by width, for each of some walks.

    Widths take turns, so that what disturbs the machine for a while disturbs all of them.
    """
    out: dict[int, list[float]] = {width: [] for width in books}
    for _ in range(ENGINES):
        ready = {width: (book.engine().handle, market.walk(book, counts.walked)) for width, book in books.items()}
        for _ in range(counts.repeats):
            for width, (handle, quotes) in ready.items():
                out[width].append(_walked(handle, quotes))
    return out


def _walked(handle: Callable[[Event], Sequence[Command]], quotes: Sequence[Quote]) -> float:
    """CPU of a quote on average, in microseconds; none of them may call for anything."""
    acted = 0
    began = time.process_time_ns()
    for event in quotes:
        if handle(event):
            acted += 1
    spent = (time.process_time_ns() - began) / len(quotes) / MICROSECOND_NS
    assert acted == 0, "a quote of the walk left a band"
    return spent


def _best(run: Callable[[], object], counts: Counts) -> float:
    """CPU of one call in nanoseconds, the best of some."""
    best = math.inf
    for _ in range(counts.evaluations):
        began = time.process_time_ns()
        run()
        best = min(best, float(time.process_time_ns() - began))
    return best
