"""What exchangeInfo says about a symbol: filters, precisions, order types.

An order type is listed only if this exchange really has it, so a client learns the truth before it trades.
"""

from __future__ import annotations

from typing import Any

from bot.simex.binance.shapes import money, places, plain
from bot.simex.model import OrderType, Symbol, TimeInForce

SPOT_ORDER_TYPES: tuple[OrderType, ...] = ("LIMIT", "LIMIT_MAKER", "MARKET")
USDM_ORDER_TYPES: tuple[OrderType, ...] = ("LIMIT", "MARKET")
USDM_TIMES_IN_FORCE: tuple[TimeInForce, ...] = ("GTC", "IOC", "FOK", "GTX")
# A perpetual's delivery date, the venue's way of saying never.
NEVER_DELIVERED_MS = 4_133_404_800_000
ONBOARDED_MS = 1_569_398_400_000


def spot_symbol(symbol: Symbol) -> dict[str, Any]:
    """A spot symbol's row."""
    return {
        "symbol": symbol.name,
        "status": symbol.status if symbol.status == "TRADING" else "BREAK",
        "baseAsset": symbol.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(SPOT_ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _spot_filters(symbol),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def _spot_filters(symbol: Symbol) -> list[dict[str, Any]]:
    up, down = places(symbol.multiplier_up, 4), places(symbol.multiplier_down, 4)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": money(symbol.min_price),
            "maxPrice": money(symbol.max_price),
            "tickSize": money(symbol.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": money(symbol.min_qty),
            "maxQty": money(symbol.max_qty),
            "stepSize": money(symbol.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": money(symbol.market_max_qty),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": money(symbol.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": symbol.max_open_orders},
    ]


def usdm_symbol(symbol: Symbol) -> dict[str, Any]:
    """A perpetual's row."""
    return {
        "symbol": symbol.name,
        "pair": symbol.name,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER_DELIVERED_MS,
        "onboardDate": ONBOARDED_MS,
        "status": symbol.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": symbol.base,
        "quoteAsset": symbol.quote,
        "marginAsset": symbol.settle,
        "pricePrecision": symbol.price_precision,
        "quantityPrecision": symbol.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if symbol.base == "BTC" else ["Layer-1"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": places(symbol.multiplier_up - 1, 2),
        "maxMoveOrderLimit": 10_000,
        "filters": _usdm_filters(symbol),
        "orderTypes": list(USDM_ORDER_TYPES),
        "timeInForce": list(USDM_TIMES_IN_FORCE),
        "permissionSets": ["GRID", "COPY"],
    }


def _usdm_filters(symbol: Symbol) -> list[dict[str, Any]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(symbol.min_price),
            "maxPrice": plain(symbol.max_price),
            "tickSize": places(symbol.tick, symbol.price_precision),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": plain(symbol.min_qty),
            "maxQty": plain(symbol.max_qty),
            "stepSize": plain(symbol.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": plain(symbol.min_qty),
            "maxQty": plain(symbol.market_max_qty),
            "stepSize": plain(symbol.lot),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": symbol.max_open_orders},
        {"filterType": "MIN_NOTIONAL", "notional": plain(symbol.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": places(symbol.multiplier_up, 4),
            "multiplierDown": places(symbol.multiplier_down, 4),
            "multiplierDecimal": "4",
        },
    ]


def usdm_brackets(symbol: Symbol) -> dict[str, Any]:
    """A row of leverageBracket: the maintenance tiers, numbers where the venue has numbers."""
    rows = [
        {
            "bracket": number,
            "initialLeverage": tier.max_leverage,
            "notionalCap": int(tier.cap),
            "notionalFloor": int(tier.floor),
            "maintMarginRatio": float(tier.mmr),
            "cum": float(tier.cum),
        }
        for number, tier in enumerate(symbol.brackets, start=1)
    ]
    return {"symbol": symbol.name, "brackets": rows}
