"""What the bot's owner holds and is hedged by, as the exchange itself knows it."""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from typing import Any, Final

from bot.simex.core.refusal import Refused
from bot.simex.serve import Simex
from bot.simex.truth import truth_of
from tests.e2e.kit import Place

ACCOUNT: Final = "default"
BAND: Final = Decimal("0.01")
LOT: Final = Decimal("0.001")
REMEMBERED_S: Final = 20.0
"""How long a hedge may still be one of what was held before: the bot hears of it, and evidence takes its time."""


class Ledger:
    """Coins and hedges of the account at its places."""

    def __init__(self, simex: Simex, place: Place) -> None:
        self._simex = simex
        self._place = place
        self._left: deque[tuple[float, str, Decimal]] = deque()

    def holding(self, asset: str) -> Decimal:
        """Coins where the portfolio's lie."""
        venue, wallet = self._place.coins
        rows = truth_of(self._simex.exchanges[venue], ACCOUNT)[wallet]
        listed = rows if isinstance(rows, list) else rows["assets"]
        found = (row for row in listed if row["asset"] == asset)
        return sum(
            (row["free"] + row["locked"] if "free" in row else row["wallet_balance"] for row in found), Decimal(0)
        )

    def futures(self, asset: str) -> Decimal:
        """Signed coins of the coin's perpetuals at every venue."""
        return sum((self._futures(venue, asset) for venue in self._place.venues), Decimal(0))

    def _futures(self, venue: str, asset: str) -> Decimal:
        try:
            truth: dict[str, Any] = truth_of(self._simex.exchanges[venue], ACCOUNT)
        except Refused:
            return Decimal(0)
        rows = [row for one in truth.values() if isinstance(one, dict) for row in one.get("positions", ())]
        return sum((Decimal(row["quantity"]) for row in rows if row["symbol"] == f"{asset}USDT"), Decimal(0))

    def off(self, asset: str) -> Decimal:
        """Coins by which what is held is not hedged; > 0: too little is sold."""
        return self.holding(asset) + self.futures(asset)

    def is_in_band(self, asset: str) -> bool:
        """Whether that is within the band, or less than can be traded."""
        return abs(self.off(asset)) <= max(self.holding(asset) * BAND, LOT)

    def moving(self, asset: str) -> None:
        """Coins are about to come or go: a hedge of what is held now is no mistake for a while."""
        self._left.append((time.monotonic(), asset, self.holding(asset)))

    def overdone(self, asset: str, side: int) -> str:
        """What is wrong after a fill of the bot's of that sign; empty: nothing.

        More is sold than there has lately been, or more bought back than has lately left: no hedge asks for that.
        """
        since_s = time.monotonic() - REMEMBERED_S
        lately = [amount for at_s, name, amount in self._left if name == asset and at_s > since_s]
        amounts, sold = [self.holding(asset), *lately], -self.futures(asset)
        is_within = sold <= max(amounts) * (1 + BAND) + LOT if side < 0 else sold >= min(amounts) * (1 - BAND) - LOT
        if is_within:
            return ""
        return f"{asset}: {sold} are sold, and there are or were {amounts}: something was sent twice"
