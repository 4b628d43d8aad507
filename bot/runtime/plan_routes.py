"""Which future carries a hedge in a plan: where positions are reduced, and which one new risk goes to."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.calc import ledger_parts, routing, spreading
from bot.calc.costs import Book
from bot.calc.ledger_parts import Lack
from bot.calc.peg import STOP_BPS, WARN_BPS
from bot.calc.routing import BUFFER, HORIZON_DAYS
from bot.calc.spreading import Spread
from bot.domain.instrument import Kind
from bot.domain.snapshot import PositionMode, Traded
from bot.domain.units import (
    BPS_PER_UNIT,
    HOUR_NS,
    ONE,
    ZERO,
    AccountId,
    Asset,
    Contracts,
    InstrumentId,
    Notional,
    Price,
    Qty,
)
from bot.policy.purse import STABLECOINS
from bot.runtime.plan_quotes import lacking, mid, value_of_contract
from bot.runtime.plan_view import Scene, funding_apr

DOLLAR = Asset("USD")
DOLLARS = frozenset(asset for asset in STABLECOINS if not asset.startswith("EUR")) - {DOLLAR}
OFF_PEG_MAX = STOP_BPS / BPS_PER_UNIT
"""A dollar's stablecoin that is further off than this takes no new risk."""
NEAR_PEG_MAX = WARN_BPS / BPS_PER_UNIT
"""From here on a plan warns of it."""
ANY_SIZE = Decimal(10) ** 15
"""Contracts that a book which shows no sizes is taken to hold; the plan says so."""


LAST_HOUR_NS = HOUR_NS
"""A dated future that is this close to its expiry takes no new risk: it settles before it could serve."""


class Slot(msgspec.Struct, frozen=True):
    """Where signed contracts of an instrument are held: an account and, where it holds both, one of its sides."""

    account: AccountId
    contracts: Contracts


def slots(scene: Scene, name: InstrumentId) -> tuple[Slot, ...]:
    """The open positions of an instrument, the largest first: what an order can reduce is in one of them alone."""
    found: dict[tuple[AccountId, bool], Contracts] = {}
    for one in scene.snapshot.positions:
        if one.instrument == name:
            key = (one.account, in_hedge_mode(scene, one.account) and one.contracts < 0)
            found[key] = found.get(key, ZERO) + one.contracts
    held = [Slot(account, contracts) for (account, _), contracts in sorted(found.items()) if contracts]
    return tuple(sorted(held, key=lambda one: -abs(one.contracts)))


def in_hedge_mode(scene: Scene, account: AccountId) -> bool:
    """Whether an account holds longs and shorts of one instrument side by side."""
    return any(one.id == account and one.position_mode is PositionMode.HEDGE for one in scene.snapshot.accounts)


def home(scene: Scene, one: Traded, sign: Qty) -> Slot:
    """Where new contracts are opened: beside those of the same sign, else where the instrument is held or traded."""
    held = slots(scene, one.instrument.id)
    same = next((slot for slot in held if slot.contracts * sign > 0), None)
    if same is not None:
        return same
    account = held[0].account if held else one.instrument.account
    return Slot(account, ZERO)


def shared_out(scene: Scene, one: Traded, need: Qty, each: Qty) -> list[tuple[Slot, Qty]]:
    """A need of one instrument by where its orders go: positions against it are reduced, the largest first.

    What is left is opened, in one order with the reduction where the account has one position an instrument.
    """
    pieces: list[tuple[Slot, Qty]] = []
    left = need
    for slot in slots(scene, one.instrument.id):
        coins = slot.contracts * each
        if coins * left < 0:
            taken = -coins if abs(coins) <= abs(left) else left
            pieces.append((slot, taken))
            left -= taken
    if not left:
        return pieces
    place = home(scene, one, need * each)
    if not in_hedge_mode(scene, place.account):
        for index, (slot, coins) in enumerate(pieces):
            if slot.account == place.account:
                pieces[index] = (slot, coins + left)
                return pieces
    return [*pieces, (place, left)]


def position(scene: Scene, name: InstrumentId) -> Contracts:
    """Signed contracts of an instrument over all accounts and sides."""
    return sum((one.contracts for one in scene.snapshot.positions if one.instrument == name), ZERO)


def delta(scene: Scene, one: Traded) -> Qty | Lack:
    """Units of the base asset for one contract held long."""
    marked = one if one.mark is not None else msgspec.structs.replace(one, mark=mid(one))
    return ledger_parts.delta(marked, ONE, scene.view.prices)


def lot_of(scene: Scene, one: Traded) -> Qty:
    """A lot in units of the asset; 0 where it is not known."""
    each = delta(scene, one)
    return ZERO if isinstance(each, Lack) else one.instrument.lot * abs(each)


def coins_held(scene: Scene, futures: Iterable[Traded]) -> dict[InstrumentId, Qty]:
    """Signed coins of the asset in each future, those that are flat left out."""
    out = {}
    for one in futures:
        each = delta(scene, one)
        if not isinstance(each, Lack) and (coins := position(scene, one.instrument.id) * each):
            out[one.instrument.id] = coins
    return out


def reductions(
    scene: Scene, futures: Sequence[Traded], held: Mapping[InstrumentId, Qty], need: Qty
) -> tuple[dict[InstrumentId, Qty], Qty]:
    """What of a need reduces positions, dearest to keep first, and what is left to open."""
    running = {}
    if sum(1 for coins in held.values() if coins * need < 0) > 1:
        running = spreading.keeping([_candidate(scene, one, -need) for one in futures], -need, _terms(scene))
    return spreading.reductions(held, need, running)


def _terms(scene: Scene) -> routing.Terms:
    return routing.Terms(
        now_ns=scene.snapshot.now_ns,
        horizon_days=HORIZON_DAYS,
        slippage_bps_max=scene.limits.slippage_bps_max,
        capital_apr=scene.routing.capital_apr,
        buffer=BUFFER,
    )


def carriers(scene: Scene, futures: Sequence[Traded], need: Qty, held: Mapping[InstrumentId, Qty]) -> Spread:
    """The futures that carry a new hedge of an asset, as the running service shares it out.

    Where only one is able to, its limits are its order's to keep; what no future takes is left, and why.
    """
    barred = {one.instrument.id: why_barred(scene, one) for one in futures}
    able = [one for one in futures if not barred[one.instrument.id]]
    if not able:
        return Spread(pieces={}, left=need, why="; ".join(f"{name}: {why}" for name, why in sorted(barred.items())))
    if len(able) == 1:
        return Spread(pieces={able[0].instrument.id: need}, left=ZERO, why="")
    same_way = {name: coins for name, coins in held.items() if coins * need > 0}
    stands = min(same_way, key=lambda name: (-abs(same_way[name]), name), default=None)
    found = spreading.opening([_candidate(scene, one, need) for one in able], need, _terms(scene), home=stands)
    if stands is None or stands in found.pieces or not found.pieces:
        return found
    why = f"{found.why}; what {stands} holds stays there until a move of it pays"
    return msgspec.structs.replace(found, why=why)


def why_barred(scene: Scene, one: Traded) -> str:
    """Why an instrument takes no new risk now; empty where it does."""
    if why := in_doubt(scene, one) or _off_peg(scene, one) or _unmeasured(scene, one):
        return why
    if why := lacking(one, scene.snapshot.now_ns, scene.gaps.get(one.instrument.id, ())):
        return why
    expiry = one.instrument.expiry_ns
    if expiry is not None and expiry - scene.snapshot.now_ns < LAST_HOUR_NS:
        return "it expires within the hour"
    bound_ns = scene.limits.quote_age_ns_max_of(one.instrument.id)
    if one.quote_age_ns is not None and one.quote_age_ns > bound_ns:
        return f"its quote is {one.quote_age_ns / 1e9:.1f} s old, at most {bound_ns / 1e9:.1f} s"
    return ""


def in_doubt(scene: Scene, one: Traded) -> str:
    """Why an instrument takes no order at all: of one that was sent nobody knows what became."""
    unknown = any(order.unknown and order.instrument == one.instrument.id for order in scene.snapshot.orders)
    return "an order on it is of unknown fate: until there is proof it takes no other" if unknown else ""


def _off_peg(scene: Scene, one: Traded) -> str:
    """Why a stablecoin's contracts take no new risk: it is not worth what it stands for (formulas.md 2.9)."""
    quote = one.instrument.quote
    price = scene.view.prices.get(quote)
    if scene.reporting != DOLLAR or quote not in DOLLARS or price is None or abs(price - ONE) <= OFF_PEG_MAX:
        return ""
    return f"{quote} is at {price:f}, more than {OFF_PEG_MAX * 100:f} % off its peg"


def _unmeasured(scene: Scene, one: Traded) -> str:
    """Why the budgets of an instrument cannot be kept: nobody says what the money is worth that it is traded in."""
    quote, budgets = one.instrument.quote, scene.budgets
    if quote in scene.view.prices or not (one.instrument.id in budgets.instruments or one.venue in budgets.venues):
        return ""
    return f"no price of {quote}, so that nothing says what its budgets leave"


def near_peg(scene: Scene, one: Traded) -> tuple[str, ...]:
    """A warning of a stablecoin that has begun to leave its peg, though not so far that it takes no new risk."""
    quote = one.instrument.quote
    price = scene.view.prices.get(quote)
    if scene.reporting != DOLLAR or quote not in DOLLARS or price is None or abs(price - ONE) <= NEAR_PEG_MAX:
        return ()
    return (f"{quote} is at {price:f}, more than {NEAR_PEG_MAX * 100:f} % off its peg",)


def _candidate(scene: Scene, one: Traded, need: Qty) -> routing.Candidate:
    """A future as something that could carry a need of that sign."""
    each, apr, margin = delta(scene, one), funding_apr(one), scene.rooms.get(one.instrument.id)
    unit = scene.view.prices.get(one.instrument.quote, ONE)
    return routing.Candidate(
        instrument=one.instrument,
        book=book_of(one),
        index=one.index,
        funding_apr=None if apr is None else Decimal(repr(apr)),
        per_contract=None if isinstance(each, Lack) else each / one.instrument.base_units,
        unit=unit,
        initial_margin=margin_rate(scene, one),
        margin_free=None if margin is None else margin.free,
        adverse_basis=ZERO if one.instrument.expiry_ns is not None else scene.routing.adverse_basis,
        settlement_fee=one.settlement.fee if one.settlement else one.instrument.taker_fee,
        room=_room_for(scene, one, need, unit),
        shared=_venue_room(scene, one),
    )


def margin_rate(scene: Scene, one: Traded) -> Decimal:
    """The capital that more of a future takes, as a fraction of notional: all of it without brackets."""
    return routing.capital(one.instrument, scene.limits) or ONE


def book_of(one: Traded) -> Book | None:
    """The levels, or the best bid and ask at a size that is not shown."""
    if one.bid is None or one.ask is None:
        return None
    return Book(one.bids or ((one.bid, ANY_SIZE),), one.asks or ((one.ask, ANY_SIZE),))


def room_left(scene: Scene, one: Traded) -> Notional | None:
    """What the budgets of the instrument and of its venue leave, in the reporting currency; None: no bound."""
    caps = [*_own_room(scene, one), *_venue_room(scene, one).values()]
    return min(caps) if caps else None


def _own_room(scene: Scene, one: Traded) -> list[Notional]:
    """What the instrument's own budget leaves, where it has one."""
    name, budgets = one.instrument.id, scene.budgets
    return [max(budgets.instruments[name] - _worth(scene, (one,)), ZERO)] if name in budgets.instruments else []


def _venue_room(scene: Scene, one: Traded) -> dict[str, Notional]:
    """What the budget of its venue leaves for all that is there."""
    if one.venue not in scene.budgets.venues:
        return {}
    there = [other for other in scene.snapshot.instruments if other.venue == one.venue]
    return {one.venue: max(scene.budgets.venues[one.venue] - _worth(scene, there), ZERO)}


def _room_for(scene: Scene, one: Traded, need: Qty, unit: Price) -> Notional | None:
    """What the instrument's budget and its largest positions leave for more on that side; None: no bound."""
    caps, price, each = _own_room(scene, one), mid(one), delta(scene, one)
    if price is not None and not isinstance(each, Lack):
        worth = contract_value(scene, one, price)
        held = position(scene, one.instrument.id) * (1 if need * each > 0 else -1)
        if scene.position_max is not None:
            caps.append((scene.position_max - held * worth) * unit)
        if one.position_max is not None:
            caps.append((one.position_max - held) * worth * unit)
    return max(min(caps), ZERO) if caps else None


def _worth(scene: Scene, instruments: Iterable[Traded]) -> Notional:
    """Gross value of the positions in some instruments."""
    total = ZERO
    for one in instruments:
        price = mid(one)
        held = sum((abs(slot.contracts) for slot in slots(scene, one.instrument.id)), ZERO)
        if price is not None and held:
            total += held * contract_value(scene, one, price) * scene.view.prices.get(one.instrument.quote, ONE)
    return total


def contract_value(scene: Scene, one: Traded, price: Price) -> Notional:
    """What one contract is worth in its quote currency."""
    prices, instrument = scene.view.prices, one.instrument
    payout = ONE
    if instrument.kind is Kind.QUANTO:
        payout = prices[instrument.settle] / prices[instrument.quote]
    return value_of_contract(instrument, price, payout)
