"""Spot orders and trades as Binance's JSON. Every amount has eight decimals; times are wire time."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.binance.spot_desk import SpotDesk
from bot.simex.binance.words import eight, money_of, prevention_of, side_of, spot_time_of, status_of
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import unscaled
from bot.simex.core.order import BUY, EndReason, Order, Trade

NOTHING: Final = "0.00000000"
Row = dict[str, Any]
_EXPIRIES: Final[dict[EndReason, str]] = {
    "ioc": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "fok": "UNFILLED_FOK_ORDER_EXPIRED",
    "market": "INSUFFICIENT_LIQUIDITY",
    "margin": "REJECTED",
    "post_only": "REJECTED",
    "parent": "OCO_TRIGGER",
}


def number(value: int) -> str:
    """A price or quantity of the core (of 1e-8) as spot writes it."""
    return eight(unscaled(value))


def type_of(desk: SpotDesk, order: Order) -> str:
    """LIMIT, MARKET, LIMIT_MAKER, or the stop or take-profit that its trigger makes of it."""
    trigger = desk.trigger_of(order)
    if trigger is None:
        if order.type == "market":
            return "MARKET"
        return "LIMIT_MAKER" if order.tif == "post_only" else "LIMIT"
    name = "STOP_LOSS" if trigger.rises == (order.side == BUY) else "TAKE_PROFIT"
    return f"{name}_LIMIT" if order.type == "limit" else name


def spot_status(order: Order) -> str:
    """The status: one that was just triggered is new, and one that ended before it was triggered is cancelled."""
    return "NEW" if order.status == "triggered" else status_of(order)


def expiry_of(order: Order) -> str:
    """Why an order that expired did so."""
    return _EXPIRIES.get(order.end, "EXCHANGE_CANCELED")


def _amounts(desk: SpotDesk, order: Order) -> Row:
    return {
        "price": number(order.price),
        "origQty": number(order.quantity),
        "executedQty": number(order.filled),
        "origQuoteOrderQty": money_of(order.quote_quantity),
        "cummulativeQuoteQty": money_of(order.turnover),
        "status": spot_status(order),
        "timeInForce": spot_time_of(order),
        "type": type_of(desk, order),
        "side": side_of(order.side),
    }


def _conditional(desk: SpotDesk, order: Order) -> Row:
    """The fields that appear only where they say something."""
    row: Row = {}
    trigger = desk.trigger_of(order)
    if trigger is not None:
        row["stopPrice"] = number(trigger.price)
    tag = desk.tag(order)
    if tag.strategy_id is not None:
        row["strategyId"] = tag.strategy_id
    if tag.strategy_type is not None:
        row["strategyType"] = tag.strategy_type
    if spot_status(order) in ("EXPIRED", "EXPIRED_IN_MATCH"):
        row["expiryReason"] = "NONE" if order.end == "self_trade" else expiry_of(order)
    match = desk.prevented.of(order) if order.end == "self_trade" else None
    if match is not None:
        row["preventedMatchId"] = match.number
        row["preventedQuantity"] = number(order.remaining)
    return row


def ack(desk: SpotDesk, order: Order) -> Row:
    """The ACK answer to a new order."""
    return {
        "symbol": order.instrument.name,
        "orderId": order.order_id,
        "orderListId": desk.lists.number_of(order.order_id),
        "clientOrderId": order.client_id,
        "transactTime": desk.wire(order.updated_ms),
    }


def result(desk: SpotDesk, order: Order) -> Row:
    """The RESULT answer to a new order."""
    return {
        **ack(desk, order),
        **_amounts(desk, order),
        "workingTime": desk.working_ms(order),
        "selfTradePreventionMode": prevention_of(order),
        **_conditional(desk, order),
    }


def full(desk: SpotDesk, order: Order) -> Row:
    """The FULL answer to a new order: its fills too."""
    return {**result(desk, order), "fills": [fill(trade) for trade in fills_of(desk, order)]}


def fills_of(desk: SpotDesk, order: Order) -> list[Trade]:
    """The fills that placing `order` has just made, oldest first."""
    found: list[Trade] = []
    for trade in reversed(desk.account(order.account_id).trades):
        if trade.order_id != order.order_id:
            break
        found.append(trade)
    return found[::-1]


def fill(trade: Trade) -> Row:
    """One fill of a FULL answer."""
    return {
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "commission": money_of(trade.fee),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.trade_id,
    }


def order_row(desk: SpotDesk, order: Order) -> Row:
    """An order as queries answer it."""
    row: Row = {
        "symbol": order.instrument.name,
        "orderId": order.order_id,
        "orderListId": desk.lists.number_of(order.order_id),
        "clientOrderId": order.client_id,
        **_amounts(desk, order),
        "stopPrice": NOTHING,
        "icebergQty": NOTHING,
        "time": desk.wire(order.created_ms),
        "updateTime": desk.wire(order.updated_ms),
        "isWorking": order.status not in ("untriggered", "deactivated"),
        "workingTime": desk.working_ms(order),
        "selfTradePreventionMode": prevention_of(order),
    }
    return row | _conditional(desk, order)


def cancelled(desk: SpotDesk, order: Order, cancel_id: str) -> Row:
    """The answer to a cancellation: the order's own id is `origClientOrderId`."""
    return {
        "symbol": order.instrument.name,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
        "orderListId": desk.lists.number_of(order.order_id),
        "clientOrderId": cancel_id,
        "transactTime": desk.wire(order.updated_ms),
        **_amounts(desk, order),
        "selfTradePreventionMode": prevention_of(order),
        **_conditional(desk, order),
    }


def amended(desk: SpotDesk, order: Order, execution_id: int, old_client_id: str) -> Row:
    """The answer to an amendment that keeps its priority."""
    row = {
        "symbol": order.instrument.name,
        "orderId": order.order_id,
        "orderListId": desk.lists.number_of(order.order_id),
        "origClientOrderId": old_client_id,
        "clientOrderId": order.client_id,
        "price": number(order.price),
        "qty": number(order.quantity),
        "executedQty": number(order.filled),
        "preventedQty": NOTHING,
        "quoteOrderQty": money_of(order.quote_quantity),
        "cumulativeQuoteQty": money_of(order.turnover),
        "status": spot_status(order),
        "timeInForce": spot_time_of(order),
        "type": type_of(desk, order),
        "side": side_of(order.side),
        "workingTime": desk.working_ms(order),
        "selfTradePreventionMode": prevention_of(order),
    }
    return {"transactTime": desk.wire(order.updated_ms), "executionId": execution_id, "amendedOrder": row}


def trade_row(desk: SpotDesk, trade: Trade) -> Row:
    """A row of myTrades."""
    return {
        "symbol": trade.instrument.name,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": desk.lists.number_of(trade.order_id),
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "quoteQty": money_of(trade.worth),
        "commission": money_of(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": desk.wire(trade.time_ms),
        "isBuyer": trade.side == BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def rates(maker: int, taker: int) -> dict[str, str]:
    """Fee rates (of 1e-8)."""
    return {"maker": number(maker), "taker": number(taker), "buyer": NOTHING, "seller": NOTHING}


def commission_row(instrument: Instrument, maker: int, taker: int) -> Row:
    """The fees of a symbol; nobody pays them in BNB here."""
    return {
        "symbol": instrument.name,
        "standardCommission": rates(maker, taker),
        "specialCommission": rates(0, 0),
        "taxCommission": rates(0, 0),
        "discount": discount(),
    }


def discount() -> Row:
    """The discount for paying in BNB, which is not enabled."""
    return {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "BNB",
        "discount": "0.75000000",
    }
