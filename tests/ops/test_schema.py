"""The promises of the config's JSON Schema and of the example that shows every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from bot.ops.schema import schema
from bot.runtime.settings_load import load_text
from tests.runtime.configs import loaded

EXAMPLE = (Path(__file__).resolve().parents[2] / "config" / "example.yaml").read_text(encoding="utf-8")


def shapes(node: Any) -> list[dict[str, Any]]:
    """Every object that a schema holds."""
    if isinstance(node, dict):
        return [node, *(inner for value in node.values() for inner in shapes(value))]
    return [inner for value in node for inner in shapes(value)] if isinstance(node, list) else []


def properties() -> list[tuple[str, dict[str, Any]]]:
    """Every key of a config with its schema."""
    found = [(name, shape) for node in shapes(schema()) for name, shape in node.get("properties", {}).items()]
    return [(name, shape) for name, shape in found if isinstance(shape, dict)]


def test_the_schema_is_json() -> None:
    """An editor can load it."""
    assert schema() == msgspec.json.decode(msgspec.json.encode(schema()))


def test_unknown_keys_are_wrong_for_an_editor_too() -> None:
    """Every section says that it knows no other keys."""
    sections = [node for node in shapes(schema()) if "properties" in node]

    assert len(sections) >= 12
    assert all(node["additionalProperties"] is False for node in sections)


def test_every_key_says_what_it_is_for() -> None:
    """Whoever hovers over a key in an editor reads what it does and what may stand there."""
    silent = [name for name, shape in properties() if not {"description", "const", "$ref"} & set(shape)]

    assert [] == silent


def test_defaults_fit_their_own_patterns() -> None:
    """A default is written as a config would write it, with its unit."""
    with_both = [(name, s["default"], s["pattern"]) for name, s in properties() if "default" in s and "pattern" in s]

    assert len(with_both) >= 25
    assert [] == [name for name, default, pattern in with_both if not re.search(pattern, default)]


def test_the_example_shows_every_key() -> None:
    """config/example.yaml leaves nothing out: each key stands there, in use or as a comment."""
    missing = {name for name, _ in properties()} - set(re.findall(r"([a-z_]+):(?=\s|$)", EXAMPLE))

    assert set() == missing


def test_the_example_shows_the_defaults() -> None:
    """A limit, interval or log line of the example may be left out without changing anything."""
    example, plain = load_text(EXAMPLE, "example.yaml", {}).settings, loaded().settings

    for name in ("limits", "intervals", "log", "alerts", "web", "health", "journal", "chat"):
        for key in type(getattr(plain, name)).model_fields:
            default, given = getattr(getattr(plain, name), key), getattr(getattr(example, name), key)
            assert getattr(default, "value", default) == getattr(given, "value", given), f"{name}.{key}"
