"""Figures for people: unknown is never zero, and nothing is rounded into something else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ops import figures

SECOND = 1_000_000_000


def test_unknown_is_not_zero() -> None:
    """What is not known is a question mark in every column."""
    shown = [figures.coins(None), figures.price(None), figures.money(None), figures.bps(None), figures.percent(None)]

    assert ["?"] * 7 == [*shown, figures.age(None), figures.countdown(None, 0)]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("1.50000000", "1.5"), ("-10", "-10"), ("0E-8", "0"), ("1234.5", "1,234.5"), ("0.0000001", "0"), ("100", "100")],
)
def test_coins_lose_only_their_trailing_zeros(amount: str, shown: str) -> None:
    """Coins are shown with up to six decimals and without zeros that say nothing."""
    assert shown == figures.coins(Decimal(amount))


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_coins_read_back_as_they_were(amount: Decimal) -> None:
    """No amount of six decimals is changed by being shown."""
    assert amount == Decimal(figures.coins(amount).replace(",", ""))


@pytest.mark.parametrize(
    ("value", "shown"), [("61800.256", "61,800.26"), ("3.14159", "3.1416"), ("0.00001234", "0.00001234"), ("0", "0.00")]
)
def test_small_prices_get_more_decimals(value: str, shown: str) -> None:
    """A price keeps four figures or more, however small it is."""
    assert shown == figures.price(Decimal(value))


def test_signs_are_shown_where_they_matter() -> None:
    """A signed figure carries its plus, and zero has no sign."""
    assert "+0.5" == figures.coins(Decimal("0.5"), signed=True)
    assert ("0", "0.00") == (figures.coins(Decimal("-0"), signed=True), figures.money(Decimal("-0.001"), signed=True))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0.0 s"), (59.94, "59.9 s"), (61, "1 m 01 s"), (3723, "1 h 02 m"), (200_000, "2 d 7 h")]
)
def test_ages_are_short(seconds: float, shown: str) -> None:
    """A duration is shown in the two units that matter."""
    assert shown == figures.age(int(seconds * SECOND))


def test_a_countdown_ends() -> None:
    """A moment that has passed is due, not negative."""
    assert ("10.0 s", "due") == (figures.countdown(10 * SECOND, 0), figures.countdown(0, SECOND))
