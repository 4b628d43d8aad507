"""Orders and fills as rows of Bybit's answers and private streams, every documented field present."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.bybit.figures import fixed, money, plain, price, quantity
from bot.simex.bybit.records import GOALS, ClosedPnl, Execution, Record, position_index
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import MONEY, SCALE, divided
from bot.simex.core.order import Order, Trade

Row = dict[str, Any]
TIMES_IN_FORCE: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}
TRIGGERS: Final = {"last": "LastPrice", "mark": "MarkPrice", "index": "IndexPrice"}
STATUS: Final = {
    "new": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "canceled": "Cancelled",
    "expired": "Cancelled",
    "untriggered": "Untriggered",
    "triggered": "Triggered",
    "deactivated": "Deactivated",
}
# End reason of the core -> (cancelType, rejectReason).
ENDS: Final = {
    "": ("UNKNOWN", "EC_NoError"),
    "user": ("CancelByUser", "EC_PerCancelRequest"),
    "ioc": ("UNKNOWN", "EC_NoImmediateQtyToFill"),
    "market": ("UNKNOWN", "EC_NoImmediateQtyToFill"),
    "fok": ("UNKNOWN", "EC_CancelForNoFullFill"),
    "post_only": ("UNKNOWN", "EC_PostOnlyWillTakeLiquidity"),
    "self_trade": ("CancelBySmp", "EC_BySelfMatch"),
    "reduce_only": ("CancelByReduceOnly", "EC_PerCancelRequest"),
    "margin": ("UNKNOWN", "EC_Others"),
    "liquidation": ("CancelAllBeforeLiq", "EC_PerCancelRequest"),
    "adl": ("CancelAllBeforeAdl", "EC_PerCancelRequest"),
    "settlement": ("CancelBySettle", "EC_PerCancelRequest"),
    "countdown": ("CancelByDCP", "EC_PerCancelRequest"),
    "deadline": ("UNKNOWN", "EC_Others"),
    "parent": ("CancelByTpSlTsClear", "EC_PerCancelRequest"),
}
CREATE_TYPES: Final = {
    "user": "CreateByUser",
    "liquidation": "CreateByLiq",
    "takeover": "CreateByTakeOver_PassThrough",
    "adl": "CreateByAdl_PassThrough",
    "settlement": "CreateBySettle",
}
STOP_CREATE_TYPES: Final = {
    "Stop": "CreateByStopOrder",
    "TakeProfit": "CreateByTakeProfit",
    "StopLoss": "CreateByStopLoss",
    "PartialTakeProfit": "CreateByPartialTakeProfit",
    "PartialStopLoss": "CreateByPartialStopLoss",
    "TrailingStop": "CreateByTrailingStop",
}
STOP_MODES: Final = {
    "TakeProfit": "Full",
    "StopLoss": "Full",
    "TrailingStop": "Full",
    "PartialTakeProfit": "Partial",
    "PartialStopLoss": "Partial",
}


def side_name(side: int) -> str:
    """Buy or Sell."""
    return "Buy" if side > 0 else "Sell"


def create_type(record: Record) -> str:
    """How an order came to be."""
    if record.order.origin != "user":
        return CREATE_TYPES[record.order.origin]
    return STOP_CREATE_TYPES.get(record.tag.stop_type, "CreateByUser")


def status_of(record: Record) -> str:
    """The order status; a spot order that was cancelled after a part was filled has one of its own."""
    order = record.order
    if record.rejected:
        return "Rejected"
    if order.status in ("canceled", "expired") and order.filled and order.instrument.kind == "spot":
        return "PartiallyFilledCanceled"
    if order.status in ("canceled", "expired") and order.trigger is not None and not order.filled:
        return "Deactivated" if order.end in ("user", "parent", "settlement") else "Cancelled"
    return STATUS[order.status]


def average(order: Order) -> str:
    """The average price of the fills, empty without one; an inverse contract's is the harmonic mean."""
    if not order.filled:
        return ""
    if order.instrument.kind == "inverse":
        if not order.turnover:
            return ""
        return plain(divided(order.filled * order.instrument.face * MONEY, order.turnover * SCALE))
    return plain(order.average_price)


def order_row(record: Record) -> Row:
    """An order as /v5/order/realtime and /v5/order/history show it."""
    order, tag, instrument = record.order, record.tag, record.order.instrument
    cancel, reason = ENDS[order.end]
    closed = order.status in ("filled", "canceled", "expired", "deactivated") or record.rejected
    leaves = 0 if closed else order.remaining
    fee_asset = _fee_asset(order)
    trigger = order.trigger
    spot = instrument.kind == "spot"
    row = {
        "orderId": tag.venue_id,
        "orderLinkId": tag.link_id,
        "parentOrderLinkId": "",
        "blockTradeId": "",
        "symbol": instrument.name,
        "price": price(instrument, order.price),
        "qty": money(order.quote_quantity) if order.quote_quantity else quantity(instrument, order.quantity),
        "side": side_name(order.side),
        "isLeverage": "0" if spot else "",
        "positionIdx": position_index(order.position_side),
        "orderStatus": status_of(record),
        "createType": create_type(record),
        "cancelType": cancel,
        "rejectReason": tag.reject_reason or reason,
        "avgPrice": average(order),
        "leavesQty": quantity(instrument, leaves),
        "leavesValue": money(instrument.notional(leaves, order.price)) if order.price else "0",
        "cumExecQty": quantity(instrument, order.filled),
        "cumExecValue": money(order.turnover),
        "cumExecFee": money(order.fee),
        "timeInForce": TIMES_IN_FORCE[order.tif],
        "orderType": _type(record),
        "stopOrderType": tag.stop_type,
        "orderIv": "",
        "marketUnit": tag.market_unit,
        "triggerPrice": price(instrument, trigger.price) if trigger else "",
        "ocoTriggerBy": "",
        **_attached(record),
        "triggerDirection": tag.trigger_direction,
        "triggerBy": TRIGGERS[trigger.by] if trigger else "",
        "lastPriceOnCreated": price(instrument, tag.last_price) if tag.last_price else "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": tag.close_on_trigger,
        "placeType": "",
        "smpType": tag.smp_type,
        "smpGroup": 0,
        "smpOrderId": "",
        "slippageToleranceType": tag.tolerance[0] if tag.tolerance else "UNKNOWN",
        "slippageTolerance": tag.tolerance[1] if tag.tolerance else "",
        "createdTime": str(record.created_ms),
        "updatedTime": str(record.updated_ms),
        "extraFees": "",
        "cumFeeDetail": {fee_asset: money(order.fee)} if order.filled else {},
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
        "basePrice": "",
    }
    if spot:
        del row["createType"], row["tpslMode"]
    return row


def _attached(record: Record) -> Row:
    """Take profit and stop loss that go with an order, and the mode of those that are orders themselves."""
    tag, instrument = record.tag, record.order.instrument
    one = tag.attached
    row: Row = {"tpslMode": STOP_MODES.get(tag.stop_type, "") if one is None else "Partial" if one.partial else "Full"}
    for goal, short in zip(GOALS, ("tp", "sl"), strict=True):
        target = one.targets.get(goal) if one is not None else None
        row[goal] = price(instrument, target.price) if target else ""
        row[f"{short}LimitPrice"] = price(instrument, target.limit) if target and target.limit else ""
        row[f"{short}TriggerBy"] = TRIGGERS[target.by] if target else ""
    return row


def order_event(record: Record) -> Row:
    """An order as the private `order` topic shows it."""
    row = order_row(record)
    instrument = record.order.instrument
    row["category"] = instrument.category
    row["closedPnl"] = money(record.closed_pnl)
    row["brokerOrderPrice"] = ""
    row["feeCurrency"] = _fee_asset(record.order) if instrument.kind == "spot" else ""
    del row["basePrice"]
    return row


def _type(record: Record) -> str:
    return "Market" if record.order.type == "market" or record.tag.tolerance else "Limit"


def _fee_asset(order: Order) -> str:
    instrument = order.instrument
    if instrument.kind != "spot":
        return instrument.settle
    return instrument.base if order.side > 0 else instrument.quote


def execution_type(origin: str, *, inverse: bool) -> str:
    """What a fill is called by who made its order."""
    if origin == "settlement":
        return "Settle" if inverse else "Delivery"
    return {"adl": "AdlTrade", "takeover": "BustTrade"}.get(origin, "Trade")


def execution_row(one: Execution) -> Row:
    """A fill or a funding payment as /v5/execution/list shows it."""
    return _trade_row(one) if one.trade is not None else _funding_row(one)


def _trade_row(one: Execution) -> Row:
    trade, record, instrument = one.trade, one.record, one.instrument
    assert trade is not None
    assert record is not None
    order = record.order
    rate = instrument.maker_fee if trade.is_maker else instrument.taker_fee
    basis = trade.quantity * SCALE if instrument.kind == "spot" and trade.fee_asset == instrument.base else trade.worth
    if basis:
        rate = divided(trade.fee * SCALE, basis)
    return {
        **_blank(one),
        "orderType": _type(record),
        "orderLinkId": record.tag.link_id,
        "side": side_name(trade.side),
        "orderId": record.tag.venue_id,
        "stopOrderType": record.tag.stop_type or "UNKNOWN",
        "leavesQty": quantity(instrument, one.leaves),
        "feeCurrency": trade.fee_asset,
        "isMaker": trade.is_maker,
        "execFee": money(trade.fee),
        "createType": create_type(record) if instrument.is_future else "",
        "feeRate": plain(rate),
        "execPrice": price(instrument, trade.price),
        "orderQty": quantity(instrument, order.quantity),
        "orderPrice": price(instrument, order.price),
        "execValue": money(trade.worth),
        "execType": execution_type(trade.origin, inverse=instrument.kind == "inverse"),
        "execQty": quantity(instrument, trade.quantity),
        "closedSize": quantity(instrument, one.closed) if instrument.is_future else "",
    }


def _funding_row(one: Execution) -> Row:
    income, instrument = one.income, one.instrument
    assert income is not None
    held = abs(income.position)
    return {
        **_blank(one),
        "orderType": "UNKNOWN",
        "orderLinkId": "",
        "side": side_name(income.position),
        "orderId": one.execution_id,
        "stopOrderType": "UNKNOWN",
        "leavesQty": "0",
        "feeCurrency": income.asset,
        "isMaker": False,
        "execFee": money(-income.amount),
        "createType": "",
        "feeRate": plain(income.rate),
        "execPrice": price(instrument, income.price),
        "orderQty": "0",
        "orderPrice": "0",
        "execValue": money(instrument.notional(held, income.price)) if income.price else "0",
        "execType": "Funding",
        "execQty": quantity(instrument, held),
        "closedSize": "",
    }


def _blank(one: Execution) -> Row:
    return {
        "symbol": one.instrument.name,
        "underlyingPrice": "",
        "indexPrice": "",
        "execTime": str(one.time_ms),
        "execId": one.execution_id,
        "tradeIv": "",
        "blockTradeId": "",
        "markPrice": price(one.instrument, one.mark) if one.mark else "",
        "markIv": "",
        "extraFees": "",
        "execFeeV2": "",
        "seq": one.seq,
    }


def execution_event(one: Execution) -> Row:
    """A fill as the private `execution` topic shows it."""
    profit = one.trade.realized if one.trade is not None else 0
    row = execution_row(one)
    row["category"] = one.instrument.category
    row["isLeverage"] = "0"
    row["marketUnit"] = one.record.tag.market_unit if one.record is not None else ""
    row["execPnl"] = money(profit)
    del row["execFeeV2"]
    if not one.instrument.is_future:
        del row["createType"]
    return row


def fast_execution_event(one: Execution) -> Row:
    """A fill as the private `execution.fast` topic shows it; a maker's has no owner's id."""
    row = execution_row(one)
    names = ("symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "orderLinkId", "side", "execTime", "seq")
    short = {"category": one.instrument.category, **{name: row[name] for name in names}}
    if short["isMaker"]:
        short["orderLinkId"] = ""
    return short


def delivery_row(one: Execution) -> Row:
    """A position that was settled with its contract, as /v5/asset/delivery-record shows it."""
    trade, instrument = one.trade, one.instrument
    assert trade is not None
    return {
        "deliveryTime": one.time_ms,
        "symbol": instrument.name,
        # The fill that closes it is on the other side of the position.
        "side": side_name(-trade.side),
        "position": quantity(instrument, trade.quantity),
        "entryPrice": _entry(trade),
        "deliveryPrice": price(instrument, trade.price),
        "strike": "",
        "fee": money(trade.fee),
        "deliveryRpl": money(trade.realized),
    }


def _entry(trade: Trade) -> str:
    """The average price of a position that a fill has closed whole."""
    instrument = trade.instrument
    released = abs(instrument.worth(trade.side * trade.quantity, trade.price) + trade.realized)
    return _mean(instrument, trade.quantity, released)


def closed_pnl_row(one: ClosedPnl, leverage: int) -> Row:
    """What a closing order made, as /v5/position/closed-pnl shows it."""
    order, instrument = one.record.order, one.record.order.instrument
    return {
        "symbol": instrument.name,
        "orderType": _type(one.record),
        "leverage": str(leverage),
        "updatedTime": str(one.record.updated_ms),
        "side": side_name(order.side),
        "orderId": one.record.tag.venue_id,
        "closedPnl": money(one.profit),
        "avgEntryPrice": _mean(instrument, one.quantity, one.entry_worth),
        "qty": quantity(instrument, order.quantity),
        "cumEntryValue": money(one.entry_worth),
        "createdTime": str(one.record.created_ms),
        "orderPrice": price(instrument, order.price),
        "closedSize": quantity(instrument, one.quantity),
        "avgExitPrice": _mean(instrument, one.quantity, one.exit_worth),
        "execType": one.exec_type,
        "fillCount": str(one.fills),
        "cumExitValue": money(one.exit_worth),
        "openFee": "0",
        "closeFee": money(one.fee),
    }


def _mean(instrument: Instrument, size: int, worth: int) -> str:
    """The average price of a quantity that was worth so much."""
    if not (size and worth):
        return "0"
    if instrument.kind == "inverse":
        return plain(divided(size * instrument.face * MONEY, worth * SCALE))
    return fixed(divided(worth, size), 8)
