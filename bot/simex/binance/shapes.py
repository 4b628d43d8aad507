"""Binance's JSON shapes of orders and trades, and how it writes numbers.

Spot writes every amount with eight decimals. USD-M writes prices and quantities with the symbol's own precisions and
money with eight decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from bot.simex.model import ZERO, Level, Order, Symbol, Trade

WireMs = Callable[[int], int]
AVERAGE_DECIMALS_LEAST = 5


def places(value: Decimal, decimals: int) -> str:
    """`value` with exactly that many decimals, never "-0"."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def money(value: Decimal) -> str:
    """`value` with eight decimals."""
    return places(value, 8)


def plain(value: Decimal) -> str:
    """`value` without trailing zeros and without an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spot_levels(levels: Iterable[Level]) -> list[list[str]]:
    """Price levels as spot writes them."""
    return [[money(level.price), money(level.quantity)] for level in levels]


def usdm_levels(levels: Iterable[Level], symbol: Symbol) -> list[list[str]]:
    """Price levels as USD-M writes them."""
    price, quantity = symbol.price_precision, symbol.quantity_precision
    return [[f"{level.price:.{price}f}", f"{level.quantity:.{quantity}f}"] for level in levels]


# ------------------------------------------------------------------------------------------------------------- spot
def _spot_common(order: Order) -> dict[str, Any]:
    return {
        "price": money(order.price),
        "origQty": money(order.quantity),
        "executedQty": money(order.filled),
        "origQuoteOrderQty": money(order.quote_quantity),
        "cummulativeQuoteQty": money(order.quote_filled),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def spot_ack(order: Order, wire: WireMs) -> dict[str, Any]:
    """The ACK answer to a new spot order."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": wire(order.updated_ms),
    }


def spot_result(order: Order, wire: WireMs) -> dict[str, Any]:
    """The RESULT answer to a new spot order."""
    return {
        **spot_ack(order, wire),
        **_spot_common(order),
        "workingTime": wire(order.created_ms),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def spot_fill(trade: Trade) -> dict[str, Any]:
    """One fill of a FULL answer."""
    return {
        "price": money(trade.price),
        "qty": money(trade.quantity),
        "commission": money(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.trade_id,
    }


def spot_order(order: Order, wire: WireMs) -> dict[str, Any]:
    """A spot order as queries answer it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_spot_common(order),
        "stopPrice": money(ZERO),
        "icebergQty": money(ZERO),
        "time": wire(order.created_ms),
        "updateTime": wire(order.updated_ms),
        "isWorking": True,
        "workingTime": wire(order.created_ms),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def spot_cancelled(order: Order, cancel_id: str, wire: WireMs) -> dict[str, Any]:
    """The answer to a spot cancellation: the order's own id is `origClientOrderId`."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": wire(order.updated_ms),
        **_spot_common(order),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def spot_trade(trade: Trade, wire: WireMs) -> dict[str, Any]:
    """A row of myTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": money(trade.price),
        "qty": money(trade.quantity),
        "quoteQty": money(trade.quote_quantity),
        "commission": money(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": wire(trade.time_ms),
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


# ------------------------------------------------------------------------------------------------------------- usdm
def average_price(order: Order, symbol: Symbol) -> str:
    """The average fill price with enough decimals to be exact for one level, zero when nothing is filled."""
    return places(order.average_price, max(AVERAGE_DECIMALS_LEAST, symbol.price_precision))


def usdm_order(order: Order, symbol: Symbol, wire: WireMs) -> dict[str, Any]:
    """A USD-M order as placing, cancelling and querying answer it (queries add `time`)."""
    quote_decimals = symbol.price_precision + symbol.quantity_precision
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": places(order.price, symbol.price_precision),
        "avgPrice": average_price(order, symbol),
        "origQty": places(order.quantity, symbol.quantity_precision),
        "executedQty": places(order.filled, symbol.quantity_precision),
        "cumQty": places(order.filled, symbol.quantity_precision),
        "cumQuote": places(order.quote_filled, quote_decimals),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": places(ZERO, symbol.price_precision),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": wire(order.updated_ms),
    }


def usdm_query(order: Order, symbol: Symbol, wire: WireMs) -> dict[str, Any]:
    """A USD-M order as queries answer it."""
    row = usdm_order(order, symbol, wire)
    del row["cumQty"]
    row["time"] = wire(order.created_ms)
    return row


def usdm_trade(trade: Trade, symbol: Symbol, position_side: str, wire: WireMs) -> dict[str, Any]:
    """A row of userTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "side": trade.side,
        "price": places(trade.price, symbol.price_precision),
        "qty": places(trade.quantity, symbol.quantity_precision),
        "realizedPnl": money(trade.realized_pnl),
        "quoteQty": places(trade.quote_quantity, symbol.price_precision + symbol.quantity_precision),
        "commission": money(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": wire(trade.time_ms),
        "positionSide": position_side,
        "buyer": trade.side == "BUY",
        "maker": trade.is_maker,
    }
