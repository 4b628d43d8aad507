"""The express lane: it changes how fast things happen and nothing of what happens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.simex.core.refusal import Refused
from bot.simex.core.venue import BINANCE, BYBIT, VenueRules
from tests.simex.core.test_exchange import Anything

UNIFIED = replace(BYBIT, fok_expires=frozenset())
STEPS = 250


def _story(seed: int, rules: VenueRules, *, is_open: bool) -> list[str]:
    """Random calls, mostly of plain orders: what was refused and why, and every event with all that it says."""
    anything = Anything(seed, rules)
    anything.exchange._desk.lane.is_open = is_open
    calls = (anything.place, anything.place, anything.cancel, anything.amend, anything.amend, anything.market)
    told = []
    for _ in range(STEPS):
        try:
            anything.draw.choice(calls)()
        except Refused as refused:
            told.append(str(refused))
    anything.check()
    return told + [repr(event) for event in anything.exchange.drain()]


@pytest.mark.parametrize("rules", [BINANCE, UNIFIED], ids=["single", "unified"])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_with_the_lane_closed(seed: int, rules: VenueRules) -> None:
    """The same calls give the same refusals and the same events, with the lane and without."""
    assert _story(seed, rules, is_open=True) == _story(seed, rules, is_open=False)
