"""One journal replays to one command stream, byte for byte."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.bands import Auto, Unit, Width
from bot.domain.commands import Command
from bot.domain.events import (
    Action,
    BarsSeen,
    CalendarStruck,
    Event,
    Fact,
    FundingPaid,
    FundingSeen,
    HistorySeen,
    HoldingsDeclared,
    RunMode,
    Sampled,
    Started,
)
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Side
from bot.domain.rules import HoldingSource
from bot.domain.snapshot import Bar, Bars, FundingTerms, Returns
from bot.domain.targets import Base, Basis, CashTarget
from bot.domain.triggers import Gate, PriceEnd, Signal, Until, When
from bot.domain.units import HOUR_NS, SECOND_NS, Asset, Nanos
from bot.engine.engine import Engine
from bot.engine.state import State
from tests.engine.kit import Step, World, encoded
from tests.kit import BTC, USDM, USDT, band, d, hedge, limits, neutral, rules, weights

CHAPTERS = st.lists(
    st.sampled_from(
        "deposit withdraw dear cheap deaf mute hearing kill unwind flatten arm restart observe wait garbage".split()
    ),
    min_size=2,
    max_size=14,
)


def tell(world: World, chapters: list[str]) -> World:
    """A random story: flows, shocks, lost answers, operators, restarts."""
    world.run(3)
    for chapter in chapters:
        tell_one(world, chapter)
        world.run(2)
    return world


def tell_one(world: World, chapter: str) -> None:
    """One thing that happens."""
    match chapter:
        case "deposit" | "withdraw":
            world.deposit("BTC", "0.3" if chapter == "deposit" else "-0.1")
        case "dear" | "cheap":
            world.price("BTC", world.venue.prices["BTC"] * (1.2 if chapter == "dear" else 0.85))
        case "deaf" | "mute":
            world.venue.streams, world.venue.answers = chapter != "deaf", chapter != "mute"
        case "hearing":
            world.venue.streams = world.venue.answers = True
        case "kill" | "unwind" | "flatten" | "arm":
            world.ask(Action[chapter.upper()])
        case "restart" | "observe":
            world.restart(RunMode.OBSERVE if chapter == "observe" else RunMode.LIVE)
        case "garbage":
            world.read(world.rules.accounts[1], positions=())
        case _:
            pass


def world_of(kind: bool) -> World:
    """A neutral book or a weights book."""
    target = neutral() if kind else weights(within=band("0.03", "0.01", Unit.POINTS))
    world = World(rules(target, limits=limits(orders_per_minute_max=20)), {"BTC": d("1.2"), "ETH": d(16)})
    return world.start()


def replayed(engine: Engine, steps: list[Step]) -> list[bytes]:
    """The commands that an engine gives for recorded steps, each read back from its bytes.

    What nothing followed from was recorded without what it read, and is folded only.
    """
    out = []
    for step in steps:
        kept = msgspec.json.decode(msgspec.json.encode(step), type=Step)
        engine.observe(kept.reads, kept.now_ns)
        if bytes(kept.commands) == b"[]":
            engine.fold(kept.event)
            out.append(b"[]")
            continue
        out.append(encoded(engine.handle(kept.event)))
        engine.state.books.take_unreported()
    return out


@settings(max_examples=15)
@given(st.booleans(), CHAPTERS)
def test_a_fresh_engine_gives_the_same_commands_for_the_recorded_steps(kind: bool, chapters: list[str]) -> None:
    """Whatever the story: events, what they read and the time are enough to repeat every decision."""
    world = tell(world_of(kind), chapters)
    first = world.steps[0].event
    assert isinstance(first, Started)

    assert replayed(Engine(first), world.steps) == [bytes(step.commands) for step in world.steps]


@settings(max_examples=15)
@given(st.booleans(), CHAPTERS, CHAPTERS)
def test_a_checkpoint_goes_on_to_the_same_commands(kind: bool, before: list[str], after: list[str]) -> None:
    """The state, written down and read back in the middle of the story, gives what the whole journal gives."""
    world = tell(world_of(kind), before)
    kept, count = msgspec.json.encode(world.engine.state), len(world.steps)
    tell(world, after)
    restored = msgspec.json.decode(kept, type=State)

    assert msgspec.json.encode(restored) == kept
    assert replayed(Engine.of(restored), world.steps[count:]) == [bytes(s.commands) for s in world.steps[count:]]


LATER = st.lists(
    st.sampled_from("deposit dear cheap restart sample history paid rates strike bars declare trade wait arm".split()),
    min_size=3,
    max_size=14,
)


def composed_world() -> World:
    """Targets that wait, end, are measured and own apart, on the same coins; and coins off the venue."""
    fixed = Basis(base=Base.FIXED, fixed=d(100_000))
    gate = Gate(signal=Signal.TREND, fast=2, slow=6)
    when = When(calendar="0 0 * * *", persist_ns=2 * SECOND_NS, gates=(gate,), gate_delay_ns_max=4 * SECOND_NS)
    ends = Until(price=PriceEnd(asset=BTC, above=d(95_000)))
    half = msgspec.structs.replace(neutral(ratio="0.5"), when=when, until=ends)
    cash = CashTarget(
        name="cash", share=d("0.2"), anchor=BTC, band=band("0.05"), basis=fixed, when=When(funding_cost_max=d("0.2"))
    )
    wide = Auto(hard=Width(d("0.1"), Unit.POINTS), risk_aversion=d(50))
    auto = msgspec.structs.replace(neutral("SOL"), name="auto", band=wide)
    source = HoldingSource("cold", (BTC,), 3600 * SECOND_NS)
    owned = rules(
        half, cash, auto, coins=("BTC", "ETH", "SOL"), limits=limits(orders_per_minute_max=99), sources=(source,)
    )
    world = World(owned, {"BTC": d("1.2"), "ETH": d(16), "SOL": d(100)})
    world.venue.prices["SOL"] = 150.0
    world.start().handle(HoldingsDeclared("cold", {BTC: d(1)}, world.now, world.now))
    return world


def tell_more(world: World, chapters: list[str]) -> World:
    """A random story with everything that is measured, read and waited for."""
    world.run(3)
    for number, chapter in enumerate(chapters):
        at, coin = world.now, hedge("BTC")
        match chapter:
            case "sample":
                mids = {Asset(name): price * (1 + number * 1e-3) for name, price in world.venue.prices.items()}
                world.handle(Sampled(mids, Nanos(at + number * HOUR_NS), at))
            case "history":
                series: dict[Asset, tuple[float | None, ...]] = {
                    Asset(name): tuple(0.01 * ((k * 7 + number) % 5 - 2) for k in range(40)) for name in ("BTC", "SOL")
                }
                past = Returns(interval_ns=HOUR_NS, end_ns=at, logarithmic=True, series=series)
                world.handle(HistorySeen(past, at))
            case "paid":
                world.handle(FundingPaid(USDM, coin, USDT, d("1.5"), f"t{number % 3}", Nanos(at - SECOND_NS), at))
            case "rates":
                rate = d("-0.001") if number % 2 else d("0.0001")
                terms = FundingTerms(interval_ns=8 * HOUR_NS, history=((Nanos(at - 8 * HOUR_NS), rate), (at, rate)))
                world.handle(FundingSeen(coin, terms, at))
            case "strike":
                world.handle(CalendarStruck("neutral", at, at))
            case "bars":
                opened = at // HOUR_NS * HOUR_NS
                bars = tuple(
                    Bar(Nanos(opened + (k - 12) * HOUR_NS), 9.0, 9.9, 8.0, 9.0 + k * 0.1, 1.0) for k in range(12)
                )
                world.handle(BarsSeen(BTC, Bars(HOUR_NS, bars), at))
            case "declare":
                world.handle(HoldingsDeclared("cold", {BTC: d(1) + number * d("0.1")}, at, at))
            case "trade":
                now = world.venue.position(coin).after_fill(Side.BUY, d("0.2"), d(60_000))
                world.venue.positions[coin] = now
            case _:
                tell_one(world, chapter)
        world.run(2)
    return world


@settings(max_examples=25)
@given(LATER, LATER)
def test_what_is_measured_and_waited_for_is_repeated_too(before: list[str], after: list[str]) -> None:
    """From the first record, and from a checkpoint on: the same commands, the same marks and the same books."""
    world = tell_more(composed_world(), before)
    kept = msgspec.json.encode(world.engine.state)
    known = len(world.steps)
    tell_more(world, after)
    for engine, steps in (
        (Engine(World.started(composed_world())), world.steps),
        (Engine.of(msgspec.json.decode(kept, type=State)), world.steps[known:]),
    ):
        assert [bytes(step.commands) for step in steps] == replayed(engine, steps)
        for part in ("triggers", "sleeves", "statistics", "declared", "legs", "modes"):
            told, again = (msgspec.json.encode(getattr(one.state, part)) for one in (world.engine, engine))
            assert told == again, part


def test_the_same_story_twice_is_the_same_to_the_byte() -> None:
    """No clock, no randomness, no order of a set: two engines never differ."""
    chapters = ["deposit", "dear", "mute", "wait", "restart", "hearing", "unwind", "arm", "cheap"]
    one, other = (tell(world_of(kind=False), chapters) for _ in range(2))

    assert encoded(one.log) == encoded(other.log)
    assert msgspec.json.encode(one.engine.state) == msgspec.json.encode(other.engine.state)


def test_a_step_without_commands_leaves_nothing_to_remember() -> None:
    """A tick or quote that says nothing changes only time and prices, so the journal can do without it."""
    world = tell(world_of(kind=False), ["deposit", "dear"])
    world.run(20)
    before = without_market(world.engine.state)
    world.reconciling = False
    world.forget()
    world.run(5)

    assert world.log == []
    assert without_market(world.engine.state) == before


def without_market(state: State) -> bytes:
    """The state but for time and public prices."""
    copy = msgspec.json.decode(msgspec.json.encode(state), type=State)
    copy.books.forget()
    copy.now = state.layout.limits.evidence_gap_ns  # type: ignore[assignment]
    return msgspec.json.encode(copy)


def test_every_event_and_command_survives_the_journal() -> None:
    """What happened and what was asked for reads back as it was, type and all."""
    world = tell(world_of(kind=True), ["deposit", "mute", "wait", "hearing", "kill", "arm", "unwind", "restart"])
    events = [step.event for step in world.steps] + [read for step in world.steps for read in step.reads]

    assert {Quote, Depth, Mark} <= {type(event) for event in events}
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    for command in world.log:
        assert msgspec.json.decode(msgspec.json.encode(command), type=Command) == command
    assert Fact is not None
    assert hedge("BTC") in world.engine.state.accounts.positions
