"""Which market data needs no evaluation: the boxes of all groups, and the proofs behind them.

Theory of operation
-------------------
A group that is at rest has a ratchet (`bot.calc.ratchet`): rows, linear in prices, which all hold while nothing is
called for, and a box for each price within which they are proven to. Prices are those of the instruments that price its
coins and, where the profit of futures counts, the marks of these, each by a name of its own.

A quote is skipped inside the boxes of all groups that rest on its instrument, or when the ratchets of those whose boxes
it leaves can take them along. A mark is skipped when its index is so near to what it was that no price inside its box
can disagree with it (`trust.price_room`), and its mark moves no sum beyond where it must stay. Whatever is skipped is
kept all the same: the next evaluation sees it.

While a group is held, breached or waiting it has no ratchet, and market data can add nothing that the next tick would
not see as well: but a mark ends the doubt about a price, and is not kept waiting by it.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, nextafter

from bot.calc.boxes import EMPTY, EVERYWHERE, Box, met
from bot.calc.ratchet import Ratchet
from bot.domain.instrument import Kind
from bot.domain.market import Mark, Quote
from bot.domain.units import Asset, InstrumentId
from bot.engine import trust
from bot.engine.decide import Assessment
from bot.engine.layout import Layout
from bot.engine.state import State
from bot.policy.compose import Derived
from bot.policy.members import Member

NO_BOXES: Mapping[InstrumentId, Box] = {}


@dataclass(frozen=True, slots=True)
class Field:
    """What a group rests on: what prices each of its inputs, and the futures among what it watches."""

    watched: tuple[InstrumentId, ...]
    pricing: dict[Asset, InstrumentId]
    futures: tuple[InstrumentId, ...]
    everywhere: dict[InstrumentId, Box]
    """Boxes without an end, by every name that has one."""


class Skipping:
    """The boxes of one portfolio. `boxes` has those of quotes: the one of an instrument is inside those of its groups.

    Nothing of it is kept with the state: without boxes everything is evaluated.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.boxes: dict[InstrumentId, Box] = {}
        self._drawn: dict[str, dict[InstrumentId, Box]] = {}
        self._ratchets: dict[str, Ratchet] = {}
        self._drawn_at: dict[str, int] = {}
        self._facts = 0
        self._marks: dict[InstrumentId, Quote] = {}
        self._market: Mapping[InstrumentId, Quote] = ChainMap(state.books.quotes, self._marks)
        self._fields_of: Layout | None = None
        self._fields: dict[str, Field] = {}

    def forget(self) -> None:
        """Nothing is known of how far prices may move: everything is evaluated until boxes are drawn anew."""
        self.boxes.clear()
        self._drawn.clear()
        self._ratchets.clear()
        self._drawn_at.clear()

    def rest(self) -> None:
        """Every hedge is being closed: only ticks see to that."""
        self.forget()
        self.boxes.update(dict.fromkeys(self._state.layout.touched, EVERYWHERE))

    def learned(self) -> None:
        """Something else than a price has changed, and rows with it."""
        self._facts += 1

    def draw(self, group: Member, assessment: Assessment, *, moved: bool) -> None:
        """Set a group's boxes after it was evaluated. `moved`: market data that no ratchet has seen was the reason.

        A group that looks at nothing but prices and exposures keeps its boxes while only time has gone by.
        """
        name = group.name
        if assessment.at_rest and not moved and self._drawn_at.get(name) == self._facts and name in self._ratchets:
            return
        field, drawn = self._field(group), dict[InstrumentId, Box]()
        self._ratchets.pop(name, None)
        self._drawn_at.pop(name, None)
        if assessment.at_rest and assessment.derived is not None:
            drawn = self._proven(field, assessment.derived, name)
            if name in self._state.layout.plain:
                self._drawn_at[name] = self._facts
        elif assessment.held is not None and assessment.held.guard in trust.PRICE_DOUBTS:
            drawn = dict.fromkeys(map(_index_of, field.futures), EMPTY)
        self._drawn[name] = {**field.everywhere, **drawn}
        self._show(field.watched)

    def is_proven(self, quote: Quote) -> bool:
        """Whether a quote beyond its box changes nothing for any group. If it may for one, all are evaluated: a replay
        evaluates them all.
        """
        groups = self._state.layout.touching(quote.instrument)
        for group in groups:
            if not self._holds(group, quote):
                return False
        return bool(groups)

    def is_quiet(self, mark: Mark) -> bool:
        """Whether a mark changes nothing for any group."""
        if not mark.sane:
            return False
        index, at = _index_of(mark.instrument), _at(mark)
        self._marks[at.instrument] = at
        for group in self._state.layout.touching(mark.instrument):
            box = self._drawn.get(group.name, NO_BOXES).get(index, EMPTY)
            if not box.lo <= mark.index <= box.hi or not self._holds(group, at):
                return False
        return True

    def _holds(self, group: Member, quote: Quote) -> bool:
        """Whether a group's rows are proven to hold at a quote; its ratchet may take its boxes along."""
        drawn = self._drawn.get(group.name, NO_BOXES)
        box = drawn.get(quote.instrument, EMPTY)
        if box.lo <= quote.bid < quote.ask <= box.hi:
            return True
        ratchet = self._ratchets.get(group.name)
        if ratchet is None or not (moved := ratchet.moved(quote, self._market)):
            return False
        self._drawn[group.name].update((name, ratchet.boxes[name]) for name in moved)
        self._show(moved)
        return True

    def _proven(self, field: Field, derived: Derived, name: str) -> dict[InstrumentId, Box]:
        """The boxes of a group at rest. The mark of a position that is in no row, and counts, lets no mark pass."""
        drawn, bounds = self._bounds(field)
        for future in field.futures if name in self._state.layout.cash else ():
            mark = trust.mark_of(future)
            if mark in derived.marked:
                self._marks[InstrumentId(mark)] = _at(self._state.books.marks[future])
                bounds[InstrumentId(mark)] = (EVERYWHERE.lo, EVERYWHERE.hi)
            elif self._state.accounts.positions[future].position.contracts:
                drawn[InstrumentId(mark)] = EMPTY
        pricing = {**field.pricing, **{mark: InstrumentId(mark) for mark in derived.marked}}
        ratchet = self._ratchets[name] = Ratchet(derived.rows(pricing), bounds, self._market)
        return {**drawn, **ratchet.boxes}

    def _bounds(self, field: Field) -> tuple[dict[InstrumentId, Box], dict[InstrumentId, tuple[float, float]]]:
        """How far indices may go, and where the mids must be that agree with them: those of several coins, for all."""
        indices: dict[InstrumentId, Box] = {}
        bounds: dict[InstrumentId, tuple[float, float]] = {}
        for asset, name in field.pricing.items():
            mids, index = trust.price_room(self._state, asset)
            least, most = bounds.get(name, (mids.lo, mids.hi))
            bounds[name] = (max(least, mids.lo), min(most, mids.hi))
            hedge = self._state.layout.assets[asset].hedge
            if hedge is not None:
                indices[_index_of(hedge)] = met(indices.get(_index_of(hedge), EVERYWHERE), index)
        return indices, bounds

    def _show(self, names: Iterable[InstrumentId]) -> None:
        """Bring the boxes of instruments up to date with those of their groups."""
        touched, groups = self._state.layout.touched, self._state.layout.groups
        for name in names:
            box = EVERYWHERE
            for place in touched.get(name, ()):
                box = met(box, self._drawn.get(groups[place].name, NO_BOXES).get(name, EMPTY))
            if name in touched:
                self.boxes[name] = box

    def _field(self, group: Member) -> Field:
        """What a group rests on, looked up once for as long as the rules are what they are."""
        layout = self._state.layout
        if self._fields_of is not layout:
            self._fields_of, self._fields = layout, {}
        if group.name not in self._fields:
            watched = layout.watched(group)
            futures = tuple(name for name in watched if layout.instruments[name].kind is not Kind.SPOT)
            named = [*watched, *map(_index_of, futures), *(InstrumentId(trust.mark_of(name)) for name in futures)]
            self._fields[group.name] = Field(watched, layout.pricing(group), futures, dict.fromkeys(named, EVERYWHERE))
        return self._fields[group.name]


def _index_of(future: InstrumentId) -> InstrumentId:
    """The name under which a future's index has its box."""
    return InstrumentId(f"{future} index")


def _at(mark: Mark) -> Quote:
    """A mark as a market so narrow that there is no price between its sides."""
    price = mark.mark
    return Quote(InstrumentId(trust.mark_of(mark.instrument)), price, nextafter(price, inf), 0, 0, 0, mark.received_ns)
