"""The venue's instruments, read anew by the clock: what changed counts when a second read agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.commands import Severity
from bot.domain.events import Remarked, RulesChanged
from bot.domain.instrument import Instrument, Tier
from bot.domain.units import SECOND_NS, InstrumentId
from bot.runtime.metadata import CONFIRM_NS, Metadata, merged, words
from bot.venues.catalogue import CatalogueError
from tests.kit import ETH, d, hedge, perpetual
from tests.runtime.amending import Desk, recording, running
from tests.runtime.stage import CALM, Stage, facts_of

EVERY_S = 3_600
BTC_HEDGE = hedge("BTC")


class Listing(Desk):
    """A desk and what the venue says of its instruments, which a test changes."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[InstrumentId, Instrument | None] = {one.id: one for one in self.rules.instruments}
        self.reads = 0
        self.unreadable = False
        self.then: Callable[[], None] | None = None
        every_ns = EVERY_S * SECOND_NS
        self.metadata = Metadata(
            self.read_anew, self.engine, self.amendments, self.clock, every_ns, recording(self.log)
        )

    async def read_anew(self, known: Sequence[Instrument]) -> dict[InstrumentId, Instrument | None]:
        """One read."""
        self.reads += 1
        if self.unreadable:
            raise CatalogueError(("the venue is down",))
        answer = dict(self.now)
        if self.then is not None:
            self.then()
        return answer

    def relist(self, **changes: Any) -> None:
        """The venue changes the BTC perpetual."""
        self.now[BTC_HEDGE] = perpetual("BTC", **changes)

    @property
    def future(self) -> Instrument:
        """The BTC perpetual by the rules in force."""
        return self.engine.state.layout.instruments[BTC_HEDGE]


def reading(listing: Listing) -> AbstractAsyncContextManager[None]:
    """With the child that reads by the clock."""
    return running(listing.metadata.run())


async def hours(listing: Listing, number: int = 1) -> None:
    """So many intervals pass, and the time for a second look."""
    await listing.wait(number * EVERY_S + CONFIRM_NS / SECOND_NS)


async def test_what_is_as_it_was_is_read_and_changes_nothing() -> None:
    """One read an interval, no step, no notice."""
    listing = Listing()
    listing.at_rest()
    async with reading(listing):
        await hours(listing, 3)

    assert 3 == listing.reads
    assert [] == facts_of(listing.journal, RulesChanged)


async def test_a_change_counts_when_two_reads_a_minute_apart_agree() -> None:
    """Lot, minimum and tiers come into force by a journaled step; each is told by its values."""
    listing = Listing()
    listing.at_rest()
    listing.relist(lot=d("0.01"), notional_min=d(50), tiers=(Tier(d(0), d("0.01"), d(0)),))
    async with reading(listing):
        await listing.wait(EVERY_S + 30)
        early = listing.future.lot
        await listing.wait(31)

    assert (d("0.001"), d("0.01")) == (early, listing.future.lot)
    (fact,) = facts_of(listing.journal, RulesChanged)
    assert (
        f"{BTC_HEDGE}.lot: 0.001 -> 0.01",
        f"{BTC_HEDGE}.notional_min: 100 -> 50",
        f"{BTC_HEDGE}.tiers: 2 from 0.4 % -> 1 from 1 %",
    ) == fact.changes
    assert 3 * [Severity.INFO] == [one.severity for one in listing.notices if one.topic == "metadata"]


async def test_what_only_one_read_says_is_not_believed() -> None:
    """Two replicas that do not agree yet: the next interval decides."""
    listing = Listing()
    listing.at_rest()
    listing.relist(lot=d("0.01"))
    listing.then = listing.relist
    async with reading(listing):
        await hours(listing)

    assert (2, d("0.001")) == (listing.reads, listing.future.lot)


async def test_a_read_that_fails_is_logged_and_tried_again_at_its_time() -> None:
    """The venue's list cannot be had: nothing changes, nothing halts."""
    listing = Listing()
    listing.at_rest()
    listing.unreadable = True
    async with reading(listing):
        await hours(listing, 2)
        listing.unreadable = False
        listing.relist(lot=d("0.01"))
        await hours(listing)

    assert ["warning", "warning"] == [entry["level"] for entry in listing.said("metadata")]
    assert d("0.01") == listing.future.lot


async def test_a_second_read_that_fails_confirms_nothing() -> None:
    """One word is none."""
    listing = Listing()
    listing.at_rest()
    listing.relist(lot=d("0.01"))

    def fails_next() -> None:
        listing.unreadable = True

    listing.then = fails_next
    async with reading(listing):
        await hours(listing)

    assert d("0.001") == listing.future.lot


@pytest.mark.parametrize("gone", [True, False])
async def test_an_instrument_that_stops_or_vanishes_takes_no_new_risk_and_keeps_its_hedge(gone: bool) -> None:
    """A warning says so; what the coin gains is not hedged there; when it trades again it is."""
    listing = Listing()
    listing.at_rest()
    if gone:
        listing.now[BTC_HEDGE] = None
    else:
        listing.relist(trading=False)
    async with reading(listing):
        await hours(listing)
        stopped = listing.future
        told = [one for one in listing.notices if (one.severity, one.topic) == (Severity.WARNING, "metadata")]
        listing.relist()
        await hours(listing)

    assert not stopped.trading
    assert [BTC_HEDGE] == [one.subject for one in told]
    assert listing.future.trading
    assert d("-1.234") == listing.engine.state.accounts.positions[BTC_HEDGE].position.contracts


async def test_a_contract_that_is_another_one_now_is_told_once_and_traded_no_more() -> None:
    """Our positions are counted in the old one: a person has to look before anything new is sent."""
    listing = Listing()
    listing.at_rest()
    listing.relist(contract_size=d(10), lot=d(1))
    async with reading(listing):
        await hours(listing, 3)

    assert (False, d(1), d("0.001")) == (listing.future.trading, listing.future.contract_size, listing.future.lot)
    assert 1 == len(facts_of(listing.journal, Remarked))
    assert 1 == len(facts_of(listing.journal, RulesChanged))


def test_what_changed_is_said_by_its_values() -> None:
    """Every field that counts, with nothing for what is not there."""
    before = perpetual("BTC", contracts_max=None)
    after = perpetual("BTC", contracts_max=d(100), expiry_ns=7, trading=False, tiers=())

    assert [
        f"{BTC_HEDGE}.contracts_max: none -> 100",
        f"{BTC_HEDGE}.expiry_ns: none -> 7",
        f"{BTC_HEDGE}.trading: true -> false",
        f"{BTC_HEDGE}.tiers: 2 from 0.4 % -> none",
    ] == list(words(before, after))


def test_another_contract_never_takes_the_place_of_ours() -> None:
    """It is kept as it was, and does not trade."""
    other = perpetual("BTC", settle=ETH)

    assert msgspec.structs.replace(perpetual("BTC"), trading=False) == merged(perpetual("BTC"), other)


async def test_the_daemon_reads_by_its_interval_and_its_venue_is_renewed(tmp_path: Path) -> None:
    """A real daemon: an interval later the tick is another one, for the engine and for the way out of orders."""
    stage = Stage(tmp_path, intervals=replace(CALM, metadata=60 * SECOND_NS))
    wanted = {one.id: one for one in stage.rules.instruments} | {BTC_HEDGE: perpetual("BTC", tick=d("0.5"))}
    renewed: list[Instrument] = []

    async def read(_: object) -> dict[InstrumentId, Instrument | None]:
        return dict(wanted)

    async with stage:
        stage.daemon._metadata._read = read
        object.__setattr__(stage.venue, "renew", renewed.extend)
        await stage.hedged()
        stage.exchange.feeding = False
        await stage.advance(60 + CONFIRM_NS / SECOND_NS + 5)

    assert d("0.5") == stage.engine.state.layout.instruments[BTC_HEDGE].tick
    assert d("0.5") in {one.tick for one in renewed if one.id == BTC_HEDGE}
