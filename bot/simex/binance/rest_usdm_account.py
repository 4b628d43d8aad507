"""Binance USD-M's REST endpoints for the account: balances, positions, settings, history, listen keys."""

from __future__ import annotations

from typing import Any

from bot.simex.binance.desk import Desk, page
from bot.simex.binance.errors import VenueError
from bot.simex.binance.exchange_info import usdm_brackets
from bot.simex.binance.gate import Call, Route, Scope, Security
from bot.simex.binance.limits import USDM_LIMITS
from bot.simex.binance.listen_keys import ListenKeys
from bot.simex.binance.shapes import money, places, plain, usdm_trade
from bot.simex.model import ZERO, FuturesAccount, FuturesAsset, MarginType, Position, Symbol

INCOME_ROWS_DEFAULT = 100
WEEK_MS = 7 * 86_400_000
_MARGIN_TYPES: tuple[MarginType, ...] = ("CROSSED", "ISOLATED")
_SUCCESS = {"code": 200, "msg": "success"}


class UsdmAccountRest:
    """The handlers of fapi account endpoints."""

    def __init__(self, desk: Desk, listen_keys: ListenKeys) -> None:
        self._desk = desk
        self._accounts = desk.exchange.accounts
        self._listen_keys = listen_keys

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        signed, key, futures = Security.SIGNED, Security.KEY, Scope.FUTURES
        return [
            Route("GET", "/fapi/v2/account", self._account_v2, 5, signed, futures),
            Route("GET", "/fapi/v3/account", self._account_v3, 5, signed, futures),
            Route("GET", "/fapi/v2/balance", self._balance, 5, signed, futures),
            Route("GET", "/fapi/v3/balance", self._balance, 5, signed, futures),
            Route("GET", "/fapi/v2/positionRisk", self._position_risk_v2, 5, signed, futures),
            Route("GET", "/fapi/v3/positionRisk", self._position_risk_v3, 5, signed, futures),
            Route("GET", "/fapi/v1/accountConfig", self._account_config, 5, signed, futures),
            Route("GET", "/fapi/v1/symbolConfig", self._symbol_config, 5, signed, futures),
            Route("GET", "/fapi/v1/userTrades", self._user_trades, 5, signed, futures),
            Route("GET", "/fapi/v1/income", self._income, 30, signed, futures),
            Route("GET", "/fapi/v1/commissionRate", self._commission_rate, 20, signed, futures),
            Route("GET", "/fapi/v1/leverageBracket", self._leverage_bracket, 1, signed, futures),
            Route("POST", "/fapi/v1/leverage", self._set_leverage, 1, signed, futures),
            Route("POST", "/fapi/v1/marginType", self._set_margin_type, 1, signed, futures),
            Route("GET", "/fapi/v1/positionSide/dual", self._dual_side, 30, signed, futures),
            Route("POST", "/fapi/v1/positionSide/dual", self._set_dual_side, 1, signed, futures),
            Route("GET", "/fapi/v1/multiAssetsMargin", self._multi_assets, 30, signed, futures),
            Route("POST", "/fapi/v1/multiAssetsMargin", self._set_multi_assets, 1, signed, futures),
            Route("GET", "/fapi/v1/rateLimit/order", self._order_limits, 1, signed, futures),
            Route("POST", "/fapi/v1/listenKey", self._start_stream, 1, key, futures),
            Route("PUT", "/fapi/v1/listenKey", self._extend_stream, 1, key, futures),
            Route("DELETE", "/fapi/v1/listenKey", self._close_stream, 1, key, futures),
        ]

    # --------------------------------------------------------------------------------------- balances and positions
    def _account_v2(self, call: Call) -> dict[str, Any]:
        """The whole account; every symbol has a position row."""
        account = self._accounts.futures(call.account)
        return {
            "feeTier": 0,
            "feeBurn": False,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
            **_totals(account),
            "assets": [{**self._asset(row), "marginAvailable": True} for row in account.assets],
            "positions": [self._account_position_v2(row) for row in account.positions],
        }

    def _account_v3(self, call: Call) -> dict[str, Any]:
        """The whole account; only symbols with a position or open orders have a row."""
        account = self._accounts.futures(call.account)
        return {
            **_totals(account),
            "assets": [self._asset(row) for row in account.assets],
            "positions": [self._account_position_v3(row) for row in account.positions if _is_used(row)],
        }

    def _balance(self, call: Call) -> list[dict[str, Any]]:
        """The wallets."""
        rows = self._accounts.futures(call.account).assets
        return [
            {
                "accountAlias": "SgsR",
                "asset": row.asset,
                "balance": money(row.wallet_balance),
                "crossWalletBalance": money(row.wallet_balance),
                "crossUnPnl": money(row.unrealized_pnl),
                "availableBalance": money(row.available_balance),
                "maxWithdrawAmount": money(row.max_withdraw),
                "marginAvailable": True,
                "updateTime": self._desk.wire(row.updated_ms),
            }
            for row in rows
        ]

    def _position_risk_v2(self, call: Call) -> list[dict[str, Any]]:
        """Positions of one symbol or all, flat ones included."""
        return [self._risk_v2(row) for row in self._positions(call)]

    def _position_risk_v3(self, call: Call) -> list[dict[str, Any]]:
        """Positions of one symbol or all: only those with a quantity or open orders."""
        return [self._risk_v3(row) for row in self._positions(call) if _is_used(row)]

    def _positions(self, call: Call) -> list[Position]:
        names = {symbol.name for symbol in self._desk.some_symbols(call.params)[0]}
        return [row for row in self._accounts.futures(call.account).positions if row.symbol in names]

    def _symbol(self, name: str) -> Symbol:
        return self._desk.exchange.symbol("usdm", name)

    def _asset(self, row: FuturesAsset) -> dict[str, Any]:
        return {
            "asset": row.asset,
            "walletBalance": money(row.wallet_balance),
            "unrealizedProfit": money(row.unrealized_pnl),
            "marginBalance": money(row.margin_balance),
            "maintMargin": money(row.maintenance_margin),
            "initialMargin": money(row.initial_margin),
            "positionInitialMargin": money(row.position_initial_margin),
            "openOrderInitialMargin": money(row.open_order_initial_margin),
            "crossWalletBalance": money(row.wallet_balance),
            "crossUnPnl": money(row.unrealized_pnl),
            "availableBalance": money(row.available_balance),
            "maxWithdrawAmount": money(row.max_withdraw),
            "updateTime": self._desk.wire(row.updated_ms),
        }

    def _account_position_v2(self, row: Position) -> dict[str, Any]:
        symbol = self._symbol(row.symbol)
        return {
            "symbol": row.symbol,
            "initialMargin": money(row.initial_margin + row.open_order_margin),
            "maintMargin": money(row.maintenance_margin),
            "unrealizedProfit": money(row.unrealized_pnl),
            "positionInitialMargin": money(row.initial_margin),
            "openOrderInitialMargin": money(row.open_order_margin),
            "leverage": str(row.leverage),
            "isolated": row.margin_type == "ISOLATED",
            "entryPrice": _price(row.entry_price),
            "breakEvenPrice": _price(row.break_even_price),
            "maxNotional": plain(row.max_notional),
            "positionSide": "BOTH",
            "positionAmt": places(row.quantity, symbol.quantity_precision),
            "notional": money(row.notional),
            "isolatedWallet": _isolated_wallet(row),
            "bidNotional": plain(row.bid_notional),
            "askNotional": plain(row.ask_notional),
            "updateTime": self._moment(row),
        }

    def _account_position_v3(self, row: Position) -> dict[str, Any]:
        return {
            "symbol": row.symbol,
            "positionSide": "BOTH",
            "positionAmt": places(row.quantity, self._symbol(row.symbol).quantity_precision),
            "unrealizedProfit": money(row.unrealized_pnl),
            "isolatedMargin": _isolated_margin(row),
            "notional": money(row.notional),
            "isolatedWallet": _isolated_wallet(row),
            "initialMargin": money(row.initial_margin + row.open_order_margin),
            "maintMargin": money(row.maintenance_margin),
            "updateTime": self._moment(row),
        }

    def _risk_v2(self, row: Position) -> dict[str, Any]:
        return {
            "symbol": row.symbol,
            "positionAmt": places(row.quantity, self._symbol(row.symbol).quantity_precision),
            "entryPrice": _price(row.entry_price),
            "breakEvenPrice": _price(row.break_even_price),
            "markPrice": money(row.mark_price),
            "unRealizedProfit": money(row.unrealized_pnl),
            "liquidationPrice": _price(row.liquidation_price),
            "leverage": str(row.leverage),
            "maxNotionalValue": plain(row.max_notional),
            "marginType": "isolated" if row.margin_type == "ISOLATED" else "cross",
            "isolatedMargin": _isolated_margin(row),
            "isAutoAddMargin": "false",
            "positionSide": "BOTH",
            "notional": money(row.notional),
            "isolatedWallet": _isolated_wallet(row),
            "updateTime": self._moment(row),
        }

    def _risk_v3(self, row: Position) -> dict[str, Any]:
        symbol = self._symbol(row.symbol)
        return {
            "symbol": row.symbol,
            "positionSide": "BOTH",
            "positionAmt": places(row.quantity, symbol.quantity_precision),
            "entryPrice": _price(row.entry_price),
            "breakEvenPrice": _price(row.break_even_price),
            "markPrice": money(row.mark_price),
            "unRealizedProfit": money(row.unrealized_pnl),
            "liquidationPrice": _price(row.liquidation_price),
            "isolatedMargin": _isolated_margin(row),
            "notional": money(row.notional),
            "marginAsset": symbol.settle,
            "isolatedWallet": _isolated_wallet(row),
            "initialMargin": money(row.initial_margin + row.open_order_margin),
            "maintMargin": money(row.maintenance_margin),
            "positionInitialMargin": money(row.initial_margin),
            "openOrderInitialMargin": money(row.open_order_margin),
            "adl": 0,
            "bidNotional": plain(row.bid_notional),
            "askNotional": plain(row.ask_notional),
            "updateTime": self._moment(row),
        }

    def _moment(self, row: Position) -> int:
        return self._desk.wire(row.updated_ms) if row.updated_ms else 0

    # --------------------------------------------------------------------------------------------------- settings
    def _account_config(self, call: Call) -> dict[str, Any]:
        """The account's modes."""
        account = self._accounts.futures(call.account)
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": account.dual_side,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, call: Call) -> list[dict[str, Any]]:
        """Margin type and leverage of one symbol or all."""
        return [
            {
                "symbol": row.symbol,
                "marginType": row.margin_type,
                "isAutoAddMargin": "false",
                "leverage": row.leverage,
                "maxNotionalValue": plain(row.max_notional),
            }
            for row in self._positions(call)
        ]

    def _leverage_bracket(self, call: Call) -> list[dict[str, Any]]:
        """The maintenance tiers of one symbol or all."""
        return [usdm_brackets(symbol) for symbol in self._desk.some_symbols(call.params)[0]]

    def _set_leverage(self, call: Call) -> dict[str, Any]:
        """Set a symbol's leverage."""
        symbol, leverage = self._desk.symbol(call.params), call.params.need_integer("leverage")
        cap = self._accounts.set_leverage(call.account, symbol.name, leverage)
        return {"symbol": symbol.name, "leverage": leverage, "maxNotionalValue": plain(cap)}

    def _set_margin_type(self, call: Call) -> dict[str, Any]:
        """Set a symbol's margin type; -4046 when it has it already."""
        symbol = self._desk.symbol(call.params)
        bad = VenueError(-1102, "Mandatory parameter 'marginType' was not sent, was empty/null, or malformed.")
        chosen = call.params.one_of("marginType", _MARGIN_TYPES, bad)
        self._accounts.set_margin_type(call.account, symbol.name, chosen)  # type: ignore[arg-type]  # just checked
        return _SUCCESS

    def _dual_side(self, call: Call) -> dict[str, bool]:
        """Whether the account is in hedge mode."""
        return {"dualSidePosition": self._accounts.futures(call.account).dual_side}

    def _set_dual_side(self, call: Call) -> dict[str, Any]:
        """Set hedge mode; -4059 when nothing changes."""
        call.params.need("dualSidePosition")
        self._accounts.set_dual_side(call.account, call.params.boolean("dualSidePosition"))
        return _SUCCESS

    def _multi_assets(self, call: Call) -> dict[str, bool]:
        """Whether the account is in multi-assets mode."""
        return {"multiAssetsMargin": self._accounts.futures(call.account).multi_assets}

    def _set_multi_assets(self, call: Call) -> dict[str, Any]:
        """Set multi-assets mode; -4171 when nothing changes."""
        call.params.need("multiAssetsMargin")
        self._accounts.set_multi_assets(call.account, call.params.boolean("multiAssetsMargin"))
        return _SUCCESS

    def _order_limits(self, _: Call) -> list[dict[str, object]]:
        """The order-count limits of the account."""
        return [row for row in USDM_LIMITS.as_rate_limits() if row["rateLimitType"] == "ORDERS"]

    def _commission_rate(self, call: Call) -> dict[str, str]:
        """The account's fee rates of one symbol."""
        symbol, account = self._desk.symbol(call.params), self._accounts.states[call.account]
        return {
            "symbol": symbol.name,
            "makerCommissionRate": plain(account.fee_rate(symbol, is_maker=True)),
            "takerCommissionRate": plain(account.fee_rate(symbol, is_maker=False)),
        }

    # ---------------------------------------------------------------------------------------------------- history
    def _user_trades(self, call: Call) -> list[dict[str, Any]]:
        """The account's fills of a symbol."""
        symbol, params = self._desk.symbol(call.params), call.params
        if "fromId" in params and ("startTime" in params or "endTime" in params):
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        _check_span(call)
        order_id, first = params.integer("orderId"), params.integer("fromId") or 0
        found = [
            trade
            for trade in self._accounts.trades(call.account, "usdm", symbol.name)
            if (order_id is None or trade.order_id == order_id)
            and trade.trade_id >= first
            and self._desk.in_time(params, trade.time_ms)
        ]
        return [usdm_trade(trade, symbol, "BOTH", self._desk.wire) for trade in page(found, params)]

    def _income(self, call: Call) -> list[dict[str, Any]]:
        """Realised PnL, commissions, funding and transfers, oldest first."""
        params = call.params
        kind, name = params.text("incomeType"), params.text("symbol")
        found = [
            row
            for row in self._accounts.income(call.account)
            if (not kind or row.type == kind)
            and (not name or row.symbol == name)
            and self._desk.in_time(params, row.time_ms)
        ]
        return [
            {
                "symbol": row.symbol,
                "incomeType": row.type,
                "income": money(row.amount),
                "asset": row.asset,
                "time": self._desk.wire(row.time_ms),
                "info": row.type if row.trade_id is None else str(row.trade_id),
                "tranId": row.transaction_id,
                "tradeId": "" if row.trade_id is None else str(row.trade_id),
            }
            for row in page(found, params, INCOME_ROWS_DEFAULT)
        ]

    # ------------------------------------------------------------------------------------------------ user stream
    def _start_stream(self, call: Call) -> dict[str, str]:
        """The account's listen key, valid for another 60 minutes."""
        return {"listenKey": self._listen_keys.start(call.account, self._desk.timeline.server_ms())}

    def _extend_stream(self, call: Call) -> dict[str, str]:
        """Extend the account's listen key; -1125 when it has none."""
        return {"listenKey": self._listen_keys.extend(call.account, self._desk.timeline.server_ms())}

    def _close_stream(self, call: Call) -> dict[str, str]:
        """Invalidate the account's listen key."""
        self._listen_keys.close(call.account)
        return {}


def _check_span(call: Call) -> None:
    start, end = call.params.integer("startTime"), call.params.integer("endTime")
    if start is not None and end is not None:
        if start > end:
            raise VenueError(-1023, "Start time is greater than end time.")
        if end - start > WEEK_MS:
            raise VenueError(-4165, "Maximum time interval is 7 days.")


def _price(value: Any) -> str:
    """A price of a position: as exact as it is, with the venue's "0" for none."""
    return plain(round(value, 8)) if value else "0.0"


def _isolated_wallet(row: Position) -> str:
    """The margin that an isolated position was opened with; cross positions have none of their own."""
    if row.margin_type != "ISOLATED" or not row.quantity:
        return "0"
    return money(abs(row.quantity) * row.entry_price / row.leverage)


def _isolated_margin(row: Position) -> str:
    if row.margin_type != "ISOLATED" or not row.quantity:
        return "0"
    return money(abs(row.quantity) * row.entry_price / row.leverage + row.unrealized_pnl)


def _is_used(row: Position) -> bool:
    return bool(row.quantity or row.open_order_margin or row.bid_notional or row.ask_notional)


def _totals(account: FuturesAccount) -> dict[str, str]:
    """The account's totals: the USDT wallet's in single-asset mode, as documented."""
    rows = [row for row in account.assets if row.asset == "USDT"] or list(account.assets[:1])
    if account.multi_assets:
        rows = list(account.assets)

    def total(name: str) -> str:
        return money(sum((getattr(row, name) for row in rows), ZERO))

    return {
        "totalInitialMargin": total("initial_margin"),
        "totalMaintMargin": total("maintenance_margin"),
        "totalWalletBalance": total("wallet_balance"),
        "totalUnrealizedProfit": total("unrealized_pnl"),
        "totalMarginBalance": total("margin_balance"),
        "totalPositionInitialMargin": total("position_initial_margin"),
        "totalOpenOrderInitialMargin": total("open_order_initial_margin"),
        "totalCrossWalletBalance": total("wallet_balance"),
        "totalCrossUnPnl": total("unrealized_pnl"),
        "availableBalance": total("available_balance"),
        "maxWithdrawAmount": total("max_withdraw"),
    }
