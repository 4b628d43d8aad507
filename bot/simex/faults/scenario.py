"""A scenario: faults and steps in a YAML file, or in the body of a control request.

    seed: 7
    log: faults.jsonl
    faults:
      - {name: lost answers, kind: drop_answer, scope: {venue: binance, method: POST}, when: {probability: 0.05}}
    steps:
      - {at: 60s, do: shock, with: {asset: BTC, factor: 0.9}}
    replay: earlier.jsonl          in place of faults and steps

Times are whole milliseconds, or a number with a unit: 250ms, 30s, 5m, 2h, 1d. A step is a fault of the kinds that
are actions. Bad input is one line: the file, the place in it, and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bot.simex.faults.armed import Injections
from bot.simex.faults.log import Firing, FiringLog, read
from bot.simex.faults.model import Fault, Scope, When

FILE_BYTES_MAX: Final = 1 << 20
FAULTS_MAX: Final = 1_000
SEED_MAX: Final = 2**63
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LENGTH = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_SCOPE: Final = ("venue", "host", "symbol", "channel", "endpoint", "method", "account")
_WHEN: Final = ("at", "after", "probability", "on_event", "every", "per_hour")
_FAULT: Final = ("name", "kind", "variant", "scope", "when", "count", "for", "params")
_STEP: Final = ("name", "at", "on_event", "every", "per_hour", "count", "do", "variant", "scope", "with", "for")
SHORT_KINDS: Final = (
    *("http_503", "delay", "drop_answer", "garbage_200", "empty_list", "empty_balances", "stall", "error"),
)
"""The kinds that the control API also takes in the short form, as one flat object."""
_TOP: Final = ("seed", "log", "faults", "steps", "replay")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file asks for. `log` is where firings are written, `replay` the firings to repeat."""

    seed: int = 1
    log: Path | None = None
    faults: tuple[Fault, ...] = ()
    replay: tuple[Firing, ...] = ()

    def arm(self, injections: Injections) -> int:
        """Arm all of it; answers how many faults, or firings to repeat, that is."""
        if self.replay:
            return injections.replay(self.replay)
        for fault in self.faults:
            injections.arm(fault)
        return len(self.faults)

    def opened(self) -> FiringLog:
        """The log, its file begun anew. OSError when that cannot be written."""
        return FiringLog(self.log)


def load(path: Path) -> Scenario:
    """The scenario of a file; paths in it are relative to it. ValueError in one line, OSError."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"{path}: larger than {FILE_BYTES_MAX} bytes")
    return parsed(path.read_text(encoding="utf-8"), str(path), path.parent)


def parsed(text: str, source: str, directory: Path) -> Scenario:
    """The scenario of a text. ValueError: one line with its source, the place in it, and what is allowed."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{source}{place}: not YAML: {getattr(error, 'problem', error)}") from None
    try:
        return of({} if document is None else document, directory)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def of(document: Any, directory: Path) -> Scenario:
    """The scenario of a decoded document."""
    top = _known(document, "the scenario", _TOP)
    seed = top.get("seed", 1)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise ValueError(f"seed {seed!r}: a whole number of 0 to {SEED_MAX} is needed")
    if "replay" in top and ("faults" in top or "steps" in top):
        raise ValueError("replay: a replay has no faults and no steps of its own")
    faults = [_placed(f"faults[{number}]", fault_of, row) for number, row in enumerate(_rows(top, "faults"))]
    faults += [_placed(f"steps[{number}]", step_of, row) for number, row in enumerate(_rows(top, "steps"))]
    log = directory / _text(top, "log") if "log" in top else None
    return Scenario(seed, log, tuple(faults), tuple(_replayed(top, directory)))


def is_full(body: Mapping[str, Any]) -> bool:
    """Whether a fault is said as in a scenario, not in the short form."""
    return body.get("kind") not in SHORT_KINDS or any(one in body for one in ("scope", "when", "params", "for"))


def asked(body: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults of a control request: a scenario without files. ValueError says what is allowed."""
    here = Path()
    row = _known(body, "the request", ("faults", "steps", "yaml"))
    return of(row, here).faults if "yaml" not in row else _checked(parsed(_text(row, "yaml"), "yaml", here))


def _checked(scenario: Scenario) -> tuple[Fault, ...]:
    if scenario.replay or scenario.log is not None or scenario.seed != 1:
        raise ValueError("yaml: allowed here are faults and steps")
    return scenario.faults


def fault_of(body: Any) -> Fault:
    """A fault as a mapping says it. ValueError says what is allowed."""
    row = _known(body, "a fault", _FAULT)
    given = _known(row.get("when", {}), "when", _WHEN)
    return _built(row, _text(row, "kind"), given, row.get("params", {}))


def step_of(body: Any) -> Fault:
    """A step: an action, and when. ValueError says what is allowed."""
    row = _known(body, "a step", _STEP)
    given = {name: row[name] for name in ("at", "on_event", "every", "per_hour") if name in row}
    fault = _built(row, _text(row, "do"), given, row.get("with", {}))
    if fault.what.timing == "touch":
        raise ValueError(f"do {fault.kind!r}: that hits what passes and belongs under faults")
    return fault


def _built(row: Mapping[str, Any], kind: str, given: Mapping[str, Any], params: Any) -> Fault:
    scope = _known(row.get("scope", {}), "scope", _SCOPE)
    for name in scope:
        _text(scope, name)
    when = When(
        at_ms=_ms("at", given.get("at", 0)),
        after_n=given.get("after", 0),
        probability=given.get("probability", 1),
        on_event=_text(given, "on_event") if "on_event" in given else "",
        every_ms=_ms("every", given.get("every", 0)),
        per_hour=given.get("per_hour", 0),
    )
    duration_ms = _ms("for", row.get("for", 0))
    # Once, unless it says of itself how long or how often.
    count = row.get("count", 0 if duration_ms or when.repeats else 1)
    if not isinstance(params, dict):
        raise ValueError("params: a mapping is needed")
    name = _text(row, "name") if "name" in row else ""
    return Fault(kind, str(row.get("variant", "")), Scope(**scope), when, count, duration_ms, params, name)


def _replayed(top: Mapping[str, Any], directory: Path) -> list[Firing]:
    if "replay" not in top:
        return []
    path = directory / _text(top, "replay")
    try:
        return read(path)
    except OSError as error:
        raise ValueError(f"replay: {path}: {error.strerror}") from None


def _placed(place: str, build: Any, row: Any) -> Fault:
    try:
        found: Fault = build(row)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return found


def _rows(top: Mapping[str, Any], name: str) -> list[Any]:
    rows = top.get(name, [])
    if not isinstance(rows, list) or len(rows) > FAULTS_MAX:
        raise ValueError(f"{name}: a list of at most {FAULTS_MAX} is needed")
    return rows


def _known(value: Any, name: str, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: a mapping is needed, with {', '.join(allowed)}")
    unknown = [str(one) for one in value if one not in allowed]
    if unknown:
        raise ValueError(f"{name}: {', '.join(unknown)} is unknown; allowed are {', '.join(allowed)}")
    return value


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} {value!r}: a text is needed")
    return value


def _ms(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{name} {value!r}: milliseconds, or a number with ms, s, m, h or d, such as 30s, is needed")
    return round(float(found[1]) * _UNITS[found[2]])
