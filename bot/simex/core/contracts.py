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
from bot.simex.core.numbers import booked, charged, divided
from bot.simex.core.order import Order, Origin, PositionSide, Side, Trade
from bot.simex.core.pools import STALE
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


class FutureTill:
    """Money of one account's orders on one future: finds its positions and their pool without looking for them.

    In hedge mode an order that closes its position side counts as reduce-only, whatever its flag says.
    """

    __slots__ = (
        "_account",
        "_both",
        "_instrument",
        "_ledger",
        "_linear",
        "_marks",
        "_pools",
        "_positions",
        "_postings",
        "_state",
        "_wallet",
    )

    def __init__(self, postings: Postings, account: Account, instrument: Instrument) -> None:
        self._postings = postings
        self._state = postings.state
        self._ledger = postings.ledger
        self._marks: Marks = postings.marks
        self._pools = postings.pools
        self._account = account
        self._instrument = instrument
        self._linear = instrument.kind == "linear"
        self._wallet = postings.state.rules.wallets[instrument.category]
        self._positions: dict[PositionSide, Position] = {}
        # The position of one-way mode, if the contract is linear and there is one.
        self._both: Position | None = None

    def require(self, side: Side, position_side: PositionSide, quantity: int, price: int, reduce_only: bool) -> None:
        """Refused(IN_LIQUIDATION, INSUFFICIENT_MARGIN, BEYOND_LEVERAGE) unless an order that may open is covered."""
        if self._account.in_liquidation and self._wallet in self._account.in_liquidation:
            raise Refused(Reason.IN_LIQUIDATION)
        if reduce_only or (position_side != "both" and closes(side, position_side)):
            return
        position = self._positions.get(position_side) or self._position(position_side)
        pool = position.pool
        if pool is None or pool.stamp != self._marks.version:
            pool = self._pools.of(self._account, position)
        extra = quantity * price if self._linear else self._instrument.notional(quantity, price)
        exposure = position.exposure
        if side > 0:
            after, other = exposure + position.bid_worth + extra, position.ask_worth - exposure
        else:
            after, other = position.ask_worth - exposure + extra, exposure + position.bid_worth
        # What does not reach further than the other way may needs no more margin than that already has.
        if after > other and (cost := margin.tied(position, after) - position.required) > 0:
            mark = position.mark
            if mark and (price > mark if side > 0 else price < mark):
                cost += _opening_loss(position, side * quantity, price, mark)
            if cost > self._pools.available(pool):
                raise Refused(Reason.INSUFFICIENT_MARGIN)
        if after > position.cap and after > abs(exposure):
            raise Refused(Reason.BEYOND_LEVERAGE)

    def hold(self, order: Order, quantity: int) -> None:
        """Count so much of an order into its position's orders (below zero: out of them)."""
        side = order.position_side
        position = self._positions.get(side) or self._position(side)
        if order.reduce_only or (side != "both" and closes(order.side, side)):
            position.reducing += quantity
            return
        pool = position.pool or self._pools.of(self._account, position)
        worth = quantity * order.price if self._linear else -self._instrument.worth(quantity, order.price)
        # What follows is margin.tied, put here because every order comes here twice.
        exposure = position.exposure
        if order.side > 0:
            position.bids = left = position.bids + quantity
            position.bid_worth = worth = position.bid_worth + worth if left else 0
            size, other = worth + exposure, position.ask_worth - exposure
        else:
            position.asks = left = position.asks + quantity
            position.ask_worth = worth = position.ask_worth + worth if left else 0
            size, other = worth - exposure, position.bid_worth + exposure
        if other > size:  # noqa: PLR1730 - max() takes twice as long
            size = other
        if position.isolated:
            size -= abs(exposure)
        required = -(-size // position.leverage)
        pool.required += required - position.required
        position.required = required

    def shift(self, side: Side, price: int, quantity: int, worth: int) -> bool:
        """As Till.shift, of linear contracts in one-way mode and cross margin, where coins stand for themselves."""
        position, account = self._both, self._account
        if position is None or account.in_liquidation or position.isolated:
            return False
        pool = position.pool
        if pool is None or pool.stamp != self._marks.version or pool.purse.dollars:
            return False
        exposure = position.exposure
        if side > 0:
            now = position.bid_worth + worth
            size, other = now + exposure, position.ask_worth - exposure
        else:
            now = position.ask_worth + worth
            size, other = now - exposure, position.bid_worth + exposure
        if price and size > position.cap:
            return False
        # Unless this way reaches further than the other, before or after, no more and no less is required than was.
        if (size if worth > 0 else size - worth) > other:
            reach = size if size > other else other  # noqa: FURB136 - max() takes twice as long
            required = -(-reach // position.leverage)
            extra = required - position.required
            if price and size > other:
                coin, mark = pool.coin, position.mark
                if extra > coin.balance - coin.locked + pool.unrealized - pool.required:
                    return False
                if mark and (price > mark if side > 0 else price < mark):
                    return False
            position.required = required
            pool.required += extra
        if side > 0:
            position.bids += quantity
            position.bid_worth = now
        else:
            position.asks += quantity
            position.ask_worth = now
        return True

    def announce(self, order: Order) -> None:
        """Nothing: an order that rests changes no balance of a futures wallet."""

    def reducible(self, side: Side, position_side: PositionSide) -> int:
        """The position less what reduce-only orders already rest for."""
        position = self._account.positions.get((self._instrument.key, position_side))
        if position is None or position.quantity * side >= 0:
            return 0
        return max(abs(position.quantity) - position.reducing, 0)

    def fill(self, order: Order, price: int, quantity: int, is_maker: bool, house: bool, trade_id: int) -> Trade:
        """Book one fill into position, wallet and ledger."""
        account, instrument, side = self._account, self._instrument, order.position_side
        position = self._positions.get(side) or self._position(side)
        pool = position.pool
        if pool is None or pool.stamp != self._marks.version:
            pool = self._pools.of(account, position)
        signed = order.side * quantity
        worth = signed * price if self._linear else instrument.worth(signed, price)
        held, origin = position.quantity, order.origin
        if held == 0:
            position.opened_ms = self._state.now_ms
            position.fees = position.funding = position.realized_since_flat = 0
        change = positions.fill(position, signed, worth)
        notional = worth if worth > 0 else -worth
        fee = 0
        if origin == "user":
            own = account.fees.get(instrument.category) if account.fees else None
            maker, taker = own or (instrument.maker_fee, instrument.taker_fee)
            fee = charged(notional, maker if is_maker else taker)
        if change.closed or position.isolated:
            _settle(position, pool, change, abs(held), fee)
        else:
            pool.coin.balance -= fee
        position.fees += fee
        self._ledger.filled(instrument, signed if house else 0, worth if house else 0, fee, change.residue)
        required, unrealized = position.required, position.unrealized
        margin.revalue(position, position.mark)
        pool.required += position.required - required
        if not position.isolated:
            pool.unrealized += position.unrealized - unrealized
        pool.purse.stamp = STALE
        # By position: sixteen arguments by name take five times as long, and every fill comes here.
        trade = Trade(
            trade_id,
            order.order_id,
            order.client_id,
            order.account_id,
            instrument,
            order.side,
            side,
            price,
            quantity,
            notional,
            fee,
            instrument.settle,
            is_maker,
            change.realized,
            origin,
            self._state.now_ms,
        )
        account.trades.append(trade)
        self._postings.filled(account, pool, position, trade, _KINDS.get(origin, "realized"), _REASONS[origin])
        return trade

    def _position(self, side: PositionSide) -> Position:
        """The position of a side; the account has a row for it from then on."""
        found = self._positions[side] = self._account.position(self._instrument, side)
        if side == "both" and self._linear:
            self._both = found
        return found


def _opening_loss(position: Position, quantity: int, price: int, mark: int) -> int:
    """What the opening part of a signed quantity loses against the mark when it is filled at a worse price."""
    instrument = position.instrument
    loss = instrument.worth(quantity, price) - instrument.worth(quantity, mark)
    if position.quantity == 0 or (position.quantity > 0) == (quantity > 0):
        return loss
    size = abs(quantity)
    return divided(loss * max(size - abs(position.quantity), 0), size)


def _settle(position: Position, pool: Pool, change: Change, held: int, fee: int) -> None:
    """Book profit, take the fee, and move isolated margin between wallet and position."""
    received = change.realized
    if position.isolated:
        received -= _isolated(position, pool, change, held, fee)
    pool.coin.balance += received - fee
    position.realized += change.realized
    if change.closed and change.opened:
        position.fees = position.funding = position.realized_since_flat = 0
    else:
        position.realized_since_flat += change.realized


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
        kept += min(needed, max(pool.coin.free + received - fee, 0))
    position.isolated_margin = kept
    return kept - before
