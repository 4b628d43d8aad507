"""Gathers the facts that the daemon's health is judged by."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.units import AccountId, Nanos
from bot.engine import peg, trust
from bot.engine.state import State
from bot.engine.trust import Beliefs
from bot.journal.store import JournalError
from bot.runtime.health import AccountVitals, Reason, StreamVitals, Vitals
from bot.runtime.venue import StreamView

PEG = "peg"
"""The subject of a peg that is not known: without it no order adds risk."""


class Lagging(Protocol):
    """What is asked of the journal."""

    @property
    def lag_ns(self) -> int:
        """Age of the oldest record that is not yet durable; 0 when none waits."""
        ...

    @property
    def failed(self) -> JournalError | None:
        """The failure that stopped it, or None."""
        ...


def gather(
    state: State,
    *,
    streams: Sequence[StreamView],
    reading: Mapping[AccountId, Nanos],
    journal: Lagging,
    reconcile_ns: int,
    tick_late_ns: int,
    now_ns: int,
    started_ns: int,
) -> Vitals:
    """The facts at `now_ns`. `reading` names the accounts of which a read is under way, and since when."""
    # The market alone: what a paper account or a cache can go on saying by itself is no sign of the venue.
    heard = [started_ns, *(one.last_frame_ns for one in streams if one.account is None)]
    return Vitals(
        mode=state.modes.overall.name,
        streams=tuple(_stream(one, now_ns) for one in streams),
        accounts=tuple(
            _account(state, name, reading.get(name), reconcile_ns, now_ns) for name in state.layout.rules.accounts
        ),
        clock_offsets=tuple(sorted(state.clock_offsets.items())),
        clock_offset_ns_max=state.layout.limits.clock_offset_ns_max,
        journal_lag_ns=journal.lag_ns,
        journal_failed=str(journal.failed) if journal.failed is not None else "",
        tick_late_ns=tick_late_ns,
        heard_ns=max(now_ns - max(heard), 0),
        doubts=doubts(state),
        stopping=state.stopping,
    )


def doubts(state: State) -> tuple[Reason, ...]:
    """What the engine cannot trust now, each subject once."""
    beliefs, found = Beliefs(state), dict[str, Reason]()
    for group in state.layout.groups:
        if refused := trust.doubt(beliefs, group):
            found.setdefault(refused.subject, Reason(refused.subject, refused.why))
    if (seen := peg.reading(state)) is not None and seen.price is None:
        found.setdefault(PEG, Reason(PEG, seen.told))
    return tuple(found.values())


def _stream(view: StreamView, now_ns: int) -> StreamVitals:
    silent_ns = max(now_ns - view.last_frame_ns, 0) if view.last_frame_ns else None
    return StreamVitals(view.name, view.account is not None, view.up, silent_ns)


def _account(state: State, name: AccountId, begun_ns: Nanos | None, every_ns: int, now_ns: int) -> AccountVitals:
    belief = state.accounts.accounts[name]
    return AccountVitals(
        name,
        age_ns=max(now_ns - belief.seen_ns, 0) if belief.seen_ns else None,
        every_ns=every_ns,
        unanswered_ns=max(now_ns - begun_ns, 0) if begun_ns is not None else 0,
        failed_reads=belief.failed_reads,
    )
