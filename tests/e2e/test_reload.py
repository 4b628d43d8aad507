"""Hot reload over the real wire: an order in flight, an invalid file, a band below a lot, a signal."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from bot.domain.events import RunMode
from bot.domain.instrument import Kind
from bot.journal.reader import SqliteReader
from bot.runtime.clock import SystemClock
from bot.runtime.market import read_market
from bot.runtime.redact import Redactor
from bot.runtime.reload import ConfigFile
from bot.runtime.replay import replay
from bot.runtime.secrets import load_credentials
from bot.runtime.settings_load import Loaded, load
from bot.runtime.surroundings import Surroundings
from bot.runtime.wiring import journal_path, reach
from bot.simex.serve import Simex
from bot.venues.metadata import LiveMetadata
from tests.e2e.kit import FAST, Story, attached, config, exchange, running, written

HALF = "[{name: half, kind: ratio, assets: [BTC], ratio: 0.5, band: {trigger: 1 %, destination: 0 %}}]"
IN_FLIGHT_MS = 6_000
QUIET_S = 1.5
SLOW_ANSWER = {
    "kind": "delay",
    "variant": "after",
    "delay_ms": IN_FLIGHT_MS,
    "method": "POST",
    "path": "/fapi/v1/order",
}
PATIENT = FAST.replace("{", "{ack_timeout: 20 s, ")


def rewritten(directory: Path, old: str, new: str) -> None:
    """The owner edits the file."""
    text = written(directory).read_text()
    assert old in text
    written(directory).write_text(text.replace(old, new))


def file_of(directory: Path, loaded: Loaded) -> ConfigFile:
    """The config as the command hands it over."""
    return ConfigFile(loaded, lambda: load(written(directory), {}))


def kinds_in(loaded: Loaded) -> list[str]:
    """The kinds of the journal's records, in order."""
    with SqliteReader.open(journal_path(loaded.settings, RunMode.LIVE)) as reader:
        return [record.kind for record in reader.records()]


async def orders_of(story: Story) -> int:
    """Orders that were executed, by the exchange's own record."""
    return len({trade["order_id"] for trade in (await story.truth())["trades"]})


async def test_a_reload_waits_for_the_order_in_flight_and_never_hedges_twice(tmp_path: Path) -> None:
    """Half becomes whole while an order has no answer: it keeps its own rules, and one more order does the rest."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=HALF, limits=PATIENT)
        async with running(simex, loaded, around=Surroundings(config=file_of(tmp_path, loaded))) as story:
            await story.until_position("BTCUSDT", "-0.5")
            await story.control("fault", kind="stall", variant="user", duration_ms=IN_FLIGHT_MS)
            await story.control("fault", **SLOW_ANSWER)
            await story.control("deposit", wallet="spot", asset="BTC", amount="1")

            async def executed() -> bool:
                return await story.position("BTCUSDT") == -1

            await story.until("the order is executed, and not answered", executed)
            rewritten(tmp_path, "ratio: 0.5", "ratio: 1")
            answer = await story.command("reload", by="ann")
            assert "waiting" == answer["outcome"]
            assert ["targets.half.ratio: 0.5 -> 1"] == answer["changes"]
            assert 2 == await orders_of(story)
            await story.until_position("BTCUSDT", "-2")
            await asyncio.sleep(QUIET_S)
            assert 3 == await orders_of(story)
            assert -2 == await story.position("BTCUSDT")
            assert any("targets.half.ratio" in text for text in (await story.command("status"))["notices"])
        assert 1 == kinds_in(loaded).count("RulesChanged")
        assert replay(journal_path(loaded.settings, RunMode.LIVE)).ok


@pytest.mark.parametrize(
    ("old", "new", "outcome", "told"),
    [
        ("ratio: 0.5", "ratio: half", "invalid", "ratio: value 'half'"),
        ("targets: [", "targets: [[", "invalid", "not YAML"),
        ("trigger: 1 %", "trigger: 0.0001 coins", "unfit", "below the smallest order"),
        ("tick: 20 ms", "tick: 30 ms", "needs_restart", "20 ms -> 30 ms: needs a restart"),
    ],
)
async def test_a_file_that_cannot_be_taken_over_changes_nothing(
    tmp_path: Path, old: str, new: str, outcome: str, told: str
) -> None:
    """A misspelt value, no YAML, a band below a lot, what needs a restart: each is told with its line, once."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=HALF)
        async with running(simex, loaded, around=Surroundings(config=file_of(tmp_path, loaded))) as story:
            await story.until_position("BTCUSDT", "-0.5")
            rewritten(tmp_path, old, new)
            answer = await story.command("reload", by="ann")
            assert (outcome, "") == (answer["outcome"], answer["why"])
            assert any(f"{written(tmp_path)}:" in line and told in line for line in answer["problems"])
            await story.stays("BTCUSDT", "-0.5")
            notices = (await story.command("status"))["notices"]
            assert 1 == sum("the config in force stays in force" in text and told in text for text in notices)
        assert "RulesChanged" not in kinds_in(loaded)


async def test_instruments_that_are_read_anew_are_those_of_the_start(tmp_path: Path) -> None:
    """Over the real wire, with a key: nothing differs where nothing has changed, and a pair that is gone is told."""
    async with Simex.start(exchange()) as simex, AsyncExitStack() as stack:
        loaded, clock = config(simex, tmp_path), SystemClock()
        key = load_credentials(loaded.settings.credentials, Redactor())
        way = await reach(loaded.settings, key, clock, lambda _: None, stack)
        known = (await read_market(loaded.settings, way)).instruments
        seen = await LiveMetadata(way.client).read(known)
        assert {one.id: one for one in known} == seen
        pair = next(one for one in known if one.kind is Kind.SPOT)
        unknown = msgspec.structs.replace(pair, id="binance.spot:GONEUSDT", symbol="GONEUSDT")
        again = await LiveMetadata(way.client).read((*known, unknown))
        assert {**seen, unknown.id: None} == again


@pytest.mark.process
async def test_a_hangup_loads_the_config_anew(tmp_path: Path) -> None:
    """SIGHUP on a real process: the new ratio is hedged, the process goes on, and a bad file is told and left alone."""
    async with Simex.start(exchange()) as simex:
        loaded = config(simex, tmp_path, targets=HALF)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", "from bot.ops.cli import main; main()", "run", "--live", "--config", str(written(tmp_path))),
            env={**os.environ, "TRIMTAB_CONFIRM_LIVE": "story"},
            stdin=asyncio.subprocess.DEVNULL,
        )
        async with attached(simex, loaded) as story:
            try:
                await story.until_position("BTCUSDT", "-0.5")
                rewritten(tmp_path, "ratio: 0.5", "ratio: 1")
                process.send_signal(signal.SIGHUP)
                await story.until_position("BTCUSDT", "-1")
                rewritten(tmp_path, "ratio: 1", "ratio: 7")
                process.send_signal(signal.SIGHUP)

                async def told() -> bool:
                    return any("value '7'" in text for text in (await story.command("status"))["notices"])

                await story.until("the bad file is told", told)
                await story.stays("BTCUSDT", "-1")
            finally:
                process.send_signal(signal.SIGTERM)
                assert 0 == await asyncio.wait_for(process.wait(), 30)
