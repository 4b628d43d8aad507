"""Weights targets: each asset's net exposure is kept at its weight of a base.

The base B is, by choice: the coins owned (`owned`), those and the cash and futures P&L less the declared reserve
(`nav_less_reserve`), or a number (`fixed`). Coins outside the target never count.
full_rebalance trades every asset to w B; trim_only only ever sells, so that its target is min(holding, w B / price).
When one asset breaches, the whole basket is corrected together: what one leg sells another buys.
Source: formulas.md 1 (deviation $, +-5 % band) and 2.13 (bases).
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.calc import bands, boxes, exposure
from bot.domain.hedge import Need
from bot.domain.rules import Base, Unit, WeightsMode, WeightsTarget
from bot.domain.units import ZERO, Asset, InstrumentId, Notional
from bot.policy.view import View, need


def base(target: WeightsTarget, view: View) -> Notional:
    """What the weights are fractions of, in quote currency."""
    if target.base is Base.FIXED:
        return target.fixed
    owned = exposure.value({a: view.parts[a].holding for a in target.weights}, view.prices)
    if target.base is Base.OWNED:
        return owned
    return owned + view.cash + view.unrealized - target.reserve


def needs(target: WeightsTarget, view: View, *, correcting: bool) -> tuple[Need, ...]:
    """One need per asset, by name. While any is breached, each goes to its destination.

    Raises:
        ValueError: the base is not positive, so that no weight of it means anything.
    """
    whole = base(target, view)
    if whole <= 0:
        msg = f"the base of {target.name} is {whole}, weights of it mean nothing"
        raise ValueError(msg)
    deviations = {asset: _deviation(target, asset, view, whole) for asset in sorted(target.weights)}
    together = correcting or any(bands.is_beyond(one, target.band.trigger) for one in deviations.values())
    out = []
    for asset, deviation in deviations.items():
        aim = (view.parts[asset].exposure * deviation.price - deviation.amount) / deviation.price
        out.append(need(asset, view.parts[asset], aim, deviation, target.band, correcting=together))
    return tuple(out)


def rows(target: WeightsTarget, pricing: Mapping[Asset, InstrumentId], view: View) -> list[boxes.Row]:
    """The sides of every asset's band, and a positive base, as conditions linear in prices."""
    constant, coins = _linear_base(target, pricing, view)
    out = [boxes.Row(float(constant), {i: float(q) for i, q in coins.items()})]
    for asset in sorted(target.weights):
        out += _band_rows(target, asset, pricing, view, constant, coins)
    return out


def _goal(target: WeightsTarget, asset: Asset, view: View, whole: Notional) -> Notional:
    goal = target.weights[asset] * whole
    if target.mode is WeightsMode.TRIM_ONLY:
        return min(goal, view.parts[asset].holding * view.prices[asset])
    return goal


def _deviation(target: WeightsTarget, asset: Asset, view: View, whole: Notional) -> bands.Deviation:
    price = view.prices[asset]
    return bands.Deviation(
        space=bands.Space.QUOTE,
        amount=view.parts[asset].exposure * price - _goal(target, asset, view, whole),
        scale=target.weights[asset] * whole,
        base=whole,
        price=price,
    )


def _linear_base(
    target: WeightsTarget, pricing: Mapping[Asset, InstrumentId], view: View
) -> tuple[Decimal, dict[InstrumentId, Decimal]]:
    """The base as constant + coins x price."""
    if target.base is Base.FIXED:
        return target.fixed, {}
    coins = {pricing[a]: view.parts[a].holding for a in sorted(target.weights)}
    if target.base is Base.OWNED:
        return ZERO, coins
    return view.cash + view.unrealized - target.reserve, coins


def _band_rows(
    target: WeightsTarget,
    asset: Asset,
    pricing: Mapping[Asset, InstrumentId],
    view: View,
    constant: Decimal,
    coins: Mapping[InstrumentId, Decimal],
) -> list[boxes.Row]:
    """The sides of one asset's band; the base is `constant` + `coins` x price."""
    weight, width, own = target.weights[asset], target.band.trigger, pricing[asset]
    share = {Unit.POINTS: width.value, Unit.RELATIVE: width.value * weight}.get(width.unit, ZERO)
    flat = width.value if width.unit is Unit.QUOTE else ZERO
    per_price = width.value if width.unit is Unit.COINS else ZERO
    net, held = view.parts[asset].exposure, view.parts[asset].holding

    def row(of_base: Decimal, of_price: Decimal) -> boxes.Row:
        """Flat + of_base x B + of_price x p >= 0."""
        coefficients = {i: of_base * q for i, q in coins.items()}
        coefficients[own] = coefficients.get(own, ZERO) + of_price
        return boxes.Row(float(flat + of_base * constant), {i: float(a) for i, a in coefficients.items()})

    upper = row(weight + share, per_price - net)
    lower = row(share - weight, per_price + net)
    if target.mode is WeightsMode.FULL_REBALANCE:
        return [upper, lower]
    # The goal is the smaller of w B and the holding's value. Below the upper edge means below both lines' upper edges;
    # above the lower edge of either line proves the lower side, so the row with more room is enough.
    prices = {i: float(view.prices[a]) for a, i in pricing.items()}
    upper_held = row(share, per_price + held - net)
    lower_held = row(share, per_price + net - held)
    return [upper, upper_held, max(lower, lower_held, key=lambda r: r.radius(prices))]
