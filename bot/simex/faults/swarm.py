"""A swarm: a scenario drawn from a seed. Every class of faults is in it or not, and its rate is drawn as well.

A run with many classes at moderate rates finds what no scenario of one's own does; leaving half of them out each time
lets the others come to the fore. The same seed gives the same scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from bot.simex.faults.model import PER_HOUR_MAX
from bot.simex.faults.scenario import Scenario, of

HOURS_MAX: Final = 744.0
TIMES_MAX: Final = 20.0
CHANCE: Final = 0.5
_GARBAGE: Final = ("empty", "truncated", "cut", "html", "{}")
_STEP_MS_MAX: Final = 10_000
_MOST: Final = {"probability": 0.5, "per_hour": PER_HOUR_MAX}
Row = dict[str, Any]


def _share(random: Random, most: float) -> float:
    return round(random.uniform(0, most), 5)


def _lost_answers(random: Random) -> list[Row]:
    when = {"probability": _share(random, 0.05)}
    return [{"kind": "drop_answer", "scope": {"method": "POST"}, "when": when}]


def _late(random: Random) -> list[Row]:
    params = {"delay_ms": {"uniform": [500, 20_000]}}
    when = {"probability": _share(random, 0.02)}
    variant = random.choice(("silent", "told"))
    return [{"kind": "late", "variant": variant, "scope": {"method": "POST"}, "when": when, "params": params}]


def _unknown(random: Random) -> list[Row]:
    when = {"probability": _share(random, 0.03)}
    row = {"kind": "http_503", "variant": "unknown", "scope": {"method": "POST"}, "when": when}
    return [{**row, "params": {"executes": 0.5}}]


def _garbage(random: Random) -> list[Row]:
    when = {"probability": _share(random, 0.01)}
    return [{"kind": "garbage_200", "variant": random.choice(_GARBAGE), "when": when, "params": {"executes": 0.5}}]


def _closes(random: Random) -> list[Row]:
    return [{"kind": "close", "when": {"per_hour": _share(random, 60)}}]


def _frames(kind: str, most: float, **params: Any) -> Callable[[Random], list[Row]]:
    def drawn(random: Random) -> list[Row]:
        return [{"kind": kind, **params, "when": {"probability": _share(random, most)}}]

    return drawn


def _clock(random: Random) -> list[Row]:
    """Steps of up to ten seconds, of which those forward and those back are equally frequent."""
    per_hour = _share(random, 1) / 2
    size = random.randint(1, _STEP_MS_MAX)
    return [
        {"kind": "clock_step", "when": {"per_hour": per_hour}, "params": {"step_ms": sign * size}} for sign in (1, -1)
    ]


CLASSES: Final[Mapping[str, Callable[[Random], list[Row]]]] = {
    "lost answers": _lost_answers,
    "late landing": _late,
    "503 unknown": _unknown,
    "garbage": _garbage,
    "websockets closed": _closes,
    "frames lost": _frames("frame_drop", 0.02),
    "frames twice": _frames("frame_duplicate", 0.02, variant="same"),
    "frames out of order": _frames("frame_reorder", 0.05, params={"window_ms": 500}),
    "clock steps": _clock,
}
"""The classes by name. Crashes of the client are a matter of the client's own test."""


def document(seed: int, hours: float, times: float = 1) -> Row:
    """The scenario as it would stand in a file, its rates multiplied. ValueError for a length or factor out of bounds.

    A run of seconds meets what a run of hours does when its rates are some times higher.
    """
    if not 0 < hours <= HOURS_MAX:
        raise ValueError(f"hours {hours}: allowed is more than 0 and at most {HOURS_MAX:g}")
    if not 0 < times <= TIMES_MAX:
        raise ValueError(f"times {times}: allowed is more than 0 and at most {TIMES_MAX:g}")
    rows: list[Row] = []
    for name, drawn in CLASSES.items():
        # One stream a class: what a new class draws changes no other.
        random = Random(f"swarm:{seed}:{name}")
        if random.random() < CHANCE:
            rows += [{"name": name, **row, "for": round(hours * 3_600_000)} for row in drawn(random)]
    return {"seed": seed, "faults": [_livelier(_timed(row), times) for row in rows]}


def swarm(seed: int, hours: float, times: float = 1) -> Scenario:
    """The scenario of a seed for so many hours of exchange time, its rates multiplied."""
    return of(document(seed, hours, times), Path())


def _livelier(row: Row, times: float) -> Row:
    if times == 1:
        return row
    when = {name: min(value * times, _MOST.get(name, value)) for name, value in row["when"].items()}
    return {**row, "when": when}


def _timed(row: Row) -> Row:
    """What happens by the clock has no end of its own: a duration would be how long each change lasts."""
    if "per_hour" in row["when"]:
        return {name: value for name, value in row.items() if name != "for"}
    return row
