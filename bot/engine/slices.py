"""From needs to order sizes: which future takes how much of each, as far as books, lots and limits let it.

A coin with one future has one piece. Of one with several `bot.engine.routing` says which take how much. Legs of one
basket are cut to the same share, so that they keep step.
"""

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction

import msgspec

from bot.calc import sizing
from bot.calc.pnl import base_units
from bot.calc.routing import smallest
from bot.domain.hedge import Need
from bot.domain.instrument import Instrument
from bot.domain.order import Refused
from bot.domain.units import ZERO, Asset, Bps, Contracts, InstrumentId, Qty
from bot.engine import routing, trust
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.engine.trust import Beliefs

WHOLE = Fraction(1)


class Slice(msgspec.Struct, frozen=True):
    """What one order takes: `coins` were asked of it (signed), `beyond` is what nobody was asked to take."""

    need: Need
    instrument: InstrumentId
    coins: Qty
    figures: sizing.Sized
    beyond: Qty = ZERO


class Cut(msgspec.Struct, frozen=True):
    """All slices, the needs that are too small for an order, or the refusal; why futures were chosen, by coin."""

    slices: tuple[Slice, ...] = ()
    residuals: dict[str, Qty] = {}
    refused: Refused | None = None
    whys: dict[Asset, str] = {}


class _Legs(msgspec.Struct, frozen=True):
    """One need's slices (none where it is too small), what they leave unasked, and why the futures were chosen."""

    slices: tuple[Slice, ...]
    left: Qty = ZERO
    why: str = ""


def contracts_of(instrument: Instrument, units: Qty) -> Contracts:
    """Signed units of the asset as signed contracts, rounded to the lot toward no trade."""
    return instrument.contracts(units / instrument.base_units)


def slippage_limit(state: State) -> Bps:
    """How far from mid an order's limit may lie: wider only while an operator flattens."""
    limits = state.layout.limits
    return limits.flatten_slippage_bps_max if state.modes.overall is Mode.FLATTEN else limits.slippage_bps_max


def cut(
    beliefs: Beliefs, needs: list[Need], only: InstrumentId | None = None, shut: Collection[InstrumentId] = ()
) -> Cut:
    """Size every leg. `only` is where it has to be, `shut` takes nothing now."""
    found: list[_Legs] = []
    residuals: dict[str, Qty] = {}
    for need in needs:
        legs = _legs(beliefs, need, WHOLE, only, shut, _added(found))
        if isinstance(legs, Refused):
            return Cut(residuals=residuals, refused=legs)
        if not legs.slices:
            residuals[need.asset] = need.hedge
        else:
            found.append(legs)
    share = min((_share(beliefs.state, legs) for legs in found), default=WHOLE)
    if share != WHOLE and len(found) > 1:
        for place, legs in enumerate(found):
            need = legs.slices[0].need
            less = _legs(beliefs, need, share, only, shut, _added(found[:place]))
            if isinstance(less, Refused) or not less.slices:
                why = less.why if isinstance(less, Refused) else "it is too small for an order"
                refused = Refused("size", need.asset, f"a share of {share} of the leg: {why}")
                return Cut(residuals=residuals, refused=refused)
            found[place] = less
    slices = tuple(one for legs in found for one in legs.slices)
    return Cut(slices, residuals, None, {legs.slices[0].need.asset: legs.why for legs in found if legs.why})


def _added(found: Iterable[_Legs]) -> list[routing.Planned]:
    """What the orders of other needs add to positions."""
    slices = (one for legs in found for one in legs.slices)
    return [(one.instrument, one.figures.contracts) for one in slices if not one.figures.reduce_only]


def _legs(
    beliefs: Beliefs,
    need: Need,
    share: Fraction,
    only: InstrumentId | None,
    shut: Collection[InstrumentId],
    beside: Sequence[routing.Planned],
) -> _Legs | Refused:
    """One need's slices, or what refuses one of them. `beside` is what the needs before it add to positions."""
    state, coins = beliefs.state, need.hedge * share.numerator / share.denominator
    names = (only,) if only is not None else state.layout.candidates[need.asset]
    if len(names) == 1:
        figures = size(state, names[0], coins)
        if isinstance(figures, sizing.Unsized):
            return _Legs((), why=figures.why)
        return figures if isinstance(figures, Refused) else _Legs((Slice(need, names[0], coins, figures),))
    spread = routing.shared_out(beliefs, need.asset, coins, shut, beside)
    if not spread.pieces and any(not _is_dust(state.layout.instruments[name], coins) for name in names):
        return Refused("route", need.asset, spread.why or f"{need.asset} cannot be reduced where it is held")
    slices: list[Slice] = []
    left = spread.left
    for name, units in spread.pieces.items():
        figures = size(state, name, units)
        if isinstance(figures, Refused):
            return figures
        if isinstance(figures, sizing.Unsized):
            left += units
        else:
            slices.append(Slice(need, name, units, figures))
    if slices:
        slices[-1] = msgspec.structs.replace(slices[-1], beyond=left)
    return _Legs(tuple(slices), left, spread.why)


def _is_dust(instrument: Instrument, coins: Qty) -> bool:
    return abs(contracts_of(instrument, coins)) < smallest(instrument)


def _share(state: State, legs: _Legs) -> Fraction:
    """How much of what could be ordered in whole lots is taken. Exact, so that the cut leg is what it gave."""
    taken, whole = Fraction(0), Fraction(abs(legs.left))
    for one in legs.slices:
        each = Fraction(base_units(state.layout.instruments[one.instrument], Contracts(1)))
        taken += Fraction(one.figures.contracts) * each
        whole += Fraction(wanted(state, one)) * each
    return taken / whole


def wanted(state: State, one: Slice) -> Contracts:
    """Contracts that a slice was asked to take, in whole lots."""
    return abs(contracts_of(state.layout.instruments[one.instrument], one.coins))


def size(state: State, name: InstrumentId, coins: Qty) -> sizing.Sized | sizing.Unsized | Refused:
    """The figures of an order for signed units of the asset on one future."""
    quote, depth = state.books.quotes.get(name), state.books.depths.get(name)
    if quote is None or not quote.sane or depth is None:
        return Refused("quote", name, "there is no sane quote and depth of the hedge")
    depth_age = trust.age(state, depth.received_ns)
    if depth_age is None or depth_age > state.layout.limits.reducing_quote_age_ns_max:
        return Refused("stale_depth", name, "its book was last seen too long ago to size an order by it")
    limits = sizing.SizeLimits(slippage_limit(state), state.layout.limits.order_notional_max)
    position = state.accounts.positions[name].position.contracts
    instrument = state.layout.instruments[name]
    figures = sizing.size(instrument, coins / instrument.base_units, position, quote, depth, limits)
    if isinstance(figures, sizing.Unsized) and not figures.dust:
        return Refused("depth", name, figures.why)
    return figures
