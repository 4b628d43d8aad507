"""Whatever a client sends to spot, it is answered in the venue's shape, and the exchange's money adds up."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simex.binance.spot_stage import SpotStage

NAMES = (
    "symbol side type timeInForce quantity price quoteOrderQty stopPrice newClientOrderId newOrderRespType orderId "
    "origClientOrderId cancelReplaceMode cancelOrderId selfTradePreventionMode strategyType newQty startTime endTime "
    "fromId limit asset amount fromAccountType toAccountType toEmail recvWindow cancelRestrictions page size current "
    "preventedMatchId computeCommissionRates omitZeroBalances quoteAsset"
).split()
VALUES = (
    "BTCUSDT ETHUSDT BUY SELL LIMIT MARKET LIMIT_MAKER STOP_LOSS TAKE_PROFIT_LIMIT GTC IOC FOK 0 1 -1 0.01 59000 61000 "
    "0.000000001 1e5 99999999999999999999 8000000001 8000000002 mine ACK FULL STOP_ON_FAILURE ALLOW_FAILURE NONE "
    "EXPIRE_BOTH MAIN_UMFUTURE UMFUTURE_MAIN SPOT FUTURES USDT_FUTURE USDT BTC true false nan inf ٣ 1.5.2 ² ONLY_NEW"
).split()
ROUTES = [(route.method, route.path) for route in SpotStage().spot.routes()]
PARAMS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=6), min_size=0, max_size=12)
USUAL = {"symbol": "BTCUSDT", "side": "BUY", "timeInForce": "GTC", "quantity": "0.01", "price": "59000"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(ROUTES), PARAMS, st.booleans()), max_size=25))
def test_nothing_a_client_sends_is_a_defect(calls: list[tuple[tuple[str, str], dict[str, str], bool]]) -> None:
    """Every call ends in JSON: a result, or a refusal with a code; afterwards money is conserved."""
    stage = SpotStage()
    stage.limiter.tighten(weight_per_minute=10**9)
    for (method, path), params, usual in calls:
        response = stage.send(method, path, {**USUAL, "type": "LIMIT", **params} if usual else params)
        body = json.loads(response.body)
        if response.status != 200:
            assert {"code", "msg"} <= set(body)
            assert body["code"] < 0
    stage.exchange.check()


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(VALUES),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    ),
    st.sampled_from(
        ["order.place", "order.cancel", "account.status", "session.logon", "userDataStream.unsubscribe", ""]
    ),
)
def test_nothing_a_socket_says_is_a_defect(content: object, method: str) -> None:
    """Every frame of the websocket API is answered with a status, whatever its parameters are."""
    socket = SpotStage().connect()
    for text in (json.dumps(content), json.dumps({"id": content, "method": method, "params": content})):
        answer = socket.say(text)
        assert answer["status"] in (200, 400, 401, 404)
    given_params = content if isinstance(content, dict) else {"symbol": content}
    assert socket.signed(method, **given_params)["status"] in (200, 400, 401, 404)
