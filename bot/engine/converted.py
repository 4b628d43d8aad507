"""What a conversion is remembered by, and what a person hears of it: each mark goes with a command that tells of it."""

from collections.abc import Iterator

from bot.domain.commands import Command, Notice, Severity
from bot.domain.targets import ConvertTarget
from bot.domain.units import ZERO
from bot.engine import sales
from bot.engine.accounts import BalanceBelief
from bot.engine.convert import Done, Even, Stopped, each
from bot.engine.decide import Assessment, Draft
from bot.engine.results import close
from bot.engine.state import State


def noted(state: State, target: ConvertTarget, draft: Draft) -> None:
    """These orders go out with this step: the slice has gone, and the balance before the sale is what it is held by."""
    assert draft.intent is not None, "a draft of a conversion always has its orders"
    spot, future = sales.pair_of(state, target)
    requests = [leg.request for leg in draft.intent.legs]
    sale = next((one.client_id for one in requests if one.instrument == spot.id), "")
    bought = next((one.instrument for one in requests if one.instrument != spot.id), future.id)
    before = state.accounts.balances[spot.account].get(spot.base, BalanceBelief(ZERO)).total
    state.conversions.open(target, bought, each(state.layout.instruments[bought]), sale, before)
    if len(requests) > 1:
        state.triggers.sliced.setdefault(target.name, {})[target.asset] = state.now


def told(state: State, target: ConvertTarget, outcome: Even | Done | Stopped | None) -> Iterator[Command]:
    """Mark what came of a conversion, and say it."""
    name, legs = target.name, state.legs
    if isinstance(outcome, Stopped):
        state.conversions.stop(target, outcome.why)
        legs.held.pop(name, None)
        text = f"{outcome.why}. It goes on when it is armed; the targets of {target.asset} hedge what is held"
        yield Notice(Severity.CRITICAL, "naked", name, text)
    elif name in legs.held:
        del legs.held[name]
        yield Notice(Severity.INFO, "released", name, "the conversion goes on")
    if isinstance(outcome, Even | Stopped) and name in legs.corrections:
        yield close(state, Assessment(name, (), None))
        del legs.corrections[name]
    if isinstance(outcome, Done):
        state.conversions.finish(target)
        yield Notice(Severity.INFO, "converted", name, outcome.why)
