"""What an account may set: leverage, margin type or mode, hedge mode, asset mode. A refused call changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bot.simex.core import margin
from bot.simex.core.account import Account, Position
from bot.simex.core.events import SettingChanged
from bot.simex.core.instrument import Category, Instrument
from bot.simex.core.numbers import booked, divided
from bot.simex.core.order import PositionSide
from bot.simex.core.pools import LINEAR, STALE
from bot.simex.core.postings import Postings
from bot.simex.core.refusal import Reason, Refused

_Setting = Literal["leverage", "margin_type", "margin_mode", "hedge_mode", "multi_assets"]
_SIDES: tuple[PositionSide, ...] = ("both", "long", "short")


class Settings:
    """Settings of accounts. Each change is told as SettingChanged."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._state = postings.state
        self._pools = postings.pools

    def leverage(
        self, account: Account, instrument: Instrument, leverage: int, side: PositionSide | None = None
    ) -> int:
        """Set the leverage of an instrument, or of one position side; answers the largest notional, as money.

        Refused as `leverages` is.
        """
        self.leverages(account, instrument, {one: leverage for one in _SIDES if side in (None, one)})
        return margin.cap(instrument.tiers, leverage)

    def leverages(self, account: Account, instrument: Instrument, wanted: Mapping[PositionSide, int]) -> None:
        """Set the leverage of position sides, all of them or none.

        Refused: LEVERAGE_RANGE, LEVERAGE_UNCHANGED (nothing would change), BEYOND_LEVERAGE (the position is larger),
        INSUFFICIENT_MARGIN (a lower one needs more than is available, or a higher one leaves an isolated position too
        little), ISOLATED_ONLY (an isolated position's leverage may only rise).
        """
        most = max((tier.leverage_max for tier in instrument.tiers), default=0)
        if not all(1 <= leverage <= most for leverage in wanted.values()):
            raise Refused(Reason.LEVERAGE_RANGE)
        held = [(account.position(instrument, side), leverage) for side, leverage in wanted.items()]
        if all(position.leverage == leverage for position, leverage in held):
            raise Refused(Reason.LEVERAGE_UNCHANGED)
        moves = self._state.rules.isolated_leverage_moves_margin
        for position, leverage in held:
            self._pools.of(account, position)
            if abs(position.exposure) > margin.cap(instrument.tiers, leverage):
                raise Refused(Reason.BEYOND_LEVERAGE)
            if position.isolated and position.quantity and leverage < position.leverage and not moves:
                raise Refused(Reason.ISOLATED_ONLY, "an isolated position's leverage may only rise")
        given = [_given(position, leverage) if moves else 0 for position, leverage in held]
        self._set_leverages(account, held, sum(given))
        for (position, _), amount in zip(held, given, strict=True):
            self._postings.give_margin(account, position, amount)
        for leverage in dict.fromkeys(wanted.values()):
            self._tell(account, "leverage", instrument, leverage)

    def margin_type(self, account: Account, instrument: Instrument, *, isolated: bool) -> None:
        """Cross or isolated, of one instrument; a unified account has one margin mode for all.

        Refused: MARGIN_TYPE_UNCHANGED, ISOLATED_FORBIDDEN, HAS_OPEN_ORDERS, HAS_POSITION.
        """
        held = [account.position(instrument, side) for side in _SIDES]
        if all(position.isolated == isolated for position in held):
            raise Refused(Reason.MARGIN_TYPE_UNCHANGED)
        wallet = self._state.rules.wallets[instrument.category]
        is_whole = self._state.rules.regimes[wallet] == "unified"
        if is_whole or (isolated and self._pools.in_dollars(account, wallet)):
            raise Refused(Reason.ISOLATED_FORBIDDEN)
        if any(order.instrument is instrument for order in account.orders.values()):
            raise Refused(Reason.HAS_OPEN_ORDERS)
        if any(position.quantity for position in held):
            raise Refused(Reason.HAS_POSITION)
        for position in held:
            self._pools.of(account, position)
            position.isolated = isolated
            _stale(position)
        self._tell(account, "margin_type", instrument, "isolated" if isolated else "cross")

    def margin_mode(self, account: Account, *, isolated: bool) -> None:
        """Every future of a unified account in cross or in isolated margin.

        Refused: MODE_UNCHANGED, HAS_OPEN_ORDERS (of futures), HAS_POSITION, INSUFFICIENT_BALANCE (a coin is owed).
        """
        if account.isolated == isolated:
            raise Refused(Reason.MODE_UNCHANGED)
        if any(order.instrument.is_future for order in account.orders.values()):
            raise Refused(Reason.HAS_OPEN_ORDERS)
        if any(position.quantity for position in account.positions.values()):
            raise Refused(Reason.HAS_POSITION)
        if any(coin.balance < 0 for coins in account.wallets.values() for coin in coins.values()):
            raise Refused(Reason.INSUFFICIENT_BALANCE)
        account.isolated = isolated
        account.updated_ms = self._state.now_ms
        for position in account.positions.values():
            position.isolated = isolated
            _stale(position)
        self._pools.regrouped(account)
        self._tell(account, "margin_mode", None, "isolated" if isolated else "cross")

    def hedge_mode(self, account: Account, category: Category, *, hedge: bool) -> None:
        """One-way or hedge mode of a category. Refused: MODE_UNCHANGED, HAS_OPEN_ORDERS, HAS_POSITION."""
        if account.hedge_mode.get(category, False) == hedge:
            raise Refused(Reason.MODE_UNCHANGED)
        if any(order.instrument.category == category for order in account.orders.values()):
            raise Refused(Reason.HAS_OPEN_ORDERS)
        if any(held.quantity for held in account.positions.values() if held.instrument.category == category):
            raise Refused(Reason.HAS_POSITION)
        account.hedge_mode[category] = hedge
        self._tell(account, "hedge_mode", None, hedge)

    def multi_assets(self, account: Account, *, multi: bool) -> None:
        """Linear futures margined in one asset each or in all.

        Refused: MODE_UNCHANGED, HAS_OPEN_ORDERS, ISOLATED_FORBIDDEN (a linear future is isolated), INSUFFICIENT_MARGIN
        (positions would not be covered).
        """
        if account.multi_assets == multi:
            raise Refused(Reason.MODE_UNCHANGED)
        if any(order.instrument.category in LINEAR for order in account.orders.values()):
            raise Refused(Reason.HAS_OPEN_ORDERS)
        linear = [held for held in account.positions.values() if held.instrument.category in LINEAR]
        if multi and any(held.isolated for held in linear):
            raise Refused(Reason.ISOLATED_FORBIDDEN)
        self._set_multi_assets(account, multi)
        pools = [self._pools.of(account, held) for held in linear]
        if any(pool.required and self._pools.available(pool) < 0 for pool in pools):
            self._set_multi_assets(account, not multi)
            raise Refused(Reason.INSUFFICIENT_MARGIN)
        self._tell(account, "multi_assets", None, multi)

    def _set_leverages(self, account: Account, held: list[tuple[Position, int]], given: int) -> None:
        """Set them; take them back when they need more than there is beside the margin given to isolated positions."""
        before = [position.leverage for position, _ in held]
        for position, leverage in held:
            self._pools.set_leverage(position, leverage)
        lower = any(leverage < old for (_, leverage), old in zip(held, before, strict=True))
        if lower and self._pools.available(self._pools.of(account, held[0][0])) < given:
            for (position, _), old in zip(held, before, strict=True):
                self._pools.set_leverage(position, old)
            raise Refused(Reason.INSUFFICIENT_MARGIN)

    def _set_multi_assets(self, account: Account, multi: bool) -> None:
        account.multi_assets = multi
        self._pools.regrouped(account)

    def _tell(self, account: Account, name: _Setting, instrument: Instrument | None, value: int | str | bool) -> None:
        self._state.emit(SettingChanged(self._state.now_ms, account.account_id, name, instrument, value))


def _given(position: Position, leverage: int) -> int:
    """What an isolated position is given out of the wallet for a new leverage (below zero: what it gives back).

    Refused(INSUFFICIENT_MARGIN) when what it would have left does not cover its maintenance.
    """
    if not position.isolated or not position.quantity:
        return 0
    cost = abs(position.cost)
    given = booked(divided(cost, leverage)) - booked(divided(cost, position.leverage))
    left = position.isolated_margin + given
    if given < 0 and (left < 0 or left + position.unrealized <= position.maintenance):
        raise Refused(Reason.INSUFFICIENT_MARGIN)
    return given


def _stale(position: Position) -> None:
    if position.pool is not None:
        position.pool.stamp = STALE
