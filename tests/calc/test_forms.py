"""Values that are linear in prices: they add up, scale and share sums without changing what they are worth."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.forms import NOTHING, Form, added, of_coins, of_share, whole
from bot.domain.units import ZERO, Asset
from tests.kit import BTC, ETH, d

PRICES = {BTC: d(60_000), ETH: d(2_500)}
NAV = whole(d(1_000), {BTC: d(1), ETH: d(4)}, PRICES)
OTHER = whole(d(0), {ETH: d(2)}, PRICES)


def test_a_whole_is_evaluated_once() -> None:
    """1,000 and 1 BTC and 4 ETH."""
    assert NAV.value == d(71_000)


def test_a_price_that_is_missing_is_a_programming_error() -> None:
    """It is never taken for 0."""
    with pytest.raises(KeyError):
        whole(ZERO, {Asset("SOL"): d(1)}, PRICES)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (NOTHING, "0"),
        (Form(d(7)), "7"),
        (of_coins(BTC, d("-0.5")), "-30000"),
        (of_share(d("0.1"), NAV), "7100"),
        (Form(d(7), {BTC: d(1), ETH: d(-2)}, d("0.5"), OTHER), "57507"),
    ],
)
def test_a_form_is_worth_its_terms(form: Form, value: str) -> None:
    """Constant, coins at their prices, and the share of the shared sum."""
    assert form.value(PRICES) == d(value)
    constant, coins = form.terms()
    assert constant + sum((q * PRICES[a] for a, q in coins.items()), ZERO) == d(value)


@pytest.mark.parametrize(
    ("form", "coins"),
    [
        (NOTHING, "0"),
        (of_coins(BTC, d(2)), "2"),
        (Form(ZERO, {BTC: d(2), ETH: d(0)}), "2"),
        (Form(ZERO, {ETH: d(0)}), "0"),
        (of_coins(ETH, d(2)), None),
        (Form(ZERO, {BTC: d(2), ETH: d(1)}), None),
        (Form(d(1), {BTC: d(2)}), None),
        (of_share(d(1), NAV), None),
    ],
)
def test_only_own_coins_need_no_price(form: Form, coins: str | None) -> None:
    """Nothing but coins of the asset itself; zeros of others do not count."""
    assert form.own_coins(BTC) == (None if coins is None else d(coins))


@pytest.mark.parametrize(
    ("form", "nothing"),
    [(NOTHING, True), (of_coins(BTC, ZERO), True), (of_coins(BTC, d(1)), False), (of_share(d(1), NAV), False)],
)
def test_nothing_is_zero_at_every_price(form: Form, nothing: bool) -> None:
    """Not what happens to be zero at these prices."""
    assert form.is_nothing is nothing
    assert not Form(d(-60_000), {BTC: d(1)}).is_nothing


def test_forms_of_one_sum_keep_sharing_it() -> None:
    """Two shares of NAV are one share of it; that of another sum is multiplied out."""
    shared = added((of_share(d("0.2"), NAV), of_share(d("0.3"), NAV), of_coins(BTC, d(1)), Form(d(5))))

    assert (shared.share, shared.whole, shared.coins, shared.constant) == (d("0.5"), NAV, {BTC: d(1)}, d(5))
    both = added((shared, of_share(d(1), OTHER)))
    assert (both.share, both.whole, both.coins) == (d("0.5"), NAV, {BTC: d(1), ETH: d(2)})


NUMBERS = st.decimals(-1_000, 1_000, places=4)
FORMS = st.builds(
    Form,
    NUMBERS,
    st.dictionaries(st.sampled_from((BTC, ETH)), NUMBERS),
    NUMBERS,
    st.sampled_from((NAV, OTHER)),
)


@given(st.lists(FORMS, max_size=4), NUMBERS)
def test_a_sum_is_worth_the_sum_and_a_multiple_the_multiple(forms: list[Form], factor: Decimal) -> None:
    """Whatever is shared or multiplied out."""
    total = added(forms).value(PRICES)

    assert total == sum((form.value(PRICES) for form in forms), ZERO)
    assert added(forms).times(factor).value(PRICES) == total * factor
