"""What the three ccxt sessions trade: the markets of a venue under their unified names, and how ccxt is set up.

A session is told the venue as its second argument.
"""

from __future__ import annotations

import sys
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
