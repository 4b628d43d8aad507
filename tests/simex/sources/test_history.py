"""Recorded bars, best prices, funding and indices as a market: on the recorded path, in time, under shocks."""

from __future__ import annotations

import csv
import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.flow import Flow, FundingRate, IndexPrice, Level, Levels, Print, Top
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, SELL
from bot.simex.sources.archive import market
from bot.simex.sources.bars import BarBook, bar_flows, index_flows, path
from bot.simex.sources.dumps import Bar, BestPrices, DumpError, PublicTrade, Rate, klines
from bot.simex.sources.history import HistoryMarket
from bot.simex.sources.listings import binance
from bot.simex.sources.quoter import Shape
from bot.simex.sources.ticks import best_flows, funding_flows, trade_flows
from tests.simex.sources.background import START_MS, Stage
from tests.simex.sources.dump_files import FIRST_MS, HOUR, KLINE_HEADER, TICKER_HEADER, TRADES_HEADER, kline, write

INSTRUMENTS = {one.key: one for one in binance(START_MS)}
SPOT: Key = ("spot", "BTCUSDT")
PERP: Key = ("usdm", "BTCUSDT")
COARSE = BarBook(step_ms=60_000)


def bar(hour: int, *prices: int, volume: int = 3600) -> Bar:
    """An hour's bar with open, high, low and close in whole quote."""
    opened, high, low, close = (price * SCALE for price in prices)
    return Bar(FIRST_MS + hour * HOUR, FIRST_MS + (hour + 1) * HOUR, opened, high, low, close, volume * SCALE)


BARS = [bar(0, 1000, 1100, 900, 1050), bar(1, 1050, 1060, 1000, 1010)]


@st.composite
def any_bar(draw: st.DrawFn) -> Bar:
    """A bar of any shape, an hour or some ms long."""
    prices = sorted(draw(st.lists(st.integers(1, 10**13), min_size=4, max_size=4)))
    opened, close = draw(st.permutations(prices[1:3]))
    return Bar(0, draw(st.integers(1, 5000)), opened, prices[3], prices[0], close, 0)


@given(any_bar(), st.integers(1, 1000))
def test_a_path_stays_inside_its_bar_from_open_to_close(one: Bar, step_ms: int) -> None:
    """It begins at the open, ends at the close in the last ms, keeps time, and never leaves high and low."""
    points = list(path(one, step_ms))

    assert points[0][0] == 0
    assert points[-1][1] == pytest.approx(one.close / SCALE)
    assert all(a[0] < b[0] for a, b in pairwise(points))
    assert points[-1][0] < one.end_ms
    assert all(one.low / SCALE * (1 - 1e-12) <= price <= one.high / SCALE * (1 + 1e-12) for _, price in points)


@pytest.mark.parametrize(("one", "order"), [(BARS[0], "low first"), (BARS[1], "high first")])
def test_a_path_visits_the_extreme_behind_the_open_first(one: Bar, order: str) -> None:
    """Both extremes are reached exactly: an up bar's low before its high, a down bar's high before its low."""
    points = list(path(one, 1000))
    times = {price: time_ms for time_ms, price in points}
    low, high = times[one.low / SCALE], times[one.high / SCALE]

    assert points[0] == (one.open_ms, one.open / SCALE)
    assert (low < high) == (order == "low first")


def test_bars_become_books_and_trades_around_the_path() -> None:
    """The mid follows the path within a basis point; the extremes are traded; volume adds up to the bars' or less."""
    stage = Stage([INSTRUMENTS[PERP]])
    stage.play(bar_flows(INSTRUMENTS[PERP], BARS, BarBook(step_ms=1000)))
    prints = [take for take in stage.takes if isinstance(take, Print)]

    assert max(one.price for one in prints) == 1100 * SCALE
    assert min(one.price for one in prints) == 900 * SCALE
    assert 0.9 < sum(one.quantity for one in prints) / (7200 * SCALE) <= 1.01
    assert stage.books[PERP].mid == pytest.approx(1010, rel=1e-4)


def test_the_mid_is_on_the_path_at_every_step() -> None:
    """Wherever the path is, the touch is around it."""
    stage, points = Stage([INSTRUMENTS[PERP]]), dict(path(BARS[0], 60_000))
    for flow in bar_flows(INSTRUMENTS[PERP], BARS[:1], COARSE):
        stage.play([flow])
        if isinstance(flow, Print):
            assert stage.books[PERP].mid == pytest.approx(points[flow.time_ms], rel=2e-4)


def test_bars_that_overlap_are_refused() -> None:
    """A file out of order, or two intervals mixed, is an error that names the bar."""
    with pytest.raises(ValueError, match=f"the bar of {FIRST_MS} begins before"):
        list(bar_flows(INSTRUMENTS[PERP], reversed(BARS)))
    with pytest.raises(ValueError, match="step_ms 0"):
        list(index_flows("BTCUSDT", BARS, 0))


def test_a_bar_without_volume_has_no_trades() -> None:
    """Nothing was traded, nothing is printed."""
    flows = bar_flows(INSTRUMENTS[PERP], [bar(0, 1, 1, 1, 1, volume=0)], COARSE)

    assert not any(isinstance(flow, Print) for flow in flows)


def best(ms: int, bid: int, ask: int, bid_quantity: int = 2, ask_quantity: int = 3) -> BestPrices:
    """Best prices in whole quote, at ms after the first."""
    return BestPrices(FIRST_MS + ms, bid * SCALE, bid_quantity * SCALE, ask * SCALE, ask_quantity * SCALE)


def test_best_prices_get_a_ladder_behind_the_recorded_touch() -> None:
    """The touch is the record's; behind it are rungs; while it stands only its quantities change."""
    stage, shape = Stage([INSTRUMENTS[PERP]]), Shape(rungs=5, gap_bps=2.0)
    records = [best(0, 999, 1001), best(1, 999, 1001, 7, 8), best(2, 1000, 1001, 1, 1)]

    flows = stage.play(best_flows(INSTRUMENTS[PERP], records, shape))

    assert [type(flow) for flow in flows] == [Levels, Top, Levels]
    book = stage.books[PERP]
    assert (book.bid, book.bids[book.bid], book.ask, book.asks[book.ask]) == (1000 * SCALE, SCALE, 1001 * SCALE, SCALE)
    assert len(book.bids) == len(book.asks) == 6


def test_streams_play_together_in_time_from_the_first_whole_moment() -> None:
    """Books, trades, funding and index come in order of time, moved so that the first whole moment is the start."""
    streams: list[list[Flow]] = [
        list(best_flows(INSTRUMENTS[SPOT], [best(0, 990, 991), best(500, 1000, 1001)])),
        list(best_flows(INSTRUMENTS[PERP], [best(100, 1001, 1002), best(900, 1003, 1004)])),
        list(trade_flows(PERP, [PublicTrade(FIRST_MS + 300, 1001 * SCALE, SCALE, SELL)])),
        list(funding_flows(PERP, [Rate(FIRST_MS + 700, -123)])),
        [IndexPrice("BTCUSDT", FIRST_MS + 50, 995 * SCALE), IndexPrice("BTCUSDT", FIRST_MS + 600, 1000 * SCALE)],
    ]
    source = HistoryMarket([INSTRUMENTS[SPOT], INSTRUMENTS[PERP]], streams, START_MS)
    stage = Stage([INSTRUMENTS[SPOT], INSTRUMENTS[PERP]])

    assert {flow.time_ms for flow in stage.play(source.opening())} == {START_MS}
    assert stage.indices == {"BTCUSDT": 995 * SCALE}
    assert source.next_ms() == START_MS + 200
    flows = stage.play(source.until(START_MS + 700))
    assert [flow.time_ms - START_MS for flow in flows] == [200, 400, 500, 600]
    assert stage.rates == [FundingRate(PERP, START_MS + 600, -123)]
    assert (source.ended, source.position, source.keys) == (False, FIRST_MS + 700, frozenset({SPOT, PERP}))
    stage.play(source.until(START_MS + 10_000))
    assert (source.ended, source.next_ms()) == (True, None)


def test_without_a_start_the_recorded_times_are_kept() -> None:
    """History plays at its own time."""
    source = HistoryMarket([INSTRUMENTS[PERP]], [best_flows(INSTRUMENTS[PERP], [best(5, 999, 1001)])])

    assert source.start_ms == FIRST_MS + 5


def test_a_shock_moves_recorded_prices_for_good() -> None:
    """Books, indices, trades and limits of the asset show at their price times the factor; funding stays."""
    streams: list[list[Flow]] = [
        list(best_flows(INSTRUMENTS[PERP], [best(0, 999, 1001), best(10, 999, 1001, 5, 6), best(40, 1001, 1003)])),
        [
            IndexPrice("BTCUSDT", FIRST_MS, 1000 * SCALE),
            IndexPrice("BTCUSDT", FIRST_MS + 20, 1002 * SCALE),
            IndexPrice("ETHUSDT", FIRST_MS + 20, 50 * SCALE),
        ],
        [Print(PERP, FIRST_MS + 30, 999 * SCALE, SCALE, SELL), Level(PERP, FIRST_MS + 30, BUY, 990 * SCALE, SCALE)],
    ]
    source, stage = HistoryMarket([INSTRUMENTS[PERP]], streams, START_MS), Stage([INSTRUMENTS[PERP]])
    stage.play(source.opening())
    stage.play(source.shock("BTC", 0.5, START_MS))
    assert (stage.books[PERP].bid, stage.books[PERP].ask) == (4995 * SCALE // 10, 5005 * SCALE // 10)
    assert stage.indices["BTCUSDT"] == 500 * SCALE

    stage.play(source.until(START_MS + 30))

    assert stage.books[PERP].bids[4995 * SCALE // 10] == 5 * SCALE
    assert stage.books[PERP].bids[495 * SCALE] == SCALE
    assert stage.indices == {"BTCUSDT": 501 * SCALE, "ETHUSDT": 50 * SCALE}
    assert [take.price for take in stage.takes] == [4995 * SCALE // 10]
    stage.play(source.until(START_MS + 40))
    assert stage.books[PERP].bid == 5005 * SCALE // 10


def test_a_mirror_forgets_what_a_touch_leaves_behind() -> None:
    """Levels better than a recorded touch are gone from what a later shock shows."""
    bids, asks = ((100 * SCALE, SCALE), (98 * SCALE, SCALE)), ((101 * SCALE, SCALE), (103 * SCALE, SCALE))
    levels = Levels(PERP, FIRST_MS, bids, asks)
    touch = Top(PERP, FIRST_MS + 1, 97 * SCALE, 2 * SCALE, 102 * SCALE, 3 * SCALE)
    source, stage = HistoryMarket([INSTRUMENTS[PERP]], [[levels, touch]], START_MS), Stage([INSTRUMENTS[PERP]])
    stage.play(source.opening())
    stage.play(source.until(START_MS + 1))

    stage.play(source.shock("BTC", 2.0, START_MS + 1))

    assert stage.books[PERP].bids == {194 * SCALE: 2 * SCALE}
    assert stage.books[PERP].asks == {204 * SCALE: 3 * SCALE, 206 * SCALE: SCALE}


def test_records_must_have_a_book_of_every_instrument() -> None:
    """What is missing is named; flow of an instrument that nobody asked for is an error."""
    streams = [list(best_flows(INSTRUMENTS[PERP], [best(0, 999, 1001)]))]

    with pytest.raises(ValueError, match="no book of spot_BTCUSDT"):
        HistoryMarket([INSTRUMENTS[PERP], INSTRUMENTS[SPOT]], streams)
    with pytest.raises(ValueError, match="flow of usdm_BTCUSDT"):
        HistoryMarket([INSTRUMENTS[SPOT]], streams)


def published(folder: Path) -> None:
    """A small copy of the public site's tree."""
    um, spot = folder / "data/futures/um/monthly", folder / "data/spot/monthly"
    first = (kline(0, ("1000", "1100", "900", "1050")), kline(1, ("1050", "1060", "1000", "1010")))
    write(um / "klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", KLINE_HEADER, *first)
    write(um / "klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip", KLINE_HEADER, kline(2, ("1010", "1020", "1000", "1015")))
    write(
        um / "indexPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip",
        KLINE_HEADER,
        kline(0, ("1001", "1101", "901", "1051")),
    )
    write(um / "markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", "broken")
    write(um / "fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.csv", f"{FIRST_MS + HOUR},8,0.0003")
    write(spot / "klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.csv", *first)
    write(
        um / "bookTicker/ETHUSDT/ETHUSDT-bookTicker-2024-01-01.csv.gz", TICKER_HEADER, f"1,99,2,100,3,{FIRST_MS + 5},1"
    )
    write(um / "aggTrades/ETHUSDT/ETHUSDT-aggTrades-2024-01-01.zip", TRADES_HEADER, f"1,99,2,1,1,{FIRST_MS + 9},true")
    write(folder / "readme.csv", "nothing")


def test_a_copy_of_the_public_site_is_a_market(tmp_path: Path) -> None:
    """Files are found by name and folder, months follow each other, and every kind has its part."""
    published(tmp_path)
    source = market(tmp_path, list(INSTRUMENTS.values()), START_MS, COARSE)
    eth: Key = ("usdm", "ETHUSDT")
    stage = Stage(INSTRUMENTS[key] for key in (SPOT, PERP, eth))

    stage.play(source.opening())
    stage.play(source.until(START_MS + 4 * HOUR))

    assert source.keys == {SPOT, PERP, eth}
    assert source.ended
    assert stage.books[PERP].mid == pytest.approx(1015, rel=1e-3)
    assert stage.books[SPOT].mid == pytest.approx(1010, rel=1e-3)
    assert stage.indices["BTCUSDT"] == 1051 * SCALE
    assert [rate.rate for rate in stage.rates] == [30_000]
    assert [take.time_ms - START_MS for take in stage.takes if take.key == eth] == [4]


def test_a_folder_without_known_files_is_refused(tmp_path: Path) -> None:
    """It says where it looked; a broken row in a file that is used is named when it is reached."""
    with pytest.raises(FileNotFoundError, match="no klines or bookTicker files"):
        market(tmp_path, list(INSTRUMENTS.values()))
    write(tmp_path / "um/BTCUSDT-1h-2024-01.csv", kline(0, ("1", "1", "1", "1")), "1,2,3")
    with pytest.raises(DumpError, match=r"BTCUSDT-1h-2024-01.csv:2: 3 columns"):
        list(market(tmp_path, list(INSTRUMENTS.values()), None, COARSE).until(FIRST_MS + 2 * HOUR))


def test_real_bars_play(data_dir: Path) -> None:
    """A week of real hourly bars: the mid ends each hour at the recorded close, to a basis point."""
    file = data_dir / "prices" / "binance-usdm-BTCUSDT-1h-2024.csv.gz"
    if not file.exists():
        pytest.skip(f"no {file}; TRIMTAB_DATA names a folder that holds prices/")
    with gzip.open(file, "rt") as text:
        closes = [
            (int(row["time_ms"]) + HOUR, float(row["close"]))
            for row, _ in zip(csv.DictReader(text), range(168), strict=False)
        ]
    source = HistoryMarket([INSTRUMENTS[PERP]], [bar_flows(INSTRUMENTS[PERP], klines(file, HOUR), COARSE)])
    stage = Stage([INSTRUMENTS[PERP]])
    stage.play(source.opening())

    for end_ms, close in closes:
        stage.play(source.until(end_ms - 1))
        assert stage.books[PERP].mid == pytest.approx(close, rel=1e-4)
