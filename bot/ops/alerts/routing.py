"""Which alert goes to which sink, when, and in which message. Pure: told the time, it sends nothing and stores nothing.

Theory of operation. A sink that stands in for another is behind it in a chain; a sink that stands in for none is the
root of its chain. An accepted alert becomes one duty for each root that wants it: (alert, root). A duty is served by
the first sink of the root's chain that is not down and wants the alert, or by the root where there is none. So:

- while a primary is well its stand-ins are silent;
- when it goes down they get what it could not deliver, and a SINK_DOWN alert whatever their filter says;
- a duty that anybody delivered is done. A primary that comes back gets what nobody delivered, and a note that says how
  many alerts went elsewhere meanwhile; it does not get those again. No alert reaches both, save where the primary had
  taken it and its answer did not come back in time: nothing lost goes before nothing twice.

A sink is down after some failures in a row, at once when it refuses (a wrong token), when it asks to be left alone for
long, or when an answer is overdue. It is probed, ever less often, with what waits for it or with that note.

What may be sent is bounded a minute. As long as all that waits fits, it goes in order, one message each. Where it does
not, critical alerts go first, one message each as far as the rate allows, and the rest goes in one digest; a part of
the rate is kept for critical ones. In quiet hours only critical ones go; the rest comes as a digest afterwards.

Everything that has to survive a crash is noted in `changes`, in the order in which it happened; whoever drives this
stores them before anything that `due` returns is sent.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.backlog import Accepted, Backlog, Change, Done, Duty, Remembered, Stored, chains_of
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.lanes import Lane, Outcome, Pace, Rule, Verdict
from bot.ops.alerts.render import Message, counted, render, render_digest, utc
from bot.ops.alerts.repeats import Memory, Repeats, Word, word_of

QUEUED_MAX = 10_000
# Alerts that were given up, or that did not fit into the queue, are told together, at most this often.
LOSSES_TOLD_EVERY_NS = 60 * SECOND_NS
# Everything that waits or is remembered is looked through for what is over no more often than this.
SWEEP_EVERY_NS = SECOND_NS


@dataclass(frozen=True, slots=True)
class Send:
    """A message for a sink, to be sent now."""

    sink: str
    message: Message
    alerts: int


class Router:
    """Every sink's lane and everything that waits."""

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        repeat_ns: int,
        keep_ns: int,
        portfolio: str,
        jitter: Callable[[], float],
        pace: Pace | None = None,
        stored: Iterable[Stored] = (),
        memories: dict[str, Memory] | None = None,
    ) -> None:
        pace = pace or Pace()
        self.lanes = {rule.name: Lane(rule, pace) for rule in rules}
        self._chains = chains_of(lane.rule for lane in self.lanes.values())
        self._roots = {name: root for root, chain in self._chains.items() for name in chain}
        self.backlog = Backlog(self.lanes, self._chains)
        self.repeats = Repeats(repeat_ns, memories)
        self._keep_ns, self._portfolio, self._jitter = keep_ns, portfolio, jitter
        self._run_mode = ""
        self._flying: dict[Duty, str] = {}
        self._lost: Counter[str] = Counter()
        self._lost_told_ns = -LOSSES_TOLD_EVERY_NS
        self._swept_ns = 0
        self._changes: list[Change] = []
        self._next_id = 1
        for entry in stored:
            self._adopt(entry)

    # ------------------------------------------------------------------------------------------------ alerts
    def queued(self) -> dict[str, int]:
        """How many alerts wait for each sink, on their way included."""
        counts = self.backlog.counts()
        return {name: counts[name] for name in self.lanes}

    def accept(self, alert: Alert, now_ns: int) -> None:
        """Take an alert in: it becomes duties, or is held back as a repeat, or nobody wants it."""
        self._run_mode = alert.run_mode
        before = self.repeats.get(alert.key)
        over = before is not None and word_of(alert) is Word.WELL and word_of(before.told) is not Word.WELL
        told = before.told.severity if before is not None and over else alert.severity
        roots = self.backlog.roots_for(alert, told)
        if not roots:
            return
        admitted = self.repeats.admit(alert, now_ns)
        self._note_memories()
        if admitted is not None:
            self._enqueue(admitted, told, roots, now_ns)

    def lose(self, what: str, count: int) -> None:
        """Count alerts that cannot be told one by one; `what` says of which kind, and why."""
        self._lost[what] += count

    def tick(self, now_ns: int) -> None:
        """What time alone brings: answers that are overdue, alerts that are too old, last words, losses to tell."""
        for lane in self.lanes.values():
            if lane.is_overdue(now_ns) and lane.go_down(now_ns):
                lane.reason = "no answer yet"
                self._tell_down(lane, now_ns)
        if not self._swept_ns <= now_ns < self._swept_ns + SWEEP_EVERY_NS:
            self._sweep(now_ns)
        if self._lost and now_ns - self._lost_told_ns >= LOSSES_TOLD_EVERY_NS:
            self._tell_losses(now_ns)

    def retry_ns(self) -> int | None:
        """When the next sink that failed is tried again with what waits for it; None where nothing does."""
        waiting = self.backlog.counts()
        failed = [lane.next_ns for name, lane in self.lanes.items() if lane.failures and waiting[name]]
        return min(failed, default=None)

    def snapshot(self) -> list[Change]:
        """Changes that make all of what a store holds out of nothing."""
        return [
            *map(Accepted, self.backlog),
            *(Remembered(key, memory) for key, memory in self.repeats.known().items()),
        ]

    def adopt_late(self, stored: Iterable[Stored]) -> None:
        """Take in alerts that are not in the store that this router began with, and have them stored."""
        for entry in stored:
            late = msgspec.structs.replace(entry, id=self._next_id, owed=list(entry.owed))
            self._changes.append(Accepted(late))
            self._adopt(late)

    def _sweep(self, now_ns: int) -> None:
        self._swept_ns = now_ns
        old = [entry for entry in self.backlog if now_ns - entry.accepted_ns > self._keep_ns]
        for entry in old:
            self._give_up(entry, "given up, since it could not be delivered in time")
        for alert in self.repeats.release(now_ns):
            roots = self.backlog.roots_for(alert, alert.severity)
            self._enqueue(alert, alert.severity, roots, now_ns)
        self._note_memories()

    def take_changes(self) -> list[Change]:
        """What has to be stored, since the last call."""
        changes, self._changes = self._changes, []
        return changes

    # ---------------------------------------------------------------------------------------------- messages
    def due(self, now_ns: int) -> list[Send]:
        """The messages to send now, at most one for each sink; each is answered by `settle`."""
        return [send for lane in self.lanes.values() if (send := self._next(lane, now_ns)) is not None]

    def settle(self, sink: str, outcome: Outcome, now_ns: int) -> None:
        """How the last message of a sink ended."""
        lane = self.lanes[sink]
        flight = lane.land()
        for duty in flight:
            if self._flying.get(duty) == sink:
                del self._flying[duty]
        if outcome.verdict is not Verdict.SENT:
            if lane.fail(outcome, now_ns, self._jitter()):
                self._tell_down(lane, now_ns)
            return
        since_ns = lane.down_since_ns
        lane.succeed()
        lane.covered = 0 if not flight else lane.covered
        for duty in flight:
            self._complete(duty, sink)
        if since_ns is not None:
            self._tell_up(lane, since_ns, now_ns)

    def wake_ns(self, now_ns: int) -> int:
        """When to look again, at the latest, where nothing else happens."""
        waits = [lane.next_ns for lane in self.lanes.values() if lane.flight is None and lane.next_ns > now_ns]
        return min([now_ns + SECOND_NS, *waits])

    # ------------------------------------------------------------------------------------- what to send next
    def _next(self, lane: Lane, now_ns: int) -> Send | None:
        free = lane.free(now_ns)
        if lane.flight is not None or now_ns < lane.next_ns or free <= 0:
            return None
        waiting = self._eligible(lane)
        critical = [entry for entry in waiting if entry.alert.severity is Severity.CRITICAL]
        quiet = lane.rule.quiet
        is_quiet = quiet is not None and quiet.covers(now_ns)
        if is_quiet:
            waiting = critical
        if lane.down:
            return self._probe(lane, critical or waiting, now_ns, may_note=not is_quiet)
        if not waiting:
            return self._note(lane, now_ns) if lane.covered and not is_quiet else None
        return self._choose(lane, waiting, critical, free, now_ns)

    def _choose(self, lane: Lane, waiting: list[Stored], critical: list[Stored], free: int, now_ns: int) -> Send | None:
        rest = [entry for entry in waiting if entry.alert.severity is not Severity.CRITICAL]
        rest_free = free - lane.rule.reserve
        # The last message of a minute that may be other than critical is a digest, of what a few seconds gathered.
        singles = rest_free if lane.rule.per_minute == 1 else rest_free - 1
        if len(waiting) <= free and len(rest) <= singles and not self._slept(lane, rest):
            return self._single(lane, waiting[0], now_ns)
        if critical and (free > 1 or len(critical) == 1):
            return self._single(lane, critical[0], now_ns)
        if critical:
            return self._digest(lane, waiting, now_ns)
        if rest_free < 1 or (singles < 1 and not lane.is_rested(now_ns)):
            return None
        return self._digest(lane, rest, now_ns)

    def _slept(self, lane: Lane, entries: list[Stored]) -> bool:
        """Whether some of these waited for the end of quiet hours, which makes one digest of all."""
        quiet = lane.rule.quiet
        return quiet is not None and sum(quiet.covers(entry.accepted_ns) for entry in entries) > 1

    def _probe(self, lane: Lane, waiting: list[Stored], now_ns: int, *, may_note: bool) -> Send | None:
        """To a sink that is down: one alert that waits for it, or a note where its stand-in has them all."""
        if waiting:
            return self._single(lane, waiting[0], now_ns)
        return self._note(lane, now_ns) if may_note else None

    def _eligible(self, lane: Lane) -> list[Stored]:
        """What this sink has to deliver, in order. What is on its way by a sink that went down may be taken over."""
        name, root = lane.rule.name, self._roots[lane.rule.name]
        busy = {n for (n, r), by in self._flying.items() if r == root and by != name and not self.lanes[by].down}
        return [entry for entry in self.backlog.served_by(name) if entry.id not in busy]

    def _single(self, lane: Lane, entry: Stored, now_ns: int) -> Send:
        return self._start(lane, [entry], render(entry.alert), now_ns)

    def _digest(self, lane: Lane, entries: list[Stored], now_ns: int) -> Send | None:
        if len(entries) == 1:
            return self._single(lane, entries[0], now_ns)
        if now_ns < lane.digest_next_ns or 0 <= now_ns - entries[0].accepted_ns < lane.pace.gather_ns:
            return None
        lane.digest_next_ns = now_ns + lane.pace.digest_gap_ns
        lane.counts.digested += len(entries)
        return self._start(lane, entries, render_digest([entry.alert for entry in entries]), now_ns)

    def _start(self, lane: Lane, entries: list[Stored], message: Message, now_ns: int) -> Send:
        name = lane.rule.name
        flight = tuple((entry.id, self._roots[name]) for entry in entries)
        lane.start(flight, now_ns)
        self._flying.update(dict.fromkeys(flight, name))
        return Send(name, message, len(entries))

    def _note(self, lane: Lane, now_ns: int) -> Send:
        since = "" if lane.down_since_ns is None else f" since {utc(lane.down_since_ns)}"
        taken = f" Its stand-in took {counted(lane.covered)} meanwhile." if lane.covered else ""
        text = f"This sink could not be reached{since}.{taken}"
        alert = self._own(Kind.SINK_DOWN, lane.rule.name, "alerts reach this sink again", text, now_ns, resolved=True)
        lane.start((), now_ns)
        return Send(lane.rule.name, render(alert), 0)

    # ------------------------------------------------------------------------------------------------- books
    def _adopt(self, entry: Stored) -> None:
        """Keep an alert from before a restart. What only sinks owed that the config lost is told.

        A sink that stands in for another by now leaves what it is owed to that one's chain.
        """
        self._next_id = max(self._next_id, entry.id + 1)
        self._run_mode = self._run_mode or entry.alert.run_mode
        gone = [root for root in entry.owed if root not in self._chains]
        kept = list(dict.fromkeys(self._roots[name] for name in entry.owed if name in self._roots))
        if kept and gone:
            # A duty that is stored only ever ends: the alert is stored anew with those that it is owed to now.
            self._changes += [Done(entry.id, root, "") for root in entry.owed]
            self._changes.append(Accepted(msgspec.structs.replace(entry, owed=list(kept))))
        else:
            self._changes += [Done(entry.id, root, "") for root in gone]
        if kept:
            self.backlog.add(msgspec.structs.replace(entry, owed=kept))
        elif gone:
            self.lose(
                f"{entry.alert.kind.value} ({entry.alert.severity.value}), its sink is no longer in the config", 1
            )

    def _enqueue(self, alert: Alert, told: Severity, roots: list[str], now_ns: int) -> None:
        if not roots:
            return
        if len(self.backlog) >= QUEUED_MAX:
            calm = (e for e in self.backlog if e.alert.severity is not Severity.CRITICAL)
            self._give_up(next(calm, None) or next(iter(self.backlog)), "given up, since the queue was full")
        entry = Stored(id=self._next_id, accepted_ns=now_ns, alert=alert, told=told, owed=list(roots))
        self._next_id += 1
        self.backlog.add(entry)
        self._changes.append(Accepted(msgspec.structs.replace(entry, owed=list(roots))))

    def _complete(self, duty: Duty, by: str) -> None:
        number, root = duty
        entry = self.backlog.get(number)
        if entry is None or root not in entry.owed:
            return  # a stand-in had it meanwhile, or it was given up
        self.backlog.remove(entry, root)
        self._changes.append(Done(number, root, by))
        chain = self._chains[root]
        if entry.alert.kind is not Kind.SINK_DOWN:
            for name in chain[: chain.index(by)]:
                self.lanes[name].covered += self.lanes[name].down

    def _give_up(self, entry: Stored, why: str) -> None:
        for root in tuple(entry.owed):
            self.lanes[root].counts.given_up += 1
            self._changes.append(Done(entry.id, root, ""))
            self.backlog.remove(entry, root)
        self._lose_one(entry.alert, why)

    def _lose_one(self, alert: Alert, why: str) -> None:
        self.lose(f"{alert.kind.value} ({alert.severity.value}), {why}", 1)

    def _note_memories(self) -> None:
        self._changes += [Remembered(key, self.repeats.get(key)) for key in sorted(self.repeats.changed)]
        self.repeats.changed.clear()

    # -------------------------------------------------------------------------------------------- own alerts
    def _tell_down(self, lane: Lane, now_ns: int) -> None:
        name = lane.rule.name
        takes_over = next((n for n in self._chains[self._roots[name]] if n != name and not self.lanes[n].down), None)
        text = f"{name}: {lane.reason or 'unknown'}. " + (
            f"'{takes_over}' takes over." if takes_over else "Its alerts wait until it can be reached."
        )
        self.accept(self._own(Kind.SINK_DOWN, name, f"the alert sink '{name}' is down", text, now_ns), now_ns)

    def _tell_up(self, lane: Lane, since_ns: int, now_ns: int) -> None:
        name, text = lane.rule.name, f"{lane.rule.name} could not be reached since {utc(since_ns)}."
        title = f"the alert sink '{name}' is back"
        self.accept(self._own(Kind.SINK_DOWN, name, title, text, now_ns, resolved=True), now_ns)

    def _tell_losses(self, now_ns: int) -> None:
        total, what = sum(self._lost.values()), self._lost.most_common()
        text = f"{counted(total)} could not be told one by one."
        facts = tuple((label, str(count)) for label, count in what)
        alert = self._own(Kind.DIGEST, "queue", f"not delivered: {counted(total)}", text, now_ns)
        alert = msgspec.structs.replace(alert, severity=Severity.WARNING, facts=facts)
        roots = self.backlog.roots_for(alert, alert.severity)
        self._lost.clear()
        self._lost_told_ns = now_ns
        self._enqueue(alert, alert.severity, roots, now_ns)

    def _own(self, kind: Kind, subject: str, title: str, text: str, now_ns: int, *, resolved: bool = False) -> Alert:
        return Alert(
            kind=kind,
            severity=Severity.INFO if resolved else Severity.WARNING,
            subject=subject,
            title=title,
            text=text,
            key=f"{kind.value}:{subject}",
            at_ns=now_ns,
            portfolio=self._portfolio,
            run_mode=self._run_mode,
            resolved=resolved,
        )
