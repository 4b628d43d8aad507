"""How restless deviations are: what the width of an `auto` band follows from, measured with every sample of mids.

A sample is a fact, and so are balances and positions: everything here is taken at the sampled mids (the futures' profit
too), never at what the books show, so that folding the facts of a journal measures the same to the last bit. A group
one of whose prices is not in the sample is left out; the next sample then spans both.
"""

from collections.abc import Mapping

from bot.calc.pnl import base_units
from bot.domain.bands import Auto
from bot.domain.events import Sampled
from bot.domain.units import ONE, ZERO, Asset, InstrumentId, Notional, Price, Qty, exact
from bot.engine import views
from bot.engine.state import State
from bot.engine.statistics import Seen
from bot.engine.trust import Beliefs
from bot.policy.compose import derive
from bot.policy.members import Member
from bot.policy.purse import Scope
from bot.policy.view import Missing, View


def sample(state: State, event: Sampled) -> None:
    """Measure every group that has an auto band."""
    groups = [(group, band) for group in state.layout.groups if (band := auto_of(group)) is not None]
    if not groups:
        return
    beliefs, prices = Beliefs(state), {asset: exact(mid) for asset, mid in event.mids.items() if mid > 0}
    prices[state.layout.rules.quote] = ONE
    for group, band in groups:
        view = _view(beliefs, group, prices)
        found = None if view is None else _deviations(state, group, view)
        if found is not None:
            state.statistics.stray(group.name, found, event.sampled_ns, band.half_life_ns)


def auto_of(group: Member) -> Auto | None:
    """The first auto band of a group's targets; None where all are fixed."""
    found = (getattr(target, "band", None) for target in group.targets)
    return next((band for band in found if isinstance(band, Auto)), None)


def _view(beliefs: Beliefs, group: Member, prices: Mapping[Asset, Price]) -> View | None:
    """What the group looks at, at the sampled mids."""
    state, names = beliefs.state, beliefs.state.layout.priced(group)
    if not all(asset in prices for asset in names):
        return None
    held = {asset: views.parts(beliefs, asset) for asset in names}
    return View(
        prices={asset: prices[asset] for asset in names},
        parts=held,
        unrealized=_profit(state, prices),
        now=state.now,
        moments=state.statistics.moments,
        indices=state.layout.indices,
    )


def _profit(state: State, prices: Mapping[Asset, Price]) -> Notional:
    """The futures' profit as if each were worth its coin's mid; one without a mid counts at its entry."""
    total = ZERO
    for hedge in state.layout.carriers():
        position, instrument = state.accounts.positions[hedge.hedge].position, state.layout.instruments[hedge.hedge]
        if hedge.asset in prices and position.contracts:
            worth = prices[hedge.asset] * instrument.base_units
            total += instrument.coins(position.contracts) * (worth - position.entry_price)
    return total


def _deviations(state: State, group: Member, view: View) -> dict[Asset, Seen] | None:
    """Each asset's deviation now, and what our own fills have added to its futures so far."""
    targets = state.layout.targets
    scope = Scope(targets, view)
    nav = scope.nav()
    if isinstance(nav, Missing):
        return None
    derived = derive(group, targets, view, scope=scope, ended=state.triggers.ended.keys())
    out = {}
    for judged in derived.judged:
        units = sum((_filled(state, name) for name in state.layout.candidates[judged.asset]), ZERO)
        worth = judged.price / nav.value
        # What still works is neither here nor there: it counts once it is filled, as a fill.
        settled = judged.coins - view.parts[judged.asset].working
        out[judged.asset] = Seen(float(settled * worth), float(units), float(worth))
    return out


def _filled(state: State, name: InstrumentId) -> Qty:
    """Units of the asset that our own fills have added to a position so far."""
    return base_units(state.layout.instruments[name], state.sleeves.filled.get(name, ZERO))
