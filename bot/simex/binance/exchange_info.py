"""What exchangeInfo says: limits, assets, and of each symbol its filters, precisions, order types and status.

An order type is listed only if this exchange really has it, so a client learns the truth before it trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bot.simex.binance.contracts import contract_status, contract_type, pair_of
from bot.simex.binance.figures import fixed, money, trimmed
from bot.simex.binance.limits import Limits
from bot.simex.binance.words import PREVENTIONS
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, SCALE

Row = dict[str, Any]
SPOT_ORDER_TYPES: Final = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
COINM_ORDER_TYPES: Final = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET")
USDM_ORDER_TYPES: Final = (*COINM_ORDER_TYPES, "TRAILING_STOP_MARKET")
FUTURES_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX", "GTD")
COINM_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX")
# A perpetual's delivery date, the venue's way of saying never.
NEVER_DELIVERED_MS: Final = 4_133_404_800_000
SPOT_NOTIONAL_MAX: Final = "9000000.00000000"
ORDER_LISTS_MAX: Final = 20
AMENDMENTS_MAX: Final = 10
MOVES_MAX: Final = 10_000


def spot_info(instruments: Sequence[Instrument], limits: Limits, now_ms: int, *, permissions: bool = True) -> Row:
    """The answer of spot."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits.as_rate_limits(),
        "exchangeFilters": [],
        "symbols": [spot_symbol(one, permissions=permissions) for one in instruments],
    }


def futures_info(instruments: Sequence[Instrument], limits: Limits, now_ms: int) -> Row:
    """The answer of USD-M."""
    assets = sorted({one.settle for one in instruments})
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": limits.as_rate_limits(),
        "exchangeFilters": [],
        "assets": [{"asset": name, "marginAvailable": True, "autoAssetExchange": "-10000"} for name in assets],
        "symbols": [usdm_symbol(one, now_ms) for one in instruments],
    }


def coinm_info(instruments: Sequence[Instrument], limits: Limits, now_ms: int) -> Row:
    """The answer of COIN-M."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits.as_rate_limits(),
        "exchangeFilters": [],
        "symbols": [coinm_symbol(one, now_ms) for one in instruments],
    }


def spot_status(instrument: Instrument) -> str:
    """TRADING, or BREAK while orders do not match."""
    return "TRADING" if instrument.status == "trading" else "BREAK"


def spot_symbol(instrument: Instrument, *, permissions: bool = True) -> Row:
    """A spot symbol's row."""
    return {
        "symbol": instrument.name,
        "status": spot_status(instrument),
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(SPOT_ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _spot_filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]] if permissions else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(PREVENTIONS),
    }


def _spot_filters(instrument: Instrument) -> list[Row]:
    filters = instrument.filters
    up, down = fixed(filters.multiplier_up, 4), fixed(filters.multiplier_down, 4)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(filters.price_min, 8),
            "maxPrice": fixed(filters.price_max, 8),
            "tickSize": fixed(filters.tick, 8),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": fixed(filters.quantity_min, 8),
            "maxQty": fixed(filters.quantity_max, 8),
            "stepSize": fixed(filters.lot, 8),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": fixed(filters.market_quantity_max, 8),
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
            "minNotional": money(filters.notional_min),
            "applyMinToMarket": True,
            "maxNotional": SPOT_NOTIONAL_MAX,
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": filters.orders_max},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": ORDER_LISTS_MAX},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": filters.algo_orders_max},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": AMENDMENTS_MAX},
    ]


def usdm_symbol(instrument: Instrument, now_ms: int) -> Row:
    """A USD-M contract's row."""
    return {
        "symbol": instrument.name,
        "pair": pair_of(instrument),
        "contractType": contract_type(instrument, now_ms),
        "deliveryDate": instrument.expiry_ms or NEVER_DELIVERED_MS,
        "onboardDate": instrument.listed_ms,
        "status": contract_status(instrument),
        **_margins(instrument),
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.settle,
        "pricePrecision": instrument.price_places,
        "quantityPrecision": instrument.quantity_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if instrument.base == "BTC" else ["Layer-1"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": fixed(instrument.filters.multiplier_up - SCALE, 2),
        "maxMoveOrderLimit": MOVES_MAX,
        "filters": [
            *_futures_filters(instrument),
            {"filterType": "MIN_NOTIONAL", "notional": trimmed(instrument.filters.notional_min // BOOKED)},
            {**_percent_price(instrument), "multiplierDecimal": "4"},
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": list(USDM_ORDER_TYPES),
        "timeInForce": list(FUTURES_TIMES_IN_FORCE),
        "permissionSets": ["GRID", "COPY"],
    }


def coinm_symbol(instrument: Instrument, now_ms: int) -> Row:
    """A COIN-M contract's row."""
    size = trimmed(instrument.face)
    return {
        "symbol": instrument.name,
        "pair": pair_of(instrument),
        "contractType": contract_type(instrument, now_ms),
        "deliveryDate": instrument.expiry_ms or NEVER_DELIVERED_MS,
        "onboardDate": instrument.listed_ms,
        "contractStatus": contract_status(instrument),
        "contractSize": int(size) if size.isdigit() else float(size),
        "marginAsset": instrument.settle,
        **_margins(instrument),
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "pricePrecision": instrument.price_places,
        "quantityPrecision": instrument.quantity_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "equalQtyPrecision": 4,
        "maxMoveOrderLimit": MOVES_MAX,
        "triggerProtect": "0.0500",
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if instrument.base == "BTC" else ["Layer-1"],
        "filters": [*_futures_filters(instrument), {**_percent_price(instrument), "multiplierDecimal": "4"}],
        "orderTypes": list(COINM_ORDER_TYPES),
        "timeInForce": list(COINM_TIMES_IN_FORCE),
        "liquidationFee": "0.015000",
        "marketTakeBound": fixed(instrument.filters.multiplier_up - SCALE, 2),
    }


def _margins(instrument: Instrument) -> Row:
    """Percentages that the venue says are not to be used, of the first tier here."""
    first = instrument.tiers[0]
    return {
        "maintMarginPercent": fixed(first.rate * 100, 4),
        "requiredMarginPercent": fixed(100 * SCALE // first.leverage_max, 4),
    }


def _futures_filters(instrument: Instrument) -> list[Row]:
    filters = instrument.filters
    step, least = trimmed(filters.lot), trimmed(filters.quantity_min)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": trimmed(filters.price_min),
            "maxPrice": trimmed(filters.price_max),
            "tickSize": fixed(filters.tick, instrument.price_places),
        },
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": trimmed(filters.quantity_max), "stepSize": step},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": least,
            "maxQty": trimmed(filters.market_quantity_max),
            "stepSize": step,
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": filters.orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": filters.algo_orders_max},
    ]


def _percent_price(instrument: Instrument) -> Row:
    filters = instrument.filters
    return {
        "filterType": "PERCENT_PRICE",
        "multiplierUp": fixed(filters.multiplier_up, 4),
        "multiplierDown": fixed(filters.multiplier_down, 4),
    }
