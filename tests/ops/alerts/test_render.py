"""The promises of what a person reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.commands import Severity
from bot.ops.alerts.kinds import Kind
from bot.ops.alerts.render import TEXT_CHARS_MAX, render, render_digest
from tests.ops.alerts.delivering import alert, critical

TEXTS = st.text(max_size=6_000)


def test_an_alert_has_all_that_a_person_needs() -> None:
    """What, whose, how it runs, the facts in their order, what to do, and when."""
    message = render(
        critical(
            kind=Kind.MARGIN,
            title="margin ratio 1.4",
            text="Below the second stage.",
            facts=(("ratio", "1.4"), ("stage", "1.5")),
        )
    )

    assert message.title == "CRITICAL: margin ratio 1.4 [main, live]"
    assert message.text == (
        "Below the second stage.\n\nratio: 1.4\nstage: 1.5\n\n"
        "Runbook: docs/runbooks/margin.md\n2023-11-14 22:13:20 UTC, margin"
    )


def test_what_is_over_says_so_first() -> None:
    """Whoever only sees the title knows."""
    assert render(alert("stale", resolved=True)).title == "RESOLVED: stale [main, live]"


@given(title=TEXTS, text=TEXTS, fact=TEXTS)
def test_no_text_is_too_long_or_does_harm(title: str, text: str, fact: str) -> None:
    """Whatever was put in: bounded, no control characters, and the runbook always at the end."""
    message = render(alert(title=title, text=text, facts=(("label", fact),) * 30))

    assert len(message.text) <= TEXT_CHARS_MAX
    assert len(message.title) <= 250
    assert all(line.isprintable() for line in message.text.split("\n"))
    assert message.title.isprintable()
    assert "\nRunbook: docs/runbooks/hedge.md\n" in message.text


@given(count=st.integers(1, 400), text=st.text(max_size=400))
def test_a_digest_is_bounded_and_counts(count: int, text: str) -> None:
    """However many alerts of whatever length: counts of all, the loudest first, the runbook at the end."""
    flood = [alert(title=text) for _ in range(count)] + [critical(title="the loudest", kind=Kind.MARGIN)]
    message = render_digest(flood)

    assert len(message.text) <= TEXT_CHARS_MAX
    assert message.severity is Severity.CRITICAL
    assert message.title == f"CRITICAL: {count + 1} alerts [main, live]"
    assert f"1 x margin (critical)\n{count} x hedge (info)" in message.text
    assert "- 22:13:20 critical margin: the loudest" in message.text
    assert message.text.endswith("Runbook: docs/runbooks/digest.md")
