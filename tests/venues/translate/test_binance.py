"""Orders, trades and ledger lines as the venue writes them, and the order as it reads it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.order import Side, Status
from bot.domain.units import MILLISECOND_NS
from bot.venues.translate.binance import (
    NotRepresentable,
    Unreadable,
    fills_of,
    income,
    is_ours,
    listing,
    order,
    order_of,
    order_parameters,
    plain,
    server_time_ms,
    trades,
)
from tests.venues.canned import BTC, FUTURE, PAIR, SPOT_BTC, approved, client_id, order_row

REQUEST = approved().request
REFUSED = (msgspec.MsgspecError, ValueError)


def body(row: Any) -> bytes:
    """A row as the venue sends it."""
    return json.dumps(row).encode()


def trade_row(number: int, qty: str, **changes: Any) -> dict[str, Any]:
    """An execution of order 7."""
    row = {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 7,
        "side": "SELL",
        "price": "60001.20",
        "qty": qty,
        "commission": "0.01",
        "commissionAsset": "USDT",
        "time": 1_700_000_000_001,
        "maker": False,
    }
    return {**row, **changes}


def test_an_order_is_written_as_the_venue_reads_it() -> None:
    """A limit, immediate or cancel, with our id, the whole result asked for, and no exponent or padding."""
    found = order_parameters(REQUEST, FUTURE)

    assert {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "IOC",
        "quantity": "0.5",
        "price": "60000.1",
        "newClientOrderId": client_id(1),
        "newOrderRespType": "RESULT",
    } == found


def test_reduce_only_is_said_when_asked_and_only_then() -> None:
    """A reduce-only order carries the venue's own flag."""
    assert "true" == order_parameters(approved(reduce_only=True).request, FUTURE)["reduceOnly"]
    assert "reduceOnly" not in order_parameters(REQUEST, FUTURE)


def test_a_spot_order_cannot_be_built() -> None:
    """The spot account is read-only for us, whoever asks."""
    with pytest.raises(NotRepresentable, match="only USD-M futures"):
        order_parameters(approved(instrument=SPOT_BTC).request, PAIR)


@pytest.mark.parametrize(
    "changes",
    [
        {"contracts": Decimal("0.0005")},
        {"contracts": Decimal(0)},
        {"contracts": Decimal("-0.5")},
        {"contracts": Decimal("NaN")},
        {"limit_price": Decimal("60000.15")},
        {"limit_price": Decimal(0)},
        {"limit_price": Decimal("Infinity")},
        {"client_id": "x-cvBPrNm9-somebody-else"},
        {"client_id": client_id(1)[:-1]},
        {"instrument": SPOT_BTC},
    ],
)
def test_an_order_that_the_venue_could_misread_is_never_built(changes: dict[str, Any]) -> None:
    """What does not fit lot, tick, id or instrument is our fault, and is found before anything leaves."""
    with pytest.raises(ValueError, match=r"\S"):
        order_parameters(approved(**changes).request, FUTURE)


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=8))
def test_a_number_keeps_its_value_in_writing(value: Decimal) -> None:
    """Plain notation loses nothing and never has an exponent."""
    assert value == Decimal(plain(value))
    assert plain(value).replace(".", "").isdigit()


@pytest.mark.parametrize(
    ("text", "expected"), [("1E+3", "1000"), ("0.00000001", "0.00000001"), ("100", "100"), ("0E-8", "0")]
)
def test_exponents_are_spelled_out(text: str, expected: str) -> None:
    """Decimals that print with an exponent are written without one."""
    assert expected == plain(Decimal(text))


def test_a_filled_order_is_read_exactly() -> None:
    """Quantities, price and time come out of the digits of the answer."""
    found = order_of(REQUEST, FUTURE, body(order_row()))[0].report(BTC)

    assert (Status.FILLED, Side.SELL) == (found.status, found.side)
    assert (Decimal("0.5"), Decimal("60001.2")) == (found.filled, found.average_price)
    assert ("7", 1_700_000_000_001 * MILLISECOND_NS) == (found.venue_id, found.updated_ns)


def test_a_cancels_answer_gives_its_price_by_the_quote_sum() -> None:
    """An answer without an average price has one when something was filled."""
    row = order_row(status="CANCELED", executedQty="0.200", cumQuote="12000.00")
    del row["avgPrice"]

    assert Decimal(60_000) == order(body(row)).average_price


def test_an_expired_order_has_no_price() -> None:
    """Nothing filled, nothing paid."""
    found = order(body(order_row(status="EXPIRED", executedQty="0", avgPrice="0.00000", cumQuote="0"))).report(BTC)

    assert (Status.EXPIRED, Decimal(0), None) == (found.status, found.filled, found.average_price)


@pytest.mark.parametrize(
    "changes",
    [
        {"clientOrderId": client_id(2)},
        {"symbol": "ETHUSDT"},
        {"side": "BUY"},
        {"origQty": "0.501"},
        {"origQty": "0.600", "executedQty": "0.600"},
        {"positionSide": "SHORT"},
        {"status": "SOMETHING_NEW"},
        {"status": None},
        {"orderId": None},
        {"orderId": 0},
        {"executedQty": "-0.1"},
        {"executedQty": "NaN"},
        {"executedQty": "0.4"},
        {"avgPrice": "0.0", "cumQuote": "0"},
        {"avgPrice": "Infinity"},
        {"updateTime": 0},
        {"status": "NEW"},
        {"executedQty": True},
        {"executedQty": ""},
    ],
)
def test_an_answer_that_does_not_fit_the_order_is_refused(changes: dict[str, Any]) -> None:
    """Another order, a contradiction, or a value of the wrong kind: such an answer proves nothing."""
    with pytest.raises(REFUSED):
        order_of(REQUEST, FUTURE, body(order_row(**changes)))


@pytest.mark.parametrize(
    "missing", ["orderId", "symbol", "status", "clientOrderId", "origQty", "executedQty", "side", "updateTime"]
)
def test_an_answer_without_a_decisive_field_is_refused(missing: str) -> None:
    """Absence is never read as zero or as success."""
    row = order_row()
    del row[missing]

    with pytest.raises(REFUSED):
        order_of(REQUEST, FUTURE, body(row))


@given(st.integers(0, len(body(order_row())) - 1))
def test_an_answer_cut_anywhere_is_refused(length: int) -> None:
    """A truncated answer never passes for a shorter one."""
    with pytest.raises(REFUSED):
        order_of(REQUEST, FUTURE, body(order_row())[:length])


def test_a_list_reads_ours_strictly_and_others_hardly() -> None:
    """Somebody else's order of an unknown kind does not hide ours, and one of ours that is broken is refused."""
    foreign = {"orderId": 9, "clientOrderId": "autoclose-1", "status": "NEW_ADL", "symbol": "BTCUSDT"}
    found = listing(body([order_row(), foreign]))

    assert ([client_id(1)], 2, 9) == ([row.client_order_id for row in found.ours], found.count, found.last_id)
    with pytest.raises(REFUSED):
        listing(body([order_row(status="NEW_ADL")]))


@pytest.mark.parametrize("text", [b"{}", b"null", b'[{"orderId":1}]', b"[null]"])
def test_a_list_of_anything_else_is_refused(text: bytes) -> None:
    """Only a list of orders is a list of orders; an empty one is."""
    with pytest.raises(REFUSED):
        listing(text)


def test_an_empty_list_is_a_list() -> None:
    """No orders is an answer."""
    assert (0, 0, ()) == (listing(b"[]").count, listing(b"[]").last_id, listing(b"[]").ours)


def test_fills_are_told_wholly_or_not_at_all() -> None:
    """Executions that do not add up to what the order filled say nothing of its fees yet."""
    row = order(body(order_row()))
    both = trades(body([trade_row(2, "0.3"), trade_row(1, "0.2"), trade_row(1, "0.2"), trade_row(3, "9", orderId=8)]))

    assert ["1", "2"] == [fill.trade_id for fill in fills_of(row, both)]
    assert () == fills_of(row, both[:1])


@pytest.mark.parametrize(
    "changes", [{"price": "0"}, {"qty": "-1"}, {"commission": "NaN"}, {"side": "BOTH"}, {"time": 0}]
)
def test_an_impossible_execution_is_refused(changes: dict[str, Any]) -> None:
    """A trade without a price, a quantity, a side or a time is not a trade."""
    with pytest.raises(REFUSED):
        trades(body([{**trade_row(1, "0.5"), **changes}]))


def test_a_ledger_line_keeps_its_sign_and_digits() -> None:
    """Income received is positive, to the last digit."""
    row = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.37512345",
        "asset": "USDT",
        "time": 1,
        "tranId": 5,
    }

    assert Decimal("-0.37512345") == income(body([row]))[0].income


def test_a_clock_is_a_positive_number() -> None:
    """A server time of zero would sign every request into the past."""
    assert 5 == server_time_ms(b'{"serverTime":5}')
    with pytest.raises(Unreadable):
        server_time_ms(b'{"serverTime":0}')


def test_only_our_ids_are_ours() -> None:
    """An id that merely begins like ours belongs to somebody else."""
    assert is_ours(client_id(1))
    assert not is_ours(client_id(1) + "0")
    assert not is_ours("tt" + "A" * 22)
