"""The mark prices that a start is judged by."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.venues.prices import MARK_SYMBOLS_MAX, PricesUnreadable, read_marks
from tests.venues.canned import Canned, Clock, client

MARKS = "/fapi/v1/premiumIndex"


def row(symbol: str, price: str = "60000.1") -> dict[str, str]:
    """The venue's row."""
    return {"symbol": symbol, "markPrice": price}


async def test_a_few_symbols_are_asked_one_by_one_without_a_key() -> None:
    """Each costs a tenth of what all of them cost together."""
    canned = Canned()
    canned.lay("GET", MARKS, row("BTCUSDT"), row("ETHUSDT", "3000"))
    found = await read_marks(client(canned, Clock(), None), ["ETHUSDT", "BTCUSDT", "BTCUSDT"])

    assert {"BTCUSDT": Decimal("60000.1"), "ETHUSDT": Decimal(3_000)} == found
    assert ["symbol=BTCUSDT", "symbol=ETHUSDT"] == [sent.payload for sent in canned.sent]


async def test_many_symbols_are_one_request() -> None:
    """From there on all at once is the cheaper; those that nobody asked for are not given."""
    wanted = [f"C{number}USDT" for number in range(MARK_SYMBOLS_MAX + 1)]
    canned = Canned()
    canned.lay("GET", MARKS, [row(symbol) for symbol in (*wanted, "OTHER")])
    found = await read_marks(client(canned, Clock(), None), wanted)

    assert (set(wanted), [""]) == (set(found), [sent.payload for sent in canned.sent])


async def test_nothing_to_ask_is_not_asked() -> None:
    """Without symbols nothing is sent."""
    canned = Canned()

    assert ({}, []) == (await read_marks(client(canned, Clock(), None), []), canned.sent)


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (b"<html>", r"the mark prices cannot be read: fapi\.binance\.com"),
        (TimeoutError(), r"the mark prices cannot be read: cannot reach fapi\.binance\.com"),
        (row("BTCUSDT", "0.0"), r"fapi\.binance\.com gives no mark price of BTCUSDT"),
        (row("ETHUSDT"), r"fapi\.binance\.com gives no mark price of BTCUSDT"),
    ],
)
async def test_a_price_that_cannot_be_had_is_said(answer: object, part: str) -> None:
    """One line with the host or the symbol, and no price that is only nearly the one asked for."""
    canned = Canned()
    canned.lay("GET", MARKS, answer)
    with pytest.raises(PricesUnreadable, match=part):
        await read_marks(client(canned, Clock(), None), ["BTCUSDT"])
