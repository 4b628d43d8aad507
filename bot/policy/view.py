"""What targets look at, and what they answer: exact prices, where each exposure comes from, and what is measured."""

from collections.abc import Collection, Mapping
from decimal import Decimal

import msgspec

from bot.calc.forms import Form
from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.hedge import Parts
from bot.domain.snapshot import Bars
from bot.domain.statistics import Moments
from bot.domain.units import Asset, Contracts, Nanos, Notional, Price, Qty


class MarginRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What margins an asset's future: the capital that a value of 1 of it takes, and what is `free` for more of it.

    Both by the owner's limits, in the unit of account. Futures of one `account` share what is free.
    """

    account: str
    rate: float
    free: Notional


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What targets look at, at one moment. Prices and amounts are in the unit of account.

    `prices` and `parts` have every asset that is held, hedged or named by a target; what is missing is unknown, and
    `blind` says why, asset by asset: net asset value is unknown while anything that it counts is.
    `unrealized` is the futures' P&L at their marks. Where their coins are `marked`, by names under which `prices` has
    the marks, it is less what these are worth, so that one can say how far a mark may move. `owned` and `unrealized_of`
    are coins and P&L that carry the name of one target: no other target counts them. `booked` are the coins of futures
    in each target's books.

    `funding_apr` is what a long is expected to pay a year (a fraction), `costs` the one-way cost of a trade (a
    fraction), `drift_variance` that of the untraded increments of each deviation as a fraction of NAV, a year.
    `decoupled` are coins of which it was said before that they have left their proxies' anchors.
    `prior_weight` is the least weight of a beta's prior (StatisticsRule.prior_weight).
    `indices` has the compositions of index assets. `bars`, `open_interest` and `basis` (future / spot - 1) are what
    gates look at.

    `free` are coins of the spot wallets that could be sold now. `converted` is how much a conversion has sold so far,
    `sliced` when the last slice of a target's asset was ordered. `margins` has what margins each asset's future, where
    that is known, and `caps` what budgets let the net overlay of an asset be worth.
    """

    prices: Mapping[Asset, Price]
    parts: Mapping[Asset, Parts]
    blind: Mapping[Asset, str] = {}
    unrealized: Notional = Decimal(0)
    marked: Mapping[Asset, Qty] = {}
    now: Nanos = Nanos(0)
    owned: Mapping[str, Mapping[Asset, Qty]] = {}
    unrealized_of: Mapping[str, Notional] = {}
    booked: Mapping[str, Mapping[Asset, Qty]] = {}
    moments: Moments | None = None
    funding_apr: Mapping[Asset, float] = {}
    costs: Mapping[Asset, float] = {}
    drift_variance: Mapping[Asset, float] = {}
    drift_brief: Collection[Asset] = ()
    """Assets whose drift was watched too briefly to be preferred to what returns say of it."""
    decoupled: Collection[Asset] = ()
    prior_weight: float = 0.0
    indices: Mapping[Asset, Mapping[Asset, Decimal]] = {}
    bars: Mapping[Asset, Bars] = {}
    open_interest: Mapping[Asset, tuple[tuple[Nanos, Contracts], ...]] = {}
    basis: Mapping[Asset, float] = {}
    free: Mapping[Asset, Qty] = {}
    converted: Mapping[str, Qty] = {}
    sliced: Mapping[str, Mapping[Asset, Nanos]] = {}
    margins: Mapping[Asset, MarginRoom] = {}
    caps: Mapping[Asset, Notional] = {}


class Missing(msgspec.Struct, frozen=True):
    """What a target cannot do without, and does not have: nothing is traded for it until then.

    `decoupled`: what is missing is a person, who has to look at a coin that has left its proxy's anchors.
    """

    what: str
    why: str
    decoupled: bool = False


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What one target wants of one asset's futures: an overlay of `amount` (a value, > 0 long), linear in prices.

    `least` and `most` bound the amount (a cap; a trim that may not buy): what counts is the amount brought between
    them. `scale` is what RELATIVE widths are fractions of, `base` what POINTS are. Every condition is >= 0 for as long
    as `amount` is this very form: beyond that the aim must be asked for anew. `cause` is the asset that is hedged
    where it is another one. `note` says what a person would not see in the numbers (a cap, a beta and its error).
    """

    target: str
    asset: Asset
    amount: Form
    scale: Form
    base: Form
    band: Band | Auto
    least: Notional | None = None
    most: Notional | None = None
    conditions: tuple[Form, ...] = ()
    cause: Asset | None = None
    note: str = ""


def plain(number: Decimal) -> str:
    """A number as a person writes it: no exponent, no trailing zeros, at most eight places."""
    text = f"{number:.8f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def width_text(width: Width) -> str:
    """A width in the words of the config."""
    if width.unit is Unit.RELATIVE:
        return f"{plain(width.value * 100)} %"
    if width.unit is Unit.POINTS:
        return f"{plain(width.value * 100)} pp"
    return f"{plain(width.value)} {'coins' if width.unit is Unit.COINS else 'in quote'}"
