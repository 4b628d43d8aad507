"""Market streams of the three markets: paths, names, payloads, intervals, control messages, ends of connections."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.bars import HOUR_MS, closing_ms, opening_ms
from bot.simex.binance.dialect import Behaviour
from bot.simex.core.order import BUY, SELL
from tests.simex.binance.market_stage import COIN, PERP, SPOT, MarketStage

DAY_MS = 86_400_000
NAMES = {"spot": "btcusdt", "usdm": "btcusdt", "coinm": "btcusd_perp"}
KEYS = {"spot": SPOT, "usdm": PERP, "coinm": COIN}


@pytest.fixture
def stage() -> MarketStage:
    return MarketStage()


# --------------------------------------------------------------------------------------------------------------- paths
@pytest.mark.parametrize("market", ["usdm", "coinm"])
@pytest.mark.parametrize("prefix", ["", "/public", "/market", "/private"])
@pytest.mark.parametrize("number", ["", "/0", "/17"])
def test_subscribing_on_any_path(stage: MarketStage, market: str, prefix: str, number: str) -> None:
    """Raw, numbered and prefixed paths carry the streams that are subscribed on them."""
    socket = stage.connect(market, f"{prefix}/ws{number}")
    stream = f"{NAMES[market]}@bookTicker"
    assert {"result": None, "id": 7} == socket.ask("SUBSCRIBE", [stream], 7)
    stage.strangers(KEYS[market], BUY, "0.4" if market != "coinm" else "7")

    (frame,) = socket.taken()
    assert "bookTicker" == frame["e"]


def test_combined_streams_are_wrapped(stage: MarketStage) -> None:
    """/stream?streams= wraps each frame with its stream; /ws/<stream>/<stream> does not."""
    combined = stage.connect("spot", "/stream", "streams=btcusdt@bookTicker/btcusdt@trade")
    raw = stage.connect("spot", "/ws/btcusdt@bookTicker/btcusdt@trade")
    stage.strangers(SPOT, BUY, "0.1")

    assert ["btcusdt@trade", "btcusdt@bookTicker"] == [frame["stream"] for frame in combined.taken()]
    assert [True, False] == ["e" in frame for frame in raw.taken()]


@pytest.mark.parametrize("path", ["/", "/nothing", "/ws-api/v3", "/public", ""])
def test_other_paths_are_no_websockets(stage: MarketStage, path: str) -> None:
    """A path without streams is refused."""
    assert None is stage.dialect.connect("fstream.binance.com", path, "", print)


# ------------------------------------------------------------------------------------------------------------ payloads
DOCUMENTED = {
    ("spot", "bookTicker"): "u s b B a A",
    ("spot", "trade"): "e E s t p q T m M",
    ("spot", "aggTrade"): "e E s a p q f l T m M",
    ("spot", "depth@100ms"): "e E s U u b a",
    ("spot", "depth5@100ms"): "lastUpdateId bids asks",
    ("spot", "kline_1m"): "e E s k",
    ("spot", "kline_1s"): "e E s k",
    ("spot", "miniTicker"): "e E s c o h l v q",
    ("spot", "ticker"): "e E s p P w x c Q b B a A o h l v q O C F L n",
    ("spot", "ticker_1h"): "e E s p P o h l c w v q O C F L n",
    ("spot", "avgPrice"): "e E s i w T",
    ("usdm", "bookTicker"): "e u s ps b B a A T E",
    ("usdm", "trade"): "e E T s t p q X m",
    ("usdm", "aggTrade"): "e E s a p q nq f l T m",
    ("usdm", "depth@500ms"): "e E T s ps U u pu b a",
    ("usdm", "depth20"): "e E T s ps U u pu b a",
    ("usdm", "kline_1h"): "e E s k",
    ("usdm", "miniTicker"): "e E s c o h l v q",
    ("usdm", "ticker"): "e E s p P w c Q o h l v q O C F L n",
    ("usdm", "markPrice"): "e E s p P i r T",
    ("usdm", "markPrice@1s"): "e E s p P i r T",
    ("coinm", "bookTicker"): "e u s ps b B a A T E",
    ("coinm", "aggTrade"): "e E s a p q f l T m",
    ("coinm", "depth"): "e E T s ps U u pu b a",
    ("coinm", "kline_1d"): "e E s k",
    ("coinm", "miniTicker"): "e E s ps c o h l v q",
    ("coinm", "ticker"): "e E s ps p P w c Q o h l v q O C F L n",
    ("coinm", "markPrice@1s"): "e E s p P i r T",
    ("coinm", "markPriceKline_1m"): "e E ps k",
}


@pytest.mark.parametrize(("market", "name"), list(DOCUMENTED))
def test_a_stream_has_its_documented_fields(stage: MarketStage, market: str, name: str) -> None:
    """A stream's frame has the documented fields, all of them and no other."""
    socket = stage.listen(market, f"{NAMES[market]}@{name}")
    stage.strangers(KEYS[market], SELL, "0.2" if market != "coinm" else "9")
    stage.advance(5_000, step_ms=20)
    frames = socket.taken()

    assert frames
    assert {frozenset(DOCUMENTED[market, name].split())} == {frozenset(frame) for frame in frames}


ALL = {
    ("spot", "!miniTicker@arr"): 1,
    ("spot", "!ticker_4h@arr"): 1,
    ("usdm", "!miniTicker@arr"): 3,
    ("usdm", "!ticker@arr"): 3,
    ("usdm", "!markPrice@arr"): 3,
    ("usdm", "!markPrice@arr@1s"): 3,
    ("coinm", "!ticker@arr"): 2,
    ("coinm", "btcusd@markPrice"): 2,
}


@pytest.mark.parametrize(("market", "stream"), list(ALL))
def test_streams_of_all_symbols_are_lists(stage: MarketStage, market: str, stream: str) -> None:
    """A stream of all symbols is a list, in which each symbol has its row."""
    socket = stage.listen(market, stream)
    stage.advance(100)

    assert ALL[market, stream] == len(socket.taken()[0])


def test_streams_of_a_pair(stage: MarketStage) -> None:
    """Index, index candles and continuous candles go by the pair."""
    socket = stage.listen(
        "coinm", "btcusd@indexPrice@1s", "btcusd@indexPriceKline_1m", "btcusd_perpetual@continuousKline_1m"
    )
    stage.advance(300)
    rows = {row["e"]: row for row in socket.taken()}

    assert ("BTCUSD", "60000.00000000") == (rows["indexPriceUpdate"]["i"], rows["indexPriceUpdate"]["p"])
    assert "60000.00000000" == rows["indexPrice_kline"]["k"]["c"]
    assert ("BTCUSD", "PERPETUAL") == (rows["continuous_kline"]["ps"], rows["continuous_kline"]["ct"])


def test_all_book_tickers_come_every_five_seconds(stage: MarketStage) -> None:
    """!bookTicker tells the newest of each symbol that changed, every five seconds."""
    stage.advance(100)
    socket = stage.listen("usdm", "!bookTicker")
    for _ in range(3):
        stage.strangers(PERP, BUY, "0.2")
    assert [] == socket.taken()

    stage.advance(5_000)
    assert ["0.400"] == [row["A"] for row in socket.taken()]
    stage.advance(5_000)
    assert [] == socket.taken()


def test_a_kline_is_closed_once(stage: MarketStage) -> None:
    """The open bar is sent when it changes, and once more, closed, at its end."""
    socket = stage.listen("usdm", "btcusdt@kline_1m")
    stage.strangers(PERP, BUY, "0.2")
    stage.advance(61_000, step_ms=100)
    rows = [row["k"] for row in socket.taken()]

    closed = [row for row in rows if row["x"]]
    assert 1 == len(closed)
    assert ("60001.0", "0.200", 1) == (closed[0]["c"], closed[0]["v"], closed[0]["n"])
    assert closed[0]["T"] + 1 == rows[-1]["t"]


@pytest.mark.parametrize("interval", ["1m", "4h", "12h", "1d", "1w", "1M"])
def test_klines_of_utc_plus_eight(stage: MarketStage, interval: str) -> None:
    """Spot's days begin at midnight of UTC+8 in such a stream; every other field is as ever."""
    east = f"btcusdt@kline_{interval}@+08:00"
    socket, utc = stage.listen("spot", east), stage.listen("spot", f"btcusdt@kline_{interval}")
    stage.strangers(SPOT, BUY, "0.2")
    stage.advance(5_000, step_ms=500)
    row, other = socket.taken()[-1], utc.taken()[-1]

    assert (opening_ms(stage.now_ms, interval, 8 * HOUR_MS), interval) == (row["k"]["t"], row["k"]["i"])
    assert closing_ms(row["k"]["t"], interval, 8 * HOUR_MS) - 1 == row["k"]["T"]
    assert (other["k"]["c"], list(other["k"])) == (row["k"]["c"], list(row["k"]))
    assert (interval in ("1m", "4h")) == (row["k"]["t"] == other["k"]["t"])


def test_futures_have_no_klines_of_a_zone(stage: MarketStage) -> None:
    """A subscription is refused, and so is an address that names such a stream."""
    stream = "btcusdt@kline_1d@+08:00"
    answer = stage.listen("usdm").ask("SUBSCRIBE", [stream])

    assert (2, 1) == (answer["error"]["code"], answer["id"])
    assert stage.dialect.connect("fstream.binance.com", f"/ws/{stream}", "", print) is None


def test_trades_of_one_price_are_aggregated(stage: MarketStage) -> None:
    """A stranger who takes from an order and the background at one price makes two trades and one aggregate."""
    stage.place(PERP, SELL, "0.3", price="60001")
    socket = stage.listen("usdm", "btcusdt@trade", "btcusdt@aggTrade")
    stage.strangers(PERP, BUY, "1.2")
    stage.advance(200)
    rows = socket.taken()

    trades = [row for row in rows if row["e"] == "trade"]
    (aggregate,) = [row for row in rows if row["e"] == "aggTrade"]
    assert ["1.000", "0.200"] == [row["q"] for row in trades]
    assert ("1.200", trades[0]["t"], trades[1]["t"]) == (aggregate["q"], aggregate["f"], aggregate["l"])


def test_contracts_that_change_are_told(stage: MarketStage) -> None:
    """!contractInfo tells the new status of a contract."""
    socket = stage.listen("usdm", "!contractInfo")
    stage.exchange.set_status(PERP, "halted")
    stage.flush()

    assert [("BTCUSDT", "PERPETUAL", "PENDING_TRADING")] == [(row["s"], row["ct"], row["cs"]) for row in socket.taken()]


def test_every_stream_keeps_its_interval(stage: MarketStage) -> None:
    """Depth and mark streams come as often as their names say."""
    expected = {"depth5@100ms": 100, "depth10": 250, "depth20@500ms": 500, "markPrice": 3_000, "markPrice@1s": 1_000}
    sockets = {name: stage.listen("usdm", f"btcusdt@{name}") for name in expected}
    stage.advance(6_000)
    times = {name: [row["E"] for row in socket.taken()][1:] for name, socket in sockets.items()}

    gaps = {name: {later - before for before, later in itertools.pairwise(row)} for name, row in times.items()}
    assert {name: {interval} for name, interval in expected.items()} == gaps


# ---------------------------------------------------------------------------------------------------- control messages
REFUSED: list[tuple[str, int, str]] = [
    ("not json", 3, "Invalid JSON: expected value at line 1 column 1"),
    ("[" * 100_000, 3, "Invalid JSON"),
    ("[]", 2, "missing field `method`"),
    ('{"id":1}', 2, "missing field `method`"),
    ('{"method":"SUBSCRIBE","params":["a"],"id":1.5}', 2, "request ID must be an unsigned integer"),
    ('{"method":"SUBSCRIBE","params":["a"],"id":true}', 2, "request ID must be an unsigned integer"),
    ('{"method":"SUBSCRIBE","params":["a"],"id":"%s"}' % ("x" * 37), 2, "request ID"),
    ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2, "params must be"),
    ('{"method":"SUBSCRIBE","params":["a"],"id":1,"more":2}', 2, "too many parameters"),
    ('{"method":"LISTEN","params":[],"id":1}', 2, "unknown variant `LISTEN`, expected one of `SUBSCRIBE`"),
    ('{"method":"GET_PROPERTY","params":["colour"],"id":1}', 0, "Unknown property"),
    ('{"method":"GET_PROPERTY","params":[],"id":1}', 2, "property name must be a string"),
    ('{"method":"GET_PROPERTY","params":["combined",true],"id":1}', 2, "too many parameters"),
    ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "expected Boolean"),
]


@pytest.mark.parametrize(("text", "code", "words"), REFUSED)
def test_a_bad_control_message(stage: MarketStage, text: str, code: int, words: str) -> None:
    """A message that makes no sense is answered in the venue's words, and the connection lives on."""
    socket = stage.connect("spot", "/ws")
    error = socket.say(text)["error"]

    assert code == error["code"]
    assert words in error["msg"]
    assert {"result": [], "id": None} == socket.ask("LIST_SUBSCRIPTIONS", identity=None)


@pytest.mark.parametrize("identity", [0, -5, 2**63 - 1, "a" * 36, None])
def test_ids_come_back_as_they_were(stage: MarketStage, identity: Any) -> None:
    """An id may be an integer, a short text or null."""
    assert {"result": None, "id": identity} == stage.connect("usdm", "/ws").ask("SUBSCRIBE", ["x@trade"], identity)


def test_properties_and_lists(stage: MarketStage) -> None:
    """Wrapping can be turned on and off, and the streams of a connection be listed and left."""
    socket = stage.connect("usdm", "/ws/btcusdt@bookTicker")
    assert False is socket.ask("GET_PROPERTY", ["combined"])["result"]
    socket.ask("SET_PROPERTY", ["combined", True])
    stage.strangers(PERP, BUY, "0.1")
    assert ["btcusdt@bookTicker"] == [frame["stream"] for frame in socket.taken()]

    assert ["btcusdt@bookTicker"] == socket.ask("LIST_SUBSCRIPTIONS")["result"]
    socket.ask("UNSUBSCRIBE", ["btcusdt@bookTicker"])
    stage.strangers(PERP, BUY, "0.1")
    assert [] == socket.taken()


def test_a_connection_has_at_most_1024_streams(stage: MarketStage) -> None:
    """One stream more than 1024 is refused; one that is there already does not count."""
    socket = stage.connect("usdm", "/ws")
    names = [f"s{number}@trade" for number in range(1_024)]
    assert None is socket.ask("SUBSCRIBE", names)["result"]

    assert None is socket.ask("SUBSCRIBE", names[:3])["result"]
    assert 2 == socket.ask("SUBSCRIBE", ["one@trade"])["error"]["code"]


# ---------------------------------------------------------------------------------------------------------------- ends
def test_connections_end_after_a_day(stage: MarketStage) -> None:
    """Spot announces the end of a connection in each one's form a minute before; after 24 hours all are ended."""
    raw, combined = stage.connect("spot", "/ws"), stage.connect("spot", "/stream")
    futures = stage.connect("usdm", "/ws")
    stage.leap(DAY_MS - 60_000)
    (shown,), (wrapped,) = raw.taken(), combined.taken()
    assert {"e": "serverShutdown", "E": stage.now_ms} == shown
    assert {"stream": "!serverShutdown", "data": shown} == wrapped
    assert not raw.hung_up

    stage.leap(60_000)
    assert [True] * 3 == [one.hung_up for one in (raw, combined, futures)]
    assert [] == futures.taken() + raw.taken()


def test_the_life_of_a_connection_is_configured() -> None:
    """A shorter life is kept to, and a connection that its client closed is not ended again."""
    stage = MarketStage(behaviour=Behaviour(connection_ms=5_000))
    one, other = stage.connect("coinm", "/ws"), stage.connect("coinm", "/ws")
    other.session.closed()
    stage.leap(5_000)

    assert (True, False) == (one.hung_up, other.hung_up)


def test_nothing_is_kept_of_a_stream_that_nobody_wants(stage: MarketStage) -> None:
    """When its last listener is gone a stream is no longer made."""
    socket = stage.listen("usdm", "btcusdt@depth@100ms", "btcusdt@markPrice")
    socket.session.closed()
    stage.strangers(PERP, BUY, "0.1")
    stage.advance(4_000)

    assert [] == socket.taken()


def test_frames_carry_exact_numbers(stage: MarketStage) -> None:
    """Prices and quantities on the wire are the book's, with the symbol's own decimals."""
    texts: list[str] = []
    stage.dialect.connect("stream.binance.com", "/ws/btcusdt@depth5", "", texts.append)
    stage.advance(1_000)
    best = json.loads(texts[-1])

    assert ["59999.00000000", "0.50000000"] == best["bids"][0]
    assert Decimal(60_001) == Decimal(best["asks"][0][0])


@pytest.mark.parametrize(("market", "most"), [("spot", 1_024), ("usdm", 1_024), ("coinm", 200)])
def test_streams_of_a_connection_are_bounded(market: str, most: int) -> None:
    """As many as documented may be subscribed to; one more is refused and changes nothing."""
    socket = MarketStage().connect(market, "/ws")
    names = [f"x{number}@trade" for number in range(most)]

    assert {"result": None, "id": 1} == socket.ask("SUBSCRIBE", names)
    assert f"at most {most} streams" in socket.ask("SUBSCRIBE", ["one@trade"])["error"]["msg"]
    assert most == len(socket.ask("LIST_SUBSCRIPTIONS")["result"])
