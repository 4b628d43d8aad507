"""Exposure against target, asset by asset: deviations are netted over all targets, the narrowest band decides.

deviation = exposure - target = futures + working orders - the sum of the targets' overlays: what is held is on both
sides and takes itself out, however it is held. Where all that is wanted is coins of the asset itself (ratio targets)
it is judged in coins, else in the unit of account, so that no division can blur an edge.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from bot.calc import bands
from bot.calc.bands import Deviation, Space
from bot.calc.forms import NOTHING, Form
from bot.domain.bands import Auto, Band, Unit
from bot.domain.hedge import Parts
from bot.domain.units import ZERO, Asset, Notional, Price, Qty
from bot.policy.view import Aim, View

_COINS, _QUOTE = Space.COINS, Space.QUOTE


class Judged(msgspec.Struct, frozen=True):
    """One asset's deviation, seen by each of the targets that want something of its futures (at least one).

    `overlays` are in the space of the deviations, in the order of `aims`, as clipped by their own bounds and `cut` by
    a cap of the asset or a budget of the portfolio.
    """

    asset: Asset
    price: Price
    parts: Parts
    aims: Sequence[Aim]
    overlays: Sequence[Decimal]
    deviations: Sequence[Deviation]
    cut: bool

    @property
    def coins(self) -> Qty:
        """The deviation in coins."""
        return self.deviations[0].coins

    def shares(self) -> dict[str, Qty]:
        """Which target wants how many coins of futures."""
        out: dict[str, Qty] = {}
        unit = 1 if self.deviations[0].space is Space.COINS else self.price
        for aim, one in zip(self.aims, self.overlays, strict=True):
            out[aim.target] = out.get(aim.target, ZERO) + one / unit
        return out

    def banded(self) -> list[tuple[Deviation, Band]]:
        """The deviation as each fixed band sees it."""
        pairs = zip(self.deviations, self.aims, strict=True)
        return [(deviation, aim.band) for deviation, aim in pairs if isinstance(aim.band, Band)]

    def narrowest(self, *, above: bool) -> tuple[Deviation, Band]:
        """The fixed band that decides on one side of the target, with the deviation as it sees it."""
        seen = self.banded()
        return seen[0] if len(seen) == 1 else bands.narrowest(seen, above=above)

    def breached(self) -> list[Aim]:
        """The aims whose own fixed band is left."""
        out = []
        for place, aim in enumerate(self.aims):
            if type(aim.band) is Band and bands.is_breached(self.deviations[place], aim.band):
                out.append(aim)
        return out

    def urgent(self) -> bool:
        """Whether the deviation is beyond the size that waits for nothing, of any of the bands."""
        return any(bands.is_urgent(deviation, band) for deviation, band in self.banded())


def clipped(amount: Decimal, least: Notional | None, most: Notional | None) -> Decimal:
    """An amount brought between its bounds."""
    if most is not None and amount > most:
        return most
    if least is not None and amount < least:
        return least
    return amount


def overlay(aim: Aim, prices: Mapping[Asset, Price]) -> Notional:
    """What an aim is worth at these prices, between its bounds."""
    amount = aim.amount.value(prices)
    return amount if aim.least is None and aim.most is None else clipped(amount, aim.least, aim.most)


class Ruler:
    """What a target's widths are fractions of: worked out once for all of its assets, where they share it."""

    def __init__(self, view: View) -> None:
        self._prices = view.prices
        self._bases: dict[str, tuple[Form, Notional]] = {}
        self._relative: dict[str, tuple[Band | Auto, bool]] = {}

    def base(self, aim: Aim) -> Notional:
        """The value of the base of an aim."""
        if aim.base is NOTHING:
            return ZERO
        found = self._bases.get(aim.target)
        if found is None or found[0] is not aim.base:
            found = self._bases[aim.target] = (aim.base, aim.base.value(self._prices))
        return found[1]

    def scale(self, aim: Aim) -> Notional:
        """The value of the scale of an aim; 0 where no width of its band asks for it."""
        found = self._relative.get(aim.target)
        if found is None or found[0] is not aim.band:
            found = self._relative[aim.target] = (aim.band, _is_relative(aim.band))
        return aim.scale.value(self._prices) if found[1] else ZERO


def judge(
    asset: Asset,
    aims: Sequence[Aim],
    view: View,
    ruler: Ruler,
    cap: Notional | None = None,
    shares: Sequence[Decimal] | None = None,
) -> Judged:
    """Net an asset's deviation. `cap` bounds the value of its overlays' sum, `shares` is what budgets leave of each."""
    parts, price, prices = view.parts[asset], view.prices[asset], view.prices
    net = parts.futures + parts.working
    own = None if shares is not None or aims[0].amount.share else _own_coins(asset, aims, price, cap)
    cut = False
    if own is not None:
        (overlays, scales), space = own, _COINS
    else:
        overlays = [overlay(aim, prices) for aim in aims]
        if cap is not None or shares is not None:
            overlays, cut = _cut(overlays, cap, shares)
        scales = [ruler.scale(aim) for aim in aims]
        space, net = _QUOTE, net * price
    for one in overlays:
        net -= one
    bases = map(ruler.base, aims)
    deviations = [Deviation(space, net, scale, base, price) for scale, base in zip(scales, bases, strict=True)]
    return Judged(asset, price, parts, aims, overlays, deviations, cut)


def _is_relative(band: Band | Auto) -> bool:
    if isinstance(band, Auto):
        return Unit.RELATIVE in (band.hard.unit, band.floor.unit)
    widths = (band.trigger, band.destination, band.trigger_below, band.destination_below, band.instant)
    return any(width is not None and width.unit is Unit.RELATIVE for width in widths)


def _own_coins(
    asset: Asset, aims: Sequence[Aim], price: Price, cap: Notional | None
) -> tuple[list[Qty], list[Qty]] | None:
    """Amounts and scales in coins, where every one of them is nothing else and no bound in money cuts any."""
    overlays, scales, total = [], [], ZERO
    for aim in aims:
        amount, scale = aim.amount.own_coins(asset), aim.scale.own_coins(asset)
        if amount is None or scale is None:
            return None
        if (aim.least is not None or aim.most is not None) and _binds(amount * price, aim):
            return None
        overlays.append(amount)
        scales.append(scale)
        total += amount
    return None if cap is not None and abs(total) * price > cap else (overlays, scales)


def _binds(value: Notional, aim: Aim) -> bool:
    return clipped(value, aim.least, aim.most) != value


def _cut(
    overlays: list[Notional], cap: Notional | None, shares: Sequence[Decimal] | None
) -> tuple[list[Notional], bool]:
    cut = False
    if cap is not None and abs(total := sum(overlays, ZERO)) > cap:
        overlays, cut = [one * cap / abs(total) for one in overlays], True
    if shares is not None:
        overlays, cut = [one * share for one, share in zip(overlays, shares, strict=True)], True
    return overlays, cut
