"""A fault as a value: what goes wrong, for whom, when, how often and for how long."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from bot.simex.faults.catalogue import KINDS, Kind
from bot.simex.faults.values import shown

DURATION_MS_MAX: Final = 31 * 86_400_000
COUNT_MAX: Final = 1_000_000
PER_HOUR_MAX: Final = 36_000.0
EVENTS: Final = (
    "new",
    "fill",
    "cancel",
    "expire",
    "amend",
    "liquidation",
    "adl",
    "settlement",
    "funding",
    "deposit",
    "withdraw",
    "transfer",
    "margin_call",
    "status",
)


def _bounded(name: str, value: Any, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} {value!r}: allowed is {shown(least)} to {shown(most)}")


@dataclass(frozen=True, slots=True)
class Touch:
    """What passes an injection point: a request, a frame, a handshake, a name. What it lacks is empty."""

    venue: str = ""
    host: str = ""
    method: str = ""
    endpoint: str = ""
    symbol: str = ""
    account: str = ""
    channels: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Its parts that are not empty."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}
        return found | ({"channels": list(self.channels)} if self.channels else {})


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a fault touches. Every part may hold `*` and `?`; an empty one is any.

    `endpoint` is the path of a request or a handshake; `channel` a stream or topic, an event's name, or the kind of a
    connection: market, user, api.
    """

    venue: str = ""
    host: str = ""
    symbol: str = ""
    channel: str = ""
    endpoint: str = ""
    method: str = ""
    account: str = ""

    def covers(self, touch: Touch) -> bool:
        """Whether something lies within."""
        return (
            _fits(self.venue, touch.venue)
            and _fits(self.host, touch.host)
            and _fits(self.symbol, touch.symbol)
            and _fits(self.endpoint, touch.endpoint)
            and _fits(self.method, touch.method)
            and _fits(self.account, touch.account)
            and (not self.channel or any(fnmatch.fnmatchcase(one, self.channel) for one in touch.channels))
        )

    def as_dict(self) -> dict[str, str]:
        """Its parts that are not empty."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}


def _fits(pattern: str, value: str) -> bool:
    return not pattern or pattern == value or fnmatch.fnmatchcase(value, pattern)


@dataclass(frozen=True, slots=True)
class When:
    """When a fault fires, in exchange time.

    It is armed `at_ms` after the start, or after an event of the exchange, and passes over the first `after_n` things
    in its scope. Then each one is hit with `probability`, at most one in `every_ms`. What happens by the clock happens
    at once, and again `every_ms`, or `per_hour` times an hour at random moments.
    """

    at_ms: int = 0
    after_n: int = 0
    probability: float = 1.0
    on_event: str = ""
    every_ms: int = 0
    per_hour: float = 0.0

    def __post_init__(self) -> None:
        _bounded("at", self.at_ms, 0, DURATION_MS_MAX)
        _bounded("every", self.every_ms, 0, DURATION_MS_MAX)
        _bounded("after", self.after_n, 0, COUNT_MAX)
        _bounded("probability", self.probability, 0, 1)
        _bounded("per_hour", self.per_hour, 0, PER_HOUR_MAX)
        if self.on_event and self.on_event not in EVENTS:
            raise ValueError(f"on_event {self.on_event!r}: allowed are {', '.join(EVENTS)}")

    @property
    def repeats(self) -> bool:
        """Whether it says of itself that it comes again."""
        return bool(self.every_ms or self.per_hour or self.on_event or self.probability < 1)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `count` 0: no bound; `duration_ms` 0: no end. ValueError says what is allowed.

    With a duration a fault that hits requests or frames is armed for that long (again `every_ms`); a state lasts for
    that long; what an action changes is put back after it.
    """

    kind: str
    variant: str = ""
    scope: Scope = Scope()
    when: When = When()
    count: int = 0
    duration_ms: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"kind {self.kind!r}: allowed are {', '.join(sorted(KINDS))}")
        _bounded("count", self.count, 0, COUNT_MAX)
        _bounded("duration", self.duration_ms, 0, DURATION_MS_MAX)
        self._check(kind)

    def _check(self, kind: Kind) -> None:
        if kind.variants and self.variant not in kind.variants:
            raise ValueError(f"variant {self.variant!r} of {self.kind}: allowed are {', '.join(kind.variants)}")
        if self.variant and not kind.variants:
            raise ValueError(f"{self.kind} has no variants")
        outside = sorted(set(self.scope.as_dict()) - set(kind.scope))
        if outside:
            raise ValueError(f"scope {', '.join(outside)} of {self.kind}: allowed are {', '.join(kind.scope)}")
        self._check_params(kind)
        self._check_timing(kind)

    def _check_params(self, kind: Kind) -> None:
        unknown = sorted(set(self.params) - set(kind.params))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} of {self.kind}: allowed are {', '.join(kind.params) or 'none'}")
        for name, param in kind.params.items():
            if name in self.params:
                param.check(name, self.params[name])
            elif param.needed:
                raise ValueError(f"{name} of {self.kind} is missing")

    def _check_timing(self, kind: Kind) -> None:
        timed = kind.timing != "touch"
        if timed and (self.when.after_n or self.when.probability < 1):
            raise ValueError(f"{self.kind} happens by the clock: allowed are at, every, per_hour and on_event")
        if not timed and self.when.per_hour:
            raise ValueError(f"{self.kind} hits what passes: allowed are at, after, probability, every and on_event")
        if kind.timing == "window" and not self.duration_ms:
            raise ValueError(f"{self.kind} is a state: say for how long")

    @property
    def what(self) -> Kind:
        """Its entry in the catalogue."""
        return KINDS[self.kind]
