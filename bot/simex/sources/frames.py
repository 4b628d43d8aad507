"""Recorded websocket frames: finding captures, reading them line by line, typing their messages.

Two formats. A Binance capture is a gzip file of lines `<local receive ns> <JSON>`; the JSON is a combined-stream
message (bookTicker, trade, depth diff) or a REST depth snapshot; such files are named `<category>_<symbol>_*.gz`, for
example `usdm_btcusdt_20240808.gz`. A Bybit archive is the zip file that Bybit publishes of its order books
(`2024-12-01_XRPUSDT_ob500.data.zip`): lines of JSON, snapshots and deltas with their time. A line is decoded only when
its time has come, and files are read as they are needed.
"""

from __future__ import annotations

import gzip
import heapq
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.simex.core.instrument import Category, Key
from bot.simex.core.order import BUY, SELL, Side
from bot.simex.sources.ladder import Pair
from bot.simex.sources.text import whole

NANOS_PER_MS = 1_000_000
# The name of a stream is near the start of a line; looking further would be looking into data.
_STREAM_WITHIN = 80
_BYBIT_START = b'{"topic":"orderbook.'
_BYBIT_TIME = re.compile(rb'"ts":(\d+)')
_TextPair = tuple[str, str]


class Best(msgspec.Struct, frozen=True):
    """The best bid and ask after an update."""

    update_id: int
    bid: Pair
    ask: Pair


class Diff(msgspec.Struct, frozen=True):
    """Levels as they are after updates `first` to `last`; `previous`, on Binance futures, ended the diff before."""

    first: int
    last: int
    previous: int | None
    bids: list[Pair]
    asks: list[Pair]


class Snapshot(msgspec.Struct, frozen=True):
    """A whole book as of an update."""

    update_id: int
    bids: list[Pair]
    asks: list[Pair]


class RecordedTrade(msgspec.Struct, frozen=True):
    """A public trade."""

    price: int
    quantity: int
    aggressor: Side


Message = Best | Diff | Snapshot | RecordedTrade


class Line(NamedTuple):
    """An undecoded line; sorts by time, then by the order of the files, then by its place in its file."""

    received_ns: int
    place: int
    number: int
    key: Key
    path: Path
    payload: bytes


def captures(directory: Path, keys: Iterable[Key]) -> dict[Key, list[Path]]:
    """The Binance captures of each instrument that has any, in the order of their names.

    A file belongs to the longest symbol that fits: `usdm_btcusdt_241227_x.gz` is of BTCUSDT_241227 where that is asked
    for, and of BTCUSDT otherwise.
    """
    prefixes = sorted(((f"{key[0]}_{key[1].lower()}_", key) for key in keys), key=lambda one: -len(one[0]))
    found: dict[Key, list[Path]] = {}
    for path in sorted(directory.glob("*.gz")):
        key = next((key for prefix, key in prefixes if path.name.startswith(prefix)), None)
        if key is not None:
            found.setdefault(key, []).append(path)
    return found


def archives(directory: Path, category: Category, names: Iterable[str]) -> dict[Key, list[Path]]:
    """The Bybit order book archives of each symbol that has any, in the order of their names."""
    files = sorted(directory.glob("*ob500.data.zip"))
    found = {name: [path for path in files if name.lower() in re.split("[-_]", path.name.lower())] for name in names}
    return {(category, name): paths for name, paths in found.items() if paths}


def lines(files: Mapping[Key, Sequence[Path]]) -> Iterator[Line]:
    """All files merged by time. ValueError, with file and line, for a line that has no time."""
    return heapq.merge(*(_file_lines(place, key, paths) for place, (key, paths) in enumerate(files.items())))


def decode(line: Line) -> Message | None:
    """The message of a line, None for a stream that books have no use for. ValueError, with file and line."""
    try:
        return _decoded(line.payload)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"{line.path}:{line.number}: {error}") from None


def _decoded(payload: bytes) -> Message | None:
    if payload.startswith(b'{"lastUpdateId"'):
        raw = _SNAPSHOT.decode(payload)
        return Snapshot(raw.last_update_id, _pairs(raw.bids), _pairs(raw.asks))
    if payload.startswith(_BYBIT_START):
        return _bybit(_BYBIT.decode(payload))
    at = payload.find(b"@", 0, _STREAM_WITHIN)
    if payload.startswith(b"bookTicker", at + 1):
        best = _TICKER.decode(payload).data
        return Best(best.u, (whole(best.b), whole(best.B)), (whole(best.a), whole(best.A)))
    if payload.startswith(b"depth", at + 1):
        diff = _DIFF.decode(payload).data
        return Diff(diff.U, diff.u, diff.pu, _pairs(diff.b), _pairs(diff.a))
    if payload.startswith(b"trade", at + 1):
        trade = _TRADE.decode(payload).data
        return RecordedTrade(whole(trade.p), whole(trade.q), SELL if trade.m else BUY)
    return None


class _Ticker(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str


class _Depth(msgspec.Struct):
    U: int
    u: int
    b: list[_TextPair]
    a: list[_TextPair]
    pu: int | None = None


class _Trade(msgspec.Struct):
    p: str
    q: str
    m: bool


class _TickerFrame(msgspec.Struct):
    data: _Ticker


class _DepthFrame(msgspec.Struct):
    data: _Depth


class _TradeFrame(msgspec.Struct):
    data: _Trade


class _RestBook(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[_TextPair]
    asks: list[_TextPair]


class _BybitBook(msgspec.Struct):
    u: int
    b: list[_TextPair]
    a: list[_TextPair]


class _BybitFrame(msgspec.Struct):
    type: str
    data: _BybitBook


_TICKER = msgspec.json.Decoder(_TickerFrame)
_DIFF = msgspec.json.Decoder(_DepthFrame)
_TRADE = msgspec.json.Decoder(_TradeFrame)
_SNAPSHOT = msgspec.json.Decoder(_RestBook)
_BYBIT = msgspec.json.Decoder(_BybitFrame)


def _bybit(frame: _BybitFrame) -> Snapshot | Diff:
    book = frame.data
    if frame.type == "snapshot":
        return Snapshot(book.u, _pairs(book.b), _pairs(book.a))
    return Diff(book.u, book.u, None, _pairs(book.b), _pairs(book.a))


def _pairs(levels: list[_TextPair]) -> list[Pair]:
    return [(whole(price), whole(quantity)) for price, quantity in levels]


def _file_lines(place: int, key: Key, paths: Sequence[Path]) -> Iterator[Line]:
    for path in paths:
        with _opened(path) as stream:
            for number, line in enumerate(stream, 1):
                if line := line.strip():
                    received_ns, payload = _timed(line, path, number)
                    yield Line(received_ns, place, number, key, path, payload)


def _timed(line: bytes, path: Path, number: int) -> tuple[int, bytes]:
    if line.startswith(_BYBIT_START):
        if found := _BYBIT_TIME.search(line, 0, 2 * _STREAM_WITHIN):
            return int(found[1]) * NANOS_PER_MS, line
    else:
        stamp, _, payload = line.partition(b" ")
        if stamp.isdigit() and payload:
            return int(stamp), payload
    raise ValueError(f"{path}:{number}: no time at the start of the line")


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
            yield stream
    else:
        with gzip.open(path, "rb") as stream:
            yield stream
