"""Signals from candles and open interest, and the gates that may delay a hedge by them.

A gate only ever says wait, go, or that it does not know: how long a hedge may wait at most, and that it never waits
beyond its instant band, is decided by whoever asks. Too few, too old or senseless data are not known.

A candle counts once it has closed. Windows are hours, whatever a candle's interval.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import assert_never

import msgspec

from bot.domain.order import Side
from bot.domain.snapshot import Bar, Bars
from bot.domain.triggers import Gate, Signal
from bot.domain.units import HOUR_NS, Contracts, Nanos

BAR_AGE_INTERVALS_MAX = 3
"""The latest closed candle may have closed so many of its intervals ago."""
OPEN_INTEREST_AGE_NS_MAX = 3 * HOUR_NS
"""The latest open interest may be so old, and so may the one that it is compared with be beyond its window."""
SETTLING_WINDOWS = 2
"""The averages of the Chaikin oscillator begin so many slow windows ago: where they began no longer counts."""

OpenInterest = Sequence[tuple[Nanos, Contracts]]


class Market(Enum):
    """Where exposure is bought or sold."""

    SPOT = "spot"
    FUTURE = "future"


class Verdict(msgspec.Struct, frozen=True):
    """What a gate says of a hedge: True go, False wait, None not known. `value` is the signal it read."""

    open: bool | None
    why: str
    value: float | None = None


def gate(
    gate: Gate,
    side: Side,
    *,
    now_ns: Nanos,
    bars: Bars | None = None,
    open_interest: OpenInterest = (),
    basis: float | None = None,
) -> Verdict:
    """Whether a hedge that buys or sells may go now.

    `bars` are of the gate's asset, `open_interest` of the hedge's instrument (oldest first), `basis` is its F / S - 1
    (annualised or not, as the threshold is meant).
    """
    threshold = float(gate.threshold)
    match gate.signal:
        case Signal.TREND:
            rising = trend(bars, gate.fast, gate.slow, now_ns)
            return _against(side, rising, threshold, "trend")
        case Signal.CHAIKIN:
            flow = chaikin(bars, gate.fast, gate.slow, now_ns)
            return _against(side, flow, threshold, "Chaikin oscillator")
        case Signal.OPEN_INTEREST:
            change = open_interest_change(open_interest, gate.fast, now_ns)
            return _building(side, change, _move(bars, gate.fast, now_ns), threshold)
        case Signal.BASIS:
            # Selling a future waits while it is cheap, buying one while it is dear: the other way round from a trend.
            cheap = None if basis is None or not math.isfinite(basis) else -basis
            verdict = _against(side, cheap, threshold, "discount to spot")
            return msgspec.structs.replace(verdict, value=basis if verdict.value is not None else None)
        case _:
            assert_never(gate.signal)


def trend(bars: Bars | None, fast: int, slow: int, now_ns: Nanos) -> float | None:
    """Fast over slow simple moving average of the closes, less 1: > 0 in a rising market. None: not known."""
    windows = _windows(bars, fast, slow)
    if bars is None or windows is None:
        return None
    closes = [bar.close for bar in _closed(bars, now_ns, windows[1])]
    if len(closes) < windows[1]:
        return None
    return _mean(closes[-windows[0] :]) / _mean(closes) - 1.0


def chaikin(bars: Bars | None, fast: int, slow: int, now_ns: Nanos) -> float | None:
    """The Chaikin oscillator as the part of the volume that flowed in: 1 all of it, -1 all of it flowed out.

    EMA fast - EMA slow of the accumulation/distribution line, divided by what it would be if every candle closed at
    its high: mean volume x (slow - fast) / 2. None: not known.
    """
    windows = _windows(bars, fast, slow)
    if bars is None or windows is None:
        return None
    quick, lasting = windows
    held = _closed(bars, now_ns, SETTLING_WINDOWS * lasting)
    if len(held) < SETTLING_WINDOWS * lasting:
        return None
    volume = _mean([bar.volume for bar in held[-lasting:]])
    if not volume > 0.0:
        return None
    line, total = [], 0.0
    for bar in held:
        total += _flow(bar)
        line.append(total)
    return 2.0 * (_ema(line, quick) - _ema(line, lasting)) / (volume * (lasting - quick))


def open_interest_change(series: OpenInterest, hours: int, now_ns: Nanos) -> float | None:
    """By what fraction open interest changed over the last hours. None: not known."""
    past = [(at, contracts) for at, contracts in series if at <= now_ns]
    if not past or now_ns - past[-1][0] > OPEN_INTEREST_AGE_NS_MAX:
        return None
    since = past[-1][0] - hours * HOUR_NS
    before = [(at, contracts) for at, contracts in past if at <= since]
    if not before or since - before[-1][0] > OPEN_INTEREST_AGE_NS_MAX:
        return None
    start, end = before[-1][1], past[-1][1]
    sound = start.is_finite() and end.is_finite() and start > 0 and end >= 0
    return float(end / start - 1) if sound else None


def better_market(basis: Decimal, side: Side) -> Market:
    """Where a change of exposure is done at the better price, by the basis F - S or F / S - 1.

    In contango the future is dear: buy spot, sell the future. In backwardation it is cheap: buy the future, sell spot.
    At no basis the future, which leaves the coins where they are.
    """
    if basis == 0:
        return Market.FUTURE
    return Market.SPOT if (basis > 0) is (side is Side.BUY) else Market.FUTURE


def _against(side: Side, rising: float | None, threshold: float, what: str) -> Verdict:
    """A sale waits while the signal is above the threshold, a purchase while it is below minus that."""
    if rising is None:
        return Verdict(None, f"{what} is not known")
    favourable = rising if side is Side.SELL else -rising
    if favourable > threshold:
        return Verdict(False, f"{what} {rising:+.4f}: better prices to {side.value} are likely", rising)
    return Verdict(True, f"{what} {rising:+.4f}", rising)


def _building(side: Side, change: float | None, move: float | None, threshold: float) -> Verdict:
    """Wait while new positions carry the price to where the hedge is better done."""
    if change is None:
        return Verdict(None, "open interest is not known")
    said = f"open interest {change:+.4f}"
    if change <= threshold:
        return Verdict(True, said, change)
    if move is None:
        return Verdict(None, f"{said}, but the price's own move is not known", change)
    if (move > 0.0) if side is Side.SELL else (move < 0.0):
        return Verdict(False, f"{said} with the price {move:+.4f}: it moves in the hedge's favour", change)
    return Verdict(True, f"{said} with the price {move:+.4f}", change)


def _move(bars: Bars | None, hours: int, now_ns: Nanos) -> float | None:
    """The change of the close over the last hours, as a fraction."""
    if bars is None or hours <= 0 or bars.interval_ns <= 0:
        return None
    count = max(1, hours * HOUR_NS // bars.interval_ns)
    held = _closed(bars, now_ns, count + 1)
    return held[-1].close / held[0].close - 1.0 if len(held) == count + 1 else None


def _windows(bars: Bars | None, fast: int, slow: int) -> tuple[int, int] | None:
    """Both windows in candles; None where they are no windows."""
    if bars is None or bars.interval_ns <= 0 or fast <= 0:
        return None
    quick, lasting = (max(1, hours * HOUR_NS // bars.interval_ns) for hours in (fast, slow))
    return (quick, lasting) if quick < lasting else None


def _closed(bars: Bars, now_ns: Nanos, count: int) -> tuple[Bar, ...]:
    """The latest `count` candles that have closed, oldest first; none where they are too old, broken or have gaps."""
    closed = [bar for bar in bars.bars if bar.opened_ns + bars.interval_ns <= now_ns][-count:]
    if not closed or now_ns - closed[-1].opened_ns > (BAR_AGE_INTERVALS_MAX + 1) * bars.interval_ns:
        return ()
    whole = closed[-1].opened_ns - closed[0].opened_ns == (len(closed) - 1) * bars.interval_ns
    return tuple(closed) if whole and all(_sound(bar) for bar in closed) else ()


def _sound(bar: Bar) -> bool:
    prices = (bar.low, bar.open, bar.close, bar.high)
    inside = all(0.0 < bar.low <= one <= bar.high < math.inf for one in prices)
    return inside and 0.0 <= bar.volume < math.inf


def _flow(bar: Bar) -> float:
    """The volume, signed by where in its range the candle closed; of a candle without a range nothing."""
    size = bar.high - bar.low
    return ((bar.close - bar.low) - (bar.high - bar.close)) / size * bar.volume if size > 0.0 else 0.0


def _ema(values: Sequence[float], window: int) -> float:
    """Exponential moving average with alpha = 2 / (window + 1), begun at the first value."""
    alpha, average = 2.0 / (window + 1.0), values[0]
    for value in values[1:]:
        average += alpha * (value - average)
    return average


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
