"""Binance spot's REST answers about orders and trades, and the parameters of a spot order.

Spot says the same as USD-M in other words: an order has no position side and no average price, its time is called
`transactTime` in an answer to a change, and a cancel's answer names the order by `origClientOrderId`. What is read here
becomes the rows that `translate.binance` makes of USD-M's answers, and is believed on the same conditions.

This program only ever sells coins, at once or not at all: anything else is refused before it is sent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.instrument import Instrument, Kind
from bot.domain.order import Fill, OrderRequest, Side, TimeInForce
from bot.domain.units import MILLISECOND_NS, ZERO, Asset, Nanos
from bot.venues.translate.binance import (
    Listing,
    NotRepresentable,
    OrderRow,
    TradeRow,
    Unreadable,
    confirmed,
    finite,
    is_ours,
    limit_parameters,
    named,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def order_parameters(request: OrderRequest, instrument: Instrument) -> dict[str, str]:
    """The parameters of a new spot order. Refuses a purchase, an order that would rest, and one beyond the filters."""
    if instrument.kind is not Kind.SPOT:
        raise NotRepresentable(f"{instrument.id}: not a spot pair but {instrument.kind.value}")
    if request.side is not Side.SELL:
        raise NotRepresentable(f"{instrument.id}: coins are only ever sold on the spot market, never bought")
    if request.time_in_force is not TimeInForce.IOC or request.reduce_only:
        raise NotRepresentable(f"{instrument.id}: a spot order is immediate-or-cancel and cannot be reduce-only")
    parameters = limit_parameters(request, instrument)
    if request.contracts < instrument.contracts_min:
        raise NotRepresentable(f"{request.contracts} {instrument.base}: at least {instrument.contracts_min} is allowed")
    if instrument.contracts_max is not None and request.contracts > instrument.contracts_max:
        raise NotRepresentable(f"{request.contracts} {instrument.base}: at most {instrument.contracts_max} is allowed")
    worth = request.contracts * request.limit_price
    if worth < instrument.notional_min:
        raise NotRepresentable(f"worth {worth} {instrument.quote}: at least {instrument.notional_min} is allowed")
    return parameters | {"newOrderRespType": "FULL"}


class _AnswerFill(msgspec.Struct, frozen=True, rename="camel"):
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int

    def __post_init__(self) -> None:
        finite(self.price, self.qty, self.commission)
        if self.price <= 0 or self.qty <= 0:
            raise Unreadable("an execution with an impossible price or quantity")


class SpotOrder(msgspec.Struct, frozen=True, rename="camel"):
    """One order as spot states it, in an answer to POST, GET or DELETE or in a list."""

    order_id: int
    client_order_id: str
    symbol: str
    side: str
    status: str
    orig_qty: Decimal
    executed_qty: Decimal
    # The venue spells it so. Below zero it says that the sum is not known.
    quote_sum: Decimal = msgspec.field(name="cummulativeQuoteQty")
    update_time: int = 0
    transact_time: int = 0
    orig_client_order_id: str = ""
    fills: tuple[_AnswerFill, ...] = ()

    def row(self) -> OrderRow:
        """The order in the words of USD-M. Raises Unreadable as that does."""
        finite(self.quote_sum)
        return OrderRow(
            order_id=self.order_id,
            client_order_id=self.orig_client_order_id or self.client_order_id,
            symbol=self.symbol,
            side=self.side,
            status=self.status,
            orig_qty=self.orig_qty,
            executed_qty=self.executed_qty,
            update_time=self.update_time or self.transact_time,
            cum_quote=max(self.quote_sum, ZERO),
        )

    def executions(self) -> tuple[Fill, ...]:
        """The fills of an answer if they account for all of what was executed; otherwise none, rather than some."""
        distinct = {fill.trade_id: fill for fill in self.fills}.values()
        if sum((fill.qty for fill in distinct), ZERO) != self.executed_qty:
            return ()
        return tuple(
            Fill(
                trade_id=str(fill.trade_id),
                price=fill.price,
                contracts=fill.qty,
                fee=fill.commission,
                fee_asset=Asset(fill.commission_asset),
                at_ns=Nanos((self.transact_time or self.update_time) * MILLISECOND_NS),
            )
            for fill in distinct
        )


class _Name(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    client_order_id: str


class _SpotTrade(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    order_id: int
    symbol: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool = False

    def row(self) -> TradeRow:
        return TradeRow(
            id=self.id,
            order_id=self.order_id,
            symbol=self.symbol,
            side="BUY" if self.is_buyer else "SELL",
            price=self.price,
            qty=self.qty,
            commission=self.commission,
            commission_asset=self.commission_asset,
            time=self.time,
            maker=self.is_maker,
        )


_ORDER = msgspec.json.Decoder(SpotOrder)
_NAME = msgspec.json.Decoder(_Name)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_TRADES = msgspec.json.Decoder(list[_SpotTrade])


def order(body: bytes) -> OrderRow:
    """One order."""
    return _ORDER.decode(body).row()


def listing(body: bytes) -> Listing:
    """A list of orders, which may be empty. Rows that are not ours need no more than their ids: they prove nothing."""
    rows = [(raw, _NAME.decode(raw)) for raw in _RAWS.decode(body)]
    ours = tuple(order(bytes(raw)) for raw, name in rows if is_ours(name.client_order_id))
    return Listing(ours, len(rows), max((name.order_id for _, name in rows), default=0))


def order_of(request: OrderRequest, instrument: Instrument, body: bytes) -> tuple[OrderRow, tuple[Fill, ...]]:
    """The order of an answer to our own POST, and its fills. An answer about anything else is refused."""
    found = _ORDER.decode(body)
    return confirmed(named(found.row(), instrument, request.client_id), request), found.executions()


def trades(body: bytes) -> Iterable[TradeRow]:
    """A list of executions, which may be empty."""
    return [one.row() for one in _TRADES.decode(body)]
