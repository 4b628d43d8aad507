"""One account's state: spot balances, futures wallets, positions and settings. Changes only; rules live elsewhere."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from decimal import Decimal

from bot.simex.model import MONEY_STEP, ZERO, Income, MarginType, Symbol, Trade

HISTORY_ROWS_MAX = 100_000
DEFAULT_LEVERAGE = 20
FEE_RATE_MAX = Decimal("0.01")


def money(amount: Decimal) -> Decimal:
    """An amount as it is booked: to eight decimals, half to even."""
    return amount.quantize(MONEY_STEP)


@dataclass(slots=True)
class Holding:
    """Spot coins of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    def move(self, amount: Decimal) -> None:
        """Add to what is free (negative: take). ValueError when it would go below zero."""
        if self.free + amount < 0:
            raise ValueError(f"free {self.free} cannot change by {amount}")
        self.free += amount

    def lock(self, amount: Decimal) -> None:
        """Move from free to locked (negative: back). ValueError when either would go below zero."""
        if self.free - amount < 0 or self.locked + amount < 0:
            raise ValueError(f"cannot lock {amount} of free {self.free}, locked {self.locked}")
        self.free -= amount
        self.locked += amount


@dataclass(slots=True)
class PositionState:
    """A one-way position: signed coins and `cost`, the signed sum of quantity * price still held.

    The entry price is cost / quantity. Cost is kept instead of the price, because the price need not be a finite
    decimal: so realized and unrealized PnL add up exactly. `carried` is fees paid less PnL realized since the
    position was last flat.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    carried: Decimal = ZERO
    leverage: int = DEFAULT_LEVERAGE
    margin_type: MarginType = "CROSSED"
    updated_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        """The average price of what is held; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def break_even_price(self) -> Decimal:
        """The price at which closing everything would just pay for the fees so far."""
        return (self.cost + self.carried) / self.quantity if self.quantity else ZERO

    def fill(self, signed: Decimal, price: Decimal, fee: Decimal, now_ms: int) -> Decimal:
        """Apply a fill of signed coins; answers the PnL it realized, before the fee."""
        realized, opened = ZERO, signed
        if self.quantity * signed < 0:
            closed = signed if abs(signed) <= abs(self.quantity) else -self.quantity
            realized, opened = self._close(closed, price), signed - closed
        # What was realized by closing wholly belongs to the position that is gone.
        self.carried = self.carried + fee - realized if self.quantity else fee
        self.quantity += opened
        self.cost += opened * price
        self.realized += realized
        self.updated_ms = now_ms
        return realized

    def _close(self, signed: Decimal, price: Decimal) -> Decimal:
        whole = signed == -self.quantity
        released = self.cost if whole else money(self.cost * -signed / self.quantity)
        self.quantity += signed
        self.cost -= released
        return -signed * price - released


@dataclass(slots=True)
class Account:
    """Everything the exchange knows about one account.

    `maker_fee` and `taker_fee` are futures rates of its own (its tier), as ratios; None leaves it to the symbol.
    """

    account_id: str
    spot: defaultdict[str, Holding] = field(default_factory=lambda: defaultdict(Holding))
    wallets: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    positions: defaultdict[str, PositionState] = field(default_factory=lambda: defaultdict(PositionState))
    dual_side: bool = False
    multi_assets: bool = False
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    updated_ms: int = 0
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=HISTORY_ROWS_MAX))
    income: deque[Income] = field(default_factory=lambda: deque(maxlen=HISTORY_ROWS_MAX))

    def set_fees(self, maker: Decimal | None, taker: Decimal | None) -> None:
        """Give the account futures rates of its own, as ratios; None for the symbol's. ValueError beyond the bound."""
        if any(rate is not None and abs(rate) > FEE_RATE_MAX for rate in (maker, taker)):
            raise ValueError(f"fee rates {maker}, {taker}: allowed is -{FEE_RATE_MAX} to {FEE_RATE_MAX}")
        self.maker_fee, self.taker_fee = maker, taker

    def fee_rate(self, symbol: Symbol, *, is_maker: bool) -> Decimal:
        """What this account pays on a fill, as a ratio."""
        own = self.maker_fee if is_maker else self.taker_fee
        if own is not None and symbol.market == "usdm":
            return own
        return symbol.maker_fee if is_maker else symbol.taker_fee
