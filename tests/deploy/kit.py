"""Reads what lies in deploy/ as the programs there would."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
COMPOSE = DEPLOY / "compose"

Section = dict[str, list[str]]
_SECONDS = {"s": 1, "min": 60, "h": 3600, "": 1}


def text(*parts: str) -> str:
    """A file's text, by its path from the repository's root."""
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def document(path: Path) -> Any:
    """A YAML file's content."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def unit(name: str) -> dict[str, Section]:
    """A systemd unit: sections, keys, and every value that a key is given, in order."""
    sections: dict[str, Section] = {}
    here: Section = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[\w+\]", line):
            here = sections.setdefault(line[1:-1], {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            here.setdefault(key, []).append(value)
    return sections


def seconds(written: str) -> int:
    """A systemd time span of one unit, as 10min."""
    found = re.fullmatch(r"(\d+)(s|min|h|)", written)
    assert found is not None, written
    return int(found[1]) * _SECONDS[found[2]]


def services(*names: str) -> dict[str, dict[str, Any]]:
    """The services of a compose file."""
    found: dict[str, dict[str, Any]] = document(COMPOSE.joinpath(*names))["services"]
    return found


def rules() -> list[dict[str, Any]]:
    """Every alert rule of Prometheus."""
    groups = document(DEPLOY / "prometheus" / "rules" / "trimtab.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Grafana's dashboard."""
    found: dict[str, Any] = json.loads(text("deploy", "grafana", "dashboards", "trimtab.json"))
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of rules and dashboard, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        yield variable["name"], variable["query"]["query"]
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"]
