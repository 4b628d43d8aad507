"""The endpoints of the futures by the documentation: method, path, weight with and without a symbol, permission."""

from __future__ import annotations

import pytest

from bot.simex.binance.gate import Route, Scope, Security
from bot.simex.binance.params import Params
from tests.simex.binance.futures_stage import Stage

# Method, path, weight with a symbol, weight without.
USDM = """
POST order 0 0, PUT order 0 0, DELETE order 1 1, GET order 1 1, POST order/test 0 0, POST batchOrders 5 5,
PUT batchOrders 5 5, DELETE batchOrders 1 1, DELETE allOpenOrders 1 1, GET openOrder 1 1, GET openOrders 1 40,
GET allOrders 5 5, GET userTrades 5 5, GET forceOrders 20 50, GET orderAmendment 1 1, POST countdownCancelAll 10 10,
POST algoOrder 0 0, DELETE algoOrder 1 1, GET algoOrder 1 1, GET openAlgoOrders 1 40, GET allAlgoOrders 5 5,
DELETE algoOpenOrders 1 1, POST leverage 1 1, POST marginType 1 1, POST positionMargin 1 1,
GET positionMargin/history 1 1, GET positionSide/dual 30 30, POST positionSide/dual 1 1, GET multiAssetsMargin 30 30,
POST multiAssetsMargin 1 1, GET leverageBracket 1 1, GET v2/account 5 5, GET v3/account 5 5, GET v2/balance 5 5,
GET v3/balance 5 5, GET v2/positionRisk 5 5, GET v3/positionRisk 5 5, GET income 30 30, GET commissionRate 20 20,
GET adlQuantile 5 5, GET symbolAdlRisk 1 1, GET apiTradingStatus 1 10, GET accountConfig 5 5, GET symbolConfig 5 5,
GET rateLimit/order 1 1, GET feeBurn 30 30, POST feeBurn 1 1, GET pmAccountInfo 5 5
"""
COINM = """
POST order 0 0, PUT order 1 1, DELETE order 1 1, GET order 1 1, POST batchOrders 5 5, PUT batchOrders 5 5,
DELETE batchOrders 1 1, DELETE allOpenOrders 1 1, GET openOrder 1 1, GET openOrders 1 40, GET allOrders 20 40,
GET userTrades 20 40, GET forceOrders 20 50, GET orderAmendment 1 1, POST countdownCancelAll 10 10, POST leverage 1 1,
POST marginType 1 1, POST positionMargin 1 1, GET positionMargin/history 1 1, GET positionSide/dual 30 30,
POST positionSide/dual 1 1, GET leverageBracket 1 1, GET v2/leverageBracket 1 1, GET account 5 5, GET balance 1 1,
GET positionRisk 1 1, GET income 20 20, GET commissionRate 20 20, GET adlQuantile 5 5, GET pmAccountInfo 5 5
"""
PUBLIC = {"/fapi/v1/symbolAdlRisk"}
# They count as new orders: what places, and what changes where the documentation says so.
ORDERS = {"POST order", "PUT order", "POST batchOrders", "PUT batchOrders", "POST algoOrder"}


def documented(text: str, prefix: str) -> dict[tuple[str, str], tuple[int, int]]:
    """The rows of a table above."""
    found = {}
    for row in text.replace("\n", " ").split(","):
        method, name, one, every = row.split()
        path = f"{prefix}/{name}" if name.startswith(("v2/", "v3/")) else f"{prefix}/v1/{name}"
        found[method, path] = (int(one), int(every))
    return found


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A small exchange."""
    return Stage()


def routes(stage: Stage, market: str) -> list[Route]:
    """The endpoints of a market."""
    return stage.markets[market].routes()


@pytest.mark.parametrize(("market", "prefix", "text"), [("usdm", "/fapi", USDM), ("coinm", "/dapi", COINM)])
def test_every_documented_endpoint_is_there_with_its_weight(stage: Stage, market: str, prefix: str, text: str) -> None:
    """No more and no fewer, and none twice."""
    found = {
        (route.method, route.path): (route.cost(Params({"symbol": "BTCUSDT"})), route.cost(Params({})))
        for route in routes(stage, market)
    }

    assert documented(text, prefix) == found
    assert len(found) == len(routes(stage, market))


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_what_reads_needs_to_read_and_what_acts_to_trade(stage: Stage, market: str) -> None:
    """All but the public one are signed; whatever is not a GET takes the futures permission."""
    for route in routes(stage, market):
        signed = Security.NONE if route.path in PUBLIC else Security.SIGNED
        assert (signed, Scope.READ if route.method == "GET" else Scope.FUTURES) == (route.security, route.scope)


@pytest.mark.parametrize(("market", "none"), [("usdm", set()), ("coinm", {"PUT order", "POST algoOrder"})])
def test_new_orders_count_against_the_order_limits(stage: Stage, market: str, none: set[str]) -> None:
    """Placing counts; in COIN-M a change of an order costs weight instead."""
    counted = {f"{one.method} {one.path.rsplit('/', 1)[1]}" for one in routes(stage, market) if one.is_order}

    assert ORDERS - none == counted
