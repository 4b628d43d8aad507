"""The answer of `trimtab plan` from a running daemon: what would be done now, and why, without doing it.

It is what a snapshot's plan says, in the daemon's unit of account (its quote currency), from what the engine believes
and by the guards that every order of its own must pass: an order stands here only if it would be sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.calc import stress
from bot.calc.margin import unrealized
from bot.calc.pnl import base_units
from bot.domain.hedge import HedgeIntent, Leg, Need
from bot.domain.instrument import account_of
from bot.domain.units import ONE, ZERO, AccountId, Asset, Notional, Qty, exact
from bot.engine import trust, uncounted, views
from bot.engine.decide import Assessment, Draft
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.policy import kinds
from bot.policy.members import Member
from bot.policy.purse import Scope, has_sleeve, sleeve
from bot.policy.view import Missing, View
from bot.runtime.plan_answer import AccountMargin, Answer, Cost, PlannedAsset, PlannedOrder, RefusedLine, document
from bot.runtime.plan_show import explained, liquidated_at, short_of, sleeves_of


def plan(engine: Engine) -> dict[str, Any]:
    """Every group's derivation, and the orders that would follow from it at this moment."""
    return document(answer(engine))


def answer(engine: Engine) -> Answer:
    """The same as values."""
    state, beliefs = engine.state, Beliefs(engine.state)
    judged = [(one, _drafted(engine, one)) for one in engine.assess()]
    scopes = _scopes(beliefs, [one for one, _ in judged])
    intents = [draft.intent for _, draft in judged if draft.intent is not None]
    unknown = uncounted.lines(state)
    return Answer(
        nav=_nav(beliefs, scopes, unknown),
        base=_bases(state, scopes),
        reporting_currency=state.layout.rules.quote,
        assets=_assets(judged, scopes),
        orders=tuple(order for intent in intents for order in _orders(state, intent)),
        margin=_margin(beliefs, intents, unknown),
        carry={},
        transfers=(),
        refused=tuple(_refused(state, judged)),
        unknown=tuple(unknown),
    )


def _drafted(engine: Engine, assessment: Assessment) -> Draft:
    """The orders of a group that is not held and needs some."""
    if assessment.held is not None or not assessment.called_for:
        return Draft(None, (), None, {})
    return engine.draft(assessment)


def _scopes(beliefs: Beliefs, assessments: Iterable[Assessment]) -> dict[str, tuple[Member, Scope]]:
    """What each group that could be judged looks at."""
    layout = beliefs.state.layout
    known = {one.group for one in assessments if one.derived is not None}
    seen = [(group, views.view(beliefs, group)) for group in layout.groups if group.name in known]
    seen = [(group, view) for group, view in seen if trust.doubt(beliefs, group) is None]
    return {group.name: (group, Scope(layout.targets, view)) for group, view in seen}


def _nav(beliefs: Beliefs, scopes: Mapping[str, tuple[Member, Scope]], unknown: list[str]) -> Notional | None:
    """Net asset value of the coins that the config names and the quote currency; null while any of it is unknown."""
    state = beliefs.state
    layout = state.layout
    if len(scopes) < len(layout.groups) or beliefs.holdings is None:
        return None
    quotes = {asset: state.books.quotes.get(rule.pricing) for asset, rule in layout.assets.items()}
    if any(quote is None or not quote.sane for quote in quotes.values()):
        return None
    names = (*layout.assets, layout.rules.quote)
    view = View(
        prices={asset: views.price(state, asset) for asset in names},
        parts={asset: views.parts(beliefs, asset) for asset in names},
        unrealized=beliefs.unrealized,
    )
    counted = {*names, *(other for others in layout.held_as.values() for other in others)}
    others = {asset for wallet in beliefs.wallets for asset, held in wallet.items() if held} - counted
    unknown += [f"{asset}: it is held and not in the config, so that nothing counts it" for asset in sorted(others)]
    whole = Scope((), view).nav()
    return None if isinstance(whole, Missing) else whole.value


def _bases(state: State, scopes: Mapping[str, tuple[Member, Scope]]) -> dict[str, Decimal | None]:
    """What each target's shares are fractions of; null where that is not known."""
    out: dict[str, Decimal | None] = {}
    for target in state.layout.rules.targets:
        basis = getattr(target, "basis", None)
        if basis is None:
            continue
        scope = next((scope for group, scope in scopes.values() if target in group.targets), None)
        found = None if scope is None else scope.base(target, basis, kinds.weighed(target))
        out[target.name] = None if found is None or isinstance(found, Missing) else found.value
    return out


def _assets(
    judged: Iterable[tuple[Assessment, Draft]], scopes: Mapping[str, tuple[Member, Scope]]
) -> dict[str, PlannedAsset]:
    """Every asset that could be judged."""
    out: dict[str, PlannedAsset] = {}
    for assessment, draft in judged:
        targets, sleeves = _concerned(assessment, scopes)
        legs: dict[Asset, Qty] = {}
        for leg in draft.intent.legs if draft.intent is not None else ():
            legs[leg.asset] = legs.get(leg.asset, ZERO) + leg.residual
        derived = assessment.derived
        gates = derived.waits if derived is not None else ()
        remarks = derived.notes if derived is not None else ()
        for need in assessment.needs:
            left = legs.get(need.asset, draft.residuals.get(need.asset, need.hedge))
            out[need.asset] = explained(need, targets, sleeves, residual=left, gates=gates, remarks=remarks)
    return dict(sorted(out.items()))


def _concerned(
    assessment: Assessment, scopes: Mapping[str, tuple[Member, Scope]]
) -> tuple[Sequence[Any], dict[str, Mapping[Asset, Qty]]]:
    found = scopes.get(assessment.group)
    if found is None:
        return (), {}
    group, scope = found
    return group.targets, {t.name: sleeve(t, scope.view) for t in group.targets if has_sleeve(t, scope.view)}


def _orders(state: State, intent: HedgeIntent) -> Iterable[PlannedOrder]:
    """An intent's orders; several of them are a pair."""
    needs = {need.asset: need for need in intent.needs}
    pair = intent.group if len({leg.asset for leg in intent.legs}) > 1 else None
    return (_order(state, leg, needs.get(leg.asset), pair) for leg in intent.legs)


def _order(state: State, leg: Leg, need: Need | None, pair: str | None) -> PlannedOrder:
    request, instrument = leg.request, state.layout.instruments[leg.request.instrument]
    notional = instrument.coins(request.contracts) * leg.mid
    slipped = notional * request.side.sign * (leg.expected_vwap / leg.mid - ONE)
    return PlannedOrder(
        account=account_of(request.instrument),
        instrument=request.instrument,
        for_=(need.cause if need is not None else None) or leg.asset,
        sleeve="+".join(sorted(leg.wants)) or (sleeves_of(need) if need is not None else ""),
        side=request.side.value,
        contracts=request.contracts,
        quantity=base_units(instrument, request.contracts),
        notional=notional,
        limit_price=request.limit_price,
        vwap=leg.expected_vwap,
        cost=Cost(notional * instrument.taker_fee, slipped),
        reduce_only=request.reduce_only,
        pair=pair,
    )


def _refused(state: State, judged: Iterable[tuple[Assessment, Draft]]) -> Iterable[RefusedLine]:
    """What stands against orders: the mode, what holds a group, and what a guard refused."""
    mode = state.modes.overall
    if mode is not Mode.RUN:
        yield RefusedLine(state.layout.rules.portfolio, f"the mode is {mode.name}, not RUN")
    for assessment, draft in judged:
        refused = assessment.held or draft.refused
        if refused is not None:
            yield RefusedLine(assessment.group, f"{refused.guard}: {refused.why}")


def _margin(beliefs: Beliefs, intents: Sequence[HedgeIntent], unknown: list[str]) -> dict[str, AccountMargin]:
    """The margin of every account that holds futures or would."""
    if beliefs.holdings is None:
        unknown.append("margin: a futures position has no mark price")
        return {}
    legs = [leg for intent in intents for leg in intent.legs]
    names = {one.instrument.account for one in beliefs.holdings if one.position.contracts}
    names |= {account_of(leg.request.instrument) for leg in legs}
    out: dict[str, AccountMargin] = {}
    for name in sorted(names):
        made = _account_margin(beliefs, name, [leg for leg in legs if account_of(leg.request.instrument) == name])
        if isinstance(made, str):
            unknown.append(f"margin of {name}: {made}")
        else:
            out[name] = made
    return out


def _account_margin(beliefs: Beliefs, name: AccountId, legs: Sequence[Leg]) -> AccountMargin | str:
    """One account's figures, or why they cannot be told."""
    state = beliefs.state
    pool = _pool(beliefs, name, legs)
    if isinstance(pool, str):
        return pool
    orders = [
        stress.Planned(
            instrument=leg.request.instrument,
            contracts=leg.request.signed_contracts,
            price=leg.expected_vwap,
            fee=state.layout.instruments[leg.request.instrument].taker_fee,
        )
        for leg in legs
    ]
    try:
        found, after = stress.project(pool, orders), stress.filled(pool, orders)
    except ValueError as error:
        return str(error)
    return AccountMargin(
        ratio_before=found.ratio_before,
        ratio_after=found.ratio_after,
        stress_distance_up=found.stress_after.up,
        stress_distance_down=found.stress_after.down,
        liquidation={one.instrument.id: liquidated_at(one, after) for one in after.positions if one.contracts},
        top_up=short_of(after),
    )


def _pool(beliefs: Beliefs, name: AccountId, legs: Sequence[Leg]) -> stress.Pool | str:
    """An account's positions at their marks, those that would be opened among them, and the wallet behind them."""
    state = beliefs.state
    held = {one.instrument.id: one for one in beliefs.holdings or () if one.instrument.account == name}
    exposed = [
        stress.Exposed(instrument=one.instrument, contracts=one.position.contracts, mark=one.mark)
        for one in held.values()
    ]
    for missing in sorted({leg.request.instrument for leg in legs} - held.keys()):
        mark = state.books.marks.get(missing)
        if mark is None:
            return f"no mark price of {missing}"
        exposed.append(
            stress.Exposed(instrument=state.layout.instruments[missing], contracts=ZERO, mark=exact(mark.mark))
        )
    if not exposed:
        return "nothing is margined there"
    wallet = trust.wallet(state, exposed[0].instrument.id)
    if wallet is None:
        return "its wallet is not confirmed"
    profit = sum((unrealized(one) for one in held.values()), ZERO)
    return stress.Pool(cash=wallet + profit, positions=tuple(exposed))
