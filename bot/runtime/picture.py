"""Draws the daemon's status from the engine's state: what `trimtab status` and the terminal view show."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from bot.calc.margin import Holding, ratio, required, stress_distance, unrealized
from bot.calc.peg import off_peg
from bot.domain.hedge import Need
from bot.domain.instrument import account_of
from bot.domain.targets import ConvertTarget
from bot.domain.units import BPS_PER_UNIT, ZERO, AccountId, Asset, InstrumentId, exact
from bot.engine import peg, trust, uncounted
from bot.engine.decide import Assessment
from bot.engine.engine import Engine
from bot.engine.sleeves import Book
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.runtime.monitor import Deviation, Monitor
from bot.runtime.status import (
    AccountStatus,
    Around,
    AssetStatus,
    ConversionStatus,
    LatchStatus,
    PegStatus,
    PositionStatus,
    SleeveStatus,
    Status,
)
from bot.runtime.vitals import doubts


def draw(engine: Engine, monitor: Monitor, around: Around, *, now_ns: int, started_ns: int) -> Status:
    """The whole picture at this moment; `around` is what the engine does not know."""
    state = engine.state
    members = {group.name: group.assets for group in state.layout.groups}
    assets = tuple(row for assessment in engine.assess() for row in _assets(state, assessment, members, monitor))
    (margin, stress), journal = margin_figures(state), around.journal
    return Status(
        portfolio=state.layout.rules.portfolio,
        run_mode=state.modes.run_mode.value,
        mode=state.modes.overall.name,
        ready=around.health.ready,
        now_ns=now_ns,
        started_ns=started_ns,
        assets=assets,
        positions=_positions(state),
        margin_ratio=margin,
        latches=tuple(
            LatchStatus(scope, latch.mode.name, latch.reason, latch.by, latch.since_ns)
            for scope, latch in sorted(state.modes.latches.items())
        ),
        streams=around.streams,
        orders=monitor.orders(),
        notices=tuple(monitor.notices),
        totals=monitor.totals(state),
        journal_path=journal.path,
        journal_sequence=journal.sequence,
        journal_head=journal.head,
        margin_stress=stress,
        peg=peg_status(state),
        conversions=tuple(_conversions(state)),
        uncounted=tuple(uncounted.lines(state)),
        sleeves=tuple(_sleeve(state, *row) for row in state.sleeves.rows()),
        ended={name: ended.why for name, ended in sorted(state.triggers.ended.items())},
        reasons=around.health.reasons,
        accounts=tuple(_account(state, name, now_ns) for name in state.layout.rules.accounts),
        budgets=around.budgets,
        journal_lag_ns=journal.lag_ns,
        journal_bytes=journal.size_bytes,
    )


def not_ready(state: State) -> str:
    """Why the daemon could not hedge now; empty when it could."""
    first = next(iter(doubts(state)), None)
    return f"{first.subject}: {first.text}" if first is not None else ""


def margin_figures(state: State) -> tuple[Decimal | None, Decimal | None]:
    """The margin ratio and the stress distance now, of the account that is the nearest to its end; None while unknown.

    The venue's own figures count as long as they are of this start and nothing of ours filled after they were read;
    then ours do: the positions at their marks, by the instruments' brackets.
    """
    held = Beliefs(state).holdings
    if held is None:
        return None, None
    names = dict.fromkeys(state.layout.instruments[one.hedge].account for one in state.layout.carriers())
    found = [one for name in names if (one := _margin_of(state, name, held)) is not None]
    distances = [distance for _, distance in found if distance is not None]
    known = len(distances) == len(found)
    return max((share for share, _ in found), default=None), min(distances, default=None) if known else None


def _margin_of(state: State, account: AccountId, holdings: Iterable[Holding]) -> tuple[Decimal, Decimal | None] | None:
    """One account's figures; None while they are unknown."""
    held = [one for one in holdings if one.instrument.account == account]
    ours = all(one.instrument.tiers for one in held)
    beliefs = [belief for name, belief in state.accounts.positions.items() if account_of(name) == account]
    filled_ns = max((belief.filled_ns for belief in beliefs), default=0)
    first = next(one.hedge for one in state.layout.carriers() if account_of(one.hedge) == account)
    belief, wallet = state.accounts.accounts[account], trust.wallet(state, first)
    venue = belief.margin
    if venue is not None and belief.confirmed and belief.seen_ns >= filled_ns:
        elsewhere = max(venue.maintenance_margin - required(held), ZERO) if ours else ZERO
        stress = stress_distance(held, venue.margin_balance, elsewhere) if ours else None
        return ratio(venue.maintenance_margin, venue.margin_balance), stress
    if wallet is None or not ours:
        return None
    balance = wallet + sum((unrealized(one) for one in held), ZERO)
    return ratio(required(held), balance), stress_distance(held, balance)


def peg_status(state: State) -> PegStatus | None:
    """The quote currency's peg now; None where nobody watches it."""
    found = peg.reading(state)
    if found is None:
        return None
    return PegStatus(
        asset=found.asset,
        price=found.price,
        off_bps=None if found.price is None else off_peg(found.price),
        level=state.pegs.level.name.lower(),
        told=found.told,
        back_ns=state.pegs.back_ns,
    )


def _conversions(state: State) -> Iterator[ConversionStatus]:
    """How far each conversion has come, in the order of the config."""
    layout = state.layout
    for target in layout.rules.targets:
        if isinstance(target, ConvertTarget):
            known, (word, why) = state.conversions.get(target), _progress(state, target)
            yield ConversionStatus(
                target=target.name,
                asset=target.asset,
                amount=target.amount,
                sold=known.sold,
                bought=known.bought,
                state=word,
                why=why,
            )


def _progress(state: State, target: ConvertTarget) -> tuple[str, str]:
    """Where a conversion stands in a word, and why it does not go on."""
    known = state.conversions.get(target)
    if target.name in state.layout.planned:
        return "planned", state.layout.planned[target.name]
    if known.stopped:
        return "stopped", known.stopped
    if known.finished >= target.amount:
        return "done", ""
    held = state.legs.held.get(target.name, "")
    return ("held", held) if held else ("selling", "")


def _account(state: State, name: AccountId, now_ns: int) -> AccountStatus:
    seen_ns = state.accounts.accounts[name].seen_ns
    return AccountStatus(name, max(now_ns - seen_ns, 0) if seen_ns else None, state.clock_offsets.get(name))


def basis_bps(state: State, asset: Asset) -> Decimal | None:
    """The hedge's mid above the mid that an asset is valued at; None while one of them is unknown."""
    rule = state.layout.futures.get(asset)
    hedge = state.carrying(asset) if rule else InstrumentId("")
    quotes = [state.books.quotes.get(name) for name in (rule.pricing, hedge)] if rule else []
    mids = [quote.mid for quote in quotes if quote is not None and quote.sane]
    if rule is None or len(mids) < len(quotes):
        return None
    spot = mids[0] * float(state.layout.instruments[hedge].base_units)
    return exact(mids[1] / spot - 1) * BPS_PER_UNIT


def _assets(
    state: State, assessment: Assessment, members: Mapping[str, tuple[Asset, ...]], monitor: Monitor
) -> tuple[AssetStatus, ...]:
    held = f"{assessment.held.guard}: {assessment.held.why}" if assessment.held else None
    if assessment.needs:
        return tuple(
            _asset(state, assessment.group, need, held, monitor.deviations.get(need.asset)) for need in assessment.needs
        )
    names = members.get(assessment.group) or (Asset(assessment.group.rpartition(":")[2]),)
    return tuple(_unknown(state, assessment.group, name, held, monitor.deviations.get(name)) for name in names)


def _asset(state: State, group: str, need: Need, held: str | None, seen: Deviation | None) -> AssetStatus:
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
        basis_bps=basis_bps(state, need.asset),
    )


def _unknown(state: State, group: str, asset: str, held: str | None, seen: Deviation | None) -> AssetStatus:
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
        basis_bps=basis_bps(state, Asset(asset)),
    )


def _sleeve(state: State, name: InstrumentId, target: str, book: Book) -> SleeveStatus:
    """One target's part of a position; what depends on prices is None while they are unknown."""
    instrument, mark = state.layout.instruments[name], state.books.marks.get(name)
    size = instrument.contract_size
    known = (exact(mark.mark), exact(mark.index)) if mark is not None else None
    return SleeveStatus(
        target=target,
        instrument=name,
        contracts=book.contracts,
        entry_price=book.entry_price,
        realized=book.realized(size),
        unrealized=book.unrealized(size, known[0]) if known else None,
        basis=book.basis(size, *known) if known else None,
        fees=dict(sorted(book.fees.items())),
        funding=book.funding,
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
