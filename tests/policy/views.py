"""What a policy looks at, made of a few numbers."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.hedge import Need, Parts
from bot.domain.rules import WeightsTarget
from bot.domain.units import ZERO, Asset
from bot.policy import basket
from bot.policy.view import View
from tests.kit import d


def book(cash: str = "0", unrealized: str = "0", **coins: tuple[str, str, str]) -> View:
    """Coins as (price, held, futures)."""
    return View(
        prices={Asset(coin): d(price) for coin, (price, _, _) in coins.items()},
        parts={Asset(coin): Parts(d(held), ZERO, d(futures), ZERO) for coin, (_, held, futures) in coins.items()},
        cash=d(cash),
        unrealized=d(unrealized),
    )


def values(needs: tuple[Need, ...]) -> dict[str, Decimal]:
    """What each need trades, in quote currency, where it trades."""
    return {need.asset: round(need.hedge * need.price, 6) for need in needs if need.hedge}


def trades(target: WeightsTarget, view: View, *, correcting: bool = False) -> dict[str, Decimal]:
    """What a weights target would trade, in quote currency."""
    return values(basket.needs(target, view, correcting=correcting))
