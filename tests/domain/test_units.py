"""Numbers that came as text stay what the text said."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import exact


@given(st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("9999999.99999999"), places=8))
def test_a_float_read_from_a_text_goes_back_to_that_text(written: Decimal) -> None:
    """A price that came over the wire as text is exactly that text again, without binary noise."""
    assert exact(float(str(written))) == written
