"""Beside each quote and mark that is skipped stands the exact evaluation: nothing of what it says has changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc.boxes import EMPTY
from bot.domain.commands import Command
from bot.domain.events import Event, Ticked
from bot.domain.market import Mark, Quote
from bot.domain.targets import (
    Budgets,
    IndexTarget,
    ParityTarget,
    TargetSpec,
    UnwindTarget,
    WeightsMode,
)
from bot.domain.triggers import PriceEnd, Slices, Until
from bot.domain.units import SECOND_NS, Asset, InstrumentId
from bot.engine import decide
from bot.engine.engine import Engine
from bot.engine.trust import Beliefs
from tests.engine.kit import World
from tests.engine.test_skipping import BUDGETS, COINS, HELD, PRICES, WITHIN, bases, hedged, overlays, renamed, targets
from tests.kit import band, d, hedge, pricing, quote, weights

Signature = dict[str, tuple[Any, ...]]


def signature(engine: Engine) -> Signature:
    """What every group comes to by exact evaluation that was at rest when the engine last looked at it.

    Of one that was not, quotes are left for the next tick.
    """
    beliefs = Beliefs(engine.state)
    out: Signature = {}
    for group in (one for one in engine.state.layout.groups if one.name in engine._skipping._ratchets):
        found = decide.assess(beliefs, group)
        if found.at_rest and found.derived is not None:
            one = found.derived
            out[group.name] = (found.called_for, one.outside, one.fired, one.waits, one.ended, one.closed, one.missing)
    return out


class Watch:
    """Hands market data to a world and holds each quote and mark that was skipped against the exact evaluation."""

    def __init__(self, world: World) -> None:
        self.world, self.skipped, self.moved, self.marks = world, 0, 0, 0
        self.evaluated = False
        self._handle, self._evaluate = world.engine.handle, world.engine._evaluate
        world.engine.handle = self.handle  # type: ignore[method-assign]
        world.engine._evaluate = self.evaluate  # type: ignore[method-assign]
        self.before: Signature | None = None
        self.looking = True

    def evaluate(self, *of: Any, **how: Any) -> Sequence[Command]:
        """Note that the engine evaluates."""
        self.evaluated = True
        return self._evaluate(*of, **how)

    def handle(self, event: Event) -> Sequence[Command]:
        """One event through the engine, and what it leaves unsaid."""
        if not (isinstance(event, Quote | Mark) and self.looking):
            self.before = None
            return self._handle(event)
        box = self.world.engine._boxes.get(event.instrument, EMPTY)
        before = signature(self.world.engine) if self.before is None else self.before
        self.evaluated, self.before = False, None
        commands = self._handle(event)
        if not self.evaluated:
            assert event.sane
            now = signature(self.world.engine)
            assert {name: now.get(name) for name in before} == before
            self.skipped += isinstance(event, Quote)
            self.marks += isinstance(event, Mark)
            self.moved += isinstance(event, Quote) and not box.lo <= event.bid < event.ask <= box.hi
            self.before = before
        return commands


Step = tuple[str, str, float]
KINDS = ["low", "high", "worst", "bad", "tick", "deposit"]
MARKED = ["mark", "mark low", "mark high", "bad mark"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wander"] * 4 + ["market"] * 3 + ["marks"] * 2 + MARKED + KINDS),
        st.sampled_from(COINS),
        st.floats(-0.01, 0.01),
    ),
    min_size=5,
    max_size=16,
)
BAD = [(math.nan, 1.0), (60_001.0, 60_000.0), (0.0, 60_000.0), (1.0, math.inf), (1.0, math.nan), (-1.0, 1.0)]


def walked(world: World, steps: list[Step]) -> Watch:
    """Let the market, the holdings and the clock go along a path."""
    watch, prices = Watch(world), dict(PRICES)
    for kind, coin, size in steps:
        for event in _events(world, prices, kind, coin, size):
            world.handle(event)
        if kind == "deposit":
            world.deposit(coin, str(round(Decimal(HELD[coin]) * Decimal(repr(size)), 8)))
        if world.pending:
            world.venue.prices = dict(prices)
            watch.looking = False
            world.run(3)
            watch.looking = True
    return watch


def _events(world: World, prices: dict[str, float], kind: str, coin: str, size: float) -> list[Event]:
    """What a step brings; at the edges of a box the quote lies just inside of it."""
    name = pricing(coin)
    box = world.engine._boxes.get(name, EMPTY)
    if kind == "wander":
        prices[coin] *= 1 + size
        return [_at(pricing(coin), prices[coin], world), _at(hedge(coin), prices[coin], world)]
    if kind == "market":
        for place, one in enumerate(COINS):
            prices[one] *= 1 + size + size * size * place
        return [_at(pricing(one), price, world) for one, price in prices.items()]
    if kind == "marks":
        return [_marked(one, price * (1 + size), price, world) for one, price in prices.items()]
    if kind in MARKED:
        return [_odd(kind, coin, prices[coin], size, world)]
    if kind in ("low", "high") and 0 < box.lo < box.hi < 1e9:
        return [_edge(name, box.lo if kind == "low" else box.hi, world, below=kind == "high")]
    if kind == "worst":
        found = {one: world.engine._boxes.get(pricing(one), EMPTY) for one in COINS}
        low = {one: (one == coin) == (size > 0) for one, at in found.items() if 0 < at.lo < at.hi < 1e9}
        return [
            _edge(pricing(one), found[one].lo if is_low else found[one].hi, world, below=not is_low)
            for one, is_low in low.items()
        ]
    if kind == "bad":
        bid, ask = BAD[int(abs(size) * 1e6) % len(BAD)]
        return [Quote(name, bid, ask, 1.0, 1.0, 1, world.now), _at(name, prices[coin], world)]
    return [Ticked(world.now)] if kind == "tick" else []


def _at(name: InstrumentId, price: float, world: World) -> Quote:
    return quote(name, round(price, 4), world.now, 1e-3)


def _marked(coin: str, price: float, index: float, world: World) -> Mark:
    return Mark(hedge(coin), price, index, 0.0001, world.now + SECOND_NS, world.now)


def _odd(kind: str, coin: str, price: float, size: float, world: World) -> Mark:
    """A mark far from its index, at the very edge of a box, with an index at the edge of its own, or no number."""
    if kind == "mark":
        return _marked(coin, price * (1 + 30 * abs(size)), price, world)
    if kind == "bad mark":
        bad = BAD[int(abs(size) * 1e6) % len(BAD)][0]
        return _marked(coin, bad, price, world) if size > 0 else _marked(coin, price, bad, world)
    ends = [EMPTY, EMPTY]
    for boxes in world.engine._skipping._drawn.values():
        for place, name in enumerate((f"{hedge(coin)} mark", f"{hedge(coin)} index")):
            box = boxes.get(InstrumentId(name), EMPTY)
            ends[place] = box if 0 < box.lo < box.hi < 1e9 else ends[place]
    mark, index = (at.lo if kind == "mark low" else math.nextafter(at.hi, 0.0) for at in ends)
    return _marked(coin, mark if 0 < mark < 1e9 else price, index if 0 < index < 1e9 else price, world)


def _edge(name: InstrumentId, end: float, world: World, *, below: bool) -> Quote:
    other = math.nextafter(end, 0.0 if below else math.inf)
    return Quote(name, min(end, other), max(end, other), 1.0, 1.0, 1, world.now)


@st.composite
def others(draw: st.DrawFn) -> TargetSpec:
    """The kinds that are seldom beside others: index, risk parity, unwinding, and a ratio that a price ends."""
    btc, eth, sol = (Asset(coin) for coin in COINS)
    within, basis = draw(WITHIN), draw(bases())
    kind = draw(st.sampled_from(["index", "parity", "unwind", "until"]))
    if kind == "index":
        return IndexTarget(name=kind, assets=(btc, eth), indices=(sol,), weight=d("0.8"), band=within, basis=basis)
    if kind == "parity":
        given_ = {btc: d("0.5"), eth: d("0.7"), sol: d("0.9")}
        mode = draw(st.sampled_from(WeightsMode))
        return ParityTarget(name=kind, assets=(btc, eth, sol), band=within, volatilities=given_, mode=mode, basis=basis)
    if kind == "unwind":
        return UnwindTarget(
            name=kind, assets=(btc, eth), slices=Slices(notional_max=d(5_000), every_ns=SECOND_NS), band=within
        )
    made = draw(targets())
    return type(made)(**{**_fields(made), "until": Until(price=PriceEnd(asset=btc, above=d(60_400), below=d(59_500)))})


def _fields(made: TargetSpec) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__struct_fields__}


ANY = st.one_of(targets(), overlays(), others())


@settings(max_examples=60)
@given(ANY, STEPS)
def test_what_is_skipped_changes_nothing_of_any_target(target: TargetSpec, steps: list[Step]) -> None:
    """Each kind alone: over ticks, deposits, fills and nonsense, what is skipped leaves every assessment as it was."""
    walked(hedged(HELD, target), steps)


@settings(max_examples=60)
@given(st.lists(ANY, min_size=2, max_size=3), BUDGETS, STEPS)
def test_what_is_skipped_changes_nothing_of_several(
    several: list[TargetSpec], budgets: Budgets, steps: list[Step]
) -> None:
    """Two or three targets on the same coins, within budgets: the same."""
    named = [renamed(target, f"t{place}") for place, target in enumerate(several)]
    walked(hedged(HELD, *named, budgets=budgets), steps)


def test_sums_follow_a_market_that_leaves_its_boxes() -> None:
    """A market that rises, all of it, is skipped as far as its indices let it: weights do not care."""
    wide = weights({"BTC": "0.6", "ETH": "0.3", "SOL": "0.1"}, within=band("0.1"))
    watch = walked(hedged(HELD, wide), [("market", "BTC", 0.001)] * 7)

    assert watch.moved > 0
    assert watch.skipped == 21
