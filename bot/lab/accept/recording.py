"""What a recorded market's book was at a moment, rebuilt here from the capture alone.

This is the second opinion on fills: it shares no code with the exchange that gave them. A capture's line is
`<receive ns> <JSON>`; the book is a snapshot, the diffs after it, and the best bid and ask where the ticker is newer.
"""

import gzip
import json
import math
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

Levels = dict[Decimal, Decimal]


class BookAt:
    """A book that is moved forward through a capture."""

    def __init__(self, path: Path) -> None:
        self._lines = _lines(path)
        self._next = next(self._lines, None)
        self._sides: dict[str, Levels] = {"b": {}, "a": {}}
        self._last = 0
        self._early: list[dict[str, Any]] = []
        self._ticker: dict[str, Any] | None = None

    def advance(self, moment_ns: int) -> None:
        """Apply every line up to and including `moment_ns`; moments must not go back."""
        while self._next is not None and self._next[0] <= moment_ns:
            self._apply(self._next[1])
            self._next = next(self._lines, None)

    def quantity(self, side: str, price: Decimal) -> Decimal:
        """What stood at a price on a side (`b` or `a`)."""
        if self._ticker is not None and self._ticker["u"] > self._last:
            best, size = Decimal(self._ticker[side]), Decimal(self._ticker[side.upper()])
            if price == best:
                return size
            if price > best if side == "b" else price < best:
                return Decimal(0)
        return self._sides[side].get(price, Decimal(0))

    def _apply(self, message: dict[str, Any]) -> None:
        if "lastUpdateId" in message:
            self._last = message["lastUpdateId"]
            self._sides = {side: _levels(message[name]) for side, name in (("b", "bids"), ("a", "asks"))}
            for diff in self._early:
                self._diff(diff)
            return
        data, stream = message["data"], message["stream"].partition("@")[2]
        if stream == "bookTicker":
            self._ticker = data
        elif stream.startswith("depth"):
            self._diff(data)

    def _diff(self, data: dict[str, Any]) -> None:
        if not self._last:
            self._early.append(data)
            return
        if data["u"] <= self._last:
            return
        self._last = data["u"]
        for side in ("b", "a"):
            for price, size in data[side]:
                if Decimal(size):
                    self._sides[side][Decimal(price)] = Decimal(size)
                else:
                    self._sides[side].pop(Decimal(price), None)


def _levels(rows: list[list[str]]) -> Levels:
    return {Decimal(price): Decimal(size) for price, size in rows}


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with gzip.open(path, "rt", encoding="ascii") as stream:
        for line in stream:
            stamp, _, payload = line.partition(" ")
            yield int(stamp), json.loads(payload)


def write_made_up(directory: Path, seconds: int, seed: int = 7) -> None:
    """Captures of a made-up market in the same format, for whoever has no recorded ones."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    for symbol, price, tick, size in (("btcusdt", 60_000.0, "0.1", 1.5), ("ethusdt", 2_600.0, "0.01", 30.0)):
        for market, basis in (("spot", 1.0), ("usdm", 1.0002)):
            path = directory / f"{market}_{symbol}_made_up.gz"
            with gzip.open(path, "wt", encoding="ascii") as stream:
                stream.writelines(_made_up(rng, market, symbol, price * basis, Decimal(tick), size, seconds))


def _made_up(
    rng: random.Random, market: str, symbol: str, price: float, tick: Decimal, size: float, seconds: int
) -> Iterator[str]:
    start, sequence = 1_700_000_000_000_000_000, 1_000
    for step in range(seconds * 10):
        now = start + step * 100_000_000
        price *= math.exp(rng.gauss(0, 2e-5))
        best = Decimal(int(Decimal(repr(price)) / tick)) * tick
        bids = [[str(best - tick * k), f"{rng.uniform(0.1, 1) * size:.3f}"] for k in range(60)]
        asks = [[str(best + tick * (k + 1)), f"{rng.uniform(0.1, 1) * size:.3f}"] for k in range(60)]
        first, sequence = sequence + 1, sequence + 10
        if step == 0:
            yield f"{now} {json.dumps({'lastUpdateId': sequence, 'bids': bids, 'asks': asks})}\n"
        else:
            gone = [[str(best + tick * k), "0"] for k in range(1, 40)], [[str(best - tick * k), "0"] for k in range(40)]
            diff = {"e": "depthUpdate", "E": now // 10**6, "s": symbol.upper(), "U": first, "u": sequence}
            diff |= {"b": gone[0] + bids, "a": gone[1] + asks}
            if market == "usdm":
                diff |= {"T": now // 10**6, "pu": first - 1}
            yield f"{now} {json.dumps({'stream': f'{symbol}@depth@100ms', 'data': diff})}\n"
        ticker = {
            "u": sequence,
            "s": symbol.upper(),
            "b": bids[0][0],
            "B": bids[0][1],
            "a": asks[0][0],
            "A": asks[0][1],
        }
        if market == "usdm":
            ticker |= {"e": "bookTicker", "T": now // 10**6, "E": now // 10**6}
        yield f"{now} {json.dumps({'stream': f'{symbol}@bookTicker', 'data': ticker})}\n"
