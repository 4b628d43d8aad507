"""The whole REST side against the simulated exchange: TLS, real host names, real signatures, injected faults."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bot.domain.commands import QueryOrder
from bot.domain.events import (
    AccountSeen,
    AccountUnreadable,
    Endpoint,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
)
from bot.domain.order import Side, Status
from bot.domain.units import MILLISECOND_NS, Nanos
from bot.simex.config import KeySpec, SimexConfig
from bot.simex.injection import Fault
from bot.simex.serve import Simex
from bot.venues.catalogue import LiveCatalogue
from bot.venues.client import Client
from bot.venues.gateway import LiveGateway
from bot.venues.net import open_session, ssl_context
from bot.venues.preflight import LivePreflight
from bot.venues.routes import SPOT, USDM
from bot.venues.signing import Credentials
from bot.venues.snapshot import LiveSnapshots
from bot.venues.translate.catalogue import Fees
from bot.venues.transport import SessionTransport
from tests.simex.looks import PERPETUAL, top_of
from tests.venues.canned import BTC, USDT, approved, client_id, durable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.venues.ports import Finding

KEYS = (KeySpec("default"), KeySpec("rich", withdraw=True), KeySpec("poor", futures=False))
CLOCK_OFFSET_NS_MAX = 500 * MILLISECOND_NS
LOOKS_MAX = 5
FEES = Fees(Decimal("0.001"), Decimal("0.001"))


def clock() -> Nanos:
    """Our clock."""
    return Nanos(time.time_ns())


class Rig:
    """A running exchange and our side of it."""

    def __init__(self, simex: Simex, session: Any) -> None:
        self.simex = simex
        self._transport = SessionTransport(session)
        self.client = self.client_of("default")

    def client_of(self, key: str, secret: str = "") -> Client:
        """A client with one of the exchange's keys."""
        found = self.simex.keys[key]
        credentials = Credentials(found.key, secret or found.secret)
        return Client(credentials=credentials, orders=self._transport, reads=self._transport, clock=clock)

    async def open(self) -> Rig:
        """Read the instruments and build what needs them."""
        listed = LiveCatalogue(self.client, FEES, FEES)
        self.instruments = (await listed.listing(frozenset({"BTCUSDT", "ETHUSDT"}))).instruments
        self.gateway = LiveGateway(self.client, {one.id: one for one in self.instruments})
        self.snapshots = LiveSnapshots(self.client, self.instruments, USDT)
        return self

    def arm(self, kind: str, variant: str = "", path: str = "/fapi/v1/order", **more: Any) -> None:
        """Arm a fault on an endpoint."""
        self.simex.injections.arm(Fault(kind, variant, path=path, **more))

    async def sell(self, number: int = 1, contracts: str = "0.010", **changes: Any) -> Any:
        """Sell at what the book gives."""
        best = top_of(self.simex, PERPETUAL).bid
        limit = (best * Decimal("0.995") // Decimal("0.1")) * Decimal("0.1")
        fields = {"contracts": Decimal(contracts), "limit_price": limit, **changes}
        (fact,) = await self.gateway.submit(approved(number, **{"decided_ns": clock(), **fields}), durable())
        return fact

    async def look(self, number: int, endpoint: Endpoint) -> Any:
        """Look for an order."""
        since_ns = Nanos(clock() - 5_000_000_000)
        return await self.gateway.query(QueryOrder(BTC, client_id(number), endpoint, since_ns))

    async def look_whole(self, number: int, endpoint: Endpoint) -> Any:
        """Look until the fills are told too: they are a request of their own, which may come to nothing."""
        for _ in range(LOOKS_MAX - 1):
            found = await self.look(number, endpoint)
            if found and found[0].report.fills:
                return found
        return await self.look(number, endpoint)

    async def position(self) -> Decimal:
        """The BTC position as the account reads."""
        facts = await self.snapshots.account(USDM)
        assert isinstance(facts[0], AccountSeen)
        return {p.instrument: p.contracts for p in facts[0].snapshot.positions}[BTC]

    def posts(self) -> int:
        """How many orders the exchange has received."""
        return sum(1 for entry in self.simex.requests if entry.method == "POST")

    async def inspect(self, of: Client) -> tuple[Finding, ...]:
        """What the pre-flight finds."""
        return await LivePreflight(of, self.instruments, USDT, clock_offset_ns_max=CLOCK_OFFSET_NS_MAX).inspect()


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    """An exchange with a book, and our REST side connected to it."""
    async with Simex.start(SimexConfig(keys=KEYS, plain_http=False)) as simex:
        session = open_session(simex.pin, ssl_context(simex.ca_file))
        try:
            yield await Rig(simex, session).open()
        finally:
            await session.close()


async def test_an_order_is_executed_and_seen_everywhere() -> None:
    """The answer, both looks with their fees, and the account tell of the same fill."""
    async with rig() as one:
        found = await one.sell()
        looks = [*await one.look_whole(1, Endpoint.ORDER), *await one.look_whole(1, Endpoint.TRADES)]

        assert isinstance(found, OrderReported)
        assert (Status.FILLED, Decimal("0.01")) == (found.report.status, found.report.filled)
        assert [found.report.venue_id] * 2 == [look.report.venue_id for look in looks]
        assert all(look.report.fills[0].fee > 0 for look in looks)
        assert Decimal("-0.01") == await one.position()


FAULTS = [
    ("http_503", "unknown", True),
    ("http_503", "unknown", False),
    ("drop_answer", "", True),
    ("garbage_200", "empty", True),
    ("garbage_200", "truncated", True),
    ("garbage_200", "html", True),
    ("garbage_200", "{}", True),
]


@pytest.mark.parametrize(("kind", "variant", "executes"), FAULTS)
async def test_an_order_without_an_answer_is_found_by_looking(kind: str, variant: str, executes: bool) -> None:
    """Sent once, unanswered, and then both endpoints and the position tell the truth about it."""
    async with rig() as one:
        one.arm(kind, variant, method="POST", executes=executes)
        found = await one.sell()
        looks = [*await one.look(1, Endpoint.ORDER), *await one.look(1, Endpoint.TRADES)]

        assert isinstance(found, OrderUnanswered)
        assert 1 == one.posts()
        assert [OrderReported if executes else OrderNotFound] * 2 == [type(look) for look in looks]
        assert Decimal("-0.01" if executes else 0) == await one.position()


@pytest.mark.parametrize("variant", ["unavailable", "internal", "throttled"])
async def test_a_documented_failure_is_a_rejection(variant: str) -> None:
    """The three kinds of 503 that the venue calls failures are failures, and nothing was placed."""
    async with rig() as one:
        one.arm("http_503", variant, method="POST", executes=False)

        assert isinstance(await one.sell(), OrderRejected)
        assert isinstance((await one.look(1, Endpoint.ORDER))[0], OrderNotFound)
        assert 1 == one.posts()


async def test_an_answer_that_comes_too_late_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its total timeout an order is unanswered although it was executed."""
    monkeypatch.setattr("bot.venues.client.ORDER_TIMEOUT_S", 0.05)
    async with rig() as one:
        one.arm("delay", "after", method="POST", delay_ms=500)
        found = await one.sell()
        monkeypatch.undo()

        assert isinstance(found, OrderUnanswered)
        assert "in time" in found.reason
        assert isinstance((await one.look(1, Endpoint.ORDER))[0], OrderReported)


async def test_refusals_carry_the_venues_codes() -> None:
    """No margin, and nothing to reduce: the venue's own refusals."""
    async with rig() as one:
        too_large = await one.sell(1, contracts="900")
        nothing_held = await one.sell(2, reduce_only=True)

        assert ("-2019", "-2022") == (too_large.code, nothing_held.code)


async def test_a_reduce_only_order_closes_what_is_held() -> None:
    """Bought back with the venue's own flag, the position is flat, and flat is believed."""
    async with rig() as one:
        await one.sell(1, contracts="0.020")
        ask = top_of(one.simex, PERPETUAL).ask
        limit = (ask * Decimal("1.005") // Decimal("0.1")) * Decimal("0.1")
        back = await one.sell(2, contracts="0.020", side=Side.BUY, limit_price=limit, reduce_only=True)

        assert (Status.FILLED, True) == (back.report.status, back.report.reduce_only)
        assert Decimal(0) == await one.position()


@pytest.mark.parametrize(
    ("kind", "path", "account"),
    [
        ("empty_list", "/fapi/v3/positionRisk", USDM),
        ("empty_balances", "/fapi/v3/account", USDM),
        ("garbage_200", "/fapi/v3/account", USDM),
        ("garbage_200", "/fapi/v1/openOrders", USDM),
        ("empty_balances", "/api/v3/account", SPOT),
        ("garbage_200", "/api/v3/account", SPOT),
    ],
)
async def test_an_empty_or_broken_account_changes_nothing(kind: str, path: str, account: Any) -> None:
    """With a short open, no emptied or cut answer is taken for an account."""
    async with rig() as one:
        await one.sell()
        one.arm(kind, "truncated" if kind == "garbage_200" else "", path=path, count=9)
        facts = await one.snapshots.account(account)

        assert [AccountUnreadable] == [type(fact) for fact in facts]


async def test_spot_holdings_are_read() -> None:
    """The wallet of the account, free and locked."""
    async with rig() as one:
        (fact,) = await one.snapshots.account(SPOT)

        assert isinstance(fact, AccountSeen)
        assert {"BTC": 1, "ETH": 10} == {
            balance.asset: balance.total for balance in fact.snapshot.balances if balance.asset != USDT
        }


async def test_the_preflight_passes_on_a_clean_key() -> None:
    """Everything readable, nothing wrong, and not one request that changes anything."""
    async with rig() as one:
        findings = await one.inspect(one.client)

        assert [] == [finding for finding in findings if not finding.ok]
        assert 0 == one.posts()


async def test_the_preflight_refuses_what_may_withdraw_or_may_not_trade() -> None:
    """A key with withdrawal, one without futures and one with a wrong secret each block."""
    async with rig() as one:
        found = {
            "rich": await one.inspect(one.client_of("rich")),
            "poor": await one.inspect(one.client_of("poor")),
            "wrong": await one.inspect(one.client_of("default", secret="x" * 64)),
        }
        blocking = {name: [f.text for f in fs if not f.ok and f.blocking] for name, fs in found.items()}

        assert [1, 1, 1] == [len(lines) for lines in blocking.values()], blocking
        assert "withdraw" in blocking["rich"][0]
        assert "futures" in blocking["poor"][0]
        assert "refuses the key" in blocking["wrong"][0]


async def test_a_clock_that_is_off_blocks_and_does_not_blind() -> None:
    """Twenty seconds of skew are said with their size, and reads still work: they are signed by the venue's time."""
    async with rig() as one:
        one.simex.set_clock(20_000)
        findings = await one.inspect(one.client)

        wrong = [finding.text for finding in findings if not finding.ok]
        assert 2 == len(wrong)
        assert all("ms ahead" in text for text in wrong)


async def test_an_unreachable_exchange_is_named() -> None:
    """A port where nobody listens: one line with the host, and no traceback."""
    session = open_session(
        {"fapi.binance.com": ("127.0.0.1", 1), "api.binance.com": ("127.0.0.1", 1)}, ssl_context(None)
    )
    try:
        transport = SessionTransport(session)
        one = Client(credentials=Credentials("k" * 64, "s" * 64), orders=transport, reads=transport, clock=clock)
        findings = await LivePreflight(one, (), USDT, clock_offset_ns_max=CLOCK_OFFSET_NS_MAX).inspect()
    finally:
        await session.close()

    assert ["connection", "connection"] == [finding.subject for finding in findings]
    assert "cannot reach fapi.binance.com" in findings[1].text


async def test_no_secret_is_in_anything_that_comes_back() -> None:
    """Under every fault, no fact holds the key, the secret or a signature."""
    async with rig() as one:
        facts = []
        for number, (kind, variant, executes) in enumerate(FAULTS, start=1):
            one.arm(kind, variant, method="POST", executes=executes)
            facts.append(await one.sell(number))
        key = one.simex.keys["default"]
        text = msgspec.json.encode(facts).decode() + repr(facts) + repr(one.client)

        assert not [secret for secret in (key.key, key.secret, "signature") if secret in text]
