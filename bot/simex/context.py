"""What the parts of one exchange share: the time, the instruments, the ledger, the outbox and the id counters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count

from bot.simex.account import Account
from bot.simex.events import AccountReason, AccountUpdated, BalanceLine, Event
from bot.simex.ledger import Ledger
from bot.simex.model import Income, IncomeType, Market, Position, Symbol, SymbolKey

EVENTS_UNREAD_MAX = 2_000_000


class Context:
    """Shared, mutable, owned by the Exchange; nothing outside it writes here."""

    def __init__(self, symbols: dict[SymbolKey, Symbol], start_ms: int, next_id: Callable[[], int]) -> None:
        self.now_ms = start_ms
        self.symbols = symbols
        self.ledger = Ledger()
        self.next_order_id = next_id
        self.next_trade_id = count(1_000_001).__next__
        self.next_transaction_id = count(1).__next__
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Queue an event. RuntimeError when nobody has read them for far too long."""
        if len(self._events) >= EVENTS_UNREAD_MAX:
            raise RuntimeError(f"{EVENTS_UNREAD_MAX} events are unread: call drain_events()")
        self._events.append(event)

    def drain(self) -> list[Event]:
        """All queued events, in order."""
        drained, self._events = self._events, []
        return drained

    def account_updated(
        self,
        account: Account,
        market: Market,
        reason: AccountReason,
        deltas: dict[str, Decimal],
        positions: tuple[Position, ...] = (),
    ) -> None:
        """Queue the balances of the named assets as they are now; `deltas` says by how much each was changed."""
        account.updated_ms = self.now_ms
        self.emit(
            AccountUpdated(
                event_ms=self.now_ms,
                transaction_ms=self.now_ms,
                account_id=account.account_id,
                market=market,
                reason=reason,
                balances=tuple(_balance(account, market, asset, deltas[asset]) for asset in sorted(deltas)),
                positions=positions,
            )
        )

    def book_income(
        self,
        account: Account,
        kind: IncomeType,
        asset: str,
        amount: Decimal,
        symbol: str = "",
        trade_id: int | None = None,
    ) -> None:
        """Change a futures wallet and write the line that explains it. A zero amount leaves no line."""
        if not amount:
            return
        account.wallets[asset] += amount
        account.income.append(
            Income(
                time_ms=self.now_ms,
                type=kind,
                asset=asset,
                amount=amount,
                symbol=symbol,
                transaction_id=self.next_transaction_id(),
                trade_id=trade_id,
            )
        )


def _balance(account: Account, market: Market, asset: str, delta: Decimal) -> BalanceLine:
    if market == "usdm":
        return BalanceLine(asset=asset, free=account.wallets[asset], locked=Decimal(0), delta=delta)
    holding = account.spot[asset]
    return BalanceLine(asset=asset, free=holding.free, locked=holding.locked, delta=delta)
