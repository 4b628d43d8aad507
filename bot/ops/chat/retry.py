"""How long to be silent after a call that failed."""

import secrets
from collections.abc import Callable

from bot.ops.chat.api import BotApiError, Conflict, TokenRefused, TooMany

PAUSE_S_MIN = 1.0
PAUSE_S_MAX = 20.0
"""Well below the age at which a command is too old to be obeyed."""
LASTING_PAUSE_S = 600.0
"""What only the owner can mend is looked at again this seldom."""
CONFLICT_PAUSE_S = 5.0
CONFLICTS_MAX = 3
"""So many in a row, and it is no request left over from a restart or made by hand, but another poller."""

Jitter = Callable[[], float]


def jitter() -> float:
    """Between 0 and 1."""
    return secrets.SystemRandom().random()


class Backoff:
    """Counts failures in a row: pauses double up to PAUSE_S_MAX, from the half to the whole of it by chance."""

    def __init__(self, jitter: Jitter = jitter) -> None:
        self._jitter = jitter
        self._failures = 0
        self._conflicts = 0

    def lasting(self, error: BotApiError) -> bool:
        """Whether the owner has to mend it; asked after `pause_s`."""
        return isinstance(error, TokenRefused) or (isinstance(error, Conflict) and self._conflicts >= CONFLICTS_MAX)

    def pause_s(self, error: BotApiError) -> float:
        """Note a failure; how long to wait after it, in seconds."""
        self._failures += 1
        self._conflicts = self._conflicts + 1 if isinstance(error, Conflict) else 0
        if isinstance(error, TooMany):
            return float(error.retry_after_s)
        if self.lasting(error):
            return LASTING_PAUSE_S
        if isinstance(error, Conflict):
            return CONFLICT_PAUSE_S
        # The exponent is bounded, too: after a day without a network it would be a number of thousands of digits.
        whole = min(PAUSE_S_MIN * (1 << min(self._failures - 1, 10)), PAUSE_S_MAX)
        return whole * (0.5 + self._jitter() / 2)

    def over(self) -> bool:
        """A call went well; whether one had failed before it."""
        failed, self._failures, self._conflicts = self._failures > 0, 0, 0
        return failed
