"""The threads behind alerts: one owns the store and the routing, and each sink has one of its own that may block.

Posting puts an alert into a bounded queue and returns. The dispatch thread stores it, asks the router what to send and
hands each message to its sink's thread, which reports back how it went. So a sink that takes ten seconds, or for ever,
delays neither the event loop nor another sink. All threads are daemons: the process never waits for them longer than
`close` was told to.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from bot.domain.units import SECOND_NS
from bot.ops.alerts.backlog import Stored
from bot.ops.alerts.kinds import Alert
from bot.ops.alerts.lanes import Outcome, Verdict
from bot.ops.alerts.repeats import Memory
from bot.ops.alerts.routing import Router, Send
from bot.ops.alerts.sinks import Sink
from bot.ops.alerts.store import Kept, Store, StoreError, open_or_replace
from bot.runtime.log import logger
from bot.runtime.supervise import attempt

INBOX_MAX = 5_000
BATCH_MAX = 2_000
STORE_RETRY_NS = 60 * SECOND_NS
PAUSE_AFTER_FAULT_S = 1.0

MakeRouter = Callable[[Sequence[Stored], dict[str, Memory]], Router]


class SinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One sink, for metrics: counts since the start, `queued` now, and why it is down (empty where it is not)."""

    sent: int = 0
    failed: int = 0
    queued: int = 0
    digested: int = 0
    given_up: int = 0
    down: bool = False
    reason: str = ""


class DeliveryHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Delivery as a whole. `suppressed` are repeats that were held back, `overflowed` alerts that found no room."""

    sinks: dict[str, SinkHealth] = {}
    suppressed: int = 0
    overflowed: int = 0
    stored: bool = True
    """Whether what waits would survive a crash."""


class Worker(threading.Thread):
    """Delivers to one sink, one message after another."""

    def __init__(self, sink: Sink, report: Callable[[str, Outcome], None]) -> None:
        super().__init__(name=f"alerts-{sink.name}", daemon=True)
        self._sink, self._report = sink, report
        self._messages: queue.SimpleQueue[Send | None] = queue.SimpleQueue()

    def deliver(self, send: Send | None) -> None:
        """Hand a message over; None ends the thread."""
        self._messages.put(send)

    def run(self) -> None:
        """Deliver until the end mark comes."""
        while (send := self._messages.get()) is not None:
            self._report(self._sink.name, self._outcome(send))

    def _outcome(self, send: Send) -> Outcome:
        outcomes: list[Outcome] = []
        error = attempt(lambda: outcomes.append(self._sink.send(send.message)))
        return outcomes[0] if error is None else Outcome(Verdict.FAILED, f"it failed: {type(error).__name__}")


class Dispatcher(threading.Thread):
    """Owns the store and the router."""

    def __init__(
        self, path: Path | None, make_router: MakeRouter, sinks: Iterable[Sink], now_ns: Callable[[], int]
    ) -> None:
        super().__init__(name="alerts", daemon=True)
        self._path, self._now_ns = path, now_ns
        self._make_router = make_router
        self._workers = {sink.name: Worker(sink, self._settled) for sink in sinks}
        self._inbox: queue.Queue[Alert] = queue.Queue(INBOX_MAX)
        self._outcomes: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        self._woken = threading.Event()
        self._overflow_lock = threading.Lock()
        self._overflow: Counter[str] = Counter()
        self._overflowed = 0
        self._closing_ns: int | None = None
        self._has_turned = False
        self._store: Store | None = None
        self._store_next_ns = 0
        self._loaded = path is None
        self._log = logger(__name__)
        self._router = make_router((), {})
        self.health = DeliveryHealth(stored=False)
        self.left: Sequence[Stored] = ()
        """What waited at the end and is in no store; whoever comes next takes it in by `carried`."""

        self.carried: Sequence[Stored] = ()
        self._publish()

    # --------------------------------------------------------------------------------- called by any thread
    def post(self, alert: Alert) -> None:
        """Queue an alert; never blocks and never raises. What finds no room is counted by kind and told later."""
        try:
            self._inbox.put_nowait(alert)
        except queue.Full:
            with self._overflow_lock:
                self._overflow[f"{alert.kind.value} ({alert.severity.value}), came too fast"] += 1
                self._overflowed += 1
        self._woken.set()

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered within a time and end; the rest stays in the store."""
        self._closing_ns = self._now_ns() + int(timeout_s * SECOND_NS)
        self._woken.set()
        self.join(timeout_s + 1.0)

    def _settled(self, sink: str, outcome: Outcome) -> None:
        self._outcomes.put((sink, outcome))
        self._woken.set()

    # ------------------------------------------------------------------------------------- the thread itself
    def run(self) -> None:
        """Turn until closed. A turn that fails is a defect of ours: it is logged, and the next one is tried."""
        for worker in self._workers.values():
            worker.start()
        if (error := attempt(self._open_store)) is not None:
            self._log.error("alerts: what waited could not be taken up", exc_info=error)
            self._close_store()
        while not self._is_finished():
            self._woken.wait(self._pause_s())
            self._woken.clear()
            if (error := attempt(self._turn)) is not None:
                self._log.error("alerts: a turn failed", exc_info=error)
                threading.Event().wait(PAUSE_AFTER_FAULT_S)
        for worker in self._workers.values():
            worker.deliver(None)
        if self._store is None and self._path is not None:
            self._reopen()  # the last chance for what is in memory alone
        self.left = list(self._router.backlog) if self._store is None else ()
        self._close_store()

    def _turn(self) -> None:
        now = self._now_ns()
        self._take_outcomes(now)
        self._take_alerts(now)
        self._router.tick(now)
        self._save(now)  # before anything is sent: what is sent was stored
        for send in self._router.due(now):
            self._workers[send.sink].deliver(send)
        self._publish()
        self._has_turned = True

    def _take_outcomes(self, now_ns: int) -> None:
        while True:
            try:
                sink, outcome = self._outcomes.get_nowait()
            except queue.Empty:
                return
            lane = self._router.lanes[sink]
            failures, down = lane.failures, lane.down
            self._router.settle(sink, outcome, now_ns)
            self._tell(sink, outcome, recovered=failures > 0, changed=lane.down != down or failures == 0)

    def _tell(self, sink: str, outcome: Outcome, *, recovered: bool, changed: bool) -> None:
        if outcome.verdict is Verdict.SENT:
            if recovered:
                self._log.info("alert sink reached again", sink=sink)
        elif changed:
            self._log.warning("alert sink failed", sink=sink, reason=outcome.reason)

    def _take_alerts(self, now_ns: int) -> None:
        with self._overflow_lock:
            overflow, self._overflow = self._overflow, Counter()
        for what, count in overflow.items():
            self._router.lose(what, count)
        for _ in range(BATCH_MAX):
            try:
                self._router.accept(self._inbox.get_nowait(), now_ns)
            except queue.Empty:
                return

    def _pause_s(self) -> float:
        if not (self._inbox.empty() and self._outcomes.empty()):
            return 0.0
        now = self._now_ns()
        return max(self._router.wake_ns(now) - now, 0) / SECOND_NS

    def _is_finished(self) -> bool:
        if self._closing_ns is None:
            return False
        now = self._now_ns()
        if now >= self._closing_ns:
            return True
        if not self._has_turned:
            return False  # what an earlier run left has not even been looked at
        sending = any(lane.flight is not None for lane in self._router.lanes.values())
        if sending or not self._inbox.empty() or not self._outcomes.empty():
            return False
        retry_ns = self._router.retry_ns()
        return retry_ns is None or retry_ns > self._closing_ns

    def _publish(self) -> None:
        queued = self._router.queued()
        sinks = {
            name: SinkHealth(
                sent=lane.counts.sent,
                failed=lane.counts.failed,
                queued=queued[name],
                digested=lane.counts.digested,
                given_up=lane.counts.given_up,
                down=lane.down,
                reason=lane.reason,
            )
            for name, lane in self._router.lanes.items()
        }
        self.health = DeliveryHealth(
            sinks=sinks,
            suppressed=self._router.repeats.withheld,
            overflowed=self._overflowed,
            stored=self._store is not None,
        )

    # ------------------------------------------------------------------------------------------- the store
    def _open_store(self) -> None:
        kept = self._opened()
        if kept is not None:
            self._router = self._make_router(kept.waiting, kept.memories or {})
        self._router.adopt_late(self.carried)
        self._publish()

    def _opened(self) -> Kept | None:
        """Open the store and say what had to be done for it; None where there is none to be had for now."""
        if self._path is None:
            return None
        now = self._now_ns()
        self._store_next_ns = now + STORE_RETRY_NS
        try:
            self._store, kept, said = open_or_replace(self._path, now)
        except StoreError as error:
            self._log.warning("alerts are kept in memory only", reason=str(error))
            return None
        if said is not None:
            self._log.warning("alert store replaced", reason=said)
        self._loaded = True
        return kept

    def _save(self, now_ns: int) -> None:
        changes = self._router.take_changes()
        if self._store is None and self._path is not None and now_ns >= self._store_next_ns:
            self._reopen()
        elif self._store is not None:
            self._guarded(lambda store: store.apply(changes))

    def _reopen(self) -> None:
        """The disk is tried again: what is in memory replaces what a failed store held of this run."""
        was_loaded = self._loaded
        kept = self._opened()
        if kept is None:
            return
        if not was_loaded:
            self._router.adopt_late(kept.waiting)
        self._router.take_changes()
        self._guarded(lambda store: store.rewrite(self._router.snapshot()))

    def _guarded(self, write: Callable[[Store], None]) -> None:
        assert self._store is not None, "only an open store is written"
        try:
            write(self._store)
        except StoreError as error:
            self._log.warning("alerts are kept in memory only", reason=str(error))
            self._close_store()
            self._store_next_ns = self._now_ns() + STORE_RETRY_NS

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is None:
            return
        try:
            store.close()
        except StoreError as error:
            self._log.warning("alert store not closed", reason=str(error))
