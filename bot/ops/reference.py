"""The reference pages of the documentation, made from the code: config keys, alerts, metrics, commands.

`python -m bot.ops.reference` writes them under docs/reference; a test holds what is committed against what this gives,
so that no page can fall behind.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bot.ops.alerts.kinds import KINDS, Kind
from bot.ops.metrics import METRICS
from bot.ops.schema import schema
from bot.runtime.fields import Written
from bot.runtime.section import Section
from bot.runtime.settings import Settings
from bot.runtime.settings_targets import TARGETS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
NOTE = "<!-- Made by `python -m bot.ops.reference`: edit the code that it is made from. -->"
# What stands below a target of one kind stands below all that have it.
_OF_A_KIND = re.compile(r"\[\] \(\w+\)\.(?=\w+\.)")
_EMPTY = "–"  # noqa: RUF001 - a dash in a table's cell


def pages() -> dict[str, str]:
    """Every page by its file name."""
    made = {"config.md": _config(), "alerts.md": _alerts(), "metrics.md": _metrics(), "commands.md": _commands()}
    return {name: f"{NOTE}\n\n{text.rstrip()}\n" for name, text in made.items()}


def write(folder: Path = FOLDER) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------------------------- config
def _config() -> str:
    head = (
        "# Config reference\n\nEvery key, what may stand there, and what holds where it is left out. Durations, sizes "
        "and prices carry their unit; a key that is not known is an error. Any key can be set by an environment "
        'variable as well: `TRIMTAB_LIMITS__SLIPPAGE="20 bps"` is `limits.slippage`.\n'
    )
    return "\n".join([head, *_sections("", Settings, schema(), set())])


def _sections(
    path: str, model: type[BaseModel], document: Mapping[str, Any], told: set[type[BaseModel]]
) -> Iterator[str]:
    """A section's table, then the sections below it, depth first; what many targets share is told once."""
    shape = document if model is Settings else document["$defs"][model.__name__]
    rows, below = [], []
    for name, field in model.model_fields.items():
        key = f"{path}{name}"
        inner = _inner(field)
        rows.append([f"`{key}`", *_about(field, shape["properties"][name], inner)])
        for place, section in inner:
            below.append((f"{key}{place}.", section))
    heading = f"## `{path.rstrip('.')}`" if path else "## Top level"
    doc = (model.__doc__ or "").strip().split("\n")[0]
    yield f"{heading}\n\n{doc}\n\n{_table(['key', 'what it is', 'allowed', 'default'], rows)}\n"
    for place, section in below:
        if section not in told:
            told.add(section)
            yield from _sections(_OF_A_KIND.sub("[].", place), section, document, told)


def _inner(field: FieldInfo) -> list[tuple[str, type[Section]]]:
    """The sections that a field holds, with what stands between its key and theirs."""
    found = list(dict.fromkeys(_models(field.annotation)))
    if any(model in found for model in TARGETS.values()):
        return [(f"[] ({kind})", model) for kind, model in TARGETS.items()]
    origin = getattr(field.annotation, "__origin__", None)
    return [(".<name>" if origin is dict else "", model) for model in found]


def _models(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _about(field: FieldInfo, shape: Mapping[str, Any], inner: list[Any]) -> list[str]:
    """What a key is, what may stand there, and its default."""
    allowed = next((mark.allowed for mark in field.metadata if isinstance(mark, Written)), "") or _items(field)
    choices = shape.get("enum") or ([shape["const"]] if "const" in shape else [])
    if not allowed and choices:
        allowed = ", ".join(map(str, choices))
    if not allowed and inner:
        allowed = "a section, below"
    if not allowed and shape.get("type") == "boolean":
        allowed = "true, false"
    default = "required" if field.is_required() else _default(shape, bool(inner))
    return [field.description or _first_line(inner), allowed or _EMPTY, default]


def _items(field: FieldInfo) -> str:
    """What the items of a list or the values of a mapping may be; empty for anything else."""
    kind = getattr(field.annotation, "__origin__", None)
    written = [mark.allowed for part in get_args(field.annotation) for mark in _marks(part)]
    if kind is tuple and written:
        return f"a list; each {written[0]}"
    return f"a section; {' : '.join(written)}" if kind is dict and len(written) > 1 else ""


def _marks(annotation: Any) -> list[Written]:
    return [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Written)]


def _first_line(inner: list[Any]) -> str:
    return (inner[0][1].__doc__ or "").strip().split("\n")[0] if inner else ""


def _default(shape: Mapping[str, Any], section: bool) -> str:
    given = shape.get("default")
    return f"`{given}`" if given not in (None, {}, [], "") and not section else _EMPTY


# ------------------------------------------------------------------------------------------------- alerts
def _alerts() -> str:
    head = (
        "# Alerts\n\nEvery kind of alert, how loud it usually is, and the page that says what to do. An alert may be "
        "louder than its kind: a warning that lasts escalates.\n"
    )
    rows = [
        [f"[`{kind.value}`](../runbooks/{kind.value}.md)", KINDS[kind].severity.value, KINDS[kind].meaning]
        for kind in Kind
    ]
    return f"{head}\n{_table(['kind', 'severity', 'meaning'], rows)}"


# ------------------------------------------------------------------------------------------------- metrics
def _metrics() -> str:
    head = "# Metrics\n\nWhat `/metrics` serves, in Prometheus's text format.\n"
    rows = [
        [f"`{metric.name}`", metric.type, ", ".join(f"`{label}`" for label in metric.labels) or _EMPTY, metric.help]
        for metric in METRICS
    ]
    return f"{head}\n{_table(['metric', 'type', 'labels', 'meaning'], rows)}"


# ------------------------------------------------------------------------------------------------- commands
def _commands() -> str:
    from bot.ops.cli import app

    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup), "the command line has verbs"
    head = (
        "# Commands\n\nEvery verb; `trimtab VERB --help` says the same. Exit codes: [exit codes](../exit-codes.md).\n"
    )
    return "\n".join([head, *(part for name in root.commands for part in _verb(name, root.commands[name]))])


def _verb(name: str, command: Any) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for below, inner in command.commands.items():
            yield from _verb(f"{name} {below}", inner)
        return
    assert isinstance(command, TyperCommand), "a verb is a command"
    arguments = [_argument(one) for one in command.params if isinstance(one, TyperArgument)]
    about = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = [
        [", ".join(f"`{word}`" for word in (*option.opts, *option.secondary_opts)), _meaning(option)]
        for option in command.params
        if isinstance(option, TyperOption) and not option.hidden
    ]
    table = f"\n\n{_table(['option', 'meaning'], rows)}" if rows else ""
    yield f"## `trimtab {' '.join([name, *arguments])}`\n\n{about}{table}\n"


def _argument(argument: TyperArgument) -> str:
    shown = argument.metavar or str(argument.name).upper()
    return shown if argument.required else f"[{shown}]"


def _meaning(option: TyperOption) -> str:
    """Its help, and a default that is put into words."""
    words = f" [{option.show_default}]" if isinstance(option.show_default, str) else ""
    return f"{option.help or ''}{words}"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if flat.startswith("`") else flat.replace("<", "&lt;")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
