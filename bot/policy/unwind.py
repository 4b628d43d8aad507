"""Unwinding: every hedge goes to zero, each on its own, by reduce-only orders; all at once or slice by slice."""

from collections.abc import Collection
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

import msgspec

from bot.calc import bands
from bot.calc.bands import Deviation, Space
from bot.calc.forms import NOTHING, of_coins
from bot.domain.bands import Band, Unit, Width
from bot.domain.hedge import Need, Parts
from bot.domain.targets import UnwindTarget
from bot.domain.triggers import Slices
from bot.domain.units import SECOND_NS, ZERO, Asset, Nanos, Notional, Price, Qty
from bot.policy.purse import Scope
from bot.policy.view import Aim, View, plain

CLOSED = Band(Width(ZERO, Unit.COINS), Width(ZERO, Unit.COINS))
"""The band of a hedge that is to be closed: whatever is left of it is too much."""
COIN_PLACES = Decimal("1e-8")
"""A slice is cut to this many places of a coin; lots are rounded where the order is made."""


class Plan(msgspec.Struct, frozen=True):
    """How one hedge will be closed. `cost` is what trading it is expected to take, in the unit of account."""

    asset: Asset
    coins: Qty
    slices: int
    lasting_ns: int
    cost: Notional | None


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


def closing(target: str, asset: Asset, why: str) -> Aim:
    """No hedge any more, and none left of it."""
    return Aim(target=target, asset=asset, amount=NOTHING, scale=NOTHING, base=NOTHING, band=CLOSED, note=why)


def aims(target: UnwindTarget, scope: Scope, assets: Collection[Asset]) -> tuple[Aim, ...]:
    """The next slice of each hedge; what there is where the next slice is not due, or nothing worth a trade is left."""
    return tuple(_aim(target, asset, scope.view) for asset in assets if asset in target.assets)


def _aim(target: UnwindTarget, asset: Asset, view: View) -> Aim:
    parts, price = view.parts[asset], view.prices[asset]
    left = parts.futures + parts.working
    deviation = Deviation(space=Space.COINS, amount=left, scale=left, base=ZERO, price=price)
    if not bands.is_breached(deviation, target.band):
        return _kept(target, asset, left, "unwound")
    if wait := until_next(target.slices, view.sliced.get(target.name, {}).get(asset), view.now):
        return _kept(target, asset, left, f"next slice in {plain(Decimal(wait) / SECOND_NS)} s")
    rest = left - slice_of(left, target.slices, price)
    aim = closing(target.name, asset, _told(plan(target, asset, view)))
    return msgspec.structs.replace(aim, amount=of_coins(asset, rest))


def _kept(target: UnwindTarget, asset: Asset, coins: Qty, why: str) -> Aim:
    return msgspec.structs.replace(closing(target.name, asset, why), amount=of_coins(asset, coins))


def slice_of(coins: Qty, slices: Slices, price: Price) -> Qty:
    """What of signed coins one slice takes: all of them where they are worth no more than a slice may be."""
    if abs(coins) * price <= slices.notional_max:
        return coins
    piece = (slices.notional_max / price).quantize(COIN_PLACES, ROUND_DOWN)
    return piece.copy_sign(coins)


def until_next(slices: Slices, last: Nanos | None, now: Nanos) -> int:
    """Nanoseconds until the next slice is due; 0 where it is."""
    return 0 if last is None else max(last + slices.every_ns - now, 0)


def plan(target: UnwindTarget, asset: Asset, view: View) -> Plan:
    """Slices, time and cost of closing what there is of a hedge now."""
    coins, price = view.parts[asset].futures + view.parts[asset].working, view.prices[asset]
    count = int((abs(coins) * price / target.slices.notional_max).to_integral_value(ROUND_CEILING))
    cost = view.costs.get(asset)
    return Plan(
        asset=asset,
        coins=coins,
        slices=count,
        lasting_ns=max(count - 1, 0) * target.slices.every_ns,
        cost=None if cost is None else round(abs(coins) * price * Decimal(repr(cost)), 2),
    )


def _told(one: Plan) -> str:
    cost = "unknown" if one.cost is None else plain(one.cost)
    return f"unwinding in {one.slices} slices over {one.lasting_ns // SECOND_NS} s, expected cost {cost}"


def _because(asset: Asset, coins: Qty) -> str:
    if coins == 0:
        return f"unwound: no hedge of {asset} is left"
    return f"unwind: {'buy' if coins < 0 else 'sell'} {plain(abs(coins))} {asset} to close the hedge"
