"""How far the replicas that answer queries are behind the engine: a fixed lag, and one that each query draws anew.

A venue answers queries from several replicas, so that one query may know less than the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Final

import msgspec

from bot.simex.core.events import AccountChanged, Coins
from bot.simex.core.numbers import amount
from bot.simex.core.views import AssetView, TotalsView

_NOTHING: Final = Decimal(0)
_Place = tuple[str, str, str]


class Lag:
    """What a replica needs to know of its lag. Moments are the server's, lags milliseconds.

    `lag_ms` is always there; of `spread_ms` each query draws from 0 to so many on top. Both may be changed at any time.
    """

    def __init__(self, lag_ms: int = 0, name: str = "") -> None:
        """`name` chooses the random stream."""
        self.lag_ms = lag_ms
        self.spread_ms = 0
        self._drawn_ms = 0
        self._random = Random(f"replica:{name}")

    @property
    def kept_ms(self) -> int:
        """How long what was must be kept: no query is further behind."""
        return self.lag_ms + self.spread_ms

    @property
    def behind_ms(self) -> int:
        """How far the query that is answered now is behind."""
        return self.lag_ms + min(self._drawn_ms, self.spread_ms)

    def draw(self) -> None:
        """A query begins: another replica answers it."""
        if self.spread_ms:
            self._drawn_ms = self._random.randint(0, self.spread_ms)

    def horizon_ms(self, now_ms: int) -> int:
        """What happened after it is not seen yet."""
        return now_ms - self.behind_ms


class BalanceReplica:
    """Balances as queries see them. What was before the first change that is remembered is as that change left it."""

    def __init__(self, lag: Lag) -> None:
        self._lag = lag
        self._kept: dict[_Place, list[tuple[int, Coins]]] = {}

    def changed(self, event: AccountChanged, now_ms: int) -> None:
        """Balances are as an event says from now on."""
        for coins in event.coins:
            kept = self._kept.setdefault((event.account_id, event.wallet, coins.asset), [])
            kept.append((now_ms, coins))
            while len(kept) > 1 and kept[1][0] <= now_ms - self._lag.kept_ms:
                del kept[0]

    def coins(self, account_id: str, wallet: str, asset: str, now_ms: int) -> Coins | None:
        """A balance as the query that is answered now sees it; None where that is what it is."""
        kept = self._kept.get((account_id, wallet, asset)) if self._lag.kept_ms else None
        horizon_ms = self._lag.horizon_ms(now_ms)
        if not kept or kept[-1][0] <= horizon_ms:
            return None
        return next((coins for at_ms, coins in reversed(kept) if at_ms <= horizon_ms), kept[0][1])

    def asset(self, account_id: str, wallet: str, view: AssetView, now_ms: int) -> AssetView:
        """An asset of a wallet, its balance and what is derived from it as seen; prices and margins are of now."""
        coins = self.coins(account_id, wallet, view.asset, now_ms)
        if coins is None:
            return view
        balance = amount(coins.balance)
        moved = balance - view.balance
        return msgspec.structs.replace(
            view,
            balance=balance,
            cross_balance=balance - amount(coins.isolated),
            locked=amount(coins.locked),
            margin_balance=view.margin_balance + moved,
            available=max(view.available + moved, _NOTHING),
            withdrawable=max(view.withdrawable + moved, _NOTHING),
        )


def totals_seen(totals: TotalsView, assets: Iterable[tuple[AssetView, AssetView]]) -> TotalsView:
    """A wallet in dollars, given each of its assets as it is and as it is seen."""
    moved = [((seen.balance - now.balance) * now.dollars, now.haircut) for now, seen in assets]
    plain = sum((one for one, _ in moved), _NOTHING)
    if not plain and not any(one for one, _ in moved):
        return totals
    counted = sum((one * share for one, share in moved), _NOTHING)
    return msgspec.structs.replace(
        totals,
        equity=totals.equity + plain,
        balance=totals.balance + plain,
        margin_balance=totals.margin_balance + counted,
        available=max(totals.available + counted, _NOTHING),
    )
