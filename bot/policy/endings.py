"""What ends a target by itself, and what closes a hedge early: both take its overlays to nothing.

A target that has ended stays ended: whoever runs it remembers that. A hedge that was closed early because its funding
had become too dear comes back once that is down to REOPEN_SHARE of its limit. What is not known ends nothing.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from bot.calc import bands
from bot.calc.bands import Deviation, Space
from bot.calc.forms import Form
from bot.domain.bands import Band
from bot.domain.targets import TargetSpec
from bot.domain.triggers import PriceEnd
from bot.domain.units import ZERO
from bot.policy.judge import overlay
from bot.policy.view import Aim, View, plain

REOPEN_SHARE = 0.5


def over(target: TargetSpec, view: View) -> str:
    """Why a target has ended by time or by a price; empty where it has not."""
    until = target.until
    if until is None:
        return ""
    if until.at_ns is not None and view.now >= until.at_ns:
        return "its time has come"
    end = until.price
    price = None if end is None else view.prices.get(end.asset)
    if end is None or price is None:
        return ""
    if end.above is not None and price >= end.above:
        return f"{end.asset} at {plain(price)} has reached {plain(end.above)}"
    if end.below is not None and price <= end.below:
        return f"{end.asset} at {plain(price)} has fallen to {plain(end.below)}"
    return ""


def price_conditions(end: PriceEnd) -> list[Form]:
    """What prices must keep for a target not to end by one."""
    out = []
    if end.above is not None:
        out.append(Form(end.above, {end.asset: Decimal(-1)}))
    if end.below is not None:
        out.append(Form(-end.below, {end.asset: Decimal(1)}))
    return out


def spent(target: TargetSpec, aims: Sequence[Aim], view: View) -> str:
    """Why a target has ended by what its hedges cost, or because they are no longer needed; empty where it has not."""
    until = target.until
    assert until is not None, "nobody asks a target that ends by nothing"
    cost = None if until.funding_cost_max is None else funding_cost(aims, view)
    if until.funding_cost_max is not None and cost is not None and cost > float(until.funding_cost_max):
        return f"its funding is expected to cost {cost:.4f} a year, above {plain(until.funding_cost_max)}"
    if until.drift_healed and _stands(target, aims, view) and all(_healed(aim, view) for aim in aims):
        return "the drift has healed: without a hedge every asset would be inside its band"
    return ""


def early(target: TargetSpec, aims: Sequence[Aim], view: View, *, closed: bool) -> str:
    """Why a target's hedge is closed early, or stays so; empty where it is kept."""
    limit = target.when.funding_cost_max
    if limit is None:
        return ""
    cost = funding_cost(aims, view)
    bound = float(limit) * (REOPEN_SHARE if closed else 1.0)
    if cost is None:
        return "closed early, and what its funding costs is not known now" if closed else ""
    if cost <= bound:
        return ""
    return f"closed early: its funding is expected to cost {cost:.4f} a year, above {plain(limit)}"


def funding_cost(aims: Iterable[Aim], view: View) -> float | None:
    """What a year's funding of these hedges is expected to take of their notional; None where it is not known.

    Below 0 they earn. What wants nothing costs nothing and does not count.
    """
    paid, notional = 0.0, 0.0
    for aim in aims:
        value = float(overlay(aim, view.prices))
        if value:
            rate = view.funding_apr.get(aim.asset)
            if rate is None:
                return None
            paid, notional = paid + value * rate, notional + abs(value)
    return paid / notional if notional else None


def _stands(target: TargetSpec, aims: Iterable[Aim], view: View) -> bool:
    """Whether the target has any hedge at all: one that never drifted has not healed."""
    booked = view.booked.get(target.name)
    if booked is not None:
        return any(booked.values())
    return any(view.parts[aim.asset].futures for aim in aims)


def _healed(aim: Aim, view: View) -> bool:
    """Whether the asset would be inside the band without a hedge. An auto band's width is taken at its floor."""
    wanted = overlay(aim, view.prices)
    deviation = Deviation(
        space=Space.QUOTE,
        amount=ZERO - wanted,
        scale=aim.scale.value(view.prices),
        base=aim.base.value(view.prices),
        price=view.prices[aim.asset],
    )
    if isinstance(aim.band, Band):
        return not bands.is_breached(deviation, aim.band)
    return not bands.is_beyond(deviation, aim.band.floor)
