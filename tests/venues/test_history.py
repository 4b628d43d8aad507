"""Reads of the past: full hours only, exact rates, and what cannot be is refused with its read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.snapshot import Bars, FundingTerms
from bot.domain.units import HOUR_NS, MILLISECOND_NS
from bot.venues.history import LiveHistory
from bot.venues.translate.errors import Trouble
from tests.venues.canned import FUTURE, NOW_NS, PAIR, Canned, Clock, client

SPOT, USDM = "/api/v3/klines", "/fapi/v1/klines"
RATES, RULES, INTEREST = "/fapi/v1/fundingRate", "/fapi/v1/fundingInfo", "/futures/data/openInterestHist"
HOUR_MS = HOUR_NS // MILLISECOND_NS
NOW_MS = NOW_NS // MILLISECOND_NS
THIS_HOUR_MS = NOW_MS - NOW_MS % HOUR_MS


def kline(opened_ms: int, close: str = "101", **changes: str) -> list[Any]:
    """A candle as the venue writes it."""
    prices = {"open": "100", "high": "102", "low": "99"} | changes
    return [opened_ms, prices["open"], prices["high"], prices["low"], close, "12.5", opened_ms + HOUR_MS - 1, "0"]


def reading(canned: Canned) -> LiveHistory:
    return LiveHistory(client(canned, Clock()))


@pytest.mark.parametrize(("instrument", "path"), [(PAIR, SPOT), (FUTURE, USDM)])
async def test_the_candle_that_still_runs_is_left_out(instrument: Any, path: str) -> None:
    """Only full hours come, oldest first, from the market that the instrument is of."""
    canned = Canned()
    canned.lay("GET", path, [kline(THIS_HOUR_MS - HOUR_MS), kline(THIS_HOUR_MS, "105", high="106")])

    found = await reading(canned).bars(instrument, 24)

    assert isinstance(found, Bars)
    assert [101.0] == [bar.close for bar in found.bars]
    assert ("25", "1h") == (canned.sent[0].params["limit"], canned.sent[0].params["interval"])


@pytest.mark.parametrize(
    "rows",
    [
        [kline(THIS_HOUR_MS - HOUR_MS, high="98")],
        [kline(THIS_HOUR_MS - HOUR_MS, low="0")],
        [kline(THIS_HOUR_MS - HOUR_MS, "nan")],
        [kline(THIS_HOUR_MS - HOUR_MS), kline(THIS_HOUR_MS - 2 * HOUR_MS)],
        [[1, "2"]],
    ],
)
async def test_candles_that_cannot_be_are_refused(rows: list[Any]) -> None:
    """One bad candle refuses the read: statistics are not made of what is half right."""
    canned = Canned()
    canned.lay("GET", SPOT, rows)

    assert isinstance(await reading(canned).bars(PAIR, 24), Trouble)


async def test_funding_with_the_venues_interval_and_exact_rates() -> None:
    """Settled rates come oldest first and exact; a symbol that the venue lists has its own interval, cap and floor."""
    canned = Canned()
    rows = [
        {"symbol": "BTCUSDT", "fundingTime": t, "fundingRate": r} for t, r in ((2_000, "-0.00005"), (1_000, "0.0001"))
    ]
    rule = {"symbol": "BTCUSDT", "fundingIntervalHours": 4}
    canned.lay("GET", RATES, rows)
    canned.lay("GET", RULES, [rule | {"adjustedFundingRateCap": "0.02", "adjustedFundingRateFloor": "-0.02"}])
    history = reading(canned)

    found = await history.funding(FUTURE)
    await history.funding(FUTURE)

    assert isinstance(found, FundingTerms)
    assert ([Decimal("0.0001"), Decimal("-0.00005")], 4 * HOUR_NS) == ([r for _, r in found.history], found.interval_ns)
    assert Decimal("-0.02") == found.floor
    assert 1 == canned.paths().count(RULES)


async def test_what_the_venue_does_not_list_settles_every_eight_hours() -> None:
    """The list has the exceptions only."""
    canned = Canned()
    canned.lay("GET", RATES, [])
    canned.lay("GET", RULES, [])

    found = await reading(canned).funding(FUTURE)

    assert FundingTerms(interval_ns=8 * HOUR_NS) == found


@pytest.mark.parametrize("broken", [RATES, RULES])
async def test_funding_that_cannot_be_read_is_trouble(broken: str) -> None:
    """Neither the rates nor the list of exceptions is guessed."""
    canned = Canned()
    canned.lay("GET", RATES, [])
    canned.lay("GET", RULES, [])
    canned._answers["GET", broken].clear()
    canned.lay("GET", broken, {"code": -1, "msg": "no"}, status=400)

    assert isinstance(await reading(canned).funding(FUTURE), Trouble)


async def test_open_interest_in_order() -> None:
    """Contracts by the hour, oldest first, exact."""
    canned = Canned()
    rows = [
        {"symbol": "BTCUSDT", "sumOpenInterest": c, "sumOpenInterestValue": "1", "timestamp": t}
        for t, c in ((2, "7.5"), (1, "7"))
    ]
    canned.lay("GET", INTEREST, rows)

    found = await reading(canned).open_interest(FUTURE, 24)

    assert ((MILLISECOND_NS, Decimal(7)), (2 * MILLISECOND_NS, Decimal("7.5"))) == found
