"""The last question before real orders: the portfolio's name, typed or set for a service."""

import os
import sys

from bot.ops.exits import Exit
from bot.ops.speak import Stop, warn

CONFIRM_VARIABLE = "TRIMTAB_CONFIRM_LIVE"


def confirm_live(portfolio: str) -> None:
    """Return once the operator has confirmed live trading of `portfolio`; raises Stop when not.

    A service sets the variable; a person types the name. A wrong value in the variable is refused, not asked again:
    it belongs to another portfolio.
    """
    said = os.environ.get(CONFIRM_VARIABLE)
    if said is None:
        said = _typed(portfolio)
    if said.strip() != portfolio:
        raise Stop(Exit.REFUSED, f"live needs the portfolio's name {portfolio!r}, not {said.strip()!r}", "unconfirmed")


def _typed(portfolio: str) -> str:
    if not sys.stdin.isatty():
        message = f"--live needs a confirmation: set {CONFIRM_VARIABLE}={portfolio}, or run it in a terminal"
        raise Stop(Exit.REFUSED, message, "unconfirmed")
    warn(f"This sends real orders for the portfolio {portfolio}.")
    sys.stderr.write("Type its name to go live: ")
    sys.stderr.flush()
    return sys.stdin.readline()
