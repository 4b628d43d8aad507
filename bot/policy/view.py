"""What a policy looks at: exact prices, where each exposure comes from, and the cash beside the coins."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.calc import bands
from bot.domain.hedge import Need, Parts
from bot.domain.rules import Band, Unit, Width
from bot.domain.units import ZERO, Asset, Notional, Price, Qty


class View(msgspec.Struct, frozen=True):
    """One target's assets at one moment. `cash`: the reporting currency held; `unrealized`: P&L of the futures."""

    prices: Mapping[Asset, Price]
    parts: Mapping[Asset, Parts]
    cash: Notional
    unrealized: Notional


def need(asset: Asset, parts: Parts, target: Qty, deviation: bands.Deviation, band: Band, *, correcting: bool) -> Need:
    """Judge a deviation against its band and say how the numbers came about."""
    hedge = bands.correction(deviation, band, correcting=correcting)
    breached = bands.is_beyond(deviation, band.trigger)
    coins = deviation.coins
    return Need(
        asset=asset,
        price=deviation.price,
        parts=parts,
        target=target,
        deviation=coins,
        trigger=bands.in_coins(deviation, band.trigger),
        destination=bands.in_coins(deviation, band.destination),
        breached=breached,
        hedge=hedge,
        why=_because(asset, parts, target, coins, band, hedge, breached=breached),
    )


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


def _because(asset: Asset, parts: Parts, target: Qty, deviation: Qty, band: Band, hedge: Qty, *, breached: bool) -> str:
    held = plain(parts.holding)
    book = f"exposure {plain(parts.exposure)} = holding {held} + futures {plain(parts.futures)}"
    if parts.working != ZERO:
        book += f" + working {plain(parts.working)}"
    verdict = "breached" if breached else ("being corrected" if hedge != 0 else "kept")
    aim = f"target {plain(target)}, deviation {plain(deviation)}"
    sentence = f"{book}; {aim}; band {width_text(band.trigger)} {verdict}"
    if hedge == 0:
        return f"{asset}: {sentence}"
    return f"{'buy' if hedge > 0 else 'sell'} {plain(abs(hedge))} {asset}: {sentence}"
