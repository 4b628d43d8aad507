"""Which instrument carries a hedge: the cheapest of those that can, over the time it is expected to be held.

Source: formulas.md 2.12. Running costs (funding or basis, margin) and the trades that open and close a hedge are
summed over the horizon, in fractions of its notional: > 0 costs, < 0 earns. Tradability, depth at size, free margin
and caps are hard limits, never costs. What is held moves only where that gains more than two trades and a buffer; what
reduces a position goes where the position is, and no limit stands in its way.

`route` finds one instrument for a whole need; `bot.calc.spreading` shares one out.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal

import msgspec

from bot.calc.carry import DAYS_PER_YEAR, basis_share, days_to
from bot.calc.costs import Book, one_way, within_limit
from bot.domain.instrument import Instrument, Kind
from bot.domain.order import Side
from bot.domain.rules import Limits
from bot.domain.units import BPS_PER_UNIT, ONE, ZERO, Bps, Contracts, InstrumentId, Nanos, Notional, Price, Qty

DIVISION_BLUR = Decimal("1e-15")
"""What a division may leave of a whole number of lots."""
BUFFER = Decimal("0.0005")
"""What a move must save beyond its cost, as a fraction of notional: forecasts of funding are no better than that."""
HORIZON_DAYS = Decimal(30)
"""How long a hedge is expected to be held, where instruments are compared."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument that could carry a hedge, with its market now. None is unknown, if nothing else is said.

    `book` is in contracts, `index` the spot price that a dated contract converges to, per contract coin.
    `funding_apr` is what a LONG is expected to pay a year over the horizon: a perpetual needs it.
    `ratio` is base coins of the instrument for one coin of the need: 1 for a coin's own contracts, beta x P / P_h for
    a proxy. `per_contract` is contract coins of delta for one contract; None: by its kind (a quanto must say it).
    `unit` is the value of one unit of its quote. `initial_margin` is a fraction of notional.
    `margin_free` and `room` (what all caps leave) are values that bound what is added; None: unbounded. `shared` are
    caps on value that it has together with others, by their names; of the margin this holds for all of an account.
    `adverse_basis` is a yearly cost of an uncertain basis, `reversion` how much of a basis is counted on that a
    contract gives back before its expiry.
    `barred` says why it takes no new risk (halted, stale, latched), "" where it does.
    """

    instrument: Instrument
    book: Book | None
    index: Price | None = None
    funding_apr: Decimal | None = None
    ratio: Decimal = ONE
    per_contract: Qty | None = None
    unit: Price = ONE
    initial_margin: Decimal = ONE
    margin_free: Notional | None = None
    room: Notional | None = None
    shared: Mapping[str, Notional] = {}
    adverse_basis: Decimal = ZERO
    settlement_fee: Decimal = ZERO
    reversion: Decimal = ONE
    barred: str = ""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How candidates are compared: the horizon (> 0 days), the yearly price of margin, and the depth that is asked for.

    The whole need must be in the book within `slippage_bps_max` of its mid. `buffer` is a fraction of notional that a
    switch must gain over the horizon beyond its cost.
    """

    now_ns: Nanos
    horizon_days: Decimal
    slippage_bps_max: Bps
    capital_apr: Decimal = ZERO
    buffer: Decimal = ZERO


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: fractions of notional over the horizon. `refused` says why it cannot serve, "" if it can.

    `opening` and `closing` are effective costs of trades; `closing` is the settlement fee where it is held to expiry,
    and `leaving` what closing it now would cost. `value` is the notional that the need has in this instrument.
    """

    instrument: InstrumentId
    contracts: Contracts = ZERO
    value: Notional = ZERO
    funding: Decimal = ZERO
    basis: Decimal = ZERO
    margin: Decimal = ZERO
    opening: Decimal = ZERO
    closing: Decimal = ZERO
    leaving: Decimal = ZERO
    refused: str = ""

    @property
    def running(self) -> Decimal:
        """Everything but the trades."""
        return self.funding + self.basis + self.margin

    @property
    def total(self) -> Decimal:
        """What it costs to open, hold and close, as a fraction."""
        return self.running + self.opening + self.closing

    @property
    def money(self) -> Notional:
        """The same in value."""
        return self.total * self.value


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hedge goes, every candidate's cost, and the reason as a sentence. No choice: nowhere within the limits.

    `leave` is a position whose move to the choice gains more than it costs.
    """

    choice: InstrumentId | None
    costs: tuple[Cost, ...]
    why: str
    leave: InstrumentId | None = None


def capital(instrument: Instrument, limits: Limits) -> Decimal | None:
    """The capital that more of a future takes, as a fraction of its notional, by the owner's limits; None: unknown.

    What `margin_ratio_max` asks for beside its maintenance margin, and what opening it may cost. It is the rate of the
    highest bracket which a position may reach, so that no bracket is ever understated.
    """
    reached = [tier.rate for tier in instrument.tiers if tier.floor <= limits.position_notional_max]
    if not reached:
        return None
    return max(reached) / limits.margin_ratio_max + instrument.taker_fee + limits.slippage_bps_max / BPS_PER_UNIT


def route(
    candidates: Iterable[Candidate], need: Qty, terms: Terms, held: Mapping[InstrumentId, Qty] | None = None
) -> Route:
    """The instrument for a need of signed coins (sell < 0, not 0), given the signed coins `held` in instruments.

    Equal costs go by name, so that one state has one route.
    """
    listed = sorted(candidates, key=lambda c: c.instrument.id)
    kept = {c.instrument.id: q for c in listed if (q := (held or {}).get(c.instrument.id, ZERO))}
    against = {name: abs(q) for name, q in kept.items() if q * need < 0}
    if against:
        return _reducing(tuple(_cost(c, -need, terms) for c in listed), abs(need), against)
    costs = tuple(_cost(c, need, terms) for c in listed)
    able = [row for row in costs if not row.refused]
    if not able:
        return Route(choice=None, costs=costs, why=_nowhere(costs))
    best = min(able, key=lambda row: row.money)
    home = max(kept, key=lambda name: abs(kept[name]), default=None)
    staying = next((row for row in able if row.instrument == home), None)
    if staying is None or staying is best:
        return Route(choice=best.instrument, costs=costs, why=_cheapest(best, len(able), home))
    return _staying_or_moving(staying, best, costs, terms)


def _nowhere(costs: tuple[Cost, ...]) -> str:
    return "; ".join(f"{row.instrument}: {row.refused}" for row in costs) or "there is no instrument to choose from"


def _reducing(costs: tuple[Cost, ...], need: Qty, against: Mapping[InstrumentId, Qty]) -> Route:
    """The costs are those of holding on: what is dearest to keep goes first, if it covers the need."""
    rows = [row for row in costs if row.instrument in against]
    first = max(rows, key=lambda r: (min(against[r.instrument], need), r.running))
    return Route(
        choice=first.instrument,
        costs=costs,
        why=f"{first.instrument} holds what this reduces ({against[first.instrument]:f})",
    )


def _cheapest(best: Cost, able: int, home: InstrumentId | None) -> str:
    said = f"{best.instrument} costs {bps(best.total)} over the horizon, the least of {able}"
    return said if home in (None, best.instrument) else f"{said}; {home}, where the position is, takes no more"


def _staying_or_moving(home: Cost, best: Cost, costs: tuple[Cost, ...], terms: Terms) -> Route:
    """Move where what is saved until the end beats leaving, opening anew and the buffer."""
    saved, price = moving(home, best, terms)
    gain, cost = saved / home.value, price / home.value
    if saved > price:
        why = f"moving from {home.instrument} to {best.instrument} saves {bps(gain)} for {bps(cost)}"
        return Route(choice=best.instrument, costs=costs, why=why, leave=home.instrument)
    why = f"{home.instrument} stays: moving to {best.instrument} would save {bps(gain)} and take {bps(cost)}"
    return Route(choice=home.instrument, costs=costs, why=why)


def moving(home: Cost, best: Cost, terms: Terms) -> tuple[Notional, Notional]:
    """What moving a position saves until the end of the horizon, and what it has to beat: two trades and the buffer."""
    saved = (home.running + home.closing) * home.value - (best.running + best.closing) * best.value
    return saved, home.leaving * home.value + best.opening * best.value + terms.buffer * home.value


def bps(fraction: Decimal) -> str:
    """A fraction as a person reads it."""
    return f"{fraction * BPS_PER_UNIT:.2f} bps"


def _cost(candidate: Candidate, need: Qty, terms: Terms) -> Cost:
    """A candidate's row: refused by the first thing that is unknown or by the first limit that it does not keep."""
    row = measured(candidate, need, terms)
    if row.refused or candidate.book is None:
        return row
    side = Side.BUY if need > 0 else Side.SELL
    return msgspec.structs.replace(row, refused=_limit(candidate, candidate.book, row, side, terms))


def measured(candidate: Candidate, need: Qty, terms: Terms) -> Cost:
    """A candidate's row, whatever its limits: refused only by what is unknown."""
    instrument, book = candidate.instrument, candidate.book
    if book is None or not book.sane:
        return Cost(instrument=instrument.id, refused="its book is unknown")
    coins = abs(need) * candidate.ratio / instrument.base_units
    exact = _contracts(candidate, coins, book.mid)
    if exact is None:
        return Cost(instrument=instrument.id, refused=f"the delta of one {instrument.kind.value} contract is unknown")
    side = Side.BUY if need > 0 else Side.SELL
    contracts = in_lots(exact, instrument.lot)
    row = Cost(instrument=instrument.id, contracts=contracts, value=coins * book.mid * candidate.unit)
    return _priced(candidate, book, row, side, terms)


def in_lots(exact: Contracts, lot: Contracts) -> Contracts:
    """Contracts in whole lots, rounded down; what is whole but for the last digits of a division is whole."""
    lots = exact / lot
    nearest = lots.to_integral_value()
    return (nearest if abs(lots - nearest) < DIVISION_BLUR else lots.to_integral_value(ROUND_DOWN)) * lot


def _contracts(candidate: Candidate, coins: Qty, mid: Price) -> Contracts | None:
    """Contract coins as contracts, before lots; None where the kind alone does not say it."""
    if candidate.per_contract is not None:
        return coins / candidate.per_contract
    match candidate.instrument.kind:
        case Kind.LINEAR | Kind.INDEX:
            return coins / candidate.instrument.contract_size
        case Kind.INVERSE:
            return coins * mid / candidate.instrument.contract_size
        case _:
            return None


def smallest(instrument: Instrument) -> Contracts:
    """The fewest contracts that an order may have."""
    return max(instrument.contracts_min, instrument.lot)


def depth(book: Book, side: Side, terms: Terms) -> Contracts:
    """What a book holds within the slippage that is allowed from its mid."""
    worst = book.mid * (ONE + side.sign * terms.slippage_bps_max / BPS_PER_UNIT)
    return within_limit(book.against(side), side, worst)


def _limit(candidate: Candidate, book: Book, row: Cost, side: Side, terms: Terms) -> str:
    """The hard limit that the candidate does not keep, or nothing."""
    instrument = candidate.instrument
    if candidate.barred or not instrument.trading:
        return candidate.barred or "it does not trade"
    if row.contracts < smallest(instrument):
        return "the need is below its minimum"
    there = depth(book, side, terms)
    if there < row.contracts:
        return f"its book holds {there:f} of {row.contracts:f} contracts within {terms.slippage_bps_max:f} bps"
    if candidate.room is not None and row.value > candidate.room:
        return f"its caps leave {candidate.room:f}"
    if candidate.margin_free is not None and row.value * candidate.initial_margin > candidate.margin_free:
        return f"its account has {candidate.margin_free:f} of free margin"
    return ""


def _priced(candidate: Candidate, book: Book, row: Cost, side: Side, terms: Terms) -> Cost:
    """The row with its costs, or refused for what they need and is unknown."""
    instrument, years = candidate.instrument, terms.horizon_days / DAYS_PER_YEAR
    kind, fee = instrument.kind, instrument.taker_fee
    opened = one_way(book, side, row.contracts, fee=fee, kind=kind)
    closed = one_way(book, _other(side), row.contracts, fee=fee, kind=kind)
    leaving = closed.total if closed.complete else max(closed.total, opened.total)
    made = msgspec.structs.replace(
        row,
        opening=opened.total,
        closing=leaving,
        leaving=leaving,
        margin=(candidate.initial_margin * terms.capital_apr + candidate.adverse_basis) * years,
    )
    if instrument.expiry_ns is not None:
        return _dated(candidate, book, made, side, terms)
    if candidate.funding_apr is None:
        return msgspec.structs.replace(made, refused="its funding is unknown")
    return msgspec.structs.replace(made, funding=side.sign * candidate.funding_apr * years)


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _dated(candidate: Candidate, book: Book, row: Cost, side: Side, terms: Terms) -> Cost:
    """A dated contract earns (short) or pays (long) its basis evenly until expiry.

    Held to expiry it closes for the settlement fee; beyond, contracts like it follow one another.
    """
    days = days_to(candidate.instrument.expiry_ns, terms.now_ns)
    if days is None:
        return msgspec.structs.replace(row, refused="it expires, or has expired, within the hour")
    if candidate.index is None:
        return msgspec.structs.replace(row, refused="its basis is unknown")
    spells = terms.horizon_days / days
    earned = side.sign * basis_share(book.mid, candidate.index) * spells
    if spells < ONE:
        return msgspec.structs.replace(row, basis=earned * candidate.reversion)
    return msgspec.structs.replace(
        row, basis=earned, opening=row.opening * spells, closing=candidate.settlement_fee * spells
    )
