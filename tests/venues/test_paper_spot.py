"""Dry-run: coins sold on the spot market, against the live spot book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.account import AccountSnapshot, Balance
from bot.domain.commands import QueryOrder
from bot.domain.events import BalancesChanged, Endpoint, Event, OrderRejected, OrderReported, PositionsChanged
from bot.domain.market import Depth
from bot.domain.order import Status
from bot.domain.units import Asset, Nanos
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import seeded
from bot.venues.routes import SPOT
from tests.venues.canned import FUTURE, NOW_NS, PAIR, SPOT_BTC, USDT, Clock, client_id, durable, sale

BTC = Asset("BTC")
FEE = Decimal("0.001")
PAIRED = msgspec.structs.replace(PAIR, taker_fee=FEE)
BIDS = ((60_001.0, 0.3), (60_000.5, 0.1), (60_000.0, 5.0))


class World:
    """A paper venue with a coin on the spot wallet, and what it said."""

    def __init__(self, coins: str = "1", **changes: Any) -> None:
        self.clock = Clock()
        self.heard: list[Event] = []
        self.venue = PaperVenue(
            state=seeded([AccountSnapshot(account=SPOT, balances=(Balance(BTC, Decimal(coins)),))]),
            instruments=[FUTURE, msgspec.structs.replace(PAIRED, **changes)],
            settle=USDT,
            leverage=5,
            latency_ns=0,
            clock=self.clock,
            sleep=self.clock.sleep,
            sink=self.heard.append,
        )
        self.venue.market(Depth(SPOT_BTC, BIDS, ((60_002.0, 1.0),), 1, self.clock.now_ns))

    async def sell(self, contracts: str = "0.5", limit: str = "60000", number: int = 1) -> Any:
        """Sell coins and return the one fact that comes back."""
        order = sale(number, contracts=Decimal(contracts), limit_price=Decimal(limit))
        (fact,) = await self.venue.submit(order, durable())
        return fact

    async def wallet(self) -> dict[str, Decimal]:
        """The spot wallet as it reads."""
        (seen,) = await self.venue.account(SPOT)
        return {balance.asset: balance.total for balance in seen.snapshot.balances}  # type: ignore[union-attr]


async def test_coins_are_sold_at_what_the_book_bids() -> None:
    """Each level at its price, the fee in quote currency, and both balances told."""
    world = World()
    found = await world.sell()
    gross = Decimal("0.3") * 60_001 + Decimal("0.1") * Decimal("60000.5") + Decimal("0.1") * 60_000

    assert isinstance(found, OrderReported)
    assert (Status.FILLED, USDT) == (found.report.status, found.report.fills[0].fee_asset)
    assert {"BTC": Decimal("0.5"), "USDT": gross * (1 - FEE)} == await world.wallet()
    (told,) = world.heard
    assert isinstance(told, BalancesChanged)
    assert {BTC: Decimal("0.5"), USDT: gross * (1 - FEE)} == {one.asset: one.total for one in told.balances}


async def test_a_sale_stops_at_its_limit() -> None:
    """What the book does not bid within the limit stays unsold, and the order ends."""
    found = await World().sell(limit="60000.50")

    assert (Status.EXPIRED, Decimal("0.4")) == (found.report.status, found.report.filled)


async def test_more_than_is_held_is_refused() -> None:
    """The venue's own words, and nothing moves."""
    world = World("0.4")
    found = await world.sell("0.5")

    assert isinstance(found, OrderRejected)
    assert "-2010" == found.code
    assert {"BTC": Decimal("0.4")} == await world.wallet()


async def test_a_closed_market_takes_nothing() -> None:
    """As the venue says it."""
    found = await World(trading=False).sell()

    assert ("-1013", "Market is closed.") == (found.code, found.message)


async def test_a_sale_can_be_looked_up_and_moves_no_position() -> None:
    """It is found as it was executed, and no future heard of it."""
    world = World()
    sent = await world.sell()
    (found,) = await world.venue.query(QueryOrder(SPOT_BTC, client_id(1), Endpoint.ORDER, Nanos(NOW_NS)))

    assert sent.report == found.report  # type: ignore[union-attr]
    assert not [event for event in world.heard if isinstance(event, PositionsChanged)]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
async def test_coins_become_money_and_nothing_else(sizes: list[int]) -> None:
    """However it is sold: coins gone are coins filled, and the quote is their proceeds less fees, exactly."""
    world = World()
    proceeds = sold = Decimal(0)
    for number, size in enumerate(sizes, start=1):
        found = await world.sell(str(Decimal(size) / 100), "59000", number)
        if isinstance(found, OrderReported):
            sold += found.report.filled
            proceeds += sum((fill.contracts * fill.price - fill.fee for fill in found.report.fills), Decimal(0))
    wallet = await world.wallet()

    assert (1 - sold, proceeds) == (wallet["BTC"], wallet.get("USDT", Decimal(0)))
    assert wallet["BTC"] >= 0


@pytest.mark.parametrize("age_s", [6.0])
async def test_an_old_book_fills_nothing(age_s: float) -> None:
    """A spot book that nobody has refreshed sells no coin."""
    world = World()
    world.clock.forward(age_s)
    found = await world.sell()

    assert (Status.EXPIRED, Decimal(0)) == (found.report.status, found.report.filled)
