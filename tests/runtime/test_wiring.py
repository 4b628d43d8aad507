"""Wiring: what each of the three ways to run is made of, and above all what it is not made of."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
import trustme
from pydantic import SecretStr

from bot.domain.account import AccountSnapshot, Balance
from bot.domain.events import (
    AccountSeen,
    AccountUnreadable,
    BalancesChanged,
    Event,
    OrderReported,
    PositionsChanged,
    RunMode,
    Started,
    StreamChanged,
)
from bot.domain.order import Approved, OrderRequest, Side, Status, TimeInForce
from bot.domain.units import Asset, ClientOrderId, Nanos
from bot.runtime import wiring
from bot.runtime.carrier import NoGateway
from bot.runtime.clock import ManualClock, settle
from bot.runtime.refusal import StartRefused
from bot.runtime.secrets import Credentials
from bot.runtime.settings import Settings
from bot.runtime.venue import Venue
from bot.runtime.wiring import HOSTS, PAPER_FILE, PaperReads, Reach, paper_state, pin_of, reach, wire
from bot.venues import exchanges
from bot.venues.gateway import LiveGateway
from bot.venues.metadata import LiveMetadata
from bot.venues.paper import PaperVenue
from bot.venues.paper_account import PaperState, restored
from bot.venues.snapshot import LiveSnapshots
from bot.venues.transport import SessionTransport
from tests.kit import SPOT, START_NS, USDM, d, depth, hedge, mark
from tests.runtime.configs import RIGHT, catalogue, loaded
from tests.runtime.stage import started

KEY = Credentials(SecretStr("k" * 64), SecretStr("s" * 64), "a test")
PAPER = "paper: {seed: config, latency: 0 ms, balances: {spot: {BTC: 1, ETH: 10}, usdm: {USDT: 50000}}}\n"
PRIVATE = {"binance.usdm.user", "binance.spot.user"}


def settings(tmp_path: Path, more: str = PAPER) -> Settings:
    """A config whose state lies in the test's folder."""
    return loaded(f"{RIGHT}state_dir: {tmp_path}\n{more}").settings


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What closes sessions after the test."""
    async with AsyncExitStack() as held:
        yield held


async def way(chosen: Settings, stack: AsyncExitStack, key: Credentials | None = None) -> Reach:
    """An open way to the venue, over which nothing is asked."""
    return await reach(chosen, key, ManualClock(START_NS), lambda _: None, stack)


def simulated(tmp_path: Path) -> str:
    """The section of a config that names a simulated exchange."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    pin = ", ".join(f"{host}: 127.0.0.1:8443" for host in sorted(HOSTS))
    return f"exchange: {{ca_file: {tmp_path / 'ca.pem'}, pin: {{{pin}}}}}\n"


async def wired(
    tmp_path: Path, stack: AsyncExitStack, mode: RunMode, key: Credentials | None = None, *, paper: bool
) -> Venue:
    """A wired venue of one way to run."""
    chosen = settings(tmp_path)
    there = await way(chosen, stack, key)
    account = await paper_state(chosen, there, catalogue()) if paper else None
    return wire(chosen, mode, there, catalogue(), ManualClock(START_NS), account)


def forbidden(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make it an error to construct any of these."""

    def made(*_: object, **__: object) -> NoReturn:
        raise AssertionError("this must not be constructed")

    for name in names:
        monkeypatch.setattr(wiring if hasattr(wiring, name) else exchanges, name, made)


def names(venue: Venue) -> set[str]:
    """The feeds of a venue."""
    return {feed.name for feed in venue.feeds}


# ------------------------------------------------------------------------------------------------- the three ways
async def test_a_dry_run_has_no_way_to_send_anything(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a live gateway nor a private stream is constructed, not even where there is a key."""
    forbidden(monkeypatch, "LiveGateway", "UsdmUser", "SpotUser", "RestListenKeys")
    for key in (None, KEY):
        venue = await wired(tmp_path, stack, RunMode.DRY_RUN, key, paper=True)

        assert isinstance(venue.gateway, PaperVenue)
        assert isinstance(venue.snapshots, PaperReads)
        assert {"binance.spot.market", "binance.usdm.market", "paper"} == names(venue)
        assert "journal-dry-run.sqlite3" == venue.journal_path.name


async def test_observe_without_a_key_looks_at_a_paper_account(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live data, declared balances, and no gateway of any kind."""
    forbidden(monkeypatch, "LiveGateway", "UsdmUser", "SpotUser")
    venue = await wired(tmp_path, stack, RunMode.OBSERVE, paper=True)

    assert isinstance(venue.gateway, NoGateway)
    assert isinstance(venue.snapshots, PaperReads)
    assert set() == names(venue) & PRIVATE


async def test_observe_with_a_key_reads_the_real_account(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Account reads and private streams are real, and there is no way out for orders."""
    forbidden(monkeypatch, "LiveGateway", "PaperVenue")
    venue = await wired(tmp_path, stack, RunMode.OBSERVE, KEY, paper=False)

    assert isinstance(venue.gateway, NoGateway)
    assert isinstance(venue.snapshots, LiveSnapshots)
    assert names(venue) >= PRIVATE


async def test_live_is_made_of_everything(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway, real reads, public and private streams, and nothing on paper."""
    forbidden(monkeypatch, "PaperVenue", "PaperKeeper")
    venue = await wired(tmp_path, stack, RunMode.LIVE, KEY, paper=False)

    assert isinstance(venue.gateway, LiveGateway)
    assert isinstance(venue.snapshots, LiveSnapshots)
    assert {"binance.spot.market", "binance.usdm.market", *PRIVATE} == names(venue)
    assert {"binance.usdm.user", "binance.spot.user"} <= {stream.name for stream in venue.streams}
    assert ("journal-live.sqlite3", (USDM,)) == (venue.journal_path.name, venue.margin_accounts)
    assert not (tmp_path / PAPER_FILE).exists()
    assert (LiveGateway.renew, LiveMetadata.read) == (function_of(venue.renew), function_of(venue.instruments))


def function_of(bound: object) -> object:
    """The function behind a bound method."""
    return bound.__func__  # type: ignore[attr-defined]


async def test_private_streams_without_a_key_are_a_bug(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A live run without a key never gets this far; if it does, it stops here."""
    with pytest.raises(AssertionError, match="need a key"):
        await wired(tmp_path, stack, RunMode.LIVE, paper=False)


async def test_a_coin_priced_by_its_perpetual_needs_no_spot_stream(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Where no spot market is named none is listened to."""
    only = tuple(one for one in catalogue() if one.account == USDM)
    chosen = settings(tmp_path)
    there = await way(chosen, stack)
    venue = wire(chosen, RunMode.DRY_RUN, there, only, ManualClock(), await paper_state(chosen, there, only))

    assert {"binance.usdm.market", "paper"} == names(venue)


# ------------------------------------------------------------------------------------------------------------ egress
def test_in_production_the_venues_own_hosts_are_pinned(tmp_path: Path) -> None:
    """Its REST and stream hosts, resolved as usual, and no other."""
    pin = pin_of(settings(tmp_path))

    assert HOSTS == set(pin)
    assert {None} == set(pin.values())
    assert all(host.endswith(".binance.com") for host in pin)


def test_a_configured_pin_is_all_there_is(tmp_path: Path) -> None:
    """Hosts of a simulated exchange at its addresses: what is not named cannot be reached."""
    pin = pin_of(settings(tmp_path, PAPER + simulated(tmp_path)))
    assert dict.fromkeys(HOSTS, ("127.0.0.1", 8443)) == pin


async def test_no_session_reaches_another_host(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Orders and reads have a session each, and both refuse a stranger before anything leaves."""
    there = await way(settings(tmp_path), stack, KEY)
    transports = (there.client._orders, there.client._reads)

    assert transports[0] is not transports[1]
    for transport in transports:
        assert isinstance(transport, SessionTransport)
        with pytest.raises(aiohttp.ClientConnectionError, match="not pinned"):
            await transport("GET", "https://example.com/", {}, None, 1.0)
    assert dict(pin_of(settings(tmp_path))) == dict(there.world.pin)
    assert there.world.context.verify_mode is ssl.CERT_REQUIRED


async def test_an_authority_that_is_gone_is_refused_with_its_name(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A file that was there when the config was read and is not when it is needed: the line says which key."""
    chosen = settings(tmp_path, PAPER + simulated(tmp_path))
    (tmp_path / "ca.pem").unlink()

    with pytest.raises(StartRefused, match="No such file") as raised:
        await way(chosen, stack)
    assert ("config", ("exchange", "ca_file")) == (raised.value.kind, raised.value.at)


async def test_a_pin_that_leaves_hosts_out_is_refused_with_all_of_them(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Every host that is missing is named at once, and where the pin was written is known."""
    section = simulated(tmp_path).replace("fapi.binance.com: 127.0.0.1:8443, ", "")
    section = section.replace("fstream.binance.com: 127.0.0.1:8443, ", "")

    with pytest.raises(StartRefused, match=r"fapi\.binance\.com, fstream\.binance\.com") as raised:
        await way(settings(tmp_path, PAPER + section), stack)
    assert ("config", ("exchange", "pin")) == (raised.value.kind, raised.value.at)


async def test_a_client_without_a_key_cannot_sign(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Without credentials there is nothing that a request could be signed with."""
    assert not (await way(settings(tmp_path), stack)).client.signs
    assert (await way(settings(tmp_path), stack, KEY)).client.signs


# ------------------------------------------------------------------------------------------------- the paper account
def order(number: int = 1, contracts: str = "0.5") -> Approved:
    """An order that sells bitcoin on paper."""
    fields: dict[str, Any] = {
        "client_id": ClientOrderId(f"tt{number:022d}"),
        "instrument": hedge("BTC"),
        "side": Side.SELL,
        "contracts": d(contracts),
        "limit_price": d(59_900),
        "time_in_force": TimeInForce.IOC,
        "reduce_only": False,
        "intent": 1,
        "leg": 0,
        "decided_ns": START_NS,
    }
    return Approved(OrderRequest(**fields))


def bound(venue: Venue) -> list[Event]:
    """The events of a venue from here on."""
    events: list[Event] = []
    venue.bind(events.append, lambda _: None)
    for event in (mark(hedge("BTC"), 60_000), depth(hedge("BTC"), 60_000)):
        venue.relay.put(event)
    return events


def kept(tmp_path: Path) -> PaperState:
    """The paper account as the disk has it."""
    return restored((tmp_path / PAPER_FILE).read_bytes())


async def test_a_paper_account_begins_as_declared(tmp_path: Path, stack: AsyncExitStack) -> None:
    """The config's balances in the config's wallets, flat in every future."""
    chosen = settings(tmp_path)
    state = await paper_state(chosen, await way(chosen, stack), catalogue())

    assert {SPOT: {"BTC": Decimal(1), "ETH": Decimal(10)}, USDM: {"USDT": Decimal(50_000)}} == state.balances
    assert {hedge("BTC"), hedge("ETH")} == set(state.positions)
    assert {Decimal(0)} == {position.contracts for position in state.positions.values()}


async def test_a_paper_account_is_kept_over_restarts(tmp_path: Path, stack: AsyncExitStack) -> None:
    """The next run begins where this one ended, whatever the config says by then; the file is its owner's."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    bound(venue)
    (report,) = await venue.gateway.submit(order(), asyncio.sleep(0))
    venue.persist(report)
    again = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    (seen,) = await again.snapshots.account(USDM)

    assert isinstance(seen, AccountSeen)
    assert d("-0.5") == {p.instrument: p.contracts for p in seen.snapshot.positions}[hedge("BTC")]
    assert 0o600 == (tmp_path / PAPER_FILE).stat().st_mode & 0o777
    assert [tmp_path / PAPER_FILE] == list(tmp_path.iterdir())


async def test_a_fill_is_on_disk_before_anybody_hears_of_it(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A crash right after never leaves a journal that knows of a position which the paper account has forgotten."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    bound(venue)
    held: list[tuple[type[Event], Decimal]] = []
    venue.bind(lambda event: held.append((type(event), kept(tmp_path).positions[hedge("BTC")].contracts)), print)
    await venue.gateway.submit(order(), asyncio.sleep(0))

    assert [(PositionsChanged, d("-0.5")), (BalancesChanged, d("-0.5"))] == held


async def test_an_order_that_did_not_fill_is_remembered_too(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Asked for it after a restart, the paper account still knows it."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    venue.bind(lambda _: None, lambda _: None)
    (report,) = await venue.gateway.submit(order(), asyncio.sleep(0))
    venue.persist(report)

    assert isinstance(report, OrderReported)
    assert Status.EXPIRED is report.report.status
    assert {order().request.client_id} == set(kept(tmp_path).reports)


async def test_the_seed_counts_once(tmp_path: Path, stack: AsyncExitStack) -> None:
    """From its first start on the account is kept, though it has not traded: later seeds change nothing."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    before = (tmp_path / PAPER_FILE).exists()
    venue.persist(started(ManualClock()))
    richer = settings(tmp_path, PAPER.replace("BTC: 1", "BTC: 99"))
    state = await paper_state(richer, await way(richer, stack), catalogue())

    assert not before
    assert d(1) == state.balances[SPOT][Asset("BTC")]


async def test_looking_on_keeps_nothing(tmp_path: Path, stack: AsyncExitStack) -> None:
    """`observe` and `plan` leave the paper account as it was: no file is made, and none is written over."""
    venue = await wired(tmp_path, stack, RunMode.OBSERVE, paper=True)
    bound(venue)
    venue.persist(started(ManualClock()))

    assert [] == list(tmp_path.iterdir())


async def test_funding_while_looking_on_leaves_the_paper_account_alone(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A position that a dry-run left on paper is settled in memory at most: its file stays byte for byte."""
    trading = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    bound(trading)
    await trading.gateway.submit(order(), asyncio.sleep(0))
    before = (tmp_path / PAPER_FILE).read_bytes()
    looking = await wired(tmp_path, stack, RunMode.OBSERVE, paper=True)
    events = bound(looking)
    looking.relay.put(mark(hedge("BTC"), 60_000, mark(hedge("BTC"), 60_000).next_funding_ns + 1))

    assert any(isinstance(event, BalancesChanged) for event in events)
    assert before == (tmp_path / PAPER_FILE).read_bytes()


async def test_a_paper_account_that_cannot_be_read_is_refused(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A torn file is not taken for an empty account: the line names it and says what to do."""
    (tmp_path / PAPER_FILE).write_text("{")
    chosen = settings(tmp_path)

    with pytest.raises(StartRefused, match="move it away") as raised:
        await paper_state(chosen, await way(chosen, stack), catalogue())
    assert ("config", True) == (raised.value.kind, PAPER_FILE in raised.value.lines[0])


async def test_a_paper_account_of_the_real_one_needs_a_key(tmp_path: Path, stack: AsyncExitStack) -> None:
    """The line says what is missing and which setting does without it."""
    chosen = settings(tmp_path, "")

    with pytest.raises(StartRefused, match="seed: config") as raised:
        await paper_state(chosen, await way(chosen, stack), catalogue())
    assert "credentials" == raised.value.kind


class Reads:
    """Account reads that were laid out by a test."""

    unreadable: str | None = None

    def __init__(self, *_: object) -> None:
        """Made as LiveSnapshots is."""

    async def account(self, account: str) -> tuple[Event, ...]:
        """One read."""
        if account == self.unreadable:
            return (AccountUnreadable(USDM, "no route", START_NS),)
        coin = Asset("BTC") if account == SPOT else Asset("USDT")
        return (
            AccountSeen(
                AccountSnapshot(account=SPOT if account == SPOT else USDM, balances=(Balance(coin, d(7)),)), START_NS
            ),
        )


async def test_a_paper_account_begins_as_the_real_one(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seeded live, both wallets are read once and taken over."""
    monkeypatch.setattr(exchanges, "LiveSnapshots", Reads)
    chosen = settings(tmp_path, "")
    state = await paper_state(chosen, await way(chosen, stack, KEY), catalogue())

    assert {SPOT: {"BTC": d(7)}, USDM: {"USDT": d(7)}} == state.balances


async def test_half_of_an_account_is_no_seed(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one wallet cannot be read nothing starts: the line says which and why."""
    monkeypatch.setattr(exchanges, "LiveSnapshots", type("Half", (Reads,), {"unreadable": USDM}))
    chosen = settings(tmp_path, "")

    with pytest.raises(StartRefused, match=r"binance\.usdm cannot be read .*: no route") as raised:
        await paper_state(chosen, await way(chosen, stack, KEY), catalogue())
    assert "venue" == raised.value.kind


async def test_the_paper_accounts_streams_are_up(tmp_path: Path, stack: AsyncExitStack) -> None:
    """What it says comes from itself, so the engine hears of both accounts' streams as up, once, and they stay."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    events = bound(venue)
    (feed,) = [feed for feed in venue.feeds if feed.name == "paper"]
    task = asyncio.ensure_future(feed.run())
    await settle()
    ups = [(event.account, event.up) for event in events if isinstance(event, StreamChanged)]

    assert [(SPOT, True), (USDM, True)] == ups
    assert not task.done()
    task.cancel()


async def test_paper_funding_is_on_disk_before_anybody_hears_of_it(tmp_path: Path, stack: AsyncExitStack) -> None:
    """A settlement that was booked is not lost with the process."""
    venue = await wired(tmp_path, stack, RunMode.DRY_RUN, paper=True)
    bound(venue)
    await venue.gateway.submit(order(), asyncio.sleep(0))
    settlement = mark(hedge("BTC"), 60_000).next_funding_ns
    venue.relay.put(mark(hedge("BTC"), 60_000, settlement + 1))

    (paid,) = kept(tmp_path).funding
    assert d(3) == paid.amount
    assert (paid,) == await venue.snapshots.funding(USDM, Nanos(0))


def test_a_start_is_what_it_takes_to_keep_the_seed() -> None:
    """The first step of every process is the one that the test above stands for."""
    assert isinstance(started(ManualClock()), Started)
