"""The public endpoints: instruments, books, tickers, klines, funding, notices."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bot.simex.bars import Bars, closing_ms, opening_ms
from bot.simex.bybit.intervals import INTERVALS
from bot.simex.bybit.notices import Announcement, Status
from bot.simex.core.instrument import HOUR_MS, FundingTerms
from bot.simex.core.numbers import scaled
from bot.simex.core.order import BUY, SELL
from tests.simex.bybit.stage import PERP, SPOT, START_MS, Stage

DAY_MS = 24 * HOUR_MS


def rows(stage: Stage, path: str, **params: Any) -> list[Any]:
    """The list of a public answer."""
    found: list[Any] = stage.result(stage.public(path, **params))["list"]
    return found


def test_instruments(stage: Stage) -> None:
    """Filters are the exchange's own; what an order must keep is what is told."""
    (one,) = rows(stage, "/v5/market/instruments-info", category="linear", symbol="BTCUSDT")
    known = stage.exchange.instruments[PERP]

    assert ("LinearPerpetual", "Trading", "USDT", 480, "0.005") == tuple(
        one[name] for name in ("contractType", "status", "settleCoin", "fundingInterval", "upperFundingRate")
    )
    assert known.filters.tick == scaled(Decimal(one["priceFilter"]["tickSize"]))
    assert known.filters.lot == scaled(Decimal(one["lotSizeFilter"]["qtyStep"]))
    assert "5" == one["lotSizeFilter"]["minNotionalValue"]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"category": "linear"}, ["BTCUSDT", "ETHUSDT"]),
        ({"category": "linear", "baseCoin": "ETH"}, ["ETHUSDT"]),
        ({"category": "linear", "status": "Closed"}, []),
        ({"category": "spot"}, ["BTCUSDT", "ETHUSDT"]),
        ({"category": "option"}, []),
        ({"category": "linear", "limit": "1"}, ["BTCUSDT"]),
    ],
)
def test_which_instruments(stage: Stage, params: dict[str, str], names: list[str]) -> None:
    """By category, base coin and status; options are a category without any."""
    assert names == [one["symbol"] for one in rows(stage, "/v5/market/instruments-info", **params)]


def test_pages_of_instruments(stage: Stage) -> None:
    """The cursor leads to the next one; spot has no pages."""
    first = stage.result(stage.public("/v5/market/instruments-info", category="linear", limit=1))
    second = stage.result(
        stage.public("/v5/market/instruments-info", category="linear", limit=1, cursor=first["nextPageCursor"])
    )

    assert (["ETHUSDT"], "") == ([one["symbol"] for one in second["list"]], second["nextPageCursor"])
    assert "nextPageCursor" not in stage.result(stage.public("/v5/market/instruments-info", category="spot"))


def test_changed_funding_terms_are_told(stage: Stage) -> None:
    """Interval and bounds are read where clients read them."""
    stage.exchange.set_funding_terms(PERP, FundingTerms(HOUR_MS, 2_000_000, -1_000_000))
    (one,) = rows(stage, "/v5/market/instruments-info", category="linear", symbol="BTCUSDT")

    assert (60, "0.02", "-0.01") == (one["fundingInterval"], one["upperFundingRate"], one["lowerFundingRate"])
    assert "1" == rows(stage, "/v5/market/tickers", category="linear", symbol="BTCUSDT")[0]["fundingIntervalHour"]


@pytest.mark.parametrize(("category", "default"), [("linear", 25), ("spot", 1)])
def test_the_book(stage: Stage, category: str, default: int) -> None:
    """Best first on both sides; so many levels unless asked otherwise."""
    usual = stage.result(stage.public("/v5/market/orderbook", category=category, symbol="BTCUSDT"))
    deep = stage.result(stage.public("/v5/market/orderbook", category=category, symbol="BTCUSDT", limit=50))

    assert default == len(usual["b"]) == len(usual["a"])
    assert ["59999", "59998"] == [level[0].partition(".")[0] for level in deep["b"][:2]]
    assert ["60001", "60002"] == [level[0].partition(".")[0] for level in deep["a"][:2]]
    assert 10001 == stage.public("/v5/market/orderbook", category=category)["retCode"]


def test_a_ticker(stage: Stage) -> None:
    """Last trade, best quotes, marks and funding as they are."""
    stage.placed(orderType="Market", qty="0.5")
    stage.exchange.set_rate(PERP, 12_300)
    (one,) = rows(stage, "/v5/market/tickers", category="linear", symbol="BTCUSDT")

    assert ("60001.0", "59999.0", "60001.0", "0.500", "0.000123") == tuple(
        one[name] for name in ("lastPrice", "bid1Price", "ask1Price", "ask1Size", "fundingRate")
    )
    assert (str(START_MS + 8 * HOUR_MS), "8") == (one["nextFundingTime"], one["fundingIntervalHour"])
    assert Decimal(one["openInterest"]) == 2 * Decimal(one["singleOpenInterest"])
    assert [] == rows(stage, "/v5/market/tickers", category="option")


def test_public_trades(stage: Stage) -> None:
    """Newest first, with the aggressor's side."""
    stage.strangers(PERP, BUY, "0.3")
    stage.strangers(PERP, SELL, "0.2")
    found = rows(stage, "/v5/market/recent-trade", category="linear", symbol="BTCUSDT", limit=2)

    assert [("Sell", "0.200", "59999.0"), ("Buy", "0.300", "60001.0")] == [
        (one["side"], one["size"], one["price"]) for one in found
    ]
    assert int(found[0]["seq"]) > int(found[1]["seq"])


def test_klines_of_trades(stage: Stage) -> None:
    """Newest first; what was traded is the volume of its minute; bars join without a gap."""
    stage.strangers(SPOT, BUY, "0.3")
    found = rows(stage, "/v5/market/kline", category="spot", symbol="BTCUSDT", interval="1", limit=90)

    assert ("0.300000", "18000.3") == tuple(found[0][5:])
    assert [START_MS - number * 60_000 for number in range(90)] == [int(one[0]) for one in found]
    assert all(newer[1] == older[4] for newer, older in pairwise(found))
    assert all(float(one[3]) <= min(float(one[1]), float(one[4])) for one in found)
    assert all(float(one[2]) >= max(float(one[1]), float(one[4])) for one in found)


@pytest.mark.parametrize("interval", ["1", "5", "15", "60", "240", "D", "W", "M"])
def test_every_interval(stage: Stage, interval: str) -> None:
    """Bars open where they should, one after the other."""
    found = rows(stage, "/v5/market/kline", category="linear", symbol="BTCUSDT", interval=interval, limit=5)
    times = [int(one[0]) for one in found][::-1]

    assert 5 == len(times)
    assert all(opening_ms(one, INTERVALS[interval]) == one for one in times)
    assert all(closing_ms(one, INTERVALS[interval]) == later for one, later in pairwise(times))


@pytest.mark.parametrize("kind", ["mark-price-kline", "index-price-kline", "premium-index-price-kline"])
def test_klines_of_marks(stage: Stage, kind: str) -> None:
    """Five columns, and the price of now is the last close."""
    found = rows(stage, f"/v5/market/{kind}", category="linear", symbol="BTCUSDT", interval="1", limit=3)

    assert {5} == {len(one) for one in found}
    assert ("0.000000" if kind.startswith("premium") else "60000.0") == found[0][4]


def test_a_period_of_klines(stage: Stage) -> None:
    """From a start, or up to an end."""
    usual = {"category": "linear", "symbol": "BTCUSDT", "interval": "60"}
    from_start = rows(stage, "/v5/market/kline", **usual, start=START_MS - 10 * HOUR_MS, limit=3)
    up_to = rows(stage, "/v5/market/kline", **usual, end=START_MS - 5 * HOUR_MS, limit=2)

    assert [START_MS - hours * HOUR_MS for hours in (8, 9, 10)] == [int(one[0]) for one in from_start]
    assert [START_MS - hours * HOUR_MS for hours in (5, 6)] == [int(one[0]) for one in up_to]
    assert 10001 == stage.public("/v5/market/kline", **{**usual, "interval": "7"})["retCode"]


def test_the_made_up_past_is_the_same_again() -> None:
    """Two starts tell the same past."""
    found = []
    for _ in range(2):
        bars = Bars("BTCUSDT")
        bars.see(START_MS + 90_000, scaled(Decimal(60_000)))
        found.append(bars.rows("15m", 0, START_MS, 100))

    assert found[0] == found[1]
    assert [] == Bars("BTCUSDT").rows("1m", 0, START_MS, 10)


def test_settled_funding() -> None:
    """The rate that was charged is told with its time; before the opening it was the interest."""
    stage = Stage(mark_interval_ms=HOUR_MS)
    stage.exchange.set_rate(PERP, -20_000)
    stage.leap(9 * HOUR_MS)
    found = rows(stage, "/v5/market/funding/history", category="linear", symbol="BTCUSDT", limit=3)

    assert [("-0.0002", START_MS + 8 * HOUR_MS), ("0.0001", START_MS), ("0.0001", START_MS - 8 * HOUR_MS)] == [
        (one["fundingRate"], int(one["fundingRateTimestamp"])) for one in found
    ]
    later = rows(
        stage,
        "/v5/market/funding/history",
        category="linear",
        symbol="BTCUSDT",
        startTime=START_MS + 1,
        endTime=stage.now_ms,
    )
    assert 1 == len(later)


def test_open_interest(stage: Stage) -> None:
    """At the ends of intervals, newest first, in pages."""
    asked = {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min", "limit": 2}
    first = stage.result(stage.public("/v5/market/open-interest", **asked))
    second = stage.result(stage.public("/v5/market/open-interest", **asked, cursor=first["nextPageCursor"]))

    assert [START_MS, START_MS - 300_000] == [int(one["timestamp"]) for one in first["list"]]
    assert START_MS - 600_000 == int(second["list"][0]["timestamp"])


def test_risk_limits(stage: Stage) -> None:
    """Tiers as they are, the lowest marked."""
    found = rows(stage, "/v5/market/risk-limit", category="linear", symbol="BTCUSDT")

    assert len(stage.exchange.instruments[PERP].tiers) == len(found)
    assert [1, *[0] * (len(found) - 1)] == [one["isLowestRisk"] for one in found]
    assert ("0.005", "0.01", "") == (found[0]["maintenanceMargin"], found[0]["initialMargin"], found[0]["mmDeduction"])


def test_price_limits_are_those_of_admission(stage: Stage) -> None:
    """The highest bid that is told is accepted, a tick above it is not."""
    limits = stage.result(stage.public("/v5/market/price-limit", category="linear", symbol="BTCUSDT"))
    highest = Decimal(limits["buyLmt"])

    assert 0 == stage.order(price=str(highest), timeInForce="IOC", qty="0.001")["retCode"]
    assert 110121 == stage.order(price=str(highest + Decimal("0.1")), qty="0.001")["retCode"]
    lowest = Decimal(limits["sellLmt"])
    assert 0 == stage.order(side="Sell", price=str(lowest), timeInForce="IOC", qty="0.001")["retCode"]
    assert 110120 == stage.order(side="Sell", price=str(lowest - Decimal("0.1")), qty="0.001")["retCode"]


def test_no_delivery_yet(stage: Stage) -> None:
    """Nothing was delivered."""
    assert [] == rows(stage, "/v5/market/delivery-price", category="linear")


def test_notices(stage: Stage) -> None:
    """A maintenance is told by its newest state; announcements are filtered."""
    stage.dialect.announce(Status("a", "upgrade", "scheduled", 1, 2))
    stage.dialect.announce(Status("a", "upgrade", "ongoing", 1, 2))
    stage.dialect.notices.announcements.append(Announcement("t", "d", "delistings", "Delistings", ("Spot",), 1))

    assert ["ongoing"] == [one["state"] for one in rows(stage, "/v5/system/status")]
    assert [] == rows(stage, "/v5/system/status", state="scheduled")
    assert 10001 == stage.public("/v5/announcements/index")["retCode"]
    assert 1 == len(rows(stage, "/v5/announcements/index", locale="en-US", type="delistings"))
    assert [] == rows(stage, "/v5/announcements/index", locale="en-US", tag="Futures")
