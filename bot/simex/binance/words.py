"""Binance's words for what the core calls otherwise: sides, types, statuses, times in force, and numbers as text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import amount, unscaled
from bot.simex.core.order import BUY, SELL, EndReason, Order, PositionSide, Prevention, Side, TimeInForce

WireMs = Callable[[int], int]
SIDES: Final[dict[str, Side]] = {"BUY": BUY, "SELL": SELL}
POSITION_SIDES: Final[dict[str, PositionSide]] = {"BOTH": "both", "LONG": "long", "SHORT": "short"}
PREVENTIONS: Final[dict[str, Prevention]] = {
    "EXPIRE_TAKER": "taker",
    "EXPIRE_MAKER": "maker",
    "EXPIRE_BOTH": "both",
    "NONE": "none",
}
FUTURES_TIMES: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "post_only"}
SPOT_TIMES: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
_STATUSES = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "untriggered": "NEW",
    "triggered": "TRIGGERED",
    "deactivated": "CANCELED",
}
# What the exchange ends has EXPIRED; CANCELED is what its owner, or his countdown, ended.
_BY_EXCHANGE: Final[frozenset[EndReason]] = frozenset(
    {"liquidation", "adl", "settlement", "deadline", "parent", "margin"}
)
_ENDED = frozenset({"canceled", "deactivated"})
_FUTURES_TIME_OF = {of: word for word, of in FUTURES_TIMES.items()}
_PREVENTION_OF = {of: word for word, of in PREVENTIONS.items()}


def side_of(side: Side) -> str:
    """BUY or SELL."""
    return "BUY" if side == BUY else "SELL"


def position_side_of(side: PositionSide) -> str:
    """BOTH, LONG or SHORT."""
    return side.upper()


def status_of(order: Order) -> str:
    """The status; an order that self-trade prevention ended has one of its own."""
    if order.status == "expired" and order.end == "self_trade":
        return "EXPIRED_IN_MATCH"
    return "EXPIRED" if is_ended_by_exchange(order) else _STATUSES[order.status]


def is_ended_by_exchange(order: Order) -> bool:
    """Whether the exchange took an order out: in a liquidation, a settlement, by its date, or with its list."""
    return order.status in _ENDED and order.end in _BY_EXCHANGE


def futures_time_of(order: Order) -> str:
    """The time in force of a futures order."""
    return _FUTURES_TIME_OF[order.tif]


def spot_time_of(order: Order) -> str:
    """The time in force of a spot order: its post-only is a type."""
    return "GTC" if order.tif == "post_only" else _FUTURES_TIME_OF[order.tif]


def prevention_of(order: Order) -> str:
    """The self-trade prevention mode."""
    return _PREVENTION_OF[order.prevention]


def places(value: Decimal, decimals: int) -> str:
    """`value` with exactly that many decimals, never "-0"."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def eight(value: Decimal) -> str:
    """`value` with eight decimals."""
    return places(value, 8)


def plain(value: Decimal) -> str:
    """`value` without trailing zeros and without an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_of(instrument: Instrument, price: int) -> str:
    """A price (of 1e-8) with the instrument's places."""
    return places(unscaled(price), instrument.price_places)


def quantity_of(instrument: Instrument, quantity: int) -> str:
    """A quantity (of 1e-8) with the instrument's places."""
    return places(unscaled(quantity), instrument.quantity_places)


def money_of(value: int) -> str:
    """Money of the core (of 1e-16) with eight decimals."""
    return eight(amount(value))
