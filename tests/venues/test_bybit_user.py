"""Bybit's private frames: what becomes a fact, and whose doing it was."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import (
    BalancesChanged,
    FaultRaised,
    ForeignOrderSeen,
    OrderRejected,
    OrderReported,
    PositionsChanged,
)
from bot.domain.order import Status
from bot.domain.units import InstrumentId
from bot.venues.binance import UNREADABLE
from bot.venues.binance_facts import FOREIGN, UnknownKind
from bot.venues.bybit import Ponged
from bot.venues.bybit_user import (
    Authenticated,
    AuthenticationRefused,
    Told,
    TopicRefused,
    TopicTaken,
    UserParser,
)
from tests.venues.bybitkit import BTC, USDT, execution, order_row
from tests.venues.canned import client_id

NOW_NS = 1_700_000_000_000_000_000


def frame(topic: str, *data: dict[str, Any]) -> bytes:
    """A frame of a topic."""
    return json.dumps({"id": "1", "topic": topic, "creationTime": 1_700_000_000_002, "data": list(data)}).encode()


def told(topic: str, *data: dict[str, Any]) -> tuple[Told, ...]:
    """What a fresh parser makes of a frame."""
    return UserParser(USDT).parse(frame(topic, *data), NOW_NS)


def position(**changes: Any) -> dict[str, Any]:
    """A position row."""
    row = {
        "positionIdx": 0,
        "symbol": "BTCUSDT",
        "side": "Sell",
        "size": "0.5",
        "entryPrice": "60001.2",
        "positionStatus": "Normal",
        "category": "linear",
        "updatedTime": "1700000000001",
    }
    return {**row, **changes}


def test_an_order_of_ours_is_reported() -> None:
    """Cumulative, with the venue's own average."""
    (found,) = told("order", order_row(category="linear"))

    assert isinstance(found, OrderReported)
    assert (BTC, client_id(1), Status.FILLED) == (found.report.instrument, found.report.client_id, found.report.status)
    assert (Decimal("0.500"), Decimal("60001.2")) == (found.report.filled, found.report.average_price)


def test_a_spot_order_is_another_instrument() -> None:
    """The category tells it from the contract of the same symbol."""
    (found,) = told("order", order_row(category="spot"))

    assert isinstance(found, OrderReported)
    assert InstrumentId("bybit.unified:spot:BTCUSDT") == found.report.instrument


def test_an_order_may_be_refused_after_its_receipt() -> None:
    """The engine behind the receipt says no: a rejection with its reason, as if it had been the answer."""
    row = order_row(
        orderStatus="Rejected", cumExecQty="0", avgPrice="", cumExecValue="0", rejectReason="EC_NoEnoughQtyToFill"
    )
    (found,) = told("order", row)

    assert isinstance(found, OrderRejected)
    assert "EC_NoEnoughQtyToFill" == found.code


def test_a_refused_order_that_traded_is_reported() -> None:
    """What was executed of it counts, whatever the venue calls the rest."""
    (found,) = told("order", order_row(orderStatus="Rejected", cumExecQty="0.2"))

    assert isinstance(found, OrderReported)
    assert (Status.CANCELED, Decimal("0.2")) == (found.report.status, found.report.filled)


def test_an_execution_of_ours_is_a_fill() -> None:
    """With its fee, in the settlement currency where none is named."""
    (found,) = told("execution", execution("a", "0.2"))

    assert isinstance(found, OrderReported)
    (fill,) = found.report.fills
    assert ("a", Decimal("0.2"), Decimal("15.0003"), USDT) == (fill.trade_id, fill.contracts, fill.fee, fill.fee_asset)
    assert (Status.PARTIALLY_FILLED, Decimal("0.500")) == (found.report.status, found.report.contracts)


def test_an_execution_counts_once() -> None:
    """The same execution again, in another frame, says nothing."""
    parser = UserParser(USDT)
    parser.parse(frame("execution", execution("a", "0.2")), NOW_NS)

    assert () == parser.parse(frame("execution", execution("a", "0.2")), NOW_NS)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("AdlTrade", "auto-deleveraging"),
        ("BustTrade", "liquidation"),
        ("Delivery", "settlement"),
        ("Settle", "settlement"),
        ("Trade", FOREIGN),
        ("BlockTrade", FOREIGN),
    ],
)
def test_what_the_venue_does_is_never_taken_for_ours(kind: str, cause: str) -> None:
    """It carries no name of ours and is told by its cause, with what traded, signed."""
    (found,) = told("execution", execution("a", "0.2", orderLinkId="", execType=kind, side="Buy"))

    assert isinstance(found, ForeignOrderSeen)
    assert (cause, Decimal("0.2"), "7") == (found.cause, found.contracts, found.order)


def test_an_adl_under_our_name_is_still_the_venues() -> None:
    """The type of the execution outweighs the name on it."""
    (found,) = told("execution", execution("a", "0.2", execType="AdlTrade"))

    assert isinstance(found, ForeignOrderSeen)


def test_funding_is_no_trade() -> None:
    """It comes as an execution, and booking it as one would invent a position."""
    assert () == told("execution", execution("f", "0.5", execType="Funding", orderLinkId="", side="Sell"))


@pytest.mark.parametrize(
    ("created", "cause"),
    [
        ("CreateByUser", FOREIGN),
        ("CreateByAdl_PassThrough", "auto-deleveraging"),
        ("CreateByLiq", "liquidation"),
        ("CreateByTakeOver_PassThrough", "liquidation"),
        ("CreateBySettle", "settlement"),
    ],
)
def test_a_foreign_order_is_seen_when_it_appears(created: str, cause: str) -> None:
    """By whom it was made is in its type; how it ends changes nothing."""
    row = order_row(orderLinkId="", orderStatus="New", cumExecQty="0", createType=created)

    (found,) = told("order", row)
    assert isinstance(found, ForeignOrderSeen)
    assert (cause, Decimal(0)) == (found.cause, found.contracts)
    assert () == told("order", {**row, "orderStatus": "Cancelled"})


def test_a_position_is_absolute_and_signed() -> None:
    """A short is negative; the status names the cause of what the venue is doing to it."""
    (found,) = told("position", position())
    assert isinstance(found, PositionsChanged)
    assert (Decimal("-0.5"), Decimal("60001.2"), "") == (
        found.positions[0].contracts,
        found.positions[0].entry_price,
        found.cause,
    )
    (hit,) = told("position", position(positionStatus="Adl"))
    assert isinstance(hit, PositionsChanged)
    assert "auto-deleveraging" == hit.cause


def test_a_flat_position_is_zero() -> None:
    """It has no side and no price."""
    (found,) = told("position", position(side="", size="0", entryPrice="0"))

    assert isinstance(found, PositionsChanged)
    assert Decimal(0) == found.positions[0].contracts


def test_hedge_mode_is_a_fault() -> None:
    """Two sides of one instrument are never netted by guess."""
    (found,) = told("position", position(positionIdx=2))

    assert isinstance(found, FaultRaised)
    assert "one-way" in found.what


def test_a_wallet_tells_coins_once() -> None:
    """The total is the wallet's less what was borrowed to sell it; unrealised profit is not in it."""
    coins = [
        {"coin": "USDT", "walletBalance": "9647.5", "equity": "9700", "spotBorrow": "0", "locked": "10"},
        {"coin": "ETH", "walletBalance": "1", "spotBorrow": "3", "locked": ""},
    ]
    (found,) = told("wallet", {"accountType": "UNIFIED", "coin": coins})

    assert isinstance(found, BalancesChanged)
    assert [("ETH", Decimal(-2), Decimal(0)), ("USDT", Decimal("9647.5"), Decimal(10))] == [
        (balance.asset, balance.total, balance.locked) for balance in found.balances
    ]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b'{"req_id":"auth","success":true,"ret_msg":"","op":"auth","conn_id":"c"}', Authenticated()),
        (b'{"success":false,"retCode":10003,"retMsg":"Invalid apikey","op":"auth"}', AuthenticationRefused(10003)),
        (b'{"req_id":"order","success":true,"ret_msg":"","op":"subscribe"}', TopicTaken("order")),
        (b'{"req_id":"order","success":false,"ret_msg":"no","op":"subscribe"}', TopicRefused("order")),
        (b'{"req_id":"","op":"pong","args":["1675418560633"],"conn_id":"c"}', Ponged()),
    ],
)
def test_answers_to_our_own_requests(payload: bytes, answer: Told) -> None:
    """Who we are and what was taken is said by name."""
    assert (answer,) == UserParser(USDT).parse(payload, NOW_NS)


def test_an_unknown_topic_is_named() -> None:
    """It is no fact, and no reason to cut the stream."""
    assert (UnknownKind("greeks"),) == told("greeks", {})


@pytest.mark.parametrize(
    "broken",
    [
        frame("order", order_row(orderStatus="Weird")),
        frame("order", order_row(qty="nan")),
        frame("execution", execution("a", "0.2", side="Up")),
        frame("execution", execution("", "0.2")),
        frame("position", position(size="-1")),
        frame("wallet", {"coin": [{"coin": "", "walletBalance": "1"}]}),
        b"{}",
        b"[1]",
    ],
)
def test_what_cannot_be_meant_is_refused(broken: bytes) -> None:
    """Nothing of such a frame is believed."""
    with pytest.raises(UNREADABLE):
        UserParser(USDT).parse(broken, NOW_NS)


@given(st.binary(max_size=200))
def test_junk_is_refused(payload: bytes) -> None:
    """Whatever comes, reading it raises what is named and nothing else."""
    with contextlib.suppress(*UNREADABLE):
        UserParser(USDT).parse(payload, NOW_NS)


@pytest.mark.parametrize(
    "name",
    [
        "ws_account_order",
        "ws_account_order_filled",
        "ws_account_order_partially_filled_rejected",
        "ws_account_execution",
        "ws_account_execution_adl",
        "ws_account_position",
        "ws_account_position_short",
        "ws_account_wallet",
        "ws_account_wallet_locked_exceeds_total",
        "ws_auth_success",
        "ws_auth_failure",
    ],
)
def test_recorded_shapes_are_read(data_dir: Any, name: str) -> None:
    """Frames as other people's adapters have them in their tests say something, and none of them is bad."""
    place = data_dir / "shapes" / "bybit" / f"{name}.json"
    if not place.is_file():
        pytest.skip(f"no {place}")
    found = UserParser(USDT).parse(place.read_bytes(), NOW_NS)

    assert all(not isinstance(one, UnknownKind) for one in found)
