"""Limits by user and by address, and what the operator does to them."""

from __future__ import annotations

import pytest

from bot.simex.bybit.dialect import Behaviour
from bot.simex.bybit.errors import VenueError
from bot.simex.bybit.limits import ADDRESSES_MAX, LIMITS, MINUTE_MS, SPOT_LIMITS, RateLimits
from bot.simex.wire import Request
from tests.simex.bybit.stage import Stage

CREATE = "/v5/order/create"


def code_of(limits: RateLimits, account: str = "alice", path: str = CREATE, now_ms: int = 0, spot: bool = False) -> int:
    """The code of one call; 0 when it is within the limit."""
    try:
        limits.take(account, path, spot=spot, now_ms=now_ms)
    except VenueError as error:
        return error.code
    return 0


def test_a_limit_is_a_users_and_an_endpoints() -> None:
    """Another account, another endpoint and another category have a budget of their own."""
    limits = RateLimits()
    mine = [code_of(limits) for _ in range(11)]

    assert [0] * 10 + [10006] == mine
    assert [0, 0, 0] == [
        code_of(limits, account="bob"),
        code_of(limits, path="/v5/order/cancel"),
        code_of(limits, spot=True),
    ]
    assert (10006, 0) == (code_of(limits, now_ms=999), code_of(limits, now_ms=1_000))


@pytest.mark.parametrize("path", [path for path, (_, window) in LIMITS.items() if window < MINUTE_MS])
@pytest.mark.parametrize("spot", [True, False])
def test_every_documented_limit_holds(path: str, spot: bool) -> None:
    """As many calls as the table says in a second, and not one more."""
    limits = RateLimits()
    calls = (SPOT_LIMITS if spot and path in SPOT_LIMITS else LIMITS)[path][0]

    assert [0] * calls + [10006] == [code_of(limits, path=path, spot=spot) for _ in range(calls + 1)]


def test_an_endpoint_may_be_tightened() -> None:
    """To less than is used already, to nothing, and back."""
    limits = RateLimits()
    limits.take("alice", CREATE, spot=False, now_ms=0, orders=5)
    limits.tighten(CREATE, 3)
    assert 10006 == code_of(limits, now_ms=500)
    assert (3, 0) == (
        limits.allowance("alice", CREATE, spot=False, now_ms=500).limit,
        limits.allowance("alice", CREATE, spot=False, now_ms=500).remaining,
    )
    limits.tighten(CREATE, 0)
    assert (10006, 2_000) == (
        code_of(limits, now_ms=2_000),
        limits.allowance("alice", CREATE, spot=False, now_ms=2_000).reset_ms,
    )
    limits.tighten(CREATE, None)
    assert 0 == code_of(limits, now_ms=2_000)


def test_addresses_count_apart_and_may_be_banned() -> None:
    """A banned address is 403 until its ban is over; others are not, however many there are."""
    limits = RateLimits()
    limits.ban_address("203.0.113.7", 1_000)
    with pytest.raises(VenueError) as refused:
        limits.check_address("203.0.113.7", 999)
    limits.check_address("203.0.113.7", 1_000)
    for number in range(ADDRESSES_MAX + 1):
        limits.check_address(str(number), 0)

    assert (403, 10006) == (refused.value.status, refused.value.code)


def test_a_banned_user_gives_no_orders(stage: Stage) -> None:
    """It may still cancel, and read."""
    order_id = stage.placed()
    stage.dialect.limits.ban_user("alice", stage.now_ms + 1_000)

    assert 10027 == stage.order()["retCode"]
    assert 0 == stage.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order_id)["retCode"]
    stage.leap(1_000)
    assert 0 == stage.order()["retCode"]


def test_the_system_protects_itself(stage: Stage) -> None:
    """New orders are 10429 unless they reduce, alone and in batches; cancelling and reading go on."""
    order_id = stage.placed()
    stage.placed(orderType="Market")
    stage.dialect.router.is_protected = True
    usual = {"category": "linear", "symbol": "BTCUSDT"}
    leg = {"symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01"}
    batches = [
        stage.post("/v5/order/create-batch", category="linear", request=rows)["retCode"]
        for rows in ([leg], [leg | {"reduceOnly": True}, leg], [leg | {"reduceOnly": True}], [], 5)
    ]

    assert [10429, 0] == [stage.order()["retCode"], stage.order(side="Sell", price="61000", reduceOnly=True)["retCode"]]
    assert [10429, 10429, 0, 10429, 10429] == batches
    assert 10429 == stage.post("/v5/order/amend", **usual, orderId=order_id, price="58000")["retCode"]
    assert 0 == stage.post("/v5/order/cancel", **usual, orderId=order_id)["retCode"]
    stage.dialect.router.is_protected = False
    assert 0 == stage.order()["retCode"]


def test_the_address_of_a_request_counts(stage: Stage) -> None:
    """Each end of a connection has its 600 requests, unless the venue sees them all at one address."""
    mine, theirs = (Request("api.bybit.com", "GET", "/v5/market/time", address=f"127.0.0.{n}") for n in (1, 2))
    for _ in range(601):
        stage.raw(mine)

    assert (403, 200) == (stage.raw(mine).status, stage.raw(theirs).status)
    stage.dialect.keys.client_ip = "127.0.0.1"
    assert 403 == stage.raw(theirs).status


def test_new_websockets_are_counted(stage: Stage) -> None:
    """Five hundred in five minutes and domain, which the server counts; more where limits are multiplied."""
    rules = [one.dialect.rules("stream.bybit.com") for one in (stage, Stage(Behaviour(limits_factor=3)))]

    assert [500, 1_500] == [one.connects_per_5_min for one in rules]


@pytest.mark.parametrize("path", ["/v5/private", "/v5/trade", "/v5/public/linear"])
def test_a_ping_keeps_a_websocket_alive(stage: Stage, path: str) -> None:
    """Every twenty seconds is advised, ten minutes of silence are the end."""
    socket = stage.connect(path)
    for _ in range(40):
        stage.leap(20_000)
        socket.ask(op="ping")
    assert not socket.hung_up
    stage.leap(631_000)

    assert socket.hung_up


def test_topics_are_so_long_for_a_connection(stage: Stage) -> None:
    """21,000 characters in all requests of a connection together; another connection begins anew."""
    socket = stage.connect("/v5/public/linear")
    names = [f"kline.{interval}.{symbol}" for symbol in ("BTCUSDT", "ETHUSDT") for interval in ("1", "3", "5")]
    assert socket.ask(op="subscribe", args=names)[0]["success"]
    long = stage.dialect._public["linear"]

    assert "" == long.fault(names, 21_000 - sum(map(len, names)))
    assert long.fault(names, 21_001 - sum(map(len, names)))
    assert stage.connect("/v5/public/linear").ask(op="subscribe", args=names)[0]["success"]
