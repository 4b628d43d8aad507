"""The last question before real orders: the portfolio's name, typed or set for a service."""

import os
import sys

from bot.ops.exits import Exit
from bot.ops.speak import Stop, warn
from bot.runtime.golive import CONFIRM_VARIABLE, refusal


def confirm_live(portfolio: str) -> None:
    """Return once the operator has confirmed live trading of `portfolio`; raises Stop when not.

    A service sets the variable; a person types the name.
    """
    typed = None
    if CONFIRM_VARIABLE not in os.environ and sys.stdin.isatty():
        typed = _typed(portfolio)
    refused = refusal(portfolio=portfolio, asked=True, typed=typed, environ=os.environ)
    if refused is not None:
        raise Stop(Exit.REFUSED, refused, "unconfirmed")


def _typed(portfolio: str) -> str:
    warn(f"This sends real orders for the portfolio {portfolio}.")
    sys.stderr.write("Type its name to go live: ")
    sys.stderr.flush()
    return sys.stdin.readline()
