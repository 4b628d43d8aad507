"""What the operator of the exchange may change while it runs: accounts, prices, rates, filters, statuses."""

from __future__ import annotations

from collections.abc import Iterable

from bot.simex.core.account import Account
from bot.simex.core.accounting import Accounting
from bot.simex.core.clockwork import Clockwork
from bot.simex.core.desk import Desk
from bot.simex.core.events import StatusChanged
from bot.simex.core.flow import Flow, Levels, MarketSource
from bot.simex.core.instrument import MATCHES, Filters, FundingTerms, Key, Status
from bot.simex.core.state import State
from bot.simex.core.strangers import Strangers


class Controls:
    """The operator's part of the exchange; everything acts at the state's present time."""

    def __init__(
        self,
        state: State,
        market: MarketSource,
        accounting: Accounting,
        strangers: Strangers,
        clockwork: Clockwork,
        desk: Desk,
    ) -> None:
        self.state = state
        self.instruments = state.instruments
        self.market = market
        self.accounting = accounting
        self.funds = accounting.funds
        self.marks = accounting.marks
        self._strangers = strangers
        self._clockwork = clockwork
        self._desk = desk

    @property
    def now_ms(self) -> int:
        """Exchange time; it never goes back."""
        return self.state.now_ms

    def open_account(self, account_id: str, parent: str = "") -> Account:
        """A new account without money. ValueError when there is one of that name."""
        if account_id in self.state.accounts:
            raise ValueError(f"there is an account {account_id!r} already")
        account = self.state.accounts[account_id] = Account(account_id, parent)
        return account

    def shock(self, base: str, factor: float) -> None:
        """Multiply every price of an asset now and for good. ValueError: no such asset, or a factor not above zero."""
        if factor <= 0 or all(one.base != base for one in self.instruments.values()):
            raise ValueError(f"no asset {base!r}, or the factor {factor} is not above zero")
        for change in self.market.shock(base, factor, self.now_ms):
            self._strangers.apply(change)
        self._clockwork.settle()
        self.marks.follow(base, factor)
        self._desk.marked()

    def intervene(self, changes: Iterable[Flow]) -> None:
        """Let strangers do this now, besides what the source says of them."""
        for change in changes:
            self._strangers.apply(change)
        self._clockwork.settle()

    def background(self, key: Key) -> Levels:
        """What of a book is strangers'. Refused(UNKNOWN_SYMBOL)."""
        self.state.instrument(key)
        return self._strangers.background(key)

    def set_rate(self, key: Key, rate: int | None, next_ms: int | None = None) -> None:
        """Prescribe a perpetual's rate, of 1e-8 (None: let it float), and if given when it is charged next."""
        self._perpetual(key)
        later = None if next_ms is None else max(next_ms, self.now_ms + 1)
        self.accounting.rates.prescribe(key, rate, later)

    def set_funding_terms(self, key: Key, terms: FundingTerms) -> None:
        """Change a perpetual's interval, cap and floor."""
        self._perpetual(key)
        self.accounting.rates.set_terms(key, terms)
        self._tell(key)

    def set_status(self, key: Key, status: Status) -> None:
        """Halt, close, or reopen an instrument. Orders that came to cross in a halt trade when it is over."""
        self.state.instrument(key).status = status
        self._tell(key)
        if status in MATCHES:
            self._strangers.reopened(key)
            self._clockwork.settle()

    def set_filters(self, key: Key, filters: Filters) -> None:
        """Change what orders must keep from now on; those that rest stay."""
        self.state.instrument(key).filters = filters
        self._tell(key)

    def _perpetual(self, key: Key) -> None:
        if self.state.instrument(key).funding is None:
            raise ValueError(f"{key[1]} has no funding")

    def _tell(self, key: Key) -> None:
        instrument = self.state.instrument(key)
        self.state.emit(StatusChanged(self.now_ms, instrument, instrument.status))
