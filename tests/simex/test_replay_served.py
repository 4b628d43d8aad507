"""Recorded frames served over the wire: their books are what clients see and what orders fill against."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bot.simex.config import SimexConfig
from tests.simex.looks import binance
from tests.simex.pinned import control, running, told

STREAMS = [f"{coin}usdt@{stream}" for coin in ("btc", "eth") for stream in ("bookTicker", "depth20@100ms")]
SALE = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET"}


@pytest.mark.data
async def test_recorded_books_over_the_wire(frames_dir: Path) -> None:
    """Four streams a market tick with the prices of August 2024, and a fill is at a price that the book had."""
    config = SimexConfig(market="recorded", replay_dir=frames_dir, speed=4.0, tick_ms=5)
    async with running(config) as (simex, session):
        for host in ("stream", "fstream"):
            seen: dict[str, Decimal] = {}
            async with session.ws_connect(f"wss://{host}.binance.com/stream?streams=" + "/".join(STREAMS)) as ws:
                while len(seen) < len(STREAMS):
                    frame = json.loads((await ws.receive(timeout=5)).data)
                    data = frame["data"]
                    seen[frame["stream"]] = Decimal(data["b"] if isinstance(data.get("b"), str) else _best(data))
            assert all(60_000 < price < 63_000 for name, price in seen.items() if name.startswith("btc"))
            assert all(2_500 < price < 2_900 for name, price in seen.items() if name.startswith("eth"))

        for market in ("spot", "usdm"):
            await control(simex, session, "place", market=market, quantity="0.5", **SALE)
        fills = (await told(simex, session, "fills"))["fills"]

        assert {"spot", "usdm"} == {fill["market"] for fill in fills}
        assert all(60_000 < Decimal(fill["price"]) < 63_000 for fill in fills)
        assert all(fill["source_time"] > 0 for fill in fills)
        binance(simex).check()


def _best(data: dict[str, list[list[str]]]) -> str:
    return (data.get("bids") or data["b"])[0][0]
