"""Candles and open interest, as the documentation shows them."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

import pytest

from tests.simex.binance.client import Client

HOUR_MS = 3_600_000


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize("path", ["/api/v3/klines", "/fapi/v1/klines"])
def test_klines_end_with_the_bar_that_is_forming(client: Client, path: str) -> None:
    """The newest `limit` bars come oldest first, twelve fields each, and the last is the hour that runs."""
    rows = client.get(path, symbol="BTCUSDT", interval="1h", limit=48)

    assert (48, {12}) == (len(rows), {len(row) for row in rows})
    assert client.wall_ms - client.wall_ms % HOUR_MS == rows[-1][0]
    assert all(float(row[3]) <= float(row[1]) <= float(row[2]) and row[6] == row[0] + HOUR_MS - 1 for row in rows)


def test_klines_from_a_start(client: Client) -> None:
    """A start and an end bound the opening times, both inclusive."""
    first = client.wall_ms - client.wall_ms % HOUR_MS - 10 * HOUR_MS

    rows = client.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", startTime=first, endTime=first + 2 * HOUR_MS)

    assert [first, first + HOUR_MS, first + 2 * HOUR_MS] == [row[0] for row in rows]


@pytest.mark.parametrize("path", ["/api/v3/klines", "/fapi/v1/klines"])
def test_an_interval_that_is_not_served_is_refused(client: Client, path: str) -> None:
    """-1120 answers an interval that the venue does not have."""
    status, body = client.sent("GET", path, urlencode({"symbol": "BTCUSDT", "interval": "7h"}), key=None)

    assert (400, -1120) == (status, body["code"])


def test_open_interest_now_and_before(client: Client) -> None:
    """Open interest has the documented fields; its history ends at the last full period, oldest first."""
    now = client.get("/fapi/v1/openInterest", symbol="BTCUSDT")
    rows = client.get("/futures/data/openInterestHist", symbol="BTCUSDT", period="1h", limit=24)

    assert {"symbol", "openInterest", "time"} == now.keys()
    assert {"symbol", "sumOpenInterest", "sumOpenInterestValue", "timestamp"} == rows[0].keys()
    assert [client.wall_ms - client.wall_ms % HOUR_MS - back * HOUR_MS for back in range(23, -1, -1)] == [
        row["timestamp"] for row in rows
    ]


def test_a_client_that_keeps_up_sees_its_own_hour(client: Client) -> None:
    """A price of now moves the close of the bar that is forming."""
    before = client.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=1)[0]
    client.exchange.shock("BTC", Decimal("1.1"), client.wall_ms)
    client.move(1_000)

    after = client.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=1)[0]

    assert (before[0], before[1]) == (after[0], after[1])
    assert float(before[4]) * 1.05 < float(after[4])
