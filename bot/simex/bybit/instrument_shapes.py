"""Instruments and risk tiers as Bybit's answers show them, every documented field present."""

from __future__ import annotations

from typing import Any, Final

from bot.simex.bybit.figures import fixed, money, plain
from bot.simex.core.instrument import HOUR_MS, Instrument
from bot.simex.core.numbers import SCALE, divided

Row = dict[str, Any]
QUOTE_PLACES: Final = 7
STATUS: Final = {
    "trading": "Trading",
    "halted": "Trading",
    "cancel_only": "Trading",
    "reduce_only": "Trading",
    "settling": "Delivering",
    "closed": "Closed",
}


def instrument_row(instrument: Instrument, number: int) -> Row:
    """An instrument as /v5/market/instruments-info shows it; `number` is its symbolId."""
    return _spot(instrument, number) if instrument.kind == "spot" else _future(instrument, number)


def _step(value: int) -> str:
    return plain(value)


def _limits(instrument: Instrument) -> Row:
    """How far a price may be from the mark or the last price, as ratios."""
    filters = instrument.filters
    ratio = max(filters.multiplier_up - SCALE, 0) or SCALE // 20
    return {"priceLimitRatioX": plain(ratio // 2), "priceLimitRatioY": plain(ratio)}


def _spot(instrument: Instrument, number: int) -> Row:
    filters = instrument.filters
    return {
        "symbolId": number,
        "symbol": instrument.name,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "innovation": "0",
        "status": STATUS[instrument.status],
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": _step(filters.lot),
            "quotePrecision": _step(10 ** (8 - QUOTE_PLACES)),
            "minOrderQty": _step(filters.quantity_min),
            "maxOrderQty": _step(filters.quantity_max),
            "minOrderAmt": money(filters.notional_min),
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": _step(filters.quantity_max),
            "maxMarketOrderQty": _step(filters.market_quantity_max),
            "postOnlyMaxLimitOrderSize": _step(filters.quantity_max),
        },
        "priceFilter": {"tickSize": _step(filters.tick)},
        "riskParameters": _limits(instrument),
        "symbolType": "",
        "xstockMultiplier": "1",
    }


def _future(instrument: Instrument, number: int) -> Row:
    filters, places = instrument.filters, instrument.price_places
    funding = instrument.funding
    return {
        "symbol": instrument.name,
        "symbolId": number,
        "contractType": contract_type(instrument),
        "status": STATUS[instrument.status],
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "launchTime": str(instrument.listed_ms),
        "deliveryTime": str(instrument.expiry_ms or 0),
        "deliveryFeeRate": "0" if instrument.expiry_ms else "",
        "priceScale": str(places),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{leverage_max(instrument)}.00",
            "leverageStep": "1.00",
        },
        "priceFilter": {
            "minPrice": fixed(filters.price_min, places),
            "maxPrice": fixed(filters.price_max, places),
            "tickSize": fixed(filters.tick, places),
        },
        "lotSizeFilter": {
            "maxOrderQty": _step(filters.quantity_max),
            "minOrderQty": _step(filters.quantity_min),
            "qtyStep": _step(filters.lot),
            "postOnlyMaxOrderQty": _step(filters.quantity_max),
            "maxMktOrderQty": _step(filters.market_quantity_max),
            "minNotionalValue": money(filters.notional_min),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": funding.interval_ms // 60_000 if funding else 0,
        "settleCoin": instrument.settle,
        "copyTrading": "none",
        "upperFundingRate": plain(funding.cap) if funding else "",
        "lowerFundingRate": plain(funding.floor) if funding else "",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": _limits(instrument),
        "displayName": "",
        "forbidUplWithdrawal": False,
        "symbolType": "",
    }


def contract_type(instrument: Instrument) -> str:
    """LinearPerpetual, LinearFutures, InversePerpetual or InverseFutures."""
    kind = "Inverse" if instrument.kind == "inverse" else "Linear"
    return kind + ("Futures" if instrument.expiry_ms else "Perpetual")


def leverage_max(instrument: Instrument) -> int:
    """The highest leverage of any tier."""
    return max((tier.leverage_max for tier in instrument.tiers), default=1)


def funding_hours(instrument: Instrument) -> str:
    """The whole hours between fundings; empty without any."""
    return str(instrument.funding.interval_ms // HOUR_MS) if instrument.funding else ""


def tier_rows(instrument: Instrument) -> list[Row]:
    """The risk limits of an instrument as /v5/market/risk-limit shows them."""
    return [
        {
            "id": number,
            "symbol": instrument.name,
            "riskLimitValue": money(tier.cap),
            "maintenanceMargin": plain(tier.rate),
            "initialMargin": plain(divided(SCALE, tier.leverage_max)),
            "isLowestRisk": 1 if number == 1 else 0,
            "maxLeverage": f"{tier.leverage_max}.00",
            "mmDeduction": money(tier.deduction) if tier.deduction else "",
        }
        for number, tier in enumerate(instrument.tiers, start=1)
    ]
