"""What a judgement is remembered by beside the hedge that it calls for: each mark goes with a command that tells it.

A target that has just ended, a hedge that is closed early or reopened, an asset that waits outside its band or is back
inside, a calendar's strike that found nothing to do, a cap or a broken correlation that a person should know of: all of
it is said once, when it begins, and where it matters again when it is over. So the journal has the step, and a replay
makes the same marks.
"""

from collections.abc import Iterator, Mapping

from bot.domain.commands import Command, Notice, Severity
from bot.domain.order import Refused
from bot.domain.units import Asset, Nanos
from bot.engine.decide import Assessment
from bot.engine.state import State
from bot.engine.triggers import DECOUPLED
from bot.policy.compose import Derived
from bot.policy.members import Member

CAPPED = "capped"
STICKY = CAPPED
"""Told once for as long as a group is what it is: a cap binds and does not bind as prices go up and down."""


def is_noteworthy(state: State, group: Member, derived: Derived) -> bool:
    """Whether a judgement may mark anything: for an ordinary book at rest it may not, and that is quickly said."""
    triggers, name = state.triggers, group.name
    if name not in state.layout.plain or name in triggers.told or name in triggers.struck:
        return True
    return bool(derived.ended or derived.closed) or any(judged.cut for judged in derived.judged)


def marks(state: State, group: Member, assessment: Assessment, derived: Derived) -> Iterator[Command]:
    """Everything that a judgement marks, urgent first."""
    yield from _ended(state, group, derived)
    yield from _closed_early(state, group, derived)
    if assessment.held is None:
        yield from _outside(state, group, derived)
        yield from _strikes(state, group, assessment)
    yield from _standing(state, group, derived)


def use_up(state: State, group: Member, assets: tuple[Asset, ...]) -> None:
    """A hedge of these assets goes out with this step: what it waited for is used up, and a slice has gone."""
    state.triggers.outside.pop(group.name, None)
    state.triggers.struck.pop(group.name, None)
    for target in group.targets:
        if hasattr(target, "slices"):
            state.triggers.sliced.setdefault(target.name, {}).update(dict.fromkeys(assets, state.now))


def struck_for_nothing(state: State, group: Member, why: str) -> Iterator[Command]:
    """Use up a group's strikes."""
    for name in sorted(state.triggers.struck.pop(group.name, {})):
        yield Notice(Severity.INFO, "calendar", group.name, f"the calendar of {name} struck: {why}")


def left_alone(state: State, group: Member, refused: Refused) -> Iterator[Command]:
    """A coin has left its anchors, and its owner wants to look before anything is done: remembered until one arms."""
    told, topic = state.triggers.told.setdefault(group.name, {}), f"{DECOUPLED} {refused.subject}"
    if topic not in told:
        told[topic] = refused.why
        yield Notice(Severity.WARNING, DECOUPLED, group.name, refused.why)


def _ended(state: State, group: Member, derived: Derived) -> Iterator[Command]:
    for name, why in derived.ended:
        target = next(one for one in group.targets if one.name == name)
        state.triggers.end(target, why, state.now)
        yield Notice(Severity.WARNING, "ended", name, f"{why}: the target has ended and its hedges are closed")


def _closed_early(state: State, group: Member, derived: Derived) -> Iterator[Command]:
    """Targets whose hedges cost too much funding now, and those that may hedge again."""
    before, now = state.triggers.closed.get(group.name, {}), dict(derived.closed)
    if before.keys() == now.keys():
        return
    state.triggers.closed[group.name] = now
    for name in sorted(now.keys() - before.keys()):
        yield Notice(Severity.WARNING, "closed_early", group.name, f"{name}: {now[name]}")
    for name in sorted(before.keys() - now.keys()):
        yield Notice(Severity.INFO, "closed_early", group.name, f"{name}: its funding is cheap enough to hedge again")


def _outside(state: State, group: Member, derived: Derived) -> Iterator[Command]:
    """Since when assets have been outside while something else is waited for."""
    before: Mapping[Asset, Nanos] = state.triggers.outside.get(group.name, {})
    waits = derived.waits and not derived.fired
    new = [asset for asset in derived.outside if asset not in before] if waits else []
    gone = [asset for asset in before if asset not in derived.outside]
    if not (new or gone):
        return
    kept = {asset: at for asset, at in before.items() if asset not in gone}
    state.triggers.outside[group.name] = {**kept, **dict.fromkeys(new, state.now)}
    if new:
        text = f"{', '.join(new)} outside the band: {'; '.join(derived.waits)}"
        yield Notice(Severity.INFO, "waiting", group.name, text)
    if gone:
        yield Notice(Severity.INFO, "released", group.name, f"{', '.join(gone)} back inside the band")


def _strikes(state: State, group: Member, assessment: Assessment) -> Iterator[Command]:
    """Strikes that found nothing to do."""
    if not (assessment.called_for or assessment.waiting):
        yield from struck_for_nothing(state, group, "nothing is to be done")


def _standing(state: State, group: Member, derived: Derived) -> Iterator[Command]:
    """What a person should know for as long as it lasts: told when it begins and when it is over."""
    told = state.triggers.told.get(group.name, {})
    now = {topic: text for topic, text in told.items() if topic.startswith(STICKY)} | dict(_remarks(derived))
    if told.keys() == now.keys():
        return
    state.triggers.told[group.name] = now
    for topic in sorted(now.keys() - told.keys()):
        yield Notice(Severity.WARNING, topic.partition(" ")[0], group.name, now[topic])
    for topic in sorted(told.keys() - now.keys()):
        yield Notice(Severity.INFO, topic.partition(" ")[0], group.name, f"over: {told[topic]}")


def _remarks(derived: Derived) -> Iterator[tuple[str, str]]:
    """What stands, by a key whose first word is its topic."""
    for asset, why in derived.short.items():
        yield f"sleeve {asset}", f"{why}: no more than that is hedged"
    for judged in derived.judged:
        if judged.cut:
            yield f"{CAPPED} {judged.asset}", f"the overlay of {judged.asset} is cut by a cap or a budget"
        for note in (note for aim in judged.aims for note in aim.note.split("; ") if "decoupled" in note):
            yield f"{DECOUPLED} {note.partition(' ')[0]}", note
