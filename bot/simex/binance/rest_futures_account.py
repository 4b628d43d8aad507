"""What a futures account has: balances, positions, totals, places in the deleveraging queue, income."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from bot.simex.binance import futures_positions as shapes
from bot.simex.binance.desk import page
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.futures_view import DAY_MS
from bot.simex.binance.gate import Call, Route, Scope, Security, Weight
from bot.simex.binance.params import Params
from bot.simex.binance.rest_futures_queries import WEEK_MS, within
from bot.simex.binance.words import eight, money_of
from bot.simex.core.account import Account, Income, IncomeKind
from bot.simex.core.instrument import Instrument
from bot.simex.core.views import AssetView, PositionView
from bot.simex.lag import totals_seen

INCOME_ROWS: Final = (100, 1_000)
YEAR_MS: Final = 365 * DAY_MS
# USD-M answers for the last three months.
INCOME_KEPT_MS: Final = 90 * DAY_MS
RISK_INTERVAL_MS: Final = 30 * 60_000
_INCOME_OF: Final[dict[IncomeKind, str]] = {
    "realized": "REALIZED_PNL",
    "commission": "COMMISSION",
    "funding": "FUNDING_FEE",
    "transfer": "TRANSFER",
    "deposit": "TRANSFER",
    "withdraw": "TRANSFER",
    "insurance": "INSURANCE_CLEAR",
    "delivery": "DELIVERED_SETTELMENT",
    "interest": "CROSS_COLLATERAL_TRANSFER",
    "trade": "AUTO_EXCHANGE",
}
Row = dict[str, Any]


class FuturesAccounts:
    """The handlers."""

    def __init__(self, desk: FuturesDesk) -> None:
        self._desk = desk
        self._exchange = desk.exchange

    def routes(self) -> list[Route]:
        """Every endpoint with its weight, security and permission."""
        shared = [
            self._read("v1/adlQuantile", self._adl_quantile, 5),
            self._read("v1/pmAccountInfo", self._portfolio_margin, 5),
            self._read("v1/income", self._income, 20 if self._desk.is_inverse else 30),
        ]
        return [*shared, *(self._coinm() if self._desk.is_inverse else self._usdm())]

    def _usdm(self) -> list[Route]:
        return [
            self._read("v2/account", self._account_v2, 5),
            self._read("v3/account", self._account_v3, 5),
            self._read("v2/balance", self._balance, 5),
            self._read("v3/balance", self._balance, 5),
            self._read("v2/positionRisk", self._risk_v2, 5),
            self._read("v3/positionRisk", self._risk_v3, 5),
            Route("GET", "/fapi/v1/symbolAdlRisk", self._adl_risk),
        ]

    def _coinm(self) -> list[Route]:
        return [
            self._read("v1/account", self._account_inverse, 5),
            self._read("v1/balance", self._balance),
            self._read("v1/positionRisk", self._risk_inverse),
        ]

    def _read(self, name: str, handler: Callable[[Call], Any], weight: Weight = 1) -> Route:
        return Route("GET", f"{self._desk.prefix}/{name}", handler, weight, Security.SIGNED, Scope.READ)

    def _account(self, call: Call) -> Account:
        """The caller's account as it is by now."""
        self._desk.catch_up()
        return self._desk.account(call.account)

    # -------------------------------------------------------------------------------------------------------- wallets
    def _assets(self, account: Account) -> list[AssetView]:
        """The assets of the wallet, as the queries see them."""
        names = {one.settle for one in self._desk.symbols()}
        return [self._seen(account, view) for view in self._desk.valuation.assets(account, self._desk.wallet, names)]

    def _seen(self, account: Account, view: AssetView) -> AssetView:
        replica = self._desk.replica
        return replica.balances.asset(account.account_id, self._desk.wallet, view, self._desk.server_ms)

    def _updated(self, account: Account) -> int:
        return self._desk.wire(account.updated_ms) if account.updated_ms else 0

    def _balance(self, call: Call) -> list[Row]:
        """The assets of the wallet."""
        account = self._account(call)
        shape = shapes.balance_inverse if self._desk.is_inverse else shapes.balance_row
        return [shape(view, self._updated(account)) for view in self._assets(account)]

    def _totals(self, account: Account) -> Row:
        """USDT's in single-asset mode, dollars of everything in multi-assets mode."""
        if not account.multi_assets:
            return shapes.totals_of_asset(
                self._seen(account, self._desk.valuation.asset(account, self._desk.wallet, "USDT"))
            )
        views = self._assets(account)
        withdrawable = sum((view.withdrawable * view.dollars for view in views), Decimal(0))
        now = self._desk.valuation.assets(account, self._desk.wallet)
        seen = totals_seen(
            self._desk.valuation.totals(account, self._desk.wallet), [(one, self._seen(account, one)) for one in now]
        )
        return shapes.totals_in_dollars(seen, withdrawable)

    def _account_v2(self, call: Call) -> Row:
        """The whole account; every symbol has a position row."""
        account = self._account(call)
        updated_ms = self._updated(account)
        return {
            "feeTier": 0,
            "feeBurn": self._desk.records.notebook(call.account).fee_burn,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
            **self._totals(account),
            "assets": [
                {**shapes.asset_row(view, updated_ms), "marginAvailable": True} for view in self._assets(account)
            ],
            "positions": [shapes.account_v2(view, self._desk.wire) for view in self._views(account)],
        }

    def _account_v3(self, call: Call) -> Row:
        """The whole account; only symbols with a position or open orders have a row."""
        account = self._account(call)
        updated_ms = self._updated(account)
        return {
            **self._totals(account),
            "assets": [shapes.asset_row(view, updated_ms) for view in self._assets(account)],
            "positions": [
                shapes.account_v3(view, self._desk.wire) for view in self._views(account) if shapes.is_used(view)
            ],
        }

    def _account_inverse(self, call: Call) -> Row:
        """The whole COIN-M account; every symbol has its rows."""
        account = self._account(call)
        updated_ms = self._updated(account)
        return {
            "assets": [shapes.asset_row(view, updated_ms) for view in self._assets(account)],
            "positions": [shapes.account_inverse(view, self._desk.wire) for view in self._views(account)],
            "canDeposit": True,
            "canTrade": True,
            "canWithdraw": True,
            "feeTier": 0,
            "updateTime": 0,
        }

    def _portfolio_margin(self, call: Call) -> Row:
        """What may be transferred out, of one asset."""
        account, asset = self._account(call), call.params.need("asset")
        view = self._desk.valuation.asset(account, self._desk.wallet, asset)
        worth = sum((one.withdrawable * one.dollars for one in self._assets(account)), Decimal(0))
        return {"maxWithdrawAmountUSD": eight(worth), "asset": asset, "maxWithdrawAmount": eight(view.withdrawable)}

    # ------------------------------------------------------------------------------------------------------ positions
    def _views(self, account: Account, instruments: list[Instrument] | None = None) -> list[PositionView]:
        """The position rows of instruments, flat ones too, as the queries see them."""
        now_ms, valuation = self._desk.server_ms, self._desk.valuation
        return [
            self._desk.replica.position(account.account_id, valuation.position(account, instrument, side), now_ms)
            for instrument in (self._desk.symbols() if instruments is None else instruments)
            for side in self._desk.sides(account)
        ]

    def _risk_v2(self, call: Call) -> list[Row]:
        """Positions of one symbol or all, flat ones included."""
        account, instruments = self._account(call), self._desk.some_symbols(call.params)[0]
        return [shapes.risk_v2(view, self._desk.wire) for view in self._views(account, instruments)]

    def _risk_v3(self, call: Call) -> list[Row]:
        """Positions of one symbol or all: only those with a quantity or open orders."""
        account, instruments = self._account(call), self._desk.some_symbols(call.params)[0]
        views = self._views(account, instruments)
        return [shapes.risk_v3(view, self._desk.wire) for view in views if shapes.is_used(view)]

    def _risk_inverse(self, call: Call) -> list[Row]:
        """Positions of a margin asset, a pair, or all that trade."""
        account, params = self._account(call), call.params
        asset, pair = params.text("marginAsset"), params.text("pair")
        instruments = [
            one
            for one in self._desk.symbols()
            if one.status == "trading" and asset in ("", one.settle) and pair in ("", self._desk.pair(one))
        ]
        return [shapes.risk_inverse(view, self._desk.wire) for view in self._views(account, instruments)]

    def _adl_quantile(self, call: Call) -> list[Row]:
        """The places in the deleveraging queue: of the symbol asked for, or of every position."""
        account = self._account(call)
        instruments, single = self._desk.some_symbols(call.params)
        rows = []
        for instrument in instruments:
            views = self._views(account, [instrument])
            if single or any(view.quantity for view in views):
                rows.append({"symbol": instrument.name, "adlQuantile": self._quantile(account, views)})
        return rows

    def _quantile(self, account: Account, views: list[PositionView]) -> dict[str, int]:
        ranks = {view.side: view.adl_rank for view in views}
        if not account.hedge_mode.get(self._desk.market, False):
            return {"LONG": 0, "SHORT": 0, "BOTH": ranks["both"]}
        if any(view.isolated for view in views):
            return {"LONG": ranks["long"], "SHORT": ranks["short"], "BOTH": 0}
        # Cross-margined in hedge mode both sides rank alike; HEDGE is only a sign.
        rank = max(ranks["long"], ranks["short"])
        return {"LONG": rank, "SHORT": rank, "HEDGE": 0}

    def _adl_risk(self, call: Call) -> Any:
        """How likely deleveraging is on a symbol, renewed every half hour: high once the insurance fund is in debt."""
        instruments, single = self._desk.some_symbols(call.params)
        now_ms = self._desk.server_ms
        insurance = self._exchange.accounting.ledger.insurance
        rows = [
            {
                "symbol": one.name,
                "adlRisk": "high" if insurance[one.settle] < 0 else "low",
                "updateTime": now_ms - now_ms % RISK_INTERVAL_MS,
            }
            for one in instruments
        ]
        return rows[0] if single else rows

    # --------------------------------------------------------------------------------------------------------- income
    def _income(self, call: Call) -> list[Row]:
        """Realised profit, commissions, funding, transfers, oldest first; of the last week unless a time is given."""
        params, account = call.params, self._account(call)
        kind, name = params.text("incomeType"), params.text("symbol")
        in_span = self._income_span(params)
        found = [
            row
            for row in account.income
            if row.wallet == self._desk.wallet
            and kind in ("", _INCOME_OF[row.kind])
            and (not name or (row.instrument is not None and row.instrument.name == name))
            and in_span(row.time_ms)
        ]
        return [self._income_row(row) for row in self._income_page(found, params)]

    def _income_span(self, params: Params) -> Callable[[int], bool]:
        if "startTime" not in params and "endTime" not in params:
            return within(self._desk, params, WEEK_MS, 7)
        if self._desk.is_inverse:
            return within(self._desk, params, YEAR_MS, 365)
        oldest_ms = self._desk.server_ms - INCOME_KEPT_MS
        return lambda time_ms: self._desk.in_time(params, time_ms) and self._desk.wire(time_ms) >= oldest_ms

    def _income_page(self, found: list[Income], params: Params) -> list[Income]:
        """A page by its number from the oldest; without one the oldest from a start, else the newest."""
        number = params.integer("page")
        if not number:
            return page(found, params, *INCOME_ROWS)
        limit = params.limit("limit", *INCOME_ROWS)
        return found[(number - 1) * limit : number * limit]

    def _income_row(self, row: Income) -> Row:
        word = _INCOME_OF[row.kind]
        trade = "" if row.trade is None else str(row.trade.trade_id)
        number: int | str = str(row.income_id) if self._desk.is_inverse else row.income_id
        return {
            "symbol": "" if row.instrument is None else row.instrument.name,
            "incomeType": word,
            "income": money_of(row.amount),
            "asset": row.asset,
            "info": "WITHDRAW" if row.kind == "withdraw" else word,
            "time": self._desk.wire(row.time_ms),
            "tranId": number,
            "tradeId": trade,
        }
