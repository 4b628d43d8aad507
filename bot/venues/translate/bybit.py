"""Bybit's REST answers about orders, executions and money movements, and the parameters of an order.

What is read here is the `result` of an envelope. As at Binance every field that a decision rests on is required and
typed, and what is not consistent with itself is refused: a refused answer proves nothing. Bybit writes numbers as
texts and an absent one as an empty text.

The answer to a new order or a cancel is no more than a receipt: it names the order and says nothing of its fate.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.instrument import Instrument, Kind
from bot.domain.order import Fill, OrderReport, OrderRequest, Side, Status, TimeInForce
from bot.domain.units import MILLISECOND_NS, ZERO, Asset, ClientOrderId, InstrumentId, Nanos
from bot.venues.translate.binance import NotRepresentable, Unreadable, finite, is_ours, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

ONE_WAY = 0
"""The position index of one-way mode; 1 and 2 are the sides of hedge mode."""
CATEGORIES = {Kind.SPOT: "spot", Kind.LINEAR: "linear"}
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
STATUSES = {
    "New": Status.NEW,
    "PartiallyFilled": Status.PARTIALLY_FILLED,
    "Filled": Status.FILLED,
    "Cancelled": Status.CANCELED,
    "PartiallyFilledCanceled": Status.CANCELED,
    "Rejected": Status.REJECTED,
    "Deactivated": Status.CANCELED,
    "Untriggered": Status.NEW,
    "Triggered": Status.NEW,
}
TIMES_IN_FORCE = {TimeInForce.IOC: "IOC", TimeInForce.GTC: "GTC", TimeInForce.GTX: "PostOnly"}


def optional(text: str | None) -> Decimal:
    """A number that may be absent: an empty text is zero. Raises Unreadable for anything else that is no number."""
    try:
        value = Decimal(text or 0)
    except ArithmeticError:
        raise Unreadable("a text where a number belongs") from None
    finite(value)
    return value


# ---------------------------------------------------------------------------------------------- the way out


def category(instrument: Instrument) -> str:
    """The venue's category of an instrument. Raises NotRepresentable for a kind that is not traded here."""
    found = CATEGORIES.get(instrument.kind)
    if found is None:
        raise NotRepresentable(
            f"{instrument.id}: only spot and linear contracts are traded, not {instrument.kind.value}"
        )
    return found


def order_parameters(request: OrderRequest, instrument: Instrument) -> dict[str, str | int | bool]:
    """The parameters of a new order. Refuses wrong ids, what does not fit the lot or tick, and a purchase of coins."""
    parameters: dict[str, str | int | bool] = {
        "category": category(instrument),
        "symbol": instrument.symbol,
        "side": request.side.value.capitalize(),
        "orderType": "Limit",
        "timeInForce": TIMES_IN_FORCE[request.time_in_force],
        "qty": plain(request.contracts),
        "price": plain(request.limit_price),
        "orderLinkId": request.client_id,
    }
    _check_form(request, instrument)
    if instrument.kind is Kind.SPOT:
        _check_sale(request, instrument)
        return {**parameters, "isLeverage": 0}
    return {**parameters, "positionIdx": ONE_WAY, "reduceOnly": request.reduce_only}


def _check_form(request: OrderRequest, instrument: Instrument) -> None:
    if instrument.id != request.instrument:
        raise NotRepresentable(f"an order for {request.instrument} on {instrument.id}")
    if not is_ours(request.client_id):
        raise NotRepresentable(f"client id {request.client_id!r}: tt and 22 of [a-z0-9] is allowed")
    finite(request.contracts, request.limit_price)
    if request.contracts <= 0 or request.contracts % instrument.lot != 0:
        raise NotRepresentable(f"{request.contracts} contracts: multiples of {instrument.lot} above 0 are allowed")
    if request.limit_price <= 0 or request.limit_price % instrument.tick != 0:
        raise NotRepresentable(f"price {request.limit_price}: multiples of {instrument.tick} above 0 are allowed")


def _check_sale(request: OrderRequest, instrument: Instrument) -> None:
    """Coins are only ever sold, at once or not at all."""
    if request.side is not Side.SELL:
        raise NotRepresentable(f"{instrument.id}: coins are only ever sold on the spot market, never bought")
    if request.time_in_force is not TimeInForce.IOC or request.reduce_only:
        raise NotRepresentable(f"{instrument.id}: a spot order is immediate-or-cancel and cannot be reduce-only")
    if request.contracts < instrument.contracts_min:
        raise NotRepresentable(f"{request.contracts} {instrument.base}: at least {instrument.contracts_min} is allowed")
    worth = request.contracts * request.limit_price
    if worth < instrument.notional_min:
        raise NotRepresentable(f"worth {worth} {instrument.quote}: at least {instrument.notional_min} is allowed")


class _Receipt(msgspec.Struct, frozen=True, rename="camel"):
    order_id: str
    order_link_id: str


def receipt(client_id: str, body: bytes) -> str:
    """The venue's own id in the receipt of a request of ours. One about another order is refused."""
    found = msgspec.json.decode(body, type=_Receipt)
    if found.order_link_id != client_id or not found.order_id:
        raise Unreadable("a receipt for another order")
    return found.order_id


# ---------------------------------------------------------------------------------------------- orders


class OrderRow(msgspec.Struct, frozen=True, rename="camel"):
    """One order, in an answer or on the private stream."""

    order_id: str
    order_link_id: str
    symbol: str
    side: str
    order_status: str
    qty: Decimal
    cum_exec_qty: Decimal
    updated_time: str
    avg_price: str | None = ""
    cum_exec_value: str | None = ""
    position_idx: int = ONE_WAY
    reduce_only: bool = False
    reject_reason: str = ""
    cancel_type: str = ""
    create_type: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        finite(self.qty, self.cum_exec_qty)
        if not self.order_id or self.updated_ms <= 0:
            raise Unreadable("an order without its id or its time")
        if self.side not in SIDES or self.order_status not in STATUSES:
            raise Unreadable(f"an order of side {self.side!r} and status {self.order_status!r}")
        if self.qty <= 0 or not 0 <= self.cum_exec_qty <= self.qty:
            raise Unreadable("an order with an impossible quantity")
        optional(self.avg_price), optional(self.cum_exec_value)
        if self.order_status == "Filled" and self.cum_exec_qty < self.qty:
            raise Unreadable("an order that is filled and is not")
        if self.order_status == "New" and self.cum_exec_qty > 0:
            raise Unreadable("an order that is new and filled")

    @property
    def updated_ms(self) -> int:
        """The venue's time of the last change."""
        return int(self.updated_time) if self.updated_time.isascii() and self.updated_time.isdigit() else 0

    @property
    def average_price(self) -> Decimal | None:
        """What was filled at, on average; None while nothing is, or where the venue does not say."""
        if self.cum_exec_qty == 0:
            return None
        stated = optional(self.avg_price) or optional(self.cum_exec_value) / self.cum_exec_qty
        return stated if stated > 0 else None

    @property
    def status(self) -> Status:
        """Where it is in its life. One that was refused after a part of it traded is over, and traded."""
        found = STATUSES[self.order_status]
        return Status.CANCELED if found is Status.REJECTED and self.cum_exec_qty > 0 else found

    def report(self, instrument: InstrumentId, fills: tuple[Fill, ...] = ()) -> OrderReport:
        """The order as the engine knows it."""
        return OrderReport(
            client_id=ClientOrderId(self.order_link_id),
            instrument=instrument,
            side=SIDES[self.side],
            status=self.status,
            contracts=self.qty,
            filled=self.cum_exec_qty,
            venue_id=self.order_id,
            average_price=self.average_price,
            reduce_only=self.reduce_only,
            updated_ns=Nanos(self.updated_ms * MILLISECOND_NS),
            fills=fills,
        )


class _Name(msgspec.Struct, frozen=True, rename="camel"):
    order_link_id: str


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    list: tuple[msgspec.Raw, ...]
    next_page_cursor: str | None = ""


class Orders(msgspec.Struct, frozen=True):
    """A page of orders: those that this program made, and where the next page begins (empty where this is the last)."""

    ours: tuple[OrderRow, ...]
    next: str


_page = msgspec.json.Decoder(_Page).decode
_name = msgspec.json.Decoder(_Name).decode
_order = msgspec.json.Decoder(OrderRow).decode


def orders(body: bytes) -> Orders:
    """A page of orders. Rows that are not ours need no more than their name: they prove nothing."""
    page = _page(body)
    ours = tuple(_order(row) for row in page.list if is_ours(_name(row).order_link_id))
    return Orders(ours, (page.next_page_cursor or "") if page.list else "")


def order_in(instrument: Instrument, client_id: str, found: Orders) -> OrderRow | None:
    """The order of this name in an answer that was asked for by it; None where the answer holds no order at all."""
    rows = [row for row in found.ours if row.order_link_id == client_id]
    if any(row.symbol != instrument.symbol for row in rows):
        raise Unreadable("an answer about another order")
    if any(row.position_idx != ONE_WAY for row in rows):
        raise Unreadable("an order of hedge mode")
    return max(rows, key=lambda row: row.updated_ms, default=None)


# ---------------------------------------------------------------------------------------------- executions, ledger


class ExecutionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One execution, in an answer or on the private stream. `exec_fee` > 0 is paid."""

    symbol: str
    order_id: str
    order_link_id: str
    side: str
    exec_id: str
    exec_price: Decimal
    exec_qty: Decimal
    exec_type: str
    exec_time: str
    order_qty: Decimal = ZERO
    exec_fee: str = ""
    fee_currency: str = ""
    is_maker: bool = False
    category: str = ""
    create_type: str = ""

    def __post_init__(self) -> None:
        finite(self.exec_price, self.exec_qty, self.order_qty)
        if not self.exec_id or not self.exec_time.isascii() or not self.exec_time.isdigit():
            raise Unreadable("an execution without its id or its time")
        if self.exec_qty < 0 or self.exec_price < 0:
            raise Unreadable("an execution with an impossible price or quantity")
        optional(self.exec_fee)

    def fill(self, fee_asset: Asset) -> Fill:
        """The execution as the engine knows it; `fee_asset` where the venue does not name one."""
        return Fill(
            trade_id=self.exec_id,
            price=self.exec_price,
            contracts=self.exec_qty,
            fee=optional(self.exec_fee),
            fee_asset=Asset(self.fee_currency or fee_asset),
            maker=self.is_maker,
            at_ns=Nanos(int(self.exec_time) * MILLISECOND_NS),
        )


class _Executions(msgspec.Struct, frozen=True, rename="camel"):
    list: tuple[ExecutionRow, ...]
    next_page_cursor: str | None = ""


class Executions(msgspec.Struct, frozen=True):
    """A page of executions."""

    rows: tuple[ExecutionRow, ...]
    next: str


def executions(body: bytes) -> Executions:
    """A page of executions, which may be empty."""
    page = msgspec.json.decode(body, type=_Executions)
    return Executions(page.list, (page.next_page_cursor or "") if page.list else "")


def fills_of(row: OrderRow, found: Iterable[ExecutionRow], fee_asset: Asset) -> tuple[Fill, ...]:
    """The fills of an order if the executions account for all of it; otherwise none, rather than some."""
    own = (one for one in found if one.order_id == row.order_id and one.symbol == row.symbol and one.exec_qty > 0)
    distinct = {one.exec_id: one for one in sorted(own, key=lambda one: (int(one.exec_time), one.exec_id))}.values()
    if sum((one.exec_qty for one in distinct), ZERO) != row.cum_exec_qty:
        return ()
    return tuple(one.fill(fee_asset) for one in distinct)


class LedgerRow(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the unified account's ledger. `funding` > 0 was received."""

    id: str
    symbol: str
    currency: str
    transaction_time: str
    funding: str = ""

    def __post_init__(self) -> None:
        if not (self.transaction_time.isascii() and self.transaction_time.isdigit()) or not self.id:
            raise Unreadable("a ledger line without its id or its time")
        optional(self.funding)

    @property
    def time_ms(self) -> int:
        """When it was booked."""
        return int(self.transaction_time)

    @property
    def amount(self) -> Decimal:
        """The funding that was received (> 0) or paid."""
        return optional(self.funding)


class _Ledger(msgspec.Struct, frozen=True, rename="camel"):
    list: tuple[LedgerRow, ...]
    next_page_cursor: str | None = ""


class Ledger(msgspec.Struct, frozen=True):
    """A page of the ledger."""

    rows: tuple[LedgerRow, ...]
    next: str


def ledger(body: bytes) -> Ledger:
    """A page of ledger lines, which may be none."""
    page = msgspec.json.decode(body, type=_Ledger)
    return Ledger(page.list, (page.next_page_cursor or "") if page.list else "")


class _Time(msgspec.Struct, frozen=True, rename="camel"):
    time_nano: str


def server_time_ms(body: bytes) -> int:
    """The venue's clock, in milliseconds since the epoch."""
    text = msgspec.json.decode(body, type=_Time).time_nano
    if not (text.isascii() and text.isdigit()) or int(text) <= 0:
        raise Unreadable("a clock that is no time")
    return int(text) // MILLISECOND_NS
