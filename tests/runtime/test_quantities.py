"""The promises of quantities as people write them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runtime.fields import Written
from bot.runtime.quantities import Amount, Misread, bps, count, duration_ns, plain, share, with_unit, written_duration
from bot.runtime.section import Section
from bot.runtime.settings import AssetSettings, IntervalSettings, LimitSettings, PaperSettings

DECIMALS = st.decimals(min_value=0, max_value=10**9, places=8)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1 ns", 1),
        ("1.5us", 1_500),
        ("100 ms", 10**8),
        (" 2 s ", 2 * 10**9),
        ("5 min", 300 * 10**9),
        ("1 d", 864 * 10**11),
    ],
)
def test_durations_are_whole_nanoseconds(text: str, nanoseconds: int) -> None:
    """A duration has one meaning, with or without a blank before its unit."""
    assert nanoseconds == duration_ns(text)


def test_parts_of_a_price_are_basis_points() -> None:
    """15 bps and 0.15 % are one and the same."""
    assert Decimal(15) == bps("15 bps") == bps("0.15 %")


def test_shares_are_plain_ratios() -> None:
    """0.5 and 50 % are one and the same."""
    assert Decimal("0.5") == share(Decimal("0.5")) == share("0.5") == share("50 %")


@pytest.mark.parametrize(
    ("text", "proposal"), [("5 m", "5 min"), ("5 secs", "5 s"), ("5 hours", "5 h"), ("5 S", "5 s"), ("5 parsec", None)]
)
def test_the_unit_that_was_meant_is_proposed(text: str, proposal: str | None) -> None:
    """A unit that is nearly right, or right in another dialect, is answered with the right one; never taken."""
    with pytest.raises(Misread) as caught:
        duration_ns(text)

    assert proposal == caught.value.meant


@pytest.mark.parametrize(
    "raw", [True, None, [1], {"a": 1}, "", "s", "2 s s s", "--2 s", "2 s\x00", "\u0662 x", 2.0, "1..2 s"]
)
def test_what_is_no_quantity_is_refused(raw: object) -> None:
    """Nothing is guessed into a number: not a switch, not a float, not half a number."""
    with pytest.raises(Misread):
        with_unit(raw, "something")


@pytest.mark.parametrize("raw", ["2.5", "5 s", "2 %"])
def test_a_count_is_a_whole_bare_number(raw: str) -> None:
    """A count takes no unit and no fraction."""
    with pytest.raises(Misread):
        count(raw)


@given(DECIMALS, st.sampled_from(["USDT", "%", "pp", "coins", "BTC"]))
def test_an_amount_reads_back_as_written(value: Decimal, unit: str) -> None:
    """Writing an amount and reading it again changes nothing, to the last digit."""
    assert Amount(value, unit) == with_unit(str(Amount(value, unit)), "something")


@given(st.integers(min_value=1, max_value=10**18))
def test_a_duration_reads_back_as_written(nanoseconds: int) -> None:
    """Writing a duration and reading it again changes nothing."""
    assert nanoseconds == duration_ns(written_duration(nanoseconds))


@given(DECIMALS)
def test_plain_numbers_have_no_exponent(value: Decimal) -> None:
    """A number is shown as people write it, and is the same number."""
    assert value == Decimal(plain(value))
    assert "e" not in plain(value).lower()


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text is a quantity or a Misread, and nothing else happens."""
    for read in (duration_ns, bps, share, count):
        with suppress(Misread):
            assert read(text) is not None


@pytest.mark.parametrize("model", [LimitSettings, IntervalSettings, PaperSettings, AssetSettings])
def test_every_default_is_allowed_as_it_is_shown(model: type[Section]) -> None:
    """A default written back into a config is read as itself: within its range, in its unit."""
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            if not isinstance(mark, Written) or field.default is None:
                continue
            if isinstance(field.default, Amount) and not mark.numeric:  # in the reporting currency, whichever
                assert Amount(field.default.value, "USDT") == mark.read(f"{mark.show(field.default)} USDT"), name
            else:
                assert field.default == mark.read(mark.show(field.default)), name
