"""What an account may set: leverage, margin type, hedge mode, asset mode. A refused call has changed nothing."""

from __future__ import annotations

from typing import Literal

from bot.simex.core import margin
from bot.simex.core.account import Account, Position
from bot.simex.core.events import SettingChanged
from bot.simex.core.instrument import Category, Instrument
from bot.simex.core.order import PositionSide
from bot.simex.core.pools import LINEAR, STALE, Pools
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.state import State

_Setting = Literal["leverage", "margin_type", "hedge_mode", "multi_assets"]
_SIDES: tuple[PositionSide, ...] = ("both", "long", "short")


class Settings:
    """Settings of accounts. Each change is told as SettingChanged."""

    def __init__(self, state: State, pools: Pools) -> None:
        self._state = state
        self._pools = pools

    def leverage(
        self, account: Account, instrument: Instrument, leverage: int, side: PositionSide | None = None
    ) -> int:
        """Set the leverage of an instrument, or of one position side; answers the largest notional, as money.

        Refused: LEVERAGE_RANGE, LEVERAGE_UNCHANGED (nothing would change), BEYOND_LEVERAGE (the position is larger),
        INSUFFICIENT_MARGIN (a lower one needs more than is available), ISOLATED_ONLY (an isolated position's leverage
        may only rise).
        """
        if not 1 <= leverage <= max((tier.leverage_max for tier in instrument.tiers), default=0):
            raise Refused(Reason.LEVERAGE_RANGE)
        held = [account.position(instrument, one) for one in _SIDES if side in (None, one)]
        if all(position.leverage == leverage for position in held):
            raise Refused(Reason.LEVERAGE_UNCHANGED)
        cap = margin.cap(instrument.tiers, leverage)
        for position in held:
            self._pools.of(account, position)
            if abs(position.exposure) > cap:
                raise Refused(Reason.BEYOND_LEVERAGE)
            if position.isolated and position.quantity and leverage < position.leverage:
                raise Refused(Reason.ISOLATED_ONLY, "an isolated position's leverage may only rise")
        self._set_leverage(account, held, leverage)
        self._tell(account, "leverage", instrument, leverage)
        return cap

    def margin_type(self, account: Account, instrument: Instrument, *, isolated: bool) -> None:
        """Cross or isolated. Refused: MARGIN_TYPE_UNCHANGED, ISOLATED_FORBIDDEN, HAS_OPEN_ORDERS, HAS_POSITION."""
        held = [account.position(instrument, side) for side in _SIDES]
        if all(position.isolated == isolated for position in held):
            raise Refused(Reason.MARGIN_TYPE_UNCHANGED)
        wallet = self._state.rules.wallets[instrument.category]
        if isolated and self._pools.in_dollars(account, wallet):
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

    def _set_leverage(self, account: Account, held: list[Position], leverage: int) -> None:
        before = [position.leverage for position in held]
        for position in held:
            self._pools.set_leverage(position, leverage)
        if leverage < max(before) and self._pools.available(self._pools.of(account, held[0])) < 0:
            for position, old in zip(held, before, strict=True):
                self._pools.set_leverage(position, old)
            raise Refused(Reason.INSUFFICIENT_MARGIN)

    def _set_multi_assets(self, account: Account, multi: bool) -> None:
        account.multi_assets = multi
        self._pools.regrouped(account)

    def _tell(self, account: Account, name: _Setting, instrument: Instrument | None, value: int | str | bool) -> None:
        self._state.emit(SettingChanged(self._state.now_ms, account.account_id, name, instrument, value))


def _stale(position: Position) -> None:
    if position.pool is not None:
        position.pool.stamp = STALE
