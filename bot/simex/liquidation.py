"""Liquidation of cross-margined accounts, in its plainest form.

When the margin balance of a margin asset is at or below its maintenance margin, the account's futures orders are
cancelled, its positions are closed into the book at whatever it offers (client ids "autoclose-..."), and the insurance
fund pays what the wallet then lacks. Partial liquidation, takeover at the bankruptcy price and ADL have their place
here.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.simex.account import Account
from bot.simex.context import Context
from bot.simex.desk import LIQUIDATION_PREFIX, OrderDesk
from bot.simex.model import SymbolKey
from bot.simex.valuation import Valuation


class Liquidator:
    """Closes accounts that no longer cover their maintenance margin."""

    def __init__(
        self, context: Context, accounts: Mapping[str, Account], desk: OrderDesk, valuation: Valuation
    ) -> None:
        self._context = context
        self._accounts = accounts
        self._desk = desk
        self._valuation = valuation

    def run(self) -> list[SymbolKey]:
        """Liquidate who must be; answers the symbols whose books were touched."""
        touched: list[SymbolKey] = []
        for account in self._accounts.values():
            assets = {s.settle for s in self._context.symbols.values() if s.market == "usdm"}
            for asset in sorted(assets):
                if self._is_due(account, asset):
                    touched += self._liquidate(account, asset)
        return touched

    def _is_due(self, account: Account, asset: str) -> bool:
        if not any(held.quantity for held in account.positions.values()):
            return False
        totals = self._valuation.totals(account, asset)
        return totals.maintenance > 0 and account.wallets[asset] + totals.unrealized <= totals.maintenance

    def _liquidate(self, account: Account, asset: str) -> list[SymbolKey]:
        touched = self._desk.expire_futures(account)
        symbols = [s for s in self._context.symbols.values() if s.market == "usdm" and s.settle == asset]
        for symbol in symbols:
            if account.positions[symbol.name].quantity:
                self._desk.force_close(account, symbol, f"{LIQUIDATION_PREFIX}{self._context.now_ms}-{symbol.base}")
                touched.append(symbol.key)
        flat = not any(account.positions[s.name].quantity for s in symbols)
        if flat and account.wallets[asset] < 0:
            paid = self._desk.settlement.clear_debt(account, asset)
            self._context.account_updated(account, "usdm", "INSURANCE_CLEAR", {asset: paid})
        return touched
