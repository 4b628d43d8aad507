"""`trimtab plan`: from a config and a portfolio at one moment to the whole derivation and the orders that follow."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.domain.hedge import Need
from bot.domain.triggers import CALENDAR_MISSED_NS_MAX, NO_INSTRUMENT
from bot.domain.units import ONE, Asset, Nanos, Notional
from bot.policy import kinds
from bot.policy.budgets import Ceilings, Cuts, ceilings, cuts
from bot.policy.compose import Derived, Member, derive, members
from bot.policy.convert import Pair
from bot.policy.purse import Scope, has_sleeve, sleeve
from bot.policy.view import Missing
from bot.runtime import calendars
from bot.runtime.plan_answer import (
    Answer,
    Cost,
    PlannedAsset,
    PlannedOrder,
    RefusedLine,
    text,
)
from bot.runtime.plan_margin import Margins, margins, objection
from bot.runtime.plan_orders import Draft, Drafted, draft, paired
from bot.runtime.plan_room import with_rooms
from bot.runtime.plan_routes import lot_of
from bot.runtime.plan_show import explained, held, sleeves_of
from bot.runtime.plan_snapshot import Reading
from bot.runtime.plan_view import Scene, scene
from bot.runtime.settings import Settings


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A member with what it comes to, and the orders of each of its needs."""

    derived: Derived
    drafts: Mapping[Asset, Draft]

    @property
    def orders(self) -> list[Drafted]:
        """All of its orders."""
        return [order for one in self.drafts.values() for order in one.orders]


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic sale that is made real: the pair of orders of its next slice, both or none."""

    pair: Pair
    orders: tuple[Drafted, ...]


def plan(settings: Settings, reading: Reading, at_ns: Nanos | None = None) -> Answer:
    """The whole plan. What cannot be said of one asset is refused for it and for what is judged with it, no further."""
    made = _bounded(with_rooms(scene(settings, reading, at_ns)))
    scope = Scope(made.targets, made.view)
    refused: list[RefusedLine] = []
    judged = []
    cut = cuts(_ceilings(made), scope)
    for member in members(made.targets, made.hedgeable):
        derived = _derived(made, member, scope, cut)
        if derived.missing is not None:
            what = derived.missing.what if derived.missing.what in made.blind else member.name
            refused.append(RefusedLine(str(what), derived.missing.why))
        judged.append(Judged(derived=derived, drafts=_drafts(made, derived)))
    conversions, against = _conversions(made, judged)
    judged, objected, margin = _affordable(made, judged, conversions)
    refused += objected
    refused += [RefusedLine(*line) for one in judged for two in one.drafts.values() for line in two.refused]
    orders = [order for one in judged for order in _orders(made, one)]
    for one in conversions:
        name = one.pair.target
        orders += [planned(made, order, one.pair.asset, name, name) for order in one.orders]
    return Answer(
        nav=made.nav,
        base=_bases(made, scope),
        reporting_currency=made.reporting,
        assets=_assets(made, judged, conversions),
        orders=tuple(orders),
        margin=margin.accounts,
        carry={},
        transfers=margin.transfers,
        refused=tuple(dict.fromkeys((*refused, *against))),
        unknown=tuple(dict.fromkeys((*made.lines, *_doubts(made), *_short(judged), *_notes(judged), *margin.unknown))),
    )


def _affordable(
    made: Scene, judged: list[Judged], conversions: Iterable[Conversion]
) -> tuple[list[Judged], list[RefusedLine], Margins]:
    """The members without the orders of those whose margin would be too thin, what is refused so, and the margins."""
    pairs = [order for one in conversions for order in one.orders]
    margin = margins(made, [*(order for one in judged for order in one.orders), *pairs])
    refused, kept = [], []
    for one in judged:
        if why := objection(made, margin, one.orders):
            refused.append(RefusedLine(one.derived.member.name, why))
            needs = {need.asset: need.hedge for need in one.derived.needs}
            bare = {asset: Draft(residual=needs[asset], refused=two.refused) for asset, two in one.drafts.items()}
            kept.append(msgspec.structs.replace(one, drafts=bare))
        else:
            kept.append(one)
    if refused:
        margin = margins(made, [*(order for one in kept for order in one.orders), *pairs])
    return kept, refused, margin


def _derived(made: Scene, member: Member, scope: Scope, cut: Cuts | Missing) -> Derived:
    """What a member comes to, or what is missing for it."""
    return derive(
        member,
        made.targets,
        made.view,
        outside_since=made.snapshot.memory.outside_since,
        struck=_struck(made),
        cuts=cut,
        explain=True,
        scope=scope,
    )


def _bounded(made: Scene) -> Scene:
    """The scene with what budgets let each asset's overlay be worth in what targets look at."""
    return msgspec.structs.replace(made, view=msgspec.structs.replace(made.view, caps=_ceilings(made).caps))


def _ceilings(made: Scene) -> Ceilings:
    """The budgets, in terms of the futures that would carry the hedges."""
    first = {asset: futures[0].instrument.id for asset, futures in made.hedges.items() if futures}
    return ceilings(made.budgets, {asset: first.get(asset, NO_INSTRUMENT) for asset in made.hedgeable})


def _struck(made: Scene) -> dict[str, Nanos]:
    """The calendars that strike now, by target: those that were not acted on since."""
    out = {}
    for target in made.targets:
        if target.when.calendar:
            last = made.snapshot.memory.last_run.get(target.name)
            strike = calendars.struck(target.when.calendar, last, made.snapshot.now_ns, CALENDAR_MISSED_NS_MAX)
            if strike is not None:
                out[target.name] = strike
    return out


def _drafts(made: Scene, derived: Derived) -> dict[Asset, Draft]:
    """The orders of every need; none where a band is so narrow that lots could never bring a deviation into it."""
    out = {}
    for need in derived.needs:
        if need.hedge:
            why = _too_narrow(made, need)
            out[need.asset] = (
                Draft(residual=need.hedge, refused=((need.asset, why),)) if why else draft(made, need.asset, need.hedge)
            )
    return out


def _too_narrow(made: Scene, need: Need) -> str:
    """Why a band cannot be kept: on one side it is narrower than a lot. A band of nothing asks for what lots allow."""
    narrowest = min(need.trigger, need.trigger if need.trigger_below is None else need.trigger_below)
    lots = [lot for one in made.hedges.get(need.asset, ()) if (lot := lot_of(made, one))]
    if not lots or not 0 < narrowest < min(lots):
        return ""
    return f"its band of {text(narrowest)} is narrower than a lot, {text(min(lots))}: a breach could not be corrected"


def _conversions(made: Scene, judged: Iterable[Judged]) -> tuple[list[Conversion], list[RefusedLine]]:
    """The next pair of every conversion, and what keeps one from being made."""
    found, against = [], []
    for pair in (pair for one in judged for pair in one.derived.pairs):
        orders, why = paired(made, pair.asset, pair.coins) if pair.coins else ((), "")
        found.append(Conversion(pair=pair, orders=orders))
        if why:
            against.append(RefusedLine(pair.target, why))
    return found, against


def _doubts(made: Scene) -> Iterable[str]:
    """What orders of unknown fate may still do to an exposure."""
    for asset, doubt in sorted(made.ledger.doubt.items()):
        yield f"{asset}: orders of unknown fate may still change it by {doubt.low:f} to {doubt.high:+f}"


def _short(judged: Iterable[Judged]) -> Iterable[str]:
    """Sleeves that have more by name than there is: as in the running service no more than that is hedged."""
    return (f"{why}: no more than that is hedged" for one in judged for _, why in sorted(one.derived.short.items()))


def _notes(judged: Iterable[Judged]) -> Iterable[str]:
    return (note for one in judged for two in one.drafts.values() for note in two.notes)


def _bases(made: Scene, scope: Scope) -> dict[str, Decimal | None]:
    """What each target's shares are fractions of, in the reporting currency; null where it is not known."""
    out: dict[str, Decimal | None] = {}
    for target in made.targets:
        basis = getattr(target, "basis", None)
        if basis is None:
            continue
        found = scope.base(target, basis, kinds.weighed(target))
        out[target.name] = None if isinstance(found, Missing) else found.value
    return out


def _assets(made: Scene, judged: Iterable[Judged], conversions: Iterable[Conversion]) -> dict[str, PlannedAsset]:
    """Every asset whose coins are known, those that a target speaks of with their derivation."""
    needs = {need.asset: (need, one) for one in judged for need in one.derived.needs}
    out: dict[str, PlannedAsset] = {}
    for asset, parts in made.view.parts.items():
        price = made.view.prices.get(asset)
        if asset in needs:
            out[asset] = _explained(made, *needs[asset])
        else:
            out[asset] = held(parts, None if price is None else parts.exposure * price)
    for one in conversions:
        shown = out[one.pair.asset]
        out[one.pair.asset] = msgspec.structs.replace(shown, why="; ".join(filter(None, (shown.why, one.pair.why))))
    return out


def _explained(made: Scene, need: Need, one: Judged) -> PlannedAsset:
    drafted = one.drafts.get(need.asset, Draft())
    targets = one.derived.member.targets
    sleeves = {t.name: sleeve(t, made.view) for t in targets if has_sleeve(t, made.view)}
    return explained(
        need,
        targets,
        sleeves,
        residual=drafted.residual,
        gates=one.derived.waits,
        remarks=(*one.derived.notes, *drafted.remarks),
    )


def _orders(made: Scene, one: Judged) -> Iterable[PlannedOrder]:
    """The member's orders as they are shown; several of one member are a pair."""
    drafted = [(need, order) for need in one.derived.needs for order in _of(one, need)]
    several = len({order.traded.instrument.id for _, order in drafted}) > 1
    for need, order in drafted:
        yield planned(
            made, order, need.cause or need.asset, sleeves_of(need), one.derived.member.name if several else None
        )


def _of(one: Judged, need: Need) -> tuple[Drafted, ...]:
    found = one.drafts.get(need.asset)
    return found.orders if found is not None else ()


def planned(made: Scene, order: Drafted, asset: Asset, sleeves: str, pair: str | None) -> PlannedOrder:
    """An order as it is shown: for which asset, in whose books, and what it is a pair with."""
    instrument = order.traded.instrument
    unit = made.view.prices.get(instrument.quote)
    return PlannedOrder(
        account=order.account,
        instrument=instrument.id,
        for_=asset,
        sleeve=sleeves,
        side=order.side.value,
        contracts=order.contracts,
        quantity=order.quantity,
        notional=order.notional,
        limit_price=order.limit_price,
        vwap=order.vwap,
        cost=Cost(_fee(made, order, unit), _slippage(order, unit)),
        reduce_only=order.reduce_only,
        pair=pair,
    )


def _fee(made: Scene, order: Drafted, unit: Decimal | None) -> Notional | None:
    instrument = order.traded.instrument
    if unit is None or "taker_fee" in made.gaps.get(instrument.id, ()):
        return None
    return order.notional * instrument.taker_fee * unit


def _slippage(order: Drafted, unit: Decimal | None) -> Notional | None:
    """What the book's price costs against the mid: > 0 is a cost."""
    if unit is None or order.vwap is None:
        return None
    return order.notional * order.side.sign * (order.vwap / order.mid - ONE) * unit
