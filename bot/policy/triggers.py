"""Whether a breach is acted on now: durations, calendars, gates and costs.

All of it is pure: what happened, and when, comes as values; what is remembered between two looks is the engine's.

The order in which a breach is judged: beyond `instant` it fires, whatever else there is. A calendar that must have
struck comes next, then the duration, then whether the hedge is worth its cost, and last the gates: they may hold it
for at most `gate_delay_ns_max` after the breach (or the strike), and a signal that is not known is no more than that.
An unknown cost or volatility never stands in the way of a hedge.
"""

import msgspec

from bot.calc import beta, signals
from bot.calc.signals import Verdict
from bot.domain.order import Side
from bot.domain.triggers import CALENDAR_MISSED_NS_MAX, Start, When
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.policy.view import View, plain

DAYS_A_YEAR = 365.0


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """What one target's trigger looks at.

    `waited_ns`: since when the deviation has been outside, or its calendar has struck. `cost` is one-way, `risk` one
    day's standard deviation, both as fractions of what is traded; None: not known.
    """

    waited_ns: int = 0
    urgent: bool = False
    struck: bool = False
    gates: tuple[Verdict, ...] = ()
    cost: float | None = None
    risk: float | None = None


class Fire(msgspec.Struct, frozen=True):
    """The hedge goes now."""


class Wait(msgspec.Struct, frozen=True):
    """The hedge waits, and for what."""

    reasons: tuple[str, ...]


class Skip(msgspec.Struct, frozen=True):
    """The hedge is not worth it."""

    why: str


FIRE = Fire()


def verdict(when: When, breach: Breach) -> Fire | Wait | Skip:
    """Judge a breach by its target's triggers."""
    if breach.urgent:
        return FIRE
    if when.calendar and when.start is not Start.EITHER and not breach.struck:
        return Wait(("its calendar has not struck",))
    if not breach.struck and breach.waited_ns < when.persist_ns:
        return Wait((f"outside for {_seconds(breach.waited_ns)} of {_seconds(when.persist_ns)} s",))
    if why := _too_dear(when, breach):
        return Skip(why)
    closed = tuple(gate.why for gate in breach.gates if gate.open is not True)
    if closed and breach.waited_ns < when.gate_delay_ns_max:
        left = _seconds(when.gate_delay_ns_max - breach.waited_ns)
        return Wait(tuple(f"{why} (for {left} s more at most)" for why in closed))
    return FIRE


def struck_at(when: When, struck: Nanos | None, now: Nanos) -> Nanos | None:
    """When a target's calendar struck, if that still counts; None where it did not, or too long ago."""
    if not when.calendar or struck is None or now - struck > CALENDAR_MISSED_NS_MAX:
        return None
    return struck


def breach_of(
    when: When, asset: Asset, side: Side, view: View, *, since: Nanos | None, struck: Nanos | None, urgent: bool
) -> Breach:
    """Everything that a target's triggers ask of one asset. `since`: when it was first seen outside; None: now."""
    began = struck if struck is not None else since
    return Breach(
        waited_ns=0 if began is None else max(view.now - began, 0),
        urgent=urgent,
        struck=struck is not None,
        gates=_gates(when, asset, side, view),
        cost=view.costs.get(asset),
        risk=None if when.cost_to_risk_max is None else _day(asset, view),
    )


def _gates(when: When, asset: Asset, side: Side, view: View) -> tuple[Verdict, ...]:
    return tuple(
        signals.gate(
            gate,
            side,
            now_ns=view.now,
            bars=view.bars.get(gate.asset or asset),
            open_interest=view.open_interest.get(asset, ()),
            basis=view.basis.get(asset),
        )
        for gate in when.gates
    )


def _day(asset: Asset, view: View) -> float | None:
    """One day's standard deviation of an asset's returns."""
    yearly = None if view.moments is None else beta.volatility(view.moments, asset)
    return None if yearly is None else yearly / DAYS_A_YEAR**0.5


def _too_dear(when: When, breach: Breach) -> str:
    """Why the hedge costs too much for the risk that it removes in a day."""
    limit = when.cost_to_risk_max
    if limit is None or breach.cost is None or breach.risk is None or breach.cost <= float(limit) * breach.risk:
        return ""
    return f"it costs {breach.cost:.6f} against a risk of {breach.risk:.6f} a day, more than {plain(limit)} times"


def _seconds(duration_ns: int) -> int:
    return duration_ns // SECOND_NS
