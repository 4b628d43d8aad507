"""Funding: what a settlement pays, yearly rates, intervals that differ and change, and a forecast.

Source: formulas.md 2.5. When the rate is positive longs pay shorts, so a short receives. A rate is a fraction per
interval; a yearly one is an APR (simple) or an APY (compounded), and says which. Cash is exact, forecasts are floats.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from math import fsum, sqrt

import msgspec

from bot.calc.elementary import halved
from bot.domain.units import HOUR_NS, ONE, ZERO, Contracts, Nanos, Notional, Price, Qty

HOURS_PER_YEAR = 8_760
INTERVALS_HOURS = (1, 2, 3, 4, 6, 8)
"""Intervals that venues use. Anything else between two settlements means that one is missing from the history."""
INTERVAL_DEFAULT_NS = 8 * HOUR_NS
FAST_HALF_LIFE_HOURS = 24.0
SLOW_HALF_LIFE_HOURS = 2_160.0
REVERSION_HALF_LIFE_HOURS = 168.0

Settled = tuple[Nanos, Decimal]
"""The time of a settlement and its rate."""


def cash_flow(contracts: Contracts, contract_size: Qty, mark: Price, rate: Decimal) -> Notional:
    """What a linear position held at the settlement instant receives (> 0) or pays, in the settlement currency."""
    return -contracts * contract_size * mark * rate


def cash_flow_inverse(contracts: Contracts, face: Notional, mark: Price, rate: Decimal) -> Qty:
    """What an inverse position held at the settlement instant receives (> 0) or pays, in coins."""
    return -contracts * face * rate / mark


def held_at(changes: Iterable[tuple[Nanos, Contracts]], instant: Nanos) -> Contracts:
    """The position that a settlement at `instant` counts: all changes up to that moment, and none after it."""
    return sum((change for at, change in changes if at <= instant), ZERO)


def total(
    settlements: Iterable[tuple[Settled, Price]], changes: Sequence[tuple[Nanos, Contracts]], size: Qty
) -> Notional:
    """Funding of a linear position over ((time, rate), mark) settlements: only what is held at each one pays."""
    return sum((cash_flow(held_at(changes, at), size, mark, rate) for (at, rate), mark in settlements), ZERO)


def per_year(interval_ns: int) -> Decimal:
    """Settlements a year: 8,760 hours over the interval."""
    return Decimal(HOURS_PER_YEAR * HOUR_NS) / interval_ns


def apr(rate: Decimal, interval_ns: int) -> Decimal:
    """The simple yearly rate: rate x settlements a year."""
    return rate * per_year(interval_ns)


def apy(rate: Decimal, interval_ns: int) -> Decimal:
    """The compounded yearly rate: (1 + rate)^n - 1. A rate of -1 or less has none and raises ValueError."""
    if rate <= -ONE:
        msg = f"a funding rate of {rate} cannot be compounded"
        raise ValueError(msg)
    return (ONE + rate) ** per_year(interval_ns) - ONE


def rate_of_apr(yearly: Decimal, interval_ns: int) -> Decimal:
    """The rate per interval whose APR is `yearly`."""
    return yearly / per_year(interval_ns)


def rate_of_apy(yearly: Decimal, interval_ns: int) -> Decimal:
    """The rate per interval whose APY is `yearly` > -1."""
    if yearly <= -ONE:
        msg = f"an APY of {yearly} loses everything"
        raise ValueError(msg)
    return (ONE + yearly) ** (ONE / per_year(interval_ns)) - ONE


def interval(stated_ns: int | None, history: Sequence[Settled] = (), next_ns: Nanos | None = None) -> int | None:
    """The interval of the settlement to come; None where nothing says it.

    It is the time from the last settlement to the next one where both are known and a venue could have it; else what
    the symbol states; else the last one of the history.
    """
    if history and next_ns is not None and (between := _whole(next_ns - history[-1][0])) is not None:
        return between
    if stated_ns is not None:
        return stated_ns
    known = [one for one in _between(history) if one is not None]
    return known[-1] if known else None


def _whole(duration_ns: int) -> int | None:
    """A duration as an interval of whole hours (settlements are stamped some milliseconds late), if it is one."""
    hours = (duration_ns + HOUR_NS // 2) // HOUR_NS
    return hours * HOUR_NS if hours in INTERVALS_HOURS else None


def _between(history: Sequence[Settled]) -> list[int | None]:
    """The interval that ends at each settlement, as far as its predecessor says it."""
    return [None, *(_whole(b[0] - a[0]) for a, b in pairwise(history))] if history else []


def intervals(history: Sequence[Settled], stated_ns: int | None = None) -> list[int]:
    """The interval that each settlement of a history (oldest first) pays for.

    Where the predecessor is missing it is the last known interval, else the next one, else `stated_ns`, else 8 h.
    """
    between = _between(history)
    known = next((one for one in between if one is not None), stated_ns or INTERVAL_DEFAULT_NS)
    found: list[int] = []
    for one in between:
        known = known if one is None else one
        found.append(known)
    return found


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Expected funding of a LONG a year, as an APR: what a short is expected to receive.

    `apr` is the mean over the horizon, `fast` and `slow` the two averages that it moves between, `persistence` how
    much of their difference is left on average (0 to 1). `settlements` counts what it rests on.
    """

    apr: float
    fast: float
    slow: float
    persistence: float
    settlements: int


def persistence(horizon_hours: float, interval_hours: float) -> float:
    """The mean share left over H settlements: phi (1 - phi^H) / (H (1 - phi)), with the half-life of phi at 168 h."""
    settlements = max(horizon_hours / interval_hours, 1.0)
    phi = halved(interval_hours / REVERSION_HALF_LIFE_HOURS)
    left = halved(settlements * interval_hours / REVERSION_HALF_LIFE_HOURS)
    return phi * (1.0 - left) / (settlements * (1.0 - phi))


def forecast(
    history: Sequence[Settled], horizon_hours: float, stated_ns: int | None = None, next_ns: Nanos | None = None
) -> Forecast | None:
    """f_H = s + (e - s) g from settled rates, oldest first; None without any.

    e and s are means of the APR with half-lives of 24 h and 2,160 h, weighted by the hours that each rate paid for, so
    that a change of interval changes nothing. Those to come are counted by the interval up to `next_ns`, where that is
    known; a horizon shorter than an interval is one settlement.

    Raises:
        ValueError: settlements out of order.
    """
    if not history:
        return None
    if any(b[0] <= a[0] for a, b in pairwise(history)):
        msg = "funding settlements must rise in time"
        raise ValueError(msg)
    lengths = intervals(history, stated_ns)
    hours = [length / HOUR_NS for length in lengths]
    rates = [(float(rate) * HOURS_PER_YEAR / each, each) for (_, rate), each in zip(history, hours, strict=True)]
    fast, slow = _mean(rates, FAST_HALF_LIFE_HOURS), _mean(rates, SLOW_HALF_LIFE_HOURS)
    share = persistence(horizon_hours, (interval(stated_ns, history, next_ns) or lengths[-1]) / HOUR_NS)
    return Forecast(apr=slow + (fast - slow) * share, fast=fast, slow=slow, persistence=share, settlements=len(history))


def _mean(rates: Sequence[tuple[float, float]], half_life_hours: float) -> float:
    """The exponentially weighted mean of (value, hours), oldest first; the weights add up to one from the start."""
    mean, weight = 0.0, 0.0
    kept_after = {hours: halved(hours / half_life_hours) for hours in {hours for _, hours in rates}}
    for value, hours in rates:
        kept = kept_after[hours]
        mean, weight = mean * kept + value * (1 - kept), weight * kept + (1 - kept)
    return mean / weight


class Surprise(msgspec.Struct, frozen=True):
    """How far settled rates were from the venue's last estimates: mean error, root mean square, and how many."""

    mean: float
    rms: float
    count: int


def surprise(pairs: Iterable[tuple[Decimal, Decimal]]) -> Surprise | None:
    """Of (predicted, settled) rates; None without any. The settled rate is the truth, the estimate moves until then."""
    errors = [float(settled - predicted) for predicted, settled in pairs]
    if not errors:
        return None
    count = len(errors)
    return Surprise(fsum(errors) / count, sqrt(fsum(e * e for e in errors) / count), count)
