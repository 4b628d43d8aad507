"""The liquidation ladder: what happens to positions whose margin no longer covers their maintenance.

A unit is what stands or falls together: an isolated position, the cross positions of a pool, or a whole wallet that is
margined in dollars. Every time the marks have moved, each unit is judged by maintenance / margin balance:

    margin call   told once, until the ratio has fallen below it again
    cancel        the unit's open orders end
    liquidate     one rung a time, on the position with the largest maintenance margin: it is closed, or brought down
                  to the tier below, by an immediate-or-cancel order that takes nothing worse than the bankruptcy price;
                  what the book does not take goes, at the bankruptcy price, to the insurance fund as far as that can
                  bear the loss against the mark, then to the accounts opposite by rank (ADL), last to the house

The bankruptcy price of one of several positions leaves nothing of its share, by maintenance margin, of the balance.
While a wallet is on the ladder it takes no new orders. What is still owed in the end is paid for it (see debts.py).
"""

from __future__ import annotations

from bot.simex.core.account import Account, Position, Purse
from bot.simex.core.accounting import Accounting
from bot.simex.core.adl import Adl
from bot.simex.core.debts import Debts
from bot.simex.core.events import ForceOrder, MarginCalled
from bot.simex.core.forcing import Desk, closing
from bot.simex.core.numbers import SCALE, booked, divided
from bot.simex.core.order import Order
from bot.simex.core.units import Unit, bankruptcy_of, calm, equity_of, maintenance_of, reached, units, weight_of


class Liquidation:
    """Judges every unit when the marks have moved."""

    def __init__(self, accounting: Accounting, desk: Desk, adl: Adl) -> None:
        self._accounting = accounting
        self._state = accounting.state
        self._rules = accounting.state.rules
        self._pools = accounting.pools
        self._marks = accounting.marks
        self._desk = desk
        self._adl = adl
        self._debts = Debts(accounting)
        self._called: set[tuple[str, str, str]] = set()
        self._seen = -1

    @property
    def due_ms(self) -> int | None:
        """Now when the marks have moved since the last time, else None."""
        return self._state.now_ms if self._marks.version != self._seen else None

    def run(self) -> None:
        """Judge every unit; those that must be are moved down the ladder by one rung."""
        self._seen = self._marks.version
        ratio = self._rules.liquidation.margin_call_at
        for account in list(self._state.accounts.values()):
            if not (self._called or account.in_liquidation) and calm(self._pools, account, ratio):
                continue
            due = {unit.purse.wallet for unit in units(self._pools, account) if self._judge(unit) and not unit.isolated}
            account.in_liquidation = due
            for purse in account.purses.values():
                self._clear(account, purse)

    def _judge(self, unit: Unit) -> bool:
        """Call, cancel, liquidate as the ratio says; answers whether the unit is still on the ladder."""
        rules = self._rules.liquidation
        if not self._reached(unit, rules.margin_call_at):
            self._called.discard(unit.name)
            return False
        if unit.name not in self._called:
            self._called.add(unit.name)
            rows = tuple(self._accounting.postings.row(position) for position in unit.positions)
            self._state.emit(MarginCalled(self._state.now_ms, unit.account.account_id, unit.purse.wallet, rows))
        if self._reached(unit, rules.cancel_at):
            self._cancel(unit)
        if not self._reached(unit, rules.liquidate_at):
            return False
        self._descend(unit)
        return self._reached(unit, rules.liquidate_at)

    def _reached(self, unit: Unit, ratio: int) -> bool:
        """Whether a unit's margin ratio is at or above one of 1e-8."""
        return reached(maintenance_of(self._pools, unit), equity_of(self._pools, unit), ratio)

    def _cancel(self, unit: Unit) -> None:
        for order in list(unit.account.orders.values()):
            if order.order_id in unit.account.orders and unit.holds(order):
                self._desk.cancel(order, "liquidation")

    def _descend(self, unit: Unit) -> None:
        """One rung: close or reduce the position that weighs most."""
        position = max(unit.positions, key=lambda one: weight_of(self._marks, unit, one))
        quantity = self._rung(position)
        price = bankruptcy_of(self._pools, self._marks, unit, position)
        ticket = closing(self._state, position, quantity, price, "liquidation")
        order = self._desk.force(unit.account, ticket)
        self._state.emit(
            ForceOrder(
                self._state.now_ms, order.instrument, order.side, price, order.average_price, quantity, order.filled
            )
        )
        if order.filled:
            self._clearance(unit, position, order, price)
        rest = min(quantity - order.filled, abs(position.quantity))
        if rest:
            self._take_over(unit.account, position, rest, price)

    def _rung(self, position: Position) -> int:
        """The quantity to close: down to the tier below when the position is large, else all of it."""
        rules, instrument, size = self._rules.liquidation, position.instrument, abs(position.quantity)
        notional = abs(position.exposure)
        number = next((n for n, tier in enumerate(instrument.tiers, 1) if notional <= tier.cap), len(instrument.tiers))
        if rules.step >= SCALE or number <= rules.partial_above_tier or not notional:
            return size
        excess = -(-size * (notional - instrument.tiers[number - 1].floor) // notional)
        lot = instrument.filters.lot
        return min(size, -(-min(excess, size * rules.step // SCALE) // lot) * lot)

    def _clearance(self, unit: Unit, position: Position, order: Order, price: int) -> None:
        """The liquidation fee, to the insurance fund: never more than was saved against the bankruptcy price."""
        saved = abs(order.turnover - order.instrument.notional(order.filled, price))
        fee = min(booked(divided(order.turnover * self._rules.liquidation.fee, SCALE)), booked(saved))
        if fee <= 0:
            return
        postings, asset, wallet = self._accounting.postings, order.instrument.settle, unit.purse.wallet
        own = min(fee, position.isolated_margin)
        position.isolated_margin -= own
        postings.move(unit.account, wallet, asset, own - fee)
        self._accounting.ledger.insurance[asset] += fee
        postings.income(unit.account, "insurance", wallet, asset, -fee)
        postings.tell(unit.account, wallet, "liquidation", {asset: -fee}, (position,))

    def _take_over(self, account: Account, position: Position, quantity: int, price: int) -> None:
        """Insurance fund, then the queue, then the house take what the book did not, at the bankruptcy price."""
        quantity -= self._insured(account, position, quantity, price)
        if quantity:
            quantity = self._adl.absorb(account, position, quantity, price)
        if quantity:
            self._assign(account, position, quantity, price)

    def _insured(self, account: Account, position: Position, quantity: int, price: int) -> int:
        """Let the fund take what it can bear, and pass it on at the mark; answers how much that was."""
        instrument, ledger = position.instrument, self._accounting.ledger
        asset, lot = instrument.settle, instrument.filters.lot
        taken = quantity
        gain = self._gain(position, quantity, price)
        if gain < 0 and ledger.insurance[asset] + gain < 0:
            taken = quantity * max(ledger.insurance[asset], 0) // -gain // lot * lot
            gain = self._gain(position, taken, price)
        if taken:
            self._assign(account, position, taken, price)
            ledger.insurance[asset] += gain
            ledger.house[asset] -= gain
        return taken

    def _gain(self, position: Position, quantity: int, price: int) -> int:
        """What a position of this direction, taken at a price, is worth more at the mark."""
        instrument = position.instrument
        signed = quantity if position.quantity > 0 else -quantity
        return instrument.worth(signed, self._marks.prices[instrument.key]) - instrument.worth(signed, price)

    def _assign(self, account: Account, position: Position, quantity: int, price: int) -> None:
        ticket = closing(self._state, position, quantity, price, "takeover")
        self._desk.assign(account, ticket, trade_id=self._state.next_trade_id(), house=True)

    def _clear(self, account: Account, purse: Purse) -> None:
        """Pay what a pool without cross positions, or a wallet in dollars without any, still owes."""
        open_pools = {
            pool.asset for pool in purse.pools.values() if any(p.quantity and not p.isolated for p in pool.positions)
        }
        for asset in list(purse.pools):
            if not (open_pools if purse.dollars else asset in open_pools):
                self._debts.clear(account, purse, asset)
