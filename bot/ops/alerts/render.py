"""What a person reads: an alert or a digest as a title and a text, bounded, and harmless to whoever shows it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bot.domain.commands import Severity
from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Alert, Kind
from bot.runtime.problems import one_line

TITLE_CHARS_MAX = 160
TEXT_CHARS_MAX = 3_500
LINE_CHARS_MAX = 300
DIGEST_LINES_MAX = 20
DIGEST_COUNTS_MAX = 40
CUT = " ..."

LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Message(msgspec.Struct, frozen=True):
    """What one delivery shows."""

    severity: Severity
    title: str
    text: str


def loudest(alerts: Sequence[Alert]) -> Severity:
    """The highest severity among some."""
    return max((alert.severity for alert in alerts), key=LOUDNESS.__getitem__)


def counted(alerts: int) -> str:
    """A number of alerts for people."""
    return "1 alert" if alerts == 1 else f"{alerts} alerts"


def utc(at_ns: int) -> str:
    """A moment for people, to the second, in UTC."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def render(alert: Alert) -> Message:
    """One alert."""
    facts = [f"{_line(label)}: {_line(value)}" for label, value in alert.facts]
    foot = [f"Runbook: {alert.runbook}", f"{utc(alert.at_ns)}, {alert.kind.value}"]
    return Message(alert.severity, _title(alert), _bounded(_block(alert.text), facts, foot))


def render_digest(alerts: Sequence[Alert]) -> Message:
    """Many alerts in one: how many of each kind and severity, and the loudest of them, each in a line."""
    assert alerts, "a digest is made of alerts"
    severity, first, last = loudest(alerts), min(a.at_ns for a in alerts), max(a.at_ns for a in alerts)
    counted = Counter((alert.severity, alert.kind.value) for alert in alerts)
    order = sorted(counted.items(), key=lambda item: (-LOUDNESS[item[0][0]], -item[1], item[0][1]))
    counts = [f"{count} x {kind} ({level.value})" for (level, kind), count in order[:DIGEST_COUNTS_MAX]]
    ranked = sorted(alerts, key=lambda alert: -LOUDNESS[alert.severity])
    lines = [f"- {utc(alert.at_ns)[11:19]} {_short(alert)}" for alert in ranked[:DIGEST_LINES_MAX]]
    if len(alerts) > DIGEST_LINES_MAX:
        lines.append(f"- and {len(alerts) - DIGEST_LINES_MAX} more")
    head = f"{len(alerts)} alerts in one message, {utc(first)} to {utc(last)}.\n" + "\n".join(counts)
    title = _headed(alerts[-1], severity, f"{len(alerts)} alerts", resolved=False)
    return Message(severity, title, _bounded(head, lines, [f"Runbook: {Kind.DIGEST.runbook}"]))


def _title(alert: Alert) -> str:
    return _headed(alert, alert.severity, alert.title, resolved=alert.resolved)


def _headed(alert: Alert, severity: Severity, title: str, *, resolved: bool) -> str:
    mark = "RESOLVED: " if resolved else f"{severity.value.upper()}: " if severity is not Severity.INFO else ""
    whose = ", ".join(part for part in (alert.portfolio, alert.run_mode) if part)
    return f"{_cut(one_line(mark + title), TITLE_CHARS_MAX)} [{one_line(whose)}]"


def _short(alert: Alert) -> str:
    return _line(f"{alert.severity.value} {alert.kind.value}: {'resolved: ' * alert.resolved}{alert.title}")


def _block(text: str) -> str:
    return "\n".join(one_line(line) for line in text.splitlines())


def _line(text: str) -> str:
    return _cut(one_line(text), LINE_CHARS_MAX)


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: chars_max - len(CUT)] + CUT


def _bounded(head: str, lines: list[str], foot: list[str]) -> str:
    """The parts under each other. What is too long loses its middle: the first lines and the runbook stay."""
    end = "\n\n" + "\n".join(foot)
    body = "\n\n".join(part for part in (head, "\n".join(lines)) if part)
    return _cut(body, TEXT_CHARS_MAX - len(end)) + end
