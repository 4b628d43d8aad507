"""Binance's account answers as domain values, and what must agree before they are believed.

A list that is too short looks exactly like a flat account, and a hedger that believes it sells its whole hedge again.
So a position counts as gone only if everything that speaks of it agrees: the account's own position list, the separate
position endpoint, and the margin totals of the account's assets, which cannot be smaller than what the positions need.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.account import Balance, MarginState, Position, Uncounted
from bot.domain.units import ZERO, Asset, InstrumentId
from bot.venues.translate.binance import ONE_WAY, Unreadable, finite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

TOTALS_TOLERANCE = Decimal("0.01")
"""Quote currency by which a total may exceed the sum of its rows: each row is rounded to eight decimals."""
TOTALS_TOLERANCE_RELATIVE = Decimal("0.001")


class Disagreement(Unreadable):
    """Two answers about the same account that do not fit together: one of them is old, or something is missing."""


class _SpotBalance(msgspec.Struct, frozen=True):
    asset: str
    free: Decimal
    locked: Decimal

    def __post_init__(self) -> None:
        finite(self.free, self.locked)
        if not self.asset or self.free < 0 or self.locked < 0:
            raise Unreadable("a balance without a name or below zero")


class _SpotAccount(msgspec.Struct, frozen=True, rename="camel"):
    balances: list[_SpotBalance]
    uid: int = 0


class SpotWallet(msgspec.Struct, frozen=True):
    """The spot wallet: every asset that the venue listed, held or not."""

    totals: dict[Asset, Decimal]
    uid: int
    locked: dict[Asset, Decimal] = {}
    """What orders hold of the totals, where they hold any."""

    def balances(self, tracked: Collection[Asset], named: Collection[Asset] = ()) -> tuple[Balance, ...]:
        """What is held, the tracked assets where the venue lists them at zero, and the named ones in any case.

        The venue lists what it trades at zero too; of a coin in another form that is gone it need not say anything.
        """
        wanted = {asset for asset, total in self.totals.items() if total} | (set(tracked) & self.totals.keys())
        wanted |= set(named) - set(tracked)
        totals, locked = self.totals, self.locked
        return tuple(Balance(asset, totals.get(asset, ZERO), locked.get(asset, ZERO)) for asset in sorted(wanted))


def spot_wallet(body: bytes) -> SpotWallet:
    """The answer of the spot account. An empty list of balances is refused: the venue lists every asset it knows."""
    found = msgspec.json.decode(body, type=_SpotAccount)
    if not found.balances:
        raise Unreadable("an account without a single balance")
    totals = {Asset(row.asset): row.free + row.locked for row in found.balances}
    if len(totals) != len(found.balances):
        raise Unreadable("an asset that is listed twice")
    return SpotWallet(totals, found.uid, {Asset(row.asset): row.locked for row in found.balances if row.locked})


class _UsdmAsset(msgspec.Struct, frozen=True, rename="camel"):
    asset: str
    wallet_balance: Decimal
    margin_balance: Decimal
    maint_margin: Decimal
    initial_margin: Decimal
    position_initial_margin: Decimal
    available_balance: Decimal

    def __post_init__(self) -> None:
        finite(self.wallet_balance, self.margin_balance, self.maint_margin, self.initial_margin)
        finite(self.position_initial_margin, self.available_balance)
        if not self.asset or min(self.maint_margin, self.initial_margin, self.position_initial_margin) < 0:
            raise Unreadable("an asset without a name or with a margin below zero")


class _AccountPosition(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    position_side: str
    position_amt: Decimal
    maint_margin: Decimal
    initial_margin: Decimal

    def __post_init__(self) -> None:
        finite(self.position_amt, self.maint_margin, self.initial_margin)


class UsdmAccount(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of the USD-M account, as it is."""

    total_wallet_balance: Decimal
    total_margin_balance: Decimal
    total_maint_margin: Decimal
    total_position_initial_margin: Decimal
    assets: list[_UsdmAsset]
    positions: list[_AccountPosition]

    def __post_init__(self) -> None:
        finite(self.total_wallet_balance, self.total_margin_balance)
        finite(self.total_maint_margin, self.total_position_initial_margin)


class PositionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One row of the position endpoint."""

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    update_time: int = 0

    def __post_init__(self) -> None:
        finite(self.position_amt, self.entry_price)
        if not self.symbol or self.entry_price < 0:
            raise Unreadable("a position without a symbol or with an impossible price")
        if self.position_amt and self.entry_price == 0:
            raise Unreadable(f"{self.symbol}: a position without an entry price")


def usdm_account(body: bytes) -> UsdmAccount:
    """The USD-M account. One without assets is refused."""
    found = msgspec.json.decode(body, type=UsdmAccount)
    if not found.assets:
        raise Unreadable("an account without a single asset")
    return found


def position_rows(body: bytes) -> list[PositionRow]:
    """The position endpoint's rows, which may be none."""
    return msgspec.json.decode(body, type=list[PositionRow])


def usdm_balances(account: UsdmAccount, named: Collection[Asset] = ()) -> tuple[Balance, ...]:
    """The futures wallet, before unrealised profit, and coins that are to be named at zero too."""
    totals = dict.fromkeys(named, ZERO) | {Asset(row.asset): row.wallet_balance for row in account.assets}
    return tuple(Balance(asset, totals[asset]) for asset in sorted(totals))


def margin_state(account: UsdmAccount, settle: Asset) -> MarginState:
    """The margin figures of the wallet that hedges settle in. Refused when the account does not list it."""
    for row in account.assets:
        if row.asset == settle:
            return MarginState(
                margin_balance=row.margin_balance,
                maintenance_margin=row.maint_margin,
                initial_margin=row.initial_margin,
                available=row.available_balance,
            )
    raise Unreadable(f"no {settle} in the futures wallet: transfer some before hedging")


def positions(
    account: UsdmAccount, rows: list[PositionRow], tracked: Mapping[str, InstrumentId]
) -> tuple[Position, ...]:
    """The position of every tracked symbol, flat ones as zero. Raises Unreadable when two sources do not agree."""
    listed = _signed((row.symbol, row.position_side, row.position_amt) for row in account.positions)
    stated = _signed((row.symbol, row.position_side, row.position_amt) for row in rows)
    if listed != stated:
        differing = sorted(s for s in listed.keys() | stated.keys() if listed.get(s) != stated.get(s))
        raise Disagreement(f"two reads of the positions differ: {', '.join(differing[:5])}")
    _check_totals(account)
    entries = {row.symbol: row.entry_price for row in rows if row.position_amt}
    return tuple(
        Position(instrument, stated.get(symbol, ZERO), entries.get(symbol, ZERO))
        for symbol, instrument in sorted(tracked.items())
    )


def uncounted(rows: Iterable[PositionRow], tracked: Collection[str]) -> tuple[Uncounted, ...]:
    """Open positions of symbols that are not tracked: of another settlement, dated, or of another coin."""
    found = {row.symbol: row.position_amt for row in rows if row.position_amt and row.symbol not in tracked}
    return tuple(Uncounted(symbol, found[symbol]) for symbol in sorted(found))


def _signed(rows: Iterable[tuple[str, str, Decimal]]) -> dict[str, Decimal]:
    """Contracts by symbol, without the flat ones."""
    found: dict[str, Decimal] = {}
    for symbol, side, amount in rows:
        if not amount:
            continue
        if side != ONE_WAY:
            raise Unreadable(f"{symbol}: a position of hedge mode")
        if symbol in found:
            raise Unreadable(f"{symbol}: a position that is listed twice")
        found[symbol] = amount
    return found


def _check_totals(account: UsdmAccount) -> None:
    """Refuse an account whose assets hold margin for positions that it does not list.

    Assets and positions are summed over all settlement currencies alike, so the units cancel. Isolated positions may
    count in the rows alone, which is why only the other direction is a contradiction.
    """
    rows_maintenance = sum((abs(row.maint_margin) for row in account.positions), ZERO)
    rows_initial = sum((abs(row.initial_margin) for row in account.positions), ZERO)
    for what, total, explained in (
        ("maintenance", sum((row.maint_margin for row in account.assets), ZERO), rows_maintenance),
        ("maintenance", account.total_maint_margin, rows_maintenance),
        ("initial", sum((row.position_initial_margin for row in account.assets), ZERO), rows_initial),
        ("initial", account.total_position_initial_margin, rows_initial),
    ):
        if total > explained + TOTALS_TOLERANCE + total * TOTALS_TOLERANCE_RELATIVE:
            raise Unreadable(f"the account holds {what} margin for positions that it does not list")
