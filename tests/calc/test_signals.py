"""Signals from candles and open interest, and the gates made of them."""

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.signals import Market, Verdict, better_market, chaikin, gate, open_interest_change, trend
from bot.domain.order import Side
from bot.domain.snapshot import Bar, Bars
from bot.domain.triggers import Gate, Signal
from bot.domain.units import HOUR_NS, Nanos
from tests.kit import d

NOW = Nanos(1_000_000 * HOUR_NS)
BUY, SELL = Side.BUY, Side.SELL


def bar(close: float, *, low: float | None = None, high: float | None = None, volume: float = 10.0) -> Bar:
    """A candle that is to be given its time."""
    low, high = close if low is None else low, close if high is None else high
    return Bar(Nanos(0), low, high, low, close, volume)


def candles(bars: Sequence[Bar], *, interval_ns: int = HOUR_NS, end_ns: int = NOW) -> Bars:
    """Candles one after another, of which the last has just closed."""
    first = end_ns - len(bars) * interval_ns
    timed = (msgspec.structs.replace(one, opened_ns=Nanos(first + n * interval_ns)) for n, one in enumerate(bars))
    return Bars(interval_ns, tuple(timed))


def closes(*prices: float) -> Bars:
    """Candles that stand still at these closes."""
    return candles([bar(price) for price in prices])


def asked(signal: Signal, threshold: str = "0", fast: int = 1, slow: int = 2) -> Gate:
    """A gate of short windows."""
    return Gate(signal=signal, fast=fast, slow=slow, threshold=d(threshold))


def interest(*contracts: str, hours: int = 1) -> list[tuple[Nanos, Decimal]]:
    """Open interest, the latest of it now."""
    return [(Nanos(NOW - (len(contracts) - 1 - n) * hours * HOUR_NS), d(one)) for n, one in enumerate(contracts)]


def test_the_trend_is_fast_over_slow() -> None:
    """Closes of 100, 100, 106: the last is 4 % above the mean of all three."""
    assert math.isclose(0.039215686, trend(closes(100, 100, 106), 1, 3, NOW) or 0.0, rel_tol=1e-6)


@given(st.lists(st.floats(1.0, 1e5), min_size=4, max_size=8), st.floats(0.01, 100.0))
def test_signals_do_not_depend_on_the_unit_of_prices(prices: list[float], scale: float) -> None:
    """A coin quoted in thousands has the same trend."""
    one, other = (trend(closes(*(p * s for p in prices)), 1, 4, NOW) for s in (1.0, scale))

    assert one is not None
    assert other is not None
    assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def test_a_window_is_hours_whatever_the_candles_are() -> None:
    """Two hours are eight candles of a quarter of an hour."""
    quarter = HOUR_NS // 4
    bars = candles([bar(100.0)] * 4 + [bar(110.0)] * 4, interval_ns=quarter)

    assert math.isclose(110 / 105 - 1, trend(bars, 1, 2, NOW) or 0.0)
    assert trend(bars, 1, 3, NOW) is None


def test_a_candle_counts_once_it_has_closed() -> None:
    """The one that is still open would change the signal with every trade."""
    bars = closes(100, 100, 106, 999)

    assert trend(bars, 1, 3, NOW) != trend(bars, 1, 3, Nanos(NOW - 1))
    assert math.isclose(0.039215686, trend(bars, 1, 3, Nanos(NOW - 1)) or 0.0, rel_tol=1e-6)


BROKEN = {
    "none at all": None,
    "no candles": closes(),
    "too few": closes(1, 2, 3),
    "too old": candles([bar(100.0)] * 20, end_ns=NOW - 4 * HOUR_NS),
    "a gap": Bars(HOUR_NS, tuple(one for n, one in enumerate(closes(*[100.0] * 20).bars) if n != 18)),
    "a price of zero": candles([bar(100.0)] * 19 + [bar(0.0)]),
    "not a number": candles([bar(100.0)] * 19 + [bar(math.nan)]),
    "a low above the high": candles([bar(100.0)] * 19 + [bar(100.0, low=101.0, high=99.0)]),
    "a negative volume": candles([bar(100.0)] * 19 + [bar(100.0, volume=-1.0)]),
    "no interval": Bars(0, closes(*[100.0] * 20).bars),
}


@pytest.mark.parametrize("bars", BROKEN.values(), ids=BROKEN.keys())
def test_broken_candles_say_nothing(bars: Bars | None) -> None:
    """Too few, too old, with gaps, or senseless: every signal of them is unknown, and so is the gate."""
    assert trend(bars, 2, 4, NOW) is None
    assert chaikin(bars, 2, 4, NOW) is None
    assert gate(asked(Signal.TREND, fast=2, slow=4), SELL, now_ns=NOW, bars=bars).open is None
    assert gate(asked(Signal.CHAIKIN, fast=2, slow=4), BUY, now_ns=NOW, bars=bars).open is None
    building = gate(
        asked(Signal.OPEN_INTEREST, fast=4),
        SELL,
        now_ns=NOW,
        bars=bars,
        open_interest=interest("1", "1", "1", "1", "2"),
    )
    assert building.open is None


@pytest.mark.parametrize(("fast", "slow"), [(0, 4), (4, 4), (8, 4)])
def test_windows_that_are_none_say_nothing(fast: int, slow: int) -> None:
    """The fast window is shorter than the slow one, and at least an hour."""
    assert trend(closes(*[100.0] * 20), fast, slow, NOW) is None
    assert chaikin(closes(*[100.0] * 20), fast, slow, NOW) is None


def test_chaikin_is_the_part_of_the_volume_that_flowed_in() -> None:
    """Candles that all close at their high are 1, at their low -1, in the middle 0."""
    for close, expected in ((102.0, 1.0), (98.0, -1.0), (100.0, 0.0)):
        value = chaikin(candles([bar(close, low=98.0, high=102.0)] * 40), 3, 10, NOW)
        assert value is not None
        assert math.isclose(expected, value, abs_tol=0.12)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 100)), min_size=20, max_size=20), st.floats(0.01, 100))
def test_chaikin_turns_with_the_market(shape: list[tuple[float, float]], scale: float) -> None:
    """Mirrored candles give the negative; the unit of volume does not matter."""
    plain = [bar(98.0 + 4.0 * at, low=98.0, high=102.0, volume=volume) for at, volume in shape]
    mirrored = [bar(102.0 - 4.0 * at, low=98.0, high=102.0, volume=volume * scale) for at, volume in shape]
    one, other = chaikin(candles(plain), 3, 10, NOW), chaikin(candles(mirrored), 3, 10, NOW)

    assert one is not None
    assert other is not None
    assert math.isclose(one, -other, rel_tol=1e-6, abs_tol=1e-9)


def test_without_volume_there_is_no_flow() -> None:
    """Candles in which nothing was traded say nothing; those without a range count as standing still."""
    assert chaikin(candles([bar(100.0, volume=0.0)] * 40), 3, 10, NOW) is None
    assert 0.0 == chaikin(candles([bar(100.0)] * 40), 3, 10, NOW)


def test_open_interest_changes_against_what_it_was() -> None:
    """From 100 to 110 in two hours is 10 %; a value of the future does not count yet."""
    series = interest("90", "100", "105", "110")
    later = [*series, (Nanos(NOW + HOUR_NS), d("999"))]

    assert math.isclose(0.1, open_interest_change(series, 2, NOW) or 0.0)
    assert open_interest_change(series, 2, NOW) == open_interest_change(later, 2, NOW)


@pytest.mark.parametrize(
    "series",
    [
        [],
        interest("100", "110"),
        [(Nanos(at - 4 * HOUR_NS), value) for at, value in interest("100", "105", "110")],
        [(Nanos(NOW - 9 * HOUR_NS), d("100")), (NOW, d("110"))],
        interest("0", "105", "110"),
        interest("NaN", "105", "110"),
        interest("100", "105", "NaN"),
        interest("100", "105", "-1"),
    ],
    ids=["none", "too short", "too old", "nothing then", "from nothing", "broken then", "broken now", "negative"],
)
def test_open_interest_that_cannot_be_compared_is_unknown(series: list[tuple[Nanos, Decimal]]) -> None:
    """No value now, or none two hours ago."""
    assert open_interest_change(series, 2, NOW) is None
    assert gate(asked(Signal.OPEN_INTEREST, fast=2), SELL, now_ns=NOW, open_interest=series).open is None


def verdicts(question: Gate, **inputs: object) -> tuple[bool | None, bool | None]:
    """What a gate says of a sale and of a purchase."""
    said = [gate(question, side, now_ns=NOW, **inputs) for side in (SELL, BUY)]  # type: ignore[arg-type]
    return said[0].open, said[1].open


def test_a_hedge_against_the_trend_waits() -> None:
    """In a rising market a sale waits and a purchase goes; in a falling one it is the other way round."""
    assert (False, True) == verdicts(asked(Signal.TREND), bars=closes(100, 110))
    assert (True, False) == verdicts(asked(Signal.TREND), bars=closes(110, 100))
    assert (True, True) == verdicts(asked(Signal.TREND), bars=closes(100, 100))
    assert (True, True) == verdicts(asked(Signal.TREND, "0.05"), bars=closes(100, 110))


def test_a_hedge_against_the_flow_of_money_waits() -> None:
    """While candles close at their highs a sale waits."""
    strong = candles([bar(102.0, low=98.0, high=102.0)] * 20)

    assert (False, True) == verdicts(asked(Signal.CHAIKIN, "0.1", 2, 5), bars=strong)
    assert (True, True) == verdicts(asked(Signal.CHAIKIN, "1.5", 2, 5), bars=strong)


def test_a_hedge_waits_while_positions_build_up_in_its_favour() -> None:
    """Open interest that rises with the price delays a sale; without the price's move nobody knows whom it favours."""
    rising = interest("100", "120")

    assert (False, True) == verdicts(asked(Signal.OPEN_INTEREST, "0.1"), open_interest=rising, bars=closes(100, 110))
    assert (True, False) == verdicts(asked(Signal.OPEN_INTEREST, "0.1"), open_interest=rising, bars=closes(110, 100))
    assert (True, True) == verdicts(asked(Signal.OPEN_INTEREST, "0.3"), open_interest=rising)
    assert (None, None) == verdicts(asked(Signal.OPEN_INTEREST, "0.1"), open_interest=rising)
    assert (None, None) == verdicts(asked(Signal.OPEN_INTEREST, "-0.5", 0), open_interest=rising, bars=closes(100, 110))


def test_selling_waits_in_backwardation_and_buying_in_contango() -> None:
    """A future that is cheap is not sold, one that is dear is not bought; an unknown basis says nothing."""
    assert (True, False) == verdicts(asked(Signal.BASIS), basis=0.01)
    assert (False, True) == verdicts(asked(Signal.BASIS), basis=-0.01)
    assert (True, True) == verdicts(asked(Signal.BASIS, "0.02"), basis=-0.01)
    assert (None, None) == verdicts(asked(Signal.BASIS))
    assert (None, None) == verdicts(asked(Signal.BASIS), basis=math.nan)


def test_a_verdict_says_what_it_rests_on() -> None:
    """The signal's own value and words for a person."""
    assert Verdict(False, "discount to spot +0.0100: better prices to sell are likely", -0.01) == gate(
        asked(Signal.BASIS), SELL, now_ns=NOW, basis=-0.01
    )
    assert Verdict(None, "trend is not known") == gate(asked(Signal.TREND), SELL, now_ns=NOW)


@pytest.mark.parametrize(
    ("basis", "side", "market"),
    [
        ("0.03", BUY, Market.SPOT),
        ("0.03", SELL, Market.FUTURE),
        ("-0.03", BUY, Market.FUTURE),
        ("-0.03", SELL, Market.SPOT),
        ("0", BUY, Market.FUTURE),
        ("0", SELL, Market.FUTURE),
    ],
)
def test_exposure_changes_where_the_price_is_better(basis: str, side: Side, market: Market) -> None:
    """The worked case: add by spot in contango and by the future in backwardation, reduce the other way round."""
    assert market is better_market(d(basis), side)
