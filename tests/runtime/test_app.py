"""The composition root: what a start takes over from the last one, and what it refuses with a line for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from bot.domain.events import RunMode, Started, Stopping
from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.engine.modes import Mode
from bot.journal.reader import SqliteReader
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import JournalCorrupt, JournalMismatch, Record, Stamp
from bot.runtime import app, daemon, wiring
from bot.runtime.app import plan_once, preflight, run_daemon
from bot.runtime.clock import SystemClock
from bot.runtime.market import Market
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded
from bot.runtime.steps import Step, decode_state
from bot.runtime.wiring import HOSTS
from bot.venues.ports import Finding
from tests.kit import d
from tests.runtime.configs import RIGHT, catalogue, loaded
from tests.runtime.stage import Bench

PAPER = "paper: {seed: config, balances: {spot: {BTC: 1, ETH: 10}, usdm: {USDT: 50000}}}\n"
NOBODY = "127.0.0.1:9"
WAIT_S = 30.0
FUTURE_NS = 3600 * SECOND_NS


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine's owner is found, and the venue's list of instruments is laid out."""
    for name in ("CREDENTIALS_DIRECTORY", "TRIMTAB_API_KEY", "TRIMTAB_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    async def market(*_: object) -> Market:
        known = frozenset(one.id for one in catalogue())
        return Market(catalogue(), known, {"BTC": d(60_000), "ETH": d(2_500)})

    monkeypatch.setattr(app, "read_market", market)


def config(tmp_path: Path, more: str = PAPER, right: str = RIGHT) -> Loaded:
    """A config whose hosts nobody serves."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    pin = ", ".join(f"{host}: {NOBODY}" for host in sorted(HOSTS))
    exchange = f"exchange: {{ca_file: {tmp_path / 'ca.pem'}, pin: {{{pin}}}}}\n"
    return loaded(f"{right}state_dir: {tmp_path / 'state'}\nlog: {{level: error}}\n{exchange}{more}")


def journal_path(tmp_path: Path) -> Path:
    """Where a dry-run's journal lies."""
    return tmp_path / "state" / "journal-dry-run.sqlite3"


async def ran(chosen: Loaded, mode: RunMode = RunMode.DRY_RUN) -> RunMode | None:
    """Start a daemon and stop it at once."""
    stop = asyncio.Event()
    stop.set()
    return await asyncio.wait_for(run_daemon(chosen, mode, stop=stop), WAIT_S)


def events(tmp_path: Path, kind: type[Any]) -> list[Any]:
    """The events of one kind in the dry-run's journal."""
    with SqliteReader.open(journal_path(tmp_path)) as reader:
        steps = [msgspec.json.decode(record.payload, type=Step) for record in reader.records()]
    return [step.event for step in steps if isinstance(step.event, kind)]


def left(tmp_path: Path, records: Iterable[Record], state: bytes | None = None) -> None:
    """A journal that an earlier process left."""
    journal_path(tmp_path).parent.mkdir(exist_ok=True)
    stamp = Stamp("dry-run", "paper:main", ("binance",))
    with SqliteJournal.open(journal_path(tmp_path), stamp, lambda: 1, lambda _: None) as journal:
        seq = 0
        for record in records:
            seq = journal.append(record.kind, record.payload, record.at_ns)
        if state is not None:
            journal.checkpoint(seq, state).result(WAIT_S)


def lived(ahead_ns: int = 0) -> Bench:
    """A process that ended with an order on its way; its clock was so far ahead of ours."""
    bench = Bench()
    bench.clock.move(max(SystemClock().now_ns() + ahead_ns - bench.clock.now_ns(), 0))
    start = bench.observed[0][0]
    assert isinstance(start, Started)
    now = bench.clock.now_ns()
    bench.loop.step(msgspec.structs.replace(start, epoch=now // MILLISECOND_NS, received_ns=now))
    bench.ready().breach()
    return bench


# -------------------------------------------------------------------------------------------------- starts and ends
async def test_a_start_that_is_stopped_ends_in_good_order(tmp_path: Path) -> None:
    """Zero, with the start and the stop in the journal and a checkpoint behind them."""
    assert await ran(config(tmp_path)) is None
    with SqliteReader.open(journal_path(tmp_path)) as reader:
        kept = reader.latest_checkpoint()

    assert (1, 1) == (len(events(tmp_path, Started)), len(events(tmp_path, Stopping)))
    assert kept is not None
    assert ("dry-run", "paper:main") == (reader.stamp.mode, reader.stamp.account)


async def test_each_start_has_an_epoch_above_the_last(tmp_path: Path) -> None:
    """Client order ids are made of it: no two starts share one, however fast they follow each other."""
    for _ in range(3):
        await ran(config(tmp_path))
    epochs = [event.epoch for event in events(tmp_path, Started)]

    assert epochs == sorted(set(epochs))
    assert 3 == len(epochs)


async def test_a_clock_that_was_set_back_does_not_lead_to_an_old_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's last moment and epoch lie in what is now the future: time and epochs go on from there."""
    monkeypatch.setattr(daemon, "IN_FLIGHT_GRACE_NS", 0)
    bench = lived(FUTURE_NS)
    left(tmp_path, bench.journal.records())
    await ran(config(tmp_path))
    *_, before, now = events(tmp_path, Started)

    assert now.epoch > before.epoch
    assert now.received_ns > bench.engine.state.now


async def test_an_epoch_beyond_the_clock_is_still_exceeded(tmp_path: Path) -> None:
    """Even an epoch that no clock would give is not used again."""
    bench = Bench()
    start = bench.observed[0][0]
    assert isinstance(start, Started)
    bench.loop.step(msgspec.structs.replace(start, epoch=start.epoch * 2))
    left(tmp_path, bench.journal.records())
    await ran(config(tmp_path))

    assert start.epoch * 2 + 1 == events(tmp_path, Started)[-1].epoch


async def test_what_was_on_its_way_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of the last process are unknown to this one until they are resolved: it waits for them in its end."""
    monkeypatch.setattr(daemon, "IN_FLIGHT_GRACE_NS", 0)
    left(tmp_path, lived().journal.records())
    await ran(config(tmp_path))
    with SqliteReader.open(journal_path(tmp_path)) as reader:
        kept = reader.latest_checkpoint()
    assert kept is not None
    state = decode_state(kept.state)

    assert {"unknown"} == {record.status.value for record in state.orders.live()}
    assert 2 == len(state.orders.live())


async def test_a_halt_outlives_the_process(tmp_path: Path) -> None:
    """A fault of yesterday still halts today."""
    bench = Bench()
    bench.loop.fault("a pipe burst")
    left(tmp_path, bench.journal.records())
    await ran(config(tmp_path))
    with SqliteReader.open(journal_path(tmp_path)) as reader:
        kept = reader.latest_checkpoint()

    assert kept is not None
    assert Mode.HALT is decode_state(kept.state).modes.overall


# ---------------------------------------------------------------------------------------------------------- journals
async def test_a_journal_that_replays_to_something_else_is_refused(tmp_path: Path) -> None:
    """Another version's journal, or a defect: the line names the record, and nothing is started on it."""
    records = [
        msgspec.structs.replace(record, payload=record.payload.replace(b'"contracts":"1.234"', b'"contracts":"1.235"'))
        for record in lived().journal.records()
    ]
    left(tmp_path, records)
    with pytest.raises(JournalCorrupt, match=r"record \d+ replays to other commands") as raised:
        await ran(config(tmp_path))

    assert "\n" not in str(raised.value)
    assert [] == events(tmp_path, Stopping)


@pytest.mark.parametrize(
    "payload", [b"{}", b"not json", b'{"now_ns":1,"reads":[],"event":{"type":"Odd"},"commands":[]}']
)
async def test_a_journal_of_other_steps_is_refused(tmp_path: Path, payload: bytes) -> None:
    """Records that this version cannot read are not skipped."""
    records = list(Bench().journal.records())
    left(tmp_path, [*records, msgspec.structs.replace(records[0], payload=payload)])

    with pytest.raises(JournalCorrupt, match="cannot be read"):
        await ran(config(tmp_path))


async def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    """A state that does not decode is not replaced by an empty one."""
    left(tmp_path, Bench().journal.records(), b'{"now":1}')

    with pytest.raises(JournalCorrupt, match="cannot be read"):
        await ran(config(tmp_path))


async def test_a_journal_without_its_beginning_is_refused(tmp_path: Path) -> None:
    """What is not a start cannot be a beginning."""
    bench = Bench()
    bench.loop.fault("x")
    left(tmp_path, list(bench.journal.records())[1:])

    with pytest.raises(JournalCorrupt, match="not a start"):
        await ran(config(tmp_path))


async def test_another_ways_journal_is_refused(tmp_path: Path) -> None:
    """A dry-run's journal is not gone on with by `observe`."""
    await ran(config(tmp_path))
    journal_path(tmp_path).rename(tmp_path / "state" / "journal-observe.sqlite3")

    with pytest.raises(JournalMismatch, match="dry-run"):
        await ran(config(tmp_path), RunMode.OBSERVE)


# --------------------------------------------------------------------------------------------------- what is missing
async def test_live_without_a_key_is_refused(tmp_path: Path) -> None:
    """The line says where a key was looked for, and no journal is made."""
    with pytest.raises(StartRefused, match="no API key") as raised:
        await ran(config(tmp_path), RunMode.LIVE)

    assert ("credentials", 1) == (raised.value.kind, len(raised.value.lines))
    assert [] == list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("mode", [RunMode.DRY_RUN, RunMode.OBSERVE, RunMode.LIVE])
async def test_a_key_that_is_there_but_wrong_is_refused_everywhere(tmp_path: Path, mode: RunMode) -> None:
    """A source that names a key is meant: that it cannot be read is not a reason to do without."""
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text("k" * 64)
    (tmp_path / "secret").touch(mode=0o644)
    (tmp_path / "secret").write_text("s" * 64)
    files = f"credentials: {{api_key_file: {tmp_path / 'key'}, api_secret_file: {tmp_path / 'secret'}}}\n"
    chosen = config(tmp_path, PAPER + files)

    with pytest.raises(StartRefused, match="chmod 600") as raised:
        await ran(chosen, mode)
    assert "credentials" == raised.value.kind


async def test_a_check_of_the_account_needs_a_key(tmp_path: Path) -> None:
    """`check` says so in the same words as a live start."""
    with pytest.raises(StartRefused, match="no API key"):
        await preflight(config(tmp_path))


async def test_a_band_that_no_order_can_keep_is_refused_with_its_line(tmp_path: Path) -> None:
    """What the venue's filters make impossible is a fault of the config: file, line, what is allowed."""
    chosen = config(tmp_path, right=RIGHT.replace("trigger: 1 %", "trigger: 0.0001 coins"))

    with pytest.raises(StartRefused, match=r"c\.yaml:\d+") as raised:
        await ran(chosen)
    assert "config" == raised.value.kind


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A config with a key whose account can be read."""
    for name in ("key", "secret"):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(name[0] * 64)

    async def holdings(*_: object) -> dict[str, Any]:
        return {"BTC": d(1), "ETH": d(10), "USDT": d(50_000)}

    monkeypatch.setattr(app, "account_holdings", holdings)
    files = f"credentials: {{api_key_file: {tmp_path / 'key'}, api_secret_file: {tmp_path / 'secret'}}}\n"
    return config(tmp_path, files)


def found(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    """Lay out what the pre-flight finds."""

    async def inspect(*_: object) -> tuple[Finding, ...]:
        return findings

    monkeypatch.setattr(wiring, "inspect", inspect)


async def test_live_is_refused_with_every_blocking_finding(keyed: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, a line each; what only deserves a word does not block."""
    found(
        monkeypatch,
        Finding("clock", True, "fine"),
        Finding("key scope", False, "this key may withdraw"),
        Finding("key scope", False, "works from any address", blocking=False),
        Finding("position mode", False, "hedge mode"),
    )
    with pytest.raises(StartRefused) as raised:
        await ran(keyed, RunMode.LIVE)

    assert ("key scope: this key may withdraw", "position mode: hedge mode") == raised.value.lines
    assert "refused" == raised.value.kind


async def test_a_venue_out_of_reach_is_told_from_a_refusal(keyed: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts can try again later when the reason is the network's."""
    found(monkeypatch, Finding("connection", False, "api.binance.com: connection refused"))
    with pytest.raises(StartRefused) as raised:
        await ran(keyed, RunMode.LIVE)

    assert "venue" == raised.value.kind


@pytest.mark.parametrize(
    ("findings", "kind", "words"),
    [
        ((Finding("key", False, "no good"),), "key", "c.yaml:13: credentials.api_key_file: value "),
        ((Finding("key", False, "no good"), Finding("clock", False, "off")), "refused", "key: no good"),
        ((Finding("connection", False, "away"),), "venue", "exchange.pin: connection: away"),
        ((Finding("connection", False, "away"), Finding("key scope", False, "x")), "refused", "connection: away"),
    ],
)
async def test_what_needs_a_person_is_told_from_what_may_pass(
    keyed: Loaded, monkeypatch: pytest.MonkeyPatch, findings: tuple[Finding, ...], kind: str, words: str
) -> None:
    """A refused key and a venue that is away are kinds of their own, at their lines, unless more is wrong beside."""
    found(monkeypatch, *findings)
    with pytest.raises(StartRefused) as raised:
        await ran(keyed, RunMode.LIVE)

    assert kind == raised.value.kind
    assert words in raised.value.lines[0]


async def test_a_missing_paper_seed_is_placed(tmp_path: Path) -> None:
    """Without a key a paper account cannot begin with the real one: the line of paper.seed says so."""
    with pytest.raises(StartRefused) as raised:
        await ran(config(tmp_path, "paper: {seed: live}\n"), RunMode.DRY_RUN)

    assert ("credentials", 1) == (raised.value.kind, len(raised.value.lines))
    assert "c.yaml:13: paper.seed: value 'live': the paper account begins with the real one" in raised.value.lines[0]


async def test_a_journal_needs_to_know_whose_it_is(keyed: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the account's number cannot be read no journal is opened: it could be another account's."""
    found(monkeypatch)

    async def unknown(*_: object) -> None:
        return None

    monkeypatch.setattr(wiring, "account_number", unknown)
    for mode in (RunMode.LIVE, RunMode.OBSERVE):
        with pytest.raises(StartRefused, match="account's number") as raised:
            await ran(keyed, mode)
        assert "venue" == raised.value.kind


async def test_a_journal_is_the_accounts_not_the_keys(
    keyed: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stamped with the venue's number of the account, and holds nothing of the key."""
    found(monkeypatch)

    async def number(*_: object) -> str:
        return "4711"

    monkeypatch.setattr(wiring, "account_number", number)
    assert await ran(keyed, RunMode.LIVE) is None
    path = tmp_path / "state" / "journal-live.sqlite3"
    with SqliteReader.open(path) as reader:
        stamp = reader.stamp

    assert ("live", "binance:4711") == (stamp.mode, stamp.account)
    assert b"k" * 64 not in path.read_bytes()


async def test_a_check_tells_every_finding(keyed: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The good ones too, each with whether it would block."""
    found(monkeypatch, Finding("clock", True, "fine"), Finding("key scope", False, "any address", blocking=False))
    lines = await preflight(keyed)

    assert {("clock", True, True, "fine"), ("key scope", False, False, "any address")} <= set(lines)


# ------------------------------------------------------------------------------------------------------------- plans
async def test_a_plan_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking once leaves no journal, no paper account and no socket, and says what it could not judge."""
    monkeypatch.setattr(app, "PLAN_PATIENCE_S", 0.0)
    answer = await plan_once(config(tmp_path))

    assert {"neutral:BTC", "neutral:ETH"} == {refused["what"] for refused in answer["refused"]}
    assert [] == list((tmp_path / "state").iterdir())
