"""The synthetic market: realistic enough, correlated, and the same for the same seed."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise

import pytest

from bot.simex.events import BookTopChanged, DepthChanged, Event, MarketTraded
from bot.simex.exchange import Exchange
from bot.simex.market.synthetic import SyntheticMarket
from bot.simex.model import NewOrder
from bot.simex.symbols import default_symbols
from tests.simex.stage import START_MS, digest_of

SYMBOLS = default_symbols()


def opened(seed: int = 1) -> Exchange:
    """An exchange on a synthetic market with one account."""
    exchange = Exchange(SYMBOLS, SyntheticMarket(SYMBOLS, seed, START_MS), seed, START_MS)
    exchange.accounts.create("a", {"BTC": Decimal(1), "USDT": Decimal(100_000)}, {"USDT": Decimal(100_000)})
    return exchange


def story(seed: int, step_ms: int = 250) -> list[Event]:
    """A quarter of a minute with orders, a deposit and a shock, told by its events."""
    exchange, events = opened(seed), []
    for now_ms in range(START_MS, START_MS + 15_001, step_ms):
        exchange.advance(now_ms)
        if now_ms % 5_000 == 0:
            sell = NewOrder(market="usdm", symbol="ETHUSDT", side="SELL", type="MARKET", quantity=Decimal("3.5"))
            exchange.place("a", sell, now_ms)
        if now_ms == START_MS + 7_500:
            exchange.accounts.deposit("a", "spot", "BTC", Decimal("0.5"))
            exchange.shock("BTC", Decimal("0.95"), now_ms)
        events += exchange.drain_events()
    exchange.check()
    return events


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda s: "_".join(s.key))
def test_books_have_depth_and_a_spread(symbol: object) -> None:
    """At least twenty levels a side on the tick and lot, best first, within a basis point or a few ticks."""
    exchange = opened()
    exchange.advance(START_MS + 10_000)
    found = next(s for s in SYMBOLS if s == symbol)
    depth = exchange.depth(found.market, found.name, 20)
    bids, asks = [row.price for row in depth.bids], [row.price for row in depth.asks]

    assert 20 == len(bids) == len(asks)
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert 0 < asks[0] - bids[0] <= max(found.tick * 3, bids[0] / 10_000)
    assert all(row.price % found.tick == 0 and row.quantity % found.lot == 0 for row in (*depth.bids, *depth.asks))


def test_assets_move_together() -> None:
    """Over an hour BTC and ETH returns correlate strongly, and volatility is of the order asked for."""
    market = SyntheticMarket(SYMBOLS, 3, START_MS, update_ms=5_000)
    logs: dict[str, list[float]] = {"BTCUSDT": [], "ETHUSDT": []}
    for second in range(0, 3_600, 5):
        for _ in market.advance(START_MS + second * 1_000):
            pass
        for name, values in logs.items():
            ladder = market.book(("spot", name)).bids
            values.append(math.log(ladder.best_raw() or 0))
    btc, eth = ([b - a for a, b in pairwise(v)] for v in logs.values())

    assert statistics.correlation(btc, eth) > 0.7
    assert 0.4 < statistics.stdev(btc) * math.sqrt(365 * 86_400 / 5) < 0.6


def test_the_perpetual_trades_at_a_basis() -> None:
    """The mark stays within a few basis points of the index, and the rate comes from the premium."""
    exchange = Exchange(SYMBOLS, SyntheticMarket(SYMBOLS, 1, START_MS, update_ms=2_000), 1, START_MS)
    exchange.advance(START_MS + 600_000)
    mark = exchange.mark("BTCUSDT")

    assert 0 < abs(mark.mark / mark.index - 1) < Decimal("0.001")
    assert Decimal("0.0001") == mark.funding_rate


def test_the_same_seed_tells_the_same_story() -> None:
    """Same seed and same calls give the same events, byte for byte; another seed another story."""
    assert digest_of(story(1)) == digest_of(story(1))
    assert digest_of(story(1)) != digest_of(story(2))


def test_hash_seeds_do_not_matter() -> None:
    """Two processes with different hash seeds tell the same story."""
    code = "from tests.simex.test_synthetic import digest_of, story; print(digest_of(story(5)))"
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert 1 == len(outs)


def test_how_finely_time_is_cut_does_not_matter() -> None:
    """The world without orders is the same whether advanced in steps of 7 ms or at once."""

    def told(step_ms: int) -> list[Event]:
        exchange = opened()
        for now_ms in range(START_MS, START_MS + 7_001, step_ms):
            exchange.advance(now_ms)
        return exchange.drain_events()

    assert digest_of(told(7)) == digest_of(told(7_000))


def test_diffs_rebuild_the_book() -> None:
    """A reader who applies every diff to the first snapshot has the book, and the ids leave no gap."""
    exchange = opened()
    exchange.drain_events()
    first = exchange.depth("usdm", "BTCUSDT", 1_000)
    book = {"bids": {r.price: r.quantity for r in first.bids}, "asks": {r.price: r.quantity for r in first.asks}}
    previous = None
    for now_ms in range(START_MS, START_MS + 20_000, 100):
        exchange.advance(now_ms)
        if now_ms % 3_000 == 0:
            new = NewOrder(market="usdm", symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal("2.5"))
            exchange.place("a", new, now_ms)
        for event in exchange.drain_events():
            if not isinstance(event, DepthChanged) or (event.market, event.symbol) != ("usdm", "BTCUSDT"):
                continue
            assert previous in (None, event.previous_update_id)
            assert event.first_update_id <= event.last_update_id
            previous = event.last_update_id
            for side, rows in (("bids", event.bids), ("asks", event.asks)):
                book[side].update({row.price: row.quantity for row in rows})
    exchange.advance(START_MS + 20_000)
    for event in exchange.drain_events():
        if isinstance(event, DepthChanged) and (event.market, event.symbol) == ("usdm", "BTCUSDT"):
            book["bids"].update({row.price: row.quantity for row in event.bids})
            book["asks"].update({row.price: row.quantity for row in event.asks})
    last = exchange.depth("usdm", "BTCUSDT", 1_000)

    assert {r.price: r.quantity for r in last.bids} == {p: q for p, q in book["bids"].items() if q}
    assert {r.price: r.quantity for r in last.asks} == {p: q for p, q in book["asks"].items() if q}


def test_tops_and_trades_are_told() -> None:
    """Tops change on every step or so, and public trades print inside what the book showed."""
    exchange = opened()
    exchange.drain_events()
    exchange.advance(START_MS + 10_000)
    events = exchange.drain_events()
    tops = [e for e in events if isinstance(e, BookTopChanged) and (e.market, e.symbol) == ("spot", "BTCUSDT")]

    assert 50 < len(tops) <= 100
    assert all(a.update_id < b.update_id for a, b in pairwise(tops))
    assert any(isinstance(event, MarketTraded) for event in events)


@pytest.mark.parametrize("update_ms", [0, -5])
def test_an_interval_is_positive(update_ms: int) -> None:
    """A market that would never step, or step for ever, is refused."""
    with pytest.raises(ValueError, match="update_ms"):
        SyntheticMarket(SYMBOLS, 1, START_MS, update_ms=update_ms)
