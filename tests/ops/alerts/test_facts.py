"""The facts are the daemon's own, and what was not looked at is not called well."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.domain.events import Action, RunMode
from bot.ops.alerts.facts import Delta, DoubtFact, Facts, doubts, fed_by, gather
from bot.runtime import vitals
from bot.runtime.health import Reason
from bot.runtime.monitor import Monitor
from bot.runtime.picture import draw
from bot.runtime.status import Around, BudgetStatus, JournalStatus, Status, StreamStatus
from tests.engine.pegged import Pegged
from tests.kit import BTC, ETH, SPOT, USDM, d, rules
from tests.ops.alerts.scribe import Scribe
from tests.ops.house import WELL


def reasons_of(world: Scribe) -> tuple[Reason, ...]:
    """What the daemon's health would say of a world's data."""
    return vitals.doubts(world.engine.state)


def status_of(world: Scribe, *streams: StreamStatus) -> Status:
    """The picture that the daemon would draw of a world."""
    around = Around(
        health=msgspec.structs.replace(WELL, reasons=reasons_of(world)),
        streams=streams,
        budgets=(BudgetStatus("fapi", 0.25),),
        journal=JournalStatus("journal.sqlite3", 1, "00", lag_ns=7),
    )
    return draw(world.engine, Monitor(), around, now_ns=world.now, started_ns=0)


def taken(world: Scribe, deltas: dict[str, Delta] | None = None, *streams: StreamStatus) -> Facts:
    """The facts of a world."""
    known = {} if deltas is None else deltas
    return gather(world.engine.state, status_of(world, *streams), world.composer.why_held, known, 5)


def by_subject(world: Scribe) -> dict[str, DoubtFact]:
    """Every doubt by its subject."""
    return {doubt.subject: doubt for doubt in doubts(world.engine.state, {one.subject for one in reasons_of(world)})}


def test_the_facts_are_those_of_the_status() -> None:
    """Margin, clocks, budgets, journal and disk are taken over as they are."""
    world = Scribe.neutral().run(5)
    status, facts = status_of(world), taken(world)

    assert facts.margin_ratio == status.margin_ratio
    assert facts.margin_stress == status.margin_stress
    assert facts.clock_offsets == ((SPOT, 1_000_000), (USDM, 1_000_000))
    assert (facts.budgets, facts.journal_lag_ns, facts.disk_free_bytes) == ((("fapi", 0.25),), 7, 5)
    assert facts.margin_ratio_max == world.rules.limits.margin_ratio_max


def test_a_stream_feeds_the_assets_of_its_account() -> None:
    """A futures book concerns every coin that is hedged there; a second connection of it too; a stranger none."""
    state = Scribe.neutral().engine.state

    assert fed_by(state, "binance.usdm.book") == (BTC, ETH)
    assert fed_by(state, "binance.spot.book.2") == (BTC, ETH)
    assert fed_by(state, "binance.usdmx.book") == ()


def test_without_doubt_every_subject_is_well() -> None:
    """Accounts, currency, coins and groups are all judged, and none has a reason."""
    found = by_subject(Scribe.neutral().run(5))

    assert {one.why for one in found.values()} == {""}
    assert {SPOT, USDM, "BTC", "ETH"} <= found.keys()


def test_a_doubted_account_hides_what_was_not_looked_at() -> None:
    """While an account is in doubt nobody can say whether the coins are well."""
    world = Scribe.neutral()
    found = by_subject(world)

    assert found[SPOT].why == "not confirmed since the start"
    assert found[SPOT].groups == ("neutral:BTC", "neutral:ETH")
    assert found[SPOT].assets == ("BTC", "ETH")
    assert found["BTC"].why is None
    assert found[USDM].why is None


def test_a_doubted_coin_does_not_hide_another_group() -> None:
    """One coin's price is old: the other coin is well, and so are the accounts."""
    world = Scribe.neutral().run(5)
    world.bent = lambda event: None if "BTC" in event.instrument else event
    world.run(10)
    found = by_subject(world)

    assert "too long ago" in (found["BTC"].why or "")
    assert found["ETH"].why == ""
    assert found[SPOT].why == ""


def test_the_last_known_delta_outlives_the_data() -> None:
    """Once nothing can be told of an asset its last delta still can, with its age."""
    world, deltas = Scribe.neutral().run(5), dict[str, Delta]()
    before = taken(world, deltas)
    seen_ns = world.now
    world.reconciling = False
    world.run(40)
    after = taken(world, deltas)

    assert [asset.deviation for asset in after.assets] == [None, None]
    assert after.deltas == before.deltas
    assert after.deltas["BTC"] == Delta("BTC", d("0.0005"), d("30.0000"), seen_ns)


def test_what_is_remembered_of_assets_is_what_there_is() -> None:
    """An asset that the config no longer has leaves no trace."""
    deltas = {"DOGE": Delta("DOGE", Decimal(1), None, 0)}
    taken(Scribe.neutral().run(5), deltas)

    assert sorted(deltas) == ["BTC", "ETH"]


def test_why_nothing_is_sent_names_the_halt_first() -> None:
    """Under a halt no other reason matters; without one the engine's own does."""
    world = Scribe.neutral(order_notional_max=d(1)).run(5)
    free = taken(world)
    world.ask(Action.PAUSE)

    assert free.assets[0].why_held == world.composer.why_held["neutral:BTC"]
    assert taken(world).assets[0].why_held == "HALT by ann: because"


def test_an_unwinding_asset_is_marked() -> None:
    """What is being closed on purpose is not outside a band."""
    world = Scribe.neutral().run(5)
    world.ask(Action.UNWIND)

    assert [asset.unwinding for asset in taken(world).assets] == [True, True]


def test_observe_is_a_fact() -> None:
    """Where nothing is ever sent nothing is unhedged by accident."""
    world = Scribe(rules(), {"BTC": d(1)}, RunMode.OBSERVE).start(RunMode.OBSERVE).run(3)

    assert taken(world).observing
    assert not taken(Scribe.neutral()).observing


def test_streams_come_with_what_they_feed() -> None:
    """Each websocket of the status is there."""
    world = Scribe.neutral()
    stream = StreamStatus("binance.usdm.mark", False, None, 3)
    (found,) = taken(world, None, stream).streams

    assert msgspec.structs.astuple(found) == ("binance.usdm.mark", False, ("BTC", "ETH"))


def test_a_peg_that_is_not_known_is_a_doubt_about_everything() -> None:
    """Every group is named; what is known is read as well, and where nobody watches there is none."""
    world = Pegged.watching()
    assert [one for one in doubts(world.engine.state, set()) if one.subject == "peg"] == [
        DoubtFact("peg", "", ("neutral:BTC",))
    ]

    world.engine.state.books.quotes.clear()
    (lost,) = (one for one in doubts(world.engine.state, set()) if one.subject == "peg")
    assert lost.why == (
        "what USDT is worth in dollars is not known (binance.spot:USDCUSDT has no sane best bid and ask)"
    )
    assert "peg" not in by_subject(Scribe.neutral().run(5))
