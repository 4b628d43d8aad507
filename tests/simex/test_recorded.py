"""The recorded market: Binance's sync rules, the ticker's lead, time, loops, and the truth of fills."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.simex.events import MarketTraded
from bot.simex.exchange import Exchange
from bot.simex.market.frames import Diff, Message, Snapshot, Ticker, captures, decode, lines
from bot.simex.market.recorded import RecordedBook, RecordedMarket
from bot.simex.model import NewOrder, SymbolKey
from bot.simex.symbols import default_symbols, only
from tests.simex.stage import BTC_PERP, BTC_SPOT, START_MS

SYMBOLS = default_symbols()
FIRST_NS = 1_723_161_255_000_000_000
RECORDED: list[SymbolKey] = [("spot", "BTCUSDT"), ("spot", "ETHUSDT"), ("usdm", "BTCUSDT"), ("usdm", "ETHUSDT")]
Row = tuple[int, dict[str, Any]]


def snapshot(last_id: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    """A REST snapshot as it is captured."""
    return {"lastUpdateId": last_id, "bids": bids, "asks": asks}


def diff(
    first: int, last: int, bids: list[list[str]], asks: list[list[str]], before: int | None = None
) -> dict[str, Any]:
    """A depth message; `before` makes it a futures one."""
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@100ms", "data": data | ({} if before is None else {"pu": before, "T": 1})}


def ticker(update: int, bid: tuple[str, str], ask: tuple[str, str]) -> dict[str, Any]:
    """A bookTicker message."""
    data = {"u": update, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return {"stream": "btcusdt@bookTicker", "data": data}


def trade(price: str) -> dict[str, Any]:
    """A trade message."""
    return {
        "stream": "btcusdt@trade",
        "data": {"e": "trade", "s": "BTCUSDT", "t": 1, "p": price, "q": "0.5", "m": True},
    }


START = snapshot(100, [["99.0", "1"], ["98.0", "2"]], [["101.0", "1"], ["102.0", "2"]])


def capture(folder: Path, rows: list[Row], market: str = "usdm") -> Path:
    """Write frames at milliseconds after the first as a capture of BTCUSDT."""
    with gzip.open(folder / f"{market}_btcusdt_test.gz", "wt") as stream:
        for at_ms, message in rows:
            stream.write(f"{FIRST_NS + at_ms * 1_000_000} {json.dumps(message)}\n")
    return folder


def opened(folder: Path, rows: list[Row], market: str = "usdm", **more: Any) -> Exchange:
    """An exchange on a capture of these frames."""
    source = RecordedMarket(capture(folder, rows, market), SYMBOLS, START_MS, **more)
    exchange = Exchange(only(SYMBOLS, source.keys), source, 1, START_MS)
    exchange.accounts.create("a", {"BTC": Decimal(5), "USDT": Decimal(10_000)}, {"USDT": Decimal(10_000)})
    return exchange


def book(exchange: Exchange, market: Any = "usdm") -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Bids and asks as strings, best first."""
    depth = exchange.depth(market, "BTCUSDT", 10)
    return (
        [(str(row.price), str(row.quantity)) for row in depth.bids],
        [(str(row.price), str(row.quantity)) for row in depth.asks],
    )


def test_a_futures_book_follows_its_diffs(tmp_path: Path) -> None:
    """Older diffs are dropped, the first straddles the snapshot, later ones name their predecessor."""
    rows = [
        (0, diff(80, 90, [["97.0", "9"]], [], before=79)),
        (1, diff(91, 105, [["99.0", "5"]], [["101.0", "0"]], before=90)),
        (2, START),
        (10, diff(106, 110, [["98.5", "3"]], [], before=105)),
    ]
    exchange = opened(tmp_path, rows)

    assert ([("99.0", "5"), ("98.0", "2")], [("102.0", "2")]) == book(exchange)

    exchange.advance(START_MS + 8)

    assert ([("99.0", "5"), ("98.5", "3"), ("98.0", "2")], [("102.0", "2")]) == book(exchange)


def test_a_spot_book_follows_its_diffs(tmp_path: Path) -> None:
    """A diff that ends at the snapshot's id is old; one that begins at the next id fits."""
    rows = [
        (0, diff(90, 100, [["99.0", "9"]], [])),
        (1, START),
        (2, diff(101, 102, [["99.5", "1"]], [])),
        (3, diff(103, 104, [], [["101.0", "4"]])),
    ]
    exchange = opened(tmp_path, rows, "spot")
    exchange.advance(START_MS + 2)

    assert ([("99.5", "1"), ("99.0", "1"), ("98.0", "2")], [("101.0", "4"), ("102.0", "2")]) == book(exchange, "spot")


@pytest.mark.parametrize(
    ("market", "broken"),
    [("usdm", diff(107, 110, [["98.5", "3"]], [], before=106)), ("spot", diff(107, 110, [["98.5", "3"]], []))],
)
def test_a_gap_leaves_only_the_ticker(tmp_path: Path, market: str, broken: dict[str, Any]) -> None:
    """After a lost diff nothing but the ticker is believed, until a new snapshot comes."""
    before = None if market == "spot" else 99
    rows = [
        (0, START),
        (1, diff(100, 105, [], [], before=before)),
        (2, ticker(106, ("99.0", "7"), ("101.0", "7"))),
        (3, broken),
        (4, ticker(111, ("98.9", "1"), ("101.0", "2"))),
        (5, snapshot(120, [["98.0", "1"]], [["103.0", "1"]])),
    ]
    exchange = opened(tmp_path, rows, market)
    exchange.advance(START_MS + 3)

    assert ([("99.0", "7")], [("101.0", "7")]) == book(exchange, market)

    exchange.advance(START_MS + 4)

    assert ([("98.9", "1")], [("101.0", "2")]) == book(exchange, market)

    exchange.advance(START_MS + 5)

    assert ([("98.0", "1")], [("103.0", "1")]) == book(exchange, market)
    assert 1 == exchange.market.gaps  # type: ignore[attr-defined]


def test_the_newer_of_ticker_and_diff_wins(tmp_path: Path) -> None:
    """A ticker older than the diff is ignored; a diff older than the ticker cannot undo it."""
    rows = [
        (0, START),
        (1, diff(100, 105, [], [], before=99)),
        (2, ticker(104, ("97.0", "1"), ("105.0", "1"))),
        (3, ticker(112, ("98.0", "6"), ("100.5", "4"))),
        (4, diff(106, 110, [["99.0", "8"], ["98.0", "0"]], [], before=105)),
    ]
    exchange = opened(tmp_path, rows)
    exchange.advance(START_MS + 2)

    assert ("99.0", "101.0") == (book(exchange)[0][0][0], book(exchange)[1][0][0])

    exchange.advance(START_MS + 3)

    assert ([("98.0", "6")], ("100.5", "4")) == (book(exchange)[0], book(exchange)[1][0])

    exchange.advance(START_MS + 4)

    assert ([("98.0", "6")], ("100.5", "4")) == (book(exchange)[0], book(exchange)[1][0])


def test_what_was_taken_returns_only_with_the_feed(tmp_path: Path) -> None:
    """A level that an order emptied stays empty until a frame writes that level; a late diff elsewhere does not."""
    rows = [
        (0, START),
        (1, diff(100, 105, [], [], before=99)),
        (2, ticker(107, ("99.0", "1"), ("101.0", "1"))),
        (50, diff(106, 106, [["97.0", "1"]], [], before=105)),
        (99, ticker(108, ("99.0", "3"), ("101.0", "1"))),
    ]
    exchange = opened(tmp_path, rows)
    exchange.advance(START_MS + 2)
    new = NewOrder(market="usdm", symbol="BTCUSDT", side="SELL", type="MARKET", quantity=Decimal("1.5"))
    order = exchange.place("a", new, START_MS + 3)

    assert (Decimal("1.5"), [("98.0", "1.5")]) == (order.filled, book(exchange)[0])

    exchange.advance(START_MS + 60)

    assert [("98.0", "1.5"), ("97.0", "1")] == book(exchange)[0]

    exchange.advance(START_MS + 99)

    assert ("99.0", "3") == book(exchange)[0][0]
    assert [FIRST_NS + 2_000_000] * 2 == [row.source_time for row in exchange.fill_log]


def test_a_shock_moves_recorded_prices(tmp_path: Path) -> None:
    """Now and for every later frame, trades included."""
    rows = [
        (0, START),
        (1, diff(100, 105, [], [], before=99)),
        (5, trade("100.0")),
        (6, ticker(106, ("99.5", "1"), ("101.0", "1"))),
    ]
    exchange = opened(tmp_path, rows)
    exchange.shock("BTC", Decimal("1.5"), START_MS + 1)
    exchange.drain_events()

    assert ("148.50", "1") == book(exchange)[0][0]

    exchange.advance(START_MS + 6)
    printed = [event.price for event in exchange.drain_events() if isinstance(event, MarketTraded)]

    assert ("149.20", "1") == book(exchange)[0][0]
    assert [Decimal("150.0")] == printed
    assert Decimal("1.5") == exchange.market.book(BTC_PERP).bids.factor


def test_speed_and_start(tmp_path: Path) -> None:
    """The books are complete at the start, and frames follow at their distance divided by the speed."""
    rows = [(0, trade("90.0")), (700, START), (1_700, ticker(200, ("99.5", "1"), ("101.0", "1")))]
    exchange = opened(tmp_path, rows, speed=4.0)
    exchange.advance(START_MS + 249)

    assert "99.0" == book(exchange)[0][0][0]
    assert not exchange.market.ended

    exchange.advance(START_MS + 250)

    assert "99.5" == book(exchange)[0][0][0]
    assert exchange.market.ended


def test_a_loop_begins_again(tmp_path: Path) -> None:
    """After the last frame the capture starts anew, with its own first book."""
    rows = [(0, START), (100, ticker(200, ("99.5", "1"), ("101.0", "1")))]
    exchange = opened(tmp_path, rows, loop=True)
    seen = []
    for now_ms in range(START_MS, START_MS + 1_001, 50):
        exchange.advance(now_ms)
        seen.append(book(exchange)[0][0][0])

    assert not exchange.market.ended
    assert {"99.0"} == set(seen)


def test_both_markets_are_merged_by_time(tmp_path: Path) -> None:
    """Spot and perpetual advance together, and the index comes from the spot book."""
    capture(tmp_path, [(0, START), (20, ticker(300, ("200.0", "1"), ("201.0", "1")))], "spot")
    rows = [(5, START), (10, ticker(300, ("199.0", "1"), ("202.0", "1"))), (2_000, trade("1.0"))]
    exchange = opened(tmp_path, rows)

    assert {BTC_SPOT, BTC_PERP} == exchange.market.keys

    exchange.advance(START_MS + 5)

    assert ("99.0", "199.0") == (book(exchange, "spot")[0][0][0], book(exchange)[0][0][0])

    exchange.advance(START_MS + 1_500)

    assert Decimal("200.5") == exchange.mark("BTCUSDT").index


def test_a_capture_without_snapshot_is_refused(tmp_path: Path) -> None:
    """Books cannot be made of diffs alone."""
    with pytest.raises(ValueError, match="no depth snapshot in the capture of usdm_BTCUSDT"):
        opened(tmp_path, [(0, ticker(1, ("99.0", "1"), ("101.0", "1")))])


def test_a_folder_without_captures_is_refused(tmp_path: Path) -> None:
    """Names the folder and the form of name that was looked for."""
    with pytest.raises(FileNotFoundError, match="no capture"):
        RecordedMarket(tmp_path, SYMBOLS, START_MS)


@pytest.mark.parametrize("speed", [0, -1.0])
def test_speed_is_positive(tmp_path: Path, speed: float) -> None:
    """Time does not stand still or run backwards."""
    with pytest.raises(ValueError, match="speed"):
        RecordedMarket(tmp_path, SYMBOLS, START_MS, speed=speed)


# --------------------------------------------------------------------------------------- real recordings
@pytest.mark.data
@pytest.mark.parametrize("key", RECORDED, ids="_".join)
def test_recorded_diffs_agree_with_recorded_tickers(frames_dir: Path, key: SymbolKey) -> None:
    """A book made of the diffs alone has, after each of them, the very top that the ticker of that id reported."""
    symbol = next(s for s in SYMBOLS if s.key == key)
    recorded, tickers, compared = RecordedBook(symbol), [], 0
    tops: list[tuple[int, Decimal, Decimal, Decimal, Decimal]] = []
    for message in _messages(frames_dir, key):
        if isinstance(message, Ticker):
            tickers.append(message)
        elif recorded.apply(message):
            tops.append((recorded.last_id or 0, *_top(recorded)))
    place = -1
    for update, *top in tops:
        while place + 1 < len(tickers) and tickers[place + 1].u <= update:
            place += 1
        if place >= 0:
            said = tickers[place]
            assert [said.b, said.B, said.a, said.A] == top
            compared += 1

    assert 0 == recorded.gaps
    assert compared > 3_000


@pytest.mark.data
@pytest.mark.parametrize("key", RECORDED, ids="_".join)
def test_the_top_is_the_newest_ticker(frames_dir: Path, key: SymbolKey) -> None:
    """Right after a ticker the book's top is that ticker, whatever diffs came in between, and is never crossed."""
    symbol = next(s for s in SYMBOLS if s.key == key)
    recorded, applied = RecordedBook(symbol), 0
    for message in _messages(frames_dir, key):
        changed = recorded.apply(message)
        if not recorded.is_synced or not changed:
            continue
        bid, bid_quantity, ask, ask_quantity = _top(recorded)
        assert bid < ask
        if isinstance(message, Ticker):
            assert (message.b, message.B, message.a, message.A) == (bid, bid_quantity, ask, ask_quantity)
            applied += 1

    assert applied > 15_000


@pytest.mark.data
def test_fills_are_at_prices_of_the_recorded_book(frames_dir: Path) -> None:
    """A second, simpler reader finds each fill's price and size in the recorded book of that instant."""
    source = RecordedMarket(frames_dir, SYMBOLS, START_MS)
    exchange = Exchange(only(SYMBOLS, source.keys), source, 1, START_MS)
    exchange.accounts.create("a", {}, {"USDT": Decimal(10_000_000)})
    for step in range(1, 13):
        side = "SELL" if step % 2 else "BUY"
        new = NewOrder(market="usdm", symbol="BTCUSDT", side=side, type="MARKET", quantity=Decimal(20))  # type: ignore[arg-type]
        assert "FILLED" == exchange.place("a", new, START_MS + step * 5_000).status
    exchange.check()
    fills = list(exchange.fill_log)

    assert len({row.price for row in fills}) > 12

    levels: dict[str, dict[Decimal, Decimal]] = {"BUY": {}, "SELL": {}}
    best: dict[str, Decimal] = {}
    place = 0
    for line in lines(captures(frames_dir, [BTC_PERP])):
        while place < len(fills) and fills[place].source_time < line.received_ns:
            row = fills[place]
            assert row.quantity <= row.level_quantity <= levels[row.side][row.price]
            assert row.price >= best["BUY"] if row.side == "BUY" else row.price <= best["SELL"]
            place += 1
        _read(decode(line.payload), levels, best)

    assert len(fills) == place


def _read(message: Message | None, levels: dict[str, dict[Decimal, Decimal]], best: dict[str, Decimal]) -> None:
    """Fold a message into plain dicts, by the side that takes from them."""
    match message:
        case Snapshot():
            levels["SELL"], levels["BUY"] = dict(message.bids), dict(message.asks)
        case Diff():
            levels["SELL"].update(message.b)
            levels["BUY"].update(message.a)
        case Ticker():
            levels["SELL"][message.b], levels["BUY"][message.a] = message.B, message.A
            best["SELL"], best["BUY"] = message.b, message.a
        case _:
            pass


def _messages(frames_dir: Path, key: SymbolKey) -> Iterator[Ticker | Diff | Snapshot]:
    found = captures(frames_dir, [key])
    if not found:
        pytest.skip(f"no recorded frames of {key}")
    for line in lines(found):
        message = decode(line.payload)
        if isinstance(message, Ticker | Diff | Snapshot):
            yield message


def _top(recorded: RecordedBook) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    bid, ask = recorded.book.bids.best_raw(), recorded.book.asks.best_raw()
    assert bid is not None
    assert ask is not None
    return bid, recorded.book.bids.levels[bid], ask, recorded.book.asks.levels[ask]
