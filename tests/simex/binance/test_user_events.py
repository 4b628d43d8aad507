"""The user streams of the futures by listen key, and the payloads of spot's."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.binance.spot_user_events import SpotUserEvents
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import BUY, SELL, Ticket, Trigger
from tests.simex.binance.market_stage import COIN, PERP, SPOT, MarketStage


@pytest.fixture
def stage() -> MarketStage:
    return MarketStage()


def kinds(rows: list[Any]) -> list[str]:
    return [row["e"] for row in rows]


# --------------------------------------------------------------------------------------------------------- listen keys
@pytest.mark.parametrize(("market", "prefix"), [("usdm", "/fapi"), ("coinm", "/dapi")])
def test_a_listen_key_is_kept_and_extended(stage: MarketStage, market: str, prefix: str) -> None:
    """POST answers the active key again, PUT keeps it for another hour, and without either it expires."""
    path = f"{prefix}/v1/listenKey"
    first = json.loads(stage.raw("POST", path).body)["listenKey"]
    socket = stage.connect(market, f"/ws/{first}")
    stage.leap(50 * 60_000)
    assert 200 == stage.raw("PUT", path).status
    stage.leap(50 * 60_000)
    assert first == json.loads(stage.raw("POST", path).body)["listenKey"]

    stage.leap(61 * 60_000)
    assert ["listenKeyExpired"] == kinds([row for row in socket.taken() if row["e"] == "listenKeyExpired"])
    answer = stage.raw("PUT", path)
    assert (400, -1125) == (answer.status, json.loads(answer.body)["code"])
    assert path in json.loads(answer.body)["msg"]


def test_a_key_that_is_closed_tells_its_stream(stage: MarketStage) -> None:
    """DELETE ends the key: the stream hears of it and then nothing more."""
    socket = stage.user("usdm")
    assert b"{}" == stage.raw("DELETE", "/fapi/v1/listenKey").body
    assert ["listenKeyExpired"] == kinds(socket.taken())

    stage.place(PERP, BUY, "0.1")
    assert [] == socket.taken()


def test_every_key_can_be_expired(stage: MarketStage) -> None:
    """The operator expires the keys of both markets at once."""
    sockets = [stage.user("usdm"), stage.user("coinm")]

    assert 2 == len(stage.dialect.expire_listen_keys(everything=True))
    assert [["listenKeyExpired"]] * 2 == [kinds(socket.taken()) for socket in sockets]


def test_the_private_path_takes_the_key_in_the_query(stage: MarketStage) -> None:
    """/private/ws?listenKey= is a user stream as well, and counts as one for faults."""
    key = json.loads(stage.raw("POST", "/fapi/v1/listenKey").body)["listenKey"]
    socket = stage.connect("usdm", "/private/ws", f"listenKey={key}")
    stage.place(PERP, BUY, "0.1")

    assert "user" == socket.session.kind
    assert "ORDER_TRADE_UPDATE" in kinds(socket.taken())


# -------------------------------------------------------------------------------------------------------------- orders
def test_a_fill_is_told_in_order(stage: MarketStage) -> None:
    """A market order is new, then filled: in few words, in full, and as balance and position."""
    socket = stage.user("usdm")
    stage.place(PERP, BUY, "0.5", client_id="mine")
    rows = socket.taken()

    assert ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE"] == kinds(rows)
    new, account, lite, filled = rows[0]["o"], rows[1]["a"], rows[2], rows[3]["o"]
    assert ("NEW", "NEW", "MARKET", "0") == (new["x"], new["X"], new["o"], new["l"])
    assert ("TRADE", "FILLED", "0.500", "60001.0") == (filled["x"], filled["X"], filled["l"], filled["L"])
    assert ("15.00025000", "USDT", "60001.00000") == (filled["n"], filled["N"], filled["ap"])
    assert (filled["t"], "mine", filled["L"], "BUY") == (lite["t"], lite["c"], lite["L"], lite["S"])
    assert "ORDER" == account["m"]
    assert ("BTCUSDT", "0.500", "60001", "cross", "BOTH") == tuple(
        account["P"][0][name] for name in ("s", "pa", "ep", "mt", "ps")
    )
    assert ("USDT", "99984.99975000", "0") == tuple(account["B"][0][name] for name in ("a", "wb", "bc"))


def test_an_order_says_all_that_is_documented(stage: MarketStage) -> None:
    """ORDER_TRADE_UPDATE has every documented field, in COIN-M the margin asset and the account's alias too."""
    documented = "s c S o f q p ap sp x X i l z L T t b a m R wt ot ps cp rp pP si ss V pm gtd er".split()
    for market, key, extra in (("usdm", PERP, set()), ("coinm", COIN, {"ma"})):
        socket = stage.user(market)
        stage.place(key, BUY, "1", price="59000")
        (row,) = socket.taken()

        assert {*documented, *extra} == set(row["o"])
        assert ("i" in row) == (market == "coinm")


def test_working_orders_count_as_notional(stage: MarketStage) -> None:
    """The fields b and a are what rests on the two sides."""
    socket = stage.user("usdm")
    stage.place(PERP, BUY, "0.1", price="59000")
    stage.place(PERP, SELL, "0.2", price="61000")

    assert [("5900", "0"), ("5900", "12200")] == [(row["o"]["b"], row["o"]["a"]) for row in socket.taken()]


def test_why_an_order_expired(stage: MarketStage) -> None:
    """An IOC that finds nothing expires with its reason."""
    socket = stage.user("usdm")
    stage.place(PERP, BUY, "0.1", price="59000", tif="ioc")

    assert [("NEW", "NEW", "0"), ("EXPIRED", "EXPIRED", "2")] == [
        (row["o"]["x"], row["o"]["X"], row["o"]["er"]) for row in socket.taken()
    ]


def test_an_amendment_and_a_cancellation(stage: MarketStage) -> None:
    """An order that its owner changes and ends says so."""
    socket = stage.user("usdm")
    order = stage.place(PERP, BUY, "0.1", price="59000")
    stage.exchange.amend("alice", order, price=scaled(Decimal(58_000)))
    stage.exchange.cancel("alice", order)
    stage.flush()

    assert [("NEW", "59000.0"), ("AMENDMENT", "58000.0"), ("CANCELED", "58000.0")] == [
        (row["o"]["x"], row["o"]["p"]) for row in socket.taken()
    ]


def test_a_conditional_order_lives_in_the_algo_service(stage: MarketStage) -> None:
    """USD-M: ALGO_UPDATE until it is triggered, then an order like others, and FINISHED at its end."""
    stage.place(PERP, BUY, "0.5")
    socket = stage.user("usdm")
    trigger = Trigger(price=scaled(Decimal(59_500)), by="last", rises=False)
    stage.place(PERP, SELL, "0.5", trigger=trigger, reduce_only=True, client_id="stop")
    assert [("ALGO_UPDATE", "NEW")] == [(row["e"], row["o"]["X"]) for row in socket.taken()]

    stage.move("59400")
    stage.strangers(PERP, SELL, "0.1")
    rows = [row for row in socket.taken() if row["e"] in ("ALGO_UPDATE", "ORDER_TRADE_UPDATE")]
    assert [
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ALGO_UPDATE", "TRIGGERED"),
        ("ORDER_TRADE_UPDATE", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED"),
        ("ALGO_UPDATE", "FINISHED"),
    ] == [(row["e"], row["o"]["X"]) for row in rows]
    assert ("STOP_MARKET", "stop", "CONDITIONAL") == tuple(rows[0]["o"][name] for name in ("o", "caid", "at"))
    assert ("MARKET", "0.500") == (rows[-1]["o"]["act"], rows[-1]["o"]["aq"])


def test_a_conditional_order_of_coinm_expires_into_its_other_type(stage: MarketStage) -> None:
    """COIN-M: when it is triggered the stop expires with reason 8, and the order is new as a market order."""
    stage.place(COIN, BUY, "10")
    socket = stage.user("coinm")
    trigger = Trigger(price=scaled(Decimal(59_500)), by="last", rises=False)
    stage.place(COIN, SELL, "10", trigger=trigger, reduce_only=True)
    stage.move("59400")
    stage.strangers(COIN, SELL, "10")

    assert [
        ("NEW", "STOP_MARKET", "STOP_MARKET", "0"),
        ("EXPIRED", "STOP_MARKET", "STOP_MARKET", "8"),
        ("NEW", "MARKET", "STOP_MARKET", "0"),
        ("TRADE", "MARKET", "STOP_MARKET", "0"),
    ] == [tuple(row["o"][name] for name in ("x", "o", "ot", "er")) for row in socket.events("ORDER_TRADE_UPDATE")]


def test_a_liquidation_is_calculated(stage: MarketStage) -> None:
    """Orders of the exchange have its client ids, and their fills are CALCULATED; the symbol's stream tells all."""
    market = stage.listen("usdm", "btcusdt@forceOrder", "!forceOrder@arr")
    account = stage.exchange.state.account("alice")
    stage.exchange.funds.settings.leverage(account, stage.instrument(PERP), 100)
    stage.exchange.funds.transfer(account, "USDT", money(Decimal(99_000)), "usdm", "spot")
    stage.place(PERP, BUY, "1")
    socket = stage.user("usdm")
    stage.move("59200")
    stage.advance(3_000, step_ms=100)
    rows = socket.taken()
    forced = [row["o"] for row in rows if row["e"] == "ORDER_TRADE_UPDATE" and row["o"]["c"].startswith("autoclose-")]

    assert "MARGIN_CALL" in kinds(rows)
    assert ("NEW", "NEW") == (forced[0]["x"], forced[0]["X"])
    assert {"CALCULATED"} == {row["x"] for row in forced if float(row["l"])}
    told = market.events("forceOrder")
    assert {"SELL"} == {row["o"]["S"] for row in told}
    assert len(told) % 2 == 0


# ------------------------------------------------------------------------------------------------------------- account
def test_settings_and_transfers(stage: MarketStage) -> None:
    """Leverage and asset mode are ACCOUNT_CONFIG_UPDATE, money that comes or goes DEPOSIT and WITHDRAW."""
    socket = stage.user("usdm")
    account, funds = stage.exchange.state.account("alice"), stage.exchange.funds
    funds.settings.leverage(account, stage.instrument(PERP), 7)
    funds.settings.multi_assets(account, multi=True)
    funds.transfer(account, "USDT", money(Decimal(5)), "usdm", "spot")
    funds.transfer(account, "USDT", money(Decimal(5)), "spot", "usdm")
    stage.flush()
    rows = socket.taken()

    assert [{"s": "BTCUSDT", "l": 7}] == [row["ac"] for row in rows if "ac" in row]
    assert [{"j": True}] == [row["ai"] for row in rows if "ai" in row]
    moved = [row["a"] for row in rows if row["e"] == "ACCOUNT_UPDATE"]
    assert [("WITHDRAW", "-5.00000000"), ("DEPOSIT", "5.00000000")] == [(row["m"], row["B"][0]["bc"]) for row in moved]


def test_funding_tells_the_balance_alone(stage: MarketStage) -> None:
    """A funding payment of a cross position has no position row."""
    stage.place(PERP, BUY, "0.5")
    socket = stage.user("usdm")
    stage.exchange.set_rate(PERP, scaled(Decimal("0.0001")), next_ms=stage.now_ms + 1_000)
    stage.advance(2_000)
    (paid,) = [row["a"] for row in socket.events("ACCOUNT_UPDATE") if row["a"]["m"] == "FUNDING_FEE"]

    assert [] == paid["P"]
    assert Decimal(paid["B"][0]["bc"]) < 0


def test_a_silence_loses_events(stage: MarketStage) -> None:
    """What happens to an account during a silence of the user streams is never told."""
    socket = stage.user("usdm")
    stage.dialect.silence.user_until_ms = stage.now_ms + 1_000
    stage.place(PERP, BUY, "0.1")
    stage.advance(2_000)

    assert [] == socket.taken()


# ---------------------------------------------------------------------------------------------------------------- spot
def test_spot_tells_the_subscribed_session(stage: MarketStage) -> None:
    """An order of spot is an executionReport and the balances it moved."""
    builder, found = SpotUserEvents(stage.dialect.spot.desk), []
    stage.exchange.place(
        "alice",
        Ticket(instrument=stage.instrument(SPOT), side=BUY, type="market", quantity=scaled(Decimal("0.1"))),
    )
    for event in stage.exchange.drain():
        found += builder.payloads(event)

    reports = [row for row in found if row["e"] == "executionReport"]
    assert [("NEW", "NEW", -1), ("TRADE", "FILLED", reports[1]["t"])] == [
        (row["x"], row["X"], row["t"]) for row in reports
    ]
    assert ("0.10000000", "6000.10000000", "BTC") == tuple(reports[1][name] for name in ("z", "Z", "N"))
    assert "outboundAccountPosition" in kinds(found)


def test_a_deposit_is_a_balance_update(stage: MarketStage) -> None:
    """Coins that arrive are a balanceUpdate and an outboundAccountPosition."""
    builder = SpotUserEvents(stage.dialect.spot.desk)
    stage.exchange.funds.deposit(stage.exchange.state.account("alice"), "spot", "BTC", money(Decimal(1)))
    rows = [row for event in stage.exchange.drain() for row in builder.payloads(event)]

    assert [("balanceUpdate", "1.00000000")] == [(row["e"], row["d"]) for row in rows if "d" in row]
    assert [{"a": "BTC", "f": "3.00000000", "l": "0.00000000"}] == rows[-1]["B"]
