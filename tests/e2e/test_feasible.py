"""A config that the venue cannot do never starts: file, line, value and what is allowed, by the exchange's own data."""

import asyncio
import shutil
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.events import RunMode
from bot.ops.checks import CheckResult, check_all
from bot.ops.exits import Exit
from bot.runtime.app import run_daemon
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded, load
from bot.simex.config import AccountSpec
from bot.simex.injection import GARBAGE_200, Fault
from bot.simex.serve import Simex
from tests.e2e.kit import NEUTRAL, USDM, config, exchange, running, written

pytestmark = pytest.mark.usefixtures("no_settings")

PATIENCE_S = 45.0
BTC_ONLY = "[{name: neutral, kind: neutral, assets: [BTC], band: {trigger: %s, destination: 0 %%}}]"


def holding(bitcoins: str) -> AbstractAsyncContextManager[Simex]:
    """An exchange whose account holds so many bitcoins."""
    spot = {"BTC": Decimal(bitcoins), "ETH": Decimal(0), "USDT": Decimal(1_000)}
    return Simex.start(exchange(accounts=(AccountSpec(spot=spot, usdm=dict(USDM)),)))


async def refusal(loaded: Loaded, mode: RunMode = RunMode.LIVE) -> StartRefused:
    """Why it does not start."""
    with pytest.raises(StartRefused) as caught:
        await asyncio.wait_for(run_daemon(loaded, mode), PATIENCE_S)
    return caught.value


def changed(directory: Path, old: str, new: str) -> Loaded:
    """The story's config with one place changed."""
    path = written(directory)
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return load(path, {})


def line_of(directory: Path, word: str) -> int:
    """The line that a word stands in."""
    return next(number for number, line in enumerate(written(directory).read_text().splitlines(), 1) if word in line)


@pytest.mark.parametrize(
    ("trigger", "allowed"),
    [("0.0001 coins", " coins"), ("0.0001 BTC", " BTC"), ("0.001 %", " %"), ("5 USDT", " USDT")],
)
async def test_a_band_below_a_lot_is_refused_in_every_unit(tmp_path: Path, trigger: str, allowed: str) -> None:
    """One line: the file and line of the band, what stands there, the smallest order, and what would do."""
    async with holding("1") as simex:
        refused = await refusal(config(simex, tmp_path, targets=BTC_ONLY % trigger))

        place = f"{written(tmp_path)}:{line_of(tmp_path, trigger)}: targets[0].band.trigger: value '{trigger}': "
        assert ("config", 1) == (refused.kind, len(refused.lines))
        assert refused.lines[0].startswith(place)
        assert "is below the smallest order of usdm:BTCUSDT" in refused.lines[0]
        assert refused.lines[0].partition("; allowed: at least ")[2].endswith(allowed)
        assert simex.requests.summary()["signed_mutating_total"] == 0


async def test_what_is_allowed_starts(tmp_path: Path) -> None:
    """The number that a refusal names is one that it accepts, so that one round of mending is enough."""
    async with holding("0.05") as simex:
        refused = await refusal(config(simex, tmp_path, targets=BTC_ONLY % "1 %"))
        allowed = refused.lines[0].partition("; allowed: at least ")[2]

        loaded = changed(tmp_path, "trigger: 1 %", f"trigger: {allowed}")
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-0.05")


async def test_a_share_of_nothing_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """Whoever starts before the coins have come is let in."""
    async with holding("0") as simex, running(simex, config(simex, tmp_path, targets=BTC_ONLY % "1 %")) as story:
        await story.stays("BTCUSDT", "0", seconds=0.5)


@pytest.mark.parametrize("mode", [RunMode.DRY_RUN, RunMode.OBSERVE])
async def test_no_way_to_run_begins_with_it(tmp_path: Path, mode: RunMode) -> None:
    """A dry-run and a look show what live would do: they refuse what live refuses."""
    async with holding("0.05") as simex:
        refused = await refusal(config(simex, tmp_path, targets=BTC_ONLY % "1 %"), mode)

        assert "value '1 %': a trigger of 0.0005 BTC is below" in refused.lines[0]


async def test_a_paper_account_of_the_configs_own_is_what_is_held(tmp_path: Path) -> None:
    """Without a key the paper account's coins are those that a share is a share of."""
    async with holding("1") as simex:
        config(simex, tmp_path, targets=BTC_ONLY % "1 %")
        changed(tmp_path, "credentials:", "paper: {seed: config, balances: {spot: {BTC: 0.05}}}\n#")
        refused = await refusal(load(written(tmp_path), {}), RunMode.DRY_RUN)

        assert "a trigger of 0.0005 BTC is below" in refused.lines[0]


async def test_a_misspelt_symbol_is_named_at_its_line_with_a_near_one(tmp_path: Path) -> None:
    """Every symbol that does not exist, whoever wrote it, and what else is wrong beside it, at once."""
    async with holding("1") as simex:
        config(simex, tmp_path, targets=NEUTRAL.replace("1 %", "5 USDT"))
        loaded = changed(tmp_path, "BTC: {}", "BTC: {hedge: usdm:BTCUSDTX, pricing: spot:BCTUSDT}")
        lines = (await refusal(loaded)).lines

        here = f"{written(tmp_path)}:{line_of(tmp_path, 'BTCUSDTX')}: assets.BTC"
        pricing, hedge, band = lines
        assert pricing == (
            f"{here}.pricing: value 'spot:BCTUSDT': spot:BCTUSDT does not exist on binance; "
            "allowed: a symbol of its spot market; did you mean 'spot:BTCUSDT'?"
        )
        assert hedge == (
            f"{here}.hedge: value 'usdm:BTCUSDTX': usdm:BTCUSDTX does not exist on binance; "
            "allowed: a symbol of its usdm market; did you mean 'usdm:BTCUSDT'?"
        )
        assert "below the smallest order of usdm:ETHUSDT" in band


async def test_a_venue_without_prices_is_the_venues_fault(tmp_path: Path) -> None:
    """No mark price, no start: it cannot be said what a band in money is worth."""
    async with holding("1") as simex:
        loaded = config(simex, tmp_path)
        simex.injections.arm(Fault(GARBAGE_200, "html", path="/fapi/v1/premiumIndex", count=100))
        refused = await refusal(loaded)

        assert refused.kind == "venue"
        assert "story.yaml:" in refused.lines[0]
        assert "the mark prices cannot be read: fapi.binance.com" in refused.lines[0]


async def check(directory: Path) -> CheckResult:
    """`trimtab check`, from a thread as it brings its own loop."""
    return await asyncio.wait_for(asyncio.to_thread(check_all, written(directory), False), PATIENCE_S)


async def test_check_finds_it_with_a_key(tmp_path: Path) -> None:
    """With the account at hand every band is judged, and the exit code says that the config is at fault."""
    async with holding("0.05") as simex:
        config(simex, tmp_path, targets=BTC_ONLY % "1 %")
        result = await check(tmp_path)

        assert (result.ok, result.exit) == (False, Exit.USAGE)
        assert result.account is not None
        assert "a trigger of 0.0005 BTC is below" in result.account[0].text


async def test_check_finds_it_without_a_key(tmp_path: Path) -> None:
    """Anybody may ask for symbols and prices; what is held is not known, so a share of it is not judged."""
    async with holding("1") as simex:
        config(simex, tmp_path, targets=BTC_ONLY % "5 USDT")
        changed(tmp_path, "credentials:", "#")
        narrow = await check(tmp_path)
        changed(tmp_path, "trigger: 5 USDT", "trigger: 0.001 %")
        share = await check(tmp_path)

        assert (narrow.ok, narrow.exit) == (False, Exit.USAGE)
        assert narrow.market is not None
        assert "below the smallest order of usdm:BTCUSDT" in narrow.market[0].text
        assert (share.ok, share.account_skipped) == (True, "there is no API key")
        assert share.market is not None
        assert "were not judged" in share.market[0].text


async def test_check_without_a_key_knows_what_a_paper_account_holds(tmp_path: Path) -> None:
    """Balances of the config's own are what a dry-run would begin with, so that its refusal is found before it."""
    async with holding("1") as simex:
        config(simex, tmp_path, targets=BTC_ONLY % "1 %")
        changed(tmp_path, "credentials:", "paper: {seed: config, balances: {spot: {BTC: 0.05}}}\n#")
        result = await check(tmp_path)

        assert (False, Exit.USAGE) == (result.ok, result.exit)
        assert result.market is not None
        assert "a trigger of 0.0005 BTC is below" in result.market[0].text


async def test_hosts_that_are_not_pinned_are_named_at_once(tmp_path: Path) -> None:
    """By the check, without a venue, and by a start: file, line, and every host that is missing."""
    async with holding("1") as simex:
        config(simex, tmp_path)
        pins = written(tmp_path).read_text().partition("pin: ")[2].partition("}")[0] + "}"
        loaded = changed(tmp_path, pins, f"{{api.binance.com: '127.0.0.1:{simex.pin['api.binance.com'][1]}'}}")
        (found,) = (await asyncio.to_thread(check_all, written(tmp_path), True)).config.problems
        (refused,) = (await refusal(loaded, RunMode.DRY_RUN)).lines

        assert f"{written(tmp_path)}:{line_of(tmp_path, 'pin:')}: exchange.pin: " in refused
        assert "fapi.binance.com, fstream.binance.com, stream.binance.com, ws-api.binance.com" in refused
        assert refused == str(found)


async def test_check_without_a_venue_has_a_code_of_its_own(tmp_path: Path) -> None:
    """Without the venue nobody knows whether a config can work there; told to leave it out, it is fine."""
    async with holding("1") as simex:
        config(simex, tmp_path)
        changed(tmp_path, "credentials:", "#")
        shutil.copy(simex.ca_file, tmp_path / "ca.pem")
        changed(tmp_path, str(simex.ca_file), str(tmp_path / "ca.pem"))
    result = await check(tmp_path)

    assert (False, Exit.VENUE) == (result.ok, result.exit)
    assert result.market is None
    assert "binance.com" in str(result.market_skipped)
    assert (await asyncio.to_thread(check_all, written(tmp_path), True)).ok


async def test_coins_that_left_while_it_was_down_do_not_keep_the_hedge_from_being_closed(tmp_path: Path) -> None:
    """A restart over an open hedge starts with a band that is now below a lot, and buys the hedge back."""
    async with holding("1") as simex:
        loaded = config(simex, tmp_path, targets=BTC_ONLY % "1 %")
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-1")
            await story.control("withdraw", account="default", wallet="spot", asset="BTC", amount="0.99")
            await story.until_position("BTCUSDT", "-0.01")
        async with running(simex, loaded) as story:
            await story.until_position("BTCUSDT", "-0.01")
