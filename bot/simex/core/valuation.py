"""What an account is worth at the marks of this moment, as frozen views for dialects. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from bot.simex.core.account import Account, Pool, Position, WalletName
from bot.simex.core.accounting import Accounting
from bot.simex.core.adl import Ranking
from bot.simex.core.instrument import Category, Instrument, tier_of
from bot.simex.core.numbers import SCALE, amount, divided, unscaled
from bot.simex.core.order import PositionSide
from bot.simex.core.positions import break_even_price, entry_price
from bot.simex.core.solvency import PRICE_MAX, liquidation_price
from bot.simex.core.units import Unit, bankruptcy_of, equity_of, maintenance_of, units
from bot.simex.core.views import AssetView, PositionView, TotalsView


class Valuation:
    """Values accounts."""

    def __init__(self, accounting: Accounting, ranking: Ranking) -> None:
        self._accounting = accounting
        self._rules = accounting.state.rules
        self._pools = accounting.pools
        self._marks = accounting.marks
        self._ranking = ranking

    def position(self, account: Account, instrument: Instrument, side: PositionSide = "both") -> PositionView:
        """One position row, flat or not."""
        held = account.position(instrument, side)
        self._pools.of(account, held)
        liquidated, bankrupt = self._prices(account, held)
        own = 0 if held.isolated else held.initial
        return PositionView(
            instrument=instrument,
            side=side,
            quantity=unscaled(held.quantity),
            entry_price=unscaled(entry_price(instrument, held.quantity, held.cost)),
            break_even_price=unscaled(break_even_price(held)),
            mark_price=unscaled(self._marks.mark(instrument.key)),
            notional=amount(held.exposure),
            unrealized=amount(held.unrealized),
            liquidation_price=unscaled(liquidated),
            bankruptcy_price=unscaled(bankrupt),
            leverage=held.leverage,
            isolated=held.isolated,
            isolated_wallet=amount(held.isolated_margin),
            initial_margin=amount(held.initial),
            order_margin=amount(held.required - own),
            maintenance_margin=amount(held.maintenance),
            maintenance_rate=unscaled(tier_of(instrument.tiers, abs(held.exposure)).rate),
            max_notional=amount(held.cap),
            bid_notional=amount(held.bid_worth),
            ask_notional=amount(held.ask_worth),
            realized=amount(held.realized),
            realized_since_flat=amount(held.realized_since_flat),
            fees=amount(held.fees),
            funding=amount(held.funding),
            adl_rank=self._ranking.rank(account, held),
            opened_ms=held.opened_ms,
            updated_ms=held.updated_ms,
        )

    def positions(self, account: Account, category: Category, *, flat: bool = False) -> list[PositionView]:
        """The rows of a category in the account's position mode; with `flat` those of every listed future."""
        hedge = account.hedge_mode.get(category, False)
        sides: tuple[PositionSide, ...] = ("long", "short") if hedge else ("both",)
        found = []
        for instrument in self._accounting.state.instruments.values():
            if instrument.category != category or not instrument.is_future:
                continue
            for side in sides:
                held = account.positions.get((instrument.key, side))
                if flat or (held is not None and held.quantity):
                    found.append(self.position(account, instrument, side))
        return found

    def asset(self, account: Account, wallet: WalletName, asset: str) -> AssetView:
        """One asset of a wallet; all zero when there is nothing of it."""
        coin = account.wallets[wallet][asset]
        cash = self._rules.regimes.get(wallet, "cash") == "cash"
        pool = None if cash else self._pools.pool(account, wallet, asset)
        held = pool.positions if pool else []
        isolated = sum(position.isolated_margin for position in held)
        unrealized = sum(position.unrealized for position in held)
        initial = sum(position.initial for position in held)
        required = pool.required if pool else 0
        available = self._pools.available(pool) if pool else coin.free
        return AssetView(
            asset=asset,
            balance=amount(coin.balance + isolated),
            cross_balance=amount(coin.balance),
            locked=amount(coin.locked),
            unrealized=amount(unrealized),
            cross_unrealized=amount(pool.unrealized if pool else 0),
            margin_balance=amount(coin.balance + isolated + unrealized),
            maintenance=amount(sum(position.maintenance for position in held)),
            position_margin=amount(initial),
            order_margin=amount(required - (pool.initial if pool else 0)),
            available=amount(max(available, 0)),
            withdrawable=amount(self._accounting.funds.free(account, wallet, asset)),
            dollars=unscaled(self._marks.dollars(asset)),
            haircut=unscaled(self._pools.dollars.haircut(asset)),
            realized=amount(sum(position.realized for position in held)),
        )

    def assets(self, account: Account, wallet: WalletName, names: Iterable[str] = ()) -> list[AssetView]:
        """Every asset the wallet ever held, and those named, by name."""
        return [self.asset(account, wallet, name) for name in sorted({*account.wallets[wallet], *names})]

    def totals(self, account: Account, wallet: WalletName) -> TotalsView:
        """A futures wallet in dollars, however it is margined."""
        purse = self._pools.purse(account, wallet)
        for asset in list(account.wallets[wallet]):
            self._pools.pool(account, wallet, asset)
        margin, loss = self._pools.dollars.collateral(purse), self._pools.dollars.haircut_loss(purse)
        required, maintenance = self._pools.dollars.required(purse), self._pools.dollars.maintenance(purse)
        pools = list(purse.pools.values())
        balance = unrealized = 0
        for pool in pools:
            held = pool.positions
            balance += self._dollars(pool, pool.coin.balance + sum(one.isolated_margin for one in held))
            unrealized += self._dollars(pool, sum(one.unrealized for one in held))
        return TotalsView(
            equity=amount(balance + unrealized),
            balance=amount(balance),
            margin_balance=amount(margin),
            available=amount(max(margin - required - loss, 0)),
            unrealized=amount(unrealized),
            initial_margin=amount(required),
            position_margin=amount(sum(self._dollars(pool, pool.initial) for pool in pools)),
            maintenance_margin=amount(maintenance),
            haircut_loss=amount(loss),
            initial_rate=_rate(required, margin - loss),
            maintenance_rate=_rate(maintenance, margin - loss),
        )

    def _dollars(self, pool: Pool, money: int) -> int:
        return divided(money * self._marks.dollars(pool.asset), SCALE)

    def _prices(self, account: Account, position: Position) -> tuple[int, int]:
        """Liquidation and bankruptcy price; 0 for what does not exist."""
        mark = self._marks.prices.get(position.instrument.key, 0)
        unit = next((one for one in units(self._pools, account) if position in one.positions), None)
        if unit is None or not mark:
            return 0, 0
        legs = [one for one in unit.positions if one.instrument is position.instrument]
        equity, maintenance = self._settled(unit, position)
        others = equity - sum(leg.unrealized for leg in legs)
        root = liquidation_price(legs, others - maintenance + sum(leg.maintenance for leg in legs), mark)
        bankrupt = bankruptcy_of(self._pools, self._marks, unit, position)
        return _whole(root), bankrupt if bankrupt < PRICE_MAX else 0

    def _settled(self, unit: Unit, position: Position) -> tuple[int, int]:
        """Margin balance and maintenance margin of a unit, in the settle asset of one of its positions."""
        equity, maintenance = equity_of(self._pools, unit), maintenance_of(self._pools, unit)
        if unit.pool is not None:
            return equity, maintenance
        price = self._marks.dollars(position.instrument.settle)
        return divided(equity * SCALE, price), divided(maintenance * SCALE, price)


def _whole(price: Fraction | None) -> int:
    return 0 if price is None or price >= PRICE_MAX else divided(price.numerator, price.denominator)


def _rate(margin: int, balance: int) -> Decimal | None:
    if balance > 0:
        return unscaled(divided(margin * SCALE, balance))
    return None if margin else Decimal(0)
