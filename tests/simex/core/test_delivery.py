"""The end of dated and delisted contracts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.simex.core.delivery import SAMPLE_MS, WINDOW_MS, Delivery
from bot.simex.core.events import StatusChanged
from bot.simex.core.instrument import HOUR_MS
from tests.simex.core.money_stage import START_MS, Stage, future, spot

EXPIRY_MS = START_MS + HOUR_MS


def run_to(stage: Stage, delivery: Delivery, now_ms: int) -> None:
    """Let everything happen that is due by then."""
    while (due_ms := delivery.due_ms) is not None and due_ms <= now_ms:
        stage.state.now_ms = max(stage.state.now_ms, due_ms)
        delivery.run()
    stage.state.now_ms = now_ms
    stage.money.check()


def test_a_dated_future_is_delivered_at_the_average_of_the_last_half_hour() -> None:
    """Half of the window at 61000, half at 62000: settled at 61500 (within a sample), without fee, orders first."""
    dated = future("BTCUSDT_X", expiry_ms=EXPIRY_MS)
    stage = Stage(dated)
    stage.mark(BTCUSDT_X="60000")
    delivery = Delivery(stage.money, stage.floor)
    account = stage.account(USDT="10000")
    stage.trade(account, dated, "1", "60000")
    order = stage.rest(account, dated, "-1", "70000")
    assert EXPIRY_MS - WINDOW_MS == delivery.due_ms

    stage.mark(BTCUSDT_X="61000")
    run_to(stage, delivery, EXPIRY_MS - WINDOW_MS // 2)
    stage.mark(BTCUSDT_X="62000")
    stage.drained()
    run_to(stage, delivery, EXPIRY_MS)

    assert [order] == stage.floor.canceled
    assert ("settlement", "settlement") == (order.end, stage.floor.done[0].origin)
    assert stage.floor.done[0].client_id.startswith("settlement_autoclose-")
    assert abs(Decimal(11_500) - stage.coin(account, "USDT")) < 1
    assert ("delivery", 0) == (account.income[-1].kind, account.position(dated).quantity)
    statuses = [event.status for event in stage.drained() if isinstance(event, StatusChanged)]
    assert ["settling", "closed"] == statuses
    assert delivery.due_ms is None


def test_what_is_being_delisted() -> None:
    """A perpetual from its announcement to its end; never a dated future, which has always had an end."""
    perpetual, dated = future("BTCUSDT"), future("BTCUSDT_X", expiry_ms=EXPIRY_MS)
    stage = Stage(perpetual, dated)
    stage.mark(BTCUSDT="60000", BTCUSDT_X="60000")
    delivery = Delivery(stage.money, stage.floor)
    before = delivery.is_delisting(perpetual.key)
    delivery.delist(perpetual.key, stage.state.now_ms, EXPIRY_MS)

    assert (False, True, False) == (before, *(delivery.is_delisting(one.key) for one in (perpetual, dated)))
    run_to(stage, delivery, EXPIRY_MS)
    assert not delivery.is_delisting(perpetual.key)


def test_an_inverse_delivery_has_its_own_marker() -> None:
    """COIN-M delivery orders begin with delivery_autoclose-, and both sides are settled."""
    dated = future("BTCUSD_X", "inverse", quote="USD", face=100, expiry_ms=EXPIRY_MS)
    stage = Stage(dated)
    stage.mark(BTCUSD_X="60000")
    delivery = Delivery(stage.money, stage.floor)
    one, two = stage.account("a", "coinm", BTC="1"), stage.account("b", "coinm", BTC="1")
    stage.trade(one, dated, "100", "60000", other=two)
    run_to(stage, delivery, EXPIRY_MS)

    assert all(order.client_id.startswith("delivery_autoclose-") for order in stage.floor.done)
    assert (0, 0) == (one.position(dated).quantity, two.position(dated).quantity)


def test_a_delisted_perpetual_is_reduce_only_first() -> None:
    """Restricted at its time, settled at its time, and it has no funding any more."""
    perpetual = replace(future("BTCUSDT"))
    stage = Stage(perpetual)
    stage.mark(BTCUSDT="60000")
    delivery = Delivery(stage.money, stage.floor)
    account = stage.account(USDT="10000")
    stage.trade(account, perpetual, "-0.1", "60000")
    delivery.delist(perpetual.key, START_MS + 60_000, START_MS + HOUR_MS)
    run_to(stage, delivery, START_MS + 60_000)
    assert ("reduce_only", -10_000_000) == (perpetual.status, account.position(perpetual).quantity)

    run_to(stage, delivery, START_MS + HOUR_MS)
    assert ("closed", 0) == (perpetual.status, account.position(perpetual).quantity)
    assert stage.money.rates.earliest_ms() is None


def test_without_an_index_the_settlement_waits() -> None:
    """It is tried again every second, not every millisecond."""
    dated = future("BTCUSDT_X", expiry_ms=EXPIRY_MS)
    stage = Stage(dated)
    delivery = Delivery(stage.money, stage.floor)
    run_to(stage, delivery, EXPIRY_MS)
    assert ("trading", EXPIRY_MS + SAMPLE_MS) == (dated.status, delivery.due_ms)

    stage.mark(BTCUSDT_X="60000")
    run_to(stage, delivery, EXPIRY_MS + SAMPLE_MS)
    assert "closed" == dated.status


def test_only_futures_are_delisted_and_in_order() -> None:
    """Spot has no positions to settle; an end before its restriction makes no sense."""
    perpetual, pair = future("BTCUSDT"), spot("BTCUSDT", "BTC")
    stage = Stage(perpetual, pair)
    delivery = Delivery(stage.money, stage.floor)

    for key, times in ((pair.key, (START_MS, START_MS)), (perpetual.key, (START_MS + 2, START_MS + 1))):
        with pytest.raises(ValueError, match="can be delisted"):
            delivery.delist(key, *times)
