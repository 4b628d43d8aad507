"""What a sale of coins must keep besides all that every order keeps: nothing that trades here buys them back."""

from bot.domain.instrument import Kind
from bot.domain.order import Refused, Side, TimeInForce
from bot.engine.guards.context import Context


def form(context: Context) -> Refused | None:
    """Coins are sold on a spot pair at once or not at all; they are never bought."""
    request = context.request
    if context.instrument.kind is not Kind.SPOT or context.sale is None:
        return context.refuse("sale", "not a sale of coins on a spot pair")
    if request.side is not Side.SELL:
        return context.refuse("sale", "coins are never bought on the spot market")
    if request.time_in_force is not TimeInForce.IOC or request.reduce_only:
        return context.refuse("sale", "a sale is immediate-or-cancel and cannot be reduce-only")
    return None


def covered(context: Context) -> Refused | None:
    """No more than is confirmed and free, than is left to sell, and than is bought back with it."""
    assert context.sale is not None, "the form was judged first"
    bounds = (
        (context.sale.free, "free to be sold"),
        (context.sale.left, "left to be sold"),
        (context.sale.paired, "bought back with it"),
    )
    for bound, what in bounds:
        if context.request.contracts > bound:
            return context.refuse("sale", f"{context.request.contracts} coins, and only {bound} are {what}")
    return None


def minimum(context: Context) -> Refused | None:
    """What the venue would refuse as too small is not sent: on spot nothing is exempt from its minimum."""
    request, rules = context.request, context.instrument
    if request.contracts < rules.contracts_min or request.contracts * request.limit_price < rules.notional_min:
        return context.refuse("sale", f"{request.contracts} coins at {request.limit_price} are below the minimum")
    return None
