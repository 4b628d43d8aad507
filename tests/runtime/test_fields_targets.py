"""The promises of the quantities that only targets need: they read what is meant, and show it as it is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.units import SECOND_NS
from bot.runtime.fields import Symbol, Written
from bot.runtime.fields_targets import (
    NO_HEDGE,
    Beta,
    Calendar,
    Hedge,
    Moment,
    Owned,
    PriceLevel,
    Reserve,
    written_moment,
)
from bot.runtime.quantities import Amount, Misread


@pytest.mark.parametrize(
    ("mark", "raw", "value", "shown"),
    [
        (Hedge("usdm"), "none", NO_HEDGE, "none"),
        (Hedge("usdm"), "usdm:BTCUSDT", Symbol("usdm", "BTCUSDT"), "usdm:BTCUSDT"),
        (Moment(), "1970-01-02", 86_400 * SECOND_NS, "1970-01-02T00:00:00Z"),
        (Moment(), "2027-06-30T08:00:05Z", 1_814_342_405 * SECOND_NS, "2027-06-30T08:00:05Z"),
        (Moment(), "2027-06-30 08:00+00:00", 1_814_342_400 * SECOND_NS, "2027-06-30T08:00:00Z"),
        (Calendar(), "0 8 * * 1", "0 8 * * 1", "0 8 * * 1"),
        (Owned(), "1.5 BTC", Amount(Decimal("1.5"), "BTC"), "1.5 BTC"),
        (Owned(), 2, Amount(Decimal(2)), "2"),
        (PriceLevel(), "60000 USDT", Amount(Decimal(60_000), "USDT"), "60000 USDT"),
        (Beta("0", "20"), "measured", None, "measured"),
        (Beta("0", "20"), Decimal("1.2"), Decimal("1.2"), "1.2"),
        (Reserve(), "20000 USDT", (Amount(Decimal(20_000), "USDT"),), "20000 USDT"),
        (
            Reserve(),
            {"USDT": 5, "USDC": "6 USDC"},
            (Amount(Decimal(5), "USDT"), Amount(Decimal(6), "USDC")),
            "5 USDT, 6 USDC",
        ),
        (Reserve(), {}, (), "nothing"),
    ],
)
def test_what_is_written_is_read_and_shown(mark: Written, raw: object, value: Any, shown: str) -> None:
    """The value is exact, and its text is one that a config may hold."""
    assert value == mark.read(raw)
    assert shown == mark.show(value)


@pytest.mark.parametrize(
    ("mark", "raw", "what"),
    [
        (Hedge("usdm"), "None", "not an instrument"),
        (Moment(), 5, "not a moment in UTC"),
        (Moment(), "2027-06-30T08:00:00+02:00", "not a moment in UTC"),
        (Moment(), "2027-13-01", "no such day or time"),
        (Calendar(), 5, "not a cron line"),
        (Calendar(), "x", "is not a cron line"),
        (Owned(), "-1", "negative"),
        (PriceLevel(), 0, "not above 0"),
        (Beta("0", "20"), 21, "out of range"),
        (Reserve(), "20000", "a number without a unit"),
        (Reserve(), {"USDT": -1}, "negative"),
        (Reserve(), {"USDT": "x"}, "not a number with a unit"),
    ],
)
def test_what_cannot_be_meant_is_refused(mark: Written, raw: object, what: str) -> None:
    """The reason is in words, and what is allowed stands beside it."""
    with pytest.raises(Misread) as caught:
        mark.read(raw)

    assert what in caught.value.what
    assert mark.allowed == caught.value.allowed


def test_a_moment_is_told_to_the_second() -> None:
    """The fraction of a second is left out, never rounded up to a moment that has not come."""
    assert "1970-01-01T00:00:01Z" == written_moment(2 * SECOND_NS - 1)


@pytest.mark.parametrize("mark", [Hedge("usdm"), Moment(), Beta("0", "20"), Reserve()])
def test_an_editor_knows_the_form(mark: Written) -> None:
    """The JSON Schema says what may stand there."""
    assert {"anyOf", "pattern"} & set(mark.schema())
