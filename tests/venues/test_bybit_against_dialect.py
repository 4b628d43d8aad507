"""The Bybit adapter against the simulated Bybit: what one signs and asks, the other checks and answers.

Both were written from the venue's documentation and neither knows the other. Requests are signed by ccxt and carried
to the dialect in process; websocket frames are taken from its sessions and read by the adapter's own parsers.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bot.domain.commands import CancelOrder, QueryOrder
from bot.domain.events import (
    AccountSeen,
    BalancesChanged,
    ClockSampled,
    Endpoint,
    ForeignOrderSeen,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnanswered,
    PositionsChanged,
)
from bot.domain.instrument import Kind
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Side, Status, TimeInForce
from bot.domain.snapshot import FundingTerms
from bot.domain.units import MILLISECOND_NS, Asset, Nanos
from bot.domain.venues import BYBIT_UNIFIED
from bot.simex.core.numbers import money
from bot.simex.wire import Request
from bot.venues.bybit import BookChannel, MarkChannel, MarketParser, Ponged, QuoteChannel, Subscribed, subscription
from bot.venues.bybit_catalogue import BybitCatalogue, BybitMetadata, read_marks
from bot.venues.bybit_gateway import BybitGateway
from bot.venues.bybit_history import BybitHistory
from bot.venues.bybit_preflight import BybitPreflight
from bot.venues.bybit_rest import BybitDialect
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.bybit_streams import auth_request
from bot.venues.bybit_user import TOPICS, Authenticated, TopicTaken, UserParser
from bot.venues.client import Client
from bot.venues.signing import Credentials
from bot.venues.translate.catalogue import Fees
from bot.venues.transport import Wire
from tests.simex.bybit.stage import KEY, PERP, SECRET, Stage, api_key
from tests.venues.bybitkit import BTC, SPOT_BTC
from tests.venues.canned import approved, client_id, durable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.order import Approved

USDT = Asset("USDT")
FEES = Fees(Decimal("0.001"), Decimal("0.001"))
SYMBOLS = frozenset({"BTCUSDT", "ETHUSDT"})


class Rig:
    """The adapter with the dialect at the other end."""

    def __init__(self, key: str = KEY, secret: str = SECRET, **behaviour: Any) -> None:
        self.stage = Stage(**behaviour)
        self.lose = ""
        """The path whose next answer is lost after it was carried out."""
        self.client = Client(
            credentials=Credentials(key, secret),
            orders=self.carry,
            reads=self.carry,
            clock=self.clock,
            sleep=self.sleep,
            dialect=BybitDialect(),
        )
        self.user = UserParser(USDT)

    def clock(self) -> Nanos:
        return Nanos(self.stage.now_ms * MILLISECOND_NS)

    async def sleep(self, seconds: float) -> None:
        self.stage.advance(int(seconds * 1_000) + 1)
        await asyncio.sleep(0)

    async def carry(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Hand a request to the dialect as its server would."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        request = Request(parts.netloc, method, parts.path, parts.query, body or b"", lower)
        response = self.stage.raw(request)
        if parts.path == self.lose:
            self.lose = ""
            raise TimeoutError
        return Wire(response.status, {k.lower(): v for k, v in response.headers.items()}, response.body)

    async def open(self) -> Rig:
        """Read the instruments and build what needs them."""
        self.instruments = (await BybitCatalogue(self.client, FEES, FEES).listing(SYMBOLS)).instruments
        self.by_id = {one.id: one for one in self.instruments}
        self.gateway = BybitGateway(self.client, self.by_id)
        self.snapshots = BybitSnapshots(self.client, self.instruments, USDT, {SPOT_BTC})
        self.private = self.stage.connect("/v5/private")
        said = self.private.say(auth_request(Credentials(KEY, SECRET), self.stage.now_ms + 5_000).decode())
        assert (Authenticated(),) == self.heard(said)
        taken = [self.private.say(subscription("subscribe", topic).decode()) for topic in TOPICS]
        assert [(TopicTaken(topic),) for topic in TOPICS] == [self.heard(one) for one in taken]
        return self

    def heard(self, frames: list[dict[str, Any]]) -> tuple[Any, ...]:
        """What the private parser makes of frames."""
        return tuple(
            told for frame in frames for told in self.user.parse(json.dumps(frame).encode(), int(self.clock()))
        )

    def news(self) -> tuple[Any, ...]:
        """What the private stream has said since the last time."""
        return self.heard(self.private.taken())

    def order(self, number: int = 1, **changes: Any) -> Approved:
        """An approved order to sell 0.01 BTC through the book."""
        usual = {"instrument": BTC, "contracts": Decimal("0.010"), "limit_price": Decimal(59_900)}
        return approved(number, **{**usual, "decided_ns": self.clock(), **changes})

    def look(self, endpoint: Endpoint, number: int = 1) -> QueryOrder:
        """A look for an order."""
        return QueryOrder(BTC, client_id(number), endpoint, self.clock())


@pytest.fixture
async def rig() -> Rig:
    """A rig with its instruments read and its private stream up."""
    return await Rig().open()


async def test_the_instruments_are_read(rig: Rig) -> None:
    """Pairs and contracts of one symbol stand apart, contracts with their public margin tiers."""
    assert {
        "bybit.unified:linear:BTCUSDT",
        "bybit.unified:linear:ETHUSDT",
        "bybit.unified:spot:BTCUSDT",
        "bybit.unified:spot:ETHUSDT",
    } == set(rig.by_id)
    future = rig.by_id[BTC]
    assert future.trading
    assert future.tiers[0].floor == 0
    assert (USDT, Decimal(1)) == (future.settle, future.contract_size)
    assert rig.by_id == await BybitMetadata(rig.client).read(rig.instruments)


async def test_marks_and_clock(rig: Rig) -> None:
    """What is public is read without a key's rights."""
    assert {"BTCUSDT", "ETHUSDT"} == set(await read_marks(rig.client, ["BTCUSDT", "ETHUSDT"]))
    sample = await rig.client.measure(BYBIT_UNIFIED)
    assert isinstance(sample, ClockSampled)
    assert abs(sample.offset_ns) < 2 * MILLISECOND_NS


async def test_the_account_is_read(rig: Rig) -> None:
    """Coins once, a flat position as zero, the margin in the settlement currency."""
    (seen,) = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(seen, AccountSeen)
    assert {"BTC": Decimal(2), "USDT": Decimal(100_000)} == {
        one.asset: one.total for one in seen.snapshot.balances if one.total
    }
    assert {Decimal(0)} == {one.contracts for one in seen.snapshot.positions}
    assert seen.snapshot.margin is not None
    assert seen.snapshot.margin.margin_balance > 100_000


async def test_an_order_is_a_receipt_and_then_the_streams_word(rig: Rig) -> None:
    """Sold, filled and told: by execution with its fee, by order, by position and by wallet."""
    assert () == await rig.gateway.submit(rig.order(), durable())
    news = rig.news()

    reports = [one.report for one in news if isinstance(one, OrderReported)]
    assert Status.FILLED is reports[-1].status
    fills = {fill.trade_id: fill for report in reports for fill in report.fills}
    assert Decimal("0.010") == sum(fill.contracts for fill in fills.values())
    assert all(fill.fee > 0 and fill.fee_asset == USDT for fill in fills.values())
    (position,) = [one for event in news if isinstance(event, PositionsChanged) for one in event.positions]
    assert Decimal("-0.010") == position.contracts
    assert any(isinstance(one, BalancesChanged) for one in news)


async def test_the_account_and_the_stream_agree_after_a_fill(rig: Rig) -> None:
    """The snapshot shows the position that the stream told."""
    await rig.gateway.submit(rig.order(), durable())
    (seen,) = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(seen, AccountSeen)
    held = {one.instrument: one.contracts for one in seen.snapshot.positions}
    assert Decimal("-0.010") == held[BTC]
    assert seen.snapshot.margin is not None
    assert seen.snapshot.margin.maintenance_margin > 0


async def test_a_lost_answer_is_resolved_by_a_look(rig: Rig) -> None:
    """The order was taken although its answer never came: either look finds it, with its fills."""
    rig.lose = "/v5/order/create"
    (fact,) = await rig.gateway.submit(rig.order(), durable())
    assert isinstance(fact, OrderUnanswered)

    for endpoint in Endpoint:
        (found,) = await rig.gateway.query(rig.look(endpoint))
        assert isinstance(found, OrderReported)
        assert (Status.FILLED, Decimal("0.010")) == (found.report.status, found.report.filled)
        assert found.report.fills


async def test_what_was_never_sent_is_denied_by_both(rig: Rig) -> None:
    """Realtime knows nothing, and neither history nor executions do."""
    for endpoint in Endpoint:
        (found,) = await rig.gateway.query(rig.look(endpoint, 99))
        assert isinstance(found, OrderNotFound)


async def test_a_duplicate_name_is_evidence_not_a_refusal(rig: Rig) -> None:
    """110072 says that an earlier request landed."""
    resting: dict[str, Any] = {"limit_price": Decimal(61_000), "time_in_force": TimeInForce.GTC}
    await rig.gateway.submit(rig.order(**resting), durable())
    (fact,) = await rig.gateway.submit(rig.order(**resting), durable())

    assert isinstance(fact, OrderUnanswered)


async def test_a_resting_order_is_cancelled_by_its_name(rig: Rig) -> None:
    """The cancel is received, and the look after it or the stream says what is left."""
    await rig.gateway.submit(rig.order(limit_price=Decimal(61_000), time_in_force=TimeInForce.GTC), durable())
    found = await rig.gateway.cancel(CancelOrder(BTC, client_id(1)))
    told = [*found, *rig.news()]

    reports = [one.report for one in told if isinstance(one, OrderReported)]
    assert Status.CANCELED in {report.status for report in reports}
    (seen,) = await rig.snapshots.account(BYBIT_UNIFIED)
    assert isinstance(seen, AccountSeen)


async def test_an_open_order_of_ours_is_told_with_the_account(rig: Rig) -> None:
    """What rests in the book is reported by the read."""
    await rig.gateway.submit(rig.order(limit_price=Decimal(61_000), time_in_force=TimeInForce.GTC), durable())
    _, reported = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(reported, OrderReported)
    assert Status.NEW is reported.report.status


async def test_a_reduce_only_order_with_nothing_to_reduce_is_over(rig: Rig) -> None:
    """Refused at the gate or behind it, it ends, and nothing was sold."""
    found = await rig.gateway.submit(rig.order(reduce_only=True), durable())
    told = [*found, *rig.news()]

    assert any(
        isinstance(one, OrderRejected) or (isinstance(one, OrderReported) and not one.report.filled) for one in told
    )
    (seen, *_) = await rig.snapshots.account(BYBIT_UNIFIED)
    assert isinstance(seen, AccountSeen)
    assert {Decimal(0)} == {one.contracts for one in seen.snapshot.positions}


async def test_coins_are_sold(rig: Rig) -> None:
    """A spot sale takes coins out of the one wallet and brings the quote, less its fee."""
    sale = rig.order(instrument=SPOT_BTC, contracts=Decimal("0.01"), limit_price=Decimal(59_990))
    assert () == await rig.gateway.submit(sale, durable())
    (seen, *_) = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(seen, AccountSeen)
    totals = {one.asset: one.total for one in seen.snapshot.balances}
    assert Decimal("1.99") == totals[Asset("BTC")]
    assert totals[USDT] > 100_000
    (report, *_) = [one.report for one in rig.news() if isinstance(one, OrderReported)]
    assert SPOT_BTC == report.instrument


async def test_somebody_elses_order_is_foreign(rig: Rig) -> None:
    """An order by hand is seen when it appears and when it trades."""
    rig.stage.placed(side="Buy", price="60100")

    foreign = [one for one in rig.news() if isinstance(one, ForeignOrderSeen)]
    assert Decimal("0.1") in {one.contracts for one in foreign}


async def test_funding_is_read_from_the_ledger(rig: Rig) -> None:
    """A settlement is one line of the ledger, received or paid; as an execution it is no fill."""
    await rig.gateway.submit(rig.order(), durable())
    rig.news()
    since = rig.clock()
    rig.stage.leap(8 * 3_600_000)
    paid = await rig.snapshots.funding(BYBIT_UNIFIED, since)

    assert {BTC} == {one.instrument for one in paid}
    assert all(one.amount != 0 and one.asset == USDT for one in paid)
    assert not [one for one in rig.news() if isinstance(one, OrderReported)]


async def test_the_preflight_finds_nothing_wrong() -> None:
    """A key without withdrawal, one-way, cross margin, leverage, balances, clock and budget."""
    rig = await Rig().open()
    look = BybitPreflight(rig.client, rig.instruments, USDT, clock_offset_ns_max=500 * MILLISECOND_NS, sold={SPOT_BTC})
    findings = await look.inspect()

    assert [] == [one for one in findings if not one.ok and one.blocking]
    assert {"BTCUSDT", "ETHUSDT"} == set(look.settings)
    assert look.margin is not None


async def test_a_key_that_may_withdraw_never_starts() -> None:
    """It is found out, whatever else is well."""
    rich = api_key(name="rich", key="simexkey0000000002", withdraw=True)
    rig = Rig(key="simexkey0000000002", keys=[rich])
    look = BybitPreflight(rig.client, (), USDT, clock_offset_ns_max=500 * MILLISECOND_NS)
    findings = await look.inspect()

    assert any("withdraw" in one.text for one in findings if not one.ok and one.blocking)


@pytest.mark.parametrize(("sold", "blocking"), [((), []), ({SPOT_BTC}, ["key scope"])])
async def test_where_only_coins_lie_a_key_that_reads_will_do(sold: Any, blocking: list[str]) -> None:
    """Without contracts it need not trade, unless coins are to be sold."""
    reader = api_key(name="reader", key="simexkey0000000003", spot=False, futures=False, transfer=False)
    rig = Rig(key="simexkey0000000003", keys=[reader])
    bound_ns = 500 * MILLISECOND_NS
    look = BybitPreflight(rig.client, (), USDT, clock_offset_ns_max=bound_ns, sold=sold, has_futures=False)
    findings = await look.inspect()

    assert blocking == [one.subject for one in findings if not one.ok and one.blocking]
    assert "Bybit balances" in {one.subject for one in findings}


async def test_without_contracts_only_pairs_are_listed() -> None:
    """Where only coins lie, linear contracts are not looked at."""
    found = await BybitCatalogue(Rig().client, FEES, None).listing(SYMBOLS)

    assert {Kind.SPOT} == {one.kind for one in found.instruments}


async def test_a_wrong_secret_is_one_finding() -> None:
    """The venue refuses the signature, which is said once and in words."""
    rig = Rig(secret="wrong" * 6)
    look = BybitPreflight(rig.client, (), USDT, clock_offset_ns_max=500 * MILLISECOND_NS)
    refusals = [one for one in await look.inspect() if not one.ok]

    assert ["key"] == [one.subject for one in refusals]
    assert "10004" in refusals[0].text


async def test_the_past_is_told(rig: Rig) -> None:
    """Funding terms come with the contract's own interval."""
    history = BybitHistory(rig.client)
    terms = await history.funding(rig.by_id[BTC])

    assert isinstance(terms, FundingTerms)
    assert 8 * 3_600 * 1_000_000_000 == terms.interval_ns


async def test_public_topics_are_taken_and_followed(rig: Rig) -> None:
    """Quotes, a book without a gap and a merged ticker, as the exchange trades."""
    socket = rig.stage.connect("/v5/public/linear")
    channels = tuple(kind(BTC, "BTCUSDT") for kind in (QuoteChannel, BookChannel, MarkChannel))
    parser = MarketParser(channels)
    for channel in channels:
        answers = socket.say(subscription("subscribe", channel.topic).decode())
        told = [parser.parse(json.dumps(one).encode(), 1) for one in answers]
        assert Subscribed(channel.topic) in told
    rig.stage.advance(300)
    for number in range(5):
        rig.stage.strangers(PERP, -1 if number % 2 else 1, "1.5")
        rig.stage.advance(200)
    seen = [parser.parse(json.dumps(one).encode(), 1) for one in socket.taken()]

    assert {Quote, Depth, Mark} == {type(one) for one in seen if one is not None}
    assert not any(channel.lost or channel.outdated for channel in channels)
    (best,) = [one for one in seen if isinstance(one, Quote)][-1:]
    (deep,) = [one for one in seen if isinstance(one, Depth)][-1:]
    assert (deep.bids[0][0], deep.asks[0][0]) == (best.bid, best.ask)
    assert Ponged() in [parser.parse(json.dumps(one).encode(), 1) for one in socket.say('{"op":"ping"}')]


async def test_a_side_that_buys(rig: Rig) -> None:
    """A bought contract is a long position."""
    await rig.gateway.submit(rig.order(side=Side.BUY, limit_price=Decimal(60_100)), durable())
    (seen, *_) = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(seen, AccountSeen)
    assert Decimal("0.010") == {one.instrument: one.contracts for one in seen.snapshot.positions}[BTC]


async def test_a_coin_that_is_gone_is_zero_and_not_unknown(rig: Rig) -> None:
    """Coins are asked for by name, so the venue lists them at zero too."""
    await rig.snapshots.account(BYBIT_UNIFIED)
    rig.stage.exchange.funds.withdraw(rig.stage.dialect.desk.account("alice"), "unified", "BTC", money(Decimal(2)))
    (seen,) = await rig.snapshots.account(BYBIT_UNIFIED)

    assert isinstance(seen, AccountSeen)
    assert Decimal(0) == {one.asset: one.total for one in seen.snapshot.balances}[Asset("BTC")]
