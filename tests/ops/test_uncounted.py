"""The view's line of a position that nothing counts, and its alert."""

from __future__ import annotations

import msgspec

from bot.domain.account import AccountSnapshot, Uncounted
from bot.domain.commands import Severity
from bot.domain.events import AccountSeen
from bot.ops import view
from bot.ops.alerts.kinds import Kind
from tests.kit import USDM, d
from tests.ops.alerts.test_notices import hedged
from tests.ops.samples import KILLED
from tests.ops.test_view import shown


def test_a_position_that_nothing_counts_has_a_line_of_its_own() -> None:
    """The first few of them; the screen stays as tall as it is."""
    found = tuple(f"SOLUSDT{number} at binance.usdm: a position" for number in range(view.UNCOUNTED_MAX + 1))
    before, lines = shown(view.draw(KILLED)), shown(view.draw(msgspec.structs.replace(KILLED, uncounted=found)))

    assert view.UNCOUNTED_MAX == sum("NOT COUNTED: SOLUSDT" in line for line in lines)
    assert len(lines) <= max(len(before), view.HEIGHT)


def test_a_hedge_by_hand_is_an_alert() -> None:
    """Critical where its coin is hedged: it may be hedged twice."""
    world = hedged()
    names = [one.id for one in world.rules.instruments if one.tiers]
    seen: AccountSnapshot = world.venue.snapshot(USDM, names, world.now)
    by_hand = msgspec.structs.replace(seen, uncounted=(Uncounted("BTCUSDC", d(-1)),))
    world.handle(AccountSeen(by_hand, world.now))

    alert = world.only(Kind.UNCOUNTED)
    assert alert.severity is Severity.CRITICAL
    assert alert.title == f"a position that nothing counts: {USDM}:BTCUSDC"
    assert "BTC is hedged as if it were not there" in alert.text
