"""The page about faults: its examples are scenarios, and it names every kind with its variants and parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.simex.faults.catalogue import KINDS
from bot.simex.faults.scenario import asked, fault_of, parsed

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BODIES = re.findall(r"control/(fault|scenario) -d '(.*?)'", PAGE)


def table() -> str:
    """The table of kinds as the catalogue has it."""
    rows = ["| kind | at | what | variants | parameters |", "|---|---|---|---|---|"]
    for name, kind in KINDS.items():
        variants, params = (", ".join(f"`{one}`" for one in some) for some in (kind.variants, kind.params))
        rows.append(f"| `{name}` | {kind.point}, {kind.timing} | {kind.text} | {variants} | {params} |")
    return "\n".join(rows)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_scenario(text: str, tmp_path: Path) -> None:
    """Each one is taken as it stands."""
    (tmp_path / "faults.jsonl").write_text("")
    scenario = parsed(text, "docs/faults.md", tmp_path)

    assert scenario.faults or "replay" in text


def test_every_control_body_is_taken() -> None:
    """The bodies of the shell examples are faults and scenarios."""
    assert [1, 1] == [
        len(asked(json.loads(body)) if name == "scenario" else [fault_of(json.loads(body))]) for name, body in BODIES
    ]


def test_the_page_names_every_kind() -> None:
    """The table is the catalogue's."""
    assert table() in PAGE
