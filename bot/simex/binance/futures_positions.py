"""The JSON of positions, wallets and tiers of the futures accounts, USD-M and COIN-M."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from bot.simex.binance.futures_shapes import exact_price, instrument_quantity, number_or_zero
from bot.simex.binance.words import eight, plain, position_side_of
from bot.simex.core.instrument import Instrument, Tier
from bot.simex.core.numbers import amount, unscaled
from bot.simex.core.views import AssetView, PositionView, TotalsView

Row = dict[str, Any]
WireMs = Callable[[int], int]
ALIAS: Final = "SgsR"
_TOTALS: Final = (
    "totalInitialMargin",
    "totalMaintMargin",
    "totalWalletBalance",
    "totalUnrealizedProfit",
    "totalMarginBalance",
    "totalPositionInitialMargin",
    "totalOpenOrderInitialMargin",
    "totalCrossWalletBalance",
    "totalCrossUnPnl",
    "availableBalance",
    "maxWithdrawAmount",
)


def isolated_margin(view: PositionView) -> Decimal:
    """The margin of an isolated position with its profit; nothing for a cross one."""
    return view.isolated_wallet + view.unrealized if view.isolated and view.quantity else Decimal(0)


def isolated_wallet(view: PositionView) -> Decimal:
    """The margin that was moved into an isolated position."""
    return view.isolated_wallet if view.isolated and view.quantity else Decimal(0)


def is_used(view: PositionView) -> bool:
    """Whether there is a position, or an order that could make one."""
    return bool(view.quantity or view.bid_notional or view.ask_notional)


def updated(view: PositionView, wire: WireMs) -> int:
    """When the position last changed, 0 when it never did."""
    return wire(view.updated_ms) if view.updated_ms else 0


# ------------------------------------------------------------------------------------------------------ position risk
def risk_v3(view: PositionView, wire: WireMs) -> Row:
    """A row of /fapi/v3/positionRisk."""
    instrument = view.instrument
    return {
        "symbol": instrument.name,
        "positionSide": position_side_of(view.side),
        "positionAmt": instrument_quantity(instrument, view.quantity),
        "entryPrice": exact_price(view.entry_price),
        "breakEvenPrice": exact_price(view.break_even_price),
        "markPrice": eight(view.mark_price),
        "unRealizedProfit": eight(view.unrealized),
        "liquidationPrice": number_or_zero(view.liquidation_price),
        "isolatedMargin": number_or_zero(isolated_margin(view)),
        "notional": number_or_zero(view.notional),
        "marginAsset": instrument.settle,
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
        "initialMargin": number_or_zero(view.initial_margin + view.order_margin),
        "maintMargin": number_or_zero(view.maintenance_margin),
        "positionInitialMargin": number_or_zero(view.initial_margin),
        "openOrderInitialMargin": number_or_zero(view.order_margin),
        "adl": view.adl_rank,
        "bidNotional": plain(view.bid_notional),
        "askNotional": plain(view.ask_notional),
        "updateTime": updated(view, wire),
    }


def risk_v2(view: PositionView, wire: WireMs) -> Row:
    """A row of /fapi/v2/positionRisk."""
    return {
        **_risk_common(view, wire),
        "maxNotionalValue": plain(view.max_notional),
        "notional": number_or_zero(view.notional),
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
    }


def risk_inverse(view: PositionView, wire: WireMs) -> Row:
    """A row of /dapi/v1/positionRisk; `maxQty` and `notionalValue` are base coins."""
    return {
        **_risk_common(view, wire),
        "maxQty": plain(view.max_notional),
        "notionalValue": number_or_zero(view.notional),
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
    }


def _risk_common(view: PositionView, wire: WireMs) -> Row:
    instrument = view.instrument
    return {
        "symbol": instrument.name,
        "positionAmt": instrument_quantity(instrument, view.quantity),
        "entryPrice": exact_price(view.entry_price),
        "breakEvenPrice": exact_price(view.break_even_price),
        "markPrice": eight(view.mark_price),
        "unRealizedProfit": eight(view.unrealized),
        "liquidationPrice": number_or_zero(view.liquidation_price),
        "leverage": str(view.leverage),
        "marginType": "isolated" if view.isolated else "cross",
        "isolatedMargin": eight(isolated_margin(view)),
        "isAutoAddMargin": "false",
        "positionSide": position_side_of(view.side),
        "updateTime": updated(view, wire),
    }


# --------------------------------------------------------------------------------------------------- account positions
def account_v3(view: PositionView, wire: WireMs) -> Row:
    """A position of /fapi/v3/account."""
    return {
        "symbol": view.instrument.name,
        "positionSide": position_side_of(view.side),
        "positionAmt": instrument_quantity(view.instrument, view.quantity),
        "unrealizedProfit": eight(view.unrealized),
        "isolatedMargin": eight(isolated_margin(view)),
        "notional": number_or_zero(view.notional),
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
        "initialMargin": number_or_zero(view.initial_margin + view.order_margin),
        "maintMargin": number_or_zero(view.maintenance_margin),
        "updateTime": updated(view, wire),
    }


def account_v2(view: PositionView, wire: WireMs) -> Row:
    """A position of /fapi/v2/account."""
    return {
        **_account_common(view, wire),
        "maxNotional": plain(view.max_notional),
        "bidNotional": plain(view.bid_notional),
        "askNotional": plain(view.ask_notional),
        "notional": number_or_zero(view.notional),
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
    }


def account_inverse(view: PositionView, wire: WireMs) -> Row:
    """A position of /dapi/v1/account."""
    return {
        **_account_common(view, wire),
        "maxQty": plain(view.max_notional),
        "notionalValue": number_or_zero(view.notional),
        "isolatedWallet": number_or_zero(isolated_wallet(view)),
    }


def _account_common(view: PositionView, wire: WireMs) -> Row:
    return {
        "symbol": view.instrument.name,
        "initialMargin": number_or_zero(view.initial_margin + view.order_margin),
        "maintMargin": number_or_zero(view.maintenance_margin),
        "unrealizedProfit": eight(view.unrealized),
        "positionInitialMargin": number_or_zero(view.initial_margin),
        "openOrderInitialMargin": number_or_zero(view.order_margin),
        "leverage": str(view.leverage),
        "isolated": view.isolated,
        "entryPrice": exact_price(view.entry_price),
        "breakEvenPrice": exact_price(view.break_even_price),
        "positionSide": position_side_of(view.side),
        "positionAmt": instrument_quantity(view.instrument, view.quantity),
        "updateTime": updated(view, wire),
    }


# ------------------------------------------------------------------------------------------------------------- wallets
def asset_row(view: AssetView, updated_ms: int) -> Row:
    """An asset of an account."""
    return {
        "asset": view.asset,
        "walletBalance": eight(view.balance),
        "unrealizedProfit": eight(view.unrealized),
        "marginBalance": eight(view.margin_balance),
        "maintMargin": eight(view.maintenance),
        "initialMargin": eight(view.initial_margin),
        "positionInitialMargin": eight(view.position_margin),
        "openOrderInitialMargin": eight(view.order_margin),
        "crossWalletBalance": eight(view.cross_balance),
        "crossUnPnl": eight(view.cross_unrealized),
        "availableBalance": eight(view.available),
        "maxWithdrawAmount": eight(view.withdrawable),
        "updateTime": updated_ms,
    }


def balance_row(view: AssetView, updated_ms: int) -> Row:
    """A row of /fapi/v2/balance and /fapi/v3/balance."""
    return {
        "accountAlias": ALIAS,
        "asset": view.asset,
        "balance": eight(view.balance),
        "crossWalletBalance": eight(view.cross_balance),
        "crossUnPnl": eight(view.cross_unrealized),
        "availableBalance": eight(view.available),
        "maxWithdrawAmount": eight(view.withdrawable),
        "marginAvailable": True,
        "updateTime": updated_ms,
    }


def balance_inverse(view: AssetView, updated_ms: int) -> Row:
    """A row of /dapi/v1/balance."""
    return {
        "accountAlias": ALIAS,
        "asset": view.asset,
        "balance": eight(view.balance),
        "withdrawAvailable": eight(view.withdrawable),
        "crossWalletBalance": eight(view.cross_balance),
        "crossUnPnl": eight(view.cross_unrealized),
        "availableBalance": eight(view.available),
        "updateTime": updated_ms,
    }


def totals_of_asset(view: AssetView) -> Row:
    """The totals of an account in single-asset mode: those of its dollars."""
    values = (
        view.initial_margin,
        view.maintenance,
        view.balance,
        view.unrealized,
        view.margin_balance,
        view.position_margin,
        view.order_margin,
        view.cross_balance,
        view.cross_unrealized,
        view.available,
        view.withdrawable,
    )
    return dict(zip(_TOTALS, map(eight, values), strict=True))


def totals_in_dollars(view: TotalsView, withdrawable: Decimal) -> Row:
    """The totals of an account in multi-assets mode, all of it cross; margin balance after haircuts."""
    values = (
        view.initial_margin,
        view.maintenance_margin,
        view.balance,
        view.unrealized,
        view.margin_balance,
        view.position_margin,
        view.initial_margin - view.position_margin,
        view.balance,
        view.unrealized,
        view.available,
        withdrawable,
    )
    return dict(zip(_TOTALS, map(eight, values), strict=True))


# --------------------------------------------------------------------------------------------------------------- tiers
def brackets(instrument: Instrument) -> list[Row]:
    """The maintenance tiers of an instrument, as JSON numbers: of notional in USD-M, of base coins in COIN-M."""
    return [_bracket(instrument, number, tier) for number, tier in enumerate(instrument.tiers, 1)]


def _bracket(instrument: Instrument, number: int, tier: Tier) -> Row:
    cap, floor = _number(amount(tier.cap)), _number(amount(tier.floor))
    # The documentation of COIN-M spells the floor "qtylFloor" and the venue "qtyFloor": clients read either.
    edges = (
        {"qtyCap": cap, "qtyFloor": floor, "qtylFloor": floor}
        if instrument.kind == "inverse"
        else {"notionalCap": cap, "notionalFloor": floor}
    )
    return {
        "bracket": number,
        "initialLeverage": tier.leverage_max,
        **edges,
        "maintMarginRatio": float(unscaled(tier.rate)),
        "cum": float(amount(tier.deduction)),
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
