"""Rules that change under a running engine: as a whole, at a moment of rest, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.bands import Unit
from bot.domain.commands import CloseCorrection, Command, Notice, Severity
from bot.domain.events import Action, Remarked, RulesChanged, RunMode, Started, Ticked
from bot.domain.order import Status
from bot.domain.rules import Rules, VenueLimits
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.amend import PROOFS, bar
from bot.engine.engine import Engine
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.engine.watch import CHANGES_TOLD_MAX
from tests.engine.kit import World, encoded
from tests.engine.test_replay import replayed
from tests.engine.test_skipping import evaluated, skips
from tests.kit import BTC, ETH, band, d, hedge, limits, neutral, perpetual, pricing, quote, rules, spot, weights


def change(world: World, owned: Rules, *changes: str) -> list[Command]:
    """The rules change; what the engine says of it."""
    said = list(world.handle(RulesChanged(owned, "reload by ann", changes, world.now)))
    world.rules = world.engine.state.layout.rules
    assert world.engine.state.amended is None, "what it came to was told"
    return said


def changed(world: World, **parts: Any) -> Rules:
    """The rules in force with other parts."""
    return msgspec.structs.replace(world.engine.state.layout.rules, **parts)


def notices(commands: list[Command]) -> list[tuple[Severity, str, str]]:
    """Severity, topic and subject of each notice."""
    return [(one.severity, one.topic, one.subject) for one in commands if isinstance(one, Notice)]


def in_force(world: World) -> Rules:
    """The rules that the engine goes by."""
    return world.engine.state.layout.rules


def hedged(**bounds: Any) -> World:
    """One bitcoin, hedged and at rest."""
    return World.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99, **bounds).run(4)


# ------------------------------------------------------------------------------------------------ taken over
def test_a_new_ratio_is_hedged_in_the_step_that_brings_it() -> None:
    """Half of it is enough from now on: the step that changes the rules sends what that calls for, and no more."""
    world = hedged()
    world.forget()
    owned = changed(world, targets=(neutral("BTC", ratio="0.5"),))
    said = change(world, owned, "targets.neutral.ratio: 1 -> 0.5")

    assert owned == in_force(world)
    assert (Severity.INFO, "config", "targets.neutral.ratio") == notices(said)[0]
    assert ["0.5"] == [str(request.contracts.normalize()) for request in world.sent]
    assert world.run(5).position("BTC") == d("-0.5")


def test_a_band_counts_from_its_step_on() -> None:
    """Boxes drawn by the old band are gone: a quote between the old edge and the new one is acted on."""
    wide, narrow = (neutral("BTC", within=band(width, unit=Unit.QUOTE)) for width in ("5000", "3100"))
    world = World.neutral(wide, coins={"BTC": "1"}, price_deviation_bps_max=d(9_999)).run(4)
    world.venue.coins["BTC"] = d("1.05")
    world.run(25)
    world.forget()
    change(world, changed(world, targets=(narrow,)))
    world.handle(quote(pricing("BTC"), 61_900.0, world.now))
    assert [] == world.sent
    world.handle(quote(pricing("BTC"), 62_100.0, world.now))

    assert 1 == len(world.sent)


def test_a_limit_counts_from_its_step_on() -> None:
    """A hedge that the largest order forbade is made as soon as the owner allows it."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, position_notional_max=d(10_000)).run(4)
    assert [] == world.sent
    change(world, changed(world, limits=limits(position_notional_max=d(100_000))))

    assert 1 == len(world.sent)


def test_a_new_target_begins_and_an_old_one_ends() -> None:
    """A coin that joins is hedged; one that no target names keeps its hedge, and a person is told."""
    world = hedged()
    said = change(world, changed(world, targets=(neutral("ETH"),)), "targets.neutral.assets: [BTC] -> [ETH]")
    assert hedge("BTC") not in world.engine._boxes
    world.venue.coins["ETH"] = d(10)
    world.run(25)

    assert (Severity.WARNING, "config", hedge("BTC")) in notices(said)
    assert (d(-1), d(-10)) == (world.position("BTC"), world.position("ETH"))
    assert world.handle(Ticked(Nanos(world.now + 1))) == []


def test_a_coin_that_loses_its_target_without_a_hedge_is_no_news() -> None:
    """Nothing stays behind, so nothing is said of it."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "0"}).run(2)
    said = change(world, changed(world, targets=(neutral("ETH"),)))

    assert [(Severity.INFO, "config", "rules")] == notices(said)


def test_the_venues_own_changes_are_told_as_such() -> None:
    """A lot that grew sizes the next order; an instrument that trades no more takes none, and its hedge stays."""
    world = hedged()
    grown = (spot("BTC"), perpetual("BTC", lot=d("0.1")), spot("ETH"), perpetual("ETH"))
    told = change(world, changed(world, instruments=grown), f"{hedge('BTC')}.lot: 0.001 -> 0.1")
    world.deposit("BTC", "0.17")
    world.run(3)
    halted = (spot("BTC"), perpetual("BTC", lot=d("0.1"), trading=False), spot("ETH"), perpetual("ETH"))
    stopped = change(world, changed(world, instruments=halted))
    world.deposit("BTC", "0.3")
    world.run(5)
    held = world.position("BTC")
    again = change(world, changed(world, instruments=grown))

    assert [(Severity.INFO, "metadata", f"{hedge('BTC')}.lot")] == notices(told)
    assert (Severity.WARNING, "metadata", hedge("BTC")) in notices(stopped)
    assert d("-1.1") == held
    assert world.notices("held")[-1].text.startswith("filters")
    assert (Severity.INFO, "metadata", hedge("BTC")) in notices(again)
    assert d("-1.4") == world.run(5).position("BTC")


def test_latches_and_modes_outlive_a_change() -> None:
    """A reload is no arm: what is halted stays halted, by whatever rules."""
    world = hedged()
    world.ask(Action.KILL)
    change(world, changed(world, targets=(neutral("BTC", ratio="0.5"),)))
    world.run(5)

    assert Mode.HALT is world.engine.state.modes.overall
    assert d(-1) == world.position("BTC")


def test_an_unwind_goes_on_under_new_rules() -> None:
    """What closes every hedge depends on no target."""
    world = hedged()
    world.ask(Action.UNWIND)
    world.until(lambda w: bool(w.records("BTC")[-1].live is False and w.position("BTC") == 0))
    said = change(world, changed(world, targets=(neutral("BTC", ratio="0.5"),)))
    world.run(5)

    assert 0 == world.position("BTC")
    assert not [one for one in said if isinstance(one, CloseCorrection)]


# ------------------------------------------------------------------------------------------------ what is under way
def half_done() -> World:
    """A hedge of one bitcoin of which 0.4 is done: its order has ended, the rest is still to come."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, orders_per_minute_max=99)
    world.venue.fills_at_most = d("0.4")
    world.until(lambda w: w.settled("BTC") and w.position("BTC") == d("-0.4"))
    assert [] == world.engine.state.orders.live()
    return world


def test_a_correction_whose_target_changed_ends_unfinished_and_says_so() -> None:
    """What it did is told with its orders; nothing is claimed of the rest, which the new rules decide."""
    world = half_done()
    world.forget()
    (closed,) = (
        one
        for one in change(world, changed(world, targets=(neutral("BTC", ratio="0.4"),)))
        if isinstance(one, CloseCorrection)
    )
    world.venue.fills_at_most = None
    world.run(5)

    assert "ended unfinished" in closed.reason
    assert {} == closed.residuals
    assert [d("0.4")] == [result.filled for result in closed.results]
    assert {} == world.engine.state.legs.corrections
    assert [] == world.sent


def test_a_correction_whose_target_is_the_same_goes_on() -> None:
    """Another limit does not begin it anew: it ends at its destination, in one account of it all."""
    world = half_done()
    world.venue.fills_at_most = None
    change(world, changed(world, limits=limits(orders_per_minute_max=50)))
    world.run(5)

    (closed,) = world.closed
    assert 2 == len(closed.results)
    assert d(-1) == world.position("BTC")


def test_what_was_said_of_a_changed_target_is_said_anew() -> None:
    """A hold of the old target is forgotten; the same reason under the new one is news."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"}, position_notional_max=d(10_000)).run(4)
    held = len(world.notices("held"))
    change(world, changed(world, targets=(neutral("BTC", ratio="0.9"),)))

    assert held + 1 == len(world.notices("held"))


def test_a_proposal_is_made_anew_for_a_changed_target() -> None:
    """In observe a new ratio is proposed once."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.restart(RunMode.OBSERVE).run(4)
    change(world, changed(world, targets=(neutral("BTC", ratio="0.5"),)))
    world.run(2)

    assert 2 == len(world.proposals)


# ------------------------------------------------------------------------------------------------ barred
def test_nothing_changes_while_an_order_is_live() -> None:
    """Asked at the wrong moment the engine keeps what it has and says so; the order is accounted for as ever."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.until(lambda w: bool(w.sent))
    before = in_force(world)
    said = change(world, changed(world, targets=(neutral("BTC", ratio="0.5"),)))
    world.run(5)

    assert [(Severity.WARNING, "config", "rules")] == notices(said)
    assert before == in_force(world)
    assert d(-1) == world.position("BTC")


def test_an_order_that_an_earlier_config_left_behind_bars_nothing() -> None:
    """Its instrument is no longer in the rules, so none of them is about it."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.until(lambda w: bool(w.sent))
    world.rules = rules(neutral("ETH"), coins=("ETH",))
    world.restart()
    assert [Status.UNKNOWN] == [record.status for record in world.engine.state.orders.live()]
    asked = changed(world, targets=(neutral("ETH", ratio="0.5"),))
    change(world, asked)

    assert asked == in_force(world)


def test_what_changes_no_rule_may_come_at_any_moment() -> None:
    """Routes of alerts are journaled with the rules as they are, order or no order."""
    world = World.neutral(neutral("BTC"), coins={"BTC": "1"})
    world.until(lambda w: bool(w.sent))
    said = change(world, in_force(world), "alerts.repeat: 30 min -> 1 h")

    assert [(Severity.INFO, "config", "alerts.repeat")] == notices(said)


@pytest.mark.parametrize(
    "parts",
    [
        {"portfolio": "other"},
        {"quote": ETH},
        {"accounts": ()},
        {"assets": ()},
        {"instruments": ()},
        {"instruments": (spot("BTC"), perpetual("BTC", contract_size=d(10)), spot("ETH"), perpetual("ETH"))},
        {"instruments": (spot("BTC"), perpetual("BTC", tick=d(0)), spot("ETH"), perpetual("ETH"))},
        {"instruments": (spot("BTC"), perpetual("BTC", lot=d(0)), spot("ETH"), perpetual("ETH"))},
        {"targets": (neutral("BTC", "BTC"),)},
        {"targets": (neutral("BTC"), weights({"BTC": "1"}))},
        {"targets": (neutral("SOL"),)},
        {"targets": (neutral("BTC"), neutral("ETH"))},
        {"targets": (msgspec.structs.replace(neutral("BTC"), name="unwind"),)},
        *({"limits": limits(**{name: 77})} for name in PROOFS),
        {"limits": limits(venues={"binance": VenueLimits(quote_age_ns_max=2 * SECOND_NS, order_deadline_ns=77)})},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_what_beliefs_and_proofs_rest_on_never_changes_while_it_runs(parts: dict[str, Any]) -> None:
    """Such a change is refused whole, and nothing of it is taken over."""
    world = hedged()
    before = in_force(world)
    said = change(world, changed(world, **parts))

    assert before == in_force(world)
    assert bar(before, changed(world, **parts)) != ""
    assert [(Severity.WARNING, "config", "rules")] == notices(said)


def test_a_flood_of_changes_is_told_in_part() -> None:
    """People read so many lines; the journal has them all."""
    world = hedged()
    said = change(
        world, in_force(world), *(f"alerts.sinks.s{n}: added, a section" for n in range(CHANGES_TOLD_MAX + 2))
    )

    assert CHANGES_TOLD_MAX + 1 == len(said)
    assert "2 more" in str(said[-1])


@pytest.mark.parametrize(("warning", "severity"), [(True, Severity.WARNING), (False, Severity.INFO)])
def test_a_remark_is_a_notice_and_changes_nothing(warning: bool, severity: Severity) -> None:
    """What the shells want a person to know goes the way of every notice."""
    world = hedged()
    said = world.handle(Remarked("config", "reload", "no such file", world.now, warning))

    assert [Notice(severity, "config", "reload", "no such file")] == said


# ------------------------------------------------------------------------------------------------ whatever happens
TARGETS = (
    (neutral("BTC"),),
    (neutral("BTC", ratio="0.5"),),
    (neutral("BTC", within=band("0.05", "0.01")),),
    (neutral("BTC", "ETH"),),
    (neutral("ETH"),),
    (weights(within=band("0.03", "0.01", Unit.POINTS)),),
    (weights({"BTC": "0.3", "ETH": "0.3"}),),
)
CHAPTERS = st.lists(
    st.one_of(
        st.tuples(st.just("target"), st.integers(0, len(TARGETS) - 1)),
        st.tuples(st.just("limit"), st.integers(0, 3)),
        st.tuples(st.just("lot"), st.integers(0, 3)),
        st.tuples(st.just("fills"), st.integers(0, 2)),
        st.tuples(st.sampled_from("deposit withdraw dear cheap mute hearing restart kill arm".split()), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 8)),
    ),
    min_size=2,
    max_size=16,
)


class Amending:
    """A story in which the rules change at any moment, and what must hold at every step of it."""

    def __init__(self) -> None:
        owned = rules(limits=limits(orders_per_minute_max=99, position_notional_max=d(10**6), margin_ratio_max=d(9)))
        self.world = World(owned, {"BTC": d(1), "ETH": d(16)}).start()
        self.world.venue.wallet = d(10**6)

    def tell(self, story: list[tuple[str, int]]) -> None:
        """Let it happen, ticking in between, and look after each step."""
        for chapter, which in story:
            getattr(self, chapter)(which)
            for _ in range(3):
                self.world.tick()
                self.check()

    def check(self) -> None:
        """One live order an instrument at most, each sent once, and none beyond the need of its moment."""
        for coin in ("BTC", "ETH"):
            assert len([r for r in self.world.records(coin) if r.live]) <= 1
        for opened in self.world.intents:
            needed = {need.asset: abs(need.hedge) for need in opened.intent.needs}
            for leg in opened.intent.legs:
                assert leg.request.contracts <= needed[leg.asset]

    def _change(self, **parts: Any) -> None:
        before, live = in_force(self.world), self.world.engine.state.orders.live()
        asked = changed(self.world, **parts)
        change(self.world, asked, "rules: random")
        assert in_force(self.world) == (before if live else asked)
        for coin, price in sorted(self.world.venue.prices.items()):
            for moved in (0.999, 1.0, 1.001):
                event = quote(pricing(coin), round(price * moved, 1), self.world.now)
                assert not skips(self.world, event) or evaluated(self.world, event) == b"[]"

    def target(self, which: int) -> None:
        """Other targets."""
        self._change(targets=TARGETS[which])

    def limit(self, which: int) -> None:
        """A looser or stricter limit."""
        self._change(limits=msgspec.structs.replace(in_force(self.world).limits, order_notional_max=d(10**which * 500)))

    def lot(self, which: int) -> None:
        """The venue's lot and minimum."""
        lot = Decimal(1).scaleb(-which - 1)
        made = tuple(make(coin) for coin in ("BTC", "ETH") for make in (spot, lambda c: perpetual(c, lot=lot)))
        self._change(instruments=made)

    def fills(self, which: int) -> None:
        """Orders fill in part."""
        self.world.venue.fills_at_most = (None, d("0.4"), d("1"))[which]

    def deposit(self, _: int) -> None:
        """Coins come."""
        self.world.deposit("BTC", "0.3")

    def withdraw(self, _: int) -> None:
        """Coins leave."""
        if self.world.venue.coins["BTC"] > d("0.5"):
            self.world.deposit("BTC", "-0.2")

    def dear(self, _: int) -> None:
        """A price rises."""
        self.world.price("BTC", self.world.venue.prices["BTC"] * 1.05)

    def cheap(self, _: int) -> None:
        """A price falls."""
        self.world.price("BTC", self.world.venue.prices["BTC"] * 0.95)

    def mute(self, _: int) -> None:
        """Orders are not answered."""
        self.world.venue.answers = False

    def hearing(self, _: int) -> None:
        """They are again."""
        self.world.venue.answers = True

    def restart(self, _: int) -> None:
        """The process ends and starts."""
        self.world.restart()

    def kill(self, _: int) -> None:
        """An operator halts it."""
        self.world.ask(Action.KILL)

    def arm(self, _: int) -> None:
        """An operator arms it."""
        self.world.ask(Action.ARM)

    def wait(self, which: int) -> None:
        """Time passes."""
        self.world.run(which / 2)


@settings(max_examples=20)
@given(CHAPTERS)
def test_rules_that_change_at_any_moment_never_send_more_than_needed_and_replay(story: list[tuple[str, int]]) -> None:
    """Whatever the story: no order beyond its need, rest in the end, and one journal gives one stream of commands."""
    amending = Amending()
    amending.tell(story)
    world = amending.world
    amending.hearing(0)
    amending.fills(0)
    world.ask(Action.ARM)
    world.until(lambda w: not w.engine.state.orders.live())
    amending.limit(3)
    world.until(lambda w: not w.engine.state.orders.live())
    amending.target(1)
    world.run(20)
    sent = len(world.sent)
    world.run(4)

    assert sent == len(world.sent)
    assert all(r.status is not Status.UNKNOWN for coin in ("BTC", "ETH") for r in world.records(coin))
    assert all(world.venue.position(hedge(c)).contracts == world.position(c) for c in ("BTC", "ETH"))
    first = world.steps[0].event
    assert isinstance(first, Started)
    assert replayed(Engine(first), world.steps) == [bytes(step.commands) for step in world.steps]


@settings(max_examples=10)
@given(CHAPTERS, CHAPTERS)
def test_a_checkpoint_between_changes_goes_on_the_same(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    """The state, written and read back between two changes of rules, leads to the same commands."""
    amending = Amending()
    amending.tell(before)
    world = amending.world
    kept, count = msgspec.json.encode(world.engine.state), len(world.steps)
    amending.tell(after)
    restored = msgspec.json.decode(kept, type=State)

    assert msgspec.json.encode(restored) == kept
    assert replayed(Engine.of(restored), world.steps[count:]) == [bytes(s.commands) for s in world.steps[count:]]


def test_the_new_facts_survive_the_journal() -> None:
    """They read back as they were."""
    world = hedged()
    for event in (
        RulesChanged(in_force(world), "why", ("a: 1 -> 2",), world.now),
        Remarked("config", "reload", "text", world.now),
    ):
        assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    assert encoded([]) == b"[]"
    assert {BTC, ETH} == {rule.asset for rule in in_force(world).assets}
    assert pricing("BTC") in world.engine.state.layout.touched
