"""The values of a snapshot file: exact numbers and times out of its texts, and every problem at its place and line."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from bot.domain.units import HOUR_NS, ONE, SECOND_NS, ZERO, InstrumentId, Nanos
from bot.runtime.document import read_document
from bot.runtime.plan_shape import Place
from bot.runtime.problems import ConfigError, Problem, dotted, shown

PROBLEMS_MAX = 50
LINES_SOUGHT_CHARS_MAX = 200_000
"""In a larger file the line of a problem is not looked for: its path says where it is."""
DIGITS_MAX = 40
MAGNITUDE_MAX = 24

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|\+00:00|-00:00)")
_NUMBER_ALLOWED = 'a decimal number in quotes, as "1.5"'
TIME_ALLOWED = 'a time in UTC, as "2024-08-09T00:00:00Z"'
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_V = TypeVar("_V")
_R = TypeVar("_R")


def moment(text: str) -> Nanos:
    """A time in RFC 3339, in UTC. Raises ValueError."""
    if _TIME.fullmatch(text) is None:
        raise ValueError(TIME_ALLOWED)
    whole, _, rest = text[:-1].upper().removesuffix("+00:0").removesuffix("-00:0").partition(".")
    seconds = (datetime.fromisoformat(f"{whole}+00:00") - _EPOCH) // timedelta(seconds=1)
    if seconds < 0:
        raise ValueError(TIME_ALLOWED)
    return Nanos(seconds * SECOND_NS + int(rest.ljust(9, "0") or 0))


def maybe(told: _V | None, read: Callable[[_V], _R]) -> _R | None:
    """What is read of what is told, None where nothing is."""
    return None if told is None else read(told)


class Problems:
    """What is wrong, each with its place; lines are only looked for once something is."""

    def __init__(self, text: str, place: str, raw: object) -> None:
        self._text, self._place, self._raw = text, place, raw
        self._found: list[tuple[Place, str, str | None, str | None]] = []

    def add(self, at: Place, what: str, allowed: str | None = None, meant: str | None = None) -> None:
        """Note a problem."""
        self._found.append((at, what, allowed, meant))

    def stop(self) -> None:
        """Raise what was found, if anything was."""
        if not self._found:
            return
        line_of = self._lines()
        problems = [
            Problem(
                place=self._place, line=line_of(at), key=dotted(at), value=shown(self._at(at), dotted(at)),
                what=what, allowed=allowed, meant=meant,
            )
            for at, what, allowed, meant in self._found[:PROBLEMS_MAX]
        ]  # fmt: skip
        problems.sort(key=lambda problem: problem.line or 0)
        if (more := len(self._found) - len(problems)) > 0:
            problems.append(Problem(place=self._place, what=f"and {more} more"))
        raise ConfigError(problems)

    def _lines(self) -> Callable[[Place], int | None]:
        """The line of a place. JSON is YAML enough for the reader of configs, which knows lines."""
        if len(self._text) > LINES_SOUGHT_CHARS_MAX:
            return lambda _: None
        document = read_document(self._text, self._place)
        return lambda at: None if document.problems else document.origin(at).line

    def _at(self, at: Place) -> object:
        value = self._raw
        for part in at:
            match value, part:
                case dict(), str():
                    value = value.get(part)
                case list(), int():
                    value = value[part]
                case _:
                    return None
        return value


def _read(text: str) -> Decimal | str:
    """The number of a text, or what is wrong with it."""
    if _NUMBER.fullmatch(text) is None:
        return "not a number"
    value = Decimal(text)
    if len(value.as_tuple().digits) > DIGITS_MAX or (value and abs(value.adjusted()) > MAGNITUDE_MAX):
        return f"a number of more than {DIGITS_MAX} digits or beyond 10^{MAGNITUDE_MAX}"
    return value


class Values:
    """Exact values out of texts. What cannot be read is reported, and something harmless stands for it meanwhile."""

    def __init__(self, problems: Problems) -> None:
        self.problem = problems.add

    def number(self, text: str, at: Place) -> Decimal:
        """An exact number of bounded size."""
        value = _read(text)
        if isinstance(value, Decimal):
            return value
        self.problem(at, value, _NUMBER_ALLOWED)
        return ZERO

    def above(self, text: str, at: Place) -> Decimal:
        """A number above 0."""
        value = _read(text)
        if isinstance(value, Decimal) and value > 0:
            return value
        self.problem(at, "not above zero" if isinstance(value, Decimal) else value, "a number above 0")
        return ONE

    def least(self, text: str, at: Place) -> Decimal:
        """A number that is not negative."""
        value = self.number(text, at)
        if value < 0:
            self.problem(at, "negative", "0 or more")
        return value

    def share(self, text: str, at: Place) -> Decimal:
        """A number from 0 to 1."""
        value = self.number(text, at)
        if not 0 <= value <= 1:
            self.problem(at, "out of range", "0 to 1")
        return value

    def time(self, text: str, at: Place) -> Nanos:
        """A moment."""
        try:
            return moment(text)
        except ValueError:
            self.problem(at, "not a time in UTC", TIME_ALLOWED)
            return Nanos(0)

    def past(self, text: str, at: Place, now: Nanos) -> Nanos:
        """A moment that is not after `now`."""
        value = self.time(text, at)
        if value > now > 0:
            self.problem(at, "later than `now`", "a time up to `now`")
        return value

    def size(self, text: str | None, at: Place) -> Decimal:
        """A size above 0; ZERO where none stands, which `gaps` says."""
        return ZERO if text is None else self.above(text, at)

    def hours(self, text: str, at: Place) -> int:
        """A duration of a second at least, in nanoseconds."""
        span = int(self.above(text, at) * HOUR_NS)
        if span < SECOND_NS:
            self.problem(at, "too short", "hours, a second at least")
        return max(span, SECOND_NS)

    def maybe(self, text: str | None, at: Place, read: Callable[[str, Place], Decimal]) -> Decimal | None:
        """What `read` makes of a text; None where none stands."""
        return None if text is None else read(text, at)

    def known(self, name: str, at: Place, known: set[InstrumentId]) -> InstrumentId:
        """The id of an instrument that is there."""
        if name not in known:
            self.problem(at, "no such instrument", "the id of one of `instruments`")
        return InstrumentId(name)

    def once(self, at: Place, names: Iterable[str]) -> None:
        """Report a name that stands twice."""
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                self.problem((*at, index), f"'{name}' a second time", "each once")
            seen.add(name)

    def rising(self, at: Place, times: list[Nanos]) -> None:
        """Report times that do not rise."""
        if times != sorted(set(times)):
            self.problem(at, "not in order of time", "the oldest first, each time once")
