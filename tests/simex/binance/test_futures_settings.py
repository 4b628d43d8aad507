"""Settings of a futures account: leverage, margin type, modes, isolated margin, tiers, fees, limits."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from tests.simex.binance.documented_futures import FIELDS
from tests.simex.binance.futures_stage import PERP, Stage, symbol_of

BOTH = pytest.mark.parametrize("prefix", ["/fapi", "/dapi"])
SUCCESS = {"code": 200, "msg": "success"}


@pytest.fixture
def stage() -> Stage:
    """A small exchange at a funding time, with quiet books around 60,000 dollars."""
    return Stage()


@pytest.mark.parametrize(
    ("prefix", "leverage", "bound"),
    [
        ("/fapi", 20, ("maxNotionalValue", "50000000")),
        ("/fapi", 10, ("maxNotionalValue", "200000000")),
        ("/fapi", 125, ("maxNotionalValue", "250000")),
        ("/dapi", 20, ("maxQty", "50")),
        ("/dapi", 125, ("maxQty", "5")),
    ],
)
def test_leverage_is_set(stage: Stage, prefix: str, leverage: int, bound: tuple[str, str]) -> None:
    """The answer has the leverage and the largest position at it; the same again is no error."""
    symbol = symbol_of(prefix)
    answers = [stage.post(f"{prefix}/v1/leverage", symbol=symbol, leverage=leverage) for _ in range(2)]

    assert [{"symbol": symbol, "leverage": leverage, bound[0]: bound[1]}] * 2 == answers


def test_leverage_needs_margin(stage: Stage) -> None:
    """A lower one that the balance does not cover is -2028; an isolated position's may only rise, -4161."""
    stage.buy("10")
    low = stage.refusal("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=2)
    high = stage.refusal("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)

    assert (400, -2028, "Leverage is smaller than permitted: insufficient margin balance.") == low
    assert (400, -2027, "Exceeded the maximum allowable position at current leverage.") == high


@pytest.mark.parametrize(("prefix", "quantity", "code"), [("/fapi", "0.1", -4161), ("/dapi", "10", -4150)])
def test_the_leverage_of_an_isolated_position_only_rises(stage: Stage, prefix: str, quantity: str, code: int) -> None:
    """Each market has its own number for it."""
    symbol = symbol_of(prefix)
    stage.post(f"{prefix}/v1/marginType", symbol=symbol, marginType="ISOLATED")
    stage.buy(quantity, prefix)

    assert code == stage.refusal("POST", f"{prefix}/v1/leverage", symbol=symbol, leverage=5)[1]
    assert 25 == stage.post(f"{prefix}/v1/leverage", symbol=symbol, leverage=25)["leverage"]


@BOTH
def test_the_margin_type(stage: Stage, prefix: str) -> None:
    """It changes when flat and without orders: -4047 with orders, -4048 with a position, -4046 when it is so."""
    symbol, path = symbol_of(prefix), f"{prefix}/v1/marginType"
    quantity = "0.1" if prefix == "/fapi" else "10"
    order_id = stage.order(prefix)["orderId"]
    with_orders = stage.refusal("POST", path, symbol=symbol, marginType="ISOLATED")[1]
    stage.delete(f"{prefix}/v1/order", symbol=symbol, orderId=order_id)
    first = stage.post(path, symbol=symbol, marginType="ISOLATED")
    again = stage.refusal("POST", path, symbol=symbol, marginType="ISOLATED")[1]
    stage.buy(quantity, prefix)
    with_position = stage.refusal("POST", path, symbol=symbol, marginType="CROSSED")[1]

    assert (-4047, SUCCESS, -4046, -4048) == (with_orders, first, again, with_position)


@BOTH
def test_the_position_mode(stage: Stage, prefix: str) -> None:
    """It changes for a whole market when flat and without orders: -4067, -4068, -4059."""
    path, quantity = f"{prefix}/v1/positionSide/dual", ("0.1" if prefix == "/fapi" else "10")
    order_id = stage.order(prefix)["orderId"]
    with_orders = stage.refusal("POST", path, dualSidePosition="true")[1]
    stage.delete(f"{prefix}/v1/order", symbol=symbol_of(prefix), orderId=order_id)
    first = stage.post(path, dualSidePosition="true")
    again = stage.refusal("POST", path, dualSidePosition="true")[1]
    stage.buy(quantity, prefix, positionSide="LONG")
    with_position = stage.refusal("POST", path, dualSidePosition="false")[1]

    assert (-4067, SUCCESS, -4059, -4068) == (with_orders, first, again, with_position)
    assert {"dualSidePosition": True} == stage.get(path)
    other = "/dapi" if prefix == "/fapi" else "/fapi"
    assert {"dualSidePosition": False} == stage.get(f"{other}/v1/positionSide/dual")


def test_multi_assets_mode(stage: Stage) -> None:
    """Refused with open orders or isolated symbols; in it nothing becomes isolated; back needs no more than flat."""
    path = "/fapi/v1/multiAssetsMargin"
    order_id = stage.order()["orderId"]
    with_orders = stage.refusal("POST", path, multiAssetsMargin="true")[1]
    stage.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=order_id)
    stage.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    isolated = stage.refusal("POST", path, multiAssetsMargin="true")[1]
    stage.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="CROSSED")
    done = stage.post(path, multiAssetsMargin="true")
    forbidden = stage.refusal("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")[1]

    assert (-4170, -4167, SUCCESS, -4168) == (with_orders, isolated, done, forbidden)
    assert {"multiAssetsMargin": True} == stage.get(path)
    config = stage.get("/fapi/v1/accountConfig")
    assert FIELDS["/fapi/v1/accountConfig"] == set(config)
    assert (True, False) == (config["multiAssetsMargin"], config["dualSidePosition"])


def isolated(stage: Stage, prefix: str) -> Decimal:
    """The wallet of the isolated position."""
    rows = stage.get(f"{prefix}/{'v2' if prefix == '/fapi' else 'v1'}/positionRisk")
    return next(Decimal(row["isolatedWallet"]) for row in rows if row["symbol"] == symbol_of(prefix))


@BOTH
def test_margin_of_an_isolated_position_is_moved(stage: Stage, prefix: str) -> None:
    """In and out, each written down; too much of either, a flat or a cross position are refused."""
    symbol, path, quantity = symbol_of(prefix), f"{prefix}/v1/positionMargin", ("0.1" if prefix == "/fapi" else "10")
    amounts = {"/fapi": ("23.36332311", "10", "9000000"), "/dapi": ("0.01", "0.004", "100")}[prefix]
    cross = stage.refusal("POST", path, symbol=symbol, amount=amounts[0], type=1)[1]
    stage.post(f"{prefix}/v1/marginType", symbol=symbol, marginType="ISOLATED")
    flat = stage.refusal("POST", path, symbol=symbol, amount=amounts[0], type=1)[1]
    stage.buy(quantity, prefix)
    answer = stage.post(path, symbol=symbol, amount=amounts[0], type=1)
    stage.leap(10)
    more = isolated(stage, prefix)
    stage.post(path, symbol=symbol, amount=amounts[1], type=2)
    less = isolated(stage, prefix)
    too_much = [stage.refusal("POST", path, symbol=symbol, amount=amounts[2], type=kind)[1] for kind in (1, 2)]
    history = stage.get(f"{path}/history", symbol=symbol)

    assert (-4049, -4054, [-4050, -4051]) == (cross, flat, too_much)
    told = {"code": 200, "msg": "Successfully modify position margin.", "type": 1, "amount": float(amounts[0])}
    assert told == answer
    assert Decimal(amounts[1]) == more - less
    assert [(1, Decimal(amounts[0])), (2, Decimal(amounts[1]))] == [
        (row["type"], Decimal(row["amount"])) for row in history
    ]
    fields = {"symbol", "type", "amount", "asset", "time", "positionSide"}
    assert (fields | {"deltaType"} if prefix == "/fapi" else fields) == set(history[0])
    assert [history[1]] == stage.get(f"{path}/history", symbol=symbol, type=2)
    assert [history[0]] == stage.get(f"{path}/history", symbol=symbol, endTime=stage.now_ms - 5)


def test_tiers_are_numbers_and_continuous(stage: Stage) -> None:
    """USD-M by notional; each tier's floor is the last one's cap, and `cum` makes the margin continuous there."""
    (row,) = stage.get("/fapi/v1/leverageBracket", symbol="BTCUSDT")
    tiers: list[dict[str, Any]] = row["brackets"]

    assert FIELDS["/fapi bracket"] == set(tiers[0])
    assert [1, 2, 3] == [tier["bracket"] for tier in tiers[:3]]
    assert all(isinstance(tier["notionalCap"], int) for tier in tiers)
    for lower, upper in itertools.pairwise(tiers):
        edge = upper["notionalFloor"]
        assert edge == lower["notionalCap"]
        margins = [edge * one["maintMarginRatio"] - one["cum"] for one in (lower, upper)]
        assert margins[0] == pytest.approx(margins[1])


def test_tiers_of_coinm_are_quantities(stage: Stage) -> None:
    """By base coins, of a symbol (v2) or a pair (v1)."""
    (by_symbol,) = stage.get("/dapi/v2/leverageBracket", symbol="BTCUSD_PERP")
    (by_pair,) = stage.get("/dapi/v1/leverageBracket", pair="BTCUSD")

    assert FIELDS["/dapi bracket"] <= set(by_symbol["brackets"][0])
    assert ("BTCUSD", by_symbol["brackets"]) == (by_pair["pair"], by_pair["brackets"])


@pytest.mark.parametrize(("prefix", "maker", "taker"), [("/fapi", "0.0002", "0.0005"), ("/dapi", "0.0002", "0.0005")])
def test_the_fee_rates(stage: Stage, prefix: str, maker: str, taker: str) -> None:
    """The instrument's, or the account's own."""
    path, symbol = f"{prefix}/v1/commissionRate", symbol_of(prefix)
    before = stage.get(path, symbol=symbol)
    stage.exchange.state.account("alice").fees["usdm" if prefix == "/fapi" else "coinm"] = (0, 30_000)
    after = stage.get(path, symbol=symbol)

    assert (maker, taker) == (before["makerCommissionRate"], before["takerCommissionRate"])
    assert ("0", "0.0003") == (after["makerCommissionRate"], after["takerCommissionRate"])


def test_the_symbol_configuration(stage: Stage) -> None:
    """Margin type and leverage as they are set."""
    stage.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=10)
    stage.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    rows = {row["symbol"]: row for row in stage.get("/fapi/v1/symbolConfig")}

    assert ("ISOLATED", 10, "200000000", False) == tuple(
        rows["BTCUSDT"][name] for name in ("marginType", "leverage", "maxNotionalValue", "isAutoAddMargin")
    )
    assert ("CROSSED", 20) == (rows["ETHUSDT"]["marginType"], rows["ETHUSDT"]["leverage"])


def test_the_fee_switch_and_the_rules(stage: Stage) -> None:
    """The BNB switch is remembered; nobody is locked by quantitative rules; order limits are those of the market."""
    stage.post("/fapi/v1/feeBurn", feeBurn="true")

    assert {"feeBurn": True} == stage.get("/fapi/v1/feeBurn")
    assert stage.get("/fapi/v2/account")["feeBurn"] is True
    assert {"indicators": {}, "updateTime": stage.now_ms} == stage.get("/fapi/v1/apiTradingStatus", symbol="BTCUSDT")
    assert [("SECOND", 10, 300), ("MINUTE", 1, 1_200)] == [
        (row["interval"], row["intervalNum"], row["limit"]) for row in stage.get("/fapi/v1/rateLimit/order")
    ]
    assert PERP in stage.exchange.instruments
