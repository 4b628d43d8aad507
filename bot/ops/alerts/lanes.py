"""One sink's lane: what is on its way there, how well the sink is, and when it may be sent the next message."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.quiet import Quiet
from bot.ops.alerts.render import LOUDNESS

MINUTE_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a sink is sent, as its config says."""

    name: str
    severity: Severity = Severity.INFO
    kinds: frozenset[Kind] = frozenset()
    standby_for: str | None = None
    quiet: Quiet | None = None
    per_minute: int = 12

    def wants(self, alert: Alert, told: Severity) -> bool:
        """Whether an alert belongs there. What is over goes to everybody who was told of it, `told` that loud."""
        severity = max(alert.severity, told, key=LOUDNESS.__getitem__)
        heard = LOUDNESS[severity] >= LOUDNESS[self.severity]
        return heard and (not self.kinds or alert.kind in self.kinds)

    @property
    def reserve(self) -> int:
        """Messages a minute that are left for what is critical."""
        return self.per_minute // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient the queue is. Nanoseconds."""

    backoff_first_ns: int = SECOND_NS
    backoff_max_ns: int = 300 * SECOND_NS
    retry_after_max_ns: int = 900 * SECOND_NS
    failures_until_down: int = 3
    """Failures in a row after which a sink is down, and its stand-in takes over."""

    wait_until_down_ns: int = 30 * SECOND_NS
    """An answer awaited for longer, or a pause asked for that is longer, means down too."""

    gather_ns: int = 2 * SECOND_NS
    """How old the first alert of a digest is at least: a flood takes a moment to arrive."""

    digest_gap_ns: int = 15 * SECOND_NS
    """The least time between two digests of one sink, and before the last message of a minute: to gather a flood."""


class Verdict(Enum):
    """How a delivery ended."""

    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate-limited"
    SLOW = "slow"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True):
    """How a delivery ended, why in words without secrets, and how long the service asked to be left alone."""

    verdict: Verdict
    reason: str = ""
    retry_after_ns: int = 0


class Counts(msgspec.Struct):
    """Of one sink since the start: messages sent and failed, alerts gathered into digests and given up."""

    sent: int = 0
    failed: int = 0
    digested: int = 0
    given_up: int = 0


@dataclass(slots=True)
class Lane:
    """The state of one sink."""

    rule: Rule
    pace: Pace
    counts: Counts = field(default_factory=Counts)
    flight: tuple[tuple[int, str], ...] | None = None
    """The duties that are being delivered now; empty for a note about the sink itself, None for nothing."""

    flight_since_ns: int = 0
    failures: int = 0
    next_ns: int = 0
    down_since_ns: int | None = None
    reason: str = ""
    covered: int = 0
    """Alerts that a stand-in took while this sink was down, and that it has not been told of."""

    digest_next_ns: int = 0
    starts_ns: deque[int] = field(default_factory=deque)

    @property
    def down(self) -> bool:
        """Whether its stand-in serves in its place."""
        return self.down_since_ns is not None

    def free(self, now_ns: int) -> int:
        """How many messages may be sent now."""
        while self.starts_ns and not now_ns - MINUTE_NS < self.starts_ns[0] <= now_ns:
            self.starts_ns.popleft()
        return self.rule.per_minute - len(self.starts_ns)

    def is_rested(self, now_ns: int) -> bool:
        """Whether nothing was sent for as long as a flood is gathered."""
        return not self.starts_ns or now_ns - self.starts_ns[-1] >= self.pace.digest_gap_ns

    def start(self, flight: tuple[tuple[int, str], ...], now_ns: int) -> None:
        """A delivery begins."""
        assert self.flight is None, f"{self.rule.name} delivers one message at a time"
        self.flight, self.flight_since_ns = flight, now_ns
        self.starts_ns.append(now_ns)

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the answer has been awaited for too long."""
        return self.flight is not None and now_ns - self.flight_since_ns >= self.pace.wait_until_down_ns

    def land(self) -> tuple[tuple[int, str], ...]:
        """The delivery ended: what was on its way."""
        assert self.flight is not None, f"{self.rule.name} delivered nothing"
        flight, self.flight = self.flight, None
        return flight

    def succeed(self) -> None:
        """The service took the message."""
        self.failures, self.next_ns, self.down_since_ns, self.reason = 0, 0, None, ""
        self.counts.sent += 1

    def fail(self, outcome: Outcome, now_ns: int, jitter: float) -> bool:
        """The service did not; wait longer each time. True where the sink goes down by that."""
        self.counts.failed += 1
        self.failures += 1
        self.reason = outcome.reason
        self.next_ns = now_ns + self._pause_ns(outcome, jitter)
        hopeless = outcome.verdict is Verdict.REFUSED or outcome.retry_after_ns >= self.pace.wait_until_down_ns
        return (hopeless or self.failures >= self.pace.failures_until_down) and self.go_down(now_ns)

    def go_down(self, now_ns: int) -> bool:
        """From now on its stand-in serves. False where that is so already."""
        if self.down:
            return False
        self.down_since_ns = now_ns
        return True

    def _pause_ns(self, outcome: Outcome, jitter: float) -> int:
        """Exponential, spread over half its length by `jitter` in [0, 1), and never shorter than was asked for."""
        doubled = self.pace.backoff_first_ns << min(self.failures - 1, 30)
        pause = min(doubled, self.pace.backoff_max_ns)
        spread = pause // 2 + int(pause // 2 * jitter)
        return max(spread, min(outcome.retry_after_ns, self.pace.retry_after_max_ns))
