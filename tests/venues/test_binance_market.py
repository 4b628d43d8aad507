"""Market feeds come up channel by channel, and a channel that falls silent is not taken for a quiet market."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.domain.market import Mark, Quote
from bot.venues.binance import SPOT_STREAM_HOST, USDM_STREAM_HOST
from bot.venues.binance_market import CHANNELS_MAX, RESUBSCRIBE_TRIES, spot_market, usdm_market
from bot.venues.stream import Limits
from tests.venues.streamkit import Bench, bench, running, until

PATIENT = Limits(silence_s=None, dead_after_s=1e6, confirm_s=1e6)


def ticker(symbol: str, sequence: int) -> str:
    """A quote frame."""
    data = {"u": sequence, "s": symbol, "b": "1", "B": "1", "a": "2", "A": "1"}
    return json.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": data})


def requests(b: Bench) -> list[tuple[str, list[str]]]:
    """What was asked of the venue on open connections."""
    asked: list[dict[str, Any]] = [json.loads(message) for message in b.venue.received]
    return [(one["method"], one["params"]) for one in asked]


async def test_quotes_reach_the_sink(tmp_path: Path) -> None:
    """A feed asks for best price and book of its symbols in one address and hands events on."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        feed = spot_market(["ETHUSDT", "BTCUSDT"], b.sink, b.world)
        async with running(feed):
            await until(lambda: b.venue.peers)
            await b.venue.say(ticker("BTCUSDT", 1))
            await until(lambda: len(b.sink.events) == 2)

        streams = "btcusdt@bookTicker/btcusdt@depth20@100ms/ethusdt@bookTicker/ethusdt@depth20@100ms"
        assert [f"/stream?streams={streams}"] == b.venue.paths
        assert [(True, "connected")] == b.sink.changes
        assert isinstance(b.sink.events[1], Quote)
        assert ("binance.spot.market", ["binance.spot.book"]) == (feed.name, [stream.name for stream in feed.streams])


async def test_usdm_books_and_marks_have_their_own_connections(tmp_path: Path) -> None:
    """USD-M serves books and mark prices on different paths: each is asked where it is served."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        feed = usdm_market(["BTCUSDT"], b.sink, b.world)
        async with running(feed):
            await until(lambda: len(b.venue.peers) == 2)
            data = {"E": 1, "p": "3", "i": "2", "r": "0.0001", "T": 9}
            await b.venue.say(json.dumps({"stream": "btcusdt@markPrice@1s", "data": data}))
            await until(lambda: any(isinstance(event, Mark) for event in b.sink.events))

        assert {
            "/public/stream?streams=btcusdt@bookTicker/btcusdt@depth20@100ms",
            "/market/stream?streams=btcusdt@markPrice@1s",
        } == set(b.venue.paths)
        assert [(True, "connected")] == b.sink.changes


async def test_many_symbols_are_spread_over_connections(tmp_path: Path) -> None:
    """No connection carries more channels than it may, and every symbol is on one."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        symbols = [f"C{number}USDT" for number in range(CHANNELS_MAX)]
        feed = spot_market(symbols, b.sink, b.world)
        async with running(feed):
            await until(lambda: len(b.venue.peers) == 2)

        assert ["binance.spot.book", "binance.spot.book.2"] == [stream.name for stream in feed.streams]
        asked = [path.partition("=")[2].split("/") for path in b.venue.paths]
        assert [CHANNELS_MAX, CHANNELS_MAX] == [len(streams) for streams in asked]
        assert 2 * CHANNELS_MAX == len({stream for streams in asked for stream in streams})


async def test_a_silent_channel_is_subscribed_anew(tmp_path: Path) -> None:
    """A channel that falls silent while others speak is unsubscribed and subscribed again, and only that one."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        async with running(spot_market(["BTCUSDT", "ETHUSDT"], b.sink, b.world, PATIENT)):
            await until(lambda: b.venue.peers)
            for sequence in range(1, 15):
                await b.venue.say(ticker("BTCUSDT", sequence))
                await until(lambda: b.sink.events[-1].__class__ is Quote)
                await b.time.advance(0.5)
            await until(lambda: len(b.venue.received) >= 2)

        silent = ["btcusdt@depth20@100ms", "ethusdt@bookTicker", "ethusdt@depth20@100ms"]
        assert [("UNSUBSCRIBE", silent), ("SUBSCRIBE", silent)] == requests(b)[:2]


async def test_a_channel_that_stays_silent_moves_the_stream_once(tmp_path: Path) -> None:
    """After a few tries the stream moves to a new connection, without going down, and not again and again."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        feed = spot_market(["BTCUSDT"], b.sink, b.world, PATIENT)
        async with running(feed):
            await until(lambda: b.venue.peers)
            for sequence in range(1, 200):
                await b.venue.say(ticker("BTCUSDT", sequence))
                await b.time.advance(0.5)
            await until(lambda: feed.streams[0].connects == 2 and len(b.venue.peers) == 1)

        assert 2 * 2 * RESUBSCRIBE_TRIES == len(b.venue.received)
        assert [(True, "connected")] == b.sink.changes
        assert any("btcusdt@depth20@100ms is silent" in line for line in b.log)


async def test_a_new_numbering_is_found_out(tmp_path: Path) -> None:
    """When the venue starts counting anew, quotes that look old are not ignored for ever."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        async with running(spot_market(["BTCUSDT"], b.sink, b.world, PATIENT)):
            await until(lambda: b.venue.peers)
            await b.venue.say(ticker("BTCUSDT", 1_000_000))
            await until(lambda: len(b.sink.events) == 2)
            for sequence in range(1, 13):
                await b.venue.say(ticker("BTCUSDT", sequence))
                await b.time.advance(0.5)
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: b.venue.peers)
            await b.venue.say(ticker("BTCUSDT", 14))
            await until(lambda: len(b.sink.changes) == 3)

        assert (False, "sequence numbers went back") == b.sink.changes[1]
        assert [1_000_000, 14] == [event.sequence for event in b.sink.events if isinstance(event, Quote)]


async def test_an_announced_shutdown_moves_the_stream(tmp_path: Path) -> None:
    """When the server says that it goes away, a new connection takes over before it does."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        async with running(spot_market(["BTCUSDT"], b.sink, b.world, PATIENT)):
            await until(lambda: b.venue.peers)
            await b.venue.say(ticker("BTCUSDT", 1))
            await b.venue.say(json.dumps({"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}}))
            await until(lambda: len(b.venue.peers) == 2)
            await b.venue.peers[1].send(ticker("BTCUSDT", 2))
            await until(lambda: len(b.venue.peers) == 1)

        assert [(True, "connected")] == b.sink.changes


async def test_the_same_quote_over_two_connections_counts_once(tmp_path: Path) -> None:
    """While two connections overlap, what both of them say is handed on once, and still proves the new one."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        feed = spot_market(["BTCUSDT"], b.sink, b.world, PATIENT)
        async with running(feed):
            await until(lambda: b.venue.peers)
            await b.venue.say(ticker("BTCUSDT", 1))
            await b.venue.say(json.dumps({"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}}))
            await until(lambda: len(b.venue.peers) == 2)
            await b.venue.peers[0].send(ticker("BTCUSDT", 2))
            await until(lambda: len(b.sink.events) == 3)
            await b.venue.peers[1].send(ticker("BTCUSDT", 2))
            await until(lambda: len(b.venue.peers) == 1)

        assert [1, 2] == [event.sequence for event in b.sink.events if isinstance(event, Quote)]


async def test_refused_and_unreadable_frames_are_counted(tmp_path: Path) -> None:
    """A refused subscription and a frame that cannot be read are dropped, counted and told, without their content."""
    async with bench(tmp_path, SPOT_STREAM_HOST) as b:
        feed = spot_market(["BTCUSDT"], b.sink, b.world, PATIENT)
        async with running(feed):
            await until(lambda: b.venue.peers)
            await b.venue.say('{"error":{"code":2,"msg":"no such stream"},"id":1}')
            await b.venue.say('{"stream":"btcusdt@bookTicker","data":{"u":"gibberish"}}')
            await until(lambda: feed.streams[0].bad_frames == 2)

        assert [] == b.sink.changes
        assert "gibberish" not in b.told()
