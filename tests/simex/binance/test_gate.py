"""Admission: keys, scopes, windows and signatures, with the venue's codes and HTTP statuses."""

from __future__ import annotations

import pytest

from bot.simex.wire import Request
from tests.simex.binance.client import FAPI, GONE, Client, usdm_order

BALANCE = "/fapi/v3/balance"


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize(
    ("age_ms", "window", "answer"),
    [
        (0, GONE, 200),
        (5_000, GONE, 200),
        (5_001, GONE, -1021),
        (-999, GONE, 200),
        (-1_000, GONE, -1021),
        (2_000, 2_000, 200),
        (2_001, 2_000, -1021),
        (100, "99.5", -1021),
        (60_000, 60_000, 200),
        (0, 60_001, -1131),
        (0, "abc", -1102),
        (0, "-5", -1102),
    ],
)
def test_the_documented_window(client: Client, age_ms: int, window: object, answer: int) -> None:
    """A request passes iff timestamp < server + 1000 and server - timestamp <= recvWindow (5000 unless sent)."""
    status, body = client.signed("GET", BALANCE, timestamp=client.wall_ms - age_ms, recvWindow=window)

    assert answer == (200 if status == 200 else body["code"])


def test_the_server_clock_can_be_off(client: Client) -> None:
    """A client on wall time is outside the window of a server whose clock runs ahead."""
    client.timeline.offset_ms = 20_000

    assert (400, -1021) == client.refused("GET", BALANCE)
    assert client.wall_ms + 20_000 == client.get("/fapi/v1/time")["serverTime"]


def test_timestamps_may_be_in_microseconds(client: Client) -> None:
    """Timestamps with sixteen digits are microseconds."""
    client.ok("GET", BALANCE, timestamp=client.wall_ms * 1000)


@pytest.mark.parametrize("missing", ["timestamp", "signature"])
def test_mandatory_parts_of_a_signed_request(client: Client, missing: str) -> None:
    """A signed endpoint asks for a timestamp and a signature by name."""
    query = "signature=ff" if missing == "timestamp" else f"timestamp={client.wall_ms}"
    status, body = client.sent("GET", BALANCE, query)

    assert (400, -1102) == (status, body["code"])
    assert f"'{missing}'" in body["msg"]


def test_a_wrong_signature(client: Client) -> None:
    """Anything but the right signature over the bytes sent is -1022."""
    status, body = client.sent("GET", BALANCE, f"timestamp={client.wall_ms}&signature=" + "0" * 64)

    assert (400, {"code": -1022, "msg": "Signature for this request is not valid."}) == (status, body)
    assert "bad_signature" == client.last.trace.verdict


@pytest.mark.parametrize(("public", "code"), [("", -2014), ("short", -2014), ("x" * 64, -2015), ("ä" * 64, -2014)])
def test_bad_keys(client: Client, public: str, code: int) -> None:
    """A malformed key is -2014, an unknown one -2015, both with 401."""
    request = Request(FAPI, "GET", BALANCE, f"timestamp={client.wall_ms}&signature=ff", b"", {"x-mbx-apikey": public})
    status, body = client.send(request)

    assert (401, code) == (status, body["code"])


def test_scopes(client: Client) -> None:
    """A key without futures or trading permission may read spot and nothing else."""
    client.ok("GET", "/api/v3/account", key="reader")

    assert (401, -2015) == client.refused("POST", "/api/v3/order", key="reader", **usdm_order())
    assert (401, -2015) == client.refused("GET", BALANCE, key="reader")


def test_a_revoked_key(client: Client) -> None:
    """A deleted key is rejected from then on."""
    assert client.dialect.keys.revoke("default")
    assert not client.dialect.keys.revoke("default")
    assert (401, -2015) == client.refused("GET", BALANCE)


def test_a_delayed_request_is_judged_when_it_arrives(client: Client) -> None:
    """An order that reaches the exchange after its window is refused and makes nothing."""
    assert (400, -1021) == client.refused("POST", "/fapi/v1/order", timestamp=client.wall_ms - 6_000, **usdm_order())
    assert [] == client.exchange.orders.history("a", "usdm", "BTCUSDT")


def test_no_secret_reaches_the_log(client: Client) -> None:
    """The trace names the key and holds neither key, secret nor signature."""
    client.ok("GET", BALANCE)
    text = repr(client.last.trace)

    assert "default" == client.last.trace.key_name
    assert "signature" not in client.last.trace.params
    assert not [one for one in (client.keys["default"].key, client.keys["default"].secret) if one in text]
    assert client.keys["default"].secret not in repr(client.keys["default"])
