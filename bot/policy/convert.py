"""Converting to spot: a synthetic sale is made real by selling coins and buying back as much of their hedge.

Both orders are one pair, so that the exposure stays what it is, before, between and after (up to the naked time of one
leg). The target adds no overlay of its own: whoever wanted the hedge wants less of it once the coins are sold.
"""

from decimal import ROUND_DOWN

import msgspec

from bot.calc import bands
from bot.calc.bands import Deviation, Space
from bot.domain.targets import ConvertTarget
from bot.domain.units import SECOND_NS, ZERO, Asset, Price, Qty
from bot.policy.purse import Scope
from bot.policy.unwind import COIN_PLACES, until_next
from bot.policy.view import Missing, plain


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Sell `coins` on the spot market and buy back `coins` of the hedge, both or neither.

    `left` is what is still to be converted afterwards; `coins` is 0 where there is nothing to do now, and `why` says
    what the pair is, or why it is none.
    """

    target: str
    asset: Asset
    price: Price
    coins: Qty
    left: Qty
    why: str

    @property
    def spot(self) -> Qty:
        """The signed coins of the spot order."""
        return -self.coins

    @property
    def future(self) -> Qty:
        """The signed coins of the future's order."""
        return self.coins


def pair(target: ConvertTarget, scope: Scope) -> Pair | Missing:
    """The next pair of a conversion, never more than is left to convert, hedged, and held free."""
    view, asset = scope.view, target.asset
    parts, price, free = view.parts[asset], view.prices[asset], view.free.get(asset)
    if free is None:
        return Missing(asset, f"how much {asset} could be sold is unknown")
    left = _left(target, view.converted.get(target.name, ZERO), price)
    hedged = max(-(parts.futures + parts.working), ZERO)
    wait = until_next(target.slices, view.sliced.get(target.name, {}).get(asset), view.now)
    coins = min(left, hedged, free, (target.slices.notional_max / price).quantize(COIN_PLACES, ROUND_DOWN))
    if coins <= 0 or wait:
        why = _idle(asset, left, hedged, wait)
        return Pair(target=target.name, asset=asset, price=price, coins=ZERO, left=left, why=why)
    why = (
        f"sell {plain(coins)} {asset} and buy back as much of its hedge; {plain(left - coins)} {asset} left to convert"
    )
    return Pair(target=target.name, asset=asset, price=price, coins=coins, left=left - coins, why=why)


def _left(target: ConvertTarget, done: Qty, price: Price) -> Qty:
    """What is still to be converted; nothing once it is within the target's band."""
    left = target.amount - done
    deviation = Deviation(space=Space.COINS, amount=left, scale=target.amount, base=ZERO, price=price)
    return left if left > 0 and bands.is_breached(deviation, target.band) else ZERO


def _idle(asset: Asset, left: Qty, hedged: Qty, wait: int) -> str:
    if left <= 0:
        return f"all of {asset} that was to be is converted"
    if hedged <= 0:
        return f"no hedge of {asset} is left to buy back"
    if wait:
        return f"next slice in {wait // SECOND_NS} s"
    return f"no {asset} is free to be sold"
