"""The recorded market: what it replays is the recorded book at every moment, on any capture."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.core.flow import Flow, Level, Print
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import SCALE, scaled
from bot.simex.core.order import BUY, SELL
from bot.simex.sources.frames import NANOS_PER_MS, archives, captures
from bot.simex.sources.listings import binance
from bot.simex.sources.listings import bybit as bybit_listing
from bot.simex.sources.recorded import RecordedMarket
from tests.simex.sources.background import START_MS, Background, Stage
from tests.simex.sources.captures import (
    Frame,
    SecondOpinion,
    TextPairs,
    bybit,
    diff,
    frames_of,
    snapshot,
    ticker,
    trade,
    write_archive,
    write_capture,
)

INSTRUMENTS = {one.key: one for one in (*binance(START_MS), *bybit_listing(START_MS))}
# Of a real capture; the first minutes say enough, and the suite stays quick.
MOMENTS_MAX = 10_000
PERP: Key = ("usdm", "BTCUSDT")
BOOK = snapshot(100, [["99.0", "1"], ["98.0", "2"]], [["101.0", "1"], ["102.0", "2"]])


def p(number: str | int) -> int:
    """A price or quantity as the core has it."""
    return scaled(Decimal(number))


def assert_replays_the_record(
    instrument: Instrument, path: Path, every: int = 1, limit: int | None = None
) -> tuple[int, int]:
    """The replay has the ticker's top whenever that is newest, and the whole recorded book whenever the levels are.

    How many moments of each kind were compared, up to `limit` in all; of the second only one in `every` in whole, the
    others at their top.
    """
    market = RecordedMarket({instrument.key: [path]}, [instrument], START_MS)
    book, opinion = Background(), SecondOpinion(is_futures=instrument.category in {"usdm", "coinm"})
    for flow in market.opening():
        book.apply(flow)
    tops = wholes = compared_id = 0
    for moment_ms in islice(moments(path, opinion), limit):
        for flow in market.until(moment_ms):
            book.apply(flow)
        if opinion.ticker_leads:
            assert opinion.best is not None
            assert opinion.best[1:] == (book.bid, book.bids[book.bid], book.ask, book.asks[book.ask])
            tops += 1
        elif compared_id != opinion.update_id:
            wholes, compared_id = wholes + 1, opinion.update_id
            if wholes % every == 0:
                assert (opinion.bids, opinion.asks) == (book.bids, book.asks)
            else:
                assert opinion.bids[book.bid] == book.bids[book.bid]
                assert opinion.asks[book.ask] == book.asks[book.ask]
    assert market.ended or limit is not None
    assert market.gaps == 0
    return tops, wholes


def moments(path: Path, opinion: SecondOpinion) -> Iterator[int]:
    """Feeds the second opinion; the exchange's time at the end of each recorded ms, from the first whole book on."""
    origin_ns, now_ms = 0, START_MS
    for received_ns, frame in frames_of(path):
        if origin_ns:
            due_ms = max(now_ms, START_MS + (received_ns - origin_ns) // NANOS_PER_MS)
            if due_ms > now_ms:
                yield now_ms
                now_ms = due_ms
        opinion.feed(frame)
        if not origin_ns and opinion.snapshots:
            origin_ns = received_ns
    yield now_ms


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (PERP, "usdm_btcusdt_20240808.gz"),
        (("spot", "ETHUSDT"), "spot_ethusdt_20240808.gz"),
        (("coinm", "BTCUSD_PERP"), "coinm_btcusd_perp_20240808.gz"),
        (("linear", "XRPUSDT"), "xrpusdt-ob500.data.zip"),
    ],
)
def test_real_captures_replay_with_the_recorded_book_at_every_moment(frames_dir: Path, key: Key, name: str) -> None:
    """Recorded frames replay with the recorded book at every moment, checked against the same files."""
    path = frames_dir / name
    if not path.exists():
        pytest.skip(f"no {name} in {frames_dir}")

    tops, wholes = assert_replays_the_record(
        INSTRUMENTS[key], path, *((20, MOMENTS_MAX) if path.suffix == ".gz" else ())
    )

    assert wholes > (500 if path.suffix == ".gz" else 40)
    assert tops > 2_000 or path.suffix == ".zip"


class MadeUp:
    """An exchange whose book wanders; it streams a ticker for every update and a diff for several."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.middle = 1000
        self.update_id = 100
        self.bids = {self.middle - k: k for k in range(1, 6)}
        self.asks = {self.middle + k: k for k in range(1, 6)}
        self.touched: tuple[set[int], set[int]] = set(), set()

    def update(self) -> None:
        """The middle moves; levels that it passed are gone, new ones come, one changes."""
        rng = self.rng
        self.update_id += 1
        self.middle += rng.choice([-3, -1, 0, 0, 0, 1, 3])
        for side, way, touched in ((self.bids, -1, self.touched[0]), (self.asks, 1, self.touched[1])):
            wanted = {self.middle + way * k for k in range(1, 9) if k == 1 or rng.random() < 0.7}
            changed = [p for p in side if (p - self.middle) * way <= 0 or rng.random() < 0.1]
            touched.update(changed, wanted - side.keys())
            for price in changed:
                del side[price]
            for price in sorted(wanted - side.keys()):
                side[price] = rng.randint(1, 9)

    def ticker(self) -> Frame:
        """The best prices now."""
        bid, ask = max(self.bids), min(self.asks)
        return ticker(self.update_id, (str(bid), str(self.bids[bid])), (str(ask), str(self.asks[ask])))

    def levels(self, bids: Iterable[int], asks: Iterable[int]) -> tuple[TextPairs, TextPairs]:
        """Levels as the wire has them."""
        return (
            [[str(price), str(self.bids.get(price, 0))] for price in sorted(bids)],
            [[str(price), str(self.asks.get(price, 0))] for price in sorted(asks)],
        )


def made_up(seed: int, *, is_futures: bool) -> Iterator[tuple[float, Frame]]:
    """A capture of such an exchange, with a snapshot near the start and another in the middle."""
    venue, before = MadeUp(seed), 100
    for at_ms in range(0, 300, 2):
        first = venue.update_id + 1
        for part in range(venue.rng.randint(1, 4)):
            venue.update()
            if venue.rng.random() < 0.8:
                yield at_ms + part / 4, venue.ticker()
            if part == 0 and at_ms in {6, 150}:
                yield at_ms + 0.1, snapshot(venue.update_id, *venue.levels(venue.bids, venue.asks))
        bids, asks = venue.levels(*venue.touched)
        yield at_ms + 1.0, diff(first, venue.update_id, bids, asks, before if is_futures else None)
        before = venue.update_id
        for touched in venue.touched:
            touched.clear()


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=30)
def test_any_capture_replays_with_the_recorded_book_at_every_moment(seed: int, is_futures: bool) -> None:
    """The same promise on captures that the test makes: tickers ahead of diffs, and a second snapshot."""
    key: Key = PERP if is_futures else ("spot", "BTCUSDT")
    with TemporaryDirectory() as folder:
        path = write_capture(Path(folder), made_up(seed, is_futures=is_futures), f"{key[0]}_btcusdt_made.gz")

        tops, wholes = assert_replays_the_record(INSTRUMENTS[key], path)

    assert tops > 30
    assert wholes > 30


def opened(folder: Path, rows: Iterable[tuple[float, Frame]], **options: Any) -> tuple[RecordedMarket, Stage]:
    """A market of one capture of the BTC perpetual, and a stage on which its opening was played."""
    write_capture(folder, rows)
    market = RecordedMarket(captures(folder, [PERP]), [INSTRUMENTS[PERP]], START_MS, **options)
    stage = Stage([INSTRUMENTS[PERP]])
    stage.play(market.opening())
    return market, stage


def tops(stage: Stage) -> tuple[int, int]:
    """Best bid and ask, in whole quote."""
    book = stage.books[PERP]
    return book.bid // SCALE, book.ask // SCALE


def test_a_diff_older_than_the_ticker_does_not_contradict_it(tmp_path: Path) -> None:
    """What a ticker says is best stays best, with its size, while an older diff still changes what is behind."""
    old = diff(101, 105, [["100", "7"], ["99", "3"], ["97", "1"]], [], before=100)
    rows = [(0, BOOK), (1, diff(95, 101, [], [], 90)), (2, ticker(110, ("99", "5"), ("101", "1"))), (3, old)]
    old["data"]["pu"] = 101
    market, stage = opened(tmp_path, rows)
    stage.play(market.until(START_MS + 9))

    assert stage.books[PERP].bids == {p(99): p(5), p(98): p(2), p(97): p(1)}


def test_a_ticker_older_than_the_book_is_ignored(tmp_path: Path) -> None:
    """An update id that the levels already contain says nothing new."""
    market, stage = opened(tmp_path, [(0, BOOK), (1, ticker(100, ("98", "9"), ("103", "9")))])

    assert stage.play(market.until(START_MS + 9)) == []


def test_after_a_gap_only_tickers_are_believed_until_a_snapshot(tmp_path: Path) -> None:
    """A missed diff empties the book down to its top; the next snapshot makes it whole."""
    gap = diff(301, 310, [["97", "1"]], [], before=300)
    fresh = snapshot(400, [["90", "1"], ["89", "1"]], [["91", "1"]])
    rows = [
        (0, BOOK),
        (1, diff(99, 102, [], [], 90)),
        (2, ticker(305, ("99", "4"), ("101", "4"))),
        (3, gap),
        (4, ticker(320, ("96", "4"), ("97", "4"))),
        (5, fresh),
    ]
    market, stage = opened(tmp_path, rows)
    book = stage.books[PERP]

    stage.play(market.until(START_MS + 3))
    assert (book.bids, market.gaps) == ({p(99): p(4)}, 1)
    stage.play(market.until(START_MS + 4))
    assert (book.bids, book.asks) == ({p(96): p(4)}, {p(97): p(4)})
    stage.play(market.until(START_MS + 5))
    assert (book.bids, book.asks) == ({p(90): p(1), p(89): p(1)}, {p(91): p(1)})


def test_levels_that_did_not_change_are_not_written_again(tmp_path: Path) -> None:
    """A diff emits what changed alone, ends before beginnings: what accounts took elsewhere stays taken."""
    change = diff(95, 101, [["99", "1"], ["100", "6"]], [["101", "0"]], before=90)
    market, stage = opened(tmp_path, [(0, BOOK), (1, change)])

    flows = [(f.side, f.price, f.quantity) for f in stage.play(market.until(START_MS + 1)) if isinstance(f, Level)]

    assert flows == [(SELL, p(101), 0), (BUY, p(100), p(6))]


def test_trades_are_prints(tmp_path: Path) -> None:
    """The aggressor of a recorded trade is the side that was not the maker."""
    rows = [(0, BOOK), (1, trade("99", "0.5")), (2, trade("101", "0.25", buyer_is_maker=False))]
    market, stage = opened(tmp_path, rows)
    stage.play(market.until(START_MS + 5))

    assert [(t.price, t.quantity, t.aggressor) for t in stage.takes if isinstance(t, Print)] == [
        (p(99), p("0.5"), SELL),
        (p(101), p("0.25"), BUY),
    ]


def test_a_shock_maps_the_record_from_then_on(tmp_path: Path) -> None:
    """Books, tickers, diffs and trades show at their price times the factor; two levels at one price add up."""
    close = snapshot(100, [["99.1", "1"], ["99.0", "2"]], [["101.0", "1"], ["101.1", "2"]])
    rows = [
        (0, close),
        (1, diff(95, 101, [["98.9", "4"]], [], before=90)),
        (2, ticker(105, ("99.2", "3"), ("101.0", "5"))),
        (3, trade("99.2")),
    ]
    market, stage = opened(tmp_path, rows)
    book = stage.books[PERP]

    stage.play(market.shock("BTC", 0.5, START_MS))
    assert (book.bids, book.asks) == ({p("49.5"): p(3)}, {p("50.5"): p(1), p("50.6"): p(2)})
    stage.play(market.until(START_MS + 1))
    assert book.bids == {p("49.5"): p(3), p("49.4"): p(4)}
    stage.play(market.until(START_MS + 2))
    assert book.bids == {p("49.6"): p(3), p("49.5"): p(3), p("49.4"): p(4)}
    stage.play(market.until(START_MS + 3))
    assert [take.price for take in stage.takes] == [p("49.6")]
    assert list(market.shock("ETH", 0.5, START_MS + 3)) == []


def test_time_runs_by_receive_times_and_speed(tmp_path: Path) -> None:
    """At double speed a frame 10 ms after the first comes after 5; a line out of order does not turn time back."""
    rows = [(0, BOOK), (10, ticker(201, ("99", "3"), ("101", "1"))), (8, ticker(202, ("99", "4"), ("101", "1")))]
    market, stage = opened(tmp_path, rows, speed=2.0)

    assert stage.play(market.until(START_MS + 4)) == []
    assert market.next_ms() == START_MS + 5
    assert [flow.time_ms for flow in stage.play(market.until(START_MS + 5))] == [START_MS + 5] * 2
    assert (market.ended, market.next_ms()) == (True, None)


def test_a_loop_begins_again_with_whole_books(tmp_path: Path) -> None:
    """After the last frame the first books return, and on it goes, however the flow is read."""
    rows = [(0, BOOK), (5, ticker(201, ("98", "3"), ("99", "1")))]
    market, stage = opened(tmp_path, rows, loop=True)

    for moment in range(1, 20):
        list(islice(stage.play(market.until(START_MS + moment)), 1))
    assert tops(stage) == (99, 101)
    assert not market.ended
    assert len(stage.play(market.until(START_MS + 1000))) > 200


def test_a_reader_that_leaves_misses_nothing(tmp_path: Path) -> None:
    """The flow is the same when it is taken one by one."""
    rows = list(made_up(5, is_futures=True))
    whole, _ = opened(tmp_path, rows)
    single, _ = opened(tmp_path, rows)
    found: list[Flow] = []
    while part := list(islice(single.until(START_MS + 1000), 1)):
        found += part

    assert found == list(whole.until(START_MS + 1000))


def test_bybit_archives_replay_and_reset_at_snapshots(tmp_path: Path) -> None:
    """Deltas follow by u; a snapshot in the middle is a new book; a missing u is a gap until the next snapshot."""
    key: Key = ("linear", "XRPUSDT")
    lines = [
        bybit("snapshot", 10, [["0.5", "1"]], [["0.6", "1"]], 0),
        bybit("delta", 11, [["0.51", "2"]], [["0.6", "0"], ["0.61", "3"]], 100),
        bybit("delta", 13, [["0.52", "2"]], [], 200),
        bybit("snapshot", 1, [["0.4", "1"]], [["0.5", "1"]], 300),
    ]
    write_archive(tmp_path, lines)
    market = RecordedMarket(archives(tmp_path, "linear", ["XRPUSDT", "ETHUSDT"]), [INSTRUMENTS[key]], START_MS)
    book = Background()
    for flow in (*market.opening(), *market.until(START_MS + 100)):
        book.apply(flow)
    assert (book.bids, book.asks) == ({p("0.5"): p(1), p("0.51"): p(2)}, {p("0.61"): p(3)})

    for flow in market.until(START_MS + 200):
        book.apply(flow)
    assert (book.bids, market.gaps) == ({}, 1)
    for flow in market.until(START_MS + 300):
        book.apply(flow)
    assert (book.bids, book.asks) == ({p("0.4"): p(1)}, {p("0.5"): p(1)})


def test_a_capture_belongs_to_the_longest_symbol_that_fits(tmp_path: Path) -> None:
    """A dated future's capture is not taken for the perpetual's."""
    for name in ("usdm_btcusdt_a.gz", "usdm_btcusdt_240927_a.gz", "spot_btcusdt_a.gz", "notes.txt"):
        (tmp_path / name).touch()
    dated: Key = ("usdm", "BTCUSDT_240927")

    found = captures(tmp_path, [PERP, dated])

    assert {key: [path.name for path in paths] for key, paths in found.items()} == {
        PERP: ["usdm_btcusdt_a.gz"],
        dated: ["usdm_btcusdt_240927_a.gz"],
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "2: no time"),
        ('1 {"stream":"x@bookTicker","data":{"u":1}}', "2: Object missing"),
        ('1 {"stream":"x@trade","data":{"p":"abc","q":"1","m":true}}', "2: 'abc' is not a number"),
        ('1 {"stream":"x@depth","data":', "2: Input data was truncated"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(tmp_path: Path, line: str, message: str) -> None:
    """One clear line says where the capture is broken, and what is wrong."""
    path = tmp_path / "usdm_btcusdt_bad.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(f"0 {json.dumps(BOOK, separators=(',', ':'))}\n{line}\n")

    with pytest.raises(ValueError, match=f"usdm_btcusdt_bad.gz:{message}"):
        list(RecordedMarket({PERP: [path]}, [INSTRUMENTS[PERP]], START_MS).until(START_MS + 10**9))


def test_a_capture_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    """There is no book to begin with."""
    path = write_capture(tmp_path, [(0, ticker(1, ("99", "1"), ("101", "1")))])

    with pytest.raises(ValueError, match="no depth snapshot in the capture of usdm_BTCUSDT"):
        RecordedMarket({PERP: [path]}, [INSTRUMENTS[PERP]], START_MS)


def test_streams_that_books_have_no_use_for_are_passed_over(tmp_path: Path) -> None:
    """A capture may hold more than books."""
    other = {"stream": "btcusdt@markPrice", "data": {"p": "1"}}
    market, stage = opened(tmp_path, [(0, BOOK), (1, other)])

    assert stage.play(market.until(START_MS + 1)) == []
    assert (market.ended, market.keys) == (True, frozenset({PERP}))


def test_diffs_wait_for_a_snapshot_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that begins with too many is not one: nothing grows without end."""
    monkeypatch.setattr("bot.simex.sources.recorded.PENDING_DIFFS_MAX", 3)
    path = write_capture(tmp_path, [(at, diff(at, at, [], [], at - 1)) for at in range(1, 9)])

    with pytest.raises(ValueError, match="3 depth diffs and no snapshot"):
        RecordedMarket({PERP: [path]}, [INSTRUMENTS[PERP]], START_MS)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_above_zero(tmp_path: Path, speed: float) -> None:
    """And so must there be a file of a known instrument."""
    path = write_capture(tmp_path, [(0, BOOK)])

    with pytest.raises(ValueError, match="speed above zero"):
        RecordedMarket({PERP: [path]}, [INSTRUMENTS[PERP]], START_MS, speed=speed)
    with pytest.raises(ValueError, match="known instrument"):
        RecordedMarket({}, [INSTRUMENTS[PERP]], START_MS)
