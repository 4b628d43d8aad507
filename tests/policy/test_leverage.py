"""Leverage up: the exposure goes to its multiple of the base and not beyond its bound."""

import msgspec
import pytest

from bot.domain.bands import Band, Unit, Width
from bot.domain.targets import LeverageTarget
from tests.kit import BTC, ETH, band, d, pricing
from tests.policy.views import book, missing, needs, only, trades

ANY = band("0", unit=Unit.POINTS)
VIEW = book(cash="10000", BTC=("50000", "0.4", "0"), ETH=("2500", "0", "0"))


def up(leverage: str, most: str, within: Band = ANY) -> LeverageTarget:
    """60/40 of leverage x NAV."""
    return LeverageTarget(
        name="up",
        weights={BTC: d("0.6"), ETH: d("0.4")},
        leverage=d(leverage),
        leverage_max=d(most),
        band=within,
    )


def test_coins_that_are_held_are_a_part_of_the_exposure() -> None:
    """30,000 of NAV, of which 20,000 in BTC: twice is 36,000 of BTC and 24,000 of ETH."""
    assert trades(up("2", "3"), view=VIEW) == {"BTC": d(16_000), "ETH": d(24_000)}


def test_no_aim_is_above_its_bound() -> None:
    """A leverage of five with a bound of two is two, and told."""
    assert trades(up("5", "2"), view=VIEW) == {"BTC": d(16_000), "ETH": d(24_000)}
    assert "leverage bounded at 2" in needs(up("5", "2"), view=VIEW)["BTC"].why


@pytest.mark.parametrize(("futures", "breached"), [("0.356", False), ("0.357", True), ("0.2", False)])
def test_the_band_ends_where_the_bound_is_passed(futures: str, breached: bool) -> None:
    """20 points of band, but only 0.1 x 60 % of NAV to the bound: 1,800 above 36,000, and 6,000 below."""
    view = book(cash="10000", BTC=("50000", "0.4", futures), ETH=("2500", "0", "9.6"))
    within = band("0.2", unit=Unit.POINTS)
    found = only(up("2", "2.1", within), view=view)
    rows = found.rows({BTC: pricing("BTC"), ETH: pricing("ETH")})
    at = {pricing("BTC"): 50_000.0, pricing("ETH"): 2_500.0}

    assert (found.outside == (BTC,)) is breached
    assert (min(row.slack(at) for row in rows) < -1) is breached


def test_beyond_the_bound_nothing_is_waited_for() -> None:
    """A correction there ends no further out than the bound, and is urgent."""
    view = book(cash="10000", BTC=("50000", "0.4", "0.42"), ETH=("2500", "0", "9.6"))
    within = Band(Width(d("0.2"), Unit.POINTS), Width(d("0.1"), Unit.POINTS))
    found = only(up("2", "2.1", within), view=view)

    assert found.judged[0].urgent()
    assert [round(need.hedge * need.price) for need in found.needs] == [-3_200, 0]
    to_target = only(up("2", "2.1", band("0.2", unit=Unit.POINTS)), view=view)
    assert [round(need.hedge * need.price) for need in to_target.needs] == [-5_000, 0]


def test_a_band_narrower_than_the_bound_is_left_as_it_is() -> None:
    """One point of band where there are three points of room."""
    view = book(cash="10000", BTC=("50000", "0.4", "0.33"), ETH=("2500", "0", "9.6"))
    found = only(up("2", "2.05", band("0.01", unit=Unit.POINTS)), view=view)

    assert found.outside == (BTC,)
    assert [one.band for one in found.judged[0].aims] == [band("0.01", unit=Unit.POINTS)]


def test_a_bound_without_room_is_told() -> None:
    """At the bound itself the band alone keeps the leverage."""
    assert "leaves no room above leverage" in needs(up("2", "2"), view=VIEW)["BTC"].why


def test_an_unknown_base_stops_it() -> None:
    """Nothing is leveraged on what is not known."""
    view = msgspec.structs.replace(VIEW, blind={BTC: "no answer"})

    assert "no answer" in missing(up("2", "3"), view=view)


def test_rows_tell_where_the_bound_becomes_the_edge() -> None:
    """1,500 of band against 1,800 to the bound: a fall of NAV by a quarter makes the bound the nearer one."""
    target = up("2", "2.1", band("1500", unit=Unit.QUOTE))
    view = book(cash="10000", BTC=("50000", "0.4", "0.32"), ETH=("2500", "0", "9.6"))
    rows = only(target, view=view).rows({BTC: pricing("BTC"), ETH: pricing("ETH")})
    before, after = ({pricing("BTC"): price, pricing("ETH"): 2_500.0} for price in (50_000.0, 30_000.0))

    assert min(row.slack(before) for row in rows) >= -1e-6
    assert any(row.slack(after) < 0 and not row.coefficients for row in rows)
