"""A target whose end lies in the past is refused while it is new, and left alone once it was in force."""

from __future__ import annotations

from bot.domain.units import SECOND_NS, Nanos
from bot.runtime.endings import past_ends
from bot.runtime.portfolio import targets
from bot.runtime.settings_load import Loaded, load_text

YEAR_2030_NS = Nanos(1_893_456_000 * SECOND_NS)
CONFIG = """
portfolio: p
assets: {BTC: {}, ETH: {}}
targets:
  - {name: forever, kind: neutral, assets: [ETH], band: {trigger: 1 %}}
  - name: once
    kind: neutral
    assets: [BTC]
    band: {trigger: 1 %}
    until: {time: 2029-06-30T00:00:00Z}
"""


def loaded(text: str = CONFIG) -> Loaded:
    return load_text(text, "p.yaml", {})


def test_a_new_target_that_is_over_already_is_refused_at_its_line() -> None:
    """A mistyped year would close hedges that stand: it is one line that names the place."""
    (problem,) = past_ends(loaded(), (), YEAR_2030_NS)

    assert "targets[1].until.time" in str(problem)
    assert "lies in the past" in str(problem)


def test_a_time_to_come_is_fine() -> None:
    """Until its moment a target with an end is as any other."""
    assert [] == list(past_ends(loaded(), (), Nanos(YEAR_2030_NS - 400 * 86_400 * SECOND_NS)))


def test_one_that_was_in_force_may_stay_in_the_config_once_it_is_over() -> None:
    """A restart after a target ended by itself is no mistake; the same target with another past time is."""
    known = targets(loaded().settings)
    changed = loaded(CONFIG.replace("2029-06-30", "2029-07-01"))

    assert [] == list(past_ends(loaded(), known, YEAR_2030_NS))
    assert 1 == len(list(past_ends(changed, known, YEAR_2030_NS)))
