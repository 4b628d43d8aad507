"""A need shared out over instruments: what reduces positions first, then what is opened, each as far as limits go.

Source: formulas.md 2.12, as `bot.calc.routing`, whose costs these are. What reduces goes to positions against the need,
dearest to keep first; one whose keeping has no known cost goes before all others. What is left is opened on the
cheapest instrument; what its depth, margin or caps do not let it take goes to the next cheapest. What a position or the
last choice carries already stays there until another saves more than the move costs and the buffer.
What has no known cost is never cheap: it is opened on only where no instrument with a known cost can take anything.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.calc.costs import Book
from bot.calc.routing import Candidate, Cost, Terms, bps, depth, in_lots, measured, moving, smallest
from bot.domain.instrument import Kind
from bot.domain.order import Side
from bot.domain.units import ZERO, Contracts, InstrumentId, Notional, Price, Qty


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A need shared out: signed coins by instrument, what is left of it, and why it is so."""

    pieces: Mapping[InstrumentId, Qty]
    left: Qty
    why: str


class Offer(msgspec.Struct, frozen=True):
    """What a candidate can take of a need: signed coins, its row at that size, and the limit that cuts it, if any.

    Nothing where a limit leaves nothing; a row that is refused though it takes something has an unknown cost.
    """

    coins: Qty
    cost: Cost
    bound: str

    @property
    def each(self) -> Decimal:
        """Money for a coin of the need."""
        return self.cost.money / abs(self.coins)


def spread(
    candidates: Sequence[Candidate],
    need: Qty,
    terms: Terms,
    held: Mapping[InstrumentId, Qty],
    *,
    standing: InstrumentId | None = None,
    shut: Collection[InstrumentId] = (),
) -> Spread:
    """Share a need of signed coins (not 0) out, given the signed coins `held`.

    `standing` carried the last hedge. Instruments that are `shut` take no order at all: what only they could reduce is
    left, for opening against a position that cannot be reduced would hold two in its place.
    """
    against = {name: coins for name, coins in held.items() if coins * need < 0}
    reducible = min(sum(map(abs, against.values()), ZERO), abs(need)).copy_sign(need)
    open_ones = {name: coins for name, coins in against.items() if name not in shut}
    pieces, left = reductions(open_ones, reducible, keeping(candidates, -need, terms))
    opened = Spread(pieces={}, left=ZERO, why="")
    if need != reducible:
        same = {name: coins for name, coins in held.items() if coins * need > 0}
        home = min(same, key=lambda name: (-abs(same[name]), name), default=None)
        takers = [one for one in candidates if one.instrument.id not in shut]
        opened = opening(takers, need - reducible, terms, home=home, standing=standing)
    for name, coins in opened.pieces.items():
        pieces[name] = pieces.get(name, ZERO) + coins
    return Spread(pieces=pieces, left=left + opened.left, why=opened.why)


def keeping(candidates: Iterable[Candidate], coins: Qty, terms: Terms) -> dict[InstrumentId, Decimal]:
    """What a position of the sign of `coins` costs to keep over the horizon, where that is known."""
    rows = (measured(one, coins, terms) for one in candidates)
    return {row.instrument: row.running for row in rows if not row.refused}


def reductions(
    held: Mapping[InstrumentId, Qty], need: Qty, running: Mapping[InstrumentId, Decimal]
) -> tuple[dict[InstrumentId, Qty], Qty]:
    """What of a need reduces positions, and what is left of it. `running` is what keeping each costs, if it is known.

    Unknown costs go first, then the dearest; equals go by size, then by name.
    """
    against = [name for name, coins in held.items() if coins * need < 0]
    against.sort(key=lambda name: (name in running, -running.get(name, ZERO), -abs(held[name]), name))
    pieces: dict[InstrumentId, Qty] = {}
    left = need
    for name in against:
        if not left:
            break
        pieces[name] = -held[name] if abs(held[name]) <= abs(left) else left
        left -= pieces[name]
    return pieces, left


def opening(
    candidates: Sequence[Candidate],
    need: Qty,
    terms: Terms,
    *,
    home: InstrumentId | None = None,
    standing: InstrumentId | None = None,
) -> Spread:
    """Open signed coins. `home` is where a position of that sign is, `standing` where the last one was opened."""
    pool, left, whys = sorted(candidates, key=lambda one: one.instrument.id), need, list[str]()
    pieces: dict[InstrumentId, Qty] = {}
    while left and (able := _able(pool, left, terms)):
        first, why = _first(able, terms, home, standing)
        name = first.cost.instrument
        pieces[name] = first.coins
        whys.append(f"{why}; {first.bound}" if first.bound else why)
        left = left - first.coins if first.bound else ZERO
        taker = next(one for one in pool if one.instrument.id == name)
        pool = [_less(one, taker, first.cost.value) for one in pool if one is not taker]
    if pieces:
        return Spread(pieces=pieces, left=left, why="; ".join(whys))
    return _without_costs(candidates, need, terms, home or standing)


def _less(candidate: Candidate, taker: Candidate, value: Notional) -> Candidate:
    """A candidate after another has taken so much: what the two share is used up by that."""
    free = candidate.margin_free
    if free is not None and candidate.instrument.account == taker.instrument.account:
        free -= value * taker.initial_margin
    shared = {name: cap - value if name in taker.shared else cap for name, cap in candidate.shared.items()}
    return msgspec.structs.replace(candidate, margin_free=free, shared=shared)


def _able(pool: Iterable[Candidate], need: Qty, terms: Terms) -> list[Offer]:
    offers = (offer(one, need, terms) for one in pool)
    return [one for one in offers if one.coins and not one.cost.refused]


def _first(
    able: Sequence[Offer], terms: Terms, home: InstrumentId | None, standing: InstrumentId | None
) -> tuple[Offer, str]:
    """The cheapest, unless moving away from what carries the hedge already costs more than that saves."""
    best = min(able, key=lambda one: one.each)
    named: dict[InstrumentId | None, Offer] = {one.cost.instrument: one for one in able}
    kept = named.get(home) or named.get(standing)
    name = best.cost.instrument
    if kept is None or kept is best:
        return best, f"{name} costs {bps(best.cost.total)} over the horizon, the least of {len(able)}"
    same_size = msgspec.structs.replace(best.cost, value=best.cost.value * abs(kept.coins / best.coins))
    if kept.cost.instrument == home:
        saved, price = moving(kept.cost, same_size, terms)
    else:
        saved, price = kept.cost.money - same_size.money, terms.buffer * kept.cost.value
    gain, cost = bps(saved / kept.cost.value), bps(price / kept.cost.value)
    if saved > price:
        return best, f"{name} saves {gain} against {kept.cost.instrument}, more than {cost}"
    return kept, f"{kept.cost.instrument} stays: {name} would save {gain}, no more than {cost}"


def _without_costs(candidates: Sequence[Candidate], need: Qty, terms: Terms, kept: InstrumentId | None) -> Spread:
    """Nobody's cost is known: what carries the hedge already, else the first that is listed, takes what it can."""
    offers = [offer(one, need, terms) for one in candidates]
    said = "; ".join(f"{one.cost.instrument}: {one.cost.refused or one.bound}" for one in offers)
    for one in sorted(offers, key=lambda one: one.cost.instrument != kept):
        if one.coins:
            why = f"{one.cost.instrument}, since costs cannot be compared ({said})"
            return Spread(pieces={one.cost.instrument: one.coins}, left=need - one.coins, why=why)
    return Spread(pieces={}, left=need, why=said or "there is no instrument to choose from")


def offer(candidate: Candidate, need: Qty, terms: Terms) -> Offer:
    """What a candidate can take of a need of signed coins (not 0), at most the whole of it."""
    instrument, book = candidate.instrument, candidate.book
    row = measured(candidate, need, terms)
    if candidate.barred or not instrument.trading:
        return _none(row, candidate.barred or "it does not trade")
    if book is None or not row.contracts:
        return _none(row, row.refused or "the need is below its minimum")
    most, bound = _most(candidate, book, Side.BUY if need > 0 else Side.SELL, terms)
    taken = min(row.contracts, most)
    if taken < smallest(instrument):
        return _none(row, bound if most < smallest(instrument) else "the need is below its minimum")
    if taken == row.contracts:
        return Offer(need, row, "")
    each = _contract_coins(candidate, book.mid) * instrument.base_units / candidate.ratio
    coins = (taken * each).copy_sign(need)
    return Offer(coins, measured(candidate, coins, terms), bound)


def _none(row: Cost, why: str) -> Offer:
    return Offer(ZERO, msgspec.structs.replace(row, refused=why), why)


def _contract_coins(candidate: Candidate, mid: Price) -> Qty:
    """Contract coins of one contract."""
    size = candidate.per_contract or candidate.instrument.contract_size
    return size / mid if candidate.per_contract is None and candidate.instrument.kind is Kind.INVERSE else size


def _most(candidate: Candidate, book: Book, side: Side, terms: Terms) -> tuple[Contracts, str]:
    """The most contracts that the limits let a candidate take, in whole lots, and the limit that says so."""
    name, there = candidate.instrument.id, depth(book, side, terms)
    worth = _contract_coins(candidate, book.mid) * book.mid * candidate.unit
    bounds = [(there, f"the book of {name} holds {there:f} contracts within {terms.slippage_bps_max:f} bps")]
    if candidate.room is not None:
        bounds.append((candidate.room / worth, f"the caps of {name} leave {candidate.room:f}"))
    if candidate.margin_free is not None:
        free = candidate.margin_free
        bounds.append((free / candidate.initial_margin / worth, f"the account of {name} has {free:f} of free margin"))
    bounds += [(cap / worth, f"the cap of {shared} leaves {cap:f}") for shared, cap in candidate.shared.items()]
    most, why = min(bounds, key=lambda bound: bound[0])
    return max(in_lots(most, candidate.instrument.lot), ZERO), why
