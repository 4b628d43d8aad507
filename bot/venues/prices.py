"""The marks of USD-M futures over REST: what things cost before the streams have said anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.venues import routes
from bot.venues.translate.errors import BINANCE, Trouble, described
from bot.venues.translate.prices import mark_prices

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from bot.venues.client import Client

MARK_SYMBOLS_MAX = 10
"""Up to so many symbols are asked one by one; from there on one request for all of them costs the same weight."""


class PricesUnreadable(Exception):
    """The venue gives no mark price, or not of every symbol. The text is one line, fit for a person."""


async def read_marks(client: Client, symbols: Iterable[str]) -> dict[str, Decimal]:
    """The mark price of each of these USD-M symbols, quote currency per coin; needs no key.

    Raises PricesUnreadable where one is missing: what is judged by prices is judged by all of them.
    """
    wanted = sorted(set(symbols))
    found: dict[str, Decimal] = {}
    for part in await _read(client, wanted):
        if isinstance(part, Trouble):
            raise PricesUnreadable(f"the mark prices cannot be read: {described(BINANCE, part)}")
        found |= part
    if missing := [symbol for symbol in wanted if symbol not in found]:
        raise PricesUnreadable(f"{routes.USDM_HOST} gives no mark price of {', '.join(missing)}")
    return {symbol: found[symbol] for symbol in wanted}


async def _read(client: Client, symbols: list[str]) -> list[dict[str, Decimal] | Trouble]:
    if len(symbols) > MARK_SYMBOLS_MAX:
        return [await client.read(routes.MARKS_EVERYWHERE, {}, mark_prices)]
    asked = (client.read(routes.MARKS, {"symbol": symbol}, mark_prices) for symbol in symbols)
    return list(await asyncio.gather(*asked))
