"""What the daemon says of itself: the answer of `trimtab status`, and what the terminal view draws."""

from decimal import Decimal

import msgspec

from bot.domain.units import ZERO
from bot.runtime.health import Health, Reason


class AssetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One asset against its target. Coins, except `price` and `deviation_value` (quote currency)."""

    asset: str
    group: str
    price: Decimal | None
    holding: Decimal | None
    futures: Decimal | None
    working: Decimal | None
    exposure: Decimal | None
    target: Decimal | None
    deviation: Decimal | None
    deviation_value: Decimal | None
    trigger: Decimal | None
    breached: bool | None
    held_because: str | None
    """Why no hedge is sent although one may be needed; None when nothing stands in the way."""
    outside_ns: int
    """Nanoseconds outside the band since the start, sampled at every tick."""
    largest_deviation: Decimal | None
    largest_deviation_value: Decimal | None
    why: str
    basis_bps: Decimal | None = None
    """The hedge's mid above the mid that the asset is valued at; None while one of them is unknown."""


class PositionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One futures position. `settled` is false while the venue has not confirmed what our fills say."""

    instrument: str
    contracts: Decimal
    entry_price: Decimal
    mark: Decimal | None
    unrealized: Decimal | None
    funding_rate: Decimal | None
    next_funding_ns: int | None
    settled: bool


class SleeveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What of a position is one target's, in signed contracts and settlement currency.

    `realized` is before fees and funding; `basis` is what of the profit, open and closed, came of the future moving
    against its spot. `fees` > 0 were paid, by the asset that paid them; `funding` > 0 was received.
    """

    target: str
    instrument: str
    contracts: Decimal
    entry_price: Decimal
    realized: Decimal
    unrealized: Decimal | None
    basis: Decimal | None
    fees: dict[str, Decimal]
    funding: Decimal


class StreamStatus(msgspec.Struct, frozen=True):
    """One websocket; `age_ns` since its last frame, None before the first."""

    name: str
    up: bool
    age_ns: int | None
    connects: int


class AccountStatus(msgspec.Struct, frozen=True):
    """One account; `age_ns` since the last good read of it, `clock_offset_ns` > 0: the venue's clock is ahead."""

    name: str
    age_ns: int | None
    clock_offset_ns: int | None


class BudgetStatus(msgspec.Struct, frozen=True):
    """A host's rate budget: the used share of its tightest limit."""

    host: str
    used_ratio: float


class JournalStatus(msgspec.Struct, frozen=True):
    """The journal on the disk; `lag_ns` is the age of the oldest record that is not there yet."""

    path: str
    sequence: int
    head: str
    lag_ns: int = 0
    size_bytes: int = 0


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon knows of itself beside the engine."""

    health: Health
    streams: tuple[StreamStatus, ...]
    budgets: tuple[BudgetStatus, ...]
    journal: JournalStatus


class LatchStatus(msgspec.Struct, frozen=True):
    """A mode that was set and stays until it is lifted."""

    scope: str
    mode: str
    reason: str
    by: str
    since_ns: int


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One order, newest last."""

    client_id: str
    instrument: str
    side: str
    contracts: Decimal
    limit_price: Decimal
    filled: Decimal
    average_price: Decimal | None
    status: str
    reduce_only: bool
    slippage_bps: Decimal | None
    fee: Decimal
    sent_ns: int


class PegStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the quote currency is worth in dollars. `price` and `off_bps` (>= 0) are None while it is not known."""

    asset: str
    price: Decimal | None
    off_bps: Decimal | None
    level: str
    """steady, warned or stopped: stopped lets no order add risk."""
    told: str
    """The same in words, and why its price is not known."""
    back_ns: int | None = None
    """Since when it has been back near its peg, while that is waited for."""

    @property
    def holds(self) -> bool:
        """Whether no order that adds risk is sent because of it."""
        return self.price is None or self.level == "stopped"


class ConversionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One conversion of coins to money, in coins, since its config entry began: `bought` is the hedge bought back."""

    target: str
    asset: str
    amount: Decimal
    sold: Decimal
    bought: Decimal
    state: str
    """selling, held (it waits, and tries again), stopped (until it is armed), done, or planned (it is not carried
    out)."""
    why: str
    """Why it is held, stopped or planned only; empty otherwise."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums since this start, in quote currency. `funding` > 0 was received."""

    orders: int
    fills: int
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    """Paid against the mid at decision, in quote currency; > 0 is a cost."""
    funding_paid: Decimal = ZERO
    """What of `funding` was paid, as a positive sum."""
    funding_received: Decimal = ZERO
    ended: dict[str, int] = {}
    """Orders that have ended, by their last status."""
    live: dict[str, int] = {}
    """Orders that may still fill, by status."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole picture at `now_ns`."""

    portfolio: str
    run_mode: str
    mode: str
    ready: bool
    now_ns: int
    started_ns: int
    assets: tuple[AssetStatus, ...]
    positions: tuple[PositionStatus, ...]
    margin_ratio: Decimal | None
    latches: tuple[LatchStatus, ...]
    streams: tuple[StreamStatus, ...]
    orders: tuple[OrderStatus, ...]
    """The last hundred."""
    notices: tuple[str, ...]
    """The last fifty, oldest first."""
    totals: Totals
    journal_path: str
    journal_sequence: int
    journal_head: str
    margin_stress: Decimal | None = None
    """How far prices must move together until the positions are liquidated, as a fraction; None while unknown."""
    reasons: tuple[Reason, ...] = ()
    """Why it is not ready."""
    accounts: tuple[AccountStatus, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()
    journal_lag_ns: int = 0
    journal_bytes: int = 0
    sleeves: tuple[SleeveStatus, ...] = ()
    """Every position by the target that it is booked to; over an instrument they add up to its position."""
    ended: dict[str, str] = {}
    """Targets that have ended by themselves, and why."""
    peg: PegStatus | None = None
    """The peg of the quote currency; None where nobody watches it."""
    conversions: tuple[ConversionStatus, ...] = ()
    """Every target that makes a synthetic sale real, and how far it has come."""
    uncounted: tuple[str, ...] = ()
    """Positions in the accounts that the config does not name, a line each: no exposure has them."""
