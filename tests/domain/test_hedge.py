"""Sums of a derivation."""

from bot.domain.hedge import Need, Parts
from tests.kit import BTC, d


def test_exposure_is_the_sum_of_its_parts() -> None:
    """Held and declared coins, futures and working orders add up; only coins count as the holding."""
    parts = Parts(d(2), d("0.5"), d("-1.5"), d("-0.25"))

    assert parts.holding == d("2.5")
    assert parts.exposure == d("0.75")


def test_a_deviation_has_a_value() -> None:
    """A deviation's value is its coins at their price."""
    need = Need(
        asset=BTC,
        price=d(60_000),
        parts=Parts(d(1), d(0), d(0), d(0)),
        target=d(0),
        deviation=d("-0.5"),
        trigger=d(0),
        destination=d(0),
        breached=True,
        hedge=d("0.5"),
        why="",
    )

    assert need.value == d(-30_000)
