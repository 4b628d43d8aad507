"""What time and evidence demand beside hedging: resolving unknown orders, second reads, latches and notices.

Each function looks at one subject and returns commands; whatever it marks in the state it marks together with a
command, so that the journal has the step and a replay marks it too.
"""

from collections.abc import Iterator
from itertools import takewhile

from bot.domain.commands import CancelOrder, Command, Notice, QueryOrder, RefreshAccount, Severity
from bot.domain.events import (
    AccountUnreadable,
    Action,
    Endpoint,
    Event,
    FaultRaised,
    OperatorAsked,
    Remarked,
    RulesChanged,
    Started,
)
from bot.domain.order import Status
from bot.domain.units import SECOND_NS, AccountId, InstrumentId, Nanos
from bot.engine import sales, uncounted
from bot.engine.amend import Amended
from bot.engine.decide import refused_in_row
from bot.engine.modes import GLOBAL, Latch, Mode
from bot.engine.orders import OrderRecord
from bot.engine.peg import watch_peg
from bot.engine.results import cut_short
from bot.engine.state import State

QUERY_EVERY_NS = 1 * SECOND_NS
REFRESH_SLACK_NS = SECOND_NS // 10
"""How much later than the evidence gap a second read is asked for, so that it counts."""
REFRESH_PAUSE_NS_MAX = 60 * SECOND_NS
DOUBLINGS_MAX = 10
"""Of the pause between reads that fail: a key that is refused is not asked with a hundred times a minute."""
UNREADABLE_TOLD = 3
"""So many failed reads in a row are told: one may fall between two fills, three are the venue or the key."""
UNSETTLED_GRACE_NS = 1 * SECOND_NS
MISSING_FILLS_FOR_NS = 30 * SECOND_NS
_LOUDNESS = {Action.ARM: Severity.INFO, Action.PAUSE: Severity.WARNING}
PLANNED_WHY = "convert_to_spot is planned but not carried out: sell the coins by hand, and their hedge follows"
CHANGES_TOLD_MAX = 50
"""Of one change of rules; the journal has them all."""
OVERFILL, ALERT, HALTED = "overfill", "alert", "halted"


def watch(state: State, event: Event) -> list[Command]:
    """Everything that is due now, most urgent first."""
    return [
        *_operator(state, event),
        *_fault(event),
        *_amended(state, event),
        *_planned(state, event),
        *_remarked(event),
        *_overfilled(state),
        *_unbalanced(state),
        *watch_peg(state),
        *_left(state),
        *_unreadable(state, event),
        *_external(state),
        *_foreign(state),
        *_uncounted(state),
        *_rejected(state),
        *_unknown(state),
        *_second_reads(state),
    ]


def _latch(state: State, scope: str, reason: str) -> bool:
    return state.modes.latch(scope, Latch(Mode.HALT, reason, "trimtab", state.now))


def _operator(state: State, event: Event) -> Iterator[Command]:
    if not isinstance(event, OperatorAsked):
        return
    if state.unobeyed:
        yield Notice(Severity.WARNING, "operator", event.action.value, f"not obeyed: {state.unobeyed}")
        return
    severity = _LOUDNESS.get(event.action, Severity.CRITICAL)
    yield Notice(severity, "operator", event.action.value, f"{event.action.value} by {event.by}: {event.reason}")
    if event.action is Action.KILL:
        for record in state.orders.live():
            yield CancelOrder(record.request.instrument, record.request.client_id)


def _fault(event: Event) -> Iterator[Command]:
    if isinstance(event, FaultRaised):
        yield Notice(Severity.CRITICAL, "fault", GLOBAL, f"{event.what}: halted until armed")


def _amended(state: State, event: Event) -> Iterator[Command]:
    """Tell what a change of rules changed and what it leaves behind, or why it was not taken over."""
    if not isinstance(event, RulesChanged):
        return
    seen, state.amended = state.amended, None
    assert seen is not None, "folding a change says what it came to"
    if seen.barred:
        yield Notice(Severity.WARNING, "config", "rules", f"not taken over ({event.why}): {seen.barred}")
        return
    topic = "metadata" if seen.relisted else "config"
    for change in event.changes[:CHANGES_TOLD_MAX] or ("rules: as they were",):
        subject, _, words = change.partition(": ")
        yield Notice(Severity.INFO, topic, subject, f"{words} ({event.why})")
    if (more := len(event.changes) - CHANGES_TOLD_MAX) > 0:
        yield Notice(Severity.INFO, topic, "rules", f"and {more} more changes, which the journal has ({event.why})")
    for group, correction in seen.ended:
        yield cut_short(state, group, correction)
    yield from _left_behind(state, seen)


def _left_behind(state: State, seen: Amended) -> Iterator[Command]:
    for rule in (one for one in state.layout.carriers() if one.asset in seen.untargeted):
        asset, name = rule.asset, rule.hedge
        if contracts := state.accounts.positions[name].position.contracts:
            why = f"no target names {asset} any more: its {contracts} contracts stay until they are unwound"
            yield Notice(Severity.WARNING, "config", name, why)
    for name in seen.stopped:
        why = "the venue does not trade it any more: no new risk is taken on it, hedges stay as they are"
        yield Notice(Severity.WARNING, "metadata", name, why)
    for name in seen.resumed:
        yield Notice(Severity.INFO, "metadata", name, "the venue trades it again")


def _planned(state: State, event: Event) -> Iterator[Command]:
    """Targets that are planned and not carried out are told with every start, and with rules that name them."""
    in_force = isinstance(event, RulesChanged) and state.layout.rules is event.rules
    if isinstance(event, Started) or in_force:
        for name, why in state.layout.planned.items():
            yield Notice(Severity.WARNING, "held", name, f"{PLANNED_WHY} ({why})")


def _remarked(event: Event) -> Iterator[Command]:
    if isinstance(event, Remarked):
        severity = Severity.WARNING if event.warning else Severity.INFO
        yield Notice(severity, event.topic, event.subject, event.text)


def _overfilled(state: State) -> Iterator[Command]:
    """Said and halted for once per order, so that an operator who has looked into it can arm again."""
    for record in list(state.orders.records.values()):
        if record.filled > record.request.contracts and OVERFILL not in record.told:
            state.orders.note_told(record.request.client_id, OVERFILL)
            why = f"order {record.request.client_id} filled {record.filled} of {record.request.contracts} contracts"
            _latch(state, GLOBAL, why)
            yield Notice(Severity.CRITICAL, "conservation", record.request.instrument, f"{why}: halted until armed")


def _unbalanced(state: State) -> Iterator[Command]:
    """Books that do not add up to the venue's position are a defect of ours: nothing more is built on it."""
    for why in state.sleeves.take_defects():
        _latch(state, GLOBAL, why)
        yield Notice(Severity.CRITICAL, "conservation", GLOBAL, f"{why}: halted until armed")


def _left(state: State) -> Iterator[Command]:
    """What the config no longer names is told once; where its coin is hedged anew, nobody said that it is closed."""
    seen, state.left = state.left, []
    for left in seen:
        why = f"{left.what} on {left.instrument}, which is no longer in the config"
        names = state.layout.candidates.get(left.coin, ()) if left.coin is not None else ()
        if names:
            for name in names:
                _latch(state, name, why)
            others = " and ".join(names)
            verb = "is" if len(names) == 1 else "are"
            why = f"{why}; {others} would hedge {left.coin} a second time and {verb} halted until armed"
        yield Notice(Severity.CRITICAL, "left", left.instrument, why)


def _unreadable(state: State, event: Event) -> Iterator[Command]:
    if not isinstance(event, AccountUnreadable):
        return
    if state.accounts.accounts[event.account].failed_reads == UNREADABLE_TOLD:
        why = f"{UNREADABLE_TOLD} reads in a row failed, nothing new is believed of it: {event.reason}"
        yield Notice(Severity.WARNING, "unreadable", event.account, why)


def _external(state: State) -> Iterator[Command]:
    for change in state.accounts.take_external():
        why = f"the venue moved the position from {change.before} to {change.after} contracts: {change.cause}"
        _latch(state, change.instrument, why)
        yield Notice(
            Severity.CRITICAL, "external_change", change.instrument, f"{why}; this instrument is halted until armed"
        )


def _foreign(state: State) -> Iterator[Command]:
    seen, state.foreign = state.foreign, []
    for event in seen:
        why = f"an order that is not ours: {event.order} ({event.cause}, {event.contracts} contracts)"
        if event.instrument in state.accounts.positions and _latch(state, event.instrument, why):
            yield Notice(
                Severity.CRITICAL, "foreign", event.instrument, f"{why}; this instrument is halted until armed"
            )
        else:
            yield Notice(Severity.WARNING, "foreign", event.instrument, why)


def _uncounted(state: State) -> Iterator[Command]:
    """A position that the config does not name may be a hedge by hand: then the coin is hedged twice."""
    seen, state.accounts.untold = state.accounts.untold, []
    for account, one in seen:
        coin, text = uncounted.told(state.layout, account, one)
        severity = Severity.WARNING if coin is None else Severity.CRITICAL
        yield Notice(severity, "uncounted", f"{account}:{one.name}", text)


def _rejected(state: State) -> Iterator[Command]:
    bound = state.layout.limits.rejects_in_row_max
    suspects = {one.request.instrument for one in state.orders.records.values() if one.status is Status.REJECTED}
    for rule in state.layout.carriers():
        refused = refused_in_row(state, rule.hedge) if rule.hedge in suspects else []
        if len(refused) >= bound:
            why = f"the venue refused {bound} orders in a row, last with {refused[0].refusal}"
            if _latch(state, rule.hedge, why):
                yield Notice(Severity.CRITICAL, "rejects", rule.hedge, f"{why}; this instrument is halted until armed")


def _unknown(state: State) -> Iterator[Command]:
    for record in state.orders.live():
        yield from _alarm(state, record)
        if record.status is Status.UNKNOWN:
            yield from _resolve(state, record)
            continue
        # One that nobody answered is left to the tick that notes its silence: asked for here, that tick would mark the
        # order and ask for nothing, so the journal would not have it.
        slow = state.now - record.sent_ns > state.layout.limits.ack_timeout_ns
        if slow and record.status is not Status.PENDING_NEW:
            yield from _ask(state, record, Endpoint.ORDER)
    for record in state.orders.records.values():
        missing = record.filled > sum(fill.contracts for fill in record.fills)
        if not record.live and missing and QUERY_EVERY_NS < state.now - record.done_ns < MISSING_FILLS_FOR_NS:
            yield from _ask(state, record, Endpoint.TRADES)


def _resolve(state: State, record: OrderRecord) -> Iterator[Command]:
    """Look; and once both endpoints deny the order and the position stands (or it is halted), it was never placed."""
    limits, client_id = state.layout.limits, record.request.client_id
    denied = len(record.absent) == len(Endpoint)
    if denied:
        belief = state.accounts.positions.get(record.request.instrument)
        fresh_ns = record.gone_ns + state.proof_delay_ns(client_id)
        unchanged = belief is not None and belief.settled and belief.reported_ns > fresh_ns
        if state.conversions.sells(record):
            unchanged = sales.unchanged(state, record, fresh_ns)
        proven = unchanged or _halted_and_denied(state, record, fresh_ns)
        if proven and state.orders.resolve_absent(client_id, limits.evidence_gap_ns, state.now):
            yield _not_placed(state, record, "the position" if unchanged else "its halt")
            return
        instrument = state.layout.instruments.get(record.request.instrument)
        if not unchanged and instrument is not None:
            yield from refresh(state, instrument.account, "an unknown order")
    endpoint = Endpoint.TRADES if Endpoint.ORDER.value in record.absent else Endpoint.ORDER
    yield from _ask(state, record, endpoint)


def _halted_and_denied(state: State, record: OrderRecord, fresh_ns: int) -> bool:
    """Whether an order was denied after the slowest replica as well, on a future that is halted.

    Where the venue moved the position meanwhile (it deleveraged it, say), the position never stands again as it was,
    and what moved it is not adopted while an order may be in flight: one would wait for the other for ever. Halted,
    nothing is sent before a person has looked, so the denials are enough; the position then is what the venue says.
    """
    if state.conversions.sells(record) or state.modes.of(record.request.instrument) is not Mode.HALT:
        return False
    return max(record.absent.values()) > fresh_ns + state.layout.limits.replica_lag_ns_max


def _not_placed(state: State, record: OrderRecord, beside: str) -> Notice:
    """One can get lost; when one after the other does, something stands in the way that a person has to look at."""
    text = f"never reached the book, proven by two endpoints and {beside}: {record.refusal}"
    own = (r for r in reversed(state.orders.records.values()) if r.request.instrument == record.request.instrument)
    row = sum(1 for _ in takewhile(lambda other: other.status is Status.NOT_PLACED, own))
    if row < state.layout.limits.rejects_in_row_max:
        return Notice(Severity.INFO, "order", record.request.client_id, text)
    return Notice(Severity.WARNING, "order", record.request.client_id, f"{text}; {row} orders in a row were not placed")


def _ask(state: State, record: OrderRecord, endpoint: Endpoint) -> Iterator[Command]:
    if record.asked_ns and state.now - record.asked_ns < QUERY_EVERY_NS:
        return
    state.orders.note_asked(record.request.client_id, state.now)
    yield QueryOrder(record.request.instrument, record.request.client_id, endpoint, record.sent_ns)


def _alarm(state: State, record: OrderRecord) -> Iterator[Command]:
    """Every order is meant to end at once: one whose end is not known for long needs a person."""
    waited, name = state.now - record.gone_ns, record.request.instrument
    told = f"{record.request.client_id} has been {record.status.value} for {waited // SECOND_NS} s {record.refusal}"
    if waited > state.layout.limits.unknown_alert_ns and ALERT not in record.told:
        state.orders.note_told(record.request.client_id, ALERT)
        yield Notice(Severity.WARNING, "unknown_order", name, f"order {told}".rstrip())
    if waited > state.layout.limits.unknown_halt_ns and HALTED not in record.told:
        state.orders.note_told(record.request.client_id, HALTED)
        _latch(state, name, "an order's end stayed unknown too long")
        yield Notice(Severity.CRITICAL, "unknown_order", name, f"order {told}: halted until armed")


def _second_reads(state: State) -> Iterator[Command]:
    """Ask for a read where one could settle a doubt."""
    for account in state.layout.rules.accounts:
        belief = state.accounts.accounts[account]
        if not belief.confirmed:
            yield from refresh(state, account, "not confirmed since the start")
        elif belief.stream_up and not belief.followed:
            yield from refresh(state, account, "its private stream is back")
    for account in sorted(state.accounts.balances):
        if any(b.candidate is not None for b in state.accounts.balances[account].values()):
            yield from refresh(state, account, "a balance changed")
    for account in sales.unconfirmed(state):
        yield from refresh(state, account, "a sale is not confirmed")
    for name in sorted(state.accounts.positions):
        if _unsettled_long(state, name) and name in state.layout.instruments:
            yield from refresh(state, state.layout.instruments[name].account, "a position is not confirmed")


def _unsettled_long(state: State, name: InstrumentId) -> bool:
    belief = state.accounts.positions[name]
    waiting = not belief.settled and belief.unsettled_ns > 0
    return waiting and state.now - belief.unsettled_ns > UNSETTLED_GRACE_NS


def refresh(state: State, account: AccountId, why: str) -> Iterator[Command]:
    """Ask for a read of an account, not more often than a second read could count, and ever less while all fail."""
    last, failed = state.refreshed.get(account, Nanos(0)), state.accounts.accounts[account].failed_reads
    pause_ns = state.layout.limits.evidence_gap_ns + REFRESH_SLACK_NS
    if failed:
        pause_ns = max(pause_ns, min(pause_ns * 2 ** min(failed, DOUBLINGS_MAX), REFRESH_PAUSE_NS_MAX))
    if last and state.now - last < pause_ns:
        return
    state.refreshed[account] = state.now
    yield RefreshAccount(account, why)
