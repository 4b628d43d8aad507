"""From bytes to an answer: what is read, what is signed, which words a market has, and what is logged."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from bot.simex.binance.gate import Call, KeyRing, Route, Scope, Security
from bot.simex.binance.limits import USDM_LIMITS, RateLimiter
from bot.simex.binance.router import Pending, Router
from bot.simex.binance.signature import sign
from bot.simex.wire import Request, Response
from tests.simex.binance.spot_stage import MADE

NOW = 1_760_000_000_000
ORDER = "/fapi/v1/order"
DESK = MADE["desk"]


class Futures:
    """A router of a futures market with an order that does nothing; `now_ms` is the server's clock."""

    def __init__(self) -> None:
        self.now_ms = NOW
        routes = [
            Route("POST", ORDER, self._placed, 0, Security.SIGNED, Scope.FUTURES, is_order=True),
            Route("GET", "/fapi/v1/ping", lambda _: {}),
            Route("GET", "/fapi/v1/key", lambda call: {"account": call.account}, 1, Security.KEY),
        ]
        self.router = Router(routes, KeyRing.of(MADE.values()), RateLimiter(USDM_LIMITS), lambda: self.now_ms)

    @staticmethod
    def _placed(call: Call) -> dict[str, Any]:
        call.order_id, call.client_order_id = 5, call.params.text("newClientOrderId")
        return {"orderId": 5, "symbol": call.params.text("symbol")}

    def post(self, query: str, body: str = "", signed: str | None = None, host_path: str = ORDER) -> Response:
        """The answer to an order; the signature goes where it is told, or at the end of the body."""
        signature = sign(DESK, query + body) if signed is None else signed
        text = f"{body}&signature={quote(signature)}" if body else body
        first = query if body else f"{query}&signature={quote(signature)}"
        return self.router.respond(request("POST", host_path, first, text.encode()))


def request(method: str, path: str, query: str = "", body: bytes = b"", key: str = DESK.key) -> Request:
    return Request("fapi.binance.com", method, path, query, body, {"x-mbx-apikey": key})


def code_of(response: Response) -> tuple[int, int]:
    """Status and code of a refusal."""
    return response.status, json.loads(response.body)["code"]


@pytest.fixture
def futures() -> Futures:
    return Futures()


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"symbol=BTCUSDT&timestamp={NOW}", ""),
        ("", f"symbol=BTCUSDT&timestamp={NOW}"),
        ("symbol=BTCUSDT", f"timestamp={NOW}"),
        (f"timestamp={NOW}&symbol=%42TCUSDT", ""),
        (f"timestamp={NOW}", "symbol=BTCUSDT&note=a%20b+c"),
    ],
)
def test_signature_covers_the_bytes_as_sent(futures: Futures, query: str, body: str) -> None:
    """Parameters may stand in the query, the body or both, in any order, encoded as the client likes."""
    response = futures.post(query, body)
    assert (200, {"orderId": 5, "symbol": "BTCUSDT"}) == (response.status, json.loads(response.body))


def test_query_wins_over_the_body(futures: Futures) -> None:
    """A parameter that is sent in both places has the value of the query."""
    response = futures.post(f"timestamp={NOW}&symbol=ETHUSDT", "symbol=BTCUSDT")
    assert "ETHUSDT" == json.loads(response.body)["symbol"]


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        (f"timestamp={NOW}&a=1&a=2", b"", -1101),
        ("&".join(f"p{number}=1" for number in range(101)), b"", -1101),
        (f"timestamp={NOW}", b"\xff\xfe", -1100),
        (f"timestamp={NOW}", b"", -1102),
        ("", b"", -1102),
    ],
)
def test_what_cannot_be_read(futures: Futures, query: str, body: bytes, code: int) -> None:
    """Repeated, too many, undecodable and missing parameters are refused with their codes."""
    assert (400, code) == code_of(futures.router.respond(request("POST", ORDER, query, body)))


def test_key_without_signature(futures: Futures) -> None:
    """What needs a key only tells keys apart, and takes no signature."""
    response = futures.router.respond(request("GET", "/fapi/v1/key"))
    assert ({"account": "alice"}, "key") == (json.loads(response.body), response.trace.verdict)
    assert (401, -2014) == code_of(futures.router.respond(request("GET", "/fapi/v1/key", key="?")))


def test_engine_of_the_futures_has_its_own_code(futures: Futures) -> None:
    """A futures request that reaches the engine after its window is refused with -5028 and placed nowhere."""
    query = f"symbol=BTCUSDT&timestamp={NOW}&recvWindow=50"
    pending = futures.router.admit(request("POST", ORDER, f"{query}&signature={sign(DESK, query)}"))
    assert isinstance(pending, Pending)
    futures.now_ms += 51

    late = futures.router.land(pending)
    assert (400, -5028) == code_of(late)
    assert late.trace.order_id is None
    assert "0" == late.headers["X-MBX-ORDER-COUNT-1M"]


@pytest.mark.parametrize(
    ("more", "status"), [("", 503), ("&reduceOnly=true", 200), ("&closePosition=TRUE", 200), ("&reduceOnly=false", 503)]
)
def test_protection_lets_through_what_reduces(futures: Futures, more: str, status: int) -> None:
    """While the system protects itself, orders that only reduce or close are exempt."""
    futures.router.is_protected = True
    response = futures.post(f"symbol=BTCUSDT&timestamp={NOW}{more}")

    assert status == response.status
    if status == 503:
        text = "Reduce-only/close-position orders are exempt. Please try again."
        body = json.loads(response.body)
        assert (-1008, f"Request throttled by system-level protection. {text}") == (body["code"], body["msg"])


def test_unknown_routes(futures: Futures) -> None:
    """Futures hosts answer an unknown path or method with a code, spot with a page."""
    assert (404, -5000) == code_of(futures.router.respond(request("GET", "/fapi/v1/nope")))
    page = futures.router.respond(request("GET", "/api/v3/nope"))
    assert (404, "text/html") == (page.status, page.content_type)


def test_trace_of_a_request(futures: Futures) -> None:
    """The trace tells key, verdict and order, and holds neither signature nor key."""
    query = f"symbol=BTCUSDT&timestamp={NOW}&newClientOrderId=mine"
    trace = futures.post(query).trace
    assert ("desk", "alice", "ok", 5, "mine", True) == (
        trace.key_name,
        trace.account,
        trace.verdict,
        trace.order_id,
        trace.client_order_id,
        trace.signed,
    )
    assert "signature" not in trace.params
    wrong = futures.post(query, signed="00").trace
    assert ("bad_signature", -1022, None) == (wrong.verdict, wrong.code, wrong.order_id)


def test_description_of_what_is_not_executed(futures: Futures) -> None:
    """A request that is never carried out is described by what it says of itself."""
    trace = futures.router.describe(request("POST", ORDER, "symbol=BTCUSDT&signature=00"))
    assert ("not_executed", "desk", {"symbol": "BTCUSDT"}) == (trace.verdict, trace.key_name, trace.params)
    assert futures.router.describe(request("POST", ORDER, body=b"\xff")).key_name is None


def test_address_is_one_for_all_routers(futures: Futures) -> None:
    """The address from which the venue sees its clients belongs to the keys, so that every market sees the same."""
    futures.router.client_ip = "203.0.113.7"
    ring = KeyRing.of(MADE.values())
    assert "" == ring.client_ip
    response = futures.router.respond(request("GET", "/fapi/v1/key", key=MADE["office"].key))
    assert 200 == response.status
