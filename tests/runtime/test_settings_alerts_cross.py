"""The promises of what must fit together in the alerts' section."""

from __future__ import annotations

import pytest

from bot.ops.alerts.kinds import Kind
from bot.runtime.settings_alerts_cross import ALERT_KINDS
from tests.runtime.configs import RIGHT, loaded, only_problem, problems

TOKEN = "AAbbCCddEEffGGhh1234"


def sinks(*lines: str) -> str:
    """A config with some sinks."""
    return RIGHT + "alerts:\n  sinks:\n" + "".join(f"    {line}\n" for line in lines)


A, B = 'a: {url: "json://127.0.0.1:8080/x"}', 'b: {url: "syslog://daemon"}'


def test_the_kinds_are_those_of_the_alerts() -> None:
    """What a config may name and what is ever sent are the same."""
    assert {kind.value for kind in Kind} == ALERT_KINDS


@pytest.mark.parametrize(
    "lines",
    [
        (A, B, "c: {url: 'jsons://host.example/alerts', standby_for: a}", "d: {url: 'form://h', standby_for: c}"),
        ("a: {url: 'json://h/x', kinds: [hedge, sink_down], quiet_hours: {start: '22:00', end: '21:59'}}",),
    ],
)
def test_what_fits_passes(lines: tuple[str, ...]) -> None:
    """Stand-ins of stand-ins, webhooks and the system's log."""
    loaded(sinks(*lines))


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (
            (f"a: {{url: 'tgram://123456789:{TOKEN}/42'}}",),
            (
                "c.yaml:12: alerts.sinks.a.url: value 'tgram://(hidden)': tgram:// is no address that can be free of a "
                "secret; allowed: url_file with a file of yours (mode 0600) that holds any URL, or here one of json, "
            ),
        ),
        (
            (f"a: {{url: 'json://me:{TOKEN}@host:80/x'}}",),
            "value 'json://host:80/(hidden)': the URL holds a user or a password; allowed: url_file",
        ),
        ((f"a: {{url: 'json://host/{TOKEN}'}}",), "the URL's path holds what looks like a token"),
        ((f"a: {{url: 'json://host/x?+X-Auth={TOKEN}'}}",), "the URL's query holds what looks like a secret"),
        (
            ("a: {url: 'json://host/x', url_file: /some/file}",),
            "alerts.sinks.a.url: value 'json://host/(hidden)': url and url_file; allowed: one of the two",
        ),
        (
            (A, "b: {url: 'json://h', standby_for: aa}"),
            "alerts.sinks.b.standby_for: value 'aa': no sink of this name; allowed: a; did you mean 'a'?",
        ),
        (("a: {url: 'json://h', standby_for: a}",), "a sink cannot stand in for itself"),
        (
            ("a: {url: 'json://h', kinds: [hedge, hedges]}",),
            "alerts.sinks.a.kinds[1]: value 'hedges': no kind of alert",
        ),
        (
            ("a: {url: 'json://h', quiet_hours: {start: '22:00', end: '22:00'}}",),
            "alerts.sinks.a.quiet_hours.end: value '22:00': the same as the start",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(lines: tuple[str, ...], part: str) -> None:
    """With its place, what is allowed, and nothing of a secret."""
    said = only_problem(sinks(*lines))

    assert part in said
    assert TOKEN not in said


def test_a_circle_of_stand_ins_is_told_at_each_of_them() -> None:
    """None of them would ever be sent anything."""
    found = problems(sinks("a: {url: 'json://h', standby_for: b}", "b: {url: 'json://h', standby_for: a}"))

    assert [problem.key for problem in found] == ["alerts.sinks.a.standby_for", "alerts.sinks.b.standby_for"]
    assert "a stands in for b stands in for a: a circle without a first sink" in str(found[0])


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    """Not where a section should stand, and not in what is no URL."""
    for line in (f"a: 'tgram://12:{TOKEN}/4'", f"a: {{url: '123:{TOKEN}'}}", f"a: {{url: 'TGRAM://12:{TOKEN}/4'}}"):
        assert TOKEN not in "".join(map(str, problems(sinks(line))))


@pytest.mark.parametrize(
    ("heartbeat", "part"),
    [
        ("{url: 'https://h/x', url_file: /f}", "url and url_file; allowed: one of the two"),
        (f"{{url: 'https://h/{TOKEN}'}}", "the URL's path holds what looks like a token"),
        ("{url: 'json://h/x'}", "json:// is no address that can be free of a secret"),
    ],
)
def test_the_heartbeats_address(heartbeat: str, part: str) -> None:
    """It has one, and it is a web address without a secret."""
    assert part in only_problem(f"{RIGHT}alerts:\n  heartbeat: {heartbeat}\n")
