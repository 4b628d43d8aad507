"""Limits of weight, requests and orders: where they end, what is said, who is banned and for how long."""

from __future__ import annotations

import json

import pytest

from bot.simex.binance.errors import VenueError
from bot.simex.binance.limits import (
    BAN_MAX_MS,
    DAY_MS,
    FORGIVEN_AFTER_MS,
    MINUTE_MS,
    REFUSALS_BEFORE_BAN,
    SAPI_IP_WEIGHT,
    SAPI_UID_WEIGHT,
    SPOT_LIMITS,
    USDM_LIMITS,
    RateLimiter,
)
from tests.simex.binance.futures_stage import START_MS, wanted
from tests.simex.binance.futures_stage import Stage as FuturesStage
from tests.simex.binance.spot_stage import SpotStage, market

NOW = START_MS // DAY_MS * DAY_MS + 1_000
TOO_MUCH = (
    "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
FUTURES_TOO_MUCH = (
    "Too many requests; current limit is 2400 requests per minute. "
    "Please use the websocket for live updates to avoid polling the API."
)


def refused(limiter: RateLimiter, weight: int, now_ms: int, address: str = "127.0.0.1") -> VenueError:
    """The refusal of a request."""
    with pytest.raises(VenueError) as caught:
        limiter.charge_weight(weight, now_ms, address)
    return caught.value


def ban(limiter: RateLimiter, now_ms: int) -> VenueError:
    """Go on until the address is banned; answers the first refusal with 418."""
    for _ in range(REFUSALS_BEFORE_BAN):
        assert 429 == refused(limiter, 10_000, now_ms).status
    return refused(limiter, 1, now_ms)


@pytest.mark.parametrize(
    ("limits", "most", "text"), [(SPOT_LIMITS, 6_000, TOO_MUCH), (USDM_LIMITS, 2_400, FUTURES_TOO_MUCH)]
)
def test_weight_of_a_minute(limits: object, most: int, text: str) -> None:
    """The weight of a minute may be used whole; one more is refused with 429 until the next minute begins."""
    limiter = RateLimiter(limits)  # type: ignore[arg-type]  # one of the two
    limiter.charge_weight(most, NOW)

    error = refused(limiter, 1, NOW)
    assert (429, -1003, text, "59") == (error.status, error.code, error.msg, error.headers["Retry-After"])
    limiter.charge_weight(1, NOW + 59_000)
    assert 1 == limiter.weight_used(NOW + 59_000)


def test_weight_is_counted_by_address() -> None:
    """What one address uses is not missing to another."""
    limiter = RateLimiter(SPOT_LIMITS)
    limiter.charge_weight(6_000, NOW, "203.0.113.7")

    limiter.charge_weight(6_000, NOW)
    assert 429 == refused(limiter, 1, NOW, "203.0.113.7").status


def test_who_goes_on_is_banned() -> None:
    """An address that keeps sending while it is refused is banned for two minutes, and answered 418 meanwhile."""
    limiter = RateLimiter(SPOT_LIMITS)
    error = ban(limiter, NOW)

    until = NOW + 2 * MINUTE_MS
    words = "Please use WebSocket Streams for live updates to avoid bans."
    assert (418, -1003, f"Way too much request weight used; IP banned until {until}. {words}", "120") == (
        error.status,
        error.code,
        error.msg,
        error.headers["Retry-After"],
    )
    assert 418 == refused(limiter, 1, until - 1).status
    limiter.charge_weight(1, NOW, "203.0.113.7")
    limiter.charge_weight(1, until)


def test_bans_grow() -> None:
    """Each ban is twice as long as the one before, up to three days; good conduct for three days is rewarded."""
    limiter, now_ms, lengths = RateLimiter(SPOT_LIMITS), NOW, []
    for _ in range(14):
        lengths.append(limiter.ban("here", now_ms) - now_ms)
        now_ms = limiter.banned_until_ms("here")

    assert [2 * MINUTE_MS * 2**number for number in range(12)] == lengths[:12]
    assert [BAN_MAX_MS, BAN_MAX_MS] == lengths[12:]
    now_ms += FORGIVEN_AFTER_MS + 1
    assert now_ms + 2 * MINUTE_MS == limiter.ban("here", now_ms)


def test_operator_may_tighten_ban_and_forgive() -> None:
    """The limits may change while it runs; an address may be banned at once for as long as is said, and set free."""
    limiter = RateLimiter(SPOT_LIMITS)
    limiter.tighten(weight_per_minute=10, orders=(1,))
    limiter.charge_weight(10, NOW)
    assert 429 == refused(limiter, 1, NOW).status
    assert [1, 200_000] == [row["limit"] for row in limiter.order_counts("alice", NOW)]

    assert NOW + 5_000 == limiter.ban("127.0.0.1", NOW, 5_000)
    assert "5" == refused(limiter, 1, NOW).headers["Retry-After"]
    limiter.reset()
    limiter.charge_weight(10, NOW)


def test_raw_requests() -> None:
    """The number of requests of five minutes is limited too, whatever they weigh."""
    limiter = RateLimiter(SPOT_LIMITS)
    for _ in range(SPOT_LIMITS.raw_per_5_minutes):
        limiter.charge_weight(0, NOW)

    error = refused(limiter, 0, NOW)
    assert (429, -1003, "Too many requests queued.") == (error.status, error.code, error.msg)


def test_orders_of_an_account() -> None:
    """Orders are counted by account; beyond the limit one is refused, counts nowhere, and the window runs out."""
    limiter = RateLimiter(SPOT_LIMITS)
    limiter.charge_order("alice", NOW, {"10S": 100, "1D": 100})

    with pytest.raises(VenueError) as caught:
        limiter.charge_order("alice", NOW)
    error = caught.value
    assert (429, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", "9") == (
        error.status,
        error.code,
        error.msg,
        error.headers["Retry-After"],
    )
    limiter.charge_order("bob", NOW)
    limiter.charge_order("alice", NOW + 9_000)
    assert {"X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1D": "101"} == limiter.order_headers("alice", NOW + 9_000)


@pytest.mark.parametrize(("by_user", "most"), [(True, SAPI_UID_WEIGHT), (False, SAPI_IP_WEIGHT)])
def test_wallet_requests_count_apart(by_user: bool, most: int) -> None:
    """Each wallet endpoint has a count of its own, by address or by user."""
    limiter = RateLimiter(SPOT_LIMITS)
    assert most == limiter.charge_sapi("/a", "alice", most, NOW, by_user=by_user)

    with pytest.raises(VenueError) as caught:
        limiter.charge_sapi("/a", "alice", 1, NOW, by_user=by_user)
    assert (429, -1003) == (caught.value.status, caught.value.code)
    assert 1 == limiter.charge_sapi("/b", "alice", 1, NOW, by_user=by_user)
    assert 1 == limiter.charge_sapi("/a", "bob", 1, NOW, by_user=by_user)


def test_headers_of_answers() -> None:
    """Answers tell the weight used with themselves, order answers the order counts, wallet answers their own count."""
    stage = SpotStage()
    response = stage.send("POST", "/api/v3/order", market())
    assert {"X-MBX-USED-WEIGHT": "1", "X-MBX-USED-WEIGHT-1M": "1"}.items() <= response.headers.items()
    # It was filled at once, after it was answered: it no longer counts.
    assert "1" == response.headers["X-MBX-ORDER-COUNT-10S"]
    counts = stage.get("/api/v3/rateLimit/order")
    assert [(0, 100, "SECOND"), (0, 200_000, "DAY")] == [
        (row["count"], row["limit"], row["interval"]) for row in counts
    ]
    assert "1" == stage.send("GET", "/sapi/v1/account/status", {}).headers["X-SAPI-USED-IP-WEIGHT-1M"]
    transfer = {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1"}
    moved = stage.send("POST", "/sapi/v1/asset/transfer", transfer)
    assert (200, "900") == (moved.status, moved.headers["X-SAPI-USED-UID-WEIGHT-1M"])


def test_banned_address_over_http() -> None:
    """A banned address is answered 418 with Retry-After whatever it asks, and nothing is executed."""
    stage = SpotStage()
    stage.limiter.ban("127.0.0.1", stage.now_ms, 30_000)

    response = stage.send("POST", "/api/v3/order", market())
    assert (418, "30") == (response.status, response.headers["Retry-After"])
    stage.leap(30_000)
    assert ("2.00000000", "0.00000000") == stage.balance("BTC")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_counts_as_documented(method: str, size: int) -> None:
    """However many orders it holds: weight 5, five orders in ten seconds, one a minute; a cancelling one weighs 1."""
    stage = FuturesStage()
    before = stage.send("DELETE", "/fapi/v1/batchOrders", {"symbol": "BTCUSDT", "orderIdList": "[1]"}).headers
    orders = json.dumps([wanted()] * size)
    told = stage.send(method, "/fapi/v1/batchOrders", {"batchOrders": orders}).headers

    assert ("1", "6") == tuple(one["X-MBX-USED-WEIGHT-1M"] for one in (before, told))
    assert ("5", "1") == (told["X-MBX-ORDER-COUNT-10S"], told["X-MBX-ORDER-COUNT-1M"])
    assert "X-MBX-ORDER-COUNT-1M" not in before


def test_a_batch_is_refused_whole_where_its_count_does_not_fit() -> None:
    """With four orders left of ten seconds a batch is refused with -1015 and counts nowhere; an order still fits."""
    stage = FuturesStage()
    stage.limiters["usdm"].charge_order("alice", stage.now_ms, {"10S": 296})
    status, code, text = stage.refusal("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps([wanted()]))

    assert (429, -1015) == (status, code)
    assert "Too many new orders; current limit is 300 orders per 10 SECOND." == text
    assert "NEW" == stage.order()["status"]
