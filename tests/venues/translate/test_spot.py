"""Spot orders: what may be sent, and what of the answers is believed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.domain.order import Side, Status, TimeInForce
from bot.domain.units import Asset, InstrumentId
from bot.venues.translate import spot
from bot.venues.translate.binance import NotRepresentable, Unreadable
from tests.venues.canned import FUTURE, PAIR, SPOT_BTC, client_id, sale, spot_row

PAIRED = msgspec.structs.replace(
    PAIR, contracts_min=Decimal("0.0001"), contracts_max=Decimal(9), notional_min=Decimal(5)
)


def read(**changes: Any) -> Any:
    """An answer to a POST, with changes, as it is read."""
    return spot.order_of(sale().request, PAIR, msgspec.json.encode(spot_row(**changes)))


def test_a_sale_says_everything_that_the_venue_needs() -> None:
    """An immediate-or-cancel limit, numbers without exponents, and an answer with every fill."""
    assert {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "IOC",
        "quantity": "0.5",
        "price": "60000.1",
        "newClientOrderId": client_id(1),
        "newOrderRespType": "FULL",
    } == spot.order_parameters(sale().request, PAIRED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"side": Side.BUY}, "never bought"),
        ({"time_in_force": TimeInForce.GTC}, "immediate-or-cancel"),
        ({"reduce_only": True}, "immediate-or-cancel"),
        ({"instrument": InstrumentId("binance.spot:ETHUSDT")}, "an order for"),
        ({"client_id": "mine"}, "client id"),
        ({"contracts": Decimal("0.500001")}, "multiples of"),
        ({"limit_price": Decimal("60000.001")}, "multiples of"),
        ({"contracts": Decimal("0.00005")}, "at least 0.0001"),
        ({"contracts": Decimal(10)}, "at most 9"),
        ({"contracts": Decimal("0.001"), "limit_price": Decimal("4999.99")}, "at least 5"),
    ],
)
def test_what_must_not_be_sent_is_refused_here(changes: dict[str, Any], words: str) -> None:
    """A purchase, an order that would rest, and whatever the filters would refuse never reach a wire."""
    with pytest.raises(NotRepresentable, match=words):
        spot.order_parameters(sale(**changes).request, PAIRED)


def test_only_spot_pairs_are_sold_on_the_spot_market() -> None:
    """A future is another market's."""
    with pytest.raises(NotRepresentable, match="not a spot pair"):
        spot.order_parameters(sale(instrument=FUTURE.id).request, FUTURE)


def test_a_full_answer_tells_order_and_fills() -> None:
    """The average price is the sum over the quantity; every fill with its fee in the coin that the venue names."""
    row, fills = read()
    report = row.report(SPOT_BTC, fills)

    assert (Status.FILLED, Decimal("0.5"), Decimal("60001.2")) == (report.status, report.filled, report.average_price)
    assert [("11", Decimal("0.3"), Asset("USDT")), ("12", Decimal("0.2"), Asset("BNB"))] == [
        (fill.trade_id, fill.contracts, fill.fee_asset) for fill in report.fills
    ]


def test_fills_that_do_not_add_up_are_left_out() -> None:
    """All fills or none: the order itself stands."""
    row, fills = read(fills=spot_row()["fills"][:1])

    assert ((), Decimal("0.5")) == (fills, row.executed_qty)


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": client_id(2)},
        {"symbol": "ETHUSDT"},
        {"side": "BUY"},
        {"origQty": "0.6"},
        {"status": "SOLD"},
        {"orderId": 0},
        {"transactTime": 0},
        {"executedQty": "NaN"},
        {"cummulativeQuoteQty": "0", "fills": []},
        {"status": "FILLED", "executedQty": "0.4"},
        {"fills": [{"price": "0", "qty": "1", "commission": "0", "commissionAsset": "BNB", "tradeId": 1}]},
    ],
)
def test_an_answer_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    """Another order, another quantity, or figures that contradict each other prove nothing."""
    with pytest.raises((Unreadable, msgspec.ValidationError)):
        read(**changes)


def test_a_cancel_names_the_order_by_its_old_id() -> None:
    """In a cancel's answer `clientOrderId` is the cancel's own."""
    row = spot_row(origClientOrderId=client_id(1), clientOrderId="x9", status="CANCELED", executedQty="0", fills=[])

    assert client_id(1) == spot.order(msgspec.json.encode({**row, "cummulativeQuoteQty": "0"})).client_order_id


def test_a_list_keeps_ours_and_counts_all() -> None:
    """Orders of others need no more than their ids."""
    body = msgspec.json.encode([{"orderId": 9, "clientOrderId": "web_1"}, spot_row()])
    found = spot.listing(body)

    assert (2, 9, [client_id(1)]) == (found.count, found.last_id, [row.client_order_id for row in found.ours])
