"""What the engine learns from: a grid of samples, and of the past only what the rules ask for."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from bot.domain.bands import Auto, Unit, Width
from bot.domain.events import BarsSeen, Event, FundingSeen, HistorySeen, OpenInterestSeen, RunMode, Sampled, Started
from bot.domain.instrument import Instrument
from bot.domain.rules import Rules
from bot.domain.snapshot import Bar, Bars, FundingTerms
from bot.domain.targets import CashTarget, Neutrality, ParityTarget, ProxyTarget, TargetSpec, TiltTarget
from bot.domain.triggers import Gate, Signal, When
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, Nanos
from bot.engine.engine import Engine
from bot.runtime.clock import ManualClock
from bot.runtime.learning import AGAIN_NS, SETTLE_NS, Learner, Sampler, Wanted, measures, mids, next_point, of_bars
from bot.venues.translate.errors import Cause, Trouble
from tests.kit import BTC, ETH, band, d, hedge, mark, neutral, pricing, quote, rules

NOW_NS = Nanos(1_700_000_000 * SECOND_NS)
AUTO = Auto(hard=Width(d("0.1"), Unit.RELATIVE), risk_aversion=d(50))


def bars(*closes: float, first: int = 0) -> Bars:
    """Hourly candles with these closes; a zero stands for one that is missing."""
    rows = [Bar(Nanos((first + n) * HOUR_NS), c, c, c, c, 1.0) for n, c in enumerate(closes) if c]
    return Bars(HOUR_NS, tuple(rows))


def ruled(*targets: TargetSpec) -> Rules:
    return msgspec.structs.replace(rules(), targets=targets)


class Past:
    """A venue that tells the past, or has trouble with some of it."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.settled: tuple[tuple[Nanos, Decimal], ...] = ((Nanos(NOW_NS - 8 * HOUR_NS), d("0.0001")),)
        self.asked: list[str] = []

    def _answer(self, what: str, instrument: Instrument, good: Any) -> Any:
        self.asked.append(f"{what} {instrument.id}")
        return Trouble(cause=Cause.ANSWERED, host="h", status=500) if what in self.broken else good

    async def bars(self, instrument: Instrument, hours: int) -> Any:
        return self._answer("bars", instrument, bars(100.0, 101.0, 103.0))

    async def funding(self, instrument: Instrument) -> Any:
        return self._answer("funding", instrument, FundingTerms(interval_ns=8 * HOUR_NS, history=self.settled))

    async def open_interest(self, instrument: Instrument, hours: int) -> Any:
        return self._answer("interest", instrument, ((NOW_NS, Decimal(5)),))


class Room:
    """A learner with an engine, a clock cranked by hand and a list instead of a loop."""

    def __init__(self, past: Past, *targets: TargetSpec) -> None:
        self.engine = Engine(Started(RunMode.OBSERVE, 1, ruled(*targets or (neutral(),)), NOW_NS))
        self.events: list[Event] = []
        self.clock = ManualClock(NOW_NS)
        self.learner = Learner(past, lambda: self.engine.state, self.events.append, self.clock, structlog.get_logger())
        self.sampler = Sampler(lambda: self.engine.state, self.events.append, self.clock)


def proxy(**changes: Any) -> ProxyTarget:
    return ProxyTarget(name="p", assets=(ETH,), anchors=(BTC,), band=band("0.1"), **changes)


async def test_a_coin_with_its_own_future_needs_its_funding_and_no_candles() -> None:
    """A neutral target reads no history: only what its shorts are paid is looked at."""
    past = Past()
    room = Room(past)

    assert await room.learner.look()

    assert {FundingSeen} == {type(event) for event in room.events}
    assert all(what.startswith("funding") for what in past.asked)


async def test_what_is_measured_gets_returns_of_every_coin() -> None:
    """Betas need the returns of all coins over the same hours."""
    room = Room(Past(), proxy())

    assert await room.learner.look()

    (seen,) = [event for event in room.events if isinstance(event, HistorySeen)]
    assert {BTC, ETH} == seen.returns.series.keys()
    assert (math.log(101 / 100), math.log(103 / 101)) == seen.returns.series[BTC]


async def test_gates_get_their_candles_and_their_open_interest() -> None:
    """A gate's coin is read, and no other."""
    when = When(gates=(Gate(signal=Signal.TREND, asset=BTC), Gate(signal=Signal.OPEN_INTEREST, asset=ETH)))
    past = Past()
    room = Room(past, msgspec.structs.replace(neutral(), when=when))

    assert await room.learner.look()

    assert [BTC] == [event.asset for event in room.events if isinstance(event, BarsSeen)]
    assert ["binance.usdm:ETHUSDT"] == [e.instrument for e in room.events if isinstance(e, OpenInterestSeen)]
    assert ["bars binance.spot:BTCUSDT"] == [what for what in past.asked if what.startswith("bars")]


@pytest.mark.parametrize("broken", ["bars", "funding", "interest"])
async def test_a_read_that_fails_leaves_the_others(broken: str) -> None:
    """What cannot be read is left unknown and tried again; the rest is learned."""
    gate = Gate(signal=Signal.OPEN_INTEREST)
    room = Room(Past(broken), proxy(when=When(gates=(gate,))))

    assert not await room.learner.look()

    kinds = {"bars": HistorySeen, "funding": FundingSeen, "interest": OpenInterestSeen}
    assert kinds.pop(broken) not in {type(event) for event in room.events}
    assert set(kinds.values()) <= {type(event) for event in room.events}


async def test_statistics_begin_with_the_past_once() -> None:
    """What samples have built up since is not overwritten by the same candles every hour."""
    room = Room(Past(), proxy())

    await room.learner.look()
    await room.learner.look()

    assert 1 == sum(isinstance(event, HistorySeen) for event in room.events)


async def test_a_settlement_is_told_once() -> None:
    """What was told of funding is not told again every hour; a new settlement is told alone."""
    past = Past()
    room = Room(past, neutral("BTC"))
    await room.learner.look()
    await room.learner.look()
    past.settled = (*past.settled, (NOW_NS, d("-0.0002")))

    await room.learner.look()

    told = [
        event.terms.history for event in room.events if isinstance(event, FundingSeen) and "BTC" in event.instrument
    ]
    assert [((NOW_NS - 8 * HOUR_NS, d("0.0001")),), ((NOW_NS, d("-0.0002")),)] == told


async def turn() -> None:
    """Let everybody who can run go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_samples_are_taken_at_the_points_of_the_grid() -> None:
    """The first comes at the next full hour, not an hour after the start, and says which point it is of."""
    room = Room(Past())
    child = asyncio.ensure_future(room.sampler.run())
    await turn()
    room.clock.move(HOUR_NS - NOW_NS % HOUR_NS - 1)
    await turn()

    assert [] == room.events

    room.clock.move(1 * SECOND_NS)
    await turn()
    child.cancel()

    (sample,) = room.events
    assert isinstance(sample, Sampled)
    assert NOW_NS - NOW_NS % HOUR_NS + HOUR_NS == sample.sampled_ns


@pytest.mark.parametrize(("broken", "reads"), [((), 1), (("funding",), 2)])
async def test_a_failed_read_is_tried_again_sooner_than_the_next_hour(broken: tuple[str, ...], reads: int) -> None:
    """What was read stands for an hour; what failed is asked for again after minutes."""
    past = Past(*broken)
    room = Room(past)
    child = asyncio.ensure_future(room.learner.run())
    await turn()
    room.clock.move(AGAIN_NS)
    await turn()
    child.cancel()

    assert 2 * reads == len(past.asked)


def test_a_sample_has_the_mids_that_are_sane_and_of_now() -> None:
    """A stale quote, or none, is left out: its return is not known, and not zero."""
    room = Room(Past())
    books = room.engine.state.books
    for coin, price, ago in (("BTC", 60_000.0, 0), ("ETH", 2_500.0, 60 * SECOND_NS)):
        books.put(quote(pricing(coin), price, NOW_NS - ago))
        books.put(mark(hedge(coin), price, NOW_NS))

    assert {BTC} == mids(room.engine.state, NOW_NS).keys()


def test_a_wrong_print_is_in_no_sample() -> None:
    """A mid that the index contradicts, or that has none yet, is not traded on and teaches nothing either."""
    room = Room(Past())
    books = room.engine.state.books
    books.put(quote(pricing("BTC"), 600_000.0, NOW_NS))
    books.put(mark(hedge("BTC"), 60_000.0, NOW_NS))
    books.put(quote(pricing("ETH"), 2_500.0, NOW_NS))

    assert {} == mids(room.engine.state, NOW_NS)


def test_the_grid_is_the_same_for_every_run() -> None:
    """Points are multiples of the interval since the epoch, and always ahead."""
    assert (20, 20, 30) == (next_point(10, 10), next_point(19, 10), next_point(20, 10))
    assert 0 < SETTLE_NS < AGAIN_NS


def test_returns_lie_on_one_grid_and_gaps_are_gaps() -> None:
    """A candle that is missing takes the two returns beside it along; coins are aligned by time."""
    found = of_bars({BTC: bars(100.0, 110.0, 0.0, 121.0, 133.1), ETH: bars(7.0, 7.0, 7.0, first=2)})

    assert found is not None
    first, *gap, last = found.series[BTC]
    assert [None, None] == gap
    assert [first, last] == pytest.approx([math.log(1.1)] * 2)
    assert (None, None, 0.0, 0.0) == found.series[ETH]
    assert 5 * HOUR_NS == found.end_ns


@pytest.mark.parametrize("found", [{}, {BTC: bars()}, {BTC: bars(100.0)}])
def test_too_few_candles_are_no_history(found: dict[Asset, Bars]) -> None:
    """One candle has no return."""
    assert of_bars(found) is None


@pytest.mark.parametrize(
    ("target", "measured"),
    [
        (neutral(), False),
        (msgspec.structs.replace(neutral(), band=AUTO), True),
        (proxy(), True),
        (proxy(betas={ETH: {BTC: d("1.2")}}), False),
        (CashTarget(name="c", share=d("0.2"), anchor=BTC, band=band("0.1")), False),
        (CashTarget(name="c", share=d("0.2"), anchor=BTC, band=band("0.1"), beta=None), True),
        (TiltTarget(name="t", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.05"), band=band("0.1")), False),
        (
            TiltTarget(
                name="t", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.05"), band=band("0.1"), neutral=Neutrality.BETA
            ),
            True,
        ),
        (ParityTarget(name="r", assets=(BTC, ETH), band=band("0.1")), True),
        (ParityTarget(name="r", assets=(BTC, ETH), band=band("0.1"), volatilities={BTC: d(1), ETH: d(3)}), False),
    ],
)
def test_only_what_is_not_given_is_measured(target: TargetSpec, measured: bool) -> None:
    """A beta, a volatility or a width that the owner wrote down needs no history."""
    assert measured is measures(target)
    assert measured is bool(Wanted.of(ruled(target)).measured)
