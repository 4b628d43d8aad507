"""What a decision says of itself."""

import pytest

from bot.domain.bands import Unit, Width
from bot.domain.hedge import Parts
from bot.policy.view import View, plain, width_text
from tests.kit import BTC, d, neutral
from tests.policy.views import book, needs


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.50", "1.5"),
        ("1E+3", "1000"),
        ("-0.000000001", "0"),
        ("0", "0"),
        ("100", "100"),
        ("-2.00000001", "-2.00000001"),
    ],
)
def test_a_number_reads_as_a_person_writes_it(number: str, text: str) -> None:
    """No exponent, no trailing zeros, no minus zero."""
    assert plain(d(number)) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [(Unit.RELATIVE, "5 %"), (Unit.POINTS, "5 pp"), (Unit.COINS, "0.05 coins"), (Unit.QUOTE, "0.05 in quote")],
)
def test_a_width_reads_as_in_the_config(unit: Unit, text: str) -> None:
    """Each unit in its own words."""
    assert width_text(Width(d("0.05"), unit)) == text


def test_a_breach_explains_itself() -> None:
    """The sentence has the trade, the exposure and where it comes from, the target and the band."""
    need = needs(neutral("BTC"), view=book(BTC=("60000", "1.25", "-0.25")))["BTC"]

    assert need.why == (
        "sell 1 BTC: exposure 1 = holding 1.25 + futures -0.25; target 0, deviation 1; band 1 % breached"
    )


def test_working_orders_and_corrections_are_part_of_the_explanation() -> None:
    """What is still on its way is named, and inside the band a correction under way is called that."""
    working = View(prices={BTC: d(60_000)}, parts={BTC: Parts(d(1), d(0), d("-0.5"), d("-0.495"))})
    going = needs(neutral("BTC"), view=working, correcting=True)["BTC"]
    kept = needs(neutral("BTC"), view=working)["BTC"]

    assert "+ working -0.495" in going.why
    assert "being corrected" in going.why
    assert kept.why.startswith("BTC: ")
    assert kept.why.endswith("kept")
