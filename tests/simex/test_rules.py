"""Every filter refuses with the code of its venue, and nothing else happens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.simex.rules import decimals
from tests.simex.stage import Stage

FUTURES: list[tuple[str, int, dict[str, Any]]] = [
    ("a price off the tick", -4014, {"price": "50000.15"}),
    ("a price with too many decimals", -1111, {"price": "50000.123"}),
    ("a quantity with too many decimals", -1111, {"quantity": "0.0105"}),
    ("no quantity", -4003, {"quantity": "0"}),
    ("a negative quantity", -4003, {"quantity": "-1"}),
    ("too large a quantity", -4005, {"quantity": "1001"}),
    ("too large a market quantity", -4005, {"quantity": "121", "price": None}),
    ("a negative price", -4001, {"price": "-1.0"}),
    ("a price above every price", -4002, {"price": "5000000.0"}),
    ("a price below every price", -4013, {"price": "0.01"}),
    ("too small a notional", -4164, {"quantity": "0.001", "price": "49000.0"}),
    ("too small a market notional", -4164, {"quantity": "0.001", "price": None}),
    ("a buy too far above the mark", -4016, {"price": "52500.1"}),
    ("a sale too far below the mark", -4024, {"price": "47499.9", "side": "SELL"}),
    ("a client id of 37 characters", -4015, {"client_order_id": "x" * 37}),
    ("a client id with a space", -4015, {"client_order_id": "x y"}),
    ("a hedge-mode side in one-way mode", -4061, {"position_side": "SHORT"}),
    ("a spot type", -1116, {"type": "LIMIT_MAKER"}),
    ("an unknown symbol", -1121, {"symbol": "XYZUSDT"}),
]

SPOT: list[tuple[str, int, dict[str, Any]]] = [
    ("a price off the tick", -1013, {"price": "50000.001"}),
    ("a price with too many decimals", -1111, {"price": "50000.123456789"}),
    ("a quantity off the lot", -1013, {"quantity": "0.010001"}),
    ("a quantity with too many decimals", -1111, {"quantity": "0.0100000001"}),
    ("no quantity", -1013, {"quantity": "0"}),
    ("too large a quantity", -1013, {"quantity": "9001"}),
    ("too large a market quantity", -1013, {"quantity": "121", "price": None}),
    ("too small a notional", -1013, {"quantity": "0.00001"}),
    ("a price far from the market", -1013, {"price": "250001"}),
    ("a client id of 37 characters", -1100, {"client_order_id": "x" * 37}),
    ("a client id with a dot", -1100, {"client_order_id": "x.y"}),
    ("a reduce-only order", -1104, {"reduce_only": True}),
    ("a futures time in force", -1115, {"time_in_force": "GTX"}),
]


@pytest.mark.parametrize(("code", "fields"), [row[1:] for row in FUTURES], ids=[row[0] for row in FUTURES])
def test_futures_filters(code: int, fields: dict[str, Any]) -> None:
    """A USD-M order that breaks a filter is refused with that filter's code."""
    order = {"side": "BUY", "quantity": "0.010", "price": "50000.0"} | fields

    assert code == Stage().refused(**order)


@pytest.mark.parametrize(("code", "fields"), [row[1:] for row in SPOT], ids=[row[0] for row in SPOT])
def test_spot_filters(code: int, fields: dict[str, Any]) -> None:
    """A spot order that breaks a filter is refused with spot's code."""
    order = {"side": "BUY", "quantity": "0.010", "price": "50000", "market": "spot"} | fields

    assert code == Stage().refused(**order)


@pytest.mark.parametrize(("quantity", "price"), [("0.002", "50000.0"), ("1000", "47500.0"), ("0.003", None)])
def test_orders_at_the_edges_pass(quantity: str, price: str | None) -> None:
    """The smallest notional, the largest quantity and a market order are not refused by a filter."""
    stage = Stage()
    stage.exchange.accounts.deposit("a", "usdm", "USDT", Decimal(10_000_000))

    assert stage.place("BUY", quantity, price).order_id


def test_reduce_only_needs_no_minimum_notional() -> None:
    """The last dust of a position can always be closed."""
    stage = Stage()
    stage.place("BUY", "0.003")

    assert "FILLED" == stage.place("SELL", "0.001", reduce_only=True).status


def test_market_order_far_from_the_mark_is_refused() -> None:
    """A MARKET order is refused when the best price itself is beyond the percent-price bound."""
    stage = Stage()
    stage.set(("usdm", "BTCUSDT"), [("49999.90", "1.000")], [("53000.00", "1.000")])

    assert -4131 == stage.refused("BUY", "0.010")


@pytest.mark.parametrize(("status", "code"), [("BREAK", -4141), ("SETTLING", -4140)])
def test_symbol_status(status: str, code: int) -> None:
    """A symbol that is closed or settling takes no opening order."""
    stage = Stage()
    stage.exchange.symbols[("usdm", "BTCUSDT")] = _with(stage, status=status)

    assert code == stage.refused("BUY", "0.010", "50000.0")


@pytest.mark.parametrize(("market", "code"), [("usdm", -4116), ("spot", -2010)])
def test_client_id_of_an_open_order(market: str, code: int) -> None:
    """A client id is refused while an order that carries it is open, and free again afterwards."""
    stage = Stage()
    stage.place("BUY", "0.010", "49000.0", market=market, client_order_id="one")

    assert code == stage.refused("BUY", "0.010", "49000.0", market=market, client_order_id="one")

    stage.exchange.cancel("a", market, "BTCUSDT", stage.now_ms, client_id="one")  # type: ignore[arg-type]

    assert "NEW" == stage.place("BUY", "0.010", "49000.0", market=market, client_order_id="one").status


@pytest.mark.parametrize(("market", "code"), [("usdm", -2025), ("spot", -1013)])
def test_open_order_limit(market: str, code: int) -> None:
    """An account holds at most so many open orders on a symbol."""
    stage = Stage()
    stage.exchange.symbols[(market, "BTCUSDT")] = _with(stage, market=market, max_open_orders=2)
    stage.place("BUY", "0.010", "49000.0", market=market)
    stage.place("BUY", "0.010", "49000.0", market=market)

    assert code == stage.refused("BUY", "0.010", "49000.0", market=market)


@pytest.mark.parametrize(("number", "wanted"), [("1.500", 1), ("100", 0), ("1E+2", 0), ("0.00001", 5), ("0", 0)])
def test_decimals(number: str, wanted: int) -> None:
    """Trailing zeros and exponents do not count as precision."""
    assert wanted == decimals(Decimal(number))


def _with(stage: Stage, market: str = "usdm", **changes: Any) -> Any:
    return replace(stage.exchange.symbols[(market, "BTCUSDT")], **changes)
