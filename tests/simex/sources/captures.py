"""Captures that tests write, and a second opinion on what book a capture records.

The second opinion keeps to the venues' own instructions for a local book (snapshot, then every diff that follows it)
and knows bookTickers only as statements about the top. It shares no code with the source.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

Frame = dict[str, Any]
TextPairs = list[list[str]]
FIRST_NS = 1_723_161_255_000_000_000


def snapshot(update_id: int, bids: TextPairs, asks: TextPairs) -> Frame:
    """A REST snapshot as it is captured."""
    return {"lastUpdateId": update_id, "bids": bids, "asks": asks}


def diff(first: int, last: int, bids: TextPairs, asks: TextPairs, before: int | None = None) -> Frame:
    """A depth message; `before` makes it a futures one."""
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@100ms", "data": data | ({} if before is None else {"pu": before, "T": 1})}


def ticker(update_id: int, bid: tuple[str, str], ask: tuple[str, str]) -> Frame:
    """A bookTicker message."""
    data = {"u": update_id, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return {"stream": "btcusdt@bookTicker", "data": data}


def trade(price: str, quantity: str = "0.5", *, buyer_is_maker: bool = True) -> Frame:
    """A trade message."""
    data = {"e": "trade", "s": "BTCUSDT", "t": 1, "p": price, "q": quantity, "m": buyer_is_maker}
    return {"stream": "btcusdt@trade", "data": data}


def write_capture(folder: Path, rows: Iterable[tuple[float, Frame]], name: str = "usdm_btcusdt_test.gz") -> Path:
    """Frames at milliseconds after the first, as a capture."""
    path = folder / name
    with gzip.open(path, "wt") as stream:
        for at_ms, frame in rows:
            stream.write(f"{FIRST_NS + round(at_ms * 1e6)} {json.dumps(frame, separators=(',', ':'))}\n")
    return path


def bybit(kind: str, update_id: int, bids: TextPairs, asks: TextPairs, at_ms: int) -> str:
    """A line of a Bybit order book archive."""
    data = {"s": "XRPUSDT", "b": bids, "a": asks, "u": update_id, "seq": 1000 + update_id}
    frame = {"topic": "orderbook.500.XRPUSDT", "type": kind, "ts": 1_733_011_200_000 + at_ms, "data": data, "cts": 1}
    return json.dumps(frame, separators=(",", ":"))


def write_archive(folder: Path, lines: Iterable[str], name: str = "2024-12-01_XRPUSDT_ob500.data.zip") -> Path:
    """A Bybit order book archive."""
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name.removesuffix(".zip"), "\n".join(lines) + "\n")
    return path


class SecondOpinion:
    """The book of one capture by the venue's instructions, and the newest ticker."""

    def __init__(self, *, is_futures: bool) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.update_id = 0
        self.best: tuple[int, int, int, int, int] | None = None
        self.snapshots = 0
        self._is_futures = is_futures
        self._waiting: list[Frame] = []

    @property
    def ticker_leads(self) -> bool:
        """Whether the newest ticker is newer than the levels."""
        return self.best is not None and self.best[0] > self.update_id

    def feed(self, frame: Frame) -> None:
        """One message of the capture."""
        if "lastUpdateId" in frame:
            self._start(frame["lastUpdateId"], frame["bids"], frame["asks"])
        elif "topic" in frame:
            data = frame["data"]
            if frame["type"] == "snapshot":
                self._start(data["u"], data["b"], data["a"])
            else:
                self._write(data["u"], data["b"], data["a"])
        elif "@bookTicker" in frame["stream"]:
            data = frame["data"]
            if self.best is None or data["u"] > self.best[0]:
                self.best = (data["u"], *(units(data[name]) for name in "bBaA"))
        elif "@depth" in frame["stream"]:
            self._depth(frame["data"])

    def _start(self, update_id: int, bids: TextPairs, asks: TextPairs) -> None:
        self.bids, self.asks, self.update_id = {}, {}, update_id
        self.snapshots += 1
        self._write(update_id, bids, asks)
        for data in self._waiting:
            self._depth(data)
        self._waiting.clear()

    def _depth(self, data: Frame) -> None:
        if not self.snapshots:
            self._waiting.append(data)
        elif data["u"] >= self.update_id + (not self._is_futures):
            self._write(data["u"], data["b"], data["a"])

    def _write(self, update_id: int, bids: TextPairs, asks: TextPairs) -> None:
        self.update_id = update_id
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in levels:
                if units(quantity):
                    side[units(price)] = units(quantity)
                else:
                    side.pop(units(price), None)


def units(text: str) -> int:
    """A decimal as an integer of 1e-8."""
    return int(Decimal(text).scaleb(8))


def frames_of(path: Path) -> Iterator[tuple[int, Frame]]:
    """(receive ns, message) of a capture or an archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
            for row in stream:
                frame = json.loads(row)
                yield frame["ts"] * 1_000_000, frame
        return
    with gzip.open(path, "rt") as text:
        for line in text:
            stamp, _, body = line.partition(" ")
            yield int(stamp), json.loads(body)
