"""Alerts of hedges that had a choice: where they went and why, and that they moved."""

from __future__ import annotations

from bot.ops.alerts.kinds import Kind
from tests.engine.routed import FIRST, SECOND, RoutedWorld
from tests.ops.alerts.scribe import Scribe


class Told(Scribe, RoutedWorld):
    """A book with two perpetuals on BTC, and what is told of it."""


def test_a_hedge_says_why_it_is_where_it_is() -> None:
    """The target's words, and then the route's."""
    (alert,) = Told.routed().run(5).told(Kind.HEDGE)

    assert alert.title == "BTC hedged: sold 1 BTC at 59,999.90 (0.0 bps)"
    assert f"{SECOND} costs -236.54 bps over the horizon, the least of 2" in alert.text


def test_a_move_is_told_once_with_what_it_saves() -> None:
    """One alert with both orders and the reason; the notice that it is over is for the journal."""
    world = Told.routed()
    world.run(5)
    world.flip("BTC2", "-0.20")
    world.run(15)

    _, alert = world.told(Kind.HEDGE)
    assert alert.title == "BTC hedge moved: bought 1 BTC at 60,000.10, sold 1 BTC at 59,999.90 (0.0 bps)"
    assert f"moving from {SECOND} to {FIRST} saves 205.48 bps for 15.03 bps" in alert.text
    assert not world.told(Kind.COMPONENT)
