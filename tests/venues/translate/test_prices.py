"""Mark prices as the venue writes them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.venues.translate.prices import mark_prices

ROW = {"symbol": "BTCUSDT", "markPrice": "60000.12345678", "indexPrice": "60001.0", "time": 1}


def read(content: Any) -> dict[str, Decimal]:
    """The prices in an answer."""
    return mark_prices(json.dumps(content).encode())


def test_one_row_and_a_list_of_rows_are_read() -> None:
    """The venue answers an object for one symbol and a list for all; the digits are kept."""
    btc = {"BTCUSDT": Decimal("60000.12345678")}

    assert btc == read(ROW)
    assert btc | {"ETHUSDT": Decimal(3)} == read([ROW, {"symbol": "ETHUSDT", "markPrice": "3"}])


def test_what_no_longer_trades_has_no_price() -> None:
    """A mark of zero is the absence of one."""
    assert {} == read({**ROW, "markPrice": "0.00000000"})


@pytest.mark.parametrize(
    "content",
    [{}, {"symbol": "BTCUSDT"}, {**ROW, "markPrice": None}, {**ROW, "markPrice": "NaN"}, {**ROW, "markPrice": "-1"},
     {**ROW, "symbol": ""}, [[]]],
)  # fmt: skip
def test_what_is_no_price_is_refused(content: Any) -> None:
    """A price is there, finite and not below zero, or the answer is not believed."""
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        read(content)
