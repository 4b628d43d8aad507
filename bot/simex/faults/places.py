"""Where a request or a name belongs, as scopes ask for it."""

from __future__ import annotations

import re
from typing import Final

from bot.simex.bybit.hosts import BYBIT
from bot.simex.wire import Request

_SYMBOL: Final = re.compile(r'(?:(?:^|&)symbol=|"symbol"\s*:\s*")([^&"]*)')


def venue_of(host: str) -> str:
    """The venue that answers under a host name."""
    return "bybit" if host in BYBIT else "binance"


def symbol_of(request: Request) -> str:
    """The symbol that a request names, in its query, a form or an object; empty when it names none."""
    for text in (request.query, request.body.decode("latin-1")):
        found = _SYMBOL.search(text)
        if found:
            return found[1]
    return ""


def reduces(request: Request) -> bool:
    """Whether the venues spare a request when they throttle: cancellations and reduce-only orders."""
    text = f"{request.query}&{request.body.decode('latin-1')}".lower().replace(" ", "")
    cancels = request.method == "DELETE" or "/cancel" in request.path
    return cancels or "reduceonly=true" in text or '"reduceonly":true' in text
