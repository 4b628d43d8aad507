"""What the asynchronous python-binance session is helped by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from story import stopped, tick_of

Rows = list[dict[str, Any]]


@asynccontextmanager
async def listening(socket: Any) -> AsyncIterator[Rows]:
    """What a socket tells while the block runs."""
    heard: Rows = []

    async def listen() -> None:
        while True:
            heard.append(await stream.recv())

    async with socket as stream:
        task = asyncio.ensure_future(listen())
        try:
            yield heard
        finally:
            await stopped(task)


def sides(quote: dict[str, Any], places: int) -> tuple[str, str, str]:
    """A price far below, the best ask, and one above it."""
    return tick_of(quote["bidPrice"], 0.97, places), quote["askPrice"], tick_of(quote["askPrice"], 1.002, places)
