"""Numbers in words are exact as far as they are shown, and no text of others can do harm."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import SECOND_NS
from bot.ops.alerts import words
from tests.kit import d

AMOUNTS = st.decimals(min_value="-1000000000", max_value="1000000000", places=8, allow_nan=False)


@given(AMOUNTS)
def test_a_quantity_reads_back_as_itself(amount: Decimal) -> None:
    """Up to eight decimals nothing of a quantity is lost, and nothing is added."""
    assert amount == d(words.number(amount).replace(",", ""))


@given(AMOUNTS)
def test_a_quantity_has_no_needless_digits(amount: Decimal) -> None:
    """No exponent, no trailing zeros, no negative zero."""
    shown = words.number(amount)

    assert "E" not in shown
    assert shown == "0" or not (("." in shown and shown.endswith("0")) or shown.endswith(".") or shown == "-0")


@pytest.mark.parametrize(
    ("value", "tick", "shown"),
    [
        ("60012", "0.1", "60,012.00"),
        ("60012.345678", "0.1", "60,012.35"),
        ("2500.1", "0.01", "2,500.10"),
        ("0.00001234", "0.00000001", "0.00001234"),
        ("0.000012345678", "0.00000001", "0.00001234568"),
        ("1.5", "0.0001", "1.5000"),
    ],
)
def test_a_price_keeps_its_tick(value: str, tick: str, shown: str) -> None:
    """A price has its tick's decimals, at least two; an average between ticks is not cut to nothing."""
    assert shown == words.price(d(value), d(tick))


@pytest.mark.parametrize(
    ("nanos", "shown"),
    [
        (0, "0 ms"),
        (40_000_000, "40 ms"),
        (4_200_000_000, "4.2 s"),
        (185 * SECOND_NS, "3 min 05 s"),
        (7_620 * SECOND_NS, "2 h 07 min"),
        (273_600 * SECOND_NS, "3 d 4 h"),
        (-5, "0 ms"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(nanos: int, shown: str) -> None:
    """Nobody counts seconds over days."""
    assert shown == words.duration(nanos)


def test_what_is_not_known_is_never_zero() -> None:
    """Every word for a missing figure is a question mark."""
    shown = [
        words.number(None),
        words.coins(None, "BTC"),
        words.price(None, d("0.1")),
        words.money(None, "USDT"),
        words.bps(None),
        words.percent(None),
    ]

    assert all(text.startswith("?") for text in shown)


@pytest.mark.parametrize(
    ("value", "shown"), [("0.04", "0.0 bps"), ("-0.04", "0.0 bps"), ("0.1", "+0.1 bps"), ("-3", "-3.0 bps")]
)
def test_basis_points_are_signed_unless_they_are_none(value: str, shown: str) -> None:
    """A cost has a plus, a gain a minus, and nothing neither."""
    assert shown == words.bps(d(value))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("24965", "24,965.00 USDT"), ("-0.004", "-0.004 USDT"), ("0", "0.00 USDT"), ("0.005", "0.005 USDT")],
)
def test_money_smaller_than_a_cent_is_not_rounded_away(amount: str, shown: str) -> None:
    """Two decimals, and more where an amount would vanish."""
    assert shown == words.money(d(amount), "USDT")


def test_a_time_is_told_in_utc_with_its_date_unless_it_is_today() -> None:
    """A settlement of tomorrow is not mistaken for one of today."""
    noon = 1_700_049_600 * SECOND_NS

    assert words.moment(noon, noon - SECOND_NS) == "12:00 UTC"
    assert words.moment(noon, noon - 86_400 * SECOND_NS) == "2023-11-15 12:00 UTC"


@given(st.text(max_size=2_000))
def test_no_text_of_others_can_break_its_line_or_grow(text: str) -> None:
    """Whatever a venue sends is one printable, bounded line without tags or code marks."""
    shown = words.harmless(text)

    assert shown.isprintable()
    assert len(shown) <= words.LINE_CHARS_MAX
    assert not set("<`") & set(shown)


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "one\ntwo\r\nthree\u2028four",
        "<!channel> <a href='x'>",
        "@everyone and @here",
        "[bank](https://evil.example)",
        "||hidden|| `code`",
        "> quoted",
        "\u202egnp.exe",
    ],
)
def test_orders_to_terminals_and_chat_services_are_shown_as_their_code(text: str) -> None:
    """Control characters, line breaks, tags, mentions, links and direction marks lose their power and stay visible."""
    shown = words.harmless(text)

    assert "\\" in shown
    for order in ("\x1b", "\n", "\r", "\u2028", "\u202e", "<", "@everyone", "@here", "](", "://", "||", "`"):
        assert order not in shown
    assert not shown.startswith(">")


def test_names_are_listed_as_people_say_them() -> None:
    """Commas, and the last with an and."""
    assert words.listed(["BTC", "ETH", "SOL"]) == "BTC, ETH and SOL"
    assert words.listed([]) == "nothing"


def test_sizes_are_said_in_binary_units() -> None:
    """A gibibyte is 1024 mebibytes."""
    assert [words.size(n) for n in (512, 2_048, 3 * 1024**3)] == ["512 bytes", "2.0 KiB", "3.0 GiB"]
