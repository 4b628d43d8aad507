"""Spot's parameters `symbol` and `symbols`, and the shape FULL or MINI of a ticker."""

from __future__ import annotations

import json
from typing import Final

from bot.simex.binance.desk import Desk
from bot.simex.binance.errors import BAD_SYMBOL, VenueError, illegal, venue_error
from bot.simex.binance.params import Params
from bot.simex.core.instrument import Instrument

SYMBOLS_LEGAL: Final = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'


def listed_symbols(desk: Desk, params: Params) -> tuple[list[Instrument], bool]:
    """The instruments of `symbol`, of the JSON list `symbols`, or all; and whether a single one was asked for."""
    if "symbols" not in params:
        return desk.some_symbols(params)
    if "symbol" in params:
        raise VenueError(-1128, "Combination of optional parameters invalid.")
    try:
        names = json.loads(params.text("symbols"))
    except (ValueError, RecursionError):
        raise illegal("symbols", SYMBOLS_LEGAL) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise illegal("symbols", SYMBOLS_LEGAL)
    found = [desk.exchange.instruments.get((desk.market, name)) for name in names]
    if None in found:
        raise venue_error(BAD_SYMBOL)
    return [one for one in found if one is not None], False


def ticker_shape(params: Params) -> bool:
    """Whether a ticker is to be told in full."""
    bad = VenueError(-1139, "Invalid ticker type.")
    return params.one_of("type", ("FULL", "MINI"), bad, "FULL") == "FULL"
