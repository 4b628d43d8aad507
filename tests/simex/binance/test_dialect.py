"""The dialect as a whole: hosts, the front's answers, the websocket API of spot, limits, other people's clients."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt
import pytest

from bot.simex import hosts
from bot.simex.binance.dialect import Behaviour
from bot.simex.binance.signature import ws_payload
from bot.simex.core.order import BUY
from bot.simex.wire import Dialect, Request
from tests.simex.binance.futures_stage import KEY, SECRET
from tests.simex.binance.market_stage import SPOT, MarketStage, Socket

SYMBOLS = ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC")


@pytest.fixture
def stage() -> MarketStage:
    return MarketStage()


def test_it_is_a_dialect(stage: MarketStage) -> None:
    """It has all that the server asks of a dialect, under Binance's host names."""
    dialect: Dialect = stage.dialect

    assert hosts.BINANCE == dialect.hosts
    assert {"ws-dapi.binance.com", "dstream.binance.com", "api.binance.com"} <= set(dialect.hosts)


@pytest.mark.parametrize(
    "host", ["api.binance.com", "fapi.binance.com", "dapi.binance.com", "papi.binance.com", "x.com"]
)
def test_unknown_paths(stage: MarketStage, host: str) -> None:
    """A path that does not exist is a 404 on every host, and no host makes it raise."""
    request = Request(host, "GET", "/fapi/v9/nothing")

    assert 404 == stage.dialect.respond(request).status
    assert stage.dialect.describe(request).verdict in ("no_route", "not_executed")


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("too_large", 413, -1000),
        ("too_long", 414, -1000),
        ("malformed", 400, -1000),
        ("unknown", 503, None),
        ("unavailable", 503, None),
        ("internal", 503, -1001),
        ("throttled", 503, -1008),
    ],
)
def test_the_fronts_refusals(stage: MarketStage, name: str, status: int, code: int | None) -> None:
    """The front refuses in the documented words."""
    response = stage.dialect.refusal(name, Request("fapi.binance.com", "POST", "/fapi/v1/order"))

    assert status == response.status
    assert code == json.loads(response.body).get("code")


HOSTS = {"spot": "api.binance.com", "usdm": "fapi.binance.com", "coinm": "dapi.binance.com"}
NAMES = "symbol symbols pair interval limit startTime endTime fromId contractType period type windowSize".split()
VALUES = [
    "",
    "0",
    "-1",
    "1",
    "999999999999999999",
    "1e5",
    "NaN",
    "BTCUSDT",
    "BTCUSD_PERP",
    "BTCUSD",
    "1m",
    "1M",
    "1d",
    "5m",
    '["BTCUSDT"]',
    "[]",
    "[1]",
    "{}",
    "PERPETUAL",
    "ALL",
    "\x00",
    "é",
    "1760000000000",
]


def test_no_request_makes_it_raise(stage: MarketStage) -> None:
    """Whatever the parameters of a GET are, the answer is JSON with a status of the venue's."""
    draw = random.Random(1)
    paths = [(market, path) for market, method, path in stage.dialect.routes if method == "GET"]
    for _ in range(1_500):
        market, path = draw.choice(paths)
        stage.dialect.limiters[market].reset()
        query = urlencode({name: draw.choice(VALUES) for name in draw.sample(NAMES, draw.randint(0, 5))})
        request = Request(HOSTS[market], "GET", path, query, b"", {"x-mbx-apikey": KEY})
        response = stage.dialect.respond(request)

        assert response.status in (200, 400, 401, 403, 404, 410)
        json.loads(response.body)


def test_limits_can_be_multiplied_and_used_by_others() -> None:
    """A factor raises the limits; weight that others use counts against them."""
    stage = MarketStage(behaviour=Behaviour(limits_factor=3))
    limits = stage.get("/fapi/v1/exchangeInfo")["rateLimits"]
    assert [7_200, 900, 3_600] == [row["limit"] for row in limits]

    stage.dialect.crowd("usdm", 7_200)
    assert (429, -1003) == stage.refused("/fapi/v1/time")
    assert {} == stage.get("/dapi/v1/ping")


# --------------------------------------------------------------------------------------------------- websocket API
def api(stage: MarketStage, host: str, path: str) -> Socket:
    socket = Socket(stage)
    session = stage.dialect.connect(host, path, "", socket.push, socket.hang_up)
    assert session is not None
    socket.session = session
    return socket


def signed(stage: MarketStage, **params: Any) -> dict[str, Any]:
    values = {**params, "apiKey": KEY, "timestamp": stage.now_ms}
    return {**values, "signature": hmac.new(SECRET.encode(), ws_payload(values).encode(), hashlib.sha256).hexdigest()}


def test_a_spot_user_stream_is_subscribed_on_the_websocket_api(stage: MarketStage) -> None:
    """After userDataStream.subscribe.signature an order's events arrive under the subscription's number."""
    socket = api(stage, "ws-api.binance.com", "/ws-api/v3")
    assert "api" == socket.session.kind
    answer = socket.ask("userDataStream.subscribe.signature", signed(stage))
    assert (200, 0) == (answer["status"], answer["result"]["subscriptionId"])
    stage.place(SPOT, BUY, "0.1")
    events = socket.taken()

    assert {0} == {row["subscriptionId"] for row in events}
    assert ["NEW", "TRADE"] == [row["event"]["x"] for row in events if row["event"]["e"] == "executionReport"]
    assert "user" == socket.session.kind


@pytest.mark.parametrize(
    ("host", "path", "prefix"),
    [("ws-fapi.binance.com", "/ws-fapi/v1", "usdm"), ("ws-dapi.binance.com", "/ws-dapi/v1", "coinm")],
)
def test_listen_keys_on_the_futures_websocket_apis(stage: MarketStage, host: str, path: str, prefix: str) -> None:
    """A listen key started on the websocket API is the one of REST."""
    socket = api(stage, host, path)
    key = socket.ask("userDataStream.start", {"apiKey": KEY})["result"]["listenKey"]

    assert key == stage.dialect.listen_keys[prefix].key_of("alice")
    assert 200 == socket.ask("userDataStream.ping", {"apiKey": KEY})["status"]
    assert None is stage.dialect.connect(host, "/ws-api/v3", "", print)


def test_the_websocket_api_announces_its_end(stage: MarketStage) -> None:
    """Spot's websocket API tells serverShutdown before it ends the connection after a day; the futures' just ends."""
    spot, futures = api(stage, "ws-api.binance.com", "/ws-api/v3"), api(stage, "ws-fapi.binance.com", "/ws-fapi/v1")
    stage.leap(86_400_000 - 30_000)
    assert [{"event": {"e": "serverShutdown", "E": stage.now_ms}}] == spot.taken()

    stage.leap(30_000)
    assert (True, True, []) == (spot.hung_up, futures.hung_up, futures.taken())


# ------------------------------------------------------------------------------------------------ other people's client
class Exchange(ccxt.binance):
    """ccxt, unmodified but for its transport and its clock."""

    stage: MarketStage

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        parts = urlsplit(url)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(str(parts.hostname), method, parts.path, parts.query, (body or "").encode(), sent)
        response = self.stage.dialect.respond(request)
        self.stage.flush()
        text = response.body.decode()
        answer = self.parse_json(text)
        self.handle_errors(response.status, "", url, method, dict(response.headers), text, answer, headers, body)
        return answer

    def milliseconds(self) -> int:
        return self.stage.now_ms

    def nonce(self) -> int:
        return self.stage.now_ms


@pytest.fixture
def client() -> Exchange:
    kinds = {"types": ["spot", "linear", "inverse"]}
    one = Exchange({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": {"fetchMarkets": kinds}})
    one.stage = MarketStage(busy=True)
    one.load_markets()
    return one


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_ccxt_reads_every_market(client: Exchange, symbol: str) -> None:
    """ccxt loads the markets of all three and reads books, tickers and candles."""
    market, book = client.markets[symbol], client.fetch_order_book(symbol, 5)

    assert market["active"]
    assert 5 == len(book["bids"])
    assert book["bids"][0][0] <= client.fetch_ticker(symbol)["last"] <= book["asks"][0][0]
    assert 48 == len(client.fetch_ohlcv(symbol, "1h", limit=48))


@pytest.mark.parametrize("symbol", SYMBOLS[1:])
def test_ccxt_reads_funding(client: Exchange, symbol: str) -> None:
    """ccxt reads rate, next time and history of funding."""
    rate = client.fetch_funding_rate(symbol)

    assert rate["markPrice"] > 0
    assert rate["fundingTimestamp"] > client.stage.now_ms
    assert 5 == len(client.fetch_funding_rate_history(symbol, limit=5))


def test_ccxt_raises_its_own_errors(client: Exchange) -> None:
    """A refusal is an exception of the client's for that code."""
    with pytest.raises(ccxt.BadSymbol):
        client.fapiPublicGetDepth({"symbol": "NOPE"})
