"""What everybody sees of a book: tops when they change, differences without gaps."""

from __future__ import annotations

import random

from bot.simex.core.events import DepthChanged, TopChanged
from bot.simex.core.flow import Aggression, Level
from bot.simex.core.order import BUY, SELL
from tests.simex.core.trading_stage import START_MS, Stage, n


def noise(stage: Stage, steps: int, seed: int) -> None:
    """Strangers and accounts change the perpetual's book at random."""
    draw = random.Random(seed)
    for _ in range(steps):
        price = f"{99 + draw.randrange(20) / 10:.1f}"
        side = BUY if float(price) < 100 else SELL
        now = stage.now_ms + draw.randrange(1, 60)
        choice = draw.random()
        if choice < 0.6:
            stage.tape.flow.append(Level(stage.perp.key, now, side, n(price), n(draw.randrange(5))))
        elif choice < 0.7:
            stage.tape.flow.append(Aggression(stage.perp.key, now, side, 0, n(draw.randrange(1, 4))))
        elif choice < 0.85:
            (stage.buy if side == BUY else stage.sell)("a", "0.1", price)
        elif opened := stage.exchange.orders.open("a", "usdm"):
            stage.cancel(draw.choice(opened))
        stage.exchange.advance(now)


def test_differences_follow_one_another_and_rebuild_the_book() -> None:
    """From the first snapshot on, ids are contiguous and the differences lead to exactly the book that is there."""
    stage = Stage()
    last, bids, asks = stage.exchange.depth(stage.perp.key, 100)
    sides = (dict(bids), dict(asks))
    noise(stage, 400, seed=7)
    stage.exchange.advance(stage.now_ms + 100)
    for event in (e for e in stage.drained(DepthChanged) if e.instrument is stage.perp):
        assert (event.previous_id, event.first_id) == (last, last + 1)
        assert event.last_id >= event.first_id
        last = event.last_id
        for side, changes in zip(sides, (event.bids, event.asks), strict=True):
            side.update(changes)
    _, *now = stage.exchange.depth(stage.perp.key, 1_000)

    assert [{price: size for price, size in side.items() if size} for side in sides] == [dict(side) for side in now]


def test_a_snapshot_fits_between_differences() -> None:
    """A snapshot's id lies within the difference that covers its moment."""
    stage = Stage()
    stage.level(BUY, "99.5", "1")
    snapshot, *_ = stage.exchange.depth(stage.perp.key, 5)
    stage.level(BUY, "99.4", "1")
    stage.exchange.advance(stage.now_ms + 100)
    event = stage.drained(DepthChanged)[0]

    assert event.first_id <= snapshot <= event.last_id


def test_differences_come_at_multiples_of_the_interval() -> None:
    """An untouched book says nothing; a touched one at the next multiple, best price first, zero for what is gone."""
    stage = Stage(depth_interval_ms=250)
    stage.exchange.advance(START_MS + 1_001)
    assert stage.drained(DepthChanged) == []
    stage.level(BUY, "99.8", "0")
    stage.level(BUY, "100", "4")
    stage.exchange.advance(START_MS + 2_000)
    (event,) = stage.drained(DepthChanged)

    assert event.time_ms == START_MS + 1_250
    assert (event.bids, event.asks) == (((n(100), n(4)), (n("99.8"), 0)), ())


def test_a_top_is_told_when_it_changes_only() -> None:
    """Deeper levels do not move the top; price and quantity of the best do."""
    stage = Stage()
    stage.level(BUY, "99.5", "1")
    assert stage.drained(TopChanged) == []
    stage.level(BUY, "99.9", "4")
    stage.level(BUY, "99.9", "4")
    stage.buy("a", "1", "99.9")
    tops = stage.drained(TopChanged)

    assert [(top.bid, top.bid_quantity, top.ask) for top in tops] == [
        (n("99.9"), n(4), n("100.1")),
        (n("99.9"), n(5), n("100.1")),
    ]


def test_tops_are_always_the_tops() -> None:
    """After any noise the last top told is the top that is there."""
    stage = Stage()
    noise(stage, 300, seed=3)
    last = [top for top in stage.drained(TopChanged) if top.instrument is stage.perp][-1]

    assert (last.bid, last.bid_quantity, last.ask, last.ask_quantity) == stage.exchange.top(stage.perp.key)
