"""Bybit's feeds over a real websocket: who they are, what they ask for, and what a gap or silence makes them do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import OrderReported, StreamChanged
from bot.domain.market import Depth, Quote
from bot.domain.units import AccountId
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.binance_streams import KEY_REFUSED_PAUSE_S
from bot.venues.bybit import STREAM_HOST
from bot.venues.bybit_market import PING_EVERY_S, REPAIRS_MAX, market
from bot.venues.bybit_streams import PrivateStream, auth_request
from bot.venues.bybit_user import TOPICS
from bot.venues.signing import Credentials
from bot.venues.stream import Limits
from tests.venues.bybitkit import FUTURE, PAIR, USDT, order_row
from tests.venues.streamkit import Bench, bench, running, until

PATIENT = Limits(silence_s=None, dead_after_s=1e6, confirm_s=1e6)
KEY = Credentials("k" * 20, "s" * 40)


class Refreshes:
    """The snapshots that were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[AccountId, str]] = []

    def __call__(self, account: AccountId, why: str) -> None:
        self.asked.append((account, why))


def asked(b: Bench) -> list[tuple[str, list[Any]]]:
    """What was asked of the venue, in order."""
    heard: list[dict[str, Any]] = [json.loads(message) for message in b.venue.received]
    return [(one["op"], one.get("args", [])) for one in heard]


def book(kind: str, u: int, topic: str = "orderbook.50") -> str:
    """A book frame with one level on each side."""
    data = {"s": "BTCUSDT", "b": [["99", "1"]], "a": [["101", "1"]], "u": u, "seq": u}
    return json.dumps({"topic": f"{topic}.BTCUSDT", "type": kind, "ts": 1, "data": data})


def answer(op: str, success: bool, request: str = "", **more: Any) -> str:
    """An answer of the venue."""
    return json.dumps({"success": success, "ret_msg": "", "conn_id": "c", "req_id": request, "op": op, **more})


def user(b: Bench, refreshes: Refreshes | None = None) -> PrivateStream:
    """A private stream to the fake venue."""
    clock = lambda: b.time.clock() // 1_000_000  # noqa: E731
    return PrivateStream(KEY, clock, USDT, b.sink, refreshes or Refreshes(), b.world, PATIENT)


# Market data


async def test_every_topic_is_asked_for_by_itself(tmp_path: Path) -> None:
    """One connection a category; marks only of contracts."""
    async with bench(tmp_path, STREAM_HOST) as b:
        feed = market([FUTURE, PAIR], b.sink, b.world)
        async with running(feed):
            await until(lambda: len(b.venue.received) == 5)

        assert {"/v5/public/spot", "/v5/public/linear"} == set(b.venue.paths)
        topics = ["orderbook.1.BTCUSDT", "orderbook.50.BTCUSDT"]
        assert sorted([*topics, *topics, "tickers.BTCUSDT"]) == sorted(args[0] for _, args in asked(b))
        assert ["bybit.spot.market", "bybit.linear.market"] == [stream.name for stream in feed.streams]


async def test_a_link_is_up_at_its_first_data(tmp_path: Path) -> None:
    """An acknowledgement alone is no data."""
    async with bench(tmp_path, STREAM_HOST) as b:
        async with running(market([PAIR], b.sink, b.world)):
            await until(lambda: len(b.venue.received) == 2)
            await b.venue.say(answer("subscribe", True, "orderbook.1.BTCUSDT"))
            assert [] == b.sink.changes
            await b.venue.say(book("snapshot", 5, "orderbook.1"))
            await until(lambda: len(b.sink.events) == 2)

        assert [(True, "connected")] == b.sink.changes
        assert isinstance(b.sink.events[1], Quote)


async def test_a_gap_is_repaired_by_a_new_snapshot(tmp_path: Path) -> None:
    """The book is dropped at once, and its topic alone is subscribed anew."""
    async with bench(tmp_path, STREAM_HOST) as b:
        async with running(market([PAIR], b.sink, b.world, PATIENT)):
            await until(lambda: len(b.venue.received) == 2)
            await b.venue.say(book("snapshot", 10))
            await until(lambda: len(b.sink.events) == 2)
            await b.venue.say(book("delta", 12))
            await b.venue.say(book("delta", 13))
            await b.venue.say(book("snapshot", 7, "orderbook.1"))
            await until(lambda: len(b.sink.events) == 3)
            await b.time.advance(0.6)
            await until(lambda: len(b.venue.received) == 4)
            await b.venue.say(book("snapshot", 20))
            await until(lambda: len(b.sink.events) == 4)

        topic = ["orderbook.50.BTCUSDT"]
        assert [("unsubscribe", topic), ("subscribe", topic)] == asked(b)[2:]
        assert [10, 20] == [event.sequence for event in b.sink.events if isinstance(event, Depth)]


def over(b: Bench) -> bool:
    """Whether the link has ended."""
    return any(not up for up, _ in b.sink.changes)


async def test_one_gap_after_another_ends_the_link(tmp_path: Path) -> None:
    """What cannot be repaired is connected anew."""
    async with bench(tmp_path, STREAM_HOST) as b:
        async with running(market([PAIR], b.sink, b.world, PATIENT)):
            await until(lambda: len(b.venue.received) == 2)
            # On a busy machine a gap is seen late, with the next one: both are one gap then.
            for _ in range(4 * REPAIRS_MAX):
                if not over(b):
                    await b.venue.say(book("snapshot", 10))
                    await b.venue.say(book("delta", 12))
                    await b.time.advance(0.6)
            await until(lambda: over(b))

        assert any("one gap after another" in why for _, why in b.sink.changes)


async def test_a_link_that_only_answers_pings_is_ended(tmp_path: Path) -> None:
    """Pongs are a sign of life and no data."""
    async with bench(tmp_path, STREAM_HOST) as b:
        async with running(market([PAIR], b.sink, b.world, PATIENT)):
            await until(lambda: len(b.venue.received) == 2)
            await b.venue.say(book("snapshot", 5, "orderbook.1"))
            for _ in range(12):
                await b.time.advance(1.0)
                await b.venue.say(answer("ping", True))
            await until(lambda: any(not up for up, _ in b.sink.changes))

        assert (False, "no topic says anything") in b.sink.changes


async def test_the_venue_is_pinged_by_the_clock(tmp_path: Path) -> None:
    """It cuts a connection that says nothing."""
    async with bench(tmp_path, STREAM_HOST) as b, running(market([PAIR], b.sink, b.world, PATIENT)):
        await until(lambda: len(b.venue.received) == 2)
        for _ in range(int(PING_EVERY_S) + 1):
            await b.venue.say(book("snapshot", 5, "orderbook.1"))
            await b.venue.say(book("snapshot", 5))
            await b.time.advance(1.0)
        await until(lambda: ("ping", []) in asked(b))


async def test_a_refused_topic_is_bad_news(tmp_path: Path) -> None:
    """It is counted and said, by name."""
    async with bench(tmp_path, STREAM_HOST) as b:
        feed = market([PAIR], b.sink, b.world, PATIENT)
        async with running(feed):
            await until(lambda: len(b.venue.received) == 2)
            await b.venue.say(answer("subscribe", False, "orderbook.1.BTCUSDT"))
            await until(lambda: feed.streams[0].bad_frames)

        assert "orderbook.1.BTCUSDT" in b.told()


# The private stream


async def let_in(b: Bench) -> None:
    """The venue lets us in and takes every topic."""
    await until(lambda: any(op == "auth" for op, _ in asked(b)))
    await b.venue.say(answer("auth", True, "auth"))
    await until(lambda: sum(op == "subscribe" for op, _ in asked(b)) >= len(TOPICS))
    for topic in TOPICS:
        await b.venue.say(answer("subscribe", True, topic))


async def test_the_private_stream_is_up_once_every_topic_was_taken(tmp_path: Path) -> None:
    """It says who it is, subscribes, and facts follow."""
    async with bench(tmp_path, STREAM_HOST) as b:
        async with running(user(b)):
            await let_in(b)
            await until(lambda: b.sink.events)
            await b.venue.say(json.dumps({"topic": "order", "creationTime": 1, "data": [order_row()]}))
            await until(lambda: len(b.sink.events) == 2)

        assert [f"{topic}" for topic in TOPICS] == [args[0] for op, args in asked(b) if op == "subscribe"]
        up, reported = b.sink.events
        assert isinstance(up, StreamChanged)
        assert (True, BYBIT_UNIFIED) == (up.up, up.account)
        assert isinstance(reported, OrderReported)


async def test_three_topics_of_four_are_not_up(tmp_path: Path) -> None:
    """A stream that would not tell of positions is no private stream."""
    async with bench(tmp_path, STREAM_HOST) as b, running(user(b)):
        await until(lambda: b.venue.received)
        await b.venue.say(answer("auth", True, "auth"))
        for topic in TOPICS[:3]:
            await b.venue.say(answer("subscribe", True, topic))

        assert [] == b.sink.changes


@pytest.mark.parametrize(("code", "words"), [(10_003, "the API key is invalid"), (10_004, "the signature is wrong")])
async def test_a_refused_key_waits_before_it_is_tried_again(tmp_path: Path, code: int, words: str) -> None:
    """A key does not get better by asking."""
    async with bench(tmp_path, STREAM_HOST) as b, running(user(b)):
        await until(lambda: b.venue.received)
        await b.venue.say(answer("auth", False, "auth", retCode=code))
        await until(lambda: b.sink.changes)
        assert words in b.told()
        await b.time.advance(KEY_REFUSED_PAUSE_S / 2)
        assert 1 == len(b.venue.paths)
        await b.time.advance(KEY_REFUSED_PAUSE_S)
        await until(lambda: len(b.venue.paths) == 2)


async def test_an_unreadable_frame_asks_for_a_snapshot(tmp_path: Path) -> None:
    """What was in it may have been a fill."""
    async with bench(tmp_path, STREAM_HOST) as b:
        refreshes = Refreshes()
        async with running(user(b, refreshes)):
            await let_in(b)
            await b.venue.say('{"topic":"order","data":[{"orderId":1}]}')
            await until(lambda: refreshes.asked)

        assert BYBIT_UNIFIED == refreshes.asked[0][0]


async def test_a_silent_account_is_pinged(tmp_path: Path) -> None:
    """Silence is normal here; the venue's pong keeps the stream."""
    async with bench(tmp_path, STREAM_HOST) as b, running(user(b)):
        await let_in(b)
        await until(lambda: b.sink.events)
        await b.time.advance(6.0)
        await until(lambda: ("ping", []) in asked(b))


def test_the_request_to_be_let_in_is_signed() -> None:
    """HMAC of the path and the moment until which it is good, by the venue's own recipe."""
    told = json.loads(auth_request(Credentials("key", "secret"), 1_700_000_010_000))

    signature = "7ccf9bb4db01ad0e1ee2c3eef8d8b4730fc9bcab069e44972f6723cde7f692f3"
    assert ("auth", ["key", 1_700_000_010_000, signature]) == (told["op"], told["args"])
