"""From coins to the orders of a plan: which future carries a need, how many contracts of it, at which limit.

A need is in units of the hedged asset. Contracts follow from the delta of one contract of the instrument, whatever its
kind; sizing is that of the engine (`bot.calc.sizing`), which sees the contract as a linear one of the same value.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

import msgspec

from bot.calc import sizing
from bot.calc.costs import walk
from bot.calc.ledger_parts import Lack
from bot.calc.spreading import Spread
from bot.domain.instrument import Instrument, Kind
from bot.domain.market import Depth, Quote
from bot.domain.order import Side
from bot.domain.snapshot import ExactLevel, Traded
from bot.domain.units import (
    ONE,
    ZERO,
    AccountId,
    Asset,
    Contracts,
    Notional,
    Price,
    Qty,
)
from bot.policy.view import plain
from bot.runtime.plan_quotes import lacking, mid
from bot.runtime.plan_routes import (
    ANY_SIZE,
    Slot,
    book_of,
    carriers,
    coins_held,
    contract_value,
    delta,
    in_doubt,
    near_peg,
    position,
    reductions,
    room_left,
    shared_out,
    why_barred,
)
from bot.runtime.plan_view import Scene

LOT_BLUR = Decimal("1E-12")
"""How many lots a division may be off by."""
SLICES_MAX = 200
PAIRING_ROUNDS = 4
"""How often two legs are cut to each other's lots before they count as not matching."""


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """An order that would be sent. `contracts` > 0, `quantity` in units of the asset, `notional` in quote currency.

    `vwap` is None where no side of the book is known.
    """

    asset: Asset
    account: AccountId
    traded: Traded
    side: Side
    contracts: Contracts
    quantity: Qty
    notional: Notional
    limit_price: Price
    mid: Price
    vwap: Price | None
    reduce_only: bool

    @property
    def signed(self) -> Contracts:
        """Contracts with the side's sign."""
        return self.contracts * self.side.sign


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of one need, the coins they leave, and what must be said.

    `refused` is what stands against it, `notes` what is not known, `remarks` how it is carried out.
    """

    orders: tuple[Drafted, ...] = ()
    residual: Qty = ZERO
    refused: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def draft(scene: Scene, asset: Asset, need: Qty) -> Draft:
    """Orders for a need of signed coins. What is in a position already is reduced there before anything is opened."""
    futures = scene.hedges.get(asset, ())
    if not futures:
        return Draft(residual=need, refused=((asset, "no future on it is among the snapshot's instruments"),))
    held = coins_held(scene, futures)
    pieces, left = reductions(scene, futures, held, need)
    drafts = []
    if left:
        found = carriers(scene, futures, left, held)
        for name, coins in found.pieces.items():
            pieces[name] = pieces.get(name, ZERO) + coins
        drafts.append(_carried(asset, found))
    by_id = {one.instrument.id: one for one in futures}
    drafts += [_shared_out(scene, asset, by_id[name], coins) for name, coins in pieces.items()]
    return _together(drafts)


def _carried(asset: Asset, found: Spread) -> Draft:
    """What is to be said of how a need was shared out, and what of it no future takes."""
    if not found.pieces:
        return Draft(residual=found.left, refused=((asset, found.why),))
    remarks = (found.why,) if found.why else ()
    if not found.left:
        return Draft(remarks=remarks)
    line = (asset, f"its futures leave {plain(found.left)} of it")
    return Draft(residual=found.left, remarks=remarks, refused=(line,))


def _together(drafts: Iterable[Draft]) -> Draft:
    """Several drafts of one need as one."""
    drafts = tuple(drafts)
    return Draft(
        orders=tuple(order for one in drafts for order in one.orders),
        residual=sum((one.residual for one in drafts), ZERO),
        refused=tuple(line for one in drafts for line in one.refused),
        notes=tuple(line for one in drafts for line in one.notes),
        remarks=tuple(line for one in drafts for line in one.remarks),
    )


def paired(scene: Scene, asset: Asset, coins: Qty) -> tuple[tuple[Drafted, ...], str]:
    """Sell `coins` > 0 on the spot market and buy back as many of the hedge; neither, with the reason, if not both."""
    markets = [
        one
        for one in scene.snapshot.instruments
        if one.instrument.kind is Kind.SPOT and one.instrument.base == asset and not why_barred(scene, one)
    ]
    if not markets:
        return (), f"no spot market of {asset} that can be traded is among the snapshot's instruments"
    spot = min(markets, key=lambda one: one.instrument.id)
    place = Slot(spot.instrument.account, ZERO)
    matched, rounds, legs = coins, PAIRING_ROUNDS, (Draft(), Draft())
    while matched and rounds:
        legs = _sized(scene, asset, spot, -matched, place), draft(scene, asset, matched)
        sold, bought = (abs(sum((order.quantity * order.side.sign for order in leg.orders), ZERO)) for leg in legs)
        if sold and sold == bought:
            return (*legs[0].orders, *legs[1].orders), ""
        matched, rounds = min(sold, bought), rounds - 1
    whys = [": ".join(line) for leg in legs for line in leg.refused] + [
        line for leg in legs if not leg.orders for line in leg.notes
    ]
    return (), "; ".join(whys) or f"the lots of spot and future have no common size up to {coins} {asset}"


def _shared_out(scene: Scene, asset: Asset, one: Traded, need: Qty) -> Draft:
    """The orders of one instrument, each in the account whose position it changes."""
    each = delta(scene, one)
    if isinstance(each, Lack):
        return Draft(residual=need, refused=((one.instrument.id, each.why),))
    return _together(_sized(scene, asset, one, coins, slot) for slot, coins in shared_out(scene, one, need, each))


def _sized(scene: Scene, asset: Asset, one: Traded, need: Qty, slot: Slot) -> Draft:
    """The orders of one instrument and account for its piece of a need."""
    name, held = one.instrument.id, slot.contracts
    reducing = held * need < 0
    gaps = scene.gaps.get(name, ())
    if why := in_doubt(scene, one) or lacking(one, scene.snapshot.now_ns, gaps, reducing=reducing):
        return Draft(residual=need, refused=((name, why),))
    price, each = mid(one), delta(scene, one)
    assert price is not None, "lacking says when there is none"
    if isinstance(each, Lack):
        return Draft(residual=need, refused=((name, each.why),))
    worth = contract_value(scene, one, price)
    as_linear = msgspec.structs.replace(one.instrument, contract_size=worth / price, contracts_max=None)
    scale = as_linear.contract_size / each
    coins = _snapped(need * scale, as_linear.contract_size, as_linear.lot)
    quote = Quote(name, float(one.bid or price), float(one.ask or price), 0.0, 0.0, 0, 0)
    limits = sizing.SizeLimits(scene.limits.slippage_bps_max, ANY_SIZE)
    figures = sizing.size(as_linear, coins, held, quote, _depth(one, price), limits)
    if isinstance(figures, sizing.Unsized):
        line = (str(name), figures.why)
        return Draft(residual=need, notes=(": ".join(line),)) if figures.dust else Draft(residual=need, refused=(line,))
    refused = _beyond_book(one, figures, abs(as_linear.contracts(coins)))
    contracts, beyond = _within_caps(scene, one, figures, worth)
    cap = _order_cap(scene, one, worth)
    sizes = _cut(contracts, cap, _least(one.instrument, worth))
    orders = _slices(asset, slot.account, one, figures, sizes, each, worth)
    done = sum((order.quantity * order.side.sign for order in orders), ZERO)
    notes = () if one.bids and one.asks else (f"{name}: its depth is not known",)
    return Draft(
        orders=orders,
        residual=_left(need, done, each),
        refused=(*refused, *beyond),
        notes=notes,
        remarks=(*_in_slices(scene, orders), *_over_default(scene, one, orders, worth), *near_peg(scene, one)),
    )


def _in_slices(scene: Scene, orders: Iterable[Drafted]) -> tuple[str, ...]:
    """How the daemon will cut what is shown as one order."""
    most = scene.limits.order_notional_max
    return tuple(
        f"sent in {_ceiling(order.notional / most)} orders of at most {most:f} {order.traded.instrument.quote}"
        for order in orders
        if scene.order_max is None and order.notional > most
    )


def _over_default(scene: Scene, one: Traded, orders: Iterable[Drafted], worth: Notional) -> tuple[str, ...]:
    """Where the daemon's own default for a position stands against what the config did not bound."""
    opened = [order for order in orders if not order.reduce_only]
    if scene.position_max is not None or not opened or one.instrument.kind is Kind.SPOT:
        return ()
    added = sum((order.contracts * order.side.sign for order in opened), ZERO)
    most = scene.limits.position_notional_max
    if abs(position(scene, one.instrument.id) + added) * worth <= most:
        return ()
    quote = one.instrument.quote
    return (f"above {most:f} {quote} a position: the daemon holds it until limits.position_notional is higher",)


def _left(need: Qty, done: Qty, each: Qty) -> Qty:
    """What orders leave of a need; the last digit of a division is nothing."""
    left = need - done
    return ZERO if abs(left) < abs(each) * LOT_BLUR else left


def _depth(one: Traded, price: Price) -> Depth:
    bids = one.bids or ((one.bid or price, ANY_SIZE),)
    asks = one.asks or ((one.ask or price, ANY_SIZE),)
    return Depth(one.instrument.id, _floats(bids), _floats(asks), 0, 0)


def _floats(levels: tuple[ExactLevel, ...]) -> tuple[tuple[float, float], ...]:
    return tuple((float(price), float(size)) for price, size in levels)


def _snapped(coins: Qty, contract: Qty, lot: Contracts) -> Qty:
    """Coins that are whole lots but for the last digit of a division, as a little more: they round to those lots."""
    lots = coins / contract / lot
    nearest = lots.to_integral_value()
    if not nearest or abs(lots - nearest) > LOT_BLUR:
        return coins
    return nearest * lot * contract * (ONE + LOT_BLUR * LOT_BLUR)


def _beyond_book(one: Traded, figures: sizing.Sized, wanted: Contracts) -> tuple[tuple[str, str], ...]:
    """A line where the book holds less than was asked for."""
    if figures.contracts >= wanted:
        return ()
    held = f"its book holds {figures.contracts} of {wanted} contracts up to {figures.limit_price}"
    return ((str(one.instrument.id), f"{held}: the rest waits for more depth"),)


def _within_caps(
    scene: Scene, one: Traded, figures: sizing.Sized, worth: Notional
) -> tuple[Contracts, tuple[tuple[str, str], ...]]:
    """Contracts that the caps leave, and what they cut. What reduces is never cut."""
    if figures.reduce_only or one.instrument.kind is Kind.SPOT:
        return figures.contracts, ()
    name, unit = one.instrument.id, scene.view.prices.get(one.instrument.quote, ONE)
    held = position(scene, name) * figures.side.sign
    rooms: list[tuple[Contracts, str]] = []
    if scene.position_max is not None:
        rooms.append((scene.position_max / worth - held, "limits.position_notional"))
    if one.position_max is not None:
        rooms.append((one.position_max - held, "the venue's largest position"))
    if (room := room_left(scene, one)) is not None:
        rooms.append((room / unit / worth, "budgets"))
    least, by = min(rooms, default=(ANY_SIZE, ""))
    if least >= figures.contracts:
        return figures.contracts, ()
    lots = max((least // one.instrument.lot) * one.instrument.lot, ZERO)
    what = f"{figures.contracts - lots} of {figures.contracts} contracts"
    return lots, ((str(name), f"{what} are beyond {by}"),)


def _order_cap(scene: Scene, one: Traded, worth: Notional) -> Contracts:
    """The most contracts of one order, in whole lots, at least one."""
    caps = [ANY_SIZE]
    if scene.order_max is not None:
        caps.append(scene.order_max / worth)
    if one.instrument.contracts_max is not None:
        caps.append(one.instrument.contracts_max)
    lot = one.instrument.lot
    return max((min(caps) // lot) * lot, lot)


def _cut(contracts: Contracts, cap: Contracts, least: Contracts) -> tuple[Contracts, ...]:
    """Cut an order to what one may be; the last slice takes the tail, and none is left below the minimum."""
    sizes: list[Contracts] = []
    left = contracts
    while left > 0 and len(sizes) < SLICES_MAX:
        sizes.append(min(cap, left))
        left -= sizes[-1]
    if len(sizes) > 1 and sizes[-1] < least and sizes[-2] - (least - sizes[-1]) >= least:
        sizes[-2:] = [sizes[-2] - (least - sizes[-1]), least]
    return tuple(sizes)


def _slices(
    asset: Asset,
    account: AccountId,
    one: Traded,
    figures: sizing.Sized,
    sizes: Iterable[Contracts],
    each: Qty,
    worth: Notional,
) -> tuple[Drafted, ...]:
    """The slices as orders, each priced at what those before it leave of the book."""
    done, orders = ZERO, []
    for size in sizes:
        made = Drafted(
            asset=asset,
            account=account,
            traded=one,
            side=figures.side,
            contracts=size,
            quantity=size * each,
            notional=size * worth,
            limit_price=figures.limit_price,
            mid=figures.mid,
            vwap=_vwap(one, figures.side, done, size),
            reduce_only=figures.reduce_only,
        )
        orders.append(made)
        done += size
    return tuple(orders)


def _least(instrument: Instrument, worth: Notional) -> Contracts:
    lots = _ceiling(instrument.notional_min / worth / instrument.lot) * instrument.lot
    return max(instrument.contracts_min, instrument.lot, lots)


def _ceiling(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)


def _vwap(one: Traded, side: Side, before: Contracts, contracts: Contracts) -> Price | None:
    """The average price of contracts behind `before` others; None where the book is not known."""
    book = book_of(one)
    if book is None:
        return None
    levels, kind = book.against(side), one.instrument.kind
    whole, first = (walk(levels, side, size, kind=kind) for size in (before + contracts, before))
    return _between(first.vwap, before, whole.vwap, whole.contracts, inverse=kind is Kind.INVERSE)


def _between(
    first: Price | None, before: Contracts, whole: Price | None, total: Contracts, *, inverse: bool
) -> Price | None:
    """The average of what lies between two walks of one book; None where the book ends before."""
    if whole is None or total <= before:
        return None
    if first is None or before == 0:
        return whole
    if inverse:
        return (total - before) / (total / whole - before / first)
    return (total * whole - before * first) / (total - before)
