"""One hash for a whole run: the same everywhere, and different when anything is different."""

from __future__ import annotations

import random

import pytest

from bot.simex.core.digest import Digest
from bot.simex.core.order import BUY, Trigger
from bot.simex.core.refusal import Refused
from tests.simex.core.test_publication import noise
from tests.simex.core.trading_stage import START_MS, Stage, n

# Of `scripted` below, computed once. It changes when what happens, or how it is told, changes, and at no other time.
SCRIPTED = "4001e654a67f62fd125719b8a03118934cfa666dbe388b6eea79da737a6554d9"


def scripted(seed: int = 1) -> Stage:
    """An hour of orders, noise, a shock, funding."""
    stage = Stage(seed=seed)
    stage.buy("a", "3")
    stage.sell("b", "2", "100.1", client_id="resting")
    stage.sell("a", "1", trigger=Trigger(price=n("98.5"), by="mark", rises=False))
    noise(stage, 60, seed=11)
    stage.exchange.set_rate(stage.perp.key, -25_000, next_ms=START_MS + 30_000)
    stage.exchange.advance(START_MS + 40_000)
    stage.exchange.shock("BTC", 0.97)
    stage.exchange.advance(START_MS + 60_000)
    stage.exchange.check()
    return stage


def test_the_hash_of_a_scripted_run() -> None:
    """One known run has one known hash, on any Python and any machine."""
    assert scripted().exchange.digest() == SCRIPTED


def test_the_same_run_twice() -> None:
    """Same seed, same calls, same hash; another seed gives another."""
    assert scripted().exchange.digest() == scripted().exchange.digest() != scripted(2).exchange.digest()


def test_reading_does_not_change_it() -> None:
    """However events are drained and the hash asked for, it is that of all events."""
    often, seldom = Stage(), Stage()
    draw = random.Random(5)
    for stage in (often, seldom):
        for number in range(20):
            stage.buy("a", "0.1", f"{99 + number / 10:.1f}")
            if stage is often and draw.random() < 0.7:
                stage.exchange.digest()
                stage.exchange.drain()

    assert often.exchange.digest() == seldom.exchange.digest()


def test_a_refusal_leaves_no_trace() -> None:
    """What did not happen is not in the hash."""
    stage = Stage()
    before = stage.exchange.digest()
    with pytest.raises(Refused):
        stage.exchange.place("a", stage.ticket(BUY, "0.0001", "100"))

    assert stage.exchange.digest() == before


def test_it_can_be_left_out() -> None:
    """An exchange opened without digests works the same and has none."""
    stage = Stage(digests=False)
    stage.buy("a", "1")
    assert stage.exchange.drain()

    with pytest.raises(RuntimeError, match="without digests"):
        stage.exchange.digest()


def test_nothing_has_a_hash_too() -> None:
    """Feeding no events changes nothing."""
    digest = Digest()
    before = digest.hexdigest()
    digest.feed([])

    assert digest.hexdigest() == before
