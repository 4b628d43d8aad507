"""Is the order's size what the venue and the owner allow."""

from bot.calc.sizing import mid_price
from bot.domain.order import Refused
from bot.domain.units import Price, exact
from bot.engine.guards.context import Context
from bot.engine.modes import Mode


def filters(context: Context) -> Refused | None:
    """Positive, whole lots and ticks, within the venue's bounds, on an instrument that trades.

    Where an operator wants out, the venue itself is asked whether it still lets a position be reduced.
    """
    request, rules = context.request, context.instrument
    leaving = context.reducing and context.mode in (Mode.UNWIND, Mode.FLATTEN)
    if not rules.trading and not leaving:
        return context.refuse("filters", "the venue does not trade this instrument now")
    if request.contracts <= 0 or request.contracts % rules.lot != 0:
        return context.refuse("filters", f"{request.contracts} contracts are not whole lots of {rules.lot}")
    if request.limit_price <= 0 or request.limit_price % rules.tick != 0:
        return context.refuse("filters", f"the limit {request.limit_price} is not on the tick of {rules.tick}")
    if rules.contracts_max is not None and request.contracts > rules.contracts_max:
        return context.refuse("filters", f"{request.contracts} contracts are above the venue's {rules.contracts_max}")
    if request.reduce_only and not context.reducing:
        return context.refuse("filters", "a reduce-only order that would not reduce the position")
    return None


def order_notional(context: Context) -> Refused | None:
    """No single order is larger than the owner allows."""
    price = _price(context)
    if price is None:
        return context.refuse("order_notional", "there is no price to measure it by")
    notional = context.instrument.coins(context.request.contracts) * price
    if notional > context.limits.order_notional_max:
        return context.refuse(
            "order_notional", f"the order is worth {notional:.2f}, at most {context.limits.order_notional_max}"
        )
    return None


def position_notional(context: Context) -> Refused | None:
    """The position at its worst (this order and every live or unknown one filled) stays inside its limit."""
    if context.reducing:
        return None
    price = _price(context)
    if price is None:
        return context.refuse("position_notional", "there is no price to measure it by")
    after = abs(context.position + context.request.signed_contracts) + context.live
    notional = context.instrument.coins(after) * price
    if notional > context.limits.position_notional_max:
        return context.refuse(
            "position_notional",
            f"the position would be worth {notional:.2f}, at most {context.limits.position_notional_max}",
        )
    return None


def _price(context: Context) -> Price | None:
    if context.quote is not None:
        return mid_price(context.quote)
    return exact(context.mark.mark) if context.mark is not None else None
