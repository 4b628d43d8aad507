"""A YAML document as plain values, with the line of each: what a config file says, and where it says it.

Scalars follow YAML 1.2's core rules, not 1.1's: `on`, `no` and `12:30` are texts. A number with a point becomes a
Decimal from its own digits and never a float. Every key stands once. Aliases are expanded within a bound.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from bot.runtime.problems import Problem, dotted, one_line, shown

NODES_MAX = 20_000
DEPTH_MAX = 20
NUMBER_CHARS_MAX = 40

Path = tuple[str | int, ...]
Value = None | bool | int | Decimal | str | list["Value"] | dict[str, "Value"]

_TOO_LARGE = f"too large: more than {NODES_MAX} values or {DEPTH_MAX} levels"
_CORE_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset("null bool int float str timestamp merge value seq map".split())
_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,2})?")
_WORDS: dict[str, Value] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a line of a file, or an environment variable (no line)."""

    place: str
    line: int | None


@dataclass(slots=True)
class Document:
    """A configuration as it was written: plain values, the origin of each path, and what could not be read."""

    place: str
    value: Value = None
    origins: dict[Path, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, path: Sequence[str | int]) -> Origin:
        """Where a path was written, or the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if found := self.origins.get(tuple(path[:length])):
                return found
        return Origin(self.place, 1)

    def at(self, *path: str | int) -> Value:
        """The value at a path; None where there is none."""
        value = self.value
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
                value = value[part]
            else:
                return None
        return value

    def mapping(self, *path: str | int) -> dict[str, Value]:
        """The mapping at a path; empty where there is none."""
        value = self.at(*path)
        return value if isinstance(value, dict) else {}

    def sequence(self, *path: str | int) -> list[Value]:
        """The list at a path; empty where there is none."""
        value = self.at(*path)
        return value if isinstance(value, list) else []

    def problem(
        self, path: Sequence[str | int], what: str, allowed: str | None = None, meant: str | None = None
    ) -> Problem:
        """Something wrong at a path, with its origin and the value that stands there."""
        origin, key = self.origin(path), dotted(path)
        value = shown(self.at(*path), key)
        return Problem(
            place=origin.place, line=origin.line, key=key, value=value, what=what, allowed=allowed, meant=meant
        )


def read_document(text: str, place: str) -> Document:
    """Read a YAML text; what is wrong with its form is collected, not raised."""
    document = Document(place)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        document.problems.append(_malformed(place, error))
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"not YAML: the character U+{error.character:04X} is not allowed"
        document.problems.append(Problem(place=place, line=line, what=what))
    except RecursionError:
        document.problems.append(Problem(place=place, line=1, what=_TOO_LARGE))
    else:
        if root is not None:
            document.value = _Reader(document).value(root, ())
    return document


def read_value(text: str) -> Value:
    """The value of a text as one YAML value (an environment variable's); the text itself where it is not YAML."""
    document = read_document(text, "")
    return text if document.problems else document.value


def _malformed(place: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return Problem(place=place, line=mark.line + 1 if mark else 1, what=f"not YAML: {one_line(what)}")


class _Reader:
    """Turns nodes into values, noting where each stands."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0

    def value(self, node: Node, path: Path) -> Value:
        """The value of a node."""
        self._nodes += 1
        self._document.origins.setdefault(path, Origin(self._document.place, node.start_mark.line + 1))
        if self._nodes > NODES_MAX or len(path) > DEPTH_MAX:
            self._refuse(path, _TOO_LARGE)
            return None
        if node.tag.removeprefix(_CORE_TAG) not in _CORE_TAGS:
            self._refuse(path, f"the tag {one_line(node.tag)} is not supported")
            return None
        if isinstance(node, MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _items(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Value]]:
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._note(path, line, "a key must be a word")
                continue
            key = key_node.value
            if key in lines:
                self._note((*path, key), line, f"a second time; the first is in line {lines[key]}")
                continue
            lines[key] = line
            self._document.origins[(*path, key)] = Origin(self._document.place, line)
            yield key, self.value(value_node, (*path, key))

    def _refuse(self, path: Path, what: str) -> None:
        if not any(problem.what == what for problem in self._document.problems):
            self._note(path, self._document.origin(path).line, what)

    def _note(self, path: Path, line: int | None, what: str) -> None:
        self._document.problems.append(Problem(place=self._document.place, line=line, key=dotted(path), what=what))


def _scalar(node: Node) -> Value:
    text = str(node.value)
    plain = isinstance(node, ScalarNode) and node.style is None
    if not plain or len(text) > NUMBER_CHARS_MAX:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
