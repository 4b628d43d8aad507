"""Band edges, exactly, and what a correction leaves."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calc.bands import (
    Deviation,
    Space,
    correction,
    in_coins,
    is_beyond,
    is_breached,
    is_urgent,
    limit,
    narrowest,
)
from bot.domain.bands import Band, Unit, Width
from tests.kit import band, d


def of_quote(amount: str, scale: str = "60", base: str = "100", price: str = "1") -> Deviation:
    """A deviation of a weights target, in quote currency."""
    return Deviation(space=Space.QUOTE, amount=d(amount), scale=d(scale), base=d(base), price=d(price))


def of_coins(amount: str, scale: str = "1", price: str = "60000") -> Deviation:
    """A deviation of a ratio target, in coins."""
    return Deviation(space=Space.COINS, amount=d(amount), scale=d(scale), base=d(0), price=d(price))


@pytest.mark.parametrize(("weight", "beyond"), [("65.00", False), ("65.01", True), ("55.00", False), ("54.99", True)])
def test_a_band_of_points_is_left_only_beyond_its_edge(weight: str, beyond: bool) -> None:
    """60 % within 5 pp: 65.00 and 55.00 are kept, 65.01 and 54.99 are not, exactly."""
    assert is_beyond(of_quote(str(d(weight) - 60)), Width(d("0.05"), Unit.POINTS)) is beyond


def test_a_breach_is_decided_in_decimals() -> None:
    """0.65 - 0.60 > 0.05 is true in floats and false here."""
    assert 0.65 - 0.60 > 0.05
    assert not is_beyond(of_quote(str(d("0.65") - d("0.60")), base="1"), Width(d("0.05"), Unit.POINTS))


@pytest.mark.parametrize(("amount", "beyond"), [("3.00", False), ("3.01", True)])
def test_a_relative_band_is_a_fraction_of_the_weight_itself(amount: str, beyond: bool) -> None:
    """5 % of a weight of 60 is 3 points, which is another band than 5 points."""
    assert is_beyond(of_quote(amount), Width(d("0.05"), Unit.RELATIVE)) is beyond


@pytest.mark.parametrize(
    ("deviation", "width", "in_own_space", "coins"),
    [
        (of_coins("1", scale="-2"), Width(d("0.01"), Unit.RELATIVE), "0.02", "0.02"),
        (of_coins("1"), Width(d("0.5"), Unit.COINS), "0.5", "0.5"),
        (of_coins("1"), Width(d("600"), Unit.QUOTE), "0.01", "0.01"),
        (of_quote("1", price="50"), Width(d("2"), Unit.COINS), "100", "2"),
        (of_quote("1", price="50"), Width(d("100"), Unit.QUOTE), "100", "2"),
        (of_quote("1", base="-100", price="50"), Width(d("0.05"), Unit.POINTS), "5", "0.1"),
    ],
)
def test_a_width_is_the_same_distance_in_coins_and_in_quote(
    deviation: Deviation, width: Width, in_own_space: str, coins: str
) -> None:
    """Whatever unit a band is written in, its width is known in the deviation's space and in coins."""
    assert limit(deviation, width) == d(in_own_space)
    assert in_coins(deviation, width) == d(coins)


@pytest.mark.parametrize(("amount", "beyond"), [("0.0033", False), ("-0.0033", False), ("0.0034", True)])
def test_a_ratio_band_in_quote_currency_is_judged_without_a_division(amount: str, beyond: bool) -> None:
    """Coins against 100 USDT at 30,303: both edges, by multiplication alone."""
    deviation = of_coins(amount, price="30303")

    assert is_beyond(deviation, Width(d("99.9999"), Unit.QUOTE)) is beyond


def test_points_of_a_ratio_target_have_no_width() -> None:
    """A ratio target has no base, so points of it are nothing (the config refuses them)."""
    assert is_beyond(of_coins("0.0000001"), Width(d("0.05"), Unit.POINTS))


def test_a_correction_stops_at_a_destination_other_than_the_target() -> None:
    """Beyond 10 a deviation of 11 is brought back to 4, from either side; at 10 nothing happens."""
    within = band("10", "4", Unit.COINS)

    assert correction(of_coins("11"), within, correcting=False) == d(-7)
    assert correction(of_coins("-11"), within, correcting=False) == d(7)
    assert correction(of_coins("10"), within, correcting=False) == 0


def test_a_correction_once_begun_goes_on_inside_the_trigger() -> None:
    """A partial fill that ends just inside the trigger does not end the hedge half-way."""
    within = band("10", "4", Unit.COINS)

    assert correction(of_coins("9"), within, correcting=True) == d(-5)
    assert correction(of_coins("4"), within, correcting=True) == 0


@pytest.mark.parametrize(("amount", "hedge"), [("4.6", "0"), ("4.61", "-0.61"), ("-4.61", "0.61")])
def test_a_correction_ends_when_its_destination_is_all_but_reached(amount: str, hedge: str) -> None:
    """A tenth of the way from 4 to 10 is 0.6: what the market moves in the meantime is not run after."""
    assert correction(of_coins(amount), band("10", "4", Unit.COINS), correcting=True) == d(hedge)


def test_a_band_without_a_destination_inside_it_asks_for_nothing() -> None:
    """A destination outside the trigger (which the config refuses) never makes a hedge go the wrong way."""
    assert correction(of_coins("11"), band("10", "12", Unit.COINS), correcting=False) == 0


AMOUNTS = st.decimals(min_value=-1_000, max_value=1_000, places=6)
UNITS = st.sampled_from(Unit)


@given(AMOUNTS, UNITS, st.decimals(0, 5, places=4), st.decimals(0, 1, places=3), st.booleans(), st.sampled_from(Space))
def test_a_correction_moves_toward_the_target_and_never_past_its_destination(
    amount: Decimal, unit: Unit, trigger: Decimal, share: Decimal, correcting: bool, space: Space
) -> None:
    """Inside the band nothing is traded; outside, what is left lies at the destination and on the same side."""
    deviation = Deviation(space=space, amount=amount, scale=d(40), base=d(100), price=d(50))
    within = Band(Width(trigger, unit), Width(trigger * share, unit))
    coins = amount if space is Space.COINS else amount / 50
    hedge = correction(deviation, within, correcting=correcting)

    if not correcting and not is_beyond(deviation, within.trigger):
        assert hedge == 0
    if hedge:
        assert hedge * amount < 0
        assert abs(abs(coins + hedge) - in_coins(deviation, within.destination)) < d("1e-20")
        assert (coins + hedge) * coins >= 0


@given(AMOUNTS, st.booleans(), st.sampled_from(Space))
def test_a_mirrored_deviation_is_corrected_by_the_mirrored_hedge(
    amount: Decimal, correcting: bool, space: Space
) -> None:
    """Bands are symmetric: what is sold of a surplus is bought of the same lack."""
    within = band("2", "0.5", Unit.COINS)
    one, other = (Deviation(space=space, amount=sign * amount, scale=d(1), base=d(1), price=d(7)) for sign in (1, -1))

    assert correction(one, within, correcting=correcting) == -correction(other, within, correcting=correcting)


def lopsided() -> Band:
    """Ten coins above the target back to four, two below it back to one; beyond twenty at once."""
    widths = [Width(d(n), Unit.COINS) for n in (10, 4, 2, 1, 20)]
    return Band(*widths)


@pytest.mark.parametrize(
    ("amount", "breached", "hedge"),
    [("10", False, "0"), ("10.1", True, "-6.1"), ("-2", False, "0"), ("-2.1", True, "1.1"), ("-10", True, "9")],
)
def test_a_band_may_be_wider_on_one_side(amount: str, breached: bool, hedge: str) -> None:
    """The sign of the deviation says which trigger and which destination count."""
    assert is_breached(of_coins(amount), lopsided()) is breached
    assert correction(of_coins(amount), lopsided(), correcting=False) == d(hedge)


@pytest.mark.parametrize(("amount", "urgent"), [("20", False), ("20.1", True), ("-20.1", True)])
def test_a_deviation_beyond_the_instant_size_is_urgent(amount: str, urgent: bool) -> None:
    """On both sides, strictly; a band without one knows no urgency."""
    assert is_urgent(of_coins(amount), lopsided()) is urgent
    assert not is_urgent(of_coins(amount), band("1"))


def test_the_narrowest_of_several_bands_decides_on_each_side() -> None:
    """Nine coins either way are narrower than ten above, and wider than two below."""
    nine = band("9", unit=Unit.COINS)
    judged = [(of_coins("5"), lopsided()), (of_coins("5"), nine)]

    assert narrowest(judged, above=True)[1] == nine
    assert narrowest(judged, above=False)[1] == lopsided()
