"""Would the account still be well margined with the order filled, and how far from its liquidation."""

from typing import NamedTuple

import msgspec

from bot.calc import margin, stress
from bot.domain.order import OrderRequest, Refused
from bot.domain.units import ZERO, Contracts, InstrumentId, Notional
from bot.engine.guards.context import Context


class _Filled(NamedTuple):
    """The account's positions now and with this order and all others filled, and what filling them costs."""

    wallet: Notional
    before: tuple[margin.Holding, ...]
    after: tuple[margin.Holding, ...]
    cost: Notional


def ratio_after(context: Context) -> Refused | None:
    """The margin ratio stays below the limit with this order and all others filled. Reducing is exempt."""
    if context.reducing:
        return None
    filled = _all_filled(context)
    if isinstance(filled, str):
        return context.refuse("margin", filled)
    ratio = margin.ratio_after(filled.wallet, filled.before, filled.after, filled.cost, context.venue_margin)
    if ratio > context.limits.margin_ratio_max:
        return context.refuse(
            "margin", f"the margin ratio would be {ratio:.3f}, at most {context.limits.margin_ratio_max}"
        )
    return None


def stress_after(context: Context) -> Refused | None:
    """With this order filled, no move of the market that is nearer than the limit liquidates the account.

    All prices move together, either way. Of every other order that may fill, the worse counts: that it does, or that
    it does not. Reducing is exempt.
    """
    least = context.limits.stress_distance_min
    if context.reducing or not least:
        return None
    filled = _all_filled(context)
    if isinstance(filled, str):
        return context.refuse("stress", filled)
    unsure = _unsure(context, filled)
    at_stake = [o.instrument for o in filled.after if o.position.contracts or any(unsure.get(o.instrument.id, ()))]
    if any(one.kind not in stress.LINEAR or not one.tiers for one in at_stake):
        return context.refuse(
            "stress", "how far prices may move is not known: a position is not linear, or has no tiers"
        )
    nearest = margin.stress_after(filled.wallet, filled.before, filled.after, unsure, filled.cost, context.venue_margin)
    why = stress.too_near(nearest, least)
    return context.refuse("stress", why) if why else None


def _all_filled(context: Context) -> _Filled | str:
    """The account with everything filled that may be, or why that is not known."""
    if context.wallet is None or context.holdings is None or context.mark is None:
        return "wallet or a mark price is unknown, so the margin after the order is too"
    if not context.instrument.tiers:
        return "the maintenance-margin tiers of this instrument are unknown"
    before = tuple(h for h in context.holdings if h.instrument.account == context.instrument.account)
    after, cost = before, ZERO
    for order in (*context.alongside, context.request):
        cost += sum((_cost(order, holding) for holding in before), ZERO)
        after = tuple(_filled(order, holding) for holding in after)
    open_ones = (holding.instrument for holding in (*before, *after) if holding.position.contracts)
    if any(not instrument.tiers for instrument in open_ones):
        return "the maintenance-margin tiers of another open position are unknown"
    return _Filled(context.wallet, before, after, cost)


def _unsure(context: Context, filled: _Filled) -> dict[InstrumentId, tuple[Contracts, ...]]:
    """The least and the most that each position may be, where not all that is alongside needs to fill."""
    out: dict[InstrumentId, tuple[Contracts, ...]] = {}
    for one in filled.after:
        signed = [o.signed_contracts for o in context.alongside if o.instrument == one.instrument.id]
        if signed:
            surely = one.position.contracts - sum(signed, ZERO)
            sells, buys = (sum((max(s * way, ZERO) for s in signed), ZERO) for way in (-1, 1))
            out[one.instrument.id] = (surely - sells, surely + buys)
    return out


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
