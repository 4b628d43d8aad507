"""The voice in which alerts are told: whose they are, when, and with nothing in them that could do harm.

Every alert is made by `Voice.say`, so there is one place where texts of the venue, of operators and of errors are
stripped of secrets, put on one line, robbed of markup and bounded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.domain.commands import Severity
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.words import LINE_CHARS_MAX, TITLE_CHARS_MAX, harmless

FACTS_MAX = 64
LINES_MAX = 4
KEY_CHARS_MAX = 160

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose alerts these are. `wall_ns` tells Unix time; `redact` cuts secrets out of a text."""

    portfolio: str
    run_mode: str
    wall_ns: Callable[[], int]
    redact: Callable[[str], str]

    def say(
        self,
        kind: Kind,
        subject: str,
        title: str,
        lines: Iterable[str],
        *,
        key: str,
        severity: Severity,
        facts: Iterable[tuple[str, str]] = (),
        resolved: bool = False,
    ) -> Alert:
        """One alert. Empty lines are left out. Labels are ours or paths of the config: they hold no secrets."""
        return Alert(
            kind=kind,
            severity=severity,
            subject=self._clean(subject),
            title=self._clean(title, TITLE_CHARS_MAX),
            text="\n".join([self._clean(line) for line in lines if line][:LINES_MAX]),
            key=self._clean(key, KEY_CHARS_MAX),
            at_ns=self.wall_ns(),
            portfolio=self.portfolio,
            run_mode=self.run_mode,
            facts=tuple((harmless(_capital(label)), self._clean(value)) for label, value in [*facts][:FACTS_MAX]),
            resolved=resolved,
        )

    def _clean(self, text: str, chars_max: int = LINE_CHARS_MAX) -> str:
        return harmless(self.redact(text), chars_max)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
