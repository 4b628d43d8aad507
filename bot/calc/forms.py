"""Values that are linear in prices: constant + sum of coins x price, with shared sums evaluated once.

Every amount that a target wants, its scale and its base are such values, so that one piece of code can judge them
exactly, say them in coins, and tell how far prices may move before a judgement could turn (see `bot.calc.boxes`).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.domain.units import ZERO, Asset, Notional, Price, Qty

NO_COINS: Mapping[Asset, Qty] = {}


class Whole(msgspec.Struct, frozen=True):
    """A sum over many assets (NAV, a base) with its value at the moment: evaluated once, shared by many forms.

    Where it is another sum and a few `extra` coins (NAV less a reserve), `inner` is that one, so that forms of both
    can share it (see `rooted`). `marked` are coins of futures, by the names under which their marks are among the
    prices: they are not owned, but what they have gained counts, and what they were entered at is in the constant.
    """

    constant: Notional
    coins: Mapping[Asset, Qty]
    value: Notional
    inner: "Whole | None" = None
    extra: Mapping[Asset, Qty] = {}
    marked: Mapping[Asset, Qty] = {}


def whole(
    constant: Notional,
    coins: Mapping[Asset, Qty],
    prices: Mapping[Asset, Price],
    marked: Mapping[Asset, Qty] = NO_COINS,
) -> Whole:
    """A sum with its value. A price that is missing is a programming error and raises KeyError."""
    value = constant
    for held in (coins, marked):
        for asset, quantity in held.items():
            value += quantity * prices[asset]
    return Whole(constant, coins, value, marked=marked)


def less_coins(inner: Whole, taken: Mapping[Asset, Qty], prices: Mapping[Asset, Price]) -> Whole:
    """A sum less so many coins, which none of both need be evaluated anew for."""
    coins, value = dict(inner.coins), inner.value
    for asset, quantity in taken.items():
        coins[asset] = coins.get(asset, ZERO) - quantity
        value -= quantity * prices[asset]
    extra = {asset: -quantity for asset, quantity in taken.items()}
    return Whole(inner.constant, {asset: q for asset, q in coins.items() if q}, value, inner, extra, inner.marked)


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
            for held in (self.whole.coins, self.whole.marked):
                for asset, quantity in held.items():
                    coins[asset] = coins.get(asset, ZERO) + self.share * quantity
        return constant, coins


NOTHING = Form()
"""No amount at all: zero at every price."""


def of_coins(asset: Asset, quantity: Qty) -> Form:
    """So many coins of one asset."""
    return Form(ZERO, {asset: quantity})


def of_share(share: Decimal, base: Whole) -> Form:
    """A share of a base."""
    return Form(ZERO, {}, share, base)


def less(form: Form, asset: Asset, quantity: Qty) -> Form:
    """A form less so many coins of an asset."""
    left = form.coins[asset] - quantity if asset in form.coins else -quantity
    return Form(form.constant, {**form.coins, asset: left}, form.share, form.whole)


def rooted(form: Form) -> Form:
    """The same as a share of the sum that others share, where its own is that one and a few coins."""
    base = form.whole
    if base is None or base.inner is None:
        return form
    coins = dict(form.coins)
    for asset, quantity in base.extra.items():
        coins[asset] = coins.get(asset, ZERO) + form.share * quantity
    return Form(form.constant, coins, form.share, base.inner)


def added(forms: Iterable[Form]) -> Form:
    """The sum. Forms of one shared sum keep sharing it; those of different ones are multiplied out."""
    forms = tuple(forms)
    if len(forms) == 1:
        return forms[0]
    wholes = [form.whole for form in forms if form.share]
    if any(one is not wholes[0] for one in wholes):
        forms = tuple(map(rooted, forms))
    constant, coins, share = ZERO, dict[Asset, Qty](), ZERO
    shared: Whole | None = None
    for form in forms:
        other, extra, more = form.whole if form.share else None, form.constant, form.coins
        if other is not None and shared is not None and other is not shared:
            extra, more = form.terms()
        elif other is not None:
            shared, share = other, share + form.share
        constant += extra
        for asset, quantity in more.items():
            coins[asset] = coins[asset] + quantity if asset in coins else quantity
    return Form(constant, coins, share, shared)
