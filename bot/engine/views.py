"""What targets look at, built from what is believed: exact prices, parts of exposures, and what was measured.

Call these only where `trust.doubt` found none: they take everything for known.

A group whose targets want nothing but their band (`Layout.plain`) is shown prices and exposures alone. What moves with
quotes and is not linear in prices (costs, the basis) is shown to the others, which are judged at every tick, too, but
not by quotes: see `Engine`.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.calc import exposure
from bot.calc.sizing import mid_price
from bot.domain.hedge import Parts
from bot.domain.targets import ProxyTarget
from bot.domain.units import ONE, ZERO, Asset, InstrumentId, Price, Qty
from bot.engine import routing
from bot.engine.state import State
from bot.engine.triggers import DECOUPLED
from bot.engine.trust import Beliefs
from bot.policy.members import Member
from bot.policy.purse import Scope
from bot.policy.view import MarginRoom, View

NOTHING: Mapping[str, Decimal] = {}
NO_COINS: Mapping[Asset, Qty] = {}


def price(state: State, asset: Asset) -> Price:
    """The exact mid of an asset's pricing instrument; the quote currency is worth one of itself."""
    rule = state.layout.assets.get(asset)
    return ONE if rule is None else mid_price(state.books.quotes[rule.pricing])


def parts(beliefs: Beliefs, asset: Asset) -> Parts:
    """Where an asset's exposure comes from, as believed."""
    layout, held = beliefs.state.layout, beliefs.state.declared
    rule = layout.assets.get(asset)
    declared = held.of(layout.rules.sources, asset) + (rule.declared if rule is not None else ZERO)
    traded, spot = layout.traded.get(asset, ()), beliefs.spot.get(asset, ZERO)
    if asset in layout.held_as:
        spot += sum((beliefs.spot.get(one, ZERO) * units for one, units in layout.held_as[asset].items()), ZERO)
    return exposure.parts(spot, declared, beliefs.contracts, beliefs.working, traded)


def _look_up(beliefs: Beliefs, names: tuple[Asset, ...]) -> None:
    """See to it that prices and parts of these are known: once for all groups of a moment."""
    for asset in names:
        if asset not in beliefs.parts:
            beliefs.prices[asset] = price(beliefs.state, asset)
            beliefs.parts[asset] = parts(beliefs, asset)


def seen(beliefs: Beliefs, group: Member) -> tuple[View, Scope]:
    """What a group looks at, and the targets' shares of it. Groups that see their own coin alone share a scope."""
    layout = beliefs.state.layout
    if group.name not in layout.bare:
        found = view(beliefs, group)
        return found, Scope(layout.targets, found)
    (asset,) = group.assets
    _look_up(beliefs, group.assets)
    prices, held = {asset: beliefs.prices[asset]}, {asset: beliefs.parts[asset]}
    return View(prices=prices, parts=held, now=beliefs.state.now), beliefs.bare


def view(beliefs: Beliefs, group: Member) -> View:
    """A group's inputs at their prices, and the cash beside them."""
    state, layout = beliefs.state, beliefs.state.layout
    names = layout.priced(group)
    _look_up(beliefs, names)
    prices = {asset: beliefs.prices[asset] for asset in names}
    held = {asset: beliefs.parts[asset] for asset in names}
    if layout.indices:
        _look_through(layout.indices, held, prices)
    unrealized, marked, own = ZERO, NO_COINS, NOTHING
    if layout.owners:
        unrealized, own = beliefs.unrealized, _unrealized_of(beliefs)
    elif group.name in layout.cash:
        marked, marks, entered = beliefs.marked
        prices.update(marks)
        unrealized = -entered
    if group.name in layout.plain:
        return View(prices=prices, parts=held, unrealized=unrealized, marked=marked, now=state.now, unrealized_of=own)
    carrying = {asset: state.carrying(asset) for asset in names if asset in layout.futures}
    return View(
        prices=prices,
        parts=held,
        unrealized=unrealized,
        marked=marked,
        now=state.now,
        unrealized_of=own,
        booked=booked(state),
        moments=state.statistics.moments,
        funding_apr=_funding(state, carrying),
        costs={asset: cost for asset, name in carrying.items() if (cost := _cost(state, name)) is not None},
        decoupled=_decoupled(state, group),
        prior_weight=float(layout.rules.statistics.prior_weight),
        drift_variance=state.statistics.variances(group.name),
        drift_brief=state.statistics.brief(group.name),
        indices=layout.indices,
        bars=state.triggers.bars,
        open_interest={
            asset: state.triggers.interest[layout.hedge(asset)]
            for asset in carrying
            if layout.hedge(asset) in state.triggers.interest
        },
        basis={asset: basis for asset, name in carrying.items() if (basis := _basis(state, asset, name)) is not None},
        sliced=state.triggers.sliced,
        margins=_margins(beliefs, group, carrying),
        caps=layout.ceilings.caps,
    )


def _margins(beliefs: Beliefs, group: Member, carrying: Mapping[Asset, InstrumentId]) -> dict[Asset, MarginRoom]:
    """What margins each future of a proxy's anchors, where that is known: nobody else looks at it."""
    out: dict[Asset, MarginRoom] = {}
    if not any(isinstance(target, ProxyTarget) for target in group.targets):
        return out
    for asset, name in carrying.items():
        instrument = beliefs.state.layout.instruments[name]
        if (found := routing.room(beliefs, instrument)) is not None:
            out[asset] = MarginRoom(account=instrument.account, rate=float(found[0]), free=found[1])
    return out


def _decoupled(state: State, group: Member) -> frozenset[Asset]:
    """Coins of which a person was told that they have decoupled, and not yet that it is over."""
    topics = (topic.partition(" ") for topic in state.triggers.told.get(group.name, {}))
    return frozenset(Asset(coin) for topic, _, coin in topics if topic == DECOUPLED)


def _look_through(
    indices: Mapping[Asset, Mapping[Asset, Decimal]], held: dict[Asset, Parts], prices: Mapping[Asset, Price]
) -> None:
    """Show each coin what futures on an index hold of it, working orders included."""
    for index in sorted(indices.keys() & held.keys()):
        worth = (held[index].futures + held[index].working) * prices[index]
        for asset, share in indices[index].items():
            if asset in held:
                part = held[asset].index + worth * share / prices[asset]
                held[asset] = msgspec.structs.replace(held[asset], index=part)


def booked(state: State) -> dict[str, dict[Asset, Qty]]:
    """Units of each asset's futures in each target's books."""
    out: dict[str, dict[Asset, Qty]] = {}
    for hedge in state.layout.carriers():
        instrument = state.layout.instruments[hedge.hedge]
        each = instrument.contract_size * instrument.base_units
        for name, contracts in state.sleeves.booked(hedge.hedge).items():
            mine = out.setdefault(name, {})
            units = contracts * each
            mine[hedge.asset] = mine[hedge.asset] + units if hedge.asset in mine else units
    return out


def _unrealized_of(beliefs: Beliefs) -> Mapping[str, Decimal]:
    """Profit of the open contracts of targets that own coins by name, at the marks."""
    state = beliefs.state
    owners = state.layout.owners
    out: dict[str, Decimal] = {}
    for holding in beliefs.holdings or ():
        size = holding.instrument.contract_size
        for name, book in state.sleeves.books.get(holding.instrument.id, {}).items():
            if name in owners:
                out[name] = out.get(name, ZERO) + book.unrealized(size, holding.mark)
    return out


def _funding(state: State, carrying: Mapping[Asset, InstrumentId]) -> dict[Asset, float]:
    """What a long of each asset's future is expected to pay a year."""
    known = state.statistics.funding_apr
    return {asset: known[name] for asset, name in carrying.items() if name in known}


def _cost(state: State, name: InstrumentId) -> float | None:
    """Fee and half spread of a small order of the hedge, one way, as a fraction; None without a book."""
    quote = state.books.quotes.get(name)
    if quote is None or not quote.sane:
        return None
    return float(state.layout.instruments[name].taker_fee) + (quote.ask - quote.bid) / 2 / quote.mid


def _basis(state: State, asset: Asset, name: InstrumentId) -> float | None:
    """The future's mid above the spot price, as a fraction; None without a book of the future."""
    rule = state.layout.futures[asset]
    future, spot = state.books.quotes.get(name), state.books.quotes.get(rule.pricing)
    if future is None or spot is None or not (future.sane and spot.sane):
        return None
    return future.mid / (spot.mid * float(state.layout.instruments[name].base_units)) - 1
