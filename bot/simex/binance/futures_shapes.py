"""The JSON of futures orders, trades and positions, USD-M and COIN-M, as the venue writes it.

Prices and quantities have the instrument's places, money eight; what is nothing is often plain "0". USD-M counts in
quote (`cumQuote`), COIN-M in base coins (`cumBase`) and names the pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_records import Tag
from bot.simex.binance.words import (
    eight,
    futures_time_of,
    money_of,
    places,
    plain,
    position_side_of,
    prevention_of,
    price_of,
    quantity_of,
    side_of,
    status_of,
)
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import amount, unscaled
from bot.simex.core.order import BUY, Order, Trade, Trigger

Row = dict[str, Any]
AVERAGE_PLACES_LEAST: Final = {"usdm": 5, "coinm": 1}
WORKING_TYPE_OF: Final[Mapping[str, str]] = {"last": "CONTRACT_PRICE", "mark": "MARK_PRICE", "index": "INDEX_PRICE"}


def asked_type(order: Order) -> str:
    """The type that an order was sent with."""
    if order.trigger is None:
        return "LIMIT" if order.type == "limit" else "MARKET"
    name = "STOP" if (order.side == BUY) == order.trigger.rises else "TAKE_PROFIT"
    return name if order.type == "limit" else f"{name}_MARKET"


def type_now(order: Order) -> str:
    """The type that it has now: a conditional order that was triggered is a limit or a market order."""
    if order.trigger is not None and order.status in ("untriggered", "deactivated"):
        return asked_type(order)
    return "LIMIT" if order.type == "limit" else "MARKET"


def time_in_force(order: Order, tag: Tag) -> str:
    """The time in force that it was sent with."""
    return "GTD" if tag.good_till_ms else futures_time_of(order)


def average_price(order: Order) -> str:
    """The average price of the fills, exact for one level; zero without a fill."""
    instrument = order.instrument
    least = AVERAGE_PLACES_LEAST[instrument.category]
    return places(unscaled(order.average_price), max(least, instrument.price_places))


def turnover(order: Order) -> str:
    """What was filled: in quote, or in base coins of an inverse contract."""
    instrument = order.instrument
    if instrument.kind == "inverse":
        return eight(amount(order.turnover)) if order.turnover else "0"
    return places(amount(order.turnover), min(8, instrument.price_places + instrument.quantity_places))


def order_row(desk: FuturesDesk, order: Order) -> Row:
    """An order as placing, changing and cancelling answer it."""
    instrument, tag = order.instrument, desk.tag(order)
    quantity, filled = quantity_of(instrument, order.quantity), quantity_of(instrument, order.filled)
    row: Row = {
        "orderId": order.order_id,
        "symbol": instrument.name,
        **({"pair": desk.pair(instrument)} if desk.is_inverse else {}),
        "status": status_of(order),
        "clientOrderId": order.client_id,
        "price": price_of(instrument, order.price),
        "avgPrice": average_price(order),
        "origQty": quantity,
        "executedQty": filled,
        "cumQty": filled,
        "cumBase" if desk.is_inverse else "cumQuote": turnover(order),
        "timeInForce": time_in_force(order, tag),
        "type": type_now(order),
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": side_of(order.side),
        "positionSide": position_side_of(order.position_side),
        **_conditions(desk, order, tag),
        "priceMatch": tag.price_match,
        "selfTradePreventionMode": prevention_of(order),
        **({} if desk.is_inverse else {"goodTillDate": tag.good_till_ms}),
        "updateTime": desk.wire(order.updated_ms),
    }
    return row


def _conditions(desk: FuturesDesk, order: Order, tag: Tag) -> Row:
    """What waits for what. An order that the algo service made is, to the order endpoints, a plain one."""
    trigger: Trigger | None = order.trigger if desk.is_inverse else None
    return {
        "stopPrice": price_of(order.instrument, trigger.price) if trigger else "0",
        "workingType": WORKING_TYPE_OF[trigger.by if trigger else "last"],
        "priceProtect": tag.price_protect,
        "origType": asked_type(order) if desk.is_inverse else type_now(order),
    }


def queried_row(desk: FuturesDesk, order: Order) -> Row:
    """An order as queries answer it: with its time, without `cumQty`."""
    row = order_row(desk, order)
    del row["cumQty"]
    row["time"] = desk.wire(order.created_ms)
    return row


def amended_row(desk: FuturesDesk, order: Order) -> Row:
    """An order as PUT answers it: both markets name the pair and count in base there."""
    return {**order_row(desk, order), "pair": desk.pair(order.instrument), "cumBase": _base_filled(order)}


def forced_row(desk: FuturesDesk, order: Order) -> Row:
    """A row of forceOrders."""
    row = queried_row(desk, order)
    unsaid = ("priceMatch", "selfTradePreventionMode", "goodTillDate")
    for name in unsaid if desk.is_inverse else (*unsaid, "priceProtect"):
        row.pop(name, None)
    return row


def _base_filled(order: Order) -> str:
    return turnover(order) if order.instrument.kind == "inverse" else quantity_of(order.instrument, order.filled)


def trade_row(desk: FuturesDesk, trade: Trade) -> Row:
    """A row of userTrades. A fee that was paid is positive in `commission`."""
    instrument = trade.instrument
    common: Row = {
        "symbol": instrument.name,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "side": side_of(trade.side),
        "price": price_of(instrument, trade.price),
        "qty": quantity_of(instrument, trade.quantity),
        "realizedPnl": money_of(trade.realized),
        "commission": money_of(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": desk.wire(trade.time_ms),
        "positionSide": position_side_of(trade.position_side),
        "buyer": trade.side == BUY,
        "maker": trade.is_maker,
    }
    if desk.is_inverse:
        extra = {
            "pair": desk.pair(instrument),
            "marginAsset": instrument.settle,
            "baseQty": money_of(trade.worth),
        }
        return {**common, **extra}
    decimals = min(8, instrument.price_places + instrument.quantity_places)
    return {**common, "quoteQty": places(amount(trade.worth), decimals)}


def number_or_zero(value: Decimal) -> str:
    """Eight decimals, or plain "0" for nothing."""
    return eight(value) if value else "0"


def exact_price(value: Decimal) -> str:
    """A price as exact as it is, with one decimal at least."""
    text = plain(value) if value else "0"
    return text if "." in text else f"{text}.0"


def instrument_quantity(instrument: Instrument, value: Decimal) -> str:
    """A quantity with the instrument's places."""
    return places(value, instrument.quantity_places)
