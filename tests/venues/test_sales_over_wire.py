"""Sales of coins against the simulated exchange's spot market: TLS, real signatures, injected faults."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.commands import QueryOrder
from bot.domain.events import AccountSeen, Endpoint, OrderNotFound, OrderRejected, OrderReported, OrderUnanswered
from bot.domain.order import Status
from bot.domain.units import Nanos
from bot.simex.config import SimexConfig
from bot.simex.injection import Fault
from bot.simex.serve import Simex
from bot.venues.net import open_session, ssl_context
from bot.venues.preflight import LivePreflight
from bot.venues.routes import SPOT
from bot.venues.snapshot import LiveSnapshots
from tests.simex.looks import SPOT_PAIR, top_of
from tests.venues.canned import SPOT_BTC, USDT, client_id, durable, sale
from tests.venues.test_gateway_over_wire import CLOCK_OFFSET_NS_MAX, KEYS, Rig, clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/api/v3/order"


class Stall:
    """A running exchange, our side of it, and coins to sell."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.reads = LiveSnapshots(rig.client, rig.instruments, USDT, (SPOT_BTC,))

    async def sell(self, coins: str = "0.01", below: str = "0.995", number: int = 1) -> Any:
        """Sell at what the spot book bids."""
        best = top_of(self.rig.simex, SPOT_PAIR).bid
        limit = (best * Decimal(below) // Decimal("0.01")) * Decimal("0.01")
        order = sale(number, contracts=Decimal(coins), limit_price=limit, decided_ns=clock())
        (fact,) = await self.rig.gateway.submit(order, durable())
        return fact

    async def look(self, endpoint: Endpoint) -> Any:
        """Look for the first sale."""
        since_ns = Nanos(clock() - 5_000_000_000)
        (found,) = await self.rig.gateway.query(QueryOrder(SPOT_BTC, client_id(1), endpoint, since_ns))
        return found

    async def held(self) -> dict[str, Decimal]:
        """The spot wallet as it reads."""
        (seen,) = await self.reads.account(SPOT)
        assert isinstance(seen, AccountSeen)
        return {balance.asset: balance.total for balance in seen.snapshot.balances}


@asynccontextmanager
async def stall() -> AsyncIterator[Stall]:
    """An exchange with a spot book, and our REST side connected to it."""
    async with Simex.start(SimexConfig(keys=KEYS, plain_http=False)) as simex:
        session = open_session(simex.pin, ssl_context(simex.ca_file))
        try:
            yield Stall(await Rig(simex, session).open())
        finally:
            await session.close()


async def test_a_sale_is_executed_and_seen_everywhere() -> None:
    """The answer, both looks with the same fills, and the wallet tell of the same sale."""
    async with stall() as one:
        before = await one.held()
        found = await one.sell()
        looks = [await one.look(endpoint) for endpoint in Endpoint]
        after = await one.held()

        assert isinstance(found, OrderReported)
        assert (Status.FILLED, Decimal("0.01")) == (found.report.status, found.report.filled)
        told = {(fill.trade_id, fill.contracts, fill.fee) for fill in found.report.fills}
        assert all({(f.trade_id, f.contracts, f.fee) for f in look.report.fills} == told for look in looks)
        gained = sum((f.contracts * f.price - f.fee for f in found.report.fills), Decimal(0))
        assert (before["BTC"] - Decimal("0.01"), before["USDT"] + gained) == (after["BTC"], after["USDT"])


@pytest.mark.parametrize(("kind", "executes"), [("drop_answer", True), ("http_503", True), ("http_503", False)])
async def test_a_sale_without_an_answer_is_unknown_until_looked_up(kind: str, executes: bool) -> None:
    """It is sent once; what both looks say is what happened."""
    async with stall() as one:
        before = (await one.held())["BTC"]
        one.rig.arm(kind, "unknown" if kind == "http_503" else "", path=PATH, executes=executes)
        found = await one.sell()
        looks = [await one.look(endpoint) for endpoint in Endpoint]

        assert isinstance(found, OrderUnanswered)
        assert [OrderReported if executes else OrderNotFound] * 2 == [type(look) for look in looks]
        assert before - (Decimal("0.01") if executes else 0) == (await one.held())["BTC"]
        assert 1 == one.rig.posts()


async def test_more_coins_than_there_are_cannot_be_sold() -> None:
    """The venue's refusal is a rejection."""
    async with stall() as one:
        found = await one.sell(str((await one.held())["BTC"] + 1))

        assert isinstance(found, OrderRejected)
        assert "-2010" == found.code


async def test_a_price_far_from_the_market_is_refused_by_its_filter() -> None:
    """PERCENT_PRICE_BY_SIDE is a refusal like any other."""
    async with stall() as one:
        found = await one.sell(below="0.1")

        assert isinstance(found, OrderRejected)
        assert ("-1013", "Filter failure: PERCENT_PRICE_BY_SIDE") == (found.code, found.message)


async def test_a_refusal_of_the_key_is_a_rejection() -> None:
    """A key without the right to trade spot sells nothing, and the pre-flight said so."""
    async with stall() as one:
        one.rig.simex.injections.arm(Fault("error", path=PATH, status=401, code=-2015, msg="Invalid API-key."))
        found = await one.sell()
        inspector = LivePreflight(
            one.rig.client, one.rig.instruments, USDT, clock_offset_ns_max=CLOCK_OFFSET_NS_MAX, sold=(SPOT_BTC,)
        )
        lines = [finding.text for finding in await inspector.inspect() if finding.ok]

        assert isinstance(found, OrderRejected)
        assert any("may sell coins" in line for line in lines)
