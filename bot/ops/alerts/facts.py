"""The facts that conditions are read from: everything that is taken from the daemon is taken here, once a second."""

from collections.abc import Iterator, Mapping, Set
from decimal import Decimal

import msgspec

from bot.domain.events import RunMode
from bot.domain.targets import UNWIND
from bot.domain.units import ZERO, AccountId, Asset
from bot.engine import peg, trust
from bot.engine.modes import GLOBAL, Mode
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.policy.members import Member
from bot.runtime.status import AssetStatus, Status
from bot.runtime.vitals import PEG


class Delta(msgspec.Struct, frozen=True):
    """How far an asset was off its target when that was last known. `value` is in quote currency."""

    asset: str
    deviation: Decimal
    value: Decimal | None
    seen_ns: int


class StreamFact(msgspec.Struct, frozen=True):
    """One websocket and the assets that it feeds."""

    name: str
    up: bool
    assets: tuple[str, ...]


class DoubtFact(msgspec.Struct, frozen=True):
    """What the engine cannot trust. `why` is None where it was not looked at, and empty where all is well."""

    subject: str
    why: str | None
    groups: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()


class AssetFact(msgspec.Struct, frozen=True, kw_only=True):
    """One asset against its band. `breached` is None while unknown; `unwinding`: its hedge is being closed."""

    asset: str
    breached: bool | None
    deviation: Decimal | None
    value: Decimal | None
    trigger: Decimal | None
    why_held: str
    unwinding: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at `now_ns`. What is not known is None."""

    now_ns: int
    quote: str
    observing: bool
    streams: tuple[StreamFact, ...] = ()
    doubts: tuple[DoubtFact, ...] = ()
    assets: tuple[AssetFact, ...] = ()
    deltas: Mapping[str, Delta] = {}
    """The last known of each asset."""
    margin_ratio: Decimal | None = None
    margin_stress: Decimal | None = None
    margin_ratio_max: Decimal
    stress_distance_min: Decimal = ZERO
    clock_offsets: tuple[tuple[str, int | None], ...] = ()
    """How far each account's venue clock is ahead of ours, in nanoseconds."""
    clock_offset_ns_max: int
    budgets: tuple[tuple[str, float], ...] = ()
    """The used share of each host's tightest limit."""
    journal_lag_ns: int = 0
    disk_free_bytes: int | None = None


def gather(
    state: State,
    status: Status,
    why_held: Mapping[str, str],
    deltas: dict[str, Delta],
    disk_free_bytes: int | None,
) -> Facts:
    """Take the facts. `deltas` keeps what was last known of each asset from one call to the next."""
    limits = state.layout.limits
    known = {Asset(row.asset) for row in status.assets}
    deltas.update({row.asset: found for row in status.assets if (found := _delta(row, status.now_ns)) is not None})
    for gone in deltas.keys() - known:
        del deltas[gone]
    return Facts(
        now_ns=status.now_ns,
        quote=state.layout.rules.quote,
        observing=state.modes.run_mode is RunMode.OBSERVE,
        streams=tuple(StreamFact(one.name, one.up, fed_by(state, one.name)) for one in status.streams),
        doubts=tuple(doubts(state, {reason.subject for reason in status.reasons})),
        assets=tuple(_asset(row, state, why_held) for row in status.assets),
        deltas=dict(deltas),
        margin_ratio=status.margin_ratio,
        margin_stress=status.margin_stress,
        margin_ratio_max=limits.margin_ratio_max,
        stress_distance_min=limits.stress_distance_min,
        clock_offsets=tuple((one.name, one.clock_offset_ns) for one in status.accounts),
        clock_offset_ns_max=limits.clock_offset_ns_max,
        budgets=tuple((one.host, one.used_ratio) for one in status.budgets),
        journal_lag_ns=status.journal_lag_ns,
        disk_free_bytes=disk_free_bytes,
    )


def fed_by(state: State, stream: str) -> tuple[str, ...]:
    """The assets whose price, hedge or coins a stream tells of: it is named after its account."""
    layout = state.layout
    return tuple(
        rule.asset
        for rule in layout.hedges()
        if any(
            _is_of(stream, layout.instruments[name].account) for name in (rule.pricing, *layout.candidates[rule.asset])
        )
    )


def doubts(state: State, suspects: Set[str]) -> Iterator[DoubtFact]:
    """What every group's inputs are worth, by subject. `suspects` are the subjects that health gives reasons for.

    A group is doubted for the first reason that is found: what comes before it is well, what comes after it was not
    looked at, and is well or not as other groups say.
    """
    beliefs, found = Beliefs(state), dict[str, DoubtFact]()
    for group in state.layout.groups:
        subjects = _subjects(state, group)
        # Looking costs as much as all positions together: a group of which nothing is suspected is well.
        refused = None if not suspects & {*subjects} else trust.doubt(beliefs, group)
        seen: str | None = ""
        for subject in subjects:
            if refused is not None and subject == refused.subject:
                before = found.get(subject)
                found[subject] = DoubtFact(
                    subject,
                    refused.why,
                    (*(before.groups if before else ()), group.name),
                    (*(before.assets if before else ()), *group.assets),
                )
                seen = None
            elif not (known := found.get(subject)) or (not known.why and seen is None):
                found[subject] = DoubtFact(subject, seen)
    yield from found.values()
    if (watched := peg.reading(state)) is not None:
        names = tuple(group.name for group in state.layout.groups)
        yield DoubtFact(PEG, "" if watched.price is not None else watched.told, names)


def _subjects(state: State, group: Member) -> tuple[str, ...]:
    """What a group's doubt can be about, in the order in which it is looked at."""
    return (*state.layout.rules.accounts, state.layout.rules.quote, *state.layout.inputs[group.name], group.name)


def _is_of(stream: str, account: AccountId) -> bool:
    return stream == account or stream.startswith(f"{account}.")


def _delta(row: AssetStatus, now_ns: int) -> Delta | None:
    return Delta(row.asset, row.deviation, row.deviation_value, now_ns) if row.deviation is not None else None


def _asset(row: AssetStatus, state: State, why_held: Mapping[str, str]) -> AssetFact:
    return AssetFact(
        asset=row.asset,
        breached=row.breached,
        deviation=row.deviation,
        value=row.deviation_value,
        trigger=row.trigger,
        why_held=_held(row, state, why_held),
        unwinding=row.group.startswith(f"{UNWIND}:"),
    )


def _held(row: AssetStatus, state: State, why_held: Mapping[str, str]) -> str:
    """Why nothing is sent: the mode first, for nothing else matters under it."""
    latch = state.modes.latches.get(GLOBAL)
    if latch is not None and latch.mode is Mode.HALT:
        return f"HALT by {latch.by}: {latch.reason}"
    rule = state.layout.futures.get(Asset(row.asset))
    own = state.modes.latches.get(rule.hedge) if rule is not None else None
    if own is not None:
        return f"{own.mode.name} of {rule.hedge if rule else row.asset}: {own.reason}"
    return row.held_because or why_held.get(row.group, "")
