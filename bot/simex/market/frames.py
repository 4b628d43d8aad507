"""Recorded Binance websocket frames: reading a capture and typing its messages.

A capture is a gzip file of lines `<local receive ns> <JSON>`; the JSON is a combined-stream message (bookTicker, trade,
depth diff) or a REST depth snapshot. Files are named `<market>_<symbol>_<anything>.gz`, for example
`usdm_btcusdt_20240808.gz`. Lines are decoded only when their time has come.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.simex.market.book import Pair
from bot.simex.model import SymbolKey

# The stream's name is near the start of a line; looking further would be looking into data.
_STREAM_WITHIN = 80


class Line(NamedTuple):
    """An undecoded line of a capture; sorts by time, then by the order of the files."""

    received_ns: int
    place: int
    key: SymbolKey
    payload: bytes


class Ticker(msgspec.Struct, frozen=True):
    """A bookTicker: the best bid and ask after update `u`."""

    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class Diff(msgspec.Struct, frozen=True):
    """A depth diff: levels as they are after updates `U` to `u`; `pu` (usdm only) is the previous diff's `u`."""

    U: int
    u: int
    b: list[Pair]
    a: list[Pair]
    pu: int | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A REST depth snapshot."""

    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[Pair]
    asks: list[Pair]


class RecordedTrade(msgspec.Struct, frozen=True):
    """A public trade; `m` says that the buyer was the maker."""

    p: Decimal
    q: Decimal
    m: bool


class _TickerFrame(msgspec.Struct):
    data: Ticker


class _DiffFrame(msgspec.Struct):
    data: Diff


class _TradeFrame(msgspec.Struct):
    data: RecordedTrade


Message = Ticker | Diff | Snapshot | RecordedTrade
_TICKER = msgspec.json.Decoder(_TickerFrame)
_DIFF = msgspec.json.Decoder(_DiffFrame)
_TRADE = msgspec.json.Decoder(_TradeFrame)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)


def decode(payload: bytes) -> Message | None:
    """The message of a line, or None for a stream that a book has no use for. msgspec.DecodeError when malformed."""
    if payload.startswith(b'{"lastUpdateId"'):
        return _SNAPSHOT.decode(payload)
    at = payload.find(b"@", 0, _STREAM_WITHIN)
    if payload.startswith(b"bookTicker", at + 1):
        return _TICKER.decode(payload).data
    if payload.startswith(b"depth", at + 1):
        return _DIFF.decode(payload).data
    if payload.startswith(b"trade", at + 1):
        return _TRADE.decode(payload).data
    return None


def captures(directory: Path, keys: Sequence[SymbolKey]) -> dict[SymbolKey, list[Path]]:
    """The files of each symbol that has any, in the order of their names."""
    found = {key: sorted(directory.glob(f"{key[0]}_{key[1].lower()}_*.gz")) for key in keys}
    return {key: paths for key, paths in found.items() if paths}


def lines(files: Mapping[SymbolKey, Sequence[Path]]) -> Iterator[Line]:
    """All captures merged by receive time; files are read as they are needed."""
    return heapq.merge(*(_file_lines(place, key, paths) for place, (key, paths) in enumerate(files.items())))


def _file_lines(place: int, key: SymbolKey, paths: Sequence[Path]) -> Iterator[Line]:
    for path in paths:
        with gzip.open(path, "rb") as stream:
            for line in stream:
                stamp, _, payload = line.partition(b" ")
                if payload:
                    yield Line(int(stamp), place, key, payload)
