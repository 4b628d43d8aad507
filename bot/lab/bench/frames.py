"""Frames as Binance's combined streams send them, made in bulk. Sequence numbers count up from 1."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

SYMBOLS = ("BTCUSDT", "ETHUSDT")
PRICES = {"BTCUSDT": 60_000.0, "ETHUSDT": 2_500.0}
DEPTH_EVERY = 51
"""In a mixture every so many frames one is a book."""
_LEVELS = 20
_STEPS = 7
_TEXT_FRAME = 0x81

_TICKER = {
    symbol: (
        f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":%d,"s":"{symbol}",'
        '"b":"%.8f","B":"31.21000000","a":"%.8f","A":"40.66000000"}}'
    )
    for symbol in SYMBOLS
}


def _levels(price: float, step: float) -> str:
    return ",".join(f'["{price + step * k:.8f}","{1.5 * k:.8f}"]' for k in range(1, _LEVELS + 1))


_DEPTH = {
    symbol: (
        f'{{"stream":"{symbol.lower()}@depth20@100ms","data":{{"lastUpdateId":%d,'
        f'"bids":[{_levels(PRICES[symbol], -0.01)}],"asks":[{_levels(PRICES[symbol], 0.01)}]}}}}'
    )
    for symbol in SYMBOLS
}


def ticker(sequence: int) -> bytes:
    """A best bid and ask; the symbols take turns, the price wanders within a hundred-thousandth."""
    symbol = SYMBOLS[sequence % len(SYMBOLS)]
    bid = PRICES[symbol] - 0.01 * (sequence % _STEPS + 1)
    return (_TICKER[symbol] % (sequence, bid, bid + 0.02)).encode()


def depth(sequence: int) -> bytes:
    """A book of twenty levels a side; the symbols take turns."""
    return (_DEPTH[SYMBOLS[sequence % len(SYMBOLS)]] % sequence).encode()


def mixture(sequence: int) -> bytes:
    """Tickers with a book now and then."""
    return depth(sequence) if sequence % DEPTH_EVERY == 0 else ticker(sequence)


KINDS: dict[str, Callable[[int], bytes]] = {"ticker": ticker, "depth": depth, "mixture": mixture}


def framed(payload: bytes) -> bytes:
    """A payload as a server's websocket text frame."""
    size = len(payload)
    head = struct.pack("!BB", _TEXT_FRAME, size) if size < 126 else struct.pack("!BBH", _TEXT_FRAME, 126, size)
    return head + payload


def flood(kind: str, after: int, count: int) -> Iterator[bytes]:
    """The `count` websocket frames that follow sequence number `after`."""
    make = KINDS[kind]
    return (framed(make(sequence)) for sequence in range(after + 1, after + count + 1))
