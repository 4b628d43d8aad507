"""Scenario files: what they say, and one clear line for what they must not."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.simex.faults.catalogue import KINDS
from bot.simex.faults.log import Firing, line
from bot.simex.faults.model import Fault, Scope, When
from bot.simex.faults.scenario import Scenario, load, parsed
from bot.simex.faults.values import Param
from bot.simex.main import config_of, parser

TEXT = """
seed: 7
log: out.jsonl
faults:
  - name: lost answers
    kind: drop_answer
    scope: {venue: binance, method: POST, endpoint: /fapi/v1/order}
    when: {at: 30s, probability: 0.05}
    for: 10m
    params: {executes: 0.5}
  - {kind: frame_drop, scope: {channel: "*depth*"}, when: {after: 10}}
steps:
  - {at: 1.5h, do: shock, with: {asset: BTC, factor: 0.9}}
  - {do: close, per_hour: 6, scope: {venue: bybit}}
"""


def written(directory: Path, text: str) -> Path:
    """A scenario file."""
    path = directory / "scenario.yaml"
    path.write_text(text)
    return path


def test_a_scenario_says_all_of_it(tmp_path: Path) -> None:
    """Every key has its place; times have units; what does not repeat happens once."""
    scenario = load(written(tmp_path, TEXT))
    lost, gap, shock, close = scenario.faults

    assert (7, tmp_path / "out.jsonl", ()) == (scenario.seed, scenario.log, scenario.replay)
    assert lost == Fault(
        "drop_answer",
        scope=Scope(venue="binance", method="POST", endpoint="/fapi/v1/order"),
        when=When(at_ms=30_000, probability=0.05),
        duration_ms=600_000,
        params={"executes": 0.5},
        name="lost answers",
    )
    assert (1, 10) == (gap.count, gap.when.after_n)
    assert (5_400_000, 1, "shock") == (shock.when.at_ms, shock.count, shock.kind)
    assert (0, 6) == (close.count, close.when.per_hour)


def test_an_empty_scenario_has_no_faults(tmp_path: Path) -> None:
    """An empty file is a run without faults."""
    assert Scenario() == load(written(tmp_path, ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults: [", "scenario.yaml:1: not YAML"),
        ("[]", "the scenario: a mapping is needed, with seed, log, faults, steps, replay"),
        ("fault: []", "fault is unknown; allowed are seed, log"),
        ("seed: -1", "seed -1: a whole number"),
        ("faults: {}", "faults: a list of at most 1000"),
        ("faults: [{kind: nonsense}]", r"faults\[0\]: kind 'nonsense': allowed are ack_lost, ack_refused, adl"),
        ("faults: [{kind: delay}]", r"faults\[0\]: variant '' of delay: allowed are before, after"),
        ("faults: [{kind: drop_answer, variant: x}]", "drop_answer has no variants"),
        ("faults: [{kind: drop_answer, whenn: {}}]", "whenn is unknown; allowed are name, kind"),
        ("faults: [{kind: drop_answer, when: {at: 30}, for: soon}]", "for 'soon': milliseconds, or a number with ms"),
        ("faults: [{kind: drop_answer, when: {probability: 2}}]", "probability 2: allowed is 0 to 1"),
        ("faults: [{kind: drop_answer, when: {on_event: rain}}]", "on_event 'rain': allowed are new, fill"),
        ("faults: [{kind: drop_answer, when: {per_hour: 2}}]", "hits what passes: allowed are at, after"),
        ("faults: [{kind: refuse}]", "refuse is a state: say for how long"),
        ("faults: [{kind: refuse, for: 1s, when: {after: 2}}]", "happens by the clock: allowed are at, every"),
        ("faults: [{kind: frame_drop, scope: {account: me}}]", "scope account of frame_drop: allowed are venue, host"),
        ("faults: [{kind: frame_drop, scope: {channel: 5}}]", "channel 5: a text is needed"),
        ("faults: [{kind: delay, variant: after, params: {delay: 3}}]", "delay of delay: allowed are delay_ms"),
        (
            "faults: [{kind: delay, variant: after, params: {delay_ms: 1.5}}]",
            "delay_ms 1.5: a whole number of 0 to 120000",
        ),
        ("faults: [{kind: delay, variant: after, params: {delay_ms: {normal: 3}}}]", "write one of uniform"),
        (
            "faults: [{kind: delay, variant: after, params: {delay_ms: {uniform: [9, 1]}}}]",
            "the first number is the smaller",
        ),
        (
            "faults: [{kind: drop_answer, params: {executes: 3}}]",
            "executes 3: allowed are true, false and a probability",
        ),
        ("faults: [{kind: drop_answer, count: -1}]", "count -1: allowed is 0 to 1000000"),
        ("steps: [{do: drop_answer}]", r"steps\[0\]: do 'drop_answer': that hits what passes and belongs under faults"),
        ("steps: [{do: shock, with: {asset: BTC}}]", "factor of shock is missing"),
        ("steps: [{do: deposit, with: {wallet: spot, asset: BTC, amount: much}}]", "amount 'much': a number is needed"),
        ("steps: [{do: adl, with: {side: up}}]", "side 'up': allowed are both, long, short"),
        ("replay: none.jsonl", "replay: .*none.jsonl: No such file"),
        ("replay: none.jsonl\nfaults: []", "a replay has no faults and no steps"),
    ],
)
def test_bad_input_is_one_line_that_says_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    """The file, the place in it, and what is allowed."""
    with pytest.raises(ValueError, match=says) as caught:
        load(written(tmp_path, text))

    assert str(caught.value).startswith(str(tmp_path / "scenario.yaml"))
    assert 1 == len(str(caught.value).splitlines())


def test_a_replay_reads_its_log(tmp_path: Path) -> None:
    """The firings of the named file, found beside the scenario."""
    firing = Firing(3, "drop_answer", "", 5, nth=2, params={"executes": True})
    (tmp_path / "log.jsonl").write_text(line(firing) + "\n")

    assert (firing,) == load(written(tmp_path, "replay: log.jsonl")).replay


def test_every_kind_can_be_said() -> None:
    """With what it needs and its first variant, every kind of the catalogue is a fault; its defaults are allowed."""
    for name, kind in KINDS.items():
        needed = {"text": "BUY" if name == "foreign_order" else "BTC", "amount": "1", "number": 1, "integer": 1}
        params: dict[str, Any] = {one: needed[param.kind] for one, param in kind.params.items() if param.needed}
        fault = Fault(name, kind.variants[0] if kind.variants else "", duration_ms=1_000, params=params)
        for one, param in kind.params.items():
            if param.default not in (None, ""):
                param.check(one, param.default)

        assert kind is fault.what
        assert kind.text


@pytest.mark.parametrize(
    "value",
    [{"uniform": [100, 3_000]}, {"exponential": 400}, {"lognormal": [300, 1.0]}, {"choice": [100, 200, 5_000]}, 7],
)
def test_draws_are_whole_and_within_bounds(value: Any) -> None:
    """Whatever the distribution, what is drawn is allowed, and the same from the same seed."""
    param = Param("integer", 0, 50, 1_000)
    drawn = [[param.drawn(value, random) for _ in range(200)] for random in (Random(1), Random(1))]

    assert drawn[0] == drawn[1]
    assert value == 7 or all(isinstance(one, int) and 50 <= one <= 1_000 for one in drawn[0])


def test_the_command_line_takes_a_scenario(tmp_path: Path) -> None:
    """--faults FILE is in the configuration; a bad file, or none, is one line."""
    path = written(tmp_path, TEXT)
    bad = parser().parse_args(["--faults", str(tmp_path / "none.yaml")])

    assert 7 == config_of(parser().parse_args(["--faults", str(path)])).faults.seed
    assert Scenario() == config_of(parser().parse_args([])).faults
    with pytest.raises(ValueError, match=r"none\.yaml: No such file"):
        config_of(bad)


def test_a_text_has_the_same_errors() -> None:
    """What comes over the control API is named as its sender named it."""
    with pytest.raises(ValueError, match=r"^yaml: steps\[0\]: do"):
        parsed("steps: [{}]", "yaml", Path())
