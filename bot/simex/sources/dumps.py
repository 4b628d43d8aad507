"""The exchanges' public dump files, read as they are: plain, gzip or zip, with or without a header, row by row.

Binance (data.binance.vision): klines, bookTicker, fundingRate, aggTrades; times in milliseconds, or in microseconds as
in spot files since 2025. Bybit (public.bybit.com): trading files of contracts and of spot. A bad row ends the reading
with one line that names file and line. Nothing is held but the row at hand.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from bot.simex.core.order import BUY, SELL, Side
from bot.simex.sources.text import nearest, whole

# Times above these are in microseconds, nanoseconds.
MICROS_FROM = 10**14
NANOS_FROM = 10**17
ROW_CHARACTERS_MAX = 10_000

Row = TypeVar("Row")


class DumpError(ValueError):
    """A file that is not what it should be; the message names file and line."""


class Bar(msgspec.Struct, frozen=True):
    """A kline: from `open_ms` up to, not including, `end_ms`. Prices and volume (in base or contracts) of 1e-8."""

    open_ms: int
    end_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class BestPrices(msgspec.Struct, frozen=True):
    """A row of a bookTicker file."""

    time_ms: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Rate(msgspec.Struct, frozen=True):
    """A funding rate of 1e-8 as it was charged."""

    time_ms: int
    rate: int


class PublicTrade(msgspec.Struct, frozen=True):
    """A row of a trades file."""

    time_ms: int
    price: int
    quantity: int
    aggressor: Side


def klines(path: Path, interval_ms: int | None = None) -> Iterator[Bar]:
    """Binance klines. A file without the column close_time needs the interval. DumpError for a bad row."""

    def bar(row: Sequence[str]) -> Bar:
        open_ms = time_ms(row[0])
        if interval_ms is None and len(row) < 7:
            raise ValueError("no close_time: the interval must be given")
        end_ms = open_ms + interval_ms if interval_ms is not None else time_ms(row[6]) + 1
        opened, high, low, close = (whole(text) for text in row[1:5])
        if not 0 < low <= min(opened, close) <= max(opened, close) <= high or end_ms <= open_ms:
            shown = f"open {row[1]}, high {row[2]}, low {row[3]}, close {row[4]}"
            raise ValueError(f"no bar: {shown}: above 0, low the lowest, high the highest and an end after its begin")
        return Bar(open_ms, end_ms, opened, high, low, close, nearest(row[5]))

    return _read(path, 6, bar)


def book_tickers(path: Path) -> Iterator[BestPrices]:
    """Binance bookTicker: id, bid, its quantity, ask, its quantity, transaction time. DumpError for a bad row."""

    def best(row: Sequence[str]) -> BestPrices:
        bid, bid_quantity, ask, ask_quantity = (whole(text) for text in row[1:5])
        if not 0 < bid < ask:
            raise ValueError(f"bid {row[1]} and ask {row[3]} are crossed or empty: allowed is 0 < bid < ask")
        return BestPrices(time_ms(row[5]), bid, bid_quantity, ask, ask_quantity)

    return _read(path, 6, best)


def funding_rates(path: Path) -> Iterator[Rate]:
    """Binance fundingRate: calc_time first, the rate last. DumpError for a bad row."""
    return _read(path, 2, lambda row: Rate(time_ms(row[0]), nearest(row[-1])))


def agg_trades(path: Path) -> Iterator[PublicTrade]:
    """Binance aggTrades: id, price, quantity, first and last id, time, is_buyer_maker. DumpError for a bad row."""

    def trade(row: Sequence[str]) -> PublicTrade:
        return PublicTrade(time_ms(row[5]), whole(row[1]), whole(row[2]), _side(row[6], sells="true", buys="false"))

    return _read(path, 7, trade)


def bybit_trades(path: Path) -> Iterator[PublicTrade]:
    """Bybit's trading files, in the order of time: columns are found by their names. DumpError for a bad row."""
    columns: dict[str, int] = {}

    def header(row: Sequence[str]) -> None:
        columns.update((name.strip().lower(), place) for place, name in enumerate(row))
        missing = {"timestamp", "price", "side"} - columns.keys()
        if missing or not {"size", "volume"} & columns.keys():
            raise ValueError(f"no column {', '.join(sorted(missing)) or 'size'}")

    def trade(row: Sequence[str]) -> PublicTrade:
        if not columns:
            raise ValueError("no header")
        size = row[columns["size" if "size" in columns else "volume"]]
        side = _side(row[columns["side"]], sells="sell", buys="buy")
        return PublicTrade(_bybit_ms(row[columns["timestamp"]]), whole(row[columns["price"]]), nearest(size), side)

    return _read(path, 5, trade, header)


def time_ms(text: str) -> int:
    """Milliseconds of a time in milli-, micro- or nanoseconds. ValueError when it is no whole number above zero."""
    if not text.isdigit() or not int(text):
        raise ValueError(f"{text!r} is not a time")
    value = int(text)
    if value >= NANOS_FROM:
        return value // 1_000_000
    return value // 1_000 if value >= MICROS_FROM else value


def _bybit_ms(text: str) -> int:
    # Contracts: seconds with decimals; spot: milliseconds.
    return int(Decimal(nearest(text)) / 10**5) if "." in text or len(text) <= 10 else time_ms(text)


def _side(text: str, *, sells: str, buys: str) -> Side:
    match text.strip().lower():
        case word if word == sells:
            return SELL
        case word if word == buys:
            return BUY
        case _:
            raise ValueError(f"{text!r} is neither {sells} nor {buys}")


def _read(
    path: Path,
    columns_min: int,
    parse: Callable[[Sequence[str]], Row],
    header: Callable[[Sequence[str]], None] = lambda _: None,
) -> Iterator[Row]:
    number = 0
    try:
        with _opened(path) as text:
            for row in csv.reader(_lines(text)):
                number += 1
                if not row:
                    continue
                if number == 1 and not row[0].strip()[:1].isdigit():
                    header(row)
                    continue
                if len(row) < columns_min:
                    raise ValueError(f"{len(row)} columns, at least {columns_min} are needed")
                yield parse(row)
    except (ValueError, csv.Error, zlib.error, EOFError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise DumpError(f"{path}:{max(1, number)}: {error}") from None


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(ROW_CHARACTERS_MAX):
        if len(line) == ROW_CHARACTERS_MAX:
            raise ValueError(f"a row of {ROW_CHARACTERS_MAX} characters or more")
        yield line


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise ValueError(f"{len(names)} CSV files in the archive, one is needed")
            with archive.open(names[0]) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
                yield text
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            yield text
    else:
        with path.open(encoding="utf-8", newline="") as text:
            yield text
