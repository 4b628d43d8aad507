"""What ends a target by itself, what closes a hedge early, and what comes of its futures."""

import msgspec
import pytest

from bot.domain.bands import Auto, Unit, Width
from bot.domain.targets import RatioTarget, TargetSpec
from bot.domain.triggers import PriceEnd, Until, When
from bot.domain.units import Nanos
from bot.policy.compose import Derived
from tests.kit import BTC, ETH, band, d, neutral, pricing, weights
from tests.policy.views import NOW, book, derived, only

VIEW = book(BTC=("60000", "1", "-1"))


def until(**changes: object) -> RatioTarget:
    """A neutral target that ends by itself."""
    return msgspec.structs.replace(neutral("BTC"), until=Until(**changes))  # type: ignore[arg-type]


def hedge(found: Derived) -> object:
    """What is traded."""
    return found.needs[0].hedge if found.needs else d(0)


@pytest.mark.parametrize(("at", "over"), [(NOW, True), (NOW + 1, False)])
def test_a_target_ends_at_its_time(at: int, over: bool) -> None:
    """From then on its hedge is closed."""
    found = only(until(at_ns=Nanos(at)), view=VIEW)

    assert found.ended == ((("neutral", "its time has come"),) if over else ())
    assert hedge(found) == (d(1) if over else d(0))


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ({"above": d(60_000)}, "BTC at 60000 has reached 60000"),
        ({"below": d(60_000)}, "BTC at 60000 has fallen to 60000"),
        ({"above": d(60_001), "below": d(59_999)}, None),
    ],
)
def test_a_target_ends_at_a_price(end: dict[str, object], why: str | None) -> None:
    """At it or beyond; and the rows say how far away it is."""
    found = only(until(price=PriceEnd(asset=BTC, **end)), view=VIEW)  # type: ignore[arg-type]

    assert found.ended == ((("neutral", why),) if why else ())
    if why is None:
        rows = [(row.constant, row.coefficients[pricing("BTC")]) for row in found.rows({BTC: pricing("BTC")})]
        assert rows == [(60_001.0, -1.0), (-59_999.0, 1.0)]


def test_a_price_may_end_a_target_on_one_side_only() -> None:
    """Then there is one row."""
    for end in (PriceEnd(asset=BTC, above=d(70_000)), PriceEnd(asset=BTC, below=d(50_000))):
        found = only(until(price=end), view=VIEW)
        assert (found.ended, len(found.rows({BTC: pricing("BTC")}))) == ((), 1)


def test_a_price_that_is_not_known_ends_nothing() -> None:
    """Of another coin, say."""
    found = only(until(price=PriceEnd(asset=ETH, above=d(1))), view=VIEW)

    assert (found.ended, found.outside) == ((), ())


@pytest.mark.parametrize(("rate", "ended"), [(-0.2, True), (-0.1, False), (0.5, False), (None, False)])
def test_a_target_ends_when_its_funding_is_too_dear(rate: float | None, ended: bool) -> None:
    """A short pays where funding is negative; 10 % a year is the most, and what is not known ends nothing."""
    view = msgspec.structs.replace(VIEW, funding_apr={} if rate is None else {BTC: rate})
    found = only(until(funding_cost_max=d("0.1")), view=view)

    assert bool(found.ended) is ended


def healing(futures: str, **changes: object) -> Derived:
    """60/40 of a book at 62/38, that ends once it has healed."""
    target = msgspec.structs.replace(weights(within=band("0.05", unit=Unit.POINTS)), until=Until(drift_healed=True))
    return only(target, view=book(changes=changes, BTC=("1", "62", futures), ETH=("1", "38", "0")))


def test_a_drift_that_has_healed_ends_a_rebalance_that_was_made() -> None:
    """Inside the band without a hedge: it is closed. One that never stood has not healed."""
    assert [name for name, _ in healing("-3").ended] == ["weights"]
    assert [need.hedge for need in healing("-3").needs] == [d(3), d(0)]
    assert healing("0").ended == ()


def test_the_books_say_whether_a_target_stands() -> None:
    """Futures of others are not its hedge."""
    assert healing("-3", booked={"weights": {BTC: d(0)}}).ended == ()
    assert healing("-3", booked={"weights": {BTC: d(-3)}}).ended != ()


def test_a_drift_that_has_not_healed_ends_nothing() -> None:
    """66/34 without the hedge is outside of five points; for an auto band its floor is asked."""
    target = msgspec.structs.replace(weights(within=band("0.05", unit=Unit.POINTS)), until=Until(drift_healed=True))
    view = book(BTC=("1", "66", "-6"), ETH=("1", "34", "6"))
    auto = Auto(hard=Width(d("0.1"), Unit.POINTS), risk_aversion=d(100), floor=Width(d("0.07"), Unit.POINTS))

    assert only(target, view=view).ended == ()
    assert only(msgspec.structs.replace(target, band=auto), view=view).ended != ()


def test_a_target_that_has_ended_stays_ended() -> None:
    """Its name is enough: its hedge is closed and nothing is said again."""
    found = only(neutral("BTC"), view=VIEW, ended=("neutral",))

    assert (found.ended, hedge(found)) == ((), d(1))
    assert found.needs[0].why.endswith("ended")


def test_what_another_target_wants_stays() -> None:
    """The one that ended only takes its overlay away, and its band decides nothing any more."""
    half = msgspec.structs.replace(neutral("BTC", ratio="0.5"), name="half")
    found = only(neutral("BTC"), half, view=VIEW, ended=("neutral",))

    assert hedge(found) == d("0.5")
    assert found.needs[0].shares == {"half": d("-0.5")}


def early(rate: float | None, *, closed: bool, limit: str = "0.1") -> Derived:
    """A neutral target with a limit on what its funding may cost."""
    target: TargetSpec = msgspec.structs.replace(neutral("BTC"), when=When(funding_cost_max=d(limit)))
    view = msgspec.structs.replace(VIEW, funding_apr={} if rate is None else {BTC: rate})
    return only(target, view=view, closed=("neutral",) if closed else ())


@pytest.mark.parametrize(
    ("rate", "closed", "now_closed"),
    [
        (-0.11, False, True),
        (-0.10, False, False),
        (-0.06, True, True),
        (-0.05, True, False),
        (None, True, True),
        (None, False, False),
        (0.3, True, False),
    ],
)
def test_a_hedge_whose_funding_is_too_dear_is_closed_until_it_is_half_of_that(
    rate: float | None, closed: bool, now_closed: bool
) -> None:
    """What costs too much is closed, told, and comes back; what is not known changes nothing."""
    found = early(rate, closed=closed)

    assert [name for name, _ in found.closed] == (["neutral"] if now_closed else [])
    assert hedge(found) == (d(1) if now_closed else d(0))


def test_a_hedge_of_nothing_costs_nothing() -> None:
    """Without coins there is no funding to be paid."""
    target = msgspec.structs.replace(neutral("BTC"), when=When(funding_cost_max=d("0.1")))
    found = only(target, view=book(changes={"funding_apr": {BTC: -9.0}}, BTC=("60000", "0", "0")))

    assert (found.closed, found.outside) == ((), ())


def test_closing_waits_for_nothing() -> None:
    """Neither for a calendar nor for a duration."""
    target = msgspec.structs.replace(until(at_ns=NOW), when=When(persist_ns=10**15))

    assert only(target, view=VIEW).fired


def test_the_legs_of_a_basket_that_ended_are_closed_together() -> None:
    """Each to nothing, whichever side it is on."""
    view = book(BTC=("1", "62", "-2"), ETH=("1", "38", "2"))
    found = derived(weights(), view=view, ended=("weights",))

    assert [need.hedge for one in found for need in one.needs] == [d(2), d(-2)]
