"""The promises of rules and dashboard: every name in them exists, every metric that matters is in them."""

from __future__ import annotations

import re

import pytest

from bot.domain.order import Status
from bot.engine.modes import Mode
from bot.ops.alerts.kinds import RUNBOOKS, Kind
from bot.ops.metrics import METRICS
from tests.deploy.kit import DEPLOY, ROOT, dashboard, document, expressions, rules

NAMED = {metric.name: metric for metric in METRICS}
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
# What an exporter's scrape adds to every series, and what histograms have.
EVERYWHERE = {"job", "instance", "le"}
SELECTOR = re.compile(r"\b((?:trimtab|process)_[a-z_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')


def metric_of(series: str) -> str:
    """The metric that a series belongs to: a histogram has three kinds."""
    for part in HISTOGRAM_PARTS:
        stem = series.removesuffix(part)
        if stem != series and stem in NAMED and NAMED[stem].type == "histogram":
            return stem
    return series


def selectors() -> list[tuple[str, str, set[str]]]:
    """Every place, metric and set of labels that an expression asks for."""
    return [
        (place, metric_of(name), set(LABEL.findall(labels or "")))
        for place, expression in expressions()
        for name, labels in SELECTOR.findall(expression)
    ]


def test_every_metric_that_is_asked_for_exists() -> None:
    """No rule and no panel waits for a series that nobody exports."""
    assert len(selectors()) > 60
    assert [] == [(place, name) for place, name, _ in selectors() if name not in NAMED]


def test_every_label_that_is_asked_for_exists() -> None:
    """No rule and no panel selects by a label that its metric has not."""
    wrong = [(place, name, labels - EVERYWHERE - {*NAMED[name].labels}) for place, name, labels in selectors()]

    assert [] == [found for found in wrong if found[2]]


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    """A metric that nobody ever sees is not exported for anything: those of the table of assets are the exception."""
    shown = {name for _, name, _ in selectors()}

    assert {"trimtab_latched", "trimtab_price_quote"} == {
        name for name in NAMED if name.startswith("trimtab_") and name not in shown
    }


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_rule_names_a_runbook(rule: dict[str, dict[str, str]]) -> None:
    """What to do about an alert of Prometheus stands on the page of a kind that exists."""
    page = rule["annotations"]["runbook"]

    assert page in {kind.runbook for kind in Kind}
    assert (ROOT / page).is_file()
    assert page.startswith(RUNBOOKS)
    assert rule["labels"]["severity"] in {"warning", "critical"}


def test_statuses_and_modes_are_written_as_they_are_exported() -> None:
    """A rule that selects one status or mode uses a word that exists."""
    words = [found for rule in rules() for found in re.findall(r'(?:status|mode)="([A-Za-z_]+)"', str(rule["expr"]))]

    assert {"HALT", "rejected", "unknown"} == set(words)
    assert set(words) <= {*(status.value for status in Status), *(mode.name for mode in Mode)}


def test_every_rule_is_tested_both_ways() -> None:
    """promtool proves for each rule that it fires, and that it does not where it must not."""
    cases = document(DEPLOY / "prometheus" / "rules" / "trimtab.test.yaml")["tests"]
    proven = {(check["alertname"], bool(check["exp_alerts"])) for case in cases for check in case["alert_rule_test"]}

    assert {(rule["alert"], fires) for rule in rules() for fires in (True, False)} == proven


def test_prometheus_loads_the_rules_and_not_their_tests() -> None:
    """The file of tests lies beside the rules, and a glob would take it for rules."""
    assert ["rules/trimtab.yaml"] == document(DEPLOY / "prometheus" / "prometheus.yaml")["rule_files"]


def test_every_panel_asks_the_provisioned_source() -> None:
    """The dashboard works as it is provisioned: its panels name the one data source there is, and none lies twice."""
    (source,) = document(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")["datasources"]
    panels = dashboard()["panels"]
    drawn = [panel for panel in panels if panel["type"] != "row"]

    assert {source["uid"]} == {target["datasource"]["uid"] for panel in drawn for target in panel["targets"]}
    assert len(panels) == len({panel["id"] for panel in panels})
    assert not [panel["title"] for panel in drawn if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24]
