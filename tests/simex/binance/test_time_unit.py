"""Moments in microseconds, for clients of spot that ask for them: by REST, in the streams, over the websocket API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from bot.simex.binance.signature import sign
from bot.simex.binance.subscriptions import STREAMS_MAX
from bot.simex.binance.time_unit import in_micros
from bot.simex.core.order import BUY
from bot.simex.wire import Request
from tests.simex.binance.market_stage import SPOT, MarketStage
from tests.simex.binance.spot_stage import HOST, MADE, SpotStage, wanted

MICROS = range(10**15, 10**16)


def asked(stage: SpotStage, unit: str, method: str, path: str, **params: Any) -> tuple[int, Any]:
    """Status and body of a signed request with the header."""
    query = urlencode({**params, "timestamp": stage.now_ms * 1_000})
    query += f"&signature={quote(sign(MADE['desk'], query))}"
    headers = {"x-mbx-apikey": MADE["desk"].key, "x-mbx-time-unit": unit}
    response = stage.raw(Request(HOST, method, path, query, b"", headers))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond"])
def test_rest_answers_in_microseconds(unit: str) -> None:
    """Every moment of an answer is a thousand times as large, numbers of orders are not, and text stays text."""
    stage = SpotStage()
    status, row = asked(stage, unit, "POST", "/api/v3/order", **wanted())
    _, seen = asked(stage, unit, "GET", "/api/v3/order", symbol="BTCUSDT", orderId=row["orderId"])

    assert (200, stage.now_ms * 1_000) == (status, row["transactTime"])
    assert all(seen[name] in MICROS for name in ("time", "updateTime", "workingTime"))
    assert row["orderId"] == seen["orderId"] < 10**10
    assert stage.now_ms * 1_000 == asked(stage, unit, "GET", "/api/v3/time")[1]["serverTime"]


def test_milliseconds_are_usual() -> None:
    """Without the header, or with MILLISECOND, moments are in milliseconds."""
    stage = SpotStage()

    assert stage.now_ms == asked(stage, "MILLISECOND", "POST", "/api/v3/order", **wanted())[1]["transactTime"]
    assert stage.now_ms == stage.order()["transactTime"]


def test_another_unit_is_refused() -> None:
    """-1194 with status 400; the wallet endpoints know no unit."""
    stage = SpotStage()
    text = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."

    assert (400, {"code": -1194, "msg": text}) == asked(stage, "NANOSECOND", "GET", "/api/v3/account")
    assert 200 == asked(stage, "NANOSECOND", "GET", "/sapi/v1/account/status")[0]


def test_klines_end_a_microsecond_before_the_next() -> None:
    """Opening and closing time of a row of klines, by REST and in the stream; the number of trades is no moment."""
    row = [1_760_000_000_000, "1", "2", "1", "2", "5", 1_760_000_059_999, "9", 2_000, "1", "2", "0"]
    stream = {"t": 1_760_000_000_000, "T": 1_760_000_059_999, "i": "1m", "x": False, "n": 3, "f": 100}

    assert (1_760_000_000_000_000, 1_760_000_059_999_999, 2_000) == tuple(in_micros([row])[0][at] for at in (0, 6, 8))
    assert (1_760_000_059_999_999, 100) == tuple(in_micros({"k": stream})["k"][name] for name in ("T", "f"))


def test_a_stream_may_be_in_microseconds() -> None:
    """`timeUnit` in the address is for that connection alone, raw and combined."""
    stage = MarketStage()
    plain = stage.listen("spot", "btcusdt@trade")
    raw = stage.connect("spot", "/ws/btcusdt@trade", "timeUnit=MICROSECOND")
    both = stage.connect("spot", "/stream", "streams=btcusdt@trade&timeUnit=microsecond")
    stage.strangers(SPOT, BUY, "0.1")
    (usual,), (fine,), (wrapped,) = plain.taken(), raw.taken(), both.taken()

    assert (usual["T"] * 1_000, usual["E"] * 1_000, usual["t"]) == (fine["T"], fine["E"], fine["t"])
    assert {"stream": "btcusdt@trade", "data": fine} == wrapped


def test_the_futures_know_no_unit() -> None:
    """There the parameter changes nothing."""
    stage = MarketStage()
    socket = stage.connect("usdm", "/ws/btcusdt@markPrice@1s", "timeUnit=MICROSECOND")
    stage.advance(1_000, 500)

    assert socket.taken()[0]["E"] < 10**13


def test_an_address_with_another_unit_or_too_many_streams_is_none() -> None:
    """Neither is opened."""
    stage = MarketStage()
    many = "/".join(f"x{number}@trade" for number in range(STREAMS_MAX + 1))

    for query in ("timeUnit=SECOND", f"streams={many}"):
        assert stage.dialect.connect("stream.binance.com", "/stream", query, lambda _: None) is None
    assert stage.dialect.connect("ws-api.binance.com", "/ws-api/v3", "timeUnit=S", lambda _: None) is None


def test_the_websocket_api_and_its_user_stream() -> None:
    """Answers, refusals' moments and events of a connection are in its unit."""
    stage = MarketStage()
    frames: list[Any] = []
    session = stage.dialect.connect(
        "ws-api.binance.com", "/ws-api/v3", "timeUnit=MICROSECOND", lambda text: frames.append(json.loads(text))
    )
    assert session is not None
    (answer,) = session.receive(json.dumps({"id": 1, "method": "time"}))

    assert stage.now_ms * 1_000 == json.loads(answer)["result"]["serverTime"]
