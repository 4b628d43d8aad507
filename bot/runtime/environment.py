"""Settings from the environment: TRIMTAB_LIMITS__SLIPPAGE="20 bps" overrides limits.slippage of the file.

Two underscores separate the parts of a path; list items are numbered from 0 (TRIMTAB_TARGETS__0__BAND__TRIGGER), and
a value may be a whole section in YAML's short form. A name that fits no key is an error, not a silence.
"""

from collections.abc import Mapping

from bot.runtime.document import Document, Origin, Path, Value, read_value
from bot.runtime.problems import Problem, dotted

PREFIX = "TRIMTAB_"
SEPARATOR = "__"

# Names of the prefix that are read elsewhere and are no settings.
RESERVED = frozenset(
    f"{PREFIX}{name}"
    for name in ("API_KEY", "API_SECRET", "API_KEY_FILE", "API_SECRET_FILE", "CONFIG", "CONFIRM_LIVE", "DATA")
)

# Below these keys the next part is a coin, and coins are written in capitals.
_COIN_MAPS = frozenset(
    "assets weights spot usdm owns reserve long short betas anchor_caps volatilities composition held_as".split()
)


def overlay(document: Document, environ: Mapping[str, str]) -> None:
    """Put the environment's settings over the document's, keeping where each value came from."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in RESERVED:
            _put(document, name, environ[name])


def _put(document: Document, name: str, text: str) -> None:
    origin = Origin(name, None)
    if document.value is None:
        document.value = {}
    here: Value = document.value
    path: Path = ()
    parts = name.removeprefix(PREFIX).split(SEPARATOR)
    for part in parts[:-1]:
        here, path = _enter(here, path, part)
        document.origins.setdefault(path, origin)
    key = _key(here, path, parts[-1])
    if _set(here, key, read_value(text)):
        _forget_below(document, (*path, key))
        document.origins[*path, key] = origin
    else:
        what = "there is no such place in the config to override"
        document.problems.append(Problem(place=name, key=dotted((*path, key)), what=what))


def _set(here: Value, key: str | int, value: Value) -> bool:
    match here, key:
        case dict(), str():
            here[key] = value
        case list(), int() if key < len(here):
            here[key] = value
        case _:
            return False
    return True


def _enter(here: Value, path: Path, part: str) -> tuple[Value, Path]:
    key = _key(here, path, part)
    if isinstance(here, dict) and isinstance(key, str):
        if here.get(key) is None:
            here[key] = {}
        return here[key], (*path, key)
    if isinstance(here, list) and isinstance(key, int) and key < len(here):
        return here[key], (*path, key)
    return None, (*path, part.lower())


def _key(here: Value, path: Path, part: str) -> str | int:
    """The key that a part of a name stands for: an index in a list, an existing key in any case, else a new one."""
    if isinstance(here, list):
        return int(part) if part.isdecimal() and len(part) < 6 else part.lower()
    if isinstance(here, dict):
        for key in here:
            if key.casefold() == part.casefold():
                return key
    return part.upper() if path and path[-1] in _COIN_MAPS else part.lower()


def _forget_below(document: Document, path: Path) -> None:
    for known in [known for known in document.origins if known[: len(path)] == path]:
        del document.origins[known]
