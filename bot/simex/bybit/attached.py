"""Take profit and stop loss that come with an order: read, checked and changed. What they become is in stops.py.

They are for the position that the order opens. A full one becomes the position's own at the first fill, a partial one
an order of the quantity that is filled. Spot has none here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.errors import VenueError, invalid
from bot.simex.bybit.params import Params
from bot.simex.bybit.records import GOALS, Attached, Goal, Tag, Target
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import unscaled
from bot.simex.core.order import Order, Side, TriggerBy

WATCHED: Final[dict[str, TriggerBy]] = {"LastPrice": "last", "MarkPrice": "mark", "IndexPrice": "index"}
_SHORT: Final[dict[Goal, str]] = {"takeProfit": "tp", "stopLoss": "sl"}
_MODES: Final = ("Full", "Partial")
_AMENDS: Final = (*GOALS, "tpLimitPrice", "slLimitPrice", "tpTriggerBy", "slTriggerBy", "tpslMode")


def read(desk: Desk, instrument: Instrument, side: Side, price: int, params: Params) -> Attached | None:
    """What a create request attaches; None when nothing. `price` is the limit, or the trigger, 0 for a market order."""
    if not any(params.text(goal) not in ("", "0") for goal in GOALS):
        return None
    if instrument.kind == "spot":
        raise VenueError(170227)
    if params.flag("reduceOnly") or params.flag("closeOnTrigger"):
        raise invalid("takeProfit and stopLoss cannot be set with reduceOnly")
    found = {goal: target(goal, params) for goal in GOALS}
    wanted = Attached(is_partial(params), {goal: one for goal, one in found.items() if one is not None})
    _check(wanted, instrument, side, price or desk.last_price(instrument))
    return wanted


def amends(params: Params) -> bool:
    """Whether an amend request speaks of them."""
    return any(name in params for name in _AMENDS)


def amended(desk: Desk, order: Order, tag: Tag, price: int, params: Params) -> Attached | None:
    """What an order has attached after an amend request that speaks of it; `price` is the order's new limit, if any."""
    if order.instrument.kind == "spot":
        raise VenueError(170227)
    if order.filled:
        raise VenueError(110059)
    before = tag.attached
    partial = is_partial(params) if "tpslMode" in params else before is not None and before.partial
    targets = {}
    for goal in GOALS:
        found = _changed(goal, params, before.targets.get(goal) if before is not None else None)
        if found is not None:
            targets[goal] = found
    if not targets:
        return None
    if order.reduce_only:
        raise invalid("takeProfit and stopLoss cannot be set with reduceOnly")
    if not partial and any(one.limit for one in targets.values()):
        raise invalid("tpLimitPrice and slLimitPrice are for tpslMode Partial")
    wanted = Attached(partial, targets)
    base = price or order.price or (order.trigger.price if order.trigger else desk.last_price(order.instrument))
    _check(wanted, order.instrument, order.side, base)
    return wanted


def is_partial(params: Params) -> bool:
    """Whether `tpslMode` is Partial. Limit orders ask for it by name."""
    mode = params.one_of("tpslMode", _MODES, "Full")
    for short in _SHORT.values():
        limited = params.one_of(f"{short}OrderType", ("Market", "Limit"), "Market") == "Limit"
        if mode == "Full" and (limited or params.quantity(f"{short}LimitPrice")):
            raise invalid(f"{short}OrderType must be Market when tpslMode is Full")
    return mode == "Partial"


def target(goal: Goal, params: Params) -> Target | None:
    """Take profit or stop loss as a request has it; None where it is absent or 0."""
    price, short = params.quantity(goal), _SHORT[goal]
    by = WATCHED[params.one_of(f"{short}TriggerBy", WATCHED, "LastPrice")]
    limit = params.quantity(f"{short}LimitPrice")
    if limit and params.text(f"{short}OrderType", "Limit") != "Limit":
        raise invalid(f"{short}LimitPrice is for {short}OrderType Limit")
    return Target(price, by, limit) if price else None


def size(goal: Goal, params: Params) -> int:
    """How much of a position a partial one of /v5/position/trading-stop is for."""
    return params.quantity(f"{_SHORT[goal]}Size")


def check_side(instrument: Instrument, goal: Goal, price: int, base: int, *, long: bool) -> None:
    """A take profit lies beyond the price it is compared with, a stop loss before it; both on the grid."""
    if price % instrument.filters.tick:
        raise invalid(f"{goal} is not a multiple of tickSize")
    rises = long == (goal == "takeProfit")
    if base and (price <= base if rises else price >= base):
        relation, held = "higher" if rises else "lower", "Buy" if long else "Sell"
        shown, against = (f"{Decimal(unscaled(one)).normalize():f}" for one in (price, base))
        raise invalid(f"{goal}:{shown} set for {held} position should be {relation} than base_price:{against}")


def _changed(goal: Goal, params: Params, before: Target | None) -> Target | None:
    """One of the two after an amend request: a price of 0 takes it away, without a price it stays."""
    short = _SHORT[goal]
    if goal in params and not params.quantity(goal):
        return None
    price = params.quantity(goal) or (before.price if before is not None else 0)
    if not price:
        return None
    by = before.by if before is not None else "last"
    if f"{short}TriggerBy" in params:
        by = WATCHED[params.one_of(f"{short}TriggerBy", WATCHED)]
    kept = before.limit if before is not None else 0
    return Target(price, by, params.quantity(f"{short}LimitPrice") or kept)


def _check(wanted: Attached, instrument: Instrument, side: Side, base: int) -> None:
    for goal, one in wanted.targets.items():
        check_side(instrument, goal, one.price, base, long=side > 0)
        if one.limit % instrument.filters.tick:
            raise invalid(f"{_SHORT[goal]}LimitPrice is not a multiple of tickSize")
