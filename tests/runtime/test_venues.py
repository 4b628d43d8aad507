"""A config may live on either venue, or on both at once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from bot.domain.events import RunMode
from bot.domain.units import SECOND_NS
from bot.domain.venues import BINANCE_SPOT, BYBIT_UNIFIED
from bot.runtime.clock import ManualClock
from bot.runtime.portfolio import accounts, has_futures, instruments_wanted, limits, symbols_wanted, to_rules, venues
from bot.runtime.redact import Redactor
from bot.runtime.secrets import CredentialError, Credentials, NoCredentials, load_other
from bot.runtime.wiring import Reach, account_number, hosts_of, inspectors, paper_state, reach, wire
from bot.venues.bybit_gateway import BybitGateway
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.together import Gateways, Reads
from tests.kit import START_NS
from tests.runtime.configs import RIGHT, loaded
from tests.venues import bybitkit, canned

if TYPE_CHECKING:
    from pathlib import Path

    from bot.runtime.settings import Settings

BAND = "    band: {trigger: 1 %, destination: 0 %}\n"
TARGET = "targets:\n  - name: neutral\n    kind: neutral\n    assets: [BTC]\n" + BAND
PAPER = "paper: {seed: config, balances: {spot: {BTC: 1}, unified: {USDT: 50000}}}\n"
BYBIT = "portfolio: main\nvenue: bybit\nassets: {BTC: {}}\n" + TARGET
CROSS = "portfolio: main\nassets: {BTC: {hedge: 'bybit.linear:BTCUSDT'}}\n" + TARGET
REVERSED = "portfolio: main\nvenue: bybit\nassets: {BTC: {hedge: 'binance.usdm:BTCUSDT'}}\n" + TARGET
KEY = Credentials(SecretStr("k" * 64), SecretStr("s" * 64), "a test")


def settings(text: str, tmp_path: Path) -> Settings:
    """A config whose state lies in the test's folder."""
    return loaded(f"{text}state_dir: {tmp_path}\n").settings


async def open_way(chosen: Settings, stack: AsyncExitStack) -> Reach:
    """A way to the venues with every key."""
    return await reach(chosen, KEY, ManualClock(START_NS), lambda _: None, stack, {"bybit": KEY})


def test_bybit_alone(tmp_path: Path) -> None:
    """Pair and contract lie in the one unified account."""
    chosen = settings(BYBIT, tmp_path)

    assert {bybitkit.BTC, bybitkit.SPOT_BTC} == instruments_wanted(chosen)
    assert ((BYBIT_UNIFIED,), ("bybit",)) == (accounts(chosen), venues(chosen))
    assert {"api.bybit.com", "stream.bybit.com"} == hosts_of(chosen)


def test_spot_on_one_against_futures_on_the_other(tmp_path: Path) -> None:
    """Only accounts with a part of the work are looked at."""
    chosen = settings(CROSS, tmp_path)

    assert {canned.SPOT_BTC, bybitkit.BTC} == instruments_wanted(chosen)
    assert ((BINANCE_SPOT, BYBIT_UNIFIED), ("binance", "bybit")) == (accounts(chosen), venues(chosen))
    assert {"BTCUSDT"} == symbols_wanted(chosen, "bybit")
    rules = to_rules(chosen, (canned.PAIR, bybitkit.FUTURE))
    assert (canned.SPOT_BTC, bybitkit.BTC) == (rules.assets[0].pricing, rules.assets[0].hedge)


def test_contracts_are_traded_where_an_instrument_is_one(tmp_path: Path) -> None:
    """The only venue has them in any case; of two, the one where only coins lie has none."""
    cross, reverse = settings(CROSS, tmp_path), settings(REVERSED, tmp_path)

    assert has_futures(settings(BYBIT, tmp_path), "bybit")
    assert (False, True) == (has_futures(cross, "binance"), has_futures(cross, "bybit"))
    assert (False, True) == (has_futures(reverse, "bybit"), has_futures(reverse, "binance"))


def test_what_is_left_out_follows_from_the_venue(tmp_path: Path) -> None:
    """Bybit repeats itself more slowly and works orders longer; what is written counts as it is written."""
    left_out, said = (
        settings(BYBIT, tmp_path),
        settings(BYBIT + "limits: {quote_age: 1 s, venue_delay: 1 s}\n", tmp_path),
    )

    assert 5_000_000_000 == limits(left_out).quote_age_ns_max
    assert 4_000_000_000 == limits(left_out).order_deadline_ns - limits(said).order_deadline_ns
    assert 1_000_000_000 == limits(said).quote_age_ns_max
    assert 2_000_000_000 == limits(loaded(RIGHT).settings).quote_age_ns_max


def test_an_age_limit_is_that_of_the_venue_an_input_comes_from(tmp_path: Path) -> None:
    """Across venues Binance's quotes stay at two seconds, and Bybit's have five; a limit that is written is for all."""
    cross = limits(settings(CROSS, tmp_path))
    said = limits(settings(CROSS + "limits: {quote_age: 1 s}\n", tmp_path))

    assert (2 * SECOND_NS, 5 * SECOND_NS) == tuple(map(cross.quote_age_ns_max_of, (canned.SPOT_BTC, bybitkit.BTC)))
    assert 4 * SECOND_NS == cross.order_deadline_ns_of(bybitkit.BTC) - cross.order_deadline_ns_of(canned.SPOT_BTC)
    assert SECOND_NS == said.quote_age_ns_max_of(bybitkit.BTC) == said.quote_age_ns_max_of(canned.SPOT_BTC)
    assert cross.venue_deadlines_ns == said.venue_deadlines_ns
    assert {} == limits(settings(CROSS + "limits: {quote_age: 1 s, venue_delay: 1 s}\n", tmp_path)).venues


async def test_bybit_is_wired_of_its_own_parts(tmp_path: Path) -> None:
    """Live: its gateway, its reads, its streams, and nothing of another venue."""
    chosen = settings(BYBIT, tmp_path)
    async with AsyncExitStack() as stack:
        way = await open_way(chosen, stack)
        venue = wire(chosen, RunMode.LIVE, way, (bybitkit.FUTURE, bybitkit.PAIR), ManualClock(START_NS), None)

        assert isinstance(venue.gateway, BybitGateway)
        assert isinstance(venue.snapshots, BybitSnapshots)
        assert (BYBIT_UNIFIED,) == venue.margin_accounts
        names = {stream.name for stream in venue.streams}
        assert {"bybit.spot.market", "bybit.linear.market", "bybit.unified.user"} == names


async def test_both_venues_are_wired_together(tmp_path: Path) -> None:
    """Orders and reads go where they belong; the futures account that nobody uses is not listened to."""
    chosen = settings(CROSS, tmp_path)
    async with AsyncExitStack() as stack:
        way = await open_way(chosen, stack)
        venue = wire(chosen, RunMode.LIVE, way, (canned.PAIR, bybitkit.FUTURE), ManualClock(START_NS), None)

        assert isinstance(venue.gateway, Gateways)
        assert isinstance(venue.snapshots, Reads)
        names = {stream.name for stream in venue.streams}
        assert {"binance.spot.book", "binance.spot.user", "bybit.linear.market", "bybit.unified.user"} == names
        assert ["binance", "bybit"] == [exchange.name for exchange, _ in inspectors(chosen, way, ())]
        assert (BYBIT_UNIFIED,) == venue.margin_accounts


async def test_a_paper_account_over_both(tmp_path: Path) -> None:
    """Each wallet is its own account."""
    chosen = settings(CROSS + PAPER, tmp_path)
    async with AsyncExitStack() as stack:
        state = await paper_state(chosen, await open_way(chosen, stack), (canned.PAIR, bybitkit.FUTURE))

    assert {BINANCE_SPOT: {"BTC": Decimal(1)}, BYBIT_UNIFIED: {"USDT": Decimal(50_000)}} == state.balances
    assert [bybitkit.BTC] == list(state.positions)


async def test_an_account_number_of_each_venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal is told from another's by all of them; one that cannot be read leaves it unknown."""
    chosen, numbers = settings(CROSS, tmp_path), {"binance": "7", "bybit": "9"}

    async def number(self: object) -> str | None:
        return numbers.get(self.name)  # type: ignore[attr-defined]

    async with AsyncExitStack() as stack:
        way = await open_way(chosen, stack)
        for exchange in way.exchanges:
            monkeypatch.setattr(type(exchange), "account_number", number)
        assert "7+bybit:9" == await account_number(way)
        del numbers["bybit"]
        assert await account_number(way) is None


async def test_without_the_other_venues_key_there_is_none(tmp_path: Path) -> None:
    """Half a key reads half an account, which is none."""
    async with AsyncExitStack() as stack:
        way = await reach(settings(CROSS, tmp_path), KEY, ManualClock(START_NS), lambda _: None, stack)

        assert way.key is None


def test_the_other_venues_key_comes_from_its_own_files(tmp_path: Path) -> None:
    """Under the venue's name; what is wrong is said in one line."""
    for name in ("key", "secret"):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(name[0] * 64)
    files = f"credentials: {{bybit: {{api_key_file: {tmp_path / 'key'}, api_secret_file: {tmp_path / 'secret'}}}}}\n"
    chosen = settings(CROSS + files, tmp_path)

    assert "k" * 64 == load_other(chosen.credentials, "bybit", Redactor()).api_key.get_secret_value()
    with pytest.raises(NoCredentials, match="looked at credentials"):
        load_other(chosen.credentials, "binance", Redactor())
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(CredentialError, match="may be read by others"):
        load_other(chosen.credentials, "bybit", Redactor())
