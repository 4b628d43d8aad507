"""The money side of one exchange, put together."""

from __future__ import annotations

from bot.simex.core.funds import Funds
from bot.simex.core.ledger import Ledger
from bot.simex.core.marks import Marks, Mids
from bot.simex.core.pools import Pools
from bot.simex.core.postings import Postings
from bot.simex.core.rates import Rates
from bot.simex.core.state import State


class Accounting:
    """Everything about money that needs no order desk. `mids` answers a book's mid price, of 1e-8, or None."""

    def __init__(self, state: State, mids: Mids) -> None:
        self.state = state
        self.ledger = Ledger()
        self.rates = Rates(state)
        self.marks = Marks(state, mids, self.rates)
        self.pools = Pools(state.rules, self.marks)
        self.postings = Postings(state, self.ledger, self.marks, self.pools)
        self.funds = Funds(self.postings)

    def fund_insurance(self, asset: str, amount: int) -> None:
        """Put money of outside into the insurance fund (below zero: take it out again)."""
        self.ledger.external[asset] += amount
        self.ledger.insurance[asset] += amount

    def check(self) -> None:
        """Raise AssertionError unless positions per contract add up to zero and all money is where it was put."""
        self.ledger.check(self.state.accounts.values())
