"""Draws the daemon's status from the engine's state: what `trimtab status` and the terminal view show."""

from decimal import Decimal

from bot.calc.margin import Holding, ratio, required, unrealized
from bot.domain.hedge import Need
from bot.domain.units import ZERO, Asset, exact
from bot.engine import trust
from bot.engine.decide import Assessment
from bot.engine.engine import Engine
from bot.engine.state import State
from bot.runtime.monitor import Deviation, Monitor
from bot.runtime.status import (
    AssetStatus,
    LatchStatus,
    PositionStatus,
    Status,
    StreamStatus,
)


def draw(
    engine: Engine,
    monitor: Monitor,
    *,
    streams: tuple[StreamStatus, ...],
    now_ns: int,
    started_ns: int,
    journal: tuple[str, int, str],
) -> Status:
    """The whole picture at this moment."""
    state = engine.state
    assets = tuple(row for assessment in engine.assess() for row in _assets(state, assessment, monitor))
    path, sequence, head = journal
    return Status(
        portfolio=state.layout.rules.portfolio,
        run_mode=state.modes.run_mode.value,
        mode=state.modes.overall.name,
        ready=not_ready(state) == "",
        now_ns=now_ns,
        started_ns=started_ns,
        assets=assets,
        positions=_positions(state),
        margin_ratio=margin_ratio(state),
        latches=tuple(
            LatchStatus(scope, latch.mode.name, latch.reason, latch.by, latch.since_ns)
            for scope, latch in sorted(state.modes.latches.items())
        ),
        streams=streams,
        orders=monitor.orders(),
        notices=tuple(monitor.notices),
        totals=monitor.totals(state),
        journal_path=path,
        journal_sequence=sequence,
        journal_head=head,
    )


def not_ready(state: State) -> str:
    """Why the daemon could not hedge now; empty when it could."""
    for group in state.layout.groups:
        if refused := trust.doubt(state, group):
            return f"{refused.subject}: {refused.why}"
    return ""


def margin_ratio(state: State) -> Decimal | None:
    """The account's margin ratio now: the venue's figures if there are any, else ours; None while unknown."""
    held = trust.holdings(state)
    if held is None:
        return None
    for rule in state.layout.hedges():
        instrument = state.layout.instruments[rule.hedge]
        venue = state.accounts.accounts[instrument.account].margin
        if venue is not None:
            return ratio(venue.maintenance_margin, venue.margin_balance)
        wallet = trust.wallet(state, rule.hedge)
        if wallet is not None and all(h.instrument.tiers for h in held):
            return ratio(required(held), wallet + sum((unrealized(h) for h in held), ZERO))
    return None


def _assets(state: State, assessment: Assessment, monitor: Monitor) -> tuple[AssetStatus, ...]:
    held = f"{assessment.held.guard}: {assessment.held.why}" if assessment.held else None
    if assessment.needs:
        return tuple(
            _asset(assessment.group, need, held, monitor.deviations.get(need.asset)) for need in assessment.needs
        )
    names = [a for g in state.layout.groups if g.name == assessment.group for a in g.assets]
    names = names or [Asset(assessment.group.rpartition(":")[2])]
    return tuple(_unknown(assessment.group, name, held, monitor.deviations.get(name)) for name in names)


def _asset(group: str, need: Need, held: str | None, seen: Deviation | None) -> AssetStatus:
    return AssetStatus(
        asset=need.asset,
        group=group,
        price=need.price,
        holding=need.parts.holding,
        futures=need.parts.futures,
        working=need.parts.working,
        exposure=need.parts.exposure,
        target=need.target,
        deviation=need.deviation,
        deviation_value=need.value,
        trigger=need.trigger,
        breached=need.breached,
        held_because=held,
        outside_ns=seen.outside_ns if seen else 0,
        largest_deviation=seen.largest if seen else None,
        largest_deviation_value=seen.largest_value if seen else None,
        why=need.why,
    )


def _unknown(group: str, asset: str, held: str | None, seen: Deviation | None) -> AssetStatus:
    return AssetStatus(
        asset=asset,
        group=group,
        price=None,
        holding=None,
        futures=None,
        working=None,
        exposure=None,
        target=None,
        deviation=None,
        deviation_value=None,
        trigger=None,
        breached=None,
        held_because=held,
        outside_ns=seen.outside_ns if seen else 0,
        largest_deviation=seen.largest if seen else None,
        largest_deviation_value=seen.largest_value if seen else None,
        why="",
    )


def _positions(state: State) -> tuple[PositionStatus, ...]:
    out = []
    for name in sorted(state.accounts.positions):
        belief, mark = state.accounts.positions[name], state.books.marks.get(name)
        instrument = state.layout.instruments.get(name)
        if instrument is None:
            continue
        price = exact(mark.mark) if mark else None
        out.append(
            PositionStatus(
                instrument=name,
                contracts=belief.position.contracts,
                entry_price=belief.position.entry_price,
                mark=price,
                unrealized=unrealized(Holding(instrument, belief.position, price)) if price is not None else None,
                funding_rate=exact(mark.funding_rate) if mark else None,
                next_funding_ns=mark.next_funding_ns if mark else None,
                settled=belief.settled,
            )
        )
    return tuple(out)
