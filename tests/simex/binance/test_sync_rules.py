"""Books over the wire obey the venue's sync rules: no gaps but injected ones, and the book is the exchange's."""

from __future__ import annotations

import pytest

from tests.simex.binance.market_stage import MarketStage
from tests.simex.binance.sync import Checker
from tests.simex.sync_million import SNAPSHOT_PATHS, STREAM_NAMES, Run

DIFFS = 3_000


def test_no_gap_in_many_diffs() -> None:
    """An independent checker finds not a single gap in the diffs of the three markets."""
    run = Run()
    run.until(DIFFS)

    assert [] == run.gaps()
    assert DIFFS <= run.frames()


def test_each_lost_frame_is_found() -> None:
    """The checker finds every frame that is lost on the way, and nothing else."""
    run = Run(lose_every=97)
    run.until(DIFFS)

    assert len(run.torn) > 20
    assert sorted(run.torn) == sorted(run.gaps())


@pytest.mark.parametrize("market", ["spot", "usdm", "coinm"])
def test_the_book_is_the_exchanges(market: str) -> None:
    """A book kept from a snapshot and diffs is the exchange's own book, level by level."""
    stage = MarketStage(busy=True)
    socket = stage.listen(market, STREAM_NAMES[market])
    stage.advance(1_000)
    checker = Checker(is_spot=market == "spot")
    path, symbol = SNAPSHOT_PATHS[market]
    checker.snapshot(stage.get(path, symbol=symbol, limit=1_000))
    stage.advance(20_000, step_ms=50)
    for frame in socket.taken():
        assert checker.frame(frame)
    told = stage.get(path, symbol=symbol, limit=20)

    bids, asks = checker.best(20)
    assert told["bids"] == [list(level) for level in bids]
    assert told["asks"] == [list(level) for level in asks]


def test_frames_lost_in_a_silence_are_a_gap() -> None:
    """What would have been sent during a silence is lost, and the next frame shows that it was."""
    stage = MarketStage(busy=True)
    socket = stage.listen("usdm", "btcusdt@depth@100ms")
    stage.advance(3_000)
    checker = Checker(is_spot=False)
    frames = socket.taken()
    checker.last_id = frames[0]["pu"]
    assert all(checker.frame(frame) for frame in frames)

    stage.dialect.silence.market_until_ms = stage.now_ms + 5_000
    stage.advance(4_990)
    assert [] == socket.taken()
    stage.advance(3_000)
    assert not checker.frame(socket.taken()[0])
