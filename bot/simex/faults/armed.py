"""The armed faults: which of them hit what passes an injection point, which states are in force, what is due.

Each injection point asks with what passes it (`take`), or whether a state is in force (`in_force`); whoever turns the
clock asks what is `due`. Every firing is logged with what was drawn for it. Random numbers come from one stream a
kind of fault. `replay` arms what a log says, and nothing else is random then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bot.simex.faults.catalogue import Point
from bot.simex.faults.log import Firing, FiringLog, by_fault
from bot.simex.faults.model import Fault, Scope, Touch, When
from bot.simex.faults.streams import Streams

ARMED_MAX: Final = 1_000
HOUR_MS: Final = 3_600_000
_ALL_DRAWN: Final = Touch()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that fires now, with the parameters that were drawn for it."""

    fault_id: int
    fault: Fault
    params: Mapping[str, Any]
    time_ms: int

    @property
    def kind(self) -> str:
        """What it is."""
        return self.fault.kind

    @property
    def variant(self) -> str:
        """Which of its variants."""
        return self.fault.variant


@dataclass(slots=True)
class _Armed:
    handle: int
    fault_id: int
    fault: Fault
    left: int | None
    base_ms: int
    active_ms: int | None
    next_ms: int | None = None
    until_ms: int | None = None
    passed: int = 0
    seen: int = 0
    last_ms: int | None = None
    script: dict[int, Mapping[str, Any]] | None = None
    pending: list[int] = field(default_factory=list)
    hit: Hit | None = None

    def is_open(self, now_ms: int) -> bool:
        """Whether it may hit what passes now."""
        if self.active_ms is None or now_ms < self.active_ms:
            return False
        when, elapsed_ms = self.fault.when, now_ms - self.active_ms
        if self.fault.duration_ms:
            phase_ms = elapsed_ms % when.every_ms if when.every_ms else elapsed_ms
            return phase_ms < self.fault.duration_ms
        return not when.every_ms or self.last_ms is None or now_ms - self.last_ms >= when.every_ms


class Injections:
    """The faults of one run. Times are exchange time; the run starts when this is made."""

    def __init__(self, now_ms: Callable[[], int] = _wall_ms, *, seed: int = 1, log: FiringLog | None = None) -> None:
        self.log = log or FiringLog()
        self.now_ms = now_ms
        self._start_ms = now_ms()
        self._streams = Streams(seed)
        self._armed: dict[int, _Armed] = {}
        self._points: dict[Point, int] = {}
        self._next_id = 1

    # ---------------------------------------------------------------------------------------------------- arm, disarm
    def arm(self, fault: Fault) -> int:
        """Arm a fault from now on and answer its id."""
        self._check_room()
        fault_id, now_ms = self._handle(), self.now_ms()
        armed = _Armed(fault_id, fault_id, fault, fault.count or None, now_ms, None)
        if not fault.when.on_event:
            self._activate(armed, now_ms)
        self._keep(armed)
        return fault_id

    def replay(self, firings: Iterable[Firing]) -> int:
        """Arm what a log says, and answer how many firings that is. ValueError for a line that no fault fits."""
        found = by_fault(firings)
        self._next_id = max([self._next_id, *(fault_id + 1 for fault_id, _ in found)])
        for (fault_id, _), fired in found.items():
            self._check_room()
            first = fired[0]
            fault = Fault(
                first.kind,
                first.variant,
                Scope(**first.scope),
                When(),
                0,
                first.duration_ms,
                dict(first.params),
                first.name,
            )
            base_ms = self._start_ms + first.armed_ms
            armed = _Armed(self._handle(), fault_id, fault, len(fired), base_ms, base_ms)
            if fault.what.timing == "touch":
                armed.script = {one.nth: one.params for one in fired}
            else:
                armed.script = {one.at_ms: one.params for one in fired}
                armed.pending = sorted(self._start_ms + at_ms for at_ms in armed.script)
                armed.next_ms = armed.pending.pop(0)
            self._keep(armed)
        return sum(map(len, found.values()))

    def disarm(self, fault_id: int | None = None) -> int:
        """Disarm one fault, or all; answers how many were. A state that is in force ends."""
        chosen = list(self._armed) if fault_id is None else [fault_id] if fault_id in self._armed else []
        for one in chosen:
            self._drop(one)
        return len(chosen)

    def _check_room(self) -> None:
        if len(self._armed) >= ARMED_MAX:
            raise ValueError(f"more than {ARMED_MAX} faults armed")

    def _handle(self) -> int:
        handle, self._next_id = self._next_id, self._next_id + 1
        return handle

    def _keep(self, armed: _Armed) -> None:
        self._armed[armed.handle] = armed
        point = armed.fault.what.point
        self._points[point] = self._points.get(point, 0) + 1

    def _drop(self, handle: int) -> None:
        armed = self._armed.pop(handle, None)
        if armed is not None:
            self._points[armed.fault.what.point] -= 1

    def _activate(self, armed: _Armed, now_ms: int) -> None:
        armed.active_ms, armed.seen = now_ms + armed.fault.when.at_ms, 0
        if armed.fault.what.timing != "touch":
            per_hour = armed.fault.when.per_hour
            armed.next_ms = armed.active_ms + (self._gap_ms(armed.fault.kind, per_hour) if per_hour else 0)

    def _gap_ms(self, kind: str, per_hour: float) -> int:
        return max(1, round(self._streams.of(f"{kind}:when").expovariate(per_hour / HOUR_MS)))

    # -------------------------------------------------------------------------------------------------------- firing
    def watches(self, point: Point) -> bool:
        """Whether anything is armed at a point: nobody need describe what passes there otherwise."""
        return self._points.get(point, 0) > 0

    def names(self, point: Point, part: str) -> bool:
        """Whether a fault at a point asks for that part of the scope."""
        return any(one.fault.what.point == point and getattr(one.fault.scope, part) for one in self._armed.values())

    def take(self, point: Point, touch: Touch, spares: Callable[[Fault], bool] = lambda _: False) -> list[Hit]:
        """The faults that hit what passes: every one that stacks, and the first armed of the others."""
        if not self.watches(point):
            return []
        now_ms, hits = self.now_ms(), list[Hit]()
        for armed in list(self._armed.values()):
            what = armed.fault.what
            if what.point != point or what.timing != "touch" or not armed.fault.scope.covers(touch):
                continue
            is_second = not what.stacks and any(not hit.fault.what.stacks for hit in hits)
            if spares(armed.fault) or not self._strikes(armed, now_ms, is_second=is_second):
                continue
            hits.append(self._fire(armed, now_ms, now_ms, touch))
        return hits

    def _strikes(self, armed: _Armed, now_ms: int, *, is_second: bool) -> bool:
        # Counted from when it was armed, whether or not it is active yet: a replay counts the same.
        armed.passed += 1
        if armed.active_ms is None or now_ms < armed.active_ms:
            return False
        if armed.script is not None:
            return armed.passed in armed.script
        armed.seen += 1
        if not armed.is_open(now_ms):
            if armed.fault.duration_ms and not armed.fault.when.every_ms:
                self._expire(armed)
            return False
        when = armed.fault.when
        if is_second or armed.seen <= when.after_n:
            return False
        return when.probability >= 1 or self._streams.of(f"{armed.fault.kind}:when").random() < when.probability

    def _expire(self, armed: _Armed) -> None:
        """Its time is over; one that waits for an event waits for the next."""
        if armed.fault.when.on_event:
            armed.active_ms = None
        else:
            self._drop(armed.handle)

    def due(self) -> list[Hit]:
        """What happens by the clock and is due, in the order of its time. States come into force by themselves."""
        now_ms, hits = self.now_ms(), list[tuple[int, Hit]]()
        if self._armed:
            for armed in list(self._armed.values()):
                while armed.next_ms is not None and armed.next_ms <= now_ms:
                    at_ms = armed.next_ms
                    hits.append((at_ms, self._strike(armed, at_ms, now_ms)))
        hits.sort(key=lambda one: one[0])
        return [hit for _, hit in hits if hit.fault.what.timing == "moment"]

    def _strike(self, armed: _Armed, at_ms: int, now_ms: int) -> Hit:
        when = armed.fault.when
        if armed.pending:
            armed.next_ms = armed.pending.pop(0)
        elif armed.script is None and when.every_ms:
            armed.next_ms = at_ms + when.every_ms
        elif armed.script is None and when.per_hour:
            armed.next_ms = at_ms + self._gap_ms(armed.fault.kind, when.per_hour)
        else:
            armed.next_ms = None
        hit = self._fire(armed, at_ms, now_ms, _ALL_DRAWN)
        if armed.fault.what.timing == "window":
            armed.hit, armed.until_ms = hit, at_ms + armed.fault.duration_ms
        elif armed.next_ms is None and not when.on_event:
            self._drop(armed.handle)
        return hit

    def in_force(self, kind: str, touch: Touch) -> Hit | None:
        """The fault by which a state is in force for what passes, or None."""
        if not self._armed:
            return None
        self._change_states()
        now_ms = self.now_ms()
        for armed in self._armed.values():
            is_on = armed.fault.kind == kind and armed.until_ms is not None and now_ms < armed.until_ms
            if is_on and armed.fault.scope.covers(touch):
                return armed.hit
        return None

    def _change_states(self) -> None:
        """Let states that are due come into force, and forget those that are over."""
        now_ms = self.now_ms()
        for armed in list(self._armed.values()):
            if armed.fault.what.timing != "window":
                continue
            while armed.next_ms is not None and armed.next_ms <= now_ms:
                self._strike(armed, armed.next_ms, now_ms)
            over = armed.until_ms is not None and now_ms >= armed.until_ms
            if over and armed.next_ms is None and not armed.fault.when.on_event:
                self._drop(armed.handle)

    def happened(self, event: str, touch: Touch) -> None:
        """An event of the exchange: what waits for it is armed."""
        for armed in self._armed.values():
            when = armed.fault.when
            if when.on_event == event and armed.script is None and armed.fault.scope.covers(touch):
                is_waiting = armed.active_ms is None or armed.fault.what.timing != "touch"
                if is_waiting and armed.next_ms is None:
                    self._activate(armed, self.now_ms())

    def _fire(self, armed: _Armed, at_ms: int, now_ms: int, touch: Touch) -> Hit:
        fault = armed.fault
        params = self._drawn(armed, at_ms)
        armed.last_ms = now_ms
        firing = Firing(
            armed.fault_id,
            fault.kind,
            fault.variant,
            now_ms,
            touch.method,
            touch.endpoint,
            self.log.total + 1,
            fault.name,
            at_ms - self._start_ms,
            armed.base_ms - self._start_ms,
            armed.passed,
            fault.duration_ms if fault.what.timing != "touch" else 0,
            fault.scope.as_dict(),
            params,
            touch.as_dict(),
        )
        self.log.add(firing)
        if armed.left is not None:
            armed.left -= 1
            if armed.left <= 0:
                self._spent(armed)
        return Hit(armed.fault_id, fault, params, now_ms)

    def _spent(self, armed: _Armed) -> None:
        """It has fired as often as it may; a state stays until it is over."""
        armed.next_ms = None
        if armed.fault.what.timing != "window":
            self._drop(armed.handle)

    def _drawn(self, armed: _Armed, at_ms: int) -> Mapping[str, Any]:
        if armed.script is not None:
            key = armed.passed if armed.fault.what.timing == "touch" else at_ms - self._start_ms
            return armed.script[key]
        random = self._streams.of(armed.fault.kind)
        given, what = armed.fault.params, armed.fault.what
        values = {name: given.get(name, param.default) for name, param in what.params.items()}
        return {name: what.params[name].drawn(value, random) for name, value in values.items() if value is not None}

    # ------------------------------------------------------------------------------------------------------- showing
    def note(self, fault_id: int, fault: Fault, touch: Touch = _ALL_DRAWN) -> None:
        """Log what was done by hand, outside of what is armed."""
        now_ms = self.now_ms()
        self.log.add(
            Firing(
                fault_id,
                fault.kind,
                fault.variant,
                now_ms,
                seq=self.log.total + 1,
                at_ms=now_ms - self._start_ms,
                duration_ms=fault.duration_ms,
                scope=fault.scope.as_dict(),
                params=dict(fault.params),
                touch=touch.as_dict(),
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """What is armed and what fired, as JSON-ready values."""
        armed = [_shown(one) for one in self._armed.values()]
        return {"armed": armed, "fired": [asdict(firing) for firing in self.log], "fired_total": self.log.total}


def _shown(armed: _Armed) -> dict[str, Any]:
    fault = armed.fault
    return {
        "id": armed.fault_id,
        "left": armed.left,
        "name": fault.name,
        "kind": fault.kind,
        "variant": fault.variant,
        "scope": fault.scope.as_dict(),
        "when": asdict(fault.when),
        "duration_ms": fault.duration_ms,
        "params": dict(fault.params),
        "passed": armed.passed,
    }
