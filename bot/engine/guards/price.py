"""Is the limit price near the market: collar around mid and mark, and the slippage limit."""

from bot.calc.sizing import mid_price, slippage_bps
from bot.domain.order import Refused
from bot.domain.units import BPS_PER_UNIT, ONE, exact
from bot.engine.guards.context import Context


def slippage(context: Context) -> Refused | None:
    """The limit price is never worse than the slippage limit from the mid."""
    if context.quote is None:
        return context.refuse("slippage", "there is no quote to measure it from")
    worst = slippage_bps(context.request.side, context.request.limit_price, mid_price(context.quote))
    if worst > context.slippage_bps_max:
        bound = context.slippage_bps_max
        return context.refuse("slippage", f"the limit is {worst:.1f} bps beyond mid, at most {bound}")
    return None


def collar_mid(context: Context) -> Refused | None:
    """The limit price lies within a collar around the mid, on either side; closing in a hurry widens it."""
    if context.quote is None:
        return context.refuse("collar", "there is no quote to measure it from")
    bound = max(context.limits.collar_mid_bps_max, context.slippage_bps_max)
    away = abs(context.request.limit_price / mid_price(context.quote) - ONE) * BPS_PER_UNIT
    if away > bound:
        return context.refuse("collar", f"the limit is {away:.1f} bps from mid, at most {bound}")
    return None


def collar_mark(context: Context) -> Refused | None:
    """The limit price lies within a collar around the mark price. Without a mark only a reducing order passes."""
    if context.mark is None:
        return None if context.reducing else context.refuse("collar", "there is no mark price to measure it from")
    bound = context.limits.collar_mark_bps_max
    away = abs(context.request.limit_price / exact(context.mark.mark) - ONE) * BPS_PER_UNIT
    if away > bound and not context.reducing:
        return context.refuse("collar", f"the limit is {away:.1f} bps from mark, at most {bound}")
    return None
