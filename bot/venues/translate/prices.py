"""Binance's mark prices as exact decimals."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.venues.translate.binance import Unreadable, finite


class _Mark(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    mark_price: Decimal


def mark_prices(body: bytes) -> dict[str, Decimal]:
    """Mark prices by symbol, quote currency per coin: one object, or a list of them.

    What no longer trades is listed at zero and left out here; a price below zero is refused.
    """
    if body.lstrip().startswith(b"["):
        rows = msgspec.json.decode(body, type=list[_Mark])
    else:
        rows = [msgspec.json.decode(body, type=_Mark)]
    for row in rows:
        finite(row.mark_price)
        if not row.symbol or row.mark_price < 0:
            raise Unreadable("a mark price without a symbol or below zero")
    return {row.symbol: row.mark_price for row in rows if row.mark_price}
