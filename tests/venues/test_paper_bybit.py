"""A paper account at Bybit: coins and collateral in one wallet."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.events import AccountSeen, Event, OrderReported
from bot.domain.market import Depth
from bot.domain.order import Status
from bot.domain.units import Asset
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import seeded
from tests.venues.bybitkit import BTC, FUTURE, PAIR, USDT
from tests.venues.canned import Clock, approved, durable

if TYPE_CHECKING:
    from collections.abc import Callable


def paper(clock: Clock, sink: Callable[[Event], None]) -> PaperVenue:
    """One bitcoin and collateral in the unified account."""
    balances = (Balance(Asset("BTC"), Decimal(1)), Balance(USDT, Decimal(50_000)))
    snapshot = AccountSnapshot(account=BYBIT_UNIFIED, balances=balances, positions=(Position(BTC, Decimal(0)),))
    return PaperVenue(
        state=seeded([snapshot]),
        instruments=(FUTURE, PAIR),
        settle=USDT,
        leverage=20,
        latency_ns=0,
        clock=clock,
        sleep=clock.sleep,
        sink=sink,
    )


async def test_a_contract_is_filled_and_margined_in_the_one_account() -> None:
    """The order is held against Bybit's own form, and its margin stands beside the coins."""
    clock, told = Clock(), list[Event]()
    venue = paper(clock, told.append)
    venue.market(Depth(BTC, ((60_001.0, 3.0),), ((60_002.0, 3.0),), 1, clock()))
    (found,) = await venue.submit(approved(instrument=BTC), durable())
    (seen,) = await venue.account(BYBIT_UNIFIED)

    assert isinstance(found, OrderReported)
    assert Status.FILLED is found.report.status
    assert isinstance(seen, AccountSeen)
    assert [Decimal("-0.500")] == [position.contracts for position in seen.snapshot.positions]
    assert {"BTC", "USDT"} == {balance.asset for balance in seen.snapshot.balances}
    assert seen.snapshot.margin is not None
    assert seen.snapshot.margin.maintenance_margin > 0
    assert [BYBIT_UNIFIED] == [sample.account for sample in await venue.clock()]
