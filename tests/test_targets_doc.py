"""The page on targets against the program: every example is run, every kind and every key stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from bot.domain.targets import RESERVED_KINDS
from bot.runtime.settings_book import BudgetSettings, StatisticsSettings
from bot.runtime.settings_targets import TARGETS, Target
from bot.runtime.settings_triggers import AutoSettings, BandSettings, GateSettings, UntilSettings, WhenSettings
from tests.e2e.examples import CONFIG, NAMES
from tests.ops.desk import trimtab

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "targets.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"<!-- the plan of ([\w-]+\.json) -->\n```yaml\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = [(f"{place}-{found[1]}", found) for place, found in enumerate(EXAMPLE.finditer(PAGE))]
SECTIONS = (
    Target,
    BandSettings,
    AutoSettings,
    WhenSettings,
    GateSettings,
    UntilSettings,
    BudgetSettings,
    StatisticsSettings,
)


def excerpt(shown: Any, whole: Any) -> Any:
    """As much of the whole as is shown: equal to what is shown where that is true."""
    if isinstance(shown, dict) and isinstance(whole, dict):
        return {key: excerpt(value, whole[key]) if key in whole else "(not there)" for key, value in shown.items()}
    if isinstance(shown, list) and isinstance(whole, list) and len(shown) == len(whole):
        return [excerpt(one, other) for one, other in zip(shown, whole, strict=True)]
    return whole


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("found", [found for _, found in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_an_example_is_what_the_program_prints(found: re.Match[str], tmp_path: Path) -> None:
    """Whoever copies a config of the page and plans for its snapshot sees the figures of the page."""
    config, shown = tmp_path / "c.yaml", json.loads(found[3])
    config.write_text(found[2], encoding="utf-8")
    code, out, err = trimtab("plan", "--config", config, "--snapshot", CONFIG / "snapshots" / found[1], "--json")

    assert (0, "") == (code, err)
    assert shown == excerpt(shown, json.loads(out))


def test_every_example_is_found() -> None:
    """No config of the page escapes its test by its form: all but the one without a snapshot are paired."""
    assert PAGE.count("```json") == len(EXAMPLES) == PAGE.count("<!-- the plan of ")
    assert PAGE.count("```yaml") == len(EXAMPLES) + 1


@pytest.mark.parametrize("kind", TARGETS)
def test_every_kind_has_a_section_with_its_plan(kind: str) -> None:
    """A kind of the language is explained: what it does, its formula, an example and the plan of it."""
    section = re.search(rf"^### {kind}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)

    assert section is not None
    assert f"| [`{kind}`](#{kind}) |" in PAGE
    assert f"kind: {kind}" in section[1]
    assert "```json" in section[1]


def test_every_key_is_named() -> None:
    """Each key of a target, a band, a trigger, a budget or the statistics stands on the page."""
    models: tuple[type[BaseModel], ...] = (*SECTIONS, *TARGETS.values())
    keys = {name for model in models for name in model.model_fields}

    assert [] == sorted(key for key in keys if not re.search(rf"\b{key}\b", PAGE))


def test_kinds_to_come_and_strategies_are_named() -> None:
    """Nobody looks in vain for a kind that is not there yet, nor for the config of a strategy."""
    assert [] == [kind for kind in RESERVED_KINDS if f"`{kind}`" not in PAGE]
    assert [] == [name for name in NAMES if f"`config/{name}.yaml`" not in PAGE]
