"""The private feeds keep their subscription alive through everything that ends one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import OrderReported, StreamChanged
from bot.domain.units import AccountId
from bot.venues.binance import SPOT_API_HOST, USDM_STREAM_HOST
from bot.venues.binance_streams import (
    EXTEND_EVERY_S,
    KEY_LIFE_S,
    SpotUser,
    UsdmUser,
    hmac_sign,
    subscribe_request,
)
from bot.venues.listenkey import ListenKeyGone, ListenKeyTrouble
from bot.venues.stream import Limits
from tests.venues.streamkit import Bench, bench, running, until

QUIET = Limits(silence_s=None, dead_after_s=1e6)
OURS = "tt0123456789abcdefghijkl"
ORDER = {
    "s": "BTCUSDT", "c": OURS, "S": "SELL", "q": "1", "ap": "0", "x": "NEW", "X": "NEW", "i": 9, "l": "0", "z": "0",
    "L": "0", "T": 1, "t": 0,
}  # fmt: skip
ORDER_UPDATE = json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": ORDER})


class Keys:
    """The REST side of a listen key, told what to do."""

    def __init__(self) -> None:
        self.keys = iter(f"key{number}" for number in range(100))
        self.created = 0
        self.extended = 0
        self.trouble: list[ListenKeyTrouble] = []
        self.mute = False

    async def create(self) -> str:
        """POST."""
        self.created += 1
        if self.mute:
            await asyncio.Event().wait()
        self._fail()
        return next(self.keys)

    async def extend(self) -> None:
        """PUT."""
        self.extended += 1
        self._fail()

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)


class Refreshes:
    """The snapshots that were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[AccountId, str]] = []

    def __call__(self, account: AccountId, why: str) -> None:
        self.asked.append((account, why))


def usdm(b: Bench, keys: Keys, refreshes: Refreshes | None = None) -> UsdmUser:
    """A USD-M user feed to the fake venue."""
    return UsdmUser(keys, b.sink, refreshes or Refreshes(), b.world, QUIET)


def spot(b: Bench, refreshes: Refreshes | None = None) -> SpotUser:
    """A spot user feed to the fake venue."""
    return SpotUser("API", hmac_sign("s3cr3t"), lambda: 1747385641636, b.sink, refreshes or Refreshes(), b.world, QUIET)


async def answer(b: Bench, **rest: Any) -> None:
    """Answer the last subscription."""
    await until(lambda: b.venue.received)
    number = json.loads(b.venue.received[-1])["id"]
    await b.venue.say(json.dumps({"id": number, **rest}))


async def test_the_usdm_user_stream_listens_by_key(tmp_path: Path) -> None:
    """The stream connects by the key that REST gave and is up when the venue took it; facts go to the sink."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        async with running(usdm(b, Keys())):
            await until(lambda: b.sink.events)
            await b.venue.say(ORDER_UPDATE)
            await until(lambda: len(b.sink.events) == 2)

        up, order = b.sink.events
        assert isinstance(up, StreamChanged)
        assert ("binance.usdm.user", True, "binance.usdm") == (up.stream, up.up, up.account)
        assert isinstance(order, OrderReported)
        assert ["/private/ws?listenKey=key0"] == b.venue.paths


async def test_a_key_that_expires_is_replaced_at_once(tmp_path: Path) -> None:
    """When the venue says that the key expired, the stream is down, takes a new key and comes up again."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        async with running(usdm(b, Keys())):
            await until(lambda: b.venue.peers and b.sink.events)
            await b.venue.say(json.dumps({"e": "listenKeyExpired", "E": 1, "listenKey": "key0"}))
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(b.sink.changes) == 3)

        assert ["/private/ws?listenKey=key0", "/private/ws?listenKey=key1"] == b.venue.paths
        assert (False, "the listen key expired") == b.sink.changes[1]


async def test_the_key_is_extended_every_half_hour(tmp_path: Path) -> None:
    """A key is extended twice an hour, and a stream that works is not touched by it."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.sink.events)
            await b.time.advance(2 * EXTEND_EVERY_S + 60)

        assert (1, 2) == (keys.created, keys.extended)
        assert [(True, "connected")] == b.sink.changes


async def test_a_lost_extension_is_repeated(tmp_path: Path) -> None:
    """One extension that got lost is repeated long before the key dies, and the stream goes on."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.sink.events)
            keys.trouble = [ListenKeyTrouble("timeout")]
            await b.time.advance(EXTEND_EVERY_S + 360)

        assert (1, 2) == (keys.created, keys.extended)
        assert [(True, "connected")] == b.sink.changes
        assert ["binance.usdm.user: the listen key was not extended: timeout"] == b.log


async def test_a_key_that_is_gone_is_replaced(tmp_path: Path) -> None:
    """When an extension finds no key (-1125), the stream starts anew with a new one."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.sink.events)
            keys.trouble = [ListenKeyGone("-1125")]
            await b.time.advance(EXTEND_EVERY_S + 60)
            await until(lambda: len(b.sink.changes) == 3)

        assert 2 == keys.created
        assert (False, "the listen key is gone") == b.sink.changes[1]


async def test_a_key_that_cannot_be_extended_is_given_up_in_time(tmp_path: Path) -> None:
    """When every extension fails, the stream is restarted before the key dies in silence."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.sink.events)
            keys.trouble = [ListenKeyTrouble("timeout")] * 6
            await b.time.advance(KEY_LIFE_S)
            await until(lambda: len(b.sink.changes) >= 2)

        assert (False, "the listen key could not be extended") == b.sink.changes[1]


async def test_a_reconnect_survives_a_rest_outage(tmp_path: Path) -> None:
    """While REST is out, the stream reconnects with the key that it has, as long as that key lives."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.venue.peers and b.sink.events)
            keys.trouble = [ListenKeyTrouble("timeout")]
            b.venue.peers[0].transport.abort()
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(b.sink.changes) == 3)

        assert ["/private/ws?listenKey=key0"] * 2 == b.venue.paths


async def test_without_a_key_there_is_no_stream(tmp_path: Path) -> None:
    """While no key can be had, the stream is down with that reason, and comes up with the first key."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        keys.trouble = [ListenKeyTrouble("HTTP 503")]
        async with running(usdm(b, keys)):
            await until(lambda: b.sink.events)
            await b.time.advance(1.0)
            await until(lambda: len(b.sink.changes) == 2)

        assert [(False, "no listen key: HTTP 503"), (True, "connected")] == b.sink.changes


async def test_an_unreadable_private_frame_asks_for_a_snapshot(tmp_path: Path) -> None:
    """What a lost private frame may have said is found out over REST."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        refreshes = Refreshes()
        feed = usdm(b, Keys(), refreshes)
        async with running(feed):
            await until(lambda: b.venue.peers and b.sink.events)
            await b.venue.say('{"e":"ORDER_TRADE_UPDATE","o":{}}')
            await until(lambda: refreshes.asked)

        assert [("binance.usdm", "a frame of the private stream could not be read")] == refreshes.asked
        assert 1 == feed.stream.bad_frames


async def test_a_kind_that_nobody_knows_does_not_cut_the_stream(tmp_path: Path) -> None:
    """A new kind of event is counted once; that it keeps coming is no reason to reconnect over and over."""
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        feed = usdm(b, Keys())
        async with running(feed):
            await until(lambda: b.venue.peers and b.sink.events)
            for _ in range(30):
                await b.venue.say('{"e":"BRAND_NEW"}')
            await b.venue.say(ORDER_UPDATE)
            await until(lambda: len(b.sink.events) == 2)

        assert 1 == feed.stream.bad_frames
        assert [(True, "connected")] == b.sink.changes


async def test_the_spot_user_stream_is_up_at_its_acknowledgement(tmp_path: Path) -> None:
    """The subscription is signed, sent on connecting, and believed when it is acknowledged, not before."""
    async with bench(tmp_path, SPOT_API_HOST) as b:
        refreshes = Refreshes()
        async with running(spot(b, refreshes)):
            await until(lambda: b.venue.received)
            await b.venue.say('{"subscriptionId":0,"event":{"e":"balanceUpdate","a":"BTC","d":"1"}}')
            await b.venue.say('{"id":999,"status":200,"result":{}}')
            await b.venue.say('{"subscriptionId":0,"event":{"e":"balanceUpdate","a":"ETH","d":"1"}}')
            await until(lambda: len(refreshes.asked) == 2)
            assert [] == b.sink.changes

            await answer(b, status=200, result={"subscriptionId": 0})
            await until(lambda: b.sink.changes)

        assert ["/ws-api/v3"] == b.venue.paths
        assert ("binance.spot", "BTC was deposited, withdrawn or transferred") == refreshes.asked[0]
        assert [(True, "connected")] == b.sink.changes


async def test_a_refused_subscription_is_not_asked_for_in_a_hurry(tmp_path: Path) -> None:
    """A key that the venue refuses is told in words and tried once a minute, without secrets in any text."""
    async with bench(tmp_path, SPOT_API_HOST) as b:
        async with running(spot(b)):
            await answer(b, status=401, error={"code": -2015, "msg": "Invalid API-key API s3cr3t"})
            await until(lambda: b.sink.changes)
            await b.time.advance(58.0)
            assert 1 == len(b.venue.paths)

            await b.time.advance(5.0)
            await until(lambda: len(b.venue.paths) == 2)

        text = "subscription refused: the API key, its IP list or its permissions do not allow it (-2015)"
        assert [(False, text)] == b.sink.changes
        assert not [secret for secret in ("API s3cr3t", "s3cr3t", "signature=") if secret in b.told()]


async def test_a_terminated_subscription_is_renewed(tmp_path: Path) -> None:
    """When the venue ends the subscription on a connection that stands, the stream subscribes on a new one."""
    async with bench(tmp_path, SPOT_API_HOST) as b:
        async with running(spot(b)):
            await answer(b, status=200, result={"subscriptionId": 0})
            await until(lambda: b.sink.changes)
            await b.venue.say('{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}')
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(b.venue.received) == 2)
            await answer(b, status=200, result={"subscriptionId": 0})
            await until(lambda: len(b.sink.changes) == 3)

        assert (False, "the venue ended the subscription") == b.sink.changes[1]


async def test_an_unanswered_subscription_is_given_up(tmp_path: Path) -> None:
    """A venue that does not answer the subscription is left: silence is never taken for success."""
    async with bench(tmp_path, SPOT_API_HOST) as b:
        async with running(spot(b)):
            await until(lambda: b.venue.received)
            await b.time.advance(11.0)
            await until(lambda: b.sink.changes)

        assert [(False, "not served within 10 s of connecting")] == b.sink.changes


def test_the_signature_is_the_venues_own_example() -> None:
    """Signed over the parameters in alphabetical order, by the key and secret of the venue's documentation."""
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    example = (
        "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=52000.00&quantity=0.01000000"
        "&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
    )

    assert "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24" == hmac_sign(secret)(example)


def test_the_request_is_signed_over_what_it_sends() -> None:
    """The signature covers exactly the parameters that are sent, in alphabetical order."""
    signed: list[str] = []

    def sign(text: str) -> str:
        signed.append(text)
        return "SIG"

    request = json.loads(subscribe_request("KEY", sign, 17, 3))

    assert ["apiKey=KEY&recvWindow=5000&timestamp=17"] == signed
    assert {
        "id": 3,
        "method": "userDataStream.subscribe.signature",
        "params": {"apiKey": "KEY", "recvWindow": 5000, "timestamp": 17, "signature": "SIG"},
    } == request


async def test_a_mute_rest_side_does_not_keep_a_living_key_from_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the REST side does not answer, a reconnect waits for it shortly and goes on with the key that lives."""
    monkeypatch.setattr("bot.venues.binance_streams.KEY_ANSWER_S", 0.05)
    async with bench(tmp_path, USDM_STREAM_HOST) as b:
        keys = Keys()
        async with running(usdm(b, keys)):
            await until(lambda: b.venue.peers)
            keys.mute = True
            b.venue.peers[0].transport.abort()
            await until(lambda: len(b.sink.changes) == 2)
            await b.time.advance(1.0)
            await until(lambda: len(b.venue.paths) == 2)
            await until(lambda: len(b.sink.changes) == 3)

        assert b.venue.paths[0] == b.venue.paths[1]
        assert 2 == keys.created
