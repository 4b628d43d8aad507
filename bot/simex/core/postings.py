"""The books of a wallet: lines of its history, and what is told when balances or positions changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bot.simex.core.account import Account, Income, IncomeKind, Pool, Position, WalletName
from bot.simex.core.events import AccountChanged, AccountReason, Coins, PositionRow
from bot.simex.core.instrument import Instrument
from bot.simex.core.ledger import Ledger
from bot.simex.core.marks import Marks
from bot.simex.core.order import Trade
from bot.simex.core.pools import Pools
from bot.simex.core.state import State


class About(msgspec.Struct, frozen=True, gc=False):
    """What a line of history is about: instrument, fill, funding rate, signed position, price; words for people."""

    instrument: Instrument | None = None
    trade: Trade | None = None
    rate: int = 0
    position: int = 0
    price: int = 0
    note: str = ""


NOTHING = About()


class Postings:
    """Writes histories and events. Money in the asset named."""

    def __init__(self, state: State, ledger: Ledger, marks: Marks, pools: Pools) -> None:
        self.state = state
        self.ledger = ledger
        self.marks = marks
        self.pools = pools

    def cash(self, account: Account, wallet: WalletName, asset: str) -> int:
        """All of an asset in a wallet, isolated margins included."""
        return account.wallets[wallet][asset].balance + self.isolated(account, wallet, asset)

    def isolated(self, account: Account, wallet: WalletName, asset: str) -> int:
        """The part of an asset that is tied to isolated positions."""
        purse = account.purses.get(wallet)
        pool = purse.pools.get(asset) if purse is not None else None
        tied = 0
        if pool is not None:
            for position in pool.positions:
                tied += position.isolated_margin
        return tied

    def move(self, account: Account, wallet: WalletName, asset: str, amount: int) -> None:
        """Change a balance; the other side of the posting is the caller's."""
        account.wallets[wallet][asset].balance += amount
        self.pools.touch(account, wallet, asset)

    def give_margin(self, account: Account, position: Position, amount: int) -> None:
        """Move money of the wallet into an isolated position's margin (below zero: back), and tell; 0 is nothing."""
        if amount:
            pool = self.pools.of(account, position)
            position.isolated_margin += amount
            self.move(account, pool.purse.wallet, pool.asset, -amount)
            self.tell(account, pool.purse.wallet, "margin_transfer", {pool.asset: 0}, (position,))

    def income(
        self,
        account: Account,
        kind: IncomeKind,
        wallet: WalletName,
        asset: str,
        amount: int,
        about: About = NOTHING,
    ) -> None:
        """Write a line of history for an amount that was booked already."""
        account.income.append(
            Income(
                income_id=self.state.next_income_id(),
                time_ms=self.state.now_ms,
                kind=kind,
                wallet=wallet,
                asset=asset,
                amount=amount,
                balance=self.cash(account, wallet, asset),
                instrument=about.instrument,
                trade=about.trade,
                rate=about.rate,
                position=about.position,
                price=about.price,
                note=about.note,
            )
        )

    def filled(
        self,
        account: Account,
        pool: Pool,
        position: Position,
        trade: Trade,
        kind: IncomeKind,
        reason: AccountReason,
    ) -> None:
        """Write and tell all that a futures fill did: `income` of its profit and its fee, then `tell`, in one go."""
        state, coin, asset, wallet = self.state, pool.coin, pool.asset, pool.purse.wallet
        now_ms, isolated = state.now_ms, 0
        for one in pool.positions:
            isolated += one.isolated_margin
        balance, held, price = coin.balance + isolated, position.quantity, trade.price
        instrument, write = trade.instrument, account.income.append
        if trade.realized:
            number, profit = state.next_income_id(), trade.realized
            write(Income(number, now_ms, kind, wallet, asset, profit, balance, instrument, trade, 0, held, price))
        if trade.fee:
            number, fee = state.next_income_id(), -trade.fee
            write(Income(number, now_ms, "commission", wallet, asset, fee, balance, instrument, trade, 0, held, price))
        position.updated_ms = account.updated_ms = now_ms
        coins = (Coins(asset, balance, coin.locked, 0, isolated),)
        # As `_row`, in place.
        row = PositionRow(
            instrument,
            position.side,
            held,
            position.cost,
            position.realized,
            position.mark,
            position.isolated,
            position.isolated_margin,
            position.leverage,
        )
        state.emit(AccountChanged(now_ms, account.account_id, wallet, reason, coins, (row,)))

    def tell(
        self,
        account: Account,
        wallet: WalletName,
        reason: AccountReason,
        assets: Mapping[str, int],
        positions: Iterable[Position] = (),
    ) -> None:
        """Emit what assets of a wallet and positions are now; `assets` gives what each moved other than by trading."""
        account.updated_ms = self.state.now_ms
        coins = tuple([self._coins(account, wallet, asset, delta) for asset, delta in assets.items()])
        rows = tuple([self.row(position) for position in positions])
        self.state.emit(AccountChanged(self.state.now_ms, account.account_id, wallet, reason, coins, rows))

    def row(self, position: Position) -> PositionRow:
        """A position as events show it."""
        return _row(position, self.marks.prices.get(position.instrument.key, 0))

    def _coins(self, account: Account, wallet: WalletName, asset: str, delta: int) -> Coins:
        coin = account.wallets[wallet][asset]
        isolated = self.isolated(account, wallet, asset)
        return Coins(asset, coin.balance + isolated, coin.locked, delta, isolated)


def _row(position: Position, mark: int) -> PositionRow:
    return PositionRow(
        position.instrument,
        position.side,
        position.quantity,
        position.cost,
        position.realized,
        mark,
        position.isolated,
        position.isolated_margin,
        position.leverage,
    )
