"""Everything a guard may look at, gathered once for one order."""

from decimal import Decimal

import msgspec

from bot.calc.margin import Holding
from bot.domain.account import MarginState
from bot.domain.instrument import Instrument
from bot.domain.market import Mark, Quote
from bot.domain.order import OrderRequest, Refused
from bot.domain.rules import Limits
from bot.domain.units import Contracts, Notional, Qty
from bot.engine.modes import Mode
from bot.engine.pegs import PegReading


class Sale(msgspec.Struct, frozen=True):
    """What bounds a sale, in coins: what is free to be sold, what the owner wants sold yet, and what is bought back."""

    free: Qty
    left: Qty
    paired: Qty


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The moment at which an order is judged. Contracts are signed; ages are nanoseconds, None when never seen."""

    request: OrderRequest
    instrument: Instrument
    limits: Limits
    mode: Mode
    quote: Quote | None
    mark: Mark | None
    book_age_ns: int | None
    mark_age_ns: int | None
    account_age_ns: int | None
    stream_up: bool
    """Whether the account's private stream stands, and a read was begun since it does."""
    clock_offset_ns: int | None
    position: Contracts
    settled: bool
    live: Contracts
    """Contracts (unsigned) of orders on this instrument that may still fill."""
    sent_last_minute: int
    rejects_in_row: int
    wallet: Notional | None
    holdings: tuple[Holding, ...] | None
    """Every position with its mark; None while the mark of one is missing."""
    alongside: tuple[OrderRequest, ...]
    """Orders that may fill as well: those in flight, and earlier legs of the same intent."""
    venue_margin: MarginState | None
    slippage_bps_max: Decimal
    intent_left: Contracts
    """Contracts of the parent leg that no order has taken yet."""
    peg: PegReading | None = None
    """What the quote currency is worth in dollars; None where nobody watches it."""
    sale: Sale | None = None
    """What bounds a sale of coins; None for futures."""

    @property
    def reducing(self) -> bool:
        """Whether the order makes |position| smaller and keeps its sign, enforced by the venue."""
        opposite = self.position * self.request.side.sign < 0
        return self.request.reduce_only and opposite and self.request.contracts <= abs(self.position)

    def refuse(self, guard: str, why: str) -> Refused:
        """A refusal by a guard, about this order's instrument."""
        return Refused(guard, self.request.instrument, why)
