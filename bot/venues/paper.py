"""Dry-run: a venue on paper. It is gateway, account reads and private stream of an account that exists only here.

Orders are filled against the live books that the runtime hands in, at the prices and sizes that stand there once the
configured latency has passed, with the instrument's fees; funding is settled when the venue's mark stream passes a
settlement. Nothing is sent anywhere: this module knows no client, no session and no key.

Refusals carry the venue's own codes, so that a decision meets on paper what it would meet live. What paper does not
do: rest orders in the book (it takes immediate-or-cancel only), move the market, liquidate, or lose an answer. Coins
are sold on the spot market as the live gateway sells them, against the live spot book, the fee taken in quote currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.events import (
    AccountSeen,
    BalancesChanged,
    CancelFailed,
    ClockSampled,
    Fact,
    FundingPaid,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    PositionsChanged,
    Source,
)
from bot.domain.instrument import Kind
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Fill, OrderReport, Status, TimeInForce
from bot.domain.units import SECOND_NS, ZERO, AccountId, Asset, InstrumentId, Nanos
from bot.domain.venues import BINANCE, BYBIT, venue_of
from bot.venues.paper_account import CENT, PaperAccounts, PaperState
from bot.venues.paper_book import PaperBooks, Taken
from bot.venues.translate import binance, bybit, spot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bot.domain.commands import CancelOrder, QueryOrder
    from bot.domain.instrument import Instrument
    from bot.domain.order import Approved, OrderRequest
    from bot.venues.ports import Sink

ORDER_CAUSE = "ORDER"
DEPOSIT_CAUSE = "DEPOSIT"
FUNDING_CAUSE = "FUNDING_FEE"
Refusal = tuple[str, str]
PARAMETERS: Mapping[tuple[str, Kind], Callable[[OrderRequest, Instrument], object]] = {
    (BINANCE, Kind.LINEAR): binance.order_parameters,
    (BINANCE, Kind.SPOT): spot.order_parameters,
    (BYBIT, Kind.LINEAR): bybit.order_parameters,
    (BYBIT, Kind.SPOT): bybit.order_parameters,
}
"""What the live gateway would send, by venue and kind: what it would refuse to send is refused here too."""


class PaperVenue:
    """A paper account: fulfils Gateway and Snapshots, and speaks through `sink` like a private stream.

    `leverage` sets the initial margin, `latency_ns` is how long an order is on its way; `clock` and `sleep` (seconds)
    are injected.
    """

    def __init__(
        self,
        *,
        state: PaperState,
        instruments: Iterable[Instrument],
        settle: Asset,
        leverage: int,
        latency_ns: int,
        clock: Callable[[], Nanos],
        sleep: Callable[[float], Awaitable[None]],
        sink: Sink,
    ) -> None:
        self._instruments: dict[InstrumentId, Instrument] = {one.id: one for one in instruments}
        self._accounts = PaperAccounts(state, self._instruments, leverage)
        self._books = PaperBooks()
        self._settle = settle
        self._latency_ns = latency_ns
        self._clock = clock
        self._sleep = sleep
        self._sink = sink

    # ------------------------------------------------------------------------------------------ what happens outside
    def renew(self, instruments: Iterable[Instrument]) -> None:
        """From now on orders are held against these: the venue changed a tick, a lot or a bound."""
        self._instruments.update({one.id: one for one in instruments})

    def market(self, event: Quote | Depth | Mark) -> None:
        """Take over public market data: depth is what orders fill against, marks value and settle positions."""
        if isinstance(event, Depth):
            self._books.put(event)
        elif isinstance(event, Mark):
            paid = self._accounts.mark(event)
            if paid is not None:
                self._tell_balance(paid.account, paid.asset, FUNDING_CAUSE)

    def deposit(self, account: AccountId, asset: Asset, amount: Decimal) -> None:
        """Credit a wallet; a negative amount withdraws what is there. Raises ValueError beyond that."""
        if self._accounts.balance(account, asset).total + amount < 0:
            raise ValueError(f"{account} holds less than {-amount} {asset}")
        self._accounts.credit(account, asset, amount)
        self._tell_balance(account, asset, DEPOSIT_CAUSE)

    def export(self) -> bytes:
        """The whole account as bytes, for `paper_account.restored`."""
        return msgspec.json.encode(self._accounts.state)

    # ------------------------------------------------------------------------------------------------------- Gateway
    async def submit(self, order: Approved, durable: Awaitable[None]) -> tuple[Fact, ...]:
        """Fill the order against the live book, once `durable` is done and the latency has passed.

        Raises NotRepresentable for what the live gateway would not send either, and whatever `durable` raises.
        """
        request = order.request
        instrument = self._instruments[request.instrument]
        PARAMETERS[venue_of(instrument.account), instrument.kind](request, instrument)
        await durable
        if self._latency_ns:
            await self._sleep(self._latency_ns / SECOND_NS)
        return (self._executed(request, instrument),)

    async def cancel(self, command: CancelOrder) -> tuple[Fact, ...]:
        """No paper order ever rests, so there is nothing to cancel."""
        text = "paper answered 400 -2011: Unknown order sent."
        return (CancelFailed(command.client_id, text, self._clock()),)

    async def query(self, command: QueryOrder) -> tuple[Fact, ...]:
        """The order as it was executed, or that there is none."""
        now_ns = self._clock()
        report = self._accounts.state.reports.get(command.client_id)
        if report is None:
            return (OrderNotFound(command.client_id, command.endpoint, now_ns, now_ns),)
        return (OrderReported(report, Source.QUERY, now_ns),)

    # ----------------------------------------------------------------------------------------------------- Snapshots
    async def account(self, account: AccountId) -> tuple[Fact, ...]:
        """The account as it is."""
        now_ns = self._clock()
        return (AccountSeen(self._accounts.snapshot(account, self._settle, now_ns), now_ns),)

    async def funding(self, account: AccountId, since_ns: Nanos) -> tuple[FundingPaid, ...]:
        """Funding settlements since `since_ns`, oldest first."""
        ledger = self._accounts.state.funding
        return tuple(paid for paid in ledger if paid.account == account and paid.settled_ns >= since_ns)

    async def clock(self) -> tuple[ClockSampled, ...]:
        """Paper keeps our own time."""
        now_ns = self._clock()
        return tuple(ClockSampled(account, 0, 0, now_ns) for account in sorted(self._accounts.state.balances))

    # --------------------------------------------------------------------------------------------------- one order
    def _executed(self, request: OrderRequest, instrument: Instrument) -> Fact:
        now_ns = self._clock()
        if request.client_id in self._accounts.state.reports:
            text = "paper answered 400 -4116: ClientOrderId is duplicated."
            return OrderUnanswered(request.client_id, text, now_ns)
        refuse = self._spot_refusal if instrument.kind is Kind.SPOT else self._refusal
        refusal = refuse(request, instrument)
        if refusal is not None:
            return OrderRejected(request.client_id, *refusal, now_ns)
        taken = self._books.take(request, self._fillable(request), instrument.lot, now_ns)
        report = self._report(request, self._fills(instrument, taken, now_ns), now_ns)
        self._accounts.remember(report)
        for fill in report.fills:
            self._accounts.book(instrument, request.side, fill)
        if report.fills:
            self._tell(instrument)
        return OrderReported(report, Source.ANSWER, now_ns)

    def _tell(self, instrument: Instrument) -> None:
        """Say what a fill changed, as the market's private stream would: absolute figures."""
        if instrument.kind is Kind.SPOT:
            self._tell_balance(instrument.account, instrument.base, ORDER_CAUSE, instrument.quote)
            return
        self._tell_position(instrument)
        self._tell_balance(instrument.account, instrument.settle, ORDER_CAUSE)

    def _refusal(self, request: OrderRequest, instrument: Instrument) -> Refusal | None:
        """The venue's code and words for an order that it would not take."""
        contracts, price = request.contracts, request.limit_price
        if request.time_in_force is not TimeInForce.IOC:
            return ("-1115", "paper takes immediate-or-cancel orders only")
        if not instrument.trading:
            return ("-4141", "Symbol is closed.")
        if contracts < instrument.contracts_min:
            return ("-4004", "Quantity less than min quantity.")
        if instrument.contracts_max is not None and contracts > instrument.contracts_max:
            return ("-4005", "Quantity greater than max quantity.")
        if request.reduce_only:
            return None if self._fillable(request) > 0 else ("-2022", "ReduceOnly Order is rejected.")
        if instrument.coins(contracts) * price < instrument.notional_min:
            least = instrument.notional_min
            return ("-4164", f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
        if self._accounts.lacks_margin(instrument, request.side, contracts, price):
            return ("-2019", "Margin is insufficient.")
        return None

    def _spot_refusal(self, request: OrderRequest, instrument: Instrument) -> Refusal | None:
        """As `_refusal`; what does not fit the filters was refused before it could be sent."""
        if not instrument.trading:
            return ("-1013", "Market is closed.")
        if request.contracts > self._accounts.balance(instrument.account, instrument.base).free:
            return ("-2010", "Account has insufficient balance for requested action.")
        return None

    def _fillable(self, request: OrderRequest) -> Decimal:
        """Contracts that may fill: a reduce-only order never goes beyond flat."""
        if not request.reduce_only:
            return request.contracts
        held = self._accounts.position(request.instrument).contracts
        return min(request.contracts, abs(held)) if held * request.side.sign < 0 else ZERO

    def _fills(self, instrument: Instrument, taken: tuple[Taken, ...], now_ns: Nanos) -> tuple[Fill, ...]:
        return tuple(
            Fill(
                trade_id=f"paper-{self._accounts.number()}",
                price=part.price,
                contracts=part.contracts,
                fee=(instrument.coins(part.contracts) * part.price * instrument.taker_fee).quantize(CENT),
                fee_asset=instrument.settle,
                at_ns=now_ns,
            )
            for part in taken
        )

    def _report(self, request: OrderRequest, fills: tuple[Fill, ...], now_ns: Nanos) -> OrderReport:
        filled = sum((fill.contracts for fill in fills), ZERO)
        cost = sum((fill.contracts * fill.price for fill in fills), ZERO)
        return OrderReport(
            client_id=request.client_id,
            instrument=request.instrument,
            side=request.side,
            status=Status.FILLED if filled == request.contracts else Status.EXPIRED,
            contracts=request.contracts,
            filled=filled,
            venue_id=f"paper-{self._accounts.number()}",
            average_price=cost / filled if filled else None,
            reduce_only=request.reduce_only,
            updated_ns=now_ns,
            fills=fills,
        )

    def _tell_position(self, instrument: Instrument) -> None:
        now_ns, position = self._clock(), self._accounts.position(instrument.id)
        self._sink(PositionsChanged(instrument.account, (position,), ORDER_CAUSE, now_ns, now_ns))

    def _tell_balance(self, account: AccountId, asset: Asset, cause: str, *more: Asset) -> None:
        now_ns = self._clock()
        balances = tuple(self._accounts.balance(account, one) for one in (asset, *more))
        self._sink(BalancesChanged(account, balances, cause, now_ns, now_ns))
