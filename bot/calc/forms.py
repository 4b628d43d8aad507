"""Values that are linear in prices: constant + sum of coins x price, with shared sums evaluated once.

Every amount that a target wants, its scale and its base are such values, so that one piece of code can judge them
exactly, say them in coins, and tell how far prices may move before a judgement could turn (see `bot.calc.boxes`).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.domain.units import ZERO, Asset, Notional, Price, Qty


class Whole(msgspec.Struct, frozen=True):
    """A sum over many assets (NAV, a base) with its value at the moment: evaluated once, shared by many forms.

    Where it is another sum and a few `extra` coins (NAV less a reserve), `inner` is that one, so that forms of both
    share it.
    """

    constant: Notional
    coins: Mapping[Asset, Qty]
    value: Notional
    inner: "Whole | None" = None
    extra: Mapping[Asset, Qty] = {}


def whole(constant: Notional, coins: Mapping[Asset, Qty], prices: Mapping[Asset, Price]) -> Whole:
    """A sum with its value. A price that is missing is a programming error and raises KeyError."""
    return Whole(constant, coins, constant + sum((q * prices[a] for a, q in coins.items()), ZERO))


class Form(msgspec.Struct, frozen=True):
    """constant + sum of coins x price + share x whole, in the unit of account."""

    constant: Notional = ZERO
    coins: Mapping[Asset, Qty] = {}
    share: Decimal = ZERO
    whole: Whole | None = None

    def value(self, prices: Mapping[Asset, Price]) -> Notional:
        """The value at these prices, the shared sum as it was evaluated."""
        total = self.constant
        if self.whole is not None:
            total += self.share * self.whole.value
        for asset, quantity in self.coins.items():
            total += quantity * prices[asset]
        return total

    def own_coins(self, asset: Asset) -> Qty | None:
        """The coins, where the form is nothing but coins of one asset (so that it needs no price); None otherwise."""
        if self.share or self.constant:
            return None
        coins = self.coins
        if len(coins) > 1 and any(q for a, q in coins.items() if a != asset):
            return None
        own = coins.get(asset)
        if own is not None:
            return own
        return None if any(coins.values()) else ZERO

    @property
    def is_nothing(self) -> bool:
        """Whether it is zero at every price."""
        return not (self.constant or self.share or any(self.coins.values()))

    def times(self, factor: Decimal) -> "Form":
        """The form scaled."""
        coins = {asset: quantity * factor for asset, quantity in self.coins.items()}
        return Form(self.constant * factor, coins, self.share * factor, self.whole)

    def terms(self) -> tuple[Notional, dict[Asset, Qty]]:
        """Constant and coins with the shared sum multiplied out."""
        constant, coins = self.constant, dict(self.coins)
        if self.whole is not None and self.share:
            constant += self.share * self.whole.constant
            for asset, quantity in self.whole.coins.items():
                coins[asset] = coins.get(asset, ZERO) + self.share * quantity
        return constant, coins


NOTHING = Form()
"""No amount at all: zero at every price."""


def of_coins(asset: Asset, quantity: Qty) -> Form:
    """So many coins of one asset."""
    return Form(ZERO, {asset: quantity})


def of_share(share: Decimal, base: Whole) -> Form:
    """A share of a base."""
    if base.inner is None:
        return Form(share=share, whole=base)
    return Form(ZERO, {asset: share * quantity for asset, quantity in base.extra.items()}, share, base.inner)


def less(form: Form, asset: Asset, quantity: Qty) -> Form:
    """A form less so many coins of an asset."""
    coins = (
        {**form.coins, asset: form.coins[asset] - quantity} if asset in form.coins else {**form.coins, asset: -quantity}
    )
    return Form(form.constant, coins, form.share, form.whole)


def added(forms: Iterable[Form]) -> Form:
    """The sum. Forms of one shared sum keep sharing it; those of different ones are multiplied out."""
    constant, coins, share = ZERO, dict[Asset, Qty](), ZERO
    shared: Whole | None = None
    for form in forms:
        other = form.whole if form.share else None
        if other is not None and shared is not None and other is not shared:
            extra, more = form.terms()
        else:
            extra, more = form.constant, dict(form.coins)
            if other is not None:
                shared, share = other, share + form.share
        constant += extra
        for asset, quantity in more.items():
            coins[asset] = coins.get(asset, ZERO) + quantity
    return Form(constant, coins, share, shared)
