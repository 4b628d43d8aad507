"""What the three ccxt sessions trade: the markets of a venue under their unified names, and how ccxt is set up.

A session is told the venue as its second argument.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from story import Story


@dataclass(frozen=True)
class Desk:
    """One market: its unified symbol, the venue's own name, an amount to trade, one that no price level holds.

    `unaffordable` is within every filter and beyond every balance. `asking` is what this venue wants with a question
    about an order.
    """

    venue: str
    kind: str
    symbol: str
    name: str
    amount: float
    large: float
    unaffordable: float
    asking: dict[str, Any] = field(default_factory=dict)

    @property
    def is_future(self) -> bool:
        """Whether it has leverage, positions and funding."""
        return self.kind != "spot"

    @property
    def title(self) -> str:
        """How the steps are named."""
        return f"{self.venue} {self.kind}"

    @property
    def leverage(self) -> int:
        """Low, so that an order within the filters can be beyond the balances."""
        return 1 if self.kind == "inverse" else 5

    @property
    def margin_modes(self) -> tuple[str, ...]:
        """The margin modes to set, one after the other. Bybit's is the whole account's, and only cross is simulated."""
        return ("isolated", "cross") if self.venue == "binance" else ("cross",)

    @property
    def poor_code(self) -> int | str:
        """What the venue calls an order beyond the balance; of a code that means many things ccxt keeps the words."""
        if self.venue == "binance":
            return -2019 if self.is_future else "insufficient balance"
        return 110007 if self.is_future else 170131

    @property
    def reduce_code(self) -> int:
        """What the venue calls a reduce-only order without a position."""
        return -2022 if self.venue == "binance" else 110017

    @property
    def unknown_code(self) -> int:
        """What the venue calls the cancel of an order that it does not know."""
        if self.venue == "binance":
            return -2011
        return 110001 if self.is_future else 170213

    @property
    def refuses_post_only(self) -> bool:
        """Whether a post-only order that would take is refused; elsewhere it is accepted and then cancelled."""
        return self.venue == "binance" and self.kind != "coinm"

    @property
    def scope(self) -> dict[str, Any]:
        """How ccxt is told which wallet, and which positions, where it does not look at the symbol."""
        if not self.is_future:
            return {"type": "spot"}
        return {"type": "swap", "subType": "inverse" if self.kind in ("coinm", "inverse") else "linear"}


_ASKED = {"acknowledged": True}
DESKS = {
    "binance": (
        Desk("binance", "spot", "BTC/USDT", "BTCUSDT", 0.01, 25.0, 100.0),
        Desk("binance", "usdm", "BTC/USDT:USDT", "BTCUSDT", 0.01, 25.0, 400.0),
        Desk("binance", "coinm", "BTC/USD:BTC", "BTCUSD_PERP", 2, 20_000, 900_000),
    ),
    "bybit": (
        # One wallet serves all three, at the same time in some sessions: together the large orders fit into it.
        Desk("bybit", "spot", "BTC/USDT", "BTCUSDT", 0.01, 15.0, 60.0, _ASKED),
        Desk("bybit", "linear", "BTC/USDT:USDT", "BTCUSDT", 0.01, 20.0, 450.0, _ASKED),
        Desk("bybit", "inverse", "BTC/USD:BTC", "BTCUSD", 200, 600_000, 3_900_000, _ASKED),
    ),
}


def desks() -> tuple[Desk, ...]:
    """The markets of the venue that the session was told."""
    return DESKS[sys.argv[2]]


def settings(story: Story, **more: Any) -> dict[str, Any]:
    """The constructor's argument: keys and the proxy; the certificate is named differently by each class."""
    return {"apiKey": story.key, "secret": story.secret, "httpsProxy": story.proxy, **more}


@asynccontextmanager
async def opened(client: Any) -> AsyncIterator[Any]:
    """An asynchronous client, closed at the end as `async with` closes it, on every Python."""
    client.open()
    try:
        yield client
    finally:
        try:
            await client.close()
        except AttributeError as error:
            # ccxt lets aiohttp abort, once more, connections that both sides have closed in good order (close frames,
            # then the TLS farewell). The first releases of Python 3.11 cannot: a transport that was closed twice has
            # forgotten its protocol. By then the connector is closed, and closing again does what is left.
            if (error.name, error.obj) != ("_abort", None):
                raise
            await client.close()
