"""Rules at equal tracking error."""

from __future__ import annotations

import pytest

from bot.lab.bands.frontier import EQUAL, Frontier
from bot.lab.bands.history import Book, History, made
from bot.lab.bands.living import Outcome, lived
from bot.lab.bands.rules import FAMILIES, ToEdge, ToTarget

PAIR = Book(assets=("AA", "BB"), weights=(0.6, 0.4), costs=(5e-4, 5e-4), volatilities=(0.6, 0.9))


@pytest.fixture(scope="module")
def history() -> History:
    """More than a year of two coins."""
    return made(11, 400, 0.7, PAIR)


def test_a_rule_is_found_again(history: History) -> None:
    """The member that strays as far as a member is that member, at the same cost."""
    match = Frontier(history, PAIR, FAMILIES["fixed edge"]).beside(lived(history, PAIR, ToEdge(0.006)))

    assert match is not None
    assert match.is_equal
    assert match.number == pytest.approx(0.006, rel=0.01)
    assert match.ratio == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("width", [0.005, 0.0075])
def test_to_the_edge_costs_seven_tenths_of_to_the_target(history: History, width: float) -> None:
    """Geometric Brownian motion, equal tracking error: a ratio of 0.63 to 0.78 (property 14)."""
    reference = lived(history, PAIR, ToTarget(width))
    match = Frontier(history, PAIR, FAMILIES["fixed edge"]).beside(reference)

    assert match is not None
    assert match.is_equal
    assert match.outcome.tracking_error == pytest.approx(reference.tracking_error, rel=EQUAL)
    assert 0.63 <= match.ratio <= 0.78


@pytest.mark.parametrize("error", [1e-9, 10.0])
def test_what_a_family_cannot_reach_is_not_made_up(history: History, error: float) -> None:
    """No member strays as little as nothing, or by ten times NAV: there is no match."""
    reference = Outcome(tracking_error=error, cost=1.0, trades=1.0)

    assert Frontier(history, PAIR, FAMILIES["fixed edge"]).beside(reference) is None


def test_lives_are_shared_between_references(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same reference asked for again takes no further life."""
    frontier = Frontier(history, PAIR, FAMILIES["fixed edge"])
    reference = lived(history, PAIR, ToTarget(0.01))
    first = frontier.beside(reference)
    monkeypatch.setattr("bot.lab.bands.frontier.lived", None)

    assert first == frontier.beside(reference)
