"""What Binance's two private streams have in common: what a frame can ask for, and how an order is told as facts.

Orders of ours (by the form of their client id) become reports, all others `ForeignOrderSeen`, with the venue's own
orders (liquidation, auto-deleveraging, settlement) named as such. Numbers are exact decimals; one that is not finite or
absurdly large is refused with its frame.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from bot.domain.events import Fact, ForeignOrderSeen
from bot.domain.instrument import instrument_id
from bot.domain.order import Fill, Side, Status
from bot.domain.units import MILLISECOND_NS, AccountId, Asset, Nanos
from bot.venues.binance import Acknowledged, BadFrame, RequestRefused, ShutdownAnnounced
from bot.venues.translate.binance import SIDES
from bot.venues.translate.binance import STATUSES as REST_STATUSES

EXPONENT_MAX = 30

# Only the streams tell of an order that the venue is about to take.
STATUSES = {**REST_STATUSES, "PENDING_NEW": Status.NEW}

# The client ids under which the venue itself trades on an account.
VENUE_ORDERS = (
    ("adl_autoclose", "auto-deleveraging"),
    ("autoclose-", "liquidation"),
    ("settlement_autoclose-", "settlement"),
    ("delivery_autoclose-", "settlement"),
)
FOREIGN = "order of somebody else"
# An order appears or trades; how else it ends changes nothing on the account.
_TELLING = frozenset({"NEW", "TRADE", "CALCULATED"})
_TRADING = frozenset({"TRADE", "CALCULATED"})


class WantRefresh(msgspec.Struct, frozen=True):
    """Read this account over REST now."""

    account: AccountId
    why: str


class WantReconnect(msgspec.Struct, frozen=True):
    """The subscription is over: connect and subscribe anew."""

    why: str


class UnknownKind(msgspec.Struct, frozen=True):
    """A well-formed event of a kind that nobody has told us about."""

    kind: str


Request = WantRefresh | WantReconnect | UnknownKind | ShutdownAnnounced | Acknowledged | RequestRefused
Outcome = Fact | Request


class OrderFrame(Protocol):
    """The fields that an order has on both streams; one-letter names are the venue's own."""

    s: str
    S: str
    x: str
    i: int
    l: Decimal  # noqa: E741
    L: Decimal
    T: int
    t: int
    m: bool
    n: Decimal
    N: str | None


def foreign(account: AccountId, order: OrderFrame, client_id: str, received_ns: Nanos) -> tuple[ForeignOrderSeen, ...]:
    """Somebody else's order, when it appears and when it trades. Its contracts are what traded just now, signed."""
    if order.x not in _TELLING:
        return ()
    cause = next((cause for prefix, cause in VENUE_ORDERS if client_id.startswith(prefix)), FOREIGN)
    traded = order.l * side(order.S).sign
    name = client_id or str(order.i)
    return (ForeignOrderSeen(instrument_id(account, order.s), name, cause, traded, received_ns),)


def fills(order: OrderFrame) -> tuple[Fill, ...]:
    """The execution that a frame tells of, if it does."""
    if order.x not in _TRADING or order.l <= 0:
        return ()
    fill = Fill(
        trade_id=str(order.t),
        price=order.L,
        contracts=order.l,
        fee=order.n,
        fee_asset=Asset(order.N or ""),
        maker=order.m,
        at_ns=nanos(order.T),
    )
    return (fill,)


def side(text: str) -> Side:
    """BUY or SELL. Raises BadFrame."""
    if (found := SIDES.get(text)) is None:
        raise BadFrame("an order's side is neither BUY nor SELL")
    return found


def status(text: str) -> Status:
    """Where an order is in its life. Raises BadFrame."""
    if (found := STATUSES.get(text)) is None:
        raise BadFrame("an order's status is not known")
    return found


def nanos(milliseconds: int) -> Nanos:
    """The venue's time."""
    return Nanos(milliseconds * MILLISECOND_NS)


def check(*numbers: Decimal) -> None:
    """Raises BadFrame for a number that cannot be meant."""
    for number in numbers:
        if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
            raise BadFrame("a number is not finite or absurdly large")
