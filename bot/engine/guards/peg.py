"""Is the currency that an order is quoted and margined in worth its dollar."""

from bot.calc.peg import BACK_BPS, STOP_BPS, off_peg
from bot.domain.order import Refused
from bot.domain.units import MINUTE_NS
from bot.engine.guards.context import Context
from bot.engine.pegs import BACK_FOR_NS


def steady(context: Context) -> Refused | None:
    """The peg is known and holds, and has for a while if it was lost. Reducing is exempt, and what nobody watches."""
    found = context.peg
    if context.reducing or found is None or found.asset not in (context.instrument.quote, context.instrument.settle):
        return None
    if found.price is None:
        return context.refuse("peg", found.told)
    if off_peg(found.price) > STOP_BPS:
        return context.refuse("peg", f"{found.told}, at most {STOP_BPS}")
    if found.stopped:
        back = f"it was inside {BACK_BPS} bps for {BACK_FOR_NS // MINUTE_NS} min"
        return context.refuse("peg", f"{found.told}; it was lost, and no order adds risk until {back}")
    return None
