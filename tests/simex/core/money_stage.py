"""A stage for the money side: one exchange without books, whose mids and fills the test dictates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.simex.core.account import Account
from bot.simex.core.accounting import Accounting
from bot.simex.core.adl import Adl
from bot.simex.core.instrument import HOUR_MS, Filters, FundingTerms, Instrument, Tier
from bot.simex.core.liquidation import Liquidation
from bot.simex.core.numbers import MONEY, SCALE, money, scaled
from bot.simex.core.order import BUY, SELL, Order
from bot.simex.core.state import State
from bot.simex.core.valuation import Valuation
from bot.simex.core.venue import BINANCE, BYBIT

if TYPE_CHECKING:
    from bot.simex.core.account import Position
    from bot.simex.core.events import Event
    from bot.simex.core.instrument import Category, Key, Kind
    from bot.simex.core.order import EndReason, Origin, PositionSide, Side, Ticket, Trade
    from bot.simex.core.ports import Till
    from bot.simex.core.venue import VenueRules

START_MS = 1_700_000_000_000 // (8 * HOUR_MS) * (8 * HOUR_MS)
NO_FILTERS = Filters(1, 1, 1, 10**18, 10**18, 0, 1, 10**18, 0, 0)


def tiers(*rows: tuple[str, str, int]) -> tuple[Tier, ...]:
    """Tiers of (cap, rate, largest leverage), with the deductions that make the maintenance margin continuous."""
    built: list[Tier] = []
    floor = deduction = rate_before = 0
    for cap, rate, leverage in rows:
        deduction += floor * (scaled(Decimal(rate)) - rate_before) // SCALE
        rate_before = scaled(Decimal(rate))
        built.append(Tier(floor, money(Decimal(cap)), rate_before, deduction, leverage))
        floor = money(Decimal(cap))
    return tuple(built)


LINEAR_TIERS = tiers(
    ("50000", "0.004", 125), ("250000", "0.005", 100), ("1000000", "0.01", 50), ("9000000", "0.025", 20)
)
INVERSE_TIERS = tiers(("5", "0.004", 125), ("10", "0.005", 100), ("200", "0.01", 50))


def future(
    name: str,
    kind: Kind = "linear",
    *,
    category: Category = "",
    base: str = "BTC",
    quote: str = "USDT",
    face: int = 0,
    expiry_ms: int | None = None,
    fees: tuple[int, int] = (0, 0),
) -> Instrument:
    """A future without filters."""
    return Instrument(
        category=category or ("usdm" if kind == "linear" else "coinm"),
        name=name,
        kind=kind,
        base=base,
        quote=quote,
        settle=quote if kind == "linear" else base,
        index=f"{base}{quote}",
        filters=NO_FILTERS,
        price_places=2,
        quantity_places=3,
        maker_fee=fees[0],
        taker_fee=fees[1],
        face=face * SCALE,
        tiers=LINEAR_TIERS if kind == "linear" else INVERSE_TIERS,
        funding=FundingTerms() if expiry_ms is None else None,
        expiry_ms=expiry_ms,
    )


def spot(name: str, base: str, quote: str = "USDT", *, fees: tuple[int, int] = (0, 0)) -> Instrument:
    """A spot pair without filters."""
    return Instrument(
        "spot", name, "spot", base, quote, quote, name, NO_FILTERS, 2, 5, maker_fee=fees[0], taker_fee=fees[1]
    )


class Stage:
    """One exchange's money. Arguments are what a person would write; amounts come back as Decimals of money."""

    def __init__(self, *instruments: Instrument, rules: VenueRules = BINANCE) -> None:
        self.state = State(rules, instruments, START_MS)
        self.mids: dict[Key, int] = {}
        self.money = Accounting(self.state, self.mids.get)
        self.funds = self.money.funds
        self.floor = Floor(self)
        self.adl = Adl(self.money, self.floor)
        self.liquidation = Liquidation(self.money, self.floor, self.adl)
        self.valuation = Valuation(self.money, self.adl.ranking)

    def account(self, name: str = "a", wallet: str = "usdm", **coins: str) -> Account:
        """An account with coins in one wallet."""
        account = self.state.accounts[name] = Account(name)
        for asset, amount in coins.items():
            self.funds.deposit(account, wallet, asset, money(Decimal(amount)))
        return account

    def mark(self, **prices: str) -> None:
        """Set the mids of instruments by name, their index as well, and take a sample without any averaging."""
        for key, instrument in self.state.instruments.items():
            if instrument.name in prices:
                price = scaled(Decimal(prices[instrument.name]))
                self.mids[key] = price
                if instrument.is_future:
                    self.money.marks.hold(key, price)
        self.money.marks.sample()

    def order(
        self,
        account: Account,
        instrument: Instrument,
        quantity: str,
        price: str,
        *,
        side: PositionSide = "both",
        reduce_only: bool = False,
        origin: Origin = "user",
    ) -> Order:
        """An order for a signed quantity, as the desk would make it."""
        signed = scaled(Decimal(quantity))
        direction: Side = BUY if signed > 0 else SELL
        return Order(
            order_id=self.state.next_order_id(),
            client_id="c",
            account_id=account.account_id,
            instrument=instrument,
            side=direction,
            type="limit",
            tif="gtc",
            quantity=abs(signed),
            price=scaled(Decimal(price)),
            reduce_only=reduce_only,
            close_position=False,
            position_side=side,
            prevention="maker",
            trigger=None,
            origin=origin,
            created_ms=self.state.now_ms,
            updated_ms=self.state.now_ms,
        )

    def till(self, order: Order) -> Till:
        """The till at which an order pays."""
        return self.funds.till(self.state.accounts[order.account_id], order.instrument)

    def require(
        self, account: Account, instrument: Instrument, quantity: str, price: str, side: PositionSide = "both"
    ) -> None:
        """Ask whether the account can afford an order for a signed quantity."""
        asked = self.order(account, instrument, quantity, price, side=side)
        self.funds.till(account, instrument).require(asked.side, side, asked.quantity, asked.price, False)

    def rest(self, account: Account, instrument: Instrument, quantity: str, price: str) -> Order:
        """Let an order rest."""
        order = self.order(account, instrument, quantity, price)
        account.orders[order.order_id] = order
        self.funds.till(account, instrument).hold(order, order.quantity)
        return order

    def trade(
        self,
        account: Account,
        instrument: Instrument,
        quantity: str,
        price: str,
        *,
        other: Account | None = None,
        side: PositionSide = "both",
        is_maker: bool = False,
    ) -> Trade:
        """Fill a signed quantity at once, against the house or another account (of one-way mode)."""
        order = self.order(account, instrument, quantity, price, side=side)
        trade_id = self.state.next_trade_id()
        trade = self.till(order).fill(order, order.price, order.quantity, is_maker, other is None, trade_id)
        if other is not None:
            against = self.order(other, instrument, str(-Decimal(quantity)), price)
            self.till(against).fill(against, order.price, order.quantity, not is_maker, False, trade_id)
        self.money.check()
        return trade

    def coin(self, account: Account, asset: str, wallet: str = "usdm") -> Decimal:
        """A coin's balance without isolated margins."""
        return shown(account.wallets[wallet][asset].balance)

    def isolate(self, account: Account, instrument: Instrument, leverage: int) -> Position:
        """Set an instrument to isolated margin at a leverage."""
        self.funds.settings.margin_type(account, instrument, isolated=True)
        if account.position(instrument).leverage != leverage:
            self.funds.settings.leverage(account, instrument, leverage)
        return account.position(instrument)

    def liquidate(self, **prices: str) -> None:
        """Set prices and let the ladder be climbed down by one rung; money is where it was."""
        self.mark(**prices)
        self.liquidation.run()
        self.money.check()

    def insure(self, asset: str, amount: str) -> None:
        """Put money into the insurance fund, from outside."""
        self.money.fund_insurance(asset, money(Decimal(amount)))

    def drained(self) -> list[Event]:
        """What was told since the last call."""
        return self.state.drain()


def shown(amount: int) -> Decimal:
    """Money as an exact Decimal."""
    return Decimal(amount) / MONEY


def exact(*values: Decimal | int | None) -> tuple[Decimal | None, ...]:
    """Numbers of several kinds as Decimals, to be compared at once."""
    return tuple(None if value is None else Decimal(value) for value in values)


def unified(**haircuts: str) -> VenueRules:
    """Bybit's rules with these haircuts."""
    return replace(BYBIT, haircuts={asset: scaled(Decimal(share)) for asset, share in haircuts.items()})


class Floor:
    """A desk whose book the test dictates: (price, quantity) that the house buys or sells, best first."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.levels: list[tuple[str, str]] = []
        self.done: list[Order] = []
        self.canceled: list[Order] = []

    def force(self, account: Account, ticket: Ticket) -> Order:
        """Match with the levels; the rest expires."""
        order = self._order(account, ticket)
        left = []
        for price, quantity in self.levels:
            at, there = scaled(Decimal(price)), scaled(Decimal(quantity))
            size = min(there, order.remaining)
            if size and (at >= order.price if order.side == SELL else at <= order.price):
                self._fill(order, at, size, self.stage.state.next_trade_id(), house=True)
                there -= size
            if there:
                left.append((price, str(Decimal(there) / SCALE)))
        self.levels = left
        order.status = order.status if order.status == "filled" else "expired"
        return order

    def cancel(self, order: Order, reason: EndReason = "user") -> Order:
        """End a resting order."""
        del self.stage.state.accounts[order.account_id].orders[order.order_id]
        self.stage.till(order).hold(order, -order.remaining)
        order.end = reason
        self.canceled.append(order)
        return order

    def assign(self, account: Account, ticket: Ticket, *, trade_id: int, house: bool) -> Order:
        """Fill a ticket whole at its price."""
        order = self._order(account, ticket)
        self._fill(order, order.price, order.quantity, trade_id, house=house)
        return order

    def origins(self) -> list[str]:
        """Who made each order that was done, in order."""
        return [order.origin for order in self.done]

    def _fill(self, order: Order, price: int, size: int, trade_id: int, *, house: bool) -> None:
        trade = self.stage.till(order).fill(order, price, size, False, house, trade_id)
        order.filled += size
        order.paid += price * size
        order.turnover += trade.worth
        order.status = "filled" if not order.remaining else "partially_filled"

    def _order(self, account: Account, ticket: Ticket) -> Order:
        signed = Decimal(ticket.side * ticket.quantity) / SCALE
        order = self.stage.order(
            account,
            ticket.instrument,
            str(signed),
            str(Decimal(ticket.price) / SCALE),
            side=ticket.position_side,
            reduce_only=ticket.reduce_only,
            origin=ticket.origin,
        )
        order.client_id = ticket.client_id
        self.done.append(order)
        return order
