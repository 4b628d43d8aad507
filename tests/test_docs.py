"""The documentation against the code: keys, alerts, metrics, verbs and exit codes appear, and links lead somewhere."""

import re
from pathlib import Path

import pytest

from bot.ops import reference
from bot.ops.alerts.kinds import KINDS, Kind
from bot.ops.exits import Exit
from bot.ops.metrics import METRICS
from bot.ops.schema import schema

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def text_of(name: str) -> str:
    """A page's text."""
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_a_reference_page_is_what_the_code_gives(name: str) -> None:
    """No reference page is behind the code: `make reference` writes them anew."""
    assert reference.pages()[name] == text_of(f"reference/{name}")


def test_every_config_key_is_explained() -> None:
    """Each property of the JSON Schema, in whatever section, stands in the config reference."""
    document = schema()
    shapes = [document, *document["$defs"].values()]
    keys = {key for shape in shapes for key in shape.get("properties", {})}
    explained = set(re.findall(r"^\| `(?:[^`|]*\.)?([a-z_]+)` \|", text_of("reference/config.md"), re.MULTILINE))

    assert len(keys) > 60
    assert set() == keys - explained


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_every_alert_has_a_runbook(kind: Kind) -> None:
    """What an alert names is a page that says what to look at and what to do."""
    page = text_of(f"runbooks/{kind.value}.md")

    assert f"`{kind.value}`" in page
    assert all(heading in page for heading in ("## Look at", "## Do", "## When it is over"))
    assert KINDS[kind].meaning in text_of("reference/alerts.md")


def test_no_runbook_is_left_over() -> None:
    """A page without a kind would be a page that no alert leads to."""
    assert {kind.value for kind in Kind} == {page.stem for page in (DOCS / "runbooks").glob("*.md")}


def test_every_metric_and_exit_code_is_explained() -> None:
    """A dashboard or a script can be written from the documentation alone."""
    metrics, codes = text_of("reference/metrics.md"), text_of("exit-codes.md")

    assert [] == [metric.name for metric in METRICS if f"`{metric.name}`" not in metrics]
    assert [] == [code.name for code in Exit if f"| {code.name} |" not in codes]


def test_every_link_leads_to_a_page() -> None:
    """A relative link of any page names a file that is there."""
    broken = [
        (page.relative_to(DOCS).as_posix(), target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).resolve().is_file()
    ]

    assert [] == broken


def test_every_page_is_in_the_navigation_or_linked() -> None:
    """Nobody has to guess a page's address."""
    nav = (DOCS.parent / ".ci" / "mkdocs.yml").read_text(encoding="utf-8")
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    }

    assert [] == [page.name for page in PAGES if page not in linked and page.relative_to(DOCS).as_posix() not in nav]
