"""Parameters: read by type, refused with 10001."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simex.bybit.errors import VenueError
from bot.simex.bybit.params import DAY_MS, Params, body_values, period, plain_decimal, query_values


def refused(action: Any, *args: Any, **kwargs: Any) -> VenueError:
    """The refusal of a call."""
    with pytest.raises(VenueError) as caught:
        action(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    "text", ["1e3", "+1", " 1", "1.", ".5", "-1", "0x1", "NaN", "\u0661", "1" * 40, "", "1,0", "--1"]
)
def test_only_plain_decimals(text: str) -> None:
    """No exponent, sign, space, or half a number."""
    assert 10001 == refused(plain_decimal, "price", text).code


def test_a_sign_where_one_is_asked_for() -> None:
    """Margin may be taken out."""
    assert Decimal("-10.5") == plain_decimal("margin", "-10.5", signed=True)


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b"nul", b"[" * 100_000, b'"text"', b"\xff\xfe"])
def test_bodies_that_are_no_objects(body: bytes) -> None:
    """A body is a JSON object."""
    assert 10001 == refused(body_values, body).code


def test_an_empty_body_has_no_parameters() -> None:
    """A POST without a body is a POST without parameters."""
    assert {} == body_values(b"  ")


def test_query_values_are_unquoted() -> None:
    """Of a repeated parameter the last counts."""
    assert {"a b": "c&d", "e": ""} == query_values("a+b=x&a%20b=c%26d&e")


def test_too_many_parameters() -> None:
    """A query is bounded."""
    assert 10001 == refused(query_values, "&".join(f"a{number}=1" for number in range(201))).code


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, "x" * 5_001])
def test_texts_are_texts(value: object) -> None:
    """A number where the documentation has a string is refused."""
    assert 10001 == refused(Params({"qty": value}).text, "qty").code


@pytest.mark.parametrize("value", [-1, 1.0, "-1", "1.0", True, "x", 10**40, []])
def test_integers_are_integers(value: object) -> None:
    """An integer comes as a number or as digits."""
    assert 10001 == refused(Params({"mode": value}).integer, "mode").code


def test_what_is_absent() -> None:
    """Empty, null and absent are the same."""
    params = Params({"a": None, "b": "", "c": "x"})

    assert ("", None, None, 0, 0, False) == (
        params.text("a"),
        params.integer("b"),
        params.decimal("z"),
        params.quantity("z"),
        params.money("z"),
        params.flag("a"),
    )
    assert (False, True) == ("a" in params, "c" in params)
    assert 10001 == refused(params.need, "b").code
    assert 10001 == refused(params.need_integer, "b").code


def test_flags() -> None:
    """Booleans come as such or as words."""
    params = Params({"a": True, "b": "true", "c": "false", "d": 1})

    assert (True, True, False) == (params.flag("a"), params.flag("b"), params.flag("c"))
    assert 10001 == refused(params.flag, "d").code


def test_too_many_decimals() -> None:
    """Prices and quantities have eight decimals, money sixteen."""
    assert 10001 == refused(Params({"qty": "0.000000001"}).quantity, "qty").code
    assert 10001 == refused(Params({"amount": "0." + "0" * 16 + "1"}).money, "amount").code


@pytest.mark.parametrize("limit", ["0", "51", "x"])
def test_limits_are_bounded(limit: str) -> None:
    """A page has one row at least."""
    assert 10001 == refused(Params({"limit": limit}).limit, 20, 50).code


def test_periods() -> None:
    """Half a period is completed, a longer one than allowed refused."""
    week = 7 * DAY_MS

    assert (1_000, week + 1_000) == period(Params({}), week + 1_000, week)
    assert (5, week + 5) == period(Params({"startTime": "5"}), 0, week)
    assert (week, 2 * week) == period(Params({"endTime": 2 * week}), 0, week)
    assert (5, 6) == period(Params({"startTime": "5", "endTime": "6"}), 0, week)
    assert 10001 == refused(period, Params({"startTime": "6", "endTime": "5"}), 0, week).code
    assert 10001 == refused(period, Params({"startTime": "0", "endTime": str(week + 1)}), 0, week).code


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text())))
def test_nothing_but_refusals(values: dict[str, Any]) -> None:
    """Whatever a client sends is read or refused, and never anything else."""
    params = Params(values)
    codes = set()
    for name in values:
        for read in (params.text, params.integer, params.flag, params.decimal, params.quantity, params.money):
            try:
                read(name)
            except VenueError as error:
                codes.add(error.code)
    assert codes <= {10001}
