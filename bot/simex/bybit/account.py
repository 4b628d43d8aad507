"""The unified account: balances, settings, fees, collateral, history of the wallet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bot.simex.bybit.dcp import Dcp
from bot.simex.bybit.desk import CATEGORIES, WALLET, Desk, category_of, page
from bot.simex.bybit.errors import MESSAGES, VenueError, invalid
from bot.simex.bybit.figures import decimal, plain
from bot.simex.bybit.gate import Call, Route, Scope
from bot.simex.bybit.params import DAY_MS, period
from bot.simex.bybit.position_shapes import wallet_row
from bot.simex.bybit.translog import Line, lines
from bot.simex.core.account import Account
from bot.simex.core.numbers import SCALE, unscaled
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.views import AssetView
from bot.simex.lag import totals_seen

Row = dict[str, Any]
COINS_ASKED_MAX: Final = 50
UNIFIED_STATUS: Final = 6
"""Unified trading account 2.0 (pro version)."""
ISOLATED: Final = "ISOLATED_MARGIN"
REGULAR: Final = "REGULAR_MARGIN"
PORTFOLIO: Final = "PORTFOLIO_MARGIN"
# Why the margin mode stays: code and words. The account must have neither orders nor positions of contracts, nor debts.
_OBSTACLES: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.HAS_OPEN_ORDERS: (
        "3400002",
        "Please ensure that there are no active orders in your account, including Limit, Market and Conditional orders",
    ),
    Reason.HAS_POSITION: ("3400001", "Please ensure that there are no positions in your account"),
    Reason.INSUFFICIENT_BALANCE: ("3400000", "Please ensure that there are no liabilities in your account"),
}


class AccountRest:
    """The endpoints."""

    def __init__(self, desk: Desk, dcp: Dcp) -> None:
        self._desk = desk
        self._dcp = dcp

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("GET", "/v5/account/wallet-balance", self.wallet_balance, Scope.READ),
            Route("GET", "/v5/account/info", self.info, Scope.READ),
            Route("GET", "/v5/account/fee-rate", self.fee_rate, Scope.READ),
            Route("GET", "/v5/account/transaction-log", self.transaction_log, Scope.READ),
            Route("POST", "/v5/account/set-margin-mode", self.set_margin_mode, Scope.FUTURES, "Request accepted"),
            Route("GET", "/v5/account/collateral-info", self.collateral_info, Scope.READ),
        ]

    def wallet(self, account: Account, coins: tuple[str, ...] = ()) -> Row:
        """The whole account as it is now, with these coins or those it holds."""
        assets = self._assets(account, coins)
        return wallet_row(self._desk.valuation.totals(account, WALLET), assets, isolated=account.isolated)

    def _assets(self, account: Account, coins: tuple[str, ...]) -> list[AssetView]:
        valuation = self._desk.valuation
        if coins:
            return [valuation.asset(account, WALLET, coin) for coin in coins]
        return [one for one in valuation.assets(account, WALLET) if one.balance or one.unrealized]

    def _seen(self, account: Account, coins: tuple[str, ...]) -> Row:
        """The same as the queries see it."""
        balances, now_ms, valuation = self._desk.replica.balances, self._desk.server_ms, self._desk.valuation

        def seen(view: AssetView) -> AssetView:
            return balances.asset(account.account_id, WALLET, view, now_ms)

        pairs = [(one, seen(one)) for one in valuation.assets(account, WALLET)]
        totals = totals_seen(valuation.totals(account, WALLET), pairs)
        return wallet_row(totals, [seen(one) for one in self._assets(account, coins)], isolated=account.isolated)

    def wallet_balance(self, call: Call) -> Row:
        """Every coin with a balance, or those asked for."""
        kind = call.params.need("accountType")
        if kind != "UNIFIED":
            raise invalid("accountType only support UNIFIED.")
        names = tuple(filter(None, call.params.text("coin").split(",")))
        if len(names) > COINS_ASKED_MAX or not all(name.isascii() and name.isalnum() for name in names):
            raise invalid("coin invalid")
        known = self._coins()
        self._desk.catch_up()
        account = self._desk.account(call.account)
        return {"list": [self._seen(account, tuple(name for name in names if name in known))]}

    def info(self, call: Call) -> Row:
        """Modes of the account."""
        account = self._desk.account(call.account)
        return {
            "marginMode": ISOLATED if account.isolated else REGULAR,
            "updatedTime": str(self._desk.wire(account.updated_ms) if account.updated_ms else 0),
            "unifiedMarginStatus": UNIFIED_STATUS,
            "dcpStatus": "ON",
            "timeWindow": self._dcp.window_s(call.account),
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fee_rate(self, call: Call) -> Row:
        """Fees of one instrument or of all."""
        category = category_of(call.params)
        own = self._desk.account(call.account).fees.get(category)
        rows = []
        for one in self._desk.chosen(category, call.params):
            maker, taker = own or (one.maker_fee, one.taker_fee)
            rows.append(
                {"symbol": one.name, "baseCoin": "", "takerFeeRate": plain(taker), "makerFeeRate": plain(maker)}
            )
        return {"category": category, "list": rows}

    def transaction_log(self, call: Call) -> Row:
        """The wallet's history, newest first."""
        params = call.params
        if params.text("accountType", "UNIFIED") != "UNIFIED":
            raise invalid("accountType only support UNIFIED.")
        category = params.one_of("category", (*CATEGORIES, "option"), "") if "category" in params else ""
        first, last = period(params, self._desk.server_ms, 7 * DAY_MS if "startTime" in params else DAY_MS)
        coin, base, kind = params.text("currency"), params.text("baseCoin"), params.text("type")

        def asked() -> Iterator[Line]:
            for line in lines(self._desk.account(call.account), WALLET, self._desk.wire):
                instrument = line.instrument
                if category and (instrument is None or instrument.category != category):
                    continue
                if base and (instrument is None or instrument.base != base):
                    continue
                if coin in ("", line.asset) and kind in ("", line.kind) and first <= line.time_ms <= last:
                    yield line

        taken, cursor = page(asked(), lambda line: line.number, params, params.limit(20, 50))
        recorder = self._desk.recorder
        return {"nextPageCursor": cursor, "list": [line.row(recorder) for line in taken]}

    def set_margin_mode(self, call: Call) -> Row:
        """Cross or isolated margin for all contracts; portfolio margin is refused as the venue does."""
        mode = call.params.one_of("setMarginMode", (ISOLATED, REGULAR, PORTFOLIO))
        if mode == PORTFOLIO:
            raise _stays("3400000", f"{mode} is not open on this exchange")
        self._desk.catch_up()
        account = self._desk.account(call.account)
        if account.isolated == (mode == ISOLATED):
            return {"reasons": []}
        try:
            self._desk.exchange.funds.settings.margin_mode(account, isolated=mode == ISOLATED)
        except Refused as refused:
            raise _stays(*_OBSTACLES[refused.reason]) from None
        return {"reasons": []}

    def collateral_info(self, call: Call) -> Row:
        """Which coins count as collateral, and how much of them."""
        wanted = call.params.text("currency")
        haircuts = self._desk.exchange.state.rules.haircuts
        rows = [
            {
                "availableToBorrow": "0",
                "freeBorrowingAmount": "",
                "freeBorrowAmount": "0",
                "maxBorrowingAmount": "0",
                "hourlyBorrowRate": "0",
                "borrowUsageRate": "0",
                "collateralSwitch": True,
                "borrowAmount": "0",
                "borrowable": False,
                "currency": coin,
                "otherBorrowAmount": "0",
                "marginCollateral": True,
                "freeBorrowingLimit": "0",
                "collateralRatio": decimal(unscaled(share)),
            }
            for coin, share in sorted(haircuts.items())
            if share <= SCALE and wanted in ("", coin)
        ]
        return {"list": rows}

    def _coins(self) -> frozenset[str]:
        instruments = self._desk.exchange.instruments.values()
        return frozenset(name for one in instruments for name in (one.base, one.quote, one.settle))


def _stays(code: str, text: str) -> VenueError:
    """The margin mode is not changed, for a reason."""
    return VenueError(3400045, MESSAGES[3400045], result={"reasons": [{"reasonCode": code, "reasonMsg": text}]})
