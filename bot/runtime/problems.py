"""What is wrong with a configuration, as data: a person reads one line of each, a program the JSON."""

import difflib
import re
from collections.abc import Iterable, Sequence

import msgspec

from bot.runtime.urls import PLAIN_SINKS, WEB, burden_of, scheme_of, shown_url

SHOWN_VALUE_CHARS_MAX = 80
HIDDEN = "(hidden)"

# A value under such a name, or one that looks like a key, is never shown: people paste secrets into the wrong place.
_SECRET_NAME = re.compile(
    r"secret(?!_file)|passw|passphrase|token|private|signature|credential|listen_?key|api_?key(?!_file)|^key$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"(?=.*\d)[A-Za-z0-9+/=_-]{32,}|[\s\S]*-----BEGIN[\s\S]*")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to mend.

    `place` is a file, or the environment variable that the value came from; `line` counts from 1.
    `key` is the dotted path, `value` what stands there, `allowed` what may, and `meant` the nearest of it.
    """

    place: str
    line: int | None = None
    key: str = ""
    value: str | None = None
    what: str
    allowed: str | None = None
    meant: str | None = None

    def __str__(self) -> str:
        """The problem as one line."""
        where = self.place if self.line is None else f"{self.place}:{self.line}"
        value = "" if self.value is None else f"value {self.value}: "
        allowed = "" if self.allowed is None else f"; allowed: {self.allowed}"
        meant = "" if self.meant is None else f"; did you mean '{self.meant}'?"
        return ": ".join(part for part in (where, self.key, f"{value}{self.what}{allowed}{meant}") if part)


class ConfigError(Exception):
    """A configuration that must not be used, with everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def as_json(self) -> bytes:
        """The problems as a JSON array."""
        return msgspec.json.encode(self.problems)


def shown(value: object, key: str = "") -> str | None:
    """A value as a problem may print it: quoted, on one line, cut, and hidden where it may be a secret."""
    if value is None or isinstance(value, dict | list):
        return None
    text, name = str(value), key.rpartition(".")[2]
    if _SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(text) or (name == "url" and not scheme_of(text)):
        return HIDDEN
    if scheme_of(text) and burden_of(text, (*PLAIN_SINKS, *WEB)) is not None:
        return f"'{one_line(shown_url(text))}'"
    if len(text) > SHOWN_VALUE_CHARS_MAX:
        text = text[:SHOWN_VALUE_CHARS_MAX] + "..."
    return f"'{one_line(text)}'"


def one_line(text: str) -> str:
    """The text with line breaks and control characters escaped: it can neither fake a line nor steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def names_a_secret(key: str) -> bool:
    """Whether a key of this name is likely to hold a secret."""
    return _SECRET_NAME.search(key) is not None


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant by a misspelt word, if one is near enough."""
    by_fold = {choice.casefold(): choice for choice in sorted(choices, reverse=True)}
    found = difflib.get_close_matches(word.casefold(), sorted(by_fold), n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def dotted(path: Sequence[str | int]) -> str:
    """A path as it is written in a problem: ``targets[0].band.trigger``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
