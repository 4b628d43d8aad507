"""The doctor against the simulated exchange: twelve planted faults and more, every one found in one run."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.journal.sqlite import SqliteJournal
from bot.journal.store import Entry, Stamp
from bot.ops.checks import CheckResult, check_all
from bot.ops.exits import Exit
from bot.ops.findings import Found
from bot.runtime import killfile
from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex
from tests.e2e.kit import SPOT, USDM, armed, attached, config, exchange, running, written
from tests.journal.helpers import tampered

# apprise asks for a module of Python's that is on its way out, and has its own for the day when it is gone.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.usefixtures("no_settings"),
]

PATIENCE_S = 120.0
DAY_MS = 86_400_000
SMALL_BAND = "[{name: neutral, kind: neutral, assets: [BTC, ETH], band: {trigger: 0.0001 coins, destination: 0 coins}}]"


def sickly() -> SimexConfig:
    """An exchange whose key may do too much, from anywhere, and not for long."""
    expires_ms = time.time_ns() // 1_000_000 + 3 * DAY_MS
    key = KeySpec("default", withdraw=True, transfer=True, ip_restricted=False, expires_ms=expires_ms)
    return exchange(keys=(key,), accounts=(AccountSpec(spot=dict(SPOT), usdm=dict(USDM)),))


async def planted(simex: Simex, directory: Path) -> None:
    """Everything on the account that its owner has to mend."""
    async with attached(simex, config(simex, directory)) as world:
        await world.control("clock", offset_ms=20_000)
        await world.control("settings", symbol="ETHUSDT", margin_type="ISOLATED")
        await world.control("settings", dual_side=True)
        await world.control("settings", symbol="BTCUSDT", leverage=1)
        await world.control("fees", maker="0.0004", taker="0.0008")
        await world.control("crowd", market="spot", weight=1_700)


def neglected(directory: Path, text: str) -> Path:
    """A home that has been neglected: open to others, killed, its journal broken; and a config with more of it."""
    state_dir = directory / "state"
    state_dir.mkdir(mode=0o755)
    state_dir.chmod(0o755)
    killfile.write(state_dir, "the owner is on holiday", "owner")
    _break(state_dir / "journal-live.sqlite3")
    path = written(directory)
    path.write_text(path.read_text() + text)
    return path


def _break(path: Path) -> None:
    journal = SqliteJournal.open(path, Stamp("live", "binance:1", ("binance",)), time.time_ns, lambda _: None)
    with journal:
        journal.append_many([Entry("step", f"{number}".encode(), number) for number in range(1, 6)])
    tampered(path, "UPDATE records SET payload = x'00' WHERE seq = 3")


async def examined(path: Path) -> CheckResult:
    """The doctor's result, in a thread of its own as the verb has a process of its own."""
    return await asyncio.wait_for(asyncio.to_thread(check_all, path, False, True), PATIENCE_S)


def wrong(result: CheckResult) -> list[Found]:
    """What is not ok."""
    return [one for one in result.doctor or () if not one.ok]


FAULTS = {
    "a clock 20 s off": ("clock", True, r"USD-M: the venue is \d+ ms ahead of this clock"),
    "a key that may withdraw": ("key scope", True, "may withdraw"),
    "a key that may transfer": ("key scope", False, "may transfer"),
    "no list of addresses": ("key scope", False, "works from any address"),
    "a key about to expire": ("key scope", False, r"ends in 3\.0 days|ends in 2\.9 days"),
    "hedge mode": ("position mode", True, "one-way"),
    "isolated margin": ("margin type", True, "ETHUSDT: isolated"),
    "leverage of 1": ("leverage", False, r"story\.yaml.*BTCUSDT is set to 1x; .* take at least 5x"),
    "higher fees than configured": (
        "fees",
        False,
        r"story\.yaml:\d+: paper\.taker_fee: .*pays 8 bps as taker of BTCUSDT",
    ),
    "a band below a lot": (
        "market",
        True,
        r"story\.yaml:\d+: targets\[0\]\.band\.trigger: .*smallest order of usdm:BTCUSDT",
    ),
    "a rate budget in use": ("rate budget", False, r"spot: 17\d\d of 6000"),
    "a disk nearly full": ("disk", True, r"story\.yaml:\d+: journal\.disk_free: .*1\.0 TiB is the least"),
    "a sink that takes nothing": ("alerts", True, r"story\.yaml:\d+: alerts\.sinks\.phone: "),
    "a state directory open to others": ("state directory", False, "mode 0755.*chmod 700"),
    "a broken journal": ("journal", True, "broken at record 3"),
    "a kill file": ("kill", False, "the owner is on holiday"),
    "no heartbeat": ("heartbeat", False, "a dead host alerts nobody"),
}


async def test_every_planted_fault_is_found_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seventeen faults at once: each is a line of its own that says what to do, and none hides another."""
    monkeypatch.setattr("bot.ops.doctor_home.free_bytes", lambda _: 5 * 1024**2)
    async with Simex.start(sickly()) as simex:
        await planted(simex, tmp_path)
        config(simex, tmp_path, targets=SMALL_BAND)
        path = neglected(
            tmp_path,
            "paper: {taker_fee: 5 bps}\njournal: {disk_free: 1 TiB}\n"
            "alerts: {sinks: {phone: {url: 'json://127.0.0.1:9/nobody'}}}\n",
        )
        result = await examined(path)

        assert (False, int(Exit.REFUSED)) == (result.ok, result.exit)
        for fault, (subject, blocking, words) in FAULTS.items():
            lines = [one for one in wrong(result) if one.subject == subject and re.search(words, one.text)]
            assert [blocking] == [one.blocking for one in lines], (fault, [one.text for one in wrong(result)])
            assert "\n" not in lines[0].text
        assert simex.requests.summary()["signed_mutating_total"] == 0
        secrets = (simex.keys["default"].key, simex.keys["default"].secret)
        assert not [one for one in result.doctor or () if any(secret in one.text for secret in secrets)]


async def test_multi_assets_mode_is_found(tmp_path: Path) -> None:
    """The asset mode, which excludes isolated margin at the venue, is a line of its own that blocks."""
    async with Simex.start(exchange()) as simex:
        async with attached(simex, config(simex, tmp_path)) as world:
            await world.control("settings", multi_assets=True)
        result = await examined(written(tmp_path))

        (found,) = [one for one in wrong(result) if one.subject == "asset mode"]
        assert found.blocking
        assert "single-asset" in found.text


async def test_a_healthy_account_is_ready_for_live(tmp_path: Path) -> None:
    """Nothing to mend: the doctor says so with 0, changes nothing, and live starts."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path)
        result = await examined(written(tmp_path))

        assert [] == [one.text for one in wrong(result) if one.blocking]
        assert {"alerts", "heartbeat", "peg"} >= {one.subject for one in wrong(result)} - {"ntp", "disk"}
        assert (True, 0) == (result.ok, result.exit)
        assert not loaded.settings.state_dir.exists()
        assert simex.requests.summary()["signed_mutating_total"] == 0
        async with running(simex, loaded) as story:
            await story.until_hedged()


async def test_a_running_daemon_is_examined_beside_its_work(tmp_path: Path) -> None:
    """Its journal is read while it is written, and it is named; nothing about it is a fault."""
    async with Simex.start(exchange()) as simex, running(simex, config(simex, tmp_path)) as story:
        await story.until_hedged()
        result = await examined(written(tmp_path))
        said = {one.subject: one for one in result.doctor or ()}

        assert (True, True) == (said["daemon"].ok, said["journal"].ok)
        assert f"one works in {story.loaded.settings.state_dir}, {RunMode.LIVE.value}" in said["daemon"].text
        assert "journal-live.sqlite3" in said["journal"].text


async def test_a_refused_key_hides_neither_market_nor_home(tmp_path: Path) -> None:
    """The key is one line; what anybody may ask and what lies on this machine is looked at all the same."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path, targets=SMALL_BAND)
        simex.revoke_key("default", simex.dialects)
        before = simex.requests.total
        path = neglected(tmp_path, "")
        result = await examined(path)
        refusing = [one.subject for one in wrong(result) if one.blocking]

        asked = [row.path for row in simex.requests.select(after_seq=before, limit=1_000) if row.signed]

        assert ["key", "market", "market", "journal"] == refusing
        assert ["/fapi/v1/leverageBracket", "/sapi/v1/account/apiRestrictions"] == sorted(set(asked))
        assert int(Exit.REFUSED) == result.exit


async def test_without_a_key_the_rest_is_examined(tmp_path: Path) -> None:
    """Clocks, market and machine; that live needs a key is one line, and the config's own balances are what is held."""
    async with Simex.start(exchange()) as simex:
        config(simex, tmp_path)
        path = written(tmp_path)
        lines = [line for line in path.read_text().splitlines() if not line.startswith("credentials:")]
        path.write_text("\n".join([*lines, "paper: {seed: config, balances: {spot: {BTC: 0.05}}}", ""]))
        result = await examined(path)

        assert ["credentials", "market"] == [one.subject for one in wrong(result) if one.blocking]
        assert "a trigger of 0.0005 BTC is below" in next(one.text for one in wrong(result) if one.subject == "market")
        assert {"clock", "rate budget", "journal"} <= {one.subject for one in result.doctor or ()}
        assert int(Exit.REFUSED) == result.exit


async def test_a_market_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Garbage for instruments: a line, also beside a warning about the key, and the account is still looked at."""
    async with Simex.start(sickly()) as simex:
        config(simex, tmp_path)
        await armed(simex, kind="garbage_200", variant="html", path="/fapi/v1/exchangeInfo", count=100)
        result = await examined(written(tmp_path))

        assert ["key scope", "connection"] == [one.subject for one in wrong(result) if one.blocking]
        (said,) = [one.text for one in wrong(result) if one.subject == "connection"]
        assert "the instruments cannot be read" in said
        assert {"position mode", "spot balances", "journal"} <= {one.subject for one in result.doctor or ()}


async def test_a_venue_that_is_away_leaves_the_rest(tmp_path: Path) -> None:
    """Hosts that do not answer are named once each, this machine is looked at, and the code is the venue's."""
    async with Simex.start(exchange(state_dir=tmp_path)) as simex:
        config(simex, tmp_path)
    result = await examined(written(tmp_path))
    refusing = [one.subject for one in wrong(result) if one.blocking]

    assert ["connection", "connection"] == refusing
    assert int(Exit.VENUE) == result.exit
    assert {"state directory", "journal", "daemon"} <= {one.subject for one in result.doctor or ()}
