"""The public dump files: read as they are, in every packing, and a bad row named by file and line."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from bot.simex.core.numbers import SCALE, scaled
from bot.simex.core.order import BUY, SELL
from bot.simex.sources import dumps
from bot.simex.sources.dumps import (
    Bar,
    BestPrices,
    DumpError,
    PublicTrade,
    Rate,
    agg_trades,
    book_tickers,
    bybit_trades,
    funding_rates,
    klines,
    time_ms,
)
from tests.simex.sources.dump_files import FIRST_MS, HOUR, KLINE_HEADER, TICKER_HEADER, TRADES_HEADER, kline, write

ROWS = (kline(0, ("100.5", "110", "90", "105"), "12.5"), kline(1, ("105", "106", "104", "104"), "0"))
BARS = [
    Bar(FIRST_MS, FIRST_MS + HOUR, *(scaled(Decimal(x)) for x in ("100.5", "110", "90", "105", "12.5"))),
    Bar(FIRST_MS + HOUR, FIRST_MS + 2 * HOUR, *(scaled(Decimal(x)) for x in ("105", "106", "104", "104", "0"))),
]


@pytest.mark.parametrize("name", ["a.csv", "a.zip", "a.csv.gz"])
@pytest.mark.parametrize("header", [(), (KLINE_HEADER,)])
def test_klines_read_in_every_packing_with_and_without_a_header(tmp_path: Path, name: str, header: tuple[str]) -> None:
    """Plain, zip and gzip; futures files have a header, older and spot files have none."""
    assert list(klines(write(tmp_path / name, *header, *ROWS))) == BARS


def test_klines_of_spot_since_2025_are_in_microseconds(tmp_path: Path) -> None:
    """Times are told by their size."""
    path = write(tmp_path / "a.csv", kline(0, ("100.5", "110", "90", "105"), "12.5", scale=1000))

    assert list(klines(path)) == BARS[:1]


def test_klines_without_a_close_time_need_the_interval(tmp_path: Path) -> None:
    """Six columns are enough when it is said how long a bar is."""
    path = write(tmp_path / "a.csv", "time_ms,open,high,low,close,volume", f"{FIRST_MS},100.5,110,90,105,12.5")

    assert list(klines(path, HOUR)) == BARS[:1]
    with pytest.raises(DumpError, match=r"a\.csv:2: no close_time"):
        list(klines(path))


def test_book_tickers(tmp_path: Path) -> None:
    """Best prices at their transaction time."""
    path = write(tmp_path / "a.zip", TICKER_HEADER, f"1,99.5,2,100.5,3,{FIRST_MS},{FIRST_MS + 5}")

    assert list(book_tickers(path)) == [
        BestPrices(FIRST_MS, 995 * SCALE // 10, 2 * SCALE, 1005 * SCALE // 10, 3 * SCALE)
    ]


def test_funding_rates_keep_their_sign(tmp_path: Path) -> None:
    """The rate is the last column, of 1e-8, rounded where a file has more decimals."""
    rows = (
        "calc_time,funding_interval_hours,last_funding_rate",
        f"{FIRST_MS},8,-0.00012345",
        f"{FIRST_MS + HOUR},8,1e-4",
    )

    assert list(funding_rates(write(tmp_path / "a.csv", *rows))) == [
        Rate(FIRST_MS, -12_345),
        Rate(FIRST_MS + HOUR, 10_000),
    ]
    assert list(funding_rates(write(tmp_path / "b.csv", f"{FIRST_MS},0.000000015"))) == [Rate(FIRST_MS, 2)]


def test_agg_trades(tmp_path: Path) -> None:
    """The buyer was the maker: the seller took. Spot files write it with a capital and one column more."""
    rows = (TRADES_HEADER, f"1,99.5,2,1,1,{FIRST_MS},true", f"2,100,1,2,2,{FIRST_MS + 1},False,True")

    assert list(agg_trades(write(tmp_path / "a.csv", *rows))) == [
        PublicTrade(FIRST_MS, 995 * SCALE // 10, 2 * SCALE, SELL),
        PublicTrade(FIRST_MS + 1, 100 * SCALE, SCALE, BUY),
    ]


def test_bybit_trades_of_contracts_and_of_spot(tmp_path: Path) -> None:
    """Seconds with decimals and `size`, or milliseconds and `volume`: columns go by their names."""
    contract = write(
        tmp_path / "BTCUSDT2024-01-01.csv.gz",
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
        "1704067200.1234,BTCUSDT,Sell,0.5,42000.5,ZeroMinusTick,x,1,1,1",
    )
    spot = write(tmp_path / "s.csv", "id,timestamp,price,volume,side", f"1,{FIRST_MS},42000.5,0.5,buy")

    assert list(bybit_trades(contract)) == [PublicTrade(FIRST_MS + 123, 420005 * SCALE // 10, SCALE // 2, SELL)]
    assert list(bybit_trades(spot)) == [PublicTrade(FIRST_MS, 420005 * SCALE // 10, SCALE // 2, BUY)]


Reader = Callable[[Path], Iterable[object]]
GOOD_TICKER = f"1,99,2,100,3,{FIRST_MS},{FIRST_MS}"


@pytest.mark.parametrize(
    ("reader", "row", "message"),
    [
        (klines, "1,2", "2 columns, at least 6 are needed"),
        (klines, kline(2, ("100", "90", "95", "98")), "no bar: open 100"),
        (klines, kline(2, ("x", "90", "95", "98")), "'x' is not a number"),
        (klines, "0,1,1,1,1,1,1", "'0' is not a time"),
        (klines, "-5,1,1,1,1,1,1", "'-5' is not a time"),
        (klines, kline(2, ("1", "1", "1", "1"), "nan"), "'nan' is not a finite number"),
        (book_tickers, f"2,100,1,100,1,{FIRST_MS}", "bid 100 and ask 100 are crossed"),
        (book_tickers, f"2,0,0,100,1,{FIRST_MS}", "crossed or empty"),
        (agg_trades, f"2,1,1,1,1,{FIRST_MS},maybe", "'maybe' is neither true nor false"),
        (funding_rates, f"{FIRST_MS},8,", "'' is not a finite number"),
    ],
)
def test_a_bad_row_is_one_clear_line(tmp_path: Path, reader: Reader, row: str, message: str) -> None:
    """Reading ends with the file's name, the number of the line and what is wrong with it."""
    good = {klines: ROWS[0], book_tickers: GOOD_TICKER, agg_trades: f"1,1,1,1,1,{FIRST_MS},true"}
    path = write(tmp_path / "bad.csv", good.get(reader, f"{FIRST_MS},8,0.1"), row)

    with pytest.raises(DumpError) as caught:
        list(reader(path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bybit_trades_need_their_header(tmp_path: Path) -> None:
    """Without names the columns cannot be known; a missing one is named."""
    with pytest.raises(DumpError, match=":1: no header"):
        list(bybit_trades(write(tmp_path / "a.csv", "1704067200.1,BTCUSDT,Sell,0.5,42000.5")))
    with pytest.raises(DumpError, match=":1: no column price"):
        list(bybit_trades(write(tmp_path / "b.csv", "timestamp,side,size,x,y")))
    with pytest.raises(DumpError, match=":1: no column size"):
        list(bybit_trades(write(tmp_path / "c.csv", "timestamp,side,price,x,y")))


@pytest.mark.parametrize("name", ["a.zip", "a.gz"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    """A broken download is a DumpError like a bad row."""
    path = tmp_path / name
    path.write_bytes(b"nothing of the kind")

    with pytest.raises(DumpError, match=f"{name}:1: "):
        list(klines(path))


def test_a_truncated_gzip_is_refused_where_it_ends(tmp_path: Path) -> None:
    """What could be read was read; the end is missing."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("\n".join(ROWS * 50).encode())[:-12])

    with pytest.raises(DumpError, match=r"a\.csv\.gz:"):
        list(klines(path))


def test_an_archive_has_one_file(tmp_path: Path) -> None:
    """Which of two would be meant cannot be known."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", ROWS[0])
        archive.writestr("b.csv", ROWS[0])

    with pytest.raises(DumpError, match="2 CSV files"):
        list(klines(path))


def test_a_row_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A row has a longest length."""
    with pytest.raises(DumpError, match=f"{dumps.ROW_CHARACTERS_MAX} characters"):
        list(klines(write(tmp_path / "a.csv", "1," * dumps.ROW_CHARACTERS_MAX)))


@pytest.mark.parametrize("text", ["1704067200000", "1704067200000999", "1704067200000999999"])
def test_times_are_told_by_their_size(text: str) -> None:
    """Milliseconds, microseconds, nanoseconds."""
    assert time_ms(text) == FIRST_MS
