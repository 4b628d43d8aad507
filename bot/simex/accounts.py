"""The accounts' public face: opening them, looking at them, moving money, changing settings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.simex import margin
from bot.simex.account import Account
from bot.simex.context import Context
from bot.simex.events import LeverageChanged, MultiAssetsChanged
from bot.simex.model import (
    ZERO,
    FuturesAccount,
    Income,
    MarginType,
    Market,
    Reject,
    SpotBalance,
    Symbol,
    Trade,
)
from bot.simex.orders import Orders
from bot.simex.valuation import Valuation


class Accounts:
    """Accounts by id. Every call on an unknown account raises KeyError; amounts in coins, exact."""

    def __init__(self, context: Context, orders: Orders, valuation: Valuation) -> None:
        self._context = context
        self._orders = orders
        self._valuation = valuation
        self.states: dict[str, Account] = {}

    def create(self, account_id: str, spot: Mapping[str, Decimal], usdm: Mapping[str, Decimal]) -> None:
        """Open an account with starting balances. ValueError when the id is taken or an amount is negative."""
        if account_id in self.states:
            raise ValueError(f"account {account_id!r} exists")
        if min((*spot.values(), *usdm.values()), default=ZERO) < 0:
            raise ValueError("a starting balance is negative")
        account = self.states[account_id] = Account(account_id, updated_ms=self._context.now_ms)
        for asset, amount in spot.items():
            account.spot[asset].move(amount)
            self._context.ledger.external[asset] += amount
        for asset, amount in usdm.items():
            account.wallets[asset] += amount
            self._context.ledger.external[asset] += amount

    def spot(self, account_id: str) -> list[SpotBalance]:
        """Spot balances, by asset name, those of zero included once the asset was held."""
        held = self.states[account_id].spot
        return [SpotBalance(asset=name, free=held[name].free, locked=held[name].locked) for name in sorted(held)]

    def futures(self, account_id: str) -> FuturesAccount:
        """Futures wallets and positions at the current mark prices."""
        return self._valuation.futures(self.states[account_id])

    def trades(self, account_id: str, market: Market, symbol: str) -> list[Trade]:
        """The account's fills of one symbol, oldest first."""
        return [t for t in self.states[account_id].trades if (t.market, t.symbol) == (market, symbol)]

    def income(self, account_id: str) -> list[Income]:
        """The futures wallet's history, oldest first."""
        return list(self.states[account_id].income)

    def deposit(self, account_id: str, wallet: Market, asset: str, amount: Decimal) -> None:
        """Credit coins from outside. ValueError unless the amount is positive."""
        account = self._positive(account_id, amount)
        self._context.ledger.external[asset] += amount
        self._move(account, wallet, asset, amount)
        self._context.account_updated(account, wallet, "DEPOSIT", {asset: amount})

    def withdraw(self, account_id: str, wallet: Market, asset: str, amount: Decimal) -> None:
        """Take coins out. Reject(-2010 spot, -2019 usdm) when more than what is free."""
        account = self._positive(account_id, amount)
        self._require(account, wallet, asset, amount)
        self._context.ledger.external[asset] -= amount
        self._move(account, wallet, asset, -amount)
        self._context.account_updated(account, wallet, "WITHDRAW", {asset: -amount})

    def transfer(self, account_id: str, source: Market, asset: str, amount: Decimal) -> int:
        """Move coins from one wallet to the other; answers the transaction id. Refused as `withdraw` is."""
        account = self._positive(account_id, amount)
        target: Market = "usdm" if source == "spot" else "spot"
        self._require(account, source, asset, amount)
        self._move(account, source, asset, -amount)
        self._move(account, target, asset, amount)
        self._context.account_updated(account, source, "TRANSFER", {asset: -amount})
        self._context.account_updated(account, target, "TRANSFER", {asset: amount})
        return self._context.next_transaction_id()

    def set_leverage(self, account_id: str, symbol: str, leverage: int) -> Decimal:
        """Set a symbol's leverage; answers the notional cap at it. Reject(-1121 / -4028 / -2027 / -2028)."""
        account, found = self.states[account_id], self._perpetual(symbol)
        if not 1 <= leverage <= found.max_leverage:
            raise Reject(-4028, f"Leverage {leverage} is not valid")
        cap, held = margin.max_notional(found.brackets, leverage), account.positions[symbol]
        if abs(self._valuation.notional(account, found)) > cap:
            raise Reject(-2027, "Exceeded the maximum allowable position at current leverage.")
        previous, held.leverage = held.leverage, leverage
        if leverage < previous and self._valuation.available(account, found.settle) < 0:
            held.leverage = previous
            raise Reject(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
        now = self._context.now_ms
        self._context.emit(
            LeverageChanged(event_ms=now, transaction_ms=now, account_id=account_id, symbol=symbol, leverage=leverage)
        )
        return cap

    def set_margin_type(self, account_id: str, symbol: str, margin_type: MarginType) -> None:
        """Reject(-4046) when nothing changes, -4047 with open orders, -4048 with a position."""
        account, found = self.states[account_id], self._perpetual(symbol)
        held = account.positions[symbol]
        if held.margin_type == margin_type:
            raise Reject(-4046, "No need to change margin type.")
        if self._orders.open_on(account_id, found.key):
            raise Reject(-4047, "Margin type cannot be changed if there exists open orders.")
        if held.quantity:
            raise Reject(-4048, "Margin type cannot be changed if there exists position.")
        held.margin_type = margin_type

    def set_dual_side(self, account_id: str, dual_side: bool) -> None:
        """Reject(-4059) when nothing changes, -4067 with open orders, -4068 with a position."""
        account = self.states[account_id]
        if account.dual_side == dual_side:
            raise Reject(-4059, "No need to change position side.")
        if self._orders.open(account_id, "usdm"):
            raise Reject(-4067, "Position side cannot be changed if there exists open orders.")
        if any(held.quantity for held in account.positions.values()):
            raise Reject(-4068, "Position side cannot be changed if there exists position.")
        account.dual_side = dual_side

    def set_multi_assets(self, account_id: str, multi_assets: bool) -> None:
        """Set the flag (margin stays per asset). Reject(-4171) when nothing changes."""
        account = self.states[account_id]
        if account.multi_assets == multi_assets:
            raise Reject(-4171, "No need to change multi-assets mode.")
        account.multi_assets = multi_assets
        now = self._context.now_ms
        self._context.emit(
            MultiAssetsChanged(event_ms=now, transaction_ms=now, account_id=account_id, multi_assets=multi_assets)
        )

    def _positive(self, account_id: str, amount: Decimal) -> Account:
        if amount <= 0:
            raise ValueError(f"amount {amount}: allowed is more than zero")
        return self.states[account_id]

    def _require(self, account: Account, wallet: Market, asset: str, amount: Decimal) -> None:
        if wallet == "spot" and account.spot[asset].free < amount:
            raise Reject(-2010, "Account has insufficient balance for requested action.")
        if wallet == "usdm" and min(self._valuation.available(account, asset), account.wallets[asset]) < amount:
            raise Reject(-2019, "Margin is insufficient.")

    def _move(self, account: Account, wallet: Market, asset: str, amount: Decimal) -> None:
        if wallet == "spot":
            account.spot[asset].move(amount)
        else:
            self._context.book_income(account, "TRANSFER", asset, amount)

    def _perpetual(self, name: str) -> Symbol:
        found = self._context.symbols.get(("usdm", name))
        if found is None:
            raise Reject(-1121, "Invalid symbol.")
        return found
