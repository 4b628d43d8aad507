"""Would the account still be well margined with the order filled."""

import msgspec

from bot.calc import margin
from bot.domain.order import Refused
from bot.domain.units import exact
from bot.engine.guards.context import Context


def ratio_after(context: Context) -> Refused | None:
    """The margin ratio after the order, its fee and its slippage stays below the limit. Reducing is exempt."""
    if context.reducing:
        return None
    if context.wallet is None or context.holdings is None or context.mark is None:
        return context.refuse("margin", "wallet or a mark price is unknown, so the margin after the order is too")
    if not context.instrument.tiers:
        return context.refuse("margin", "the maintenance-margin tiers of this instrument are unknown")
    request, instrument, mark = context.request, context.instrument, exact(context.mark.mark)
    coins = instrument.coins(request.contracts)
    against = max((request.limit_price - mark) * request.side.sign, mark * 0)
    cost = coins * (request.limit_price * instrument.taker_fee + against)
    after = tuple(_filled(holding, context) for holding in context.holdings)
    ratio = margin.ratio_after(context.wallet, context.holdings, after, cost, context.venue_margin)
    if ratio > context.limits.margin_ratio_max:
        return context.refuse(
            "margin", f"the margin ratio would be {ratio:.3f}, at most {context.limits.margin_ratio_max}"
        )
    return None


def _filled(holding: margin.Holding, context: Context) -> margin.Holding:
    if holding.instrument.id != context.request.instrument:
        return holding
    request = context.request
    position = holding.position.after_fill(request.side, request.contracts, request.limit_price)
    return msgspec.structs.replace(holding, position=position)
