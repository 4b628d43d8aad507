"""Price boxes around the market as it is, and sums that remember: proof that a quote cannot change a decision.

Theory of operation
-------------------
Given are rows (`bot.calc.boxes`), all of which must hold for a decision to stay what it is. They come in three kinds.

A row of one price alone bounds that price: those are its limits, `least` and `most`.

A row of one price and a shared sum S, c + a p + s S >= 0, says how far S may go while p is where it is: not below
-(c + a p) / s where s > 0 (a floor), not above it where s < 0 (a ceiling). Each sum keeps the highest of its floors
and the lowest of its ceilings. When p moves, its own floors and ceilings are taken at the new price and only ever
tighten what is kept: what is kept never understates what any row asks for, so no row needs to be looked at again. A
move of the whole market moves S along with its bounds and largely cancels.

What is left are rows of several prices (pairs, programs). Their slack is dealt out: each price, and the sum, may move
by the same relative distance at which the worst corner just holds.

A price that is in a sum has a box around its quote, a part of that distance wide, and S is kept as the interval that it
can be in while every price is anywhere in its box. So a quote inside its box changes nothing that is kept and costs two
comparisons. One that leaves it takes its box along: in the sums its old interval is replaced by the new one, its bounds
are tightened, and if floor <= S <= ceiling still holds then so does every row. If not, everything is drawn anew, in
O(n), around the quotes as they are; and if a row fails then, nothing is proven and the decision is evaluated exactly.

Floats may only prove that nothing is to be done: every row and every sum is first made worse by DOUBT of its gross
size, far above what rounding can add up to until it is drawn anew (at the latest after MOVES_MAX moves, and whenever
the decision is evaluated); no price in a sum may more than double meanwhile. Comparisons are written so that what is
not a number fails them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum

from bot.calc.boxes import EMPTY, EVERYWHERE, INFINITY, Box, Row, Sum
from bot.domain.market import Quote
from bot.domain.units import InstrumentId

DOUBT = 1e-9
MOVES_MAX = 100_000
"""Each move may add 2^-51 of a sum's gross size in rounding: all of them together 5e-11 of it, well below DOUBT."""
GROWTH_MAX = 2.0
"""No price in a sum may be more than so many times what it was when the sum was drawn."""
ROOM = 0.25
"""The part of a row's slack that boxes take: the rest is for prices that leave theirs."""

NO_NAMES: tuple[InstrumentId, ...] = ()

Bounds = Mapping[InstrumentId, tuple[float, float]]
"""The least and the greatest price at which an instrument can be judged at all."""


@dataclass(slots=True, eq=False)
class _Total:
    """A shared sum: the interval it is in, and the one that it must stay in."""

    whole: Sum
    lo: float = 0.0
    hi: float = 0.0
    floor: float = -INFINITY
    ceiling: float = INFINITY
    value: float = 0.0
    gross: float = 0.0
    """Size of its terms with prices in them."""
    doubt: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it is where it must stay; never with what is not a number."""
        return self.floor <= self.lo and self.hi <= self.ceiling

    def bound(self, at: float, *, below: bool) -> None:
        """Tighten a bound. What is not a number becomes one that nothing keeps."""
        if below:
            if not at <= self.floor:
                self.floor = min(INFINITY, at)
        elif not at >= self.ceiling:
            self.ceiling = max(-INFINITY, at)


Edge = tuple[_Total, float, float]
"""A bound on a sum: constant + slope x price."""


@dataclass(slots=True, eq=False)
class _Place:
    """One instrument: its limits, the interval that its mid is in, and what depends on it."""

    name: InstrumentId
    least: float
    most: float
    terms: list[tuple[_Total, float]] = field(default_factory=list)
    floors: list[Edge] = field(default_factory=list)
    ceilings: list[Edge] = field(default_factory=list)
    totals: list[_Total] = field(default_factory=list)
    """Every sum of the terms and bounds, once."""
    bid: float = 0.0
    ask: float = 0.0
    mid: float = 0.0
    lo: float = 0.0
    hi: float = 0.0
    reach: float = 0.0

    def narrow(self, least: float, most: float) -> None:
        """Tighten the limits. What is not a number closes them."""
        if not least <= self.least:
            self.least = least
        if not most >= self.most:
            self.most = most

    def concerns(self, total: _Total) -> None:
        """A sum depends on this price, so that it may not grow beyond what the doubt of sums allows for."""
        if total not in self.totals:
            self.totals.append(total)
        self.narrow(self.least, GROWTH_MAX * self.mid)

    def close(self) -> None:
        """Let no quote pass."""
        self.least, self.most = INFINITY, -INFINITY

    def stand(self, bid: float, ask: float) -> Box:
        """Draw the box around a quote, which is within the limits. Without reach only its very mid is known."""
        if self.reach > 0:
            self.lo, self.hi = max(bid - self.reach, self.least), min(ask + self.reach, self.most)
            return Box(self.lo, self.hi)
        self.lo = self.hi = (bid + ask) / 2
        return EMPTY

    def tighten(self) -> None:
        """Ratchet the bounds that this price sets on sums to the worst of where it can be.

        The least of infinity and of what is not a number is infinity, in this order: a bound that nothing keeps.
        """
        for total, constant, slope in self.floors:
            bound = constant + slope * (self.hi if slope > 0 else self.lo)
            if not bound <= total.floor:
                total.floor = min(INFINITY, bound)
        for total, constant, slope in self.ceilings:
            bound = constant + slope * (self.lo if slope > 0 else self.hi)
            if not bound >= total.ceiling:
                total.ceiling = max(-INFINITY, bound)


class Ratchet:
    """The rows of one decision, and the boxes within which they are proven to hold.

    `boxes` has one for each instrument that is bounded or in a row; they change with `moved`.
    """

    def __init__(self, rows: Sequence[Row], bounds: Bounds, quotes: Mapping[InstrumentId, Quote]) -> None:
        self._rows, self._bounds = [_folded(row) for row in rows], bounds
        self._totals: list[_Total] = []
        self._places: dict[InstrumentId, _Place] = {}
        self._moves = 0
        self.boxes: dict[InstrumentId, Box] = {}
        self._begin(quotes)
        self._draw()

    def moved(self, quote: Quote, quotes: Mapping[InstrumentId, Quote]) -> Sequence[InstrumentId]:
        """Take a quote that left its box. The instruments whose boxes have changed; none where nothing is proven.

        `quotes` are the latest of all instruments before this one. After an empty answer the ratchet is of no use.
        """
        place = self._places.get(quote.instrument)
        if place is None or not place.least <= quote.bid < quote.ask <= place.most:
            return NO_NAMES
        lo, hi = place.lo, place.hi
        box = place.stand(quote.bid, quote.ask)
        lower, upper = place.lo - lo, place.hi - hi
        for total, share in place.terms:
            if share > 0:
                total.lo += share * lower
                total.hi += share * upper
            else:
                total.lo += share * upper
                total.hi += share * lower
        place.tighten()
        self._moves += 1
        for total in place.totals:
            if not (total.floor <= total.lo and total.hi <= total.ceiling):
                return self._drawn({**quotes, place.name: quote}, place.name)
        if self._moves >= MOVES_MAX:
            return self._drawn({**quotes, place.name: quote}, place.name)
        self.boxes[place.name] = box
        return (place.name,)

    def _drawn(self, quotes: Mapping[InstrumentId, Quote], moved: InstrumentId) -> Sequence[InstrumentId]:
        """Draw everything anew for a price that has moved: its own rows are looked at first, for one of them fails."""
        self._begin(quotes)
        own = (row for row in self._rows if moved in row.coefficients)
        if all(self._distance(row) > 0 for row in own) and self._draw():
            return tuple(self.boxes)
        return NO_NAMES

    def _draw(self) -> bool:
        """Draw everything. Whether every row holds at these quotes; one that fails lets no quote of its pass."""
        failed, radius = False, INFINITY
        for row in self._rows:
            distance = self._distance(row)
            if not distance > 0:
                failed = True
                self._fail(row)
            elif row.whole is not None:
                radius = min(radius, distance)
                self._join(row, distance)
            else:
                self._bound(row, distance)
        if not (self._stand(ROOM * radius) or self._stand(0.0)):
            failed = True
            for place in self._places.values():
                place.close()
            self.boxes = dict.fromkeys(self.boxes, EMPTY)
        return not failed

    def _begin(self, quotes: Mapping[InstrumentId, Quote]) -> None:
        """Forget all that was drawn, and take the market as it is."""
        self._moves, self._totals, self._places = 0, [], {}
        for name, (least, most) in self._bounds.items():
            quote = quotes[name]
            place = self._places[name] = _Place(name, EVERYWHERE.lo, EVERYWHERE.hi)
            place.narrow(least, most)
            place.bid, place.ask, place.mid = quote.bid, quote.ask, quote.mid
        for row in self._rows:
            if row.whole is not None and not any(one.whole is row.whole for one in self._totals):
                self._totals.append(self._total(row.whole))

    def _known(self, whole: Sum) -> _Total:
        return next(one for one in self._totals if one.whole is whole)

    def _total(self, whole: Sum) -> _Total:
        total = _Total(whole)
        values = [share * self._places[name].mid for name, share in whole.coefficients.items()]
        total.value, total.gross = fsum((whole.constant, *values)), fsum(map(abs, values))
        total.doubt = DOUBT * GROWTH_MAX * (abs(whole.constant) + total.gross)
        for name, share in whole.coefficients.items():
            place = self._places[name]
            place.terms.append((total, share))
            place.concerns(total)
        return total

    def _distance(self, row: Row) -> float:
        """The relative move that all prices of a row may make at once; not above 0 where the row does not hold."""
        terms = [a * self._places[name].mid for name, a in row.coefficients.items()]
        sizes = fsum(map(abs, terms))
        slack = fsum((row.constant, *terms)) - DOUBT * (abs(row.constant) + GROWTH_MAX * sizes)
        if row.whole is not None:
            total, share = self._known(row.whole), abs(row.share)
            slack += row.share * total.value - share * total.doubt
            sizes += share * total.gross
        return slack / sizes if sizes > 0 else (INFINITY if slack >= 0 else -1.0)

    def _fail(self, row: Row) -> None:
        """A row that does not hold, or just about: no price of it may move unseen."""
        for name in row.coefficients:
            self._places[name].close()
        for name in row.whole.coefficients if row.whole is not None else ():
            self._places[name].close()

    def _bound(self, row: Row, distance: float) -> None:
        """A row without a sum bounds its prices; several share what there is."""
        for name in row.coefficients:
            place = self._places[name]
            place.narrow(place.mid * (1 - distance), place.mid * (1 + distance))

    def _join(self, row: Row, distance: float) -> None:
        """A row with a sum bounds the sum: by its one price wherever that is, or else by what is dealt out."""
        assert row.whole is not None
        total = self._known(row.whole)
        below = row.share > 0
        if len(row.coefficients) > 1:
            self._bound(row, distance)
            room = distance * total.gross
            total.bound(total.value - room if below else total.value + room, below=below)
            return
        constant = DOUBT * abs(row.constant) - row.constant
        if not row.coefficients:
            total.bound(constant / row.share, below=below)
        for name, a in row.coefficients.items():
            place = self._places[name]
            constant += DOUBT * GROWTH_MAX * abs(a) * place.mid
            edges = place.floors if below else place.ceilings
            edges.append((total, constant / row.share, -a / row.share))
            place.concerns(total)

    def _stand(self, radius: float) -> bool:
        """Draw every box, and the sums over them. Whether every sum is where it must be."""
        before = [(total, total.floor, total.ceiling) for total in self._totals]
        self.boxes = {name: self._placed(place, radius) for name, place in self._places.items()}
        for total, _, _ in before:
            self._add_up(total)
        for place in self._places.values():
            place.tighten()
        if all(total.holds for total in self._totals):
            return True
        for total, floor, ceiling in before:
            total.floor, total.ceiling = floor, ceiling
        return False

    def _placed(self, place: _Place, radius: float) -> Box:
        """The box of a price: as far as its limits where no sum depends on it, else a part of the room there is."""
        inside = place.least <= place.bid < place.ask <= place.most
        if not place.totals:
            return Box(place.least, place.most) if inside else EMPTY
        place.reach = min(radius, 1.0) * place.mid if inside else 0.0
        return place.stand(place.bid, place.ask)

    def _add_up(self, total: _Total) -> None:
        """The interval of a sum over the boxes of its prices, a doubt wider than it is."""
        terms = [(share, self._places[name]) for name, share in total.whole.coefficients.items()]
        least = fsum(share * (place.lo if share > 0 else place.hi) for share, place in terms)
        most = fsum(share * (place.hi if share > 0 else place.lo) for share, place in terms)
        total.lo = total.whole.constant + least - total.doubt
        total.hi = total.whole.constant + most + total.doubt


def _folded(row: Row) -> Row:
    """A row whose sum has no price in it is one without a sum."""
    if row.whole is None or row.whole.coefficients:
        return row
    return Row(row.constant + row.share * row.whole.constant, row.coefficients)
