"""Binance's REST answers about orders, trades and money movements, and the parameters of an order.

Bytes in, domain values out. Every field that a decision rests on is required and typed: what is missing, null, of
another type, not finite or not consistent with itself is refused, and a refused answer proves nothing. Numbers are
read into exact decimals from the digits of the answer, never through a float.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.instrument import Instrument, Kind
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status
from bot.domain.units import CLIENT_ID_PREFIX, MILLISECOND_NS, ZERO, Asset, ClientOrderId, InstrumentId, Nanos

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENT_ID = re.compile(CLIENT_ID_PREFIX + r"[a-z0-9]{22}")
ONE_WAY = "BOTH"


class Unreadable(ValueError):
    """An answer that passes as JSON and still cannot be believed."""


STATUSES = {
    "NEW": Status.NEW,
    "PARTIALLY_FILLED": Status.PARTIALLY_FILLED,
    "FILLED": Status.FILLED,
    "CANCELED": Status.CANCELED,
    "PENDING_CANCEL": Status.PENDING_CANCEL,
    "REJECTED": Status.REJECTED,
    "EXPIRED": Status.EXPIRED,
    "EXPIRED_IN_MATCH": Status.EXPIRED,
}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


def finite(*values: Decimal) -> None:
    """Refuse NaN and infinities, which decimals may spell."""
    if not all(value.is_finite() for value in values):
        raise Unreadable("a number that is not finite")


def is_ours(client_id: str) -> bool:
    """Whether a client order id has the form of those that this program makes."""
    return CLIENT_ID.fullmatch(client_id) is not None


# ---------------------------------------------------------------------------------------------- the way out


class NotRepresentable(ValueError):
    """An order that this venue's account does not take as it is: a fault of ours, found before anything is sent."""


def plain(value: Decimal) -> str:
    """A decimal as the venue reads it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_parameters(request: OrderRequest, instrument: Instrument) -> dict[str, str]:
    """The parameters of a new USD-M order. Refuses spot, and what `limit_parameters` refuses."""
    if instrument.kind is not Kind.LINEAR:
        raise NotRepresentable(f"{instrument.id}: only USD-M futures are traded here, this is {instrument.kind.value}")
    parameters = limit_parameters(request, instrument) | {"newOrderRespType": "RESULT"}
    if request.reduce_only:
        parameters["reduceOnly"] = "true"
    return parameters


def limit_parameters(request: OrderRequest, instrument: Instrument) -> dict[str, str]:
    """What a limit order says in both markets. Refuses wrong ids, and what does not fit the lot or the tick."""
    if instrument.id != request.instrument:
        raise NotRepresentable(f"an order for {request.instrument} on {instrument.id}")
    if not is_ours(request.client_id):
        raise NotRepresentable(f"client id {request.client_id!r}: tt and 22 of [a-z0-9] is allowed")
    finite(request.contracts, request.limit_price)
    if request.contracts <= 0 or request.contracts % instrument.lot != 0:
        raise NotRepresentable(f"{request.contracts} contracts: multiples of {instrument.lot} above 0 are allowed")
    if request.limit_price <= 0 or request.limit_price % instrument.tick != 0:
        raise NotRepresentable(f"price {request.limit_price}: multiples of {instrument.tick} above 0 are allowed")
    return {
        "symbol": instrument.symbol,
        "side": request.side.name,
        "type": "LIMIT",
        "timeInForce": request.time_in_force.value,
        "quantity": plain(request.contracts),
        "price": plain(request.limit_price),
        "newClientOrderId": request.client_id,
    }


# ---------------------------------------------------------------------------------------------- orders


class OrderRow(msgspec.Struct, frozen=True, rename="camel"):
    """One order as USD-M states it, in an answer to POST, GET or DELETE or in a list."""

    order_id: int
    client_order_id: str
    symbol: str
    side: str
    status: str
    orig_qty: Decimal
    executed_qty: Decimal
    update_time: int
    avg_price: Decimal = ZERO
    cum_quote: Decimal = ZERO
    position_side: str = ONE_WAY
    reduce_only: bool = False

    def __post_init__(self) -> None:
        finite(self.orig_qty, self.executed_qty, self.avg_price, self.cum_quote)
        if self.order_id <= 0 or not self.client_order_id or self.update_time <= 0:
            raise Unreadable("an order without its id or its time")
        if self.side not in SIDES or self.status not in STATUSES:
            raise Unreadable(f"an order of side {self.side!r} and status {self.status!r}")
        if self.orig_qty <= 0 or self.executed_qty < 0 or self.avg_price < 0 or self.cum_quote < 0:
            raise Unreadable("an order with an impossible quantity or price")
        if self.executed_qty > 0 and self.average_price is None:
            raise Unreadable("a filled order without a price")
        if self.status == "FILLED" and self.executed_qty < self.orig_qty:
            raise Unreadable("an order that is filled and is not")
        if self.status == "NEW" and self.executed_qty > 0:
            raise Unreadable("an order that is new and filled")

    @property
    def average_price(self) -> Decimal | None:
        """What was filled at, on average; None while nothing is. A cancel's answer gives it by its quote sum alone."""
        if self.executed_qty == 0:
            return None
        return self.avg_price or (self.cum_quote / self.executed_qty) or None

    def report(self, instrument: InstrumentId, fills: tuple[Fill, ...] = ()) -> OrderReport:
        """The order as the engine knows it."""
        return OrderReport(
            client_id=ClientOrderId(self.client_order_id),
            instrument=instrument,
            side=SIDES[self.side],
            status=STATUSES[self.status],
            contracts=self.orig_qty,
            filled=self.executed_qty,
            venue_id=str(self.order_id),
            average_price=self.average_price,
            reduce_only=self.reduce_only,
            updated_ns=Nanos(self.update_time * MILLISECOND_NS),
            fills=fills,
        )


class _Name(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    client_order_id: str


class Listing(msgspec.Struct, frozen=True):
    """A list of orders: those that this program made, how many there were in all, and the highest order id."""

    ours: tuple[OrderRow, ...]
    count: int
    last_id: int


_ORDER = msgspec.json.Decoder(OrderRow)
_NAME = msgspec.json.Decoder(_Name)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def order(body: bytes) -> OrderRow:
    """One order."""
    return _ORDER.decode(body)


def listing(body: bytes) -> Listing:
    """A list of orders, which may be empty. Rows that are not ours need no more than their ids: they prove nothing."""
    rows = [(raw, _NAME.decode(raw)) for raw in _RAWS.decode(body)]
    ours = tuple(order(bytes(raw)) for raw, name in rows if is_ours(name.client_order_id))
    return Listing(ours, len(rows), max((name.order_id for _, name in rows), default=0))


def order_of(request: OrderRequest, instrument: Instrument, body: bytes) -> tuple[OrderRow, tuple[Fill, ...]]:
    """The order of an answer to our own POST; it tells no fills. An answer about anything else is refused."""
    return confirmed(named(order(body), instrument, request.client_id), request), ()


def confirmed(row: OrderRow, request: OrderRequest) -> OrderRow:
    """The row if it says what was asked for; otherwise it is refused."""
    if SIDES[row.side] is not request.side or row.orig_qty != request.contracts:
        raise Unreadable("an answer about another side or quantity than was asked for")
    return row


def named(row: OrderRow, instrument: Instrument, client_id: str) -> OrderRow:
    """The row if it is about this order; otherwise it is refused."""
    if row.client_order_id != client_id or row.symbol != instrument.symbol:
        raise Unreadable("an answer about another order")
    if row.position_side != ONE_WAY:
        raise Unreadable("an order of hedge mode")
    return row


# ---------------------------------------------------------------------------------------------- trades and ledger


class TradeRow(msgspec.Struct, frozen=True, rename="camel"):
    """One execution of ours. `commission` > 0 is paid here."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    maker: bool = False

    def __post_init__(self) -> None:
        finite(self.price, self.qty, self.commission)
        if self.price <= 0 or self.qty <= 0 or self.time <= 0 or self.side not in SIDES:
            raise Unreadable("a trade with an impossible price, quantity, time or side")

    def fill(self) -> Fill:
        """The execution as the engine knows it."""
        return Fill(
            trade_id=str(self.id),
            price=self.price,
            contracts=self.qty,
            fee=self.commission,
            fee_asset=Asset(self.commission_asset),
            maker=self.maker,
            at_ns=Nanos(self.time * MILLISECOND_NS),
        )


_TRADES = msgspec.json.Decoder(list[TradeRow])


def trades(body: bytes) -> list[TradeRow]:
    """A list of executions, which may be empty."""
    return _TRADES.decode(body)


def fills_of(row: OrderRow, executions: Iterable[TradeRow]) -> tuple[Fill, ...]:
    """The fills of an order if the executions account for all of it; otherwise none, rather than some."""
    own = sorted((t for t in executions if t.order_id == row.order_id and t.symbol == row.symbol), key=lambda t: t.id)
    distinct = {trade.id: trade for trade in own}.values()
    if sum((trade.qty for trade in distinct), ZERO) != row.executed_qty:
        return ()
    return tuple(trade.fill() for trade in distinct)


class IncomeRow(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the futures wallet's ledger. `income` > 0 was received."""

    symbol: str
    income_type: str
    income: Decimal
    asset: str
    time: int
    tran_id: int

    def __post_init__(self) -> None:
        finite(self.income)
        if self.time <= 0:
            raise Unreadable("a ledger line without its time")


_INCOME = msgspec.json.Decoder(list[IncomeRow])


def income(body: bytes) -> list[IncomeRow]:
    """Ledger lines, which may be none."""
    return _INCOME.decode(body)


class _Time(msgspec.Struct, frozen=True, rename="camel"):
    server_time: int


def server_time_ms(body: bytes) -> int:
    """The venue's clock, in milliseconds since the epoch."""
    found = msgspec.json.decode(body, type=_Time).server_time
    if found <= 0:
        raise Unreadable("a clock before the epoch")
    return found
