"""Positions and wallets as Bybit's answers and private streams show them, every documented field present."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from bot.simex.bybit.figures import decimal
from bot.simex.bybit.records import position_index
from bot.simex.core.views import AssetView, PositionView, TotalsView

Row = dict[str, Any]
RATE_PLACES: Final = 8
OF_CROSS_MARGIN: Final = (
    "accountIMRate accountIMRateByMp accountMMRate accountMMRateByMp accountLTV totalWalletBalance totalMarginBalance "
    "totalAvailableBalance totalInitialMargin totalInitialMarginByMp totalMaintenanceMargin totalMaintenanceMarginByMp"
).split()


def position_row(
    view: PositionView, *, seq: int, in_liquidation: bool, stops: tuple[str, str, str], wire: Callable[[int], int]
) -> Row:
    """A position as /v5/position/list shows it; `stops` are its take profit, stop loss and trailing stop."""
    instrument = view.instrument
    size, places = abs(view.quantity), instrument.quantity_places
    # What is added to an isolated position's margin counts as its initial margin; the account tells the margin mode.
    initial = decimal(view.isolated_wallet if view.isolated else view.initial_margin)
    tier = next((n for n, one in enumerate(instrument.tiers, start=1) if view.max_notional * 10**16 <= one.cap), 1)
    return {
        "positionIdx": position_index(view.side),
        "riskId": tier,
        "riskLimitValue": decimal(view.max_notional),
        "symbol": instrument.name,
        "side": side_of(view),
        "size": f"{size:.{places}f}",
        "avgPrice": decimal(view.entry_price),
        "positionValue": decimal(_value(view)),
        "tradeMode": 0,
        "positionStatus": "Liq" if in_liquidation and size else "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": view.adl_rank + 1 if size else 0,
        "leverage": str(view.leverage),
        "breakEvenPrice": decimal(view.break_even_price) if size else "",
        "positionBalance": initial,
        "markPrice": f"{view.mark_price:.{instrument.price_places}f}",
        "liqPrice": f"{view.liquidation_price:.{instrument.price_places}f}" if view.liquidation_price else "",
        "bustPrice": "",
        "positionMM": decimal(view.maintenance_margin),
        "positionMMByMp": decimal(view.maintenance_margin),
        "positionIM": initial,
        "positionIMByMp": initial,
        "tpslMode": "Full",
        "takeProfit": stops[0],
        "stopLoss": stops[1],
        "trailingStop": stops[2],
        "unrealisedPnl": decimal(view.unrealized) if size else "",
        "curRealisedPnl": decimal(view.realized_since_flat + view.funding - view.fees) if size else "0",
        "cumRealisedPnl": decimal(view.realized),
        "seq": seq,
        "isReduceOnly": instrument.status == "reduce_only",
        "mmrSysUpdateTime": "",
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
        "openTime": wire(view.opened_ms) if size else 0,
        "createdTime": str(wire(view.opened_ms)) if view.opened_ms else "0",
        "updatedTime": str(wire(view.updated_ms)) if view.updated_ms else "0",
    }


def position_event(row: Row, category: str) -> Row:
    """A position as the private `position` topic shows it: the entry price has another name there."""
    told = {name: value for name, value in row.items() if name not in ("avgPrice", "mmrSysUpdateTime")}
    for name in ("delta", "gamma", "vega", "theta"):
        del told[name]
    told |= {"category": category, "entryPrice": row["avgPrice"]}
    return told


def side_of(view: PositionView) -> str:
    """Buy, Sell, or nothing for a flat position."""
    return "" if not view.quantity else "Buy" if view.quantity > 0 else "Sell"


def _value(view: PositionView) -> Decimal:
    """The value at the entry price, in the settle coin."""
    if not view.quantity or not view.entry_price:
        return Decimal(0)
    size = abs(view.quantity)
    if view.instrument.kind == "inverse":
        return size * Decimal(view.instrument.face).scaleb(-8) / view.entry_price
    return size * view.entry_price


def wallet_row(totals: TotalsView, assets: Iterable[AssetView], *, isolated: bool) -> Row:
    """A unified account as /v5/account/wallet-balance and the `wallet` topic show it.

    In isolated margin there is no margin of the whole account: what would tell of it is empty.
    """
    initial, maintenance = _rate(totals.initial_rate), _rate(totals.maintenance_rate)
    row = {
        "totalEquity": decimal(totals.equity),
        "accountIMRate": initial,
        "accountIMRateByMp": initial,
        "totalMarginBalance": decimal(totals.balance + totals.unrealized),
        "totalInitialMargin": decimal(totals.initial_margin),
        "totalInitialMarginByMp": decimal(totals.initial_margin),
        "accountType": "UNIFIED",
        "totalAvailableBalance": decimal(totals.available),
        "accountMMRate": maintenance,
        "accountMMRateByMp": maintenance,
        "totalPerpUPL": decimal(totals.unrealized),
        "totalWalletBalance": decimal(totals.balance),
        "accountLTV": "0",
        "totalMaintenanceMargin": decimal(totals.maintenance_margin),
        "totalMaintenanceMarginByMp": decimal(totals.maintenance_margin),
        "coin": [coin_row(one, isolated=isolated) for one in assets],
    }
    return {**row, **dict.fromkeys(OF_CROSS_MARGIN, "")} if isolated else row


def _rate(rate: Decimal | None) -> str:
    """A margin rate; an account with nothing behind its margin is shown at 100 %."""
    return "1" if rate is None else decimal(rate, RATE_PLACES)


def coin_row(view: AssetView, *, isolated: bool) -> Row:
    """One coin of a unified account."""
    borrowed = decimal(max(-view.balance, Decimal(0)))
    return {
        "availableToBorrow": "",
        "bonus": "0",
        "accruedInterest": "0",
        "availableToWithdraw": "",
        "totalOrderIM": decimal(view.order_margin),
        "equity": decimal(view.margin_balance),
        "totalPositionMM": decimal(view.maintenance),
        "usdValue": decimal(view.equity_dollars),
        "spotHedgingQty": "0",
        "unrealisedPnl": decimal(view.unrealized),
        "collateralSwitch": bool(view.haircut),
        "borrowAmount": borrowed,
        "totalPositionIM": decimal(view.balance - view.cross_balance if isolated else view.position_margin),
        "walletBalance": decimal(view.balance),
        "cumRealisedPnl": decimal(view.realized),
        "locked": decimal(view.locked),
        "marginCollateral": bool(view.haircut),
        "colRes": "0",
        "coin": view.asset,
        "spotBorrow": "0",
        "free": "",
    }
