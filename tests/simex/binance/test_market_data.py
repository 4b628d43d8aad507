"""Market data over REST: every endpoint's documented fields, and that they say what the exchange has."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.bars import INTERVALS, closing_ms
from bot.simex.core.numbers import scaled
from bot.simex.core.order import BUY, SELL
from tests.simex.binance.market_stage import COIN, PERP, SPOT, MarketStage, by_name

HOUR_MS = 3_600_000
SYMBOLS = {"/api/v3": "BTCUSDT", "/fapi/v1": "BTCUSDT", "/dapi/v1": "BTCUSD_PERP"}
KEYS = {"/api/v3": SPOT, "/fapi/v1": PERP, "/dapi/v1": COIN}
FUTURES = ("/fapi/v1", "/dapi/v1")


@pytest.fixture
def stage() -> MarketStage:
    stage = MarketStage()
    stage.strangers(SPOT, BUY, "0.2")
    stage.strangers(PERP, BUY, "0.2")
    stage.strangers(COIN, SELL, "10")
    stage.advance(1_000)
    return stage


# ---------------------------------------------------------------------------------------------------- documented fields
FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("/api/v3/time", {}, "serverTime"),
    ("/api/v3/depth", {}, "lastUpdateId bids asks"),
    ("/api/v3/trades", {}, "id price qty quoteQty time isBuyerMaker isBestMatch"),
    ("/api/v3/historicalTrades", {}, "id price qty quoteQty time isBuyerMaker isBestMatch"),
    ("/api/v3/aggTrades", {}, "a p q f l T m M"),
    ("/api/v3/avgPrice", {}, "mins price closeTime"),
    (
        "/api/v3/ticker/24hr",
        {},
        (
            "symbol priceChange priceChangePercent weightedAvgPrice prevClosePrice lastPrice lastQty bidPrice bidQty "
            "askPrice askQty openPrice highPrice lowPrice volume quoteVolume openTime closeTime firstId lastId count"
        ),
    ),
    (
        "/api/v3/ticker/24hr",
        {"type": "MINI"},
        "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId lastId count",
    ),
    (
        "/api/v3/ticker",
        {"windowSize": "4h"},
        (
            "symbol priceChange priceChangePercent weightedAvgPrice openPrice highPrice lowPrice lastPrice volume "
            "quoteVolume openTime closeTime firstId lastId count"
        ),
    ),
    (
        "/api/v3/ticker/tradingDay",
        {"type": "MINI"},
        "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId lastId count",
    ),
    ("/api/v3/ticker/price", {}, "symbol price"),
    ("/api/v3/ticker/bookTicker", {}, "symbol bidPrice bidQty askPrice askQty"),
    ("/fapi/v1/depth", {}, "lastUpdateId E T bids asks"),
    ("/fapi/v1/trades", {}, "id price qty quoteQty time isBuyerMaker isRPITrade"),
    ("/fapi/v1/historicalTrades", {}, "id price qty quoteQty time isBuyerMaker isRPITrade"),
    ("/fapi/v1/aggTrades", {}, "a p q f l T m"),
    (
        "/fapi/v1/ticker/24hr",
        {},
        (
            "symbol priceChange priceChangePercent weightedAvgPrice lastPrice lastQty openPrice highPrice lowPrice "
            "volume quoteVolume openTime closeTime firstId lastId count"
        ),
    ),
    ("/fapi/v1/ticker/price", {}, "symbol price time"),
    ("/fapi/v2/ticker/price", {}, "symbol price time"),
    ("/fapi/v1/ticker/bookTicker", {}, "lastUpdateId symbol bidPrice bidQty askPrice askQty time"),
    (
        "/fapi/v1/premiumIndex",
        {},
        "symbol markPrice indexPrice estimatedSettlePrice lastFundingRate interestRate nextFundingTime time",
    ),
    ("/fapi/v1/fundingRate", {}, "symbol fundingTime fundingRate markPrice"),
    ("/fapi/v1/openInterest", {}, "openInterest symbol time"),
    ("/fapi/v1/constituents", {}, "symbol time constituents"),
    ("/fapi/v1/insuranceBalance", {}, "symbols assets"),
    (
        "/futures/data/openInterestHist",
        {"period": "5m"},
        "symbol sumOpenInterest sumOpenInterestValue CMCCirculatingSupply timestamp",
    ),
    ("/dapi/v1/depth", {}, "lastUpdateId symbol pair E T bids asks"),
    ("/dapi/v1/trades", {}, "id price qty baseQty time isBuyerMaker"),
    ("/dapi/v1/aggTrades", {}, "a p q f l T m"),
    (
        "/dapi/v1/ticker/24hr",
        {},
        (
            "symbol pair priceChange priceChangePercent weightedAvgPrice lastPrice lastQty openPrice highPrice "
            "lowPrice volume baseVolume openTime closeTime firstId lastId count"
        ),
    ),
    ("/dapi/v1/ticker/price", {}, "symbol ps price time"),
    ("/dapi/v1/ticker/bookTicker", {}, "lastUpdateId symbol pair bidPrice bidQty askPrice askQty time"),
    (
        "/dapi/v1/premiumIndex",
        {},
        "symbol pair markPrice indexPrice estimatedSettlePrice lastFundingRate interestRate nextFundingTime time",
    ),
    ("/dapi/v1/fundingRate", {}, "symbol fundingTime fundingRate markPrice"),
    ("/dapi/v1/openInterest", {}, "symbol pair openInterest contractType time"),
    ("/dapi/v1/constituents", {}, "symbol time constituents"),
]


@pytest.mark.parametrize(("path", "params", "fields"), FIELDS)
def test_the_documented_fields(stage: MarketStage, path: str, params: dict[str, Any], fields: str) -> None:
    """An endpoint's row has the documented fields, all of them and no other."""
    symbol = "BTCUSD_PERP" if path.startswith("/dapi") else "BTCUSDT"
    answer = stage.get(path, symbol=symbol, **params)
    row = answer[0] if isinstance(answer, list) else answer

    assert set(fields.split()) == set(row)


def test_every_path_is_there(stage: MarketStage) -> None:
    """The three markets route what a market-data client asks for, and no path twice."""
    paths = [(market, path) for market, method, path in stage.dialect.routes if method == "GET"]
    expected = "ping time exchangeInfo depth trades historicalTrades aggTrades klines ticker/24hr ticker/price"
    for market, prefix in (("spot", "/api/v3"), ("usdm", "/fapi/v1"), ("coinm", "/dapi/v1")):
        for name in expected.split():
            assert (market, f"{prefix}/{name}") in paths
    assert len(paths) == len(set(paths))


# -------------------------------------------------------------------------------------------------------- exchangeInfo
def test_filters_are_the_instruments(stage: MarketStage) -> None:
    """What exchangeInfo says is what an order must keep, and it follows a change."""
    for prefix, name in SYMBOLS.items():
        row = by_name(stage.get(f"{prefix}/exchangeInfo")["symbols"])[name]
        filters = by_name(row["filters"], "filterType")
        kept = stage.instrument(KEYS[prefix]).filters
        assert kept.tick == scaled(Decimal(filters["PRICE_FILTER"]["tickSize"]))
        assert kept.lot == scaled(Decimal(filters["LOT_SIZE"]["stepSize"]))
        assert kept.market_quantity_max == scaled(Decimal(filters["MARKET_LOT_SIZE"]["maxQty"]))


def test_contract_types(stage: MarketStage) -> None:
    """Perpetuals and quarterlies say what they are, when they are delivered and what a contract is worth."""
    rows = by_name(stage.get("/fapi/v1/exchangeInfo")["symbols"])
    dated = next(name for name in rows if "_" in name)
    assert ("PERPETUAL", 4_133_404_800_000) == (rows["BTCUSDT"]["contractType"], rows["BTCUSDT"]["deliveryDate"])
    assert ("CURRENT_QUARTER", "BTCUSDT") == (rows[dated]["contractType"], rows[dated]["pair"])
    assert stage.instrument(("usdm", dated)).expiry_ms == rows[dated]["deliveryDate"]

    coin = by_name(stage.get("/dapi/v1/exchangeInfo")["symbols"])["BTCUSD_PERP"]
    assert (100, "BTC", "TRADING") == (coin["contractSize"], coin["marginAsset"], coin["contractStatus"])


@pytest.mark.parametrize(
    ("status", "spot", "futures"), [("halted", "BREAK", "PENDING_TRADING"), ("closed", "BREAK", "CLOSE")]
)
def test_statuses(stage: MarketStage, status: Any, spot: str, futures: str) -> None:
    """A symbol that does not trade says so."""
    for key in (SPOT, PERP):
        stage.exchange.set_status(key, status)

    assert spot == stage.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"][0]["status"]
    assert futures == by_name(stage.get("/fapi/v1/exchangeInfo")["symbols"])["BTCUSDT"]["status"]


def test_spot_lists_of_symbols(stage: MarketStage) -> None:
    """`symbols` is a JSON list; it may not come with `symbol`, and every name must exist."""
    assert ["BTCUSDT"] == [row["symbol"] for row in stage.get("/api/v3/ticker/price", symbols='["BTCUSDT"]')]
    assert (400, -1121) == stage.refused("/api/v3/ticker/price", symbols='["NOPE"]')
    assert (400, -1100) == stage.refused("/api/v3/ticker/price", symbols="BTCUSDT")
    assert (400, -1128) == stage.refused("/api/v3/ticker/price", symbols='["BTCUSDT"]', symbol="BTCUSDT")
    assert (400, -1128) == stage.refused("/api/v3/exchangeInfo", symbolStatus="TRADING", symbol="BTCUSDT")


# -------------------------------------------------------------------------------------------------------------- books
@pytest.mark.parametrize("prefix", list(SYMBOLS))
def test_depth_and_tickers_agree(stage: MarketStage, prefix: str) -> None:
    """The best of the book is what bookTicker says."""
    symbol = SYMBOLS[prefix]
    depth = stage.get(f"{prefix}/depth", symbol=symbol, limit=5)
    best = stage.get(f"{prefix}/ticker/bookTicker", symbol=symbol)
    best = best[0] if isinstance(best, list) else best

    assert 5 == len(depth["bids"]) == len(depth["asks"])
    assert [best["bidPrice"], best["bidQty"]] == depth["bids"][0]
    assert [best["askPrice"], best["askQty"]] == depth["asks"][0]


def test_futures_take_only_their_depths(stage: MarketStage) -> None:
    """A limit that the venue does not list is refused on futures and cut on spot."""
    assert (400, -4021) == stage.refused("/fapi/v1/depth", symbol="BTCUSDT", limit=7)
    assert 7 == len(stage.get("/api/v3/depth", symbol="BTCUSDT", limit=7)["bids"])


def test_coinm_answers_lists_and_takes_pairs(stage: MarketStage) -> None:
    """COIN-M tickers are always lists; a pair names all its contracts, but not beside a symbol."""
    assert 2 == len(stage.get("/dapi/v1/ticker/price", pair="BTCUSD"))
    assert 2 == len(stage.get("/dapi/v1/premiumIndex", pair="BTCUSD"))
    assert (400, -1128) == stage.refused("/dapi/v1/ticker/price", pair="BTCUSD", symbol="BTCUSD_PERP")
    assert (400, -1120) == stage.refused("/dapi/v1/ticker/price", pair="XYZUSD")


# ------------------------------------------------------------------------------------------------------------- trades
def test_trades_are_what_happened(stage: MarketStage) -> None:
    """A stranger's purchase is a trade at the best ask whose seller was the maker."""
    (spot,) = stage.get("/api/v3/trades", symbol="BTCUSDT")
    (coin,) = stage.get("/dapi/v1/trades", symbol="BTCUSD_PERP")

    assert ("60001.00000000", "0.20000000", "12000.20000000", False) == tuple(
        spot[name] for name in ("price", "qty", "quoteQty", "isBuyerMaker")
    )
    assert ("59999.0", "10", "0.01666694", True) == tuple(
        coin[name] for name in ("price", "qty", "baseQty", "isBuyerMaker")
    )


def test_old_trades_go_on_from_an_id(stage: MarketStage) -> None:
    """historicalTrades begins at an id; on futures it needs an API key."""
    stage.strangers(PERP, BUY, "0.1")
    first, second = stage.get("/fapi/v1/trades", symbol="BTCUSDT")

    assert [second] == stage.get("/fapi/v1/historicalTrades", symbol="BTCUSDT", fromId=second["id"])
    assert [first] == stage.get("/fapi/v1/historicalTrades", symbol="BTCUSDT", fromId=first["id"], limit=1)
    assert (401, -2014) == stage.refused("/fapi/v1/historicalTrades", symbol="BTCUSDT", key="")


def test_aggregates_in_a_time(stage: MarketStage) -> None:
    """aggTrades can be asked by id and by time, on futures of at most an hour."""
    (only,) = stage.get("/fapi/v1/aggTrades", symbol="BTCUSDT")
    at = only["T"]

    assert [only] == stage.get("/fapi/v1/aggTrades", symbol="BTCUSDT", startTime=at, endTime=at)
    assert [] == stage.get("/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=only["a"] + 1)
    assert (400, -4182) == stage.refused("/fapi/v1/aggTrades", symbol="BTCUSDT", startTime=at, endTime=at + HOUR_MS + 1)


# ------------------------------------------------------------------------------------------------------------- candles
@pytest.mark.parametrize("prefix", list(SYMBOLS))
@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != "1s"])
def test_candles_of_every_interval(stage: MarketStage, prefix: str, interval: str) -> None:
    """Candles follow on one another without a hole, and the newest is the one that is open now."""
    rows = stage.get(f"{prefix}/klines", symbol=SYMBOLS[prefix], interval=interval, limit=12)

    assert 12 == len(rows)
    assert rows[-1][0] <= stage.now_ms < rows[-1][6] + 1
    for row, later in itertools.pairwise(rows):
        assert closing_ms(row[0], interval) == row[6] + 1 == later[0]
        assert Decimal(row[3]) <= min(Decimal(row[1]), Decimal(row[4])) <= Decimal(row[2])
        assert row[4] == later[1]


def test_the_open_candle_has_the_trades(stage: MarketStage) -> None:
    """The open candle's close is the last price, its volume what was traded."""
    (row,) = stage.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1)
    assert ("60001.0", "0.200", "12000.2000", 1, "0.200") == (row[4], row[5], row[7], row[8], row[9])

    seconds = stage.get("/api/v3/uiKlines", symbol="BTCUSDT", interval="1s", startTime=stage.now_ms - 2_000)
    assert "60001.00000000" == seconds[-1][4]


def test_candles_from_a_start(stage: MarketStage) -> None:
    """From a start spot and USD-M tell the oldest rows, COIN-M the newest of the time."""
    start = stage.now_ms // HOUR_MS * HOUR_MS - 50 * HOUR_MS
    for prefix in ("/api/v3", "/fapi/v1"):
        rows = stage.get(f"{prefix}/klines", symbol="BTCUSDT", interval="1h", startTime=start, limit=3)
        assert [start, start + HOUR_MS, start + 2 * HOUR_MS] == [row[0] for row in rows]
    (last,) = stage.get("/dapi/v1/klines", symbol="BTCUSD_PERP", interval="1h", startTime=start, limit=1)
    assert stage.now_ms // HOUR_MS * HOUR_MS == last[0]


def test_the_past_has_a_beginning(stage: MarketStage) -> None:
    """What is asked for from the beginning of time is answered from the beginning of the past."""
    rows = stage.get("/api/v3/klines", symbol="BTCUSDT", interval="1w", startTime=0, limit=3)

    assert 3 == len(rows)
    assert 3 * 365 * 24 * HOUR_MS < stage.now_ms - rows[0][0] < 4 * 365 * 24 * HOUR_MS


def test_the_past_is_the_same_for_everybody() -> None:
    """Two exchanges that start in the same hour tell the same made-up past."""
    asked = {"symbol": "BTCUSDT", "interval": "1h", "limit": 200}

    assert MarketStage().get("/fapi/v1/klines", **asked) == MarketStage().get("/fapi/v1/klines", **asked)


@pytest.mark.parametrize("prefix", FUTURES)
def test_candles_of_other_prices(stage: MarketStage, prefix: str) -> None:
    """Mark, index, premium and continuous candles have their own keys and prices."""
    symbol = SYMBOLS[prefix]
    pair = "BTCUSDT" if prefix == "/fapi/v1" else "BTCUSD"
    asked = {"interval": "1m", "limit": 2}
    for name, params in (
        ("markPriceKlines", {"symbol": symbol}),
        ("indexPriceKlines", {"pair": pair}),
        ("premiumIndexKlines", {"symbol": symbol}),
    ):
        rows = stage.get(f"{prefix}/{name}", **params, **asked)
        assert {"0"} == {row[5] for row in rows}
        assert 2 == len(rows)
    contract = {"pair": pair, "contractType": "PERPETUAL"}
    told = stage.get(f"{prefix}/continuousKlines", **contract, **asked)
    assert stage.get(f"{prefix}/klines", symbol=symbol, **asked) == told


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
    ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1s"}, -1120),
    ("/fapi/v1/klines", {"symbol": "BTCUSDT"}, -1102),
    ("/fapi/v1/klines", {"symbol": "NOPE", "interval": "1m"}, -1121),
    ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "x"}, -1100),
    ("/fapi/v1/indexPriceKlines", {"pair": "NOPE", "interval": "1m"}, -1121),
    ("/fapi/v1/continuousKlines", {"pair": "BTCUSDT", "contractType": "WEEKLY", "interval": "1m"}, -1120),
    ("/fapi/v1/continuousKlines", {"pair": "NOPE", "contractType": "PERPETUAL", "interval": "1m"}, -1121),
    ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "15"}, -1100),
    ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "-12:01"}, -1100),
    ("/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "east"}, -1100),
    ("/api/v3/ticker", {"symbol": "BTCUSDT", "windowSize": "8d"}, -1120),
    ("/api/v3/ticker", {"symbol": "BTCUSDT", "windowSize": "m"}, -1120),
    ("/api/v3/ticker", {}, -1102),
    ("/api/v3/ticker/24hr", {"symbol": "BTCUSDT", "type": "HUGE"}, -1139),
    ("/api/v3/ticker/tradingDay", {"symbol": "BTCUSDT", "timeZone": "5"}, -1100),
    ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "8h"}, -1120),
    ("/futures/data/basis", {"pair": "NOPE", "contractType": "PERPETUAL", "period": "5m"}, -1121),
    ("/fapi/v1/constituents", {"symbol": "NOPE"}, -1121),
    ("/fapi/v1/assetIndex", {"symbol": "NOPEUSD"}, -1121),
    ("/dapi/v1/fundingRate", {}, -1102),
]


@pytest.mark.parametrize(("path", "params", "code"), REFUSED)
def test_refusals(stage: MarketStage, path: str, params: dict[str, Any], code: int) -> None:
    """What makes no sense is refused with the venue's code."""
    assert (400, code) == stage.refused(path, **params)


# -------------------------------------------------------------------------------------------------------- derivatives
def test_funding_history_goes_on_with_what_is_charged(stage: MarketStage) -> None:
    """A settlement is a row with its rate and mark after those made up; the next funding time moves on."""
    settles_ms = stage.now_ms + 999
    stage.exchange.set_rate(PERP, scaled(Decimal("0.00025")), next_ms=settles_ms)
    stage.advance(3_000)
    rows = stage.get("/fapi/v1/fundingRate", symbol="BTCUSDT", limit=3)

    assert ["0.00010000", "0.00010000", "0.00025000"] == [row["fundingRate"] for row in rows]
    assert 8 * HOUR_MS == rows[1]["fundingTime"] - rows[0]["fundingTime"]
    assert (
        settles_ms == rows[-1]["fundingTime"] < stage.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["nextFundingTime"]
    )


def test_funding_info_lists_what_is_unusual() -> None:
    """fundingInfo lists only the contracts whose interval is not eight hours, with cap and floor."""
    rows = by_name(MarketStage(busy=True).get("/fapi/v1/fundingInfo"))

    assert {"1000PEPEUSDT": 4, "WIFUSDT": 1} == {name: row["fundingIntervalHours"] for name, row in rows.items()}
    assert "0.02000000" == rows["WIFUSDT"]["adjustedFundingRateCap"]


def test_open_interest_counts_what_accounts_hold(stage: MarketStage) -> None:
    """A position that is opened adds to the open interest."""
    before = Decimal(stage.get("/fapi/v1/openInterest", symbol="BTCUSDT")["openInterest"])
    stage.place(PERP, BUY, "0.5")
    after = Decimal(stage.get("/fapi/v1/openInterest", symbol="BTCUSDT")["openInterest"])

    assert Decimal("0.5") == after - before


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT"}),
        ("/futures/data/basis", {"pair": "BTCUSDT", "contractType": "CURRENT_QUARTER"}),
    ],
)
def test_statistics_are_of_whole_periods(stage: MarketStage, path: str, params: dict[str, Any]) -> None:
    """Rows lie on multiples of the period, oldest first, and none is older than thirty days."""
    times = [row["timestamp"] for row in stage.get(path, period="1d", limit=500, **params)]

    assert sorted(times) == times
    assert {0} == {at % (24 * HOUR_MS) for at in times}
    assert 30 == len(times)


def test_the_asset_index_is_the_haircut(stage: MarketStage) -> None:
    """What an asset counts as collateral is its dollar price less the haircut."""
    row = stage.get("/fapi/v1/assetIndex", symbol="BTCUSD")
    assert Decimal(row["bidRate"]) == Decimal(row["index"]) * Decimal("0.95")
    assert {"BTCUSD", "USDTUSD"} <= set(by_name(stage.get("/fapi/v1/assetIndex")))


def test_weights() -> None:
    """A request weighs as documented by its limit and by whether it names a symbol."""
    stage = MarketStage()

    def weight(path: str, **params: Any) -> int:
        before = int(stage.raw("GET", path[:5] + path[5:], **params).headers["X-MBX-USED-WEIGHT-1M"])
        after = int(stage.raw("GET", path, **params).headers["X-MBX-USED-WEIGHT-1M"])
        return after - before

    one = {"symbol": "BTCUSDT"}
    assert [5, 25, 50, 250] == [weight("/api/v3/depth", **one, limit=at) for at in (100, 500, 1_000, 5_000)]
    assert [2, 5, 10, 20] == [weight("/fapi/v1/depth", **one, limit=at) for at in (50, 100, 500, 1_000)]
    assert [1, 2, 5, 10] == [
        weight("/fapi/v1/klines", **one, interval="1m", limit=at) for at in (99, 499, 1_000, 1_500)
    ]
    assert (1, 40) == (weight("/fapi/v1/ticker/24hr", **one), weight("/fapi/v1/ticker/24hr"))
    assert (2, 80) == (weight("/api/v3/ticker/24hr", **one), weight("/api/v3/ticker/24hr"))
    assert (1, 10) == (weight("/fapi/v1/premiumIndex", **one), weight("/fapi/v1/premiumIndex"))
    assert 4 == weight("/api/v3/ticker", **one)


@pytest.mark.parametrize(("zone", "minutes"), [("8", 480), ("+08:00", 480), ("-1:00", -60), ("05:45", 345), ("0", 0)])
def test_candles_of_a_zone(stage: MarketStage, zone: str, minutes: int) -> None:
    """Days begin at midnight of the zone; a day is what its minutes are."""
    asked = {"symbol": "BTCUSDT", "interval": "1d", "timeZone": zone, "limit": 3}
    rows = stage.get("/api/v3/klines", **asked)
    first, last = rows[1][0], rows[1][6]
    hours = stage.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=first, limit=1_000)

    assert {0} == {(row[0] + minutes * 60_000) % 86_400_000 for row in rows}
    assert (86_400_000, last + 1) == (last + 1 - first, rows[2][0])
    assert (rows[1][1], first) == (hours[0][1], hours[0][0])
