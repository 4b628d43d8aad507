"""The fault log: one line of JSON for each firing, and the way back from such lines to faults that fire the same.

A line says which fault fired (id, name, kind, variant, scope), when (`time_ms` exchange time, `at_ms` since the start),
what was drawn for it (`params`) and what it hit (`touch`). `nth` counts what passed in its scope since it was armed
at `armed_ms`: that is how a replay finds the same request or frame again. What goes by the clock is found by its time.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

FIRED_MAX = 100_000
LINES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a fault. Times in ms; `armed_ms` and `at_ms` count from the start of the run."""

    fault_id: int
    kind: str
    variant: str
    time_ms: int
    method: str = ""
    path: str = ""
    seq: int = 0
    name: str = ""
    at_ms: int = 0
    armed_ms: int = 0
    nth: int = 0
    duration_ms: int = 0
    scope: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    touch: Mapping[str, Any] = field(default_factory=dict)


class FiringLog:
    """The newest firings, and all of them in a file where one is named."""

    def __init__(self, path: Path | None = None) -> None:
        """Begin a file anew. OSError when it cannot be written."""
        self.kept: deque[Firing] = deque(maxlen=FIRED_MAX)
        self.total = 0
        self._file: IO[str] | None = None if path is None else path.open("w", encoding="utf-8")

    def add(self, firing: Firing) -> None:
        """Log a firing."""
        self.total += 1
        self.kept.append(firing)
        if self._file is not None:
            self._file.write(line(firing) + "\n")
            self._file.flush()

    def __iter__(self) -> Iterator[Firing]:
        return iter(self.kept)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def line(firing: Firing) -> str:
    """A firing as a line of the log."""
    return json.dumps(asdict(firing), separators=(",", ":"), sort_keys=True)


def read(path: Path) -> list[Firing]:
    """The firings of a log. ValueError names the file and the line that is none."""
    firings = []
    with path.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            if number > LINES_MAX:
                raise ValueError(f"{path}: more than {LINES_MAX} lines")
            try:
                firings.append(msgspec.json.decode(text, type=Firing))
            except msgspec.DecodeError as error:
                raise ValueError(f"{path}:{number}: not a line of a fault log: {error}") from None
    return firings


def by_fault(firings: Iterable[Firing]) -> dict[tuple[int, str], list[Firing]]:
    """The firings of each fault, in the order in which they were armed."""
    found: dict[tuple[int, str], list[Firing]] = {}
    for one in firings:
        found.setdefault((one.fault_id, one.kind), []).append(one)
    return dict(sorted(found.items()))
