"""Why the exchange refuses a call, in no venue's words: a dialect gives each reason its code, message and status."""

from __future__ import annotations

from enum import Enum, auto


class Reason(Enum):
    """A reason to refuse; when it is raised nothing has happened."""

    UNKNOWN_SYMBOL = auto()
    NOT_TRADING = auto()
    REDUCE_ONLY_SYMBOL = auto()
    CANCEL_ONLY = auto()
    PRICE_TICK = auto()
    PRICE_RANGE = auto()
    PRICE_ABOVE_MULTIPLIER = auto()
    PRICE_BELOW_MULTIPLIER = auto()
    MARKET_BEYOND_MULTIPLIER = auto()
    QUANTITY_LOT = auto()
    QUANTITY_MIN = auto()
    QUANTITY_MAX = auto()
    NOTIONAL_MIN = auto()
    OPEN_ORDERS_MAX = auto()
    ALGO_ORDERS_MAX = auto()
    CLIENT_ID_DUPLICATE = auto()
    CLIENT_ID_FORMAT = auto()
    POSITION_SIDE = auto()
    REDUCE_ONLY = auto()
    """Nothing to reduce, or the order would increase."""
    POSITION_TOO_SMALL = auto()
    """Hedge mode: the side that is to be closed holds less."""
    INSUFFICIENT_BALANCE = auto()
    INSUFFICIENT_MARGIN = auto()
    BEYOND_LEVERAGE = auto()
    """The position would exceed the largest notional at its leverage."""
    POST_ONLY_WOULD_TAKE = auto()
    FOK_UNFILLABLE = auto()
    NO_LIQUIDITY = auto()
    WOULD_TRIGGER = auto()
    UNKNOWN_ORDER = auto()
    ORDER_NOT_OPEN = auto()
    AMEND_UNCHANGED = auto()
    AMEND_FILLED = auto()
    LEVERAGE_RANGE = auto()
    LEVERAGE_UNCHANGED = auto()
    MARGIN_TYPE_UNCHANGED = auto()
    HAS_OPEN_ORDERS = auto()
    HAS_POSITION = auto()
    MODE_UNCHANGED = auto()
    ISOLATED_ONLY = auto()
    """The call needs an isolated position."""
    ISOLATED_FORBIDDEN = auto()
    """Multi-asset and unified accounts of this setting are cross only."""
    TRANSFER_AMOUNT = auto()
    IN_LIQUIDATION = auto()
    UNKNOWN_ACCOUNT = auto()
    SETTLEMENT = auto()


class Refused(Exception):
    """The exchange refuses; `detail` is for people and never parsed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.name} {detail}".rstrip())
        self.reason = reason
        self.detail = detail
