"""May anything be sent at all: modes, the instrument's lock, the parent's size, the pace."""

from bot.domain.order import Refused
from bot.engine.guards.context import Context
from bot.engine.modes import Mode

REDUCING_PACE_FACTOR = 4
"""Reducing orders have their own, wider pace: they are never held by the one for new risk."""


def mode(context: Context) -> Refused | None:
    """HALT sends nothing; every mode between it and RUN sends only what reduces."""
    if context.mode is Mode.HALT:
        return context.refuse("mode", "halted: nothing is sent until an operator arms again")
    if context.mode is not Mode.RUN and not context.reducing:
        return context.refuse("mode", f"{context.mode.name} allows only orders that reduce a position")
    return None


def lock(context: Context) -> Refused | None:
    """One order at a time per instrument, and none while the venue's position is not ours."""
    if context.live > 0:
        return context.refuse("lock", f"an order of {context.live} contracts has not ended yet")
    if not context.settled:
        return context.refuse("lock", "the venue has not confirmed the position that our fills add up to")
    return None


def conservation(context: Context) -> Refused | None:
    """Children never add up to more than their parent."""
    if context.request.contracts > context.intent_left:
        return context.refuse(
            "conservation", f"{context.request.contracts} contracts are more than the {context.intent_left} decided"
        )
    return None


def pace(context: Context) -> Refused | None:
    """A bounded number of orders a minute per instrument: a loop that trades is stopped here."""
    bound = context.limits.orders_per_minute_max * (REDUCING_PACE_FACTOR if context.reducing else 1)
    if context.sent_last_minute >= bound:
        return context.refuse("pace", f"{context.sent_last_minute} orders in the last minute, at most {bound}")
    return None


def rejects(context: Context) -> Refused | None:
    """The venue refused several orders in a row: asking again would be refused again."""
    if context.rejects_in_row >= context.limits.rejects_in_row_max and not context.reducing:
        return context.refuse("rejects", f"the venue refused the last {context.rejects_in_row} orders")
    return None
