"""The registry: what is found by whom, and for how long."""

from __future__ import annotations

import pytest

from bot.simex.core import orders
from bot.simex.core.order import BUY, Trigger
from bot.simex.core.refusal import Refused
from tests.simex.core.trading_stage import Stage, n


def test_an_order_is_found_by_either_id() -> None:
    """By its own id or its client id, in its category or instrument, by its owner only."""
    stage = Stage()
    order, registry = stage.buy("a", "1", "99", client_id="mine"), stage.exchange.orders
    for where in ("usdm", stage.perp.key):
        assert registry.find("a", where, order.order_id) is order
        assert registry.find("a", where, client_id="mine") is order
    for account, where, order_id, client_id in (
        ("b", "usdm", order.order_id, ""),
        ("a", "spot", order.order_id, ""),
        ("a", ("usdm", "ETHUSDT"), order.order_id, ""),
        ("b", "usdm", None, "mine"),
        ("a", "usdm", None, "other"),
        ("a", "usdm", 17, "mine"),
    ):
        with pytest.raises(Refused, match="UNKNOWN_ORDER"):
            registry.find(account, where, order_id, client_id)


def test_a_client_id_names_its_newest_order() -> None:
    """Used again, it finds the later order; the earlier one keeps its own id."""
    stage = Stage()
    first = stage.cancel(stage.buy("a", "1", "99", client_id="mine"))
    second = stage.buy("a", "1", "98", client_id="mine")

    assert stage.exchange.orders.find("a", "usdm", client_id="mine") is second
    assert stage.exchange.orders.find("a", "usdm", first.order_id) is first


def test_open_orders_are_those_that_can_still_fill() -> None:
    """Resting and waiting ones by id, of one side or instrument when asked; nothing of an unknown account."""
    stage = Stage()
    low, stop = stage.buy("a", "1", "99"), stage.sell("a", "1", trigger=Trigger(price=n(90), by="last", rises=False))
    spot, registry = stage.buy("a", "1", "99", spot=True), stage.exchange.orders
    stage.buy("a", "1", "100.1", tif="ioc")

    assert registry.open("a", "usdm") == [low, stop]
    assert registry.open("a", "usdm", side=BUY) == [low]
    assert registry.open("a", "spot", stage.spot.key) == [spot]
    assert registry.open("nobody", "usdm") == []


def test_history_is_everything_by_id() -> None:
    """Ended and open orders together, in the order in which they were placed."""
    stage = Stage()
    placed = [stage.buy("a", "1", price) for price in ("99", "100.1", "98")]
    stage.cancel(placed[0])

    assert stage.exchange.orders.history("a", "usdm") == placed
    assert stage.exchange.orders.history("a", "usdm", stage.perp.key) == placed
    assert stage.exchange.orders.history("a", "spot") == []


def test_the_oldest_ended_orders_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: ended orders go in the order of their end, and their client ids with them."""
    monkeypatch.setattr(orders, "CLOSED_KEPT_MAX", 2)
    stage = Stage()
    resting = stage.buy("a", "1", "97")
    ended = [stage.cancel(stage.buy("a", "1", "99", client_id=f"id{number}")) for number in range(4)]

    assert stage.exchange.orders.history("a", "usdm") == [resting, *ended[2:]]
    with pytest.raises(Refused):
        stage.exchange.orders.find("a", "usdm", client_id="id1")
    assert stage.exchange.orders.find("a", "usdm", client_id="id2") is ended[2]
