"""Keeps long-lived children running: the only place that catches everything.

A child that ends or raises is a fact: it is told to the engine, logged, and the child is started again after a pause,
as long as its restart budget lasts. When it does not, the failure goes up and ends the process, which then starts anew
from its journal like after any crash.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bot.domain.units import SECOND_NS
from bot.runtime.clock import Clock

RESTARTS_MAX = 5
RESTARTS_WITHIN_NS = 600 * SECOND_NS
PAUSE_S = 1.0
COMPANION_PAUSE_S = 10.0

Report = Callable[[str, BaseException | None], None]


class BudgetSpent(Exception):
    """A child failed more often than its budget allows."""


async def keep(name: str, child: Callable[[], Awaitable[None]], clock: Clock, report: Report) -> None:
    """Run a child for as long as the process lives.

    Raises:
        BudgetSpent: it failed more than RESTARTS_MAX times within RESTARTS_WITHIN_NS.
    """
    failures: list[int] = []
    while True:
        error = await _outcome(child)
        now = clock.now_ns()
        failures = [moment for moment in failures if now - moment < RESTARTS_WITHIN_NS] + [now]
        report(name, error)
        if len(failures) > RESTARTS_MAX:
            raise BudgetSpent(f"{name} failed {len(failures)} times in {RESTARTS_WITHIN_NS // SECOND_NS} s") from error
        await clock.sleep(PAUSE_S)


async def attend(name: str, companion: Callable[[], Awaitable[None]], clock: Clock, report: Report) -> None:
    """Run what only looks on, again and again: it may fail as often as it will, and nothing ends because of it."""
    while True:
        error = await _outcome(companion)
        report(name, error)
        await clock.sleep(COMPANION_PAUSE_S)


def attempt(call: Callable[[], object]) -> Exception | None:
    """Make a synchronous call; what it raised, or None. For the loop, whose failure must halt and not vanish."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - a defect of ours, whatever it is, must trip the kill switch
        return error
    return None


async def _outcome(child: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Run once; what it raised, or None when it simply ended. Cancellation goes through."""
    try:
        await child()
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a child's failure, whatever it is, is reported and restarted
        return error
    return None
