"""What the same frames cost others: picows doing nothing, the least that could decide, and ccxt.pro."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bot.lab.bench.flood import DEADLINE_S, LOOK_EVERY_S, WARM_UP_FRAMES, Flooded, Tap
from bot.lab.bench.frames import PRICES, SYMBOLS
from bot.lab.bench.near_end import Far
from bot.venues.binance import SPOT_STREAM_HOST
from bot.venues.net import socket_factory

_TEXT = WSMsgType.TEXT
_ROOM = 0.01


class _Ticker(msgspec.Struct, gc=False):
    u: int
    s: str
    b: float
    a: float


class _Frame(msgspec.Struct, gc=False):
    data: _Ticker


_decode = msgspec.json.Decoder(_Frame, strict=False).decode


class _Bare(WSListener):
    """Decode, look the instrument up, compare with two bounds: no inbox, no state, no clock."""

    def __init__(self) -> None:
        self.count = 0
        self.acted = 0
        self._boxes = {s: (p * (1 - _ROOM), p * (1 + _ROOM)) for s, p in PRICES.items()}
        self._mids = dict(PRICES)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame."""
        if frame.msg_type is not _TEXT:
            return
        ticker = _decode(frame.get_payload_as_memoryview()).data
        low, high = self._boxes[ticker.s]
        self._mids[ticker.s] = (ticker.b + ticker.a) / 2
        if not low <= ticker.b < ticker.a <= high:
            self.acted += 1
        self.count += 1


class _Empty(WSListener):
    """Counts frames."""

    def __init__(self) -> None:
        self.count = 0
        self.acted = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame."""
        self.count += 1


async def bare(far: Far, kind: str, count: int, *, tls: bool, rate: int = 0) -> Flooded:
    """The bare loop: picows, msgspec and a comparison."""
    return await _listen(_Bare(), far, kind, count, tls=tls, rate=rate)


async def empty(far: Far, kind: str, count: int, *, tls: bool) -> Flooded:
    """Picows with a callback that only counts: reading, TLS and the websocket alone."""
    return await _listen(_Empty(), far, kind, count, tls=tls)


async def _listen(listener: _Bare | _Empty, far: Far, kind: str, count: int, *, tls: bool, rate: int = 0) -> Flooded:
    async with _connected(listener, far, kind, tls=tls) as transport:
        tap = Tap(
            ask=lambda text: transport.send(_TEXT, text),
            arrived=lambda: listener.count,
            healthy=lambda: listener.acted == 0,
        )
        await tap.draw(WARM_UP_FRAMES)
        return Flooded(await tap.draw(count, rate), count, count)


@contextlib.asynccontextmanager
async def _connected(listener: _Bare | _Empty, far: Far, kind: str, *, tls: bool) -> AsyncIterator[WSTransport]:
    path = f"{kind}/1/stream"
    if tls:
        transport, _ = await ws_connect(
            lambda: listener,
            f"wss://{SPOT_STREAM_HOST}/{path}",
            ssl_context=far.context(),
            socket_factory=socket_factory(far.pin),
        )
    else:
        transport, _ = await ws_connect(lambda: listener, far.plain_url(path))
    try:
        yield transport
    finally:
        transport.disconnect(graceful=False)
        await transport.wait_disconnected()


async def ccxt_pro(far: Far, count: int) -> Flooded:
    """`watch_bids_asks` of ccxt.pro in a loop over the same frames without TLS, its own way of reading them.

    ccxt hands out some updates and overwrites others; divided is by the frames that it was sent.
    """
    import ccxt.pro

    exchange: Any = ccxt.pro.binance({"enableRateLimit": False, "newUpdates": True})
    exchange.set_markets([_market(symbol) for symbol in SYMBOLS])
    exchange.urls["api"]["ws"]["spot"] = far.plain_url(f"ticker/{count}/stream")
    names = [f"{symbol.removesuffix('USDT')}/USDT" for symbol in SYMBOLS]

    async def consume() -> None:
        while True:
            await exchange.watch_bids_asks(names)

    def arrived() -> int:
        return max((int(t["info"]["u"]) for t in exchange.bidsasks.values()), default=0)

    began = time.process_time_ns()
    consumer = asyncio.create_task(consume())
    try:
        async with asyncio.timeout(DEADLINE_S):
            while arrived() < count and not consumer.done():  # noqa: ASYNC110 - see `flood.Tap.draw`
                await asyncio.sleep(LOOK_EVERY_S)
        spent = time.process_time_ns() - began
        if consumer.done():
            consumer.result()
    finally:
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)
        await exchange.close()
    return Flooded(spent, count, count)


def _market(symbol: str) -> dict[str, Any]:
    base = symbol.removesuffix("USDT")
    kinds = dict.fromkeys(("margin", "swap", "future", "option", "contract", "linear", "inverse"), False)
    return {
        "id": symbol,
        "lowercaseId": symbol.lower(),
        "symbol": f"{base}/USDT",
        "base": base,
        "quote": "USDT",
        "baseId": base,
        "quoteId": "USDT",
        "type": "spot",
        "spot": True,
        "active": True,
        "precision": {"amount": 1e-5, "price": 0.01},
        "limits": {"amount": {"min": 1e-5}, "cost": {"min": 5.0}},
        "info": {},
        **kinds,
    }
