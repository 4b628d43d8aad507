"""Which target's position it is: every contract, fee and payment of the venue, booked to the target that wanted it.

Theory of operation
-------------------
The venue has one position an instrument; two targets on it send one netted order. The books here say whose it is, after
the fact. No order is decided by them: those rest on the venue's positions alone.

An order carries what each target wanted of it when it was decided (`Leg.wants`, signed contracts: what the target wants
to hold less what is booked to it). The wants of one order add up to at least the order, so each of its fills is shared
pro rata, even where two targets want opposite things: +5 and -3 and a fill of +2 book +5 and -3, at the fill's price.
What is booked follows from the cumulative fills of the order alone, so that any order of reports comes to the same
books; portions are cut to a fixed grid and the largest want takes the rest, so that they add up exactly.

What moved a position and was no fill of ours (a trade by hand, a liquidation, the position that was there at the very
first start) belongs to nobody: it is booked to the sleeve UNASSIGNED, at the venue's entry price. No target's book
changes by it, and as nobody wants it, the next order that corrects it is booked there, too. A sleeve whose target is
gone or has ended is treated alike: it wants nothing, and what closes it is booked to it.

Funding is shared pro rata to what was booked when it settled, of which a short trail is kept; each transaction counts
once. Where two sleeves are opposite, each is booked its own full payment, and the sum is the venue's.

Invariant: over the sleeves of an instrument contracts add up to the position. It is checked with every fill; a breach
is a defect of ours, which halts, and the difference is booked to UNASSIGNED so that it is told once.
Exactly: profit at a mark = cash + contracts x size x mark, where cash is what fills have cost and brought.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

import msgspec

from bot.domain.account import Position
from bot.domain.events import FundingPaid
from bot.domain.order import Side
from bot.domain.units import ONE, ZERO, Asset, Contracts, InstrumentId, Nanos, Notional, Price, Qty
from bot.engine.orders import OrderRecord

UNASSIGNED = "unassigned"
"""The sleeve of what no target wanted."""
GRID = Decimal("1e-12")
GRID_AMOUNT_MAX = Decimal("1e15")
"""Above this the grid is whole numbers: a Decimal has 28 digits."""
TRAIL_MAX = 32
"""Changes of an instrument's books that are remembered, so that late news of a settlement finds what was booked."""
TRANSACTIONS_MAX = 2_000


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """One target's part of a position. Money is in settlement currency, fees by the asset that paid them.

    `cash` is what its fills have brought less what they have cost; `spot_cash` is the same at the spot prices on which
    they were decided, so that the difference of the two is what the basis came to. `funding` > 0 was received.
    """

    contracts: Contracts = ZERO
    entry_price: Price = ZERO
    cash: Notional = ZERO
    spot_cash: Notional = ZERO
    fees: dict[Asset, Notional] = {}
    funding: Notional = ZERO

    def realized(self, size: Qty) -> Notional:
        """Profit of what was closed, before fees and funding. `size` is coins per contract."""
        return self.cash + self.contracts * size * self.entry_price

    def unrealized(self, size: Qty, mark: Price) -> Notional:
        """Profit of what is open, at a mark."""
        return self.contracts * size * (mark - self.entry_price)

    def basis(self, size: Qty, mark: Price, index: Price) -> Notional:
        """What of the profit came of the future moving against its spot."""
        return self.cash - self.spot_cash + self.contracts * size * (mark - index)


class Taken(msgspec.Struct, frozen=True):
    """What an order has come to: signed contracts, contracts x price (signed alike), and fees."""

    contracts: Contracts = ZERO
    cost: Decimal = ZERO
    fees: dict[Asset, Notional] = {}


class Paid(msgspec.Struct, frozen=True):
    """What was booked on an instrument from a moment on."""

    since_ns: Nanos
    contracts: dict[str, Contracts]


def taken(record: OrderRecord) -> Taken:
    """An order's fills, summed up; at the average price where the venue has not told all of them one by one."""
    known = sum((fill.contracts for fill in record.fills), ZERO)
    if known == record.filled:
        cost = sum((fill.contracts * fill.price for fill in record.fills), ZERO)
    else:
        cost = record.filled * (record.average_price or record.request.limit_price)
    fees: dict[Asset, Notional] = {}
    for fill in record.fills:
        fees[fill.fee_asset] = fees.get(fill.fee_asset, ZERO) + fill.fee
    sign = record.request.side.sign
    return Taken(record.filled * sign, cost * sign, fees)


def portions(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """An amount shared pro rata to weights that do not add up to zero, on a grid; the largest weight takes the rest."""
    whole, grid = sum(weights.values(), ZERO), GRID if abs(amount) < GRID_AMOUNT_MAX else ONE
    out = {
        name: (amount * weight / whole).quantize(grid, ROUND_DOWN) for name, weight in sorted(weights.items()) if weight
    }
    largest = max(out, key=lambda name: abs(weights[name]))
    out[largest] += amount - sum(out.values(), ZERO)
    return out


def wants(side: Side, shares: Mapping[str, Contracts], booked: Mapping[str, Contracts]) -> dict[str, Contracts]:
    """What each sleeve wants of an order: what its target wants to hold (`shares`) less what is booked to it.

    Where that does not add up to the order's way (a joint correction trades one asset for the sake of another), the
    order is for the targets that want this instrument at all, each by the size of its wish, or else nobody's.
    """
    names = sorted({*shares, *booked})
    changes = {name: shares.get(name, ZERO) - booked.get(name, ZERO) for name in names}
    found = {name: change for name, change in changes.items() if change}
    if sum(found.values(), ZERO) * side.sign > 0:
        return found
    sizes = {name: abs(share) * side.sign for name, share in sorted(shares.items()) if share}
    return sizes or {UNASSIGNED: Decimal(side.sign)}


@dataclass(slots=True)
class Sleeves:
    """Owner of the books, by instrument and target."""

    books: dict[InstrumentId, dict[str, Book]] = field(default_factory=dict)
    trail: dict[InstrumentId, list[Paid]] = field(default_factory=dict)
    filled: dict[InstrumentId, Contracts] = field(default_factory=dict)
    """What our own fills have added to each position, since the books began."""
    transactions: dict[str, bool] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)
    """Breaches of the invariant that nobody has been told of yet."""

    def booked(self, instrument: InstrumentId) -> dict[str, Contracts]:
        """Signed contracts of each sleeve on an instrument."""
        return {name: book.contracts for name, book in self.books.get(instrument, {}).items()}

    def total(self, instrument: InstrumentId) -> Contracts:
        """Signed contracts of all sleeves together."""
        return sum(self.booked(instrument).values(), ZERO)

    def rows(self) -> Iterator[tuple[InstrumentId, str, Book]]:
        """Every book, by instrument and name."""
        for instrument in sorted(self.books):
            for name in sorted(self.books[instrument]):
                yield instrument, name, self.books[instrument][name]

    def on_order(self, before: OrderRecord, after: OrderRecord, size: Qty, now: Nanos) -> None:
        """Book what a report added to an order. `size` is coins per contract of its instrument."""
        was, now_is = taken(before), taken(after)
        if was == now_is:
            return
        weights = after.wants or {UNASSIGNED: Decimal(after.request.side.sign)}
        old, new = _shared(was, weights), _shared(now_is, weights)
        instrument = after.request.instrument
        books = self.books.setdefault(instrument, {})
        for name in sorted(new):
            books[name] = _booked(books.get(name, Book()), old.get(name, Taken()), new[name], size, after.spot)
        self.filled[instrument] = self.filled.get(instrument, ZERO) + now_is.contracts - was.contracts
        self._note(instrument, now)

    def on_funding(self, event: FundingPaid) -> None:
        """Share a payment among those whose contracts were there when it settled."""
        if event.transaction in self.transactions:
            return
        self.transactions[event.transaction] = True
        while len(self.transactions) > TRANSACTIONS_MAX:
            del self.transactions[next(iter(self.transactions))]
        held = {
            name: contracts for name, contracts in self._at(event.instrument, event.settled_ns).items() if contracts
        }
        if not sum(held.values(), ZERO):
            held = {UNASSIGNED: Decimal(1)}
        books = self.books.setdefault(event.instrument, {})
        for name, amount in portions(event.amount, held).items():
            book = books.get(name, Book())
            books[name] = msgspec.structs.replace(book, funding=book.funding + amount)

    def on_moved(self, position: Position, before: Contracts, size: Qty, now: Nanos) -> None:
        """Book to nobody what moved a position and was no fill of ours. `size` is coins per contract."""
        change = position.contracts - before
        books = self.books.setdefault(position.instrument, {})
        nobody = books.get(UNASSIGNED, Book())
        price = position.entry_price or nobody.entry_price
        books[UNASSIGNED] = _booked(nobody, Taken(), Taken(change, change * price), size, price)
        self._note(position.instrument, now)

    def check(self, position: Position, size: Qty, now: Nanos) -> None:
        """Hold the books against a position of which a fill was just counted."""
        if (total := self.total(position.instrument)) != position.contracts:
            why = f"the sleeves of {position.instrument} add up to {total} contracts, not to {position.contracts}"
            self.defects.append(why)
            self.on_moved(position, total, size, now)

    def take_defects(self) -> list[str]:
        """Breaches since the last call."""
        out, self.defects = self.defects, []
        return out

    def keep(self, instruments: Iterable[InstrumentId]) -> None:
        """Forget the books of instruments that are not tracked any more."""
        for name in self.books.keys() - set(instruments):
            del self.books[name]
            self.trail.pop(name, None)
            self.filled.pop(name, None)

    def _note(self, instrument: InstrumentId, now: Nanos) -> None:
        kept = self.trail.setdefault(instrument, [])
        kept.append(Paid(now, self.booked(instrument)))
        del kept[:-TRAIL_MAX]

    def _at(self, instrument: InstrumentId, moment_ns: Nanos) -> dict[str, Contracts]:
        """What was booked at a moment; the oldest that is remembered for one before it."""
        kept = self.trail.get(instrument)
        if not kept:
            return {}
        return next((one for one in reversed(kept) if one.since_ns <= moment_ns), kept[0]).contracts


def _shared(whole: Taken, weights: Mapping[str, Decimal]) -> dict[str, Taken]:
    """Every sleeve's part of what an order has come to."""
    contracts, costs = portions(whole.contracts, weights), portions(whole.cost, weights)
    sizes = {name: abs(weight) for name, weight in weights.items()}
    fees = {asset: portions(fee, sizes) for asset, fee in whole.fees.items()}
    return {
        name: Taken(contracts[name], costs[name], {asset: by_name[name] for asset, by_name in fees.items()})
        for name in contracts
    }


def _booked(book: Book, was: Taken, now_is: Taken, size: Qty, spot: Price) -> Book:
    """A book after its part of an order grew from one to the other. A correction of prices alone is profit or loss."""
    contracts, cost = now_is.contracts - was.contracts, now_is.cost - was.cost
    fees = dict(book.fees)
    for asset, fee in now_is.fees.items():
        fees[asset] = fees.get(asset, ZERO) + fee - was.fees.get(asset, ZERO)
    return Book(
        contracts=book.contracts + contracts,
        entry_price=_entry(book, contracts, cost),
        cash=book.cash - cost * size,
        spot_cash=book.spot_cash - (contracts * spot if spot else cost) * size,
        fees=fees,
        funding=book.funding,
    )


def _entry(book: Book, contracts: Contracts, cost: Decimal) -> Price:
    """The average price of what is open: closing leaves it, a flip starts anew."""
    after = book.contracts + contracts
    if not after or not contracts:
        return book.entry_price if after else ZERO
    if book.contracts * contracts >= 0:
        return (book.entry_price * book.contracts + cost) / after
    return book.entry_price if after * book.contracts > 0 else cost / contracts
