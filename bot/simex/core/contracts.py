"""Futures trades: what an order requires, what open orders count for, what a fill does to position and wallet.

An order is charged for what it adds to the required margin, the worse of all buys filled and all sells filled, and for
the loss against the mark that its opening part would start with. An isolated position is given notional / leverage of
each opening fill out of the wallet, gives it back in proportion when it is reduced, and bears its losses first.
"""

from __future__ import annotations

from bot.simex.core import margin, positions
from bot.simex.core.account import Account, IncomeKind, Pool, Position
from bot.simex.core.events import AccountReason
from bot.simex.core.instrument import Instrument
from bot.simex.core.marks import Marks
from bot.simex.core.numbers import SCALE, booked, divided
from bot.simex.core.order import Order, Origin, PositionSide, Side, Trade
from bot.simex.core.positions import Change
from bot.simex.core.postings import Postings
from bot.simex.core.refusal import Reason, Refused

# How a fill's profit is filed, and why the account changed, by who made the order; the exchange's own pay no fee.
_KINDS: dict[Origin, IncomeKind] = {"settlement": "delivery"}
_REASONS: dict[Origin, AccountReason] = {
    "user": "order",
    "liquidation": "liquidation",
    "takeover": "liquidation",
    "adl": "adl",
    "settlement": "settlement",
}


def closes(side: Side, position_side: PositionSide) -> bool:
    """Whether an order of a hedge-mode account is for closing its position side."""
    return (position_side == "long" and side < 0) or (position_side == "short" and side > 0)


class Contracts:
    """Money of futures orders."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._state = postings.state
        self._rules = postings.state.rules
        self._ledger = postings.ledger
        self._marks: Marks = postings.marks
        self._pools = postings.pools

    def require(
        self,
        account: Account,
        instrument: Instrument,
        side: Side,
        position_side: PositionSide,
        quantity: int,
        price: int,
    ) -> None:
        """Refused(INSUFFICIENT_MARGIN, BEYOND_LEVERAGE) unless an order that may open is covered."""
        position = account.positions.get((instrument.key, position_side)) or account.position(instrument, position_side)
        pool = position.pool
        if pool is None or pool.stamp != self._marks.version:
            pool = self._pools.of(account, position)
        extra = quantity * price if instrument.kind == "linear" else instrument.notional(quantity, price)
        bids, asks, exposure = position.bid_worth, position.ask_worth, position.exposure
        if side > 0:
            bids += extra
            after = exposure + bids
        else:
            asks += extra
            after = asks - exposure
        cost = margin.required(position, bids, asks) - position.required
        if cost > 0:
            mark = self._marks.prices.get(instrument.key, 0)
            if mark and (price > mark if side > 0 else price < mark):
                cost += _opening_loss(position, side * quantity, price, mark)
            if cost > self._pools.available(pool):
                raise Refused(Reason.INSUFFICIENT_MARGIN)
        if after > position.cap and after > abs(exposure):
            raise Refused(Reason.BEYOND_LEVERAGE)

    def count(self, order: Order, quantity: int) -> None:
        """Count so much of an order into its position's orders (below zero: out of them)."""
        account, instrument, side = self._state.accounts[order.account_id], order.instrument, order.position_side
        position = account.positions.get((instrument.key, side)) or account.position(instrument, side)
        if order.reduce_only or (side != "both" and closes(order.side, side)):
            position.reducing += quantity
            return
        linear = instrument.kind == "linear"
        worth = quantity * order.price if linear else -instrument.worth(quantity, order.price)
        if order.side > 0:
            position.bids = left = position.bids + quantity
            position.bid_worth = position.bid_worth + worth if left else 0
        else:
            position.asks = left = position.asks + quantity
            position.ask_worth = position.ask_worth + worth if left else 0
        pool = position.pool or self._pools.of(account, position)
        required = margin.required(position, position.bid_worth, position.ask_worth)
        pool.required += required - position.required
        position.required = required

    def fill(self, order: Order, price: int, quantity: int, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Book one fill into position, wallet and ledger."""
        account, instrument, side = self._state.accounts[order.account_id], order.instrument, order.position_side
        position = account.positions.get((instrument.key, side)) or account.position(instrument, side)
        pool = position.pool
        if pool is None or pool.stamp != self._marks.version:
            pool = self._pools.of(account, position)
        signed = order.side * quantity
        worth = signed * price if instrument.kind == "linear" else instrument.worth(signed, price)
        if position.quantity == 0:
            position.opened_ms = self._state.now_ms
            position.fees = position.funding = position.realized_since_flat = 0
        held = abs(position.quantity)
        change = positions.fill(position, signed, worth)
        notional = abs(worth)
        fee = _fee(account, order, notional, is_maker) if order.origin == "user" else 0
        _settle(position, pool, change, held, fee)
        self._ledger.filled(instrument, signed if house else 0, worth if house else 0, fee, change.residue)
        self._pools.filled(pool, position)
        trade = self._trade(order, price, quantity, notional, fee, is_maker, change.realized, trade_id)
        account.trades.append(trade)
        kind = _KINDS.get(order.origin, "realized")
        self._postings.filled(account, pool, position, trade, kind, _REASONS[order.origin])
        return trade

    def _trade(
        self,
        order: Order,
        price: int,
        quantity: int,
        notional: int,
        fee: int,
        is_maker: bool,
        realized: int,
        trade_id: int,
    ) -> Trade:
        # By position: sixteen arguments by name take five times as long, and every fill comes here.
        return Trade(
            trade_id,
            order.order_id,
            order.client_id,
            order.account_id,
            order.instrument,
            order.side,
            order.position_side,
            price,
            quantity,
            notional,
            fee,
            order.instrument.settle,
            is_maker,
            realized,
            order.origin,
            self._state.now_ms,
        )


def _opening_loss(position: Position, quantity: int, price: int, mark: int) -> int:
    """What the opening part of a signed quantity loses against the mark when it is filled at a worse price."""
    instrument = position.instrument
    loss = instrument.worth(quantity, price) - instrument.worth(quantity, mark)
    if position.quantity == 0 or (position.quantity > 0) == (quantity > 0):
        return loss
    size = abs(quantity)
    return divided(loss * max(size - abs(position.quantity), 0), size)


def _fee(account: Account, order: Order, notional: int, is_maker: bool) -> int:
    instrument = order.instrument
    own = account.fees.get(instrument.category) if account.fees else None
    maker, taker = own or (instrument.maker_fee, instrument.taker_fee)
    return booked(divided(notional * (maker if is_maker else taker), SCALE))


def _settle(position: Position, pool: Pool, change: Change, held: int, fee: int) -> None:
    """Book profit and fee, and move isolated margin between wallet and position."""
    received = change.realized
    if position.isolated:
        received -= _isolated(position, pool, change, held, fee)
    pool.coin.balance += received - fee
    position.realized += change.realized
    if change.closed and change.opened:
        position.fees = position.funding = position.realized_since_flat = 0
    else:
        position.realized_since_flat += change.realized
    position.fees += fee


def _isolated(position: Position, pool: Pool, change: Change, held: int, fee: int) -> int:
    """Move an isolated position's margin with a fill; answers what the wallet gives for it (below zero: gets)."""
    before, received = position.isolated_margin, change.realized
    given_back = before if change.closed == held else booked(divided(before * change.closed, held))
    kept = before - given_back
    received += given_back
    if received < 0:
        borne = min(kept, -received)
        kept -= borne
        received += borne
    if change.opened:
        needed = booked(divided(abs(change.opened), position.leverage))
        kept += min(needed, max(pool.coin.balance + received - fee, 0))
    position.isolated_margin = kept
    return kept - before
