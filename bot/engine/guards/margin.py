"""Would the account still be well margined with the order filled."""

import msgspec

from bot.calc import margin
from bot.domain.order import OrderRequest, Refused
from bot.domain.units import ZERO, Notional
from bot.engine.guards.context import Context


def ratio_after(context: Context) -> Refused | None:
    """The margin ratio stays below the limit with this order and all others filled. Reducing is exempt."""
    if context.reducing:
        return None
    if context.wallet is None or context.holdings is None or context.mark is None:
        return context.refuse("margin", "wallet or a mark price is unknown, so the margin after the order is too")
    if not context.instrument.tiers:
        return context.refuse("margin", "the maintenance-margin tiers of this instrument are unknown")
    before = tuple(h for h in context.holdings if h.instrument.account == context.instrument.account)
    after, cost = before, ZERO
    for order in (*context.alongside, context.request):
        cost += sum((_cost(order, holding) for holding in before), ZERO)
        after = tuple(_filled(order, holding) for holding in after)
    open_ones = (holding.instrument for holding in (*before, *after) if holding.position.contracts)
    if any(not instrument.tiers for instrument in open_ones):
        return context.refuse("margin", "the maintenance-margin tiers of another open position are unknown")
    ratio = margin.ratio_after(context.wallet, before, after, cost, context.venue_margin)
    if ratio > context.limits.margin_ratio_max:
        return context.refuse(
            "margin", f"the margin ratio would be {ratio:.3f}, at most {context.limits.margin_ratio_max}"
        )
    return None


def _cost(order: OrderRequest, holding: margin.Holding) -> Notional:
    """Fee and slippage against the mark of an order that fills at its limit."""
    if holding.instrument.id != order.instrument:
        return ZERO
    against = max((order.limit_price - holding.mark) * order.side.sign, ZERO)
    return holding.instrument.coins(order.contracts) * (order.limit_price * holding.instrument.taker_fee + against)


def _filled(order: OrderRequest, holding: margin.Holding) -> margin.Holding:
    if holding.instrument.id != order.instrument:
        return holding
    position = holding.position.after_fill(order.side, order.contracts, order.limit_price)
    return msgspec.structs.replace(holding, position=position)
