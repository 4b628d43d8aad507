"""Swarms: drawn scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.simex.faults.armed import Injections
from bot.simex.faults.scenario import Scenario, of
from bot.simex.faults.swarm import CLASSES, document, swarm
from tests.simex.faults.test_armed import ORDER

LIMITS = {"drop_answer": 0.05, "late": 0.02, "http_503": 0.03, "garbage_200": 0.01}
LIMITS |= {"frame_drop": 0.02, "frame_duplicate": 0.02, "frame_reorder": 0.05}


def test_a_seed_gives_one_scenario() -> None:
    """The same seed draws the same, another one something else; the document is what a file may hold."""
    assert swarm(3, 2) == swarm(3, 2)
    assert len({str(document(seed, 2)) for seed in range(50)}) == 50
    assert document(3, 2) == yaml.safe_load(yaml.safe_dump(document(3, 2)))


def test_each_class_is_in_half_of_them_with_rates_in_bounds() -> None:
    """Over many seeds every class comes about every second time, and no rate is above its limit."""
    scenarios = [swarm(seed, 1) for seed in range(200)]
    names = [name for one in scenarios for name in {fault.name for fault in one.faults}]
    rates = [(fault.kind, fault.when.probability) for one in scenarios for fault in one.faults if fault.kind in LIMITS]

    assert all(70 < names.count(name) < 130 for name in CLASSES)
    assert all(rate <= LIMITS[kind] for kind, rate in rates)
    assert {fault.duration_ms for fault in scenarios[0].faults} <= {0, 3_600_000}


def test_a_livelier_swarm_has_the_same_faults_at_higher_rates() -> None:
    """Probabilities and rates an hour are multiplied, up to a bound; nothing else changes."""
    for seed in range(20):
        usual, lively = swarm(seed, 1).faults, swarm(seed, 1, 20).faults
        assert [(one.kind, one.params, one.duration_ms) for one in usual] == [
            (one.kind, one.params, one.duration_ms) for one in lively
        ]
        for one, other in zip(usual, lively, strict=True):
            assert other.when.per_hour == pytest.approx(20 * one.when.per_hour)
            expected = min(20 * one.when.probability, 0.5) if one.when.probability < 1 else 1
            assert other.when.probability == pytest.approx(expected)


def test_its_length_and_its_liveliness_are_bounded() -> None:
    """Nothing, or more than a month, is refused, as is a wrong factor; what is armed ends with its hours."""
    for hours in (0, 745):
        with pytest.raises(ValueError, match="hours"):
            swarm(1, hours)
    for times in (0, 21):
        with pytest.raises(ValueError, match="times"):
            swarm(1, 1, times)
    now = [0]
    injections = Injections(lambda: now[0])
    row = {"kind": "drop_answer", "when": {"probability": 1}, "for": 3_600_000}
    scenario: Scenario = of({"faults": [row]}, Path())
    scenario.arm(injections)
    hits = []
    for now[0] in (0, 3_599_999, 3_600_000):
        hits.append(len(injections.take("http", ORDER)))

    assert [1, 1, 0] == hits
