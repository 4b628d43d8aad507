"""Unwinding: every hedge goes to zero, each on its own, by reduce-only orders."""

from bot.domain.hedge import Need, Parts
from bot.domain.units import ZERO, Asset, Price, Qty
from bot.policy.view import plain


def need(asset: Asset, parts: Parts, coins: Qty, price: Price) -> Need:
    """Close a futures position of `coins` (signed). The holding is left as it is: that is the new exposure."""
    return Need(
        asset=asset,
        price=price,
        parts=parts,
        target=parts.exposure - coins,
        deviation=coins,
        trigger=ZERO,
        destination=ZERO,
        breached=coins != 0,
        hedge=-coins,
        why=_because(asset, coins),
    )


def _because(asset: Asset, coins: Qty) -> str:
    if coins == 0:
        return f"unwound: no hedge of {asset} is left"
    return f"unwind: {'buy' if coins < 0 else 'sell'} {plain(abs(coins))} {asset} to close the hedge"
