"""The paper account: wallets, positions, margin and funding, in exact decimals, and as bytes that outlive a process."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.account import AccountSnapshot, Balance, MarginState, Position
from bot.domain.events import FundingPaid
from bot.domain.instrument import Instrument, Kind
from bot.domain.market import Mark
from bot.domain.order import Fill, OrderReport, Side
from bot.domain.units import SECOND_NS, ZERO, AccountId, Asset, ClientOrderId, InstrumentId, Nanos, exact
from bot.domain.venues import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FUTURES_ACCOUNTS = frozenset(names.futures for names in NAMES.values())
STATE_VERSION = 1
REPORTS_MAX = 10_000
FUNDING_MAX = 10_000
CENT = Decimal("0.00000001")
"""Money is kept to eight decimals, as the venue keeps it."""
SETTLEMENT_SLACK_NS = 5 * SECOND_NS
"""How far our clock may be behind the venue's when a settlement shows itself."""


class PaperState(msgspec.Struct, kw_only=True):
    """Everything that a paper account is, apart from the market."""

    version: int = STATE_VERSION
    balances: dict[AccountId, dict[Asset, Decimal]]
    positions: dict[InstrumentId, Position]
    reports: dict[ClientOrderId, OrderReport] = msgspec.field(default_factory=dict)
    funding: list[FundingPaid] = msgspec.field(default_factory=list)
    last_number: int = 0


def seeded(snapshots: Iterable[AccountSnapshot]) -> PaperState:
    """A paper account that begins with what these snapshots hold: read from the venue once, or declared."""
    state = PaperState(balances={}, positions={})
    for snapshot in snapshots:
        wallet = state.balances.setdefault(snapshot.account, {})
        wallet |= {balance.asset: balance.total for balance in snapshot.balances}
        state.positions |= {position.instrument: position for position in snapshot.positions}
    return state


def restored(content: bytes) -> PaperState:
    """The state out of what `PaperVenue.export` gave. Raises ValueError for anything else."""
    try:
        state = msgspec.json.decode(content, type=PaperState)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not the state of a paper account: {error}") from None
    if state.version != STATE_VERSION:
        raise ValueError(f"a paper account of version {state.version}: {STATE_VERSION} is understood")
    return state


class PaperAccounts:
    """Books fills, funding and deposits. `leverage` sets the initial margin of every position."""

    def __init__(self, state: PaperState, instruments: Mapping[InstrumentId, Instrument], leverage: int) -> None:
        assert leverage >= 1, "leverage is at least 1"
        self.state = state
        self._instruments = instruments
        self._leverage = leverage
        self._marks: dict[InstrumentId, Mark] = {}

    def number(self) -> int:
        """The next order or trade number."""
        self.state.last_number += 1
        return self.state.last_number

    def position(self, instrument: InstrumentId) -> Position:
        """The position, flat when there never was one."""
        return self.state.positions.get(instrument, Position(instrument, ZERO))

    def balance(self, account: AccountId, asset: Asset) -> Balance:
        """The wallet's total of one asset."""
        return Balance(asset, self.state.balances.get(account, {}).get(asset, ZERO))

    def credit(self, account: AccountId, asset: Asset, amount: Decimal) -> None:
        """Change a wallet by `amount`."""
        wallet = self.state.balances.setdefault(account, {})
        wallet[asset] = (wallet.get(asset, ZERO) + amount).quantize(CENT)

    def book(self, instrument: Instrument, side: Side, fill: Fill) -> None:
        """Book an execution: realised profit and fee to the wallet, the rest to the position; on spot, both coins."""
        if instrument.kind is Kind.SPOT:
            self.credit(instrument.account, instrument.base, fill.contracts * side.sign)
            self.credit(instrument.account, instrument.quote, -fill.contracts * fill.price * side.sign)
            self.credit(instrument.account, fill.fee_asset, -fill.fee)
            return
        before = self.position(instrument.id)
        opposite = before.contracts * side.sign < 0
        closed = min(abs(before.contracts), fill.contracts) if opposite else ZERO
        gained = instrument.coins(closed) * (fill.price - before.entry_price) * -side.sign
        self.credit(instrument.account, instrument.settle, gained - fill.fee)
        self.state.positions[instrument.id] = before.after_fill(side, fill.contracts, fill.price)

    def remember(self, report: OrderReport) -> None:
        """Keep an order for later questions; the oldest are forgotten beyond a bound."""
        self.state.reports[report.client_id] = report
        while len(self.state.reports) > REPORTS_MAX:
            del self.state.reports[next(iter(self.state.reports))]

    def mark(self, mark: Mark) -> FundingPaid | None:
        """Take over a mark price; if a funding settlement has passed between it and the last one, book it.

        A settlement that nobody watched (the process was down) is not invented.
        """
        before = self._marks.get(mark.instrument)
        self._marks[mark.instrument] = mark
        if before is None or mark.next_funding_ns <= before.next_funding_ns or before.next_funding_ns <= 0:
            return None
        if mark.received_ns < before.next_funding_ns - SETTLEMENT_SLACK_NS:
            return None
        return self._settle(before, mark.received_ns)

    def _settle(self, at: Mark, now_ns: int) -> FundingPaid | None:
        instrument, position = self._instruments.get(at.instrument), self.position(at.instrument)
        transaction = f"paper:{at.next_funding_ns}:{at.instrument}"
        booked = any(paid.transaction == transaction for paid in self.state.funding)
        if instrument is None or not position.contracts or booked:
            return None
        notional = instrument.coins(position.contracts) * exact(at.mark)
        amount = (-notional * exact(at.funding_rate)).quantize(CENT)
        self.credit(instrument.account, instrument.settle, amount)
        paid = FundingPaid(
            account=instrument.account,
            instrument=instrument.id,
            asset=instrument.settle,
            amount=amount,
            transaction=transaction,
            settled_ns=Nanos(at.next_funding_ns),
            received_ns=Nanos(now_ns),
        )
        self.state.funding = [*self.state.funding[-FUNDING_MAX + 1 :], paid]
        return paid

    def margin(self, account: AccountId, settle: Asset) -> MarginState:
        """The margin figures of an account that margins futures, at the latest marks."""
        held = [position for position in self.state.positions.values() if self._settles(position, account, settle)]
        profit = sum((self._profit(position) for position in held), ZERO)
        initial = sum((self._notional(position) / self._leverage for position in held), ZERO)
        equity = self.balance(account, settle).total + profit
        return MarginState(
            margin_balance=equity.quantize(CENT),
            maintenance_margin=sum((self._maintenance(position) for position in held), ZERO).quantize(CENT),
            initial_margin=initial.quantize(CENT),
            available=max(equity - initial, ZERO).quantize(CENT),
        )

    def lacks_margin(self, instrument: Instrument, side: Side, contracts: Decimal, price: Decimal) -> bool:
        """Whether the wallet cannot carry the position after this order and its fee."""
        before = self.position(instrument.id).contracts
        grown = abs(before + contracts * side.sign) - abs(before)
        if grown <= 0:
            return False
        fee = instrument.coins(contracts) * price * instrument.taker_fee
        available = self.margin(instrument.account, instrument.settle).available
        return instrument.coins(grown) * price / self._leverage + fee > available

    def snapshot(self, account: AccountId, settle: Asset, requested_ns: Nanos) -> AccountSnapshot:
        """The account as a read of it would show it."""
        wallet = self.state.balances.get(account, {})
        balances = tuple(Balance(asset, wallet[asset]) for asset in sorted(wallet))
        if account not in FUTURES_ACCOUNTS:
            return AccountSnapshot(account=account, balances=balances, requested_ns=requested_ns)
        own = (one for one in self._instruments.values() if one.account == account)
        tracked = sorted(one.id for one in own if one.kind is Kind.LINEAR)
        return AccountSnapshot(
            account=account,
            balances=balances,
            positions=tuple(self.position(name) for name in tracked),
            margin=self.margin(account, settle),
            requested_ns=requested_ns,
        )

    def _settles(self, position: Position, account: AccountId, settle: Asset) -> bool:
        """Whether a position is open, known and margined by this account in this currency."""
        instrument = self._instruments.get(position.instrument)
        if instrument is None or not position.contracts:
            return False
        return (instrument.account, instrument.settle) == (account, settle)

    def _price(self, position: Position) -> Decimal:
        mark = self._marks.get(position.instrument)
        return exact(mark.mark) if mark is not None else position.entry_price

    def _notional(self, position: Position) -> Decimal:
        return abs(self._instruments[position.instrument].coins(position.contracts)) * self._price(position)

    def _profit(self, position: Position) -> Decimal:
        coins = self._instruments[position.instrument].coins(position.contracts)
        return coins * (self._price(position) - position.entry_price)

    def _maintenance(self, position: Position) -> Decimal:
        notional = self._notional(position)
        reached = [tier for tier in self._instruments[position.instrument].tiers if tier.floor <= notional]
        return max(notional * reached[-1].rate - reached[-1].deduction, ZERO) if reached else ZERO
