"""What the daemon says of itself: the answer of `trimtab status`, and what the terminal view draws."""

from decimal import Decimal

import msgspec


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


class StreamStatus(msgspec.Struct, frozen=True):
    """One websocket; `age_ns` since its last frame, None before the first."""

    name: str
    up: bool
    age_ns: int | None
    connects: int


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


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums since this start, in quote currency. `funding` > 0 was received."""

    orders: int
    fills: int
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    """Paid against the mid at decision, in quote currency; > 0 is a cost."""


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
