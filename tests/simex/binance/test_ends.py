"""How an order ends that its owner did not end: CANCELED is the owner's, the exchange's own doing has EXPIRED."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.simex.binance.spot_user_events import SpotUserEvents
from bot.simex.core.events import OrderChanged
from bot.simex.core.numbers import SCALE
from bot.simex.core.order import BUY, SELL, EndReason, Order
from tests.simex.binance.market_stage import COIN, PERP, SPOT, MarketStage

Do = Callable[[MarketStage, Order], None]


@pytest.fixture
def stage() -> MarketStage:
    return MarketStage()


def by_owner(stage: MarketStage, order: Order) -> None:
    stage.exchange.cancel("alice", order)


def by_countdown(stage: MarketStage, order: Order) -> None:
    stage.exchange.countdown("alice", order.instrument.key, 10)
    stage.advance(20)


def liquidated(stage: MarketStage, order: Order) -> None:
    stage.exchange.cancel("alice", order, "liquidation")


def deleveraged(stage: MarketStage, order: Order) -> None:
    account, key = stage.exchange.state.account("alice"), order.instrument.key
    stage.exchange.adl.reduce(account, key, "both", SCALE // 2)


def delisted(stage: MarketStage, order: Order) -> None:
    now_ms = stage.exchange.now_ms
    stage.exchange.delivery.delist(order.instrument.key, now_ms, now_ms + 10)
    stage.advance(2_000, 500)


def out_of_date(stage: MarketStage, order: Order) -> None:
    stage.exchange.cancel("alice", order, "deadline")


ENDS: list[tuple[Do, tuple[str, str, str]]] = [
    (by_owner, ("CANCELED", "CANCELED", "0")),
    (by_countdown, ("CANCELED", "CANCELED", "0")),
    (liquidated, ("EXPIRED", "EXPIRED", "5")),
    (deleveraged, ("EXPIRED", "EXPIRED", "5")),
    (delisted, ("EXPIRED", "EXPIRED", "7")),
    (out_of_date, ("EXPIRED", "EXPIRED", "0")),
]


@pytest.mark.parametrize("market", ["usdm", "coinm"])
@pytest.mark.parametrize(("end", "told"), ENDS)
def test_who_ended_an_order_is_told(stage: MarketStage, market: str, end: Do, told: tuple[str, str, str]) -> None:
    """Execution, status and reason in the stream, and the same status by REST, on both futures markets."""
    key, prefix, size = (PERP, "/fapi", "0.1") if market == "usdm" else (COIN, "/dapi", "10")
    stage.place(key, BUY, size)
    order = stage.place(key, BUY, size, price="59000")
    socket = stage.user(market)
    end(stage, order)
    stage.flush()
    rows = [row["o"] for row in socket.events("ORDER_TRADE_UPDATE") if row["o"]["i"] == order.order_id]
    asked = stage.get(f"{prefix}/v1/order", signed=True, symbol=order.instrument.name, orderId=order.order_id)

    assert [told] == [(row["x"], row["X"], row["er"]) for row in rows]
    assert told[1] == asked["status"]


@pytest.mark.parametrize(("tif", "reason"), [("gtc", "1"), ("ioc", "3")])
def test_self_trade_prevention_expires_in_match(stage: MarketStage, tif: str, reason: str) -> None:
    """The execution is EXPIRED, the status EXPIRED_IN_MATCH, the reason tells an IOC apart."""
    stage.place(PERP, SELL, "0.1", price="60000")
    socket = stage.user("usdm")
    stage.place(PERP, BUY, "0.1", price="60000", tif=tif, prevention="taker")

    ended = socket.events("ORDER_TRADE_UPDATE")[-1]["o"]
    assert ("EXPIRED", "EXPIRED_IN_MATCH", reason) == (ended["x"], ended["X"], ended["er"])


@pytest.mark.parametrize(
    ("reason", "told"),
    [("user", ("CANCELED", "CANCELED", None)), ("settlement", ("EXPIRED", "EXPIRED", "EXCHANGE_CANCELED"))],
)
def test_spot_says_the_same(stage: MarketStage, reason: EndReason, told: tuple[str, str, str | None]) -> None:
    """On spot what the exchange takes out has expired, with the reason EXCHANGE_CANCELED and its own client id."""
    order = stage.place(SPOT, BUY, "0.1", price="59000", client_id="mine")
    stage.exchange.cancel("alice", order, reason)
    (event,) = [one for one in stage.exchange.drain() if isinstance(one, OrderChanged)]
    (row,) = SpotUserEvents(stage.dialect.spot.desk).payloads(event)
    asked = stage.get("/api/v3/order", signed=True, symbol="BTCUSDT", orderId=order.order_id)

    assert told == (row["x"], row["X"], row.get("eR"))
    assert ("mine" if reason == "settlement" else "") == ("" if row["c"] != "mine" else "mine")
    assert (told[1], told[2]) == (asked["status"], asked.get("expiryReason"))
