"""Bybit's unified account as domain values, and what must agree before it is believed.

One wallet holds the coins and margins the futures. A coin's total is what the wallet says less what was borrowed to
sell it (`spotBorrow`); unrealised profit is in neither, as with other accounts. All account-wide figures are in USD and
are told in the settlement currency here, by the price that the venue itself gives that coin.

A list that is too short looks exactly like a flat account. So the maintenance margin of the account must be explained
by the positions that are listed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.account import Balance, MarginState, Position, Uncounted
from bot.domain.units import ONE, ZERO, Asset, InstrumentId
from bot.venues.translate.accounts import Disagreement
from bot.venues.translate.binance import Unreadable, finite
from bot.venues.translate.bybit import ONE_WAY, optional

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

UNIFIED_TYPE = "UNIFIED"
TOTALS_TOLERANCE = Decimal("0.05")
TOTALS_TOLERANCE_RELATIVE = Decimal("0.02")
"""By how much the account's margin may exceed that of its positions: figures of two reads, at two prices."""
RATE_MIN = Decimal("0.01")
"""Below this the stated margin rate has too few digits to divide by."""
PEG_MIN, PEG_MAX = Decimal("0.5"), Decimal(2)


class _CoinRow(msgspec.Struct, frozen=True, rename="camel"):
    coin: str
    wallet_balance: str
    equity: str = ""
    usd_value: str = ""
    locked: str = ""
    spot_borrow: str = ""
    total_position_mm: str = msgspec.field(name="totalPositionMM", default="")

    def balance(self) -> Balance:
        if not self.coin or not self.wallet_balance:
            raise Unreadable("a coin without its name or balance")
        return Balance(
            Asset(self.coin), optional(self.wallet_balance) - optional(self.spot_borrow), optional(self.locked)
        )


class UnifiedWallet(msgspec.Struct, frozen=True, rename="camel"):
    """The unified account, in an answer or on the private stream; account-wide figures are in USD."""

    coin: tuple[_CoinRow, ...]
    account_type: str = UNIFIED_TYPE
    account_mm_rate: str = msgspec.field(name="accountMMRate", default="")
    total_margin_balance: str = ""
    total_available_balance: str = ""
    total_initial_margin: str = ""
    total_maintenance_margin: str = ""

    def balances(self) -> tuple[Balance, ...]:
        """Every coin that is listed. One that is listed twice is refused."""
        found = {row.coin: row.balance() for row in self.coin}
        if len(found) != len(self.coin):
            raise Unreadable("a coin that is listed twice")
        return tuple(found[name] for name in sorted(found))

    def margined(self) -> tuple[Asset, ...]:
        """The coins that carry maintenance margin: those in which open positions settle."""
        return tuple(sorted(Asset(row.coin) for row in self.coin if optional(row.total_position_mm) > 0))

    def margin(self, settle: Asset) -> MarginState:
        """The account's margin in `settle`. Refused where the account does not margin everything together."""
        texts = (self.total_margin_balance, self.total_initial_margin, self.total_maintenance_margin)
        if not all(texts):
            raise Unreadable("no account-wide margin: isolated margin mode cannot be watched, switch to cross margin")
        balance, initial, maintenance = map(optional, texts)
        available = optional(self.total_available_balance)
        if min(initial, maintenance) < 0:
            raise Unreadable("a margin below zero")
        rate = self._usd_per(settle)
        counted = self._counted(balance, initial, maintenance, available)
        return MarginState(
            margin_balance=counted / rate,
            maintenance_margin=maintenance / rate,
            initial_margin=initial / rate,
            available=max(available, ZERO) / rate,
        )

    def _counted(self, balance: Decimal, initial: Decimal, maintenance: Decimal, available: Decimal) -> Decimal:
        """The margin balance after haircuts: what is available and what is bound, and what the stated rate implies."""
        counted = min(balance, available + initial) if available > 0 else balance
        rate = optional(self.account_mm_rate)
        return min(counted, maintenance / rate) if rate >= RATE_MIN else counted

    def _usd_per(self, settle: Asset) -> Decimal:
        for row in self.coin:
            equity, worth = optional(row.equity), optional(row.usd_value)
            if row.coin == settle and equity and PEG_MIN <= worth / equity <= PEG_MAX:
                return worth / equity
        return ONE


class _Wallets(msgspec.Struct, frozen=True):
    list: tuple[UnifiedWallet, ...]


def wallet(body: bytes) -> UnifiedWallet:
    """The unified account out of an answer. Anything but exactly one is refused."""
    found = msgspec.json.decode(body, type=_Wallets).list
    if len(found) != 1 or found[0].account_type != UNIFIED_TYPE:
        raise Unreadable("not the answer of one unified account")
    return found[0]


class PositionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One position, in an answer or on the private stream: they name the entry price differently."""

    symbol: str
    side: str
    size: Decimal
    position_idx: int = ONE_WAY
    avg_price: str = ""
    entry_price: str = ""
    position_status: str = "Normal"
    position_mm: str = msgspec.field(name="positionMM", default="")
    updated_time: str = ""
    category: str = ""
    is_reduce_only: bool = False
    leverage: str = ""

    def __post_init__(self) -> None:
        finite(self.size)
        if not self.symbol or self.size < 0 or self.side not in ("Buy", "Sell", "", "None"):
            raise Unreadable("a position without a symbol or with an impossible size or side")
        if self.size and (self.side not in ("Buy", "Sell") or self.entry <= 0):
            raise Unreadable(f"{self.symbol}: a position without a side or an entry price")

    @property
    def entry(self) -> Decimal:
        """The average entry price; 0 where flat."""
        return optional(self.avg_price or self.entry_price)

    @property
    def contracts(self) -> Decimal:
        """Signed contracts."""
        return -self.size if self.side == "Sell" else self.size

    @property
    def one_way(self) -> bool:
        """Whether it is the net position, not one side of hedge mode."""
        return self.position_idx == ONE_WAY

    def position(self, instrument: InstrumentId) -> Position:
        """The position as the engine knows it."""
        return Position(instrument, self.contracts, self.entry if self.size else ZERO)


class _Positions(msgspec.Struct, frozen=True, rename="camel"):
    list: tuple[PositionRow, ...]
    next_page_cursor: str | None = ""


class PositionPage(msgspec.Struct, frozen=True):
    """A page of positions, and where the next one begins (empty where this is the last)."""

    rows: tuple[PositionRow, ...]
    next: str


def position_page(body: bytes) -> PositionPage:
    """A page of positions, which may be none."""
    page = msgspec.json.decode(body, type=_Positions)
    return PositionPage(page.list, (page.next_page_cursor or "") if page.list else "")


class SymbolModes(msgspec.Struct, frozen=True):
    """How a symbol is held: net or by sides, and at which leverage (0 where the venue does not say)."""

    one_way: bool
    leverage: int


def symbol_modes(body: bytes, symbol: str) -> SymbolModes:
    """The modes of a symbol that was asked for by name. An answer without it is refused."""
    rows = [row for row in position_page(body).rows if row.symbol == symbol]
    if not rows:
        raise Unreadable(f"{symbol}: the account has no settings for it")
    return SymbolModes(all(row.one_way for row in rows), int(optional(rows[0].leverage)))


def positions(
    account: UnifiedWallet, rows: Iterable[PositionRow], tracked: Mapping[str, InstrumentId], settle: Asset
) -> tuple[Position, ...]:
    """The position of every tracked symbol, flat ones as zero. Raises Unreadable where account and list disagree."""
    held: dict[str, PositionRow] = {}
    for row in rows:
        if not row.size:
            continue
        if not row.one_way:
            raise Unreadable(f"{row.symbol}: a position of hedge mode")
        if row.symbol in held:
            raise Unreadable(f"{row.symbol}: a position that is listed twice")
        held[row.symbol] = row
    _check_totals(account, held.values(), settle)
    return tuple(
        held[symbol].position(name) if symbol in held else Position(name, ZERO)
        for symbol, name in sorted(tracked.items())
    )


def uncounted(rows: Iterable[PositionRow], tracked: Collection[str]) -> tuple[Uncounted, ...]:
    """Open positions of symbols that are not tracked."""
    return tuple(Uncounted(row.symbol, row.contracts) for row in rows if row.size and row.symbol not in tracked)


def _check_totals(account: UnifiedWallet, held: Iterable[PositionRow], settle: Asset) -> None:
    """Refuse an account whose settlement coin carries margin for positions that are not listed.

    Where the coin's share is not said (or the coin is not there) all of the account's margin has to be explained.
    """
    explained = sum((optional(row.position_mm) for row in held), ZERO)
    said = next((row.total_position_mm for row in account.coin if row.coin == settle), "")
    stated = optional(said or account.total_maintenance_margin)
    if stated > explained * (1 + TOTALS_TOLERANCE_RELATIVE) + TOTALS_TOLERANCE:
        raise Disagreement("the account holds maintenance margin for positions that it does not list")


class _AccountInfo(msgspec.Struct, frozen=True, rename="camel"):
    margin_mode: str
    unified_margin_status: int = 0


class AccountInfo(msgspec.Struct, frozen=True):
    """How the account margins, and whether it is a unified one at all."""

    margin_mode: str
    unified: bool

    @property
    def cross(self) -> bool:
        """Whether everything is margined together, position by position."""
        return self.margin_mode == "REGULAR_MARGIN"


UNIFIED_STATUSES = frozenset({3, 4, 5, 6})


def account_info(body: bytes) -> AccountInfo:
    """The account's modes."""
    found = msgspec.json.decode(body, type=_AccountInfo)
    return AccountInfo(found.margin_mode, found.unified_margin_status in UNIFIED_STATUSES)


class KeyScope(msgspec.Struct, frozen=True, rename="camel"):
    """What a key may do. `permissions` is required: a right that is not stated is not granted."""

    read_only: int
    permissions: dict[str, tuple[str, ...]]
    ips: tuple[str, ...] = ()
    user_id: int = msgspec.field(name="userID", default=0)
    expired_at: str = ""
    deadline_day: int | None = None

    def may(self, group: str, right: str) -> bool:
        """Whether a right is granted."""
        return right in self.permissions.get(group, ())

    @property
    def bound(self) -> bool:
        """Whether it works from named addresses alone."""
        return bool(self.ips) and "*" not in self.ips


def key_scope(body: bytes) -> KeyScope:
    """The rights of the key that asks."""
    return msgspec.json.decode(body, type=KeyScope)
