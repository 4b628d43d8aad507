"""Dry-run: fills against live books, fees, funding, and an account that outlives the process."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import (
    AccountSeen,
    BalancesChanged,
    CancelFailed,
    Endpoint,
    Event,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    PositionsChanged,
)
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Side, Status, TimeInForce
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import PaperState, restored, seeded
from bot.venues.routes import SPOT, USDM
from bot.venues.translate.binance import NotRepresentable
from tests.venues.canned import (
    BTC,
    FUTURE,
    INSTRUMENTS,
    NOW_NS,
    SPOT_BTC,
    USDT,
    Clock,
    approved,
    client_id,
    durable,
)

BIDS = ((60_001.0, 0.3), (60_000.5, 0.1), (60_000.0, 5.0))
ASKS = ((60_002.0, 0.4), (60_003.0, 5.0))


class World:
    """A paper venue with what it said, on a clock that is cranked."""

    def __init__(self, state: PaperState | None = None, latency_ns: int = 0) -> None:
        self.clock = Clock()
        self.heard: list[Event] = []
        self.venue = PaperVenue(
            state=state or wallet(),
            instruments=INSTRUMENTS.values(),
            settle=USDT,
            leverage=5,
            latency_ns=latency_ns,
            clock=self.clock,
            sleep=self.clock.sleep,
            sink=self.heard.append,
        )

    def show(self, sequence: int = 1, bids: Any = BIDS, asks: Any = ASKS) -> None:
        """A frame of the live book."""
        self.venue.market(Depth(BTC, bids, asks, sequence, self.clock.now_ns))

    def mark(self, price: float, rate: float, settles_in_s: float) -> None:
        """A frame of the mark stream."""
        due_ns = NOW_NS + round(settles_in_s * SECOND_NS)
        self.venue.market(Mark(BTC, price, price, rate, due_ns, self.clock.now_ns))

    async def send(self, number: int = 1, **changes: Any) -> Any:
        """Submit an order and return the one fact that comes back."""
        (fact,) = await self.venue.submit(approved(number, **changes), durable())
        return fact

    async def snapshot(self) -> AccountSnapshot:
        """The futures account as it reads."""
        (fact,) = await self.venue.account(USDM)
        assert isinstance(fact, AccountSeen)
        return fact.snapshot


def wallet(futures: str = "50000", contracts: str = "0") -> PaperState:
    """A seed: 1 BTC on spot, some USDT and perhaps a position on USD-M."""
    position = Position(BTC, Decimal(contracts), Decimal(60_000) if Decimal(contracts) else Decimal(0))
    spot = AccountSnapshot(account=SPOT, balances=(Balance(Asset("BTC"), Decimal(1)),))
    usdm = AccountSnapshot(account=USDM, balances=(Balance(USDT, Decimal(futures)),), positions=(position,))
    return seeded([spot, usdm])


async def test_an_order_fills_level_by_level_within_its_limit() -> None:
    """The fills are the book's own levels, best first, and none is worse than the limit."""
    world = World()
    world.show()
    found = await world.send(limit_price=Decimal("60000.5"))

    assert isinstance(found, OrderReported)
    fills = [(fill.price, fill.contracts) for fill in found.report.fills]
    assert [(Decimal("60001.0"), Decimal("0.3")), (Decimal("60000.5"), Decimal("0.1"))] == fills
    assert (Status.EXPIRED, Decimal("0.4")) == (found.report.status, found.report.filled)


async def test_a_whole_fill_moves_position_and_wallet() -> None:
    """The position, the fee and both private events follow from the fills, exactly."""
    world = World()
    world.show()
    found = await world.send(limit_price=Decimal(60_000))

    cost = Decimal("0.3") * 60_001 + Decimal("0.1") * Decimal("60000.5") + Decimal("0.1") * 60_000
    fee = cost * FUTURE.taker_fee
    assert (Status.FILLED, cost / Decimal("0.5")) == (found.report.status, found.report.average_price)
    positions, balances = world.heard
    assert isinstance(positions, PositionsChanged)
    assert isinstance(balances, BalancesChanged)
    assert (Decimal("-0.5"), cost / Decimal("0.5")) == (
        positions.positions[0].contracts,
        positions.positions[0].entry_price,
    )
    assert Decimal(50_000) - fee == balances.balances[0].total


async def test_one_book_gives_its_liquidity_once() -> None:
    """What an order took is gone until the venue shows a newer frame."""
    world = World()
    world.show(bids=((60_001.0, 0.3),))
    first = await world.send(1, contracts=Decimal("0.2"), limit_price=Decimal(60_001))
    second = await world.send(2, contracts=Decimal("0.2"), limit_price=Decimal(60_001))
    world.show(2, bids=((60_001.0, 0.3),))
    third = await world.send(3, contracts=Decimal("0.2"), limit_price=Decimal(60_001))

    assert ["0.2", "0.1", "0.2"] == [str(one.report.filled.normalize()) for one in (first, second, third)]


@pytest.mark.parametrize("shown", ["never", "long ago", "beyond the limit", "not a number"])
async def test_without_a_live_book_nothing_fills(shown: str) -> None:
    """No book, an old one, one that is too far or one that is broken: the order expires unfilled."""
    world = World()
    if shown != "never":
        prices = {"beyond the limit": 59_000.0, "not a number": float("nan")}
        world.show(bids=((prices.get(shown, 60_001.0), 5.0),))
    world.clock.forward(6 if shown == "long ago" else 0)
    found = await world.send(limit_price=Decimal(60_000))

    assert (Status.EXPIRED, Decimal(0), None) == (found.report.status, found.report.filled, found.report.average_price)
    assert [] == world.heard


async def test_an_order_meets_the_book_after_its_latency() -> None:
    """Prices that have moved while the order was on its way are the prices it gets."""
    world = World(latency_ns=50_000_000)
    world.show()

    async def moving(seconds: float) -> None:
        world.clock.forward(seconds)
        world.show(2, bids=((59_990.0, 5.0),))

    world.venue._sleep = moving
    found = await world.send(limit_price=Decimal(59_990))

    assert Decimal(59_990) == found.report.average_price


async def test_nothing_fills_before_the_intent_is_durable() -> None:
    """Paper keeps the order of live: commit first, and a failed commit is no order."""
    world = World()
    world.show()

    async def failing() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await world.venue.submit(approved(), failing())
    assert [] == world.heard
    assert isinstance(
        (await world.venue.query(QueryOrder(BTC, client_id(1), Endpoint.ORDER, NOW_NS)))[0], OrderNotFound
    )


@pytest.mark.parametrize(
    ("changes", "seed", "code"),
    [
        ({"contracts": Decimal("0.001"), "limit_price": Decimal(60_000)}, {}, "-4164"),
        ({"contracts": Decimal(101)}, {}, "-4005"),
        ({"reduce_only": True}, {}, "-2022"),
        ({"reduce_only": True}, {"contracts": "-0.5"}, "-2022"),
        ({"contracts": Decimal(5)}, {}, "-2019"),
        ({"time_in_force": TimeInForce.GTC}, {}, "-1115"),
    ],
)
async def test_paper_refuses_what_the_venue_would(changes: dict[str, Any], seed: dict[str, str], code: str) -> None:
    """Minimum, maximum, reduce-only and margin are refused with the venue's own codes, and nothing moves."""
    world = World(wallet(**seed))
    world.show()
    found = await world.send(**changes)

    assert isinstance(found, OrderRejected)
    assert code == found.code
    assert [] == world.heard


async def test_a_symbol_that_is_closed_is_refused() -> None:
    """An instrument that does not trade takes no paper order either."""
    world = World()
    world.venue._instruments[BTC] = msgspec.structs.replace(FUTURE, trading=False)

    assert "-4141" == (await world.send()).code


async def test_a_reduce_only_order_stops_at_flat() -> None:
    """It may be below the minimum, and it never turns the position."""
    world = World(wallet(contracts="0.001"))
    world.show()
    found = await world.send(reduce_only=True, limit_price=Decimal(60_000))

    assert Decimal("0.001") == found.report.filled
    assert Decimal(0) == (await world.snapshot()).positions[0].contracts


async def test_coins_are_not_bought_on_paper_either() -> None:
    """What the live gateway would never send, paper never takes."""
    waiting = durable()
    with pytest.raises(NotRepresentable):
        await World().venue.submit(approved(instrument=SPOT_BTC, side=Side.BUY), waiting)
    waiting.close()


async def test_an_id_is_used_once() -> None:
    """A second order with an id that has been used is evidence of the first, and does not fill."""
    world = World()
    world.show()
    await world.send(limit_price=Decimal(60_000))
    found = await world.send(limit_price=Decimal(60_000))

    assert isinstance(found, OrderUnanswered)
    assert Decimal("-0.5") == (await world.snapshot()).positions[0].contracts


async def test_profit_is_realised_when_a_short_is_bought_back() -> None:
    """Selling high and buying low leaves the difference less two fees in the wallet."""
    world = World()
    world.show(bids=((60_000.0, 5.0),))
    await world.send(1, limit_price=Decimal(60_000))
    world.show(2, asks=((59_000.0, 5.0),))
    await world.send(2, side=Side.BUY, limit_price=Decimal(59_000), reduce_only=True)

    fees = Decimal("0.5") * (60_000 + 59_000) * FUTURE.taker_fee
    seen = await world.snapshot()
    assert (Decimal(50_000) + 500 - fees, Decimal(0)) == (seen.balances[0].total, seen.positions[0].contracts)


async def test_a_short_receives_positive_funding_once() -> None:
    """When the mark stream passes a settlement, the last rate is paid on the last mark, once."""
    world = World(wallet(contracts="-0.5"))
    world.mark(60_000.0, 0.0001, settles_in_s=10)
    world.clock.forward(10)
    world.mark(60_100.0, 0.0002, settles_in_s=28_810)
    world.mark(60_100.0, 0.0002, settles_in_s=28_810)

    (paid,) = await world.venue.funding(USDM, Nanos(0))
    assert (Decimal(3), NOW_NS + 10 * SECOND_NS) == (paid.amount, paid.settled_ns)
    (told,) = world.heard
    assert isinstance(told, BalancesChanged)
    assert ("FUNDING_FEE", Decimal(50_003)) == (told.cause, told.balances[0].total)
    assert () == await world.venue.funding(USDM, Nanos(paid.settled_ns + 1))


@pytest.mark.parametrize(
    ("contracts", "rate", "amount"), [("0.5", 0.0001, "-3"), ("-0.5", -0.0001, "-3"), ("0.5", -0.0001, "3")]
)
async def test_funding_has_its_sign(contracts: str, rate: float, amount: str) -> None:
    """A positive rate moves money from longs to shorts, a negative one back."""
    world = World(wallet(contracts=contracts))
    world.mark(60_000.0, rate, settles_in_s=10)
    world.clock.forward(10)
    world.mark(60_000.0, rate, settles_in_s=28_810)

    assert [Decimal(amount)] == [paid.amount for paid in await world.venue.funding(USDM, Nanos(0))]


async def test_a_schedule_that_changes_is_no_settlement() -> None:
    """A next settlement that moves before the last one was due books nothing, nor does a flat position."""
    world = World(wallet(contracts="-0.5"))
    world.mark(60_000.0, 0.0001, settles_in_s=3_600)
    world.mark(60_000.0, 0.0001, settles_in_s=7_200)
    flat = World()
    flat.mark(60_000.0, 0.0001, settles_in_s=1)
    flat.clock.forward(1)
    flat.mark(60_000.0, 0.0001, settles_in_s=3_601)

    assert () == await world.venue.funding(USDM, Nanos(0))
    assert () == await flat.venue.funding(USDM, Nanos(0))


async def test_margin_follows_the_mark() -> None:
    """Equity is the wallet and the profit at the mark; margins are the instrument's and the leverage's."""
    world = World(wallet(contracts="-0.5"))
    world.mark(61_000.0, 0.0, settles_in_s=10)
    margin = (await world.snapshot()).margin

    assert margin is not None
    assert (Decimal(49_500), Decimal(122)) == (margin.margin_balance, margin.maintenance_margin)
    assert (Decimal(6_100), Decimal(43_400)) == (margin.initial_margin, margin.available)


async def test_a_paper_account_outlives_its_process() -> None:
    """Export and restore keep balances, positions, orders and funding to the last digit."""
    world = World()
    world.show()
    await world.send()
    again = World(restored(world.venue.export()))
    again.clock.now_ns = world.clock.now_ns

    assert await world.snapshot() == await again.snapshot()
    (found,) = await again.venue.query(QueryOrder(BTC, client_id(1), Endpoint.TRADES, NOW_NS))
    assert isinstance(found, OrderReported)
    assert world.venue.export() == again.venue.export()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version":2,"balances":{},"positions":{}}', b"[]"])
def test_a_foreign_state_is_refused(content: bytes) -> None:
    """What is not a paper account of this version does not become one."""
    with pytest.raises(ValueError, match="paper account"):
        restored(content)


async def test_deposits_and_withdrawals_are_told() -> None:
    """A credit is an event, and more than is there cannot leave."""
    world = World()
    world.venue.deposit(SPOT, Asset("BTC"), Decimal("0.5"))

    (told,) = world.heard
    assert isinstance(told, BalancesChanged)
    assert (SPOT, Decimal("1.5")) == (told.account, told.balances[0].total)
    with pytest.raises(ValueError, match="holds less"):
        world.venue.deposit(SPOT, Asset("BTC"), Decimal(-2))


async def test_paper_has_nothing_to_cancel() -> None:
    """No order rests, so a cancel fails as it would live."""
    (found,) = await World().venue.cancel(CancelOrder(BTC, client_id(1)))

    assert isinstance(found, CancelFailed)


async def test_a_quote_alone_fills_nothing() -> None:
    """Orders fill against depth; a best bid has no size behind it that is known."""
    world = World()
    world.venue.market(Quote(BTC, 60_001.0, 60_002.0, 5.0, 5.0, 1, NOW_NS))

    assert Decimal(0) == (await world.send(limit_price=Decimal(60_000))).report.filled


LEVELS = st.lists(
    st.tuples(st.integers(59_990, 60_010), st.integers(1, 400)), min_size=1, max_size=8, unique_by=lambda x: x[0]
)
ORDERS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(20, 500), st.integers(59_990, 60_010)), min_size=1, max_size=6
)


@given(LEVELS, LEVELS, ORDERS)
def test_the_wallet_always_balances(bids: list[Any], asks: list[Any], orders: list[Any]) -> None:
    """For any book and any orders: cash moved, fees paid and the position at its cost add up, and limits hold."""

    async def run() -> None:
        world = World(wallet(futures="1000000000"))
        down = tuple((float(p), n / 1000) for p, n in sorted(bids, reverse=True))
        up = tuple((float(p), n / 1000) for p, n in sorted(asks))
        world.show(bids=down, asks=up)
        cash = fees = Decimal(0)
        for number, (side, lots, limit) in enumerate(orders):
            found = await world.send(number, side=side, contracts=Decimal(lots) / 1000, limit_price=Decimal(limit))
            for fill in found.report.fills:
                assert fill.price <= limit if side is Side.BUY else fill.price >= limit
                cash -= fill.contracts * fill.price * side.sign
                fees += fill.fee
            assert found.report.filled <= found.report.contracts
        seen = await world.snapshot()
        position = seen.positions[0]
        gained = seen.balances[0].total - Decimal(1_000_000_000)
        assert abs(gained - (cash - fees + position.contracts * position.entry_price)) < Decimal("0.000001")

    asyncio.run(run())


async def test_paper_orders_are_held_against_the_instruments_as_they_are_now() -> None:
    """The venue raised its minimum: what it would refuse from now on is refused on paper, too."""
    world = World()
    world.show()
    before = await world.send(1, contracts=Decimal("0.010"))
    world.venue.renew([msgspec.structs.replace(FUTURE, notional_min=Decimal(10_000))])
    after = await world.send(2, contracts=Decimal("0.010"))

    assert isinstance(before, OrderReported)
    assert isinstance(after, OrderRejected)
