"""Random rows over random markets, walked through a ratchet as the engine does it, beside exact arithmetic."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from bot.calc.boxes import EMPTY, Box, Row, Sum
from bot.calc.ratchet import Ratchet
from bot.domain.market import Quote
from bot.domain.units import InstrumentId, exact

NAMES = tuple(InstrumentId(f"x:{letter}") for letter in "abcdef")
WIDE = (1e-3, 1e12)
STEPS = 60


def at(name: InstrumentId, bid: float, ask: float) -> Quote:
    """A quote of which only the prices matter."""
    return Quote(name, bid, ask, 1.0, 1.0, 1, 1)


def mid(quote: Quote) -> Fraction:
    """The exact mid, as it is judged."""
    return (Fraction(exact(quote.bid)) + Fraction(exact(quote.ask))) / 2


def left(row: Row, quotes: Mapping[InstrumentId, Quote]) -> Fraction:
    """What a row has left, exactly."""
    mids = {name: mid(quote) for name, quote in quotes.items()}

    def total(constant: float, coefficients: Mapping[InstrumentId, float]) -> Fraction:
        return Fraction(constant) + sum((Fraction(a) * mids[i] for i, a in coefficients.items()), Fraction(0))

    shared = Fraction(0) if row.whole is None else total(row.whole.constant, row.whole.coefficients)
    return total(row.constant, row.coefficients) + Fraction(row.share) * shared


def named(row: Row) -> set[InstrumentId]:
    """Every instrument that a row rests on."""
    return {*row.coefficients, *(row.whole.coefficients if row.whole is not None else ())}


def too_near(made: Any) -> bool:
    """Whether a quote is skipped that leaves a row with less room than its floats may be wrong by.

    Spreads are so wide that only mids are known. Half of what b loses, or gains, the row loses: all of its room but
    a ten-thousandth of a millionth.
    """
    a, b = NAMES[:2]
    whole, lost = Sum(0.0, {a: 1.0, b: 1.0}), 2.0 - 2e-8
    for sign in (1, -1):
        quotes = {a: at(a, 99.0, 101.0), b: at(b, 99.0, 101.0)}
        ratchet = made([Row(1.0, {a: -1.0 * sign}, 0.5 * sign, whole)], dict.fromkeys(quotes, WIDE), quotes)
        if ratchet.moved(at(b, 99.0 - sign * lost, 101.0 - sign * lost), quotes):
            return True
    return False


def pushed(made: Any) -> bool:
    """Whether a pair that is at the worst corner of what was dealt out lets its sum go on until the row fails."""
    a, b, c = NAMES[:3]
    quotes = {name: at(name, 99.99, 100.01) for name in (a, b, c)}
    row = Row(10.0, {a: 1.0, b: -1.0}, 0.1, Sum(0.0, {c: 1.0}))
    ratchet = made([row], dict.fromkeys(quotes, WIDE), quotes)
    for quote in (at(a, 90.5, 90.52), at(b, 109.48, 109.5), *(at(c, 100 - n, 100.01 - n) for n in range(1, 20))):
        box = ratchet.boxes[quote.instrument]
        if not (box.lo <= quote.bid < quote.ask <= box.hi or ratchet.moved(quote, quotes)):
            return False
        quotes[quote.instrument] = quote
    return left(row, quotes) < 0


def idle(made: Any) -> bool:
    """Whether a quiet market is evaluated: two weights of half with a band of a tenth, and a pair beside them."""
    a, b = NAMES[:2]
    whole = Sum(0.0, {a: 1.0, b: 1.0})
    rows = [Row(0.0, {name: -sign}, sign * (0.5 + sign * 0.1), whole) for name in (a, b) for sign in (1.0, -1.0)]
    rows += [Row(40.0, {a: sign, b: -sign}, 0.1 * sign, whole) for sign in (1.0, -1.0)]
    quotes = {name: at(name, 99.99, 100.01) for name in (a, b)}
    ratchet, chance = made(rows, dict.fromkeys(quotes, WIDE), quotes), random.Random(1)
    for _ in range(200):
        name, price = chance.choice((a, b)), chance.uniform(98.0, 102.0)
        quote, box = at(name, price - 0.01, price + 0.01), ratchet.boxes[name]
        if not (box.lo <= quote.bid < quote.ask <= box.hi or ratchet.moved(quote, quotes)):
            return True
        quotes[name] = quote
    return False


class Walk:
    """One random book: its rows, its market, and whoever tries to move that unseen to where a row fails."""

    def __init__(self, seed: int, made: Any = Ratchet) -> None:
        self.chance = random.Random(seed)
        self.made = made
        self.names = NAMES[: self.chance.randint(1, len(NAMES))]
        self.quotes = {name: self._around(name, 10 ** self.chance.uniform(-2, 5)) for name in self.names}
        self.began = dict(self.quotes)
        sums = [self._sum() for _ in range(self.chance.randint(0, 2))]
        self.rows = [self._row(sums) for _ in range(self.chance.randint(1, 6))]
        self.bounds = dict.fromkeys(self.names, WIDE)
        self.accepted = self.moves = self.refused = 0
        self.draw()

    def draw(self) -> None:
        """Start anew from the market as it is, as after an exact evaluation."""
        self.ratchet = self.made(self.rows, self.bounds, self.quotes)
        self.held = [row for row in self.rows if left(row, self.quotes) >= 0]
        self.failed = {name for row in self.rows if row not in self.held for name in named(row)}

    def take(self, quote: Quote) -> bool:
        """Hand a quote over as the engine does; whether it was skipped."""
        box: Box = self.ratchet.boxes.get(quote.instrument, EMPTY)
        inside = box.lo <= quote.bid < quote.ask <= box.hi
        moved: Sequence[InstrumentId] = () if inside else self.ratchet.moved(quote, self.quotes)
        self.quotes[quote.instrument] = quote
        self.accepted += inside
        self.moves += bool(moved)
        return inside or bool(moved)

    def wrong(self) -> str:
        """Walk; what was skipped though a row had failed by then, or nothing."""
        for _ in range(STEPS):
            for quote in self._plot():
                before = self.quotes[quote.instrument]
                if not self.take(quote):
                    self.refused += 1
                    self._correct()
                    continue
                if quote.instrument in self.failed:
                    return f"a row had failed when {quote} was skipped"
                for row in self.held:
                    if left(row, self.quotes) < 0:
                        return f"{row} fails at {quote} after {before}"
        return ""

    def _correct(self) -> None:
        """What an exact evaluation leads to: a book that has left its rows is brought back to where it began."""
        if any(left(row, self.quotes) < 0 for row in self.held):
            self.quotes = dict(self.began)
        self.draw()

    def _around(self, name: InstrumentId, price: float) -> Quote:
        half = price * 10 ** self.chance.uniform(-6, -3)
        return at(name, price - half, price + half)

    def _plot(self) -> list[Quote]:
        """The next quotes: one that wanders, the whole market at once, or every price of a row to its worst corner."""
        kind = self.chance.random()
        if kind < 0.3:
            by = self.chance.gauss(0, 10 ** self.chance.uniform(-5, -1))
            return [self._moved(self.chance.choice(self.names), by)]
        if kind < 0.6:
            common = self.chance.gauss(0, 10 ** self.chance.uniform(-4, -1))
            return [self._moved(name, common + self.chance.gauss(0, 1e-4)) for name in self.names]
        return self._corner(self.chance.choice(self.rows))

    def _moved(self, name: InstrumentId, by: float) -> Quote:
        return self._around(name, self.quotes[name].mid * max(1 + by, 0.1))

    def _corner(self, row: Row) -> list[Quote]:
        """As near to failing a row as its boxes allow, just inside of them; or a step beyond, against it."""
        out = []
        for name in self.names:
            a = row.coefficients.get(name, 0.0)
            if row.whole is not None:
                a += row.share * row.whole.coefficients.get(name, 0.0)
            box = self.ratchet.boxes[name]
            if a == 0:
                continue
            if box.lo > box.hi or self.chance.random() < 0.2:
                out.append(self._moved(name, -self.chance.uniform(0, 1e-3) * (1 if a > 0 else -1)))
            elif a > 0:
                out.append(at(name, box.lo, box.lo * (1 + 1e-15)))
            else:
                hi = min(box.hi, 1e9)
                out.append(at(name, hi * (1 - 1e-15), hi))
        return out

    def _sum(self) -> Sum:
        named = self.chance.sample(self.names, self.chance.randint(0, len(self.names)))
        return Sum(
            self.chance.choice([0.0, self.chance.gauss(0, 100)]),
            {name: self._size(name, positive=self.chance.random() < 0.8) for name in named},
        )

    def _row(self, sums: Sequence[Sum]) -> Row:
        """A row that most often holds, with any room from hardly any to half of its size."""
        whole = self.chance.choice([None, *sums])
        named = self.chance.sample(self.names, min(self.chance.choice([0, 1, 1, 1, 2, 3]), len(self.names)))
        if whole is None and not named:
            named = [self.names[0]]
        own = {name: self._size(name) for name in named}
        share = 0.0 if whole is None else self.chance.choice([-1, 1]) * 10 ** self.chance.uniform(-3, 0)
        bare = Row(0.0, own, share, whole)
        now = float(left(bare, self.quotes))
        size = abs(now) + sum(abs(a) * self.quotes[name].mid for name, a in own.items())
        room = size * 10 ** self.chance.uniform(-4, -0.3) * (1 if self.chance.random() < 0.97 else -1)
        return Row(room - now, own, share, whole)

    def _size(self, name: InstrumentId, *, positive: bool = False) -> float:
        """A quantity that is worth something like a hundred."""
        sign = 1 if positive or self.chance.random() < 0.5 else -1
        return sign * 100 * 10 ** self.chance.uniform(-1, 1) / self.quotes[name].mid
