"""Supervision: children are restarted as long as their budget lasts, and no failure is swallowed."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.units import SECOND_NS
from bot.runtime import supervise
from bot.runtime.clock import ManualClock, settle
from bot.runtime.supervise import RESTARTS_MAX, RESTARTS_WITHIN_NS, BudgetSpent, attempt, keep


class Child:
    """A child that fails, ends or stays, as it is told for each of its runs; after the last it stays."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.runs = 0
        self.cancelled = False

    async def __call__(self) -> None:
        """One run."""
        self.runs += 1
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if outcome is not None:
                raise outcome
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class Kept:
    """A supervised child under a clock that is cranked by hand."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.clock = ManualClock()
        self.told: list[tuple[str, BaseException | None]] = []
        self.task = asyncio.create_task(keep("feed", child, self.clock, lambda *what: self.told.append(what)))

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(round(seconds * SECOND_NS))

    async def end(self) -> None:
        """Cancel it."""
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def test_a_child_that_fails_is_told_of_and_started_again() -> None:
    """The failure is reported with its exception, and after a pause the child runs anew."""
    error = ZeroDivisionError("x")
    kept = Kept(Child(error))
    await settle()
    before = kept.child.runs
    await kept.advance(supervise.PAUSE_S)

    assert (1, 2) == (before, kept.child.runs)
    assert [("feed", error)] == kept.told
    await kept.end()


async def test_a_child_that_simply_ends_is_told_of_too() -> None:
    """Long-lived children have no reason to end: it is reported, without an exception, and the child runs anew."""
    kept = Kept(Child(None))
    await kept.advance(supervise.PAUSE_S)

    assert [("feed", None)] == kept.told
    assert 2 == kept.child.runs
    await kept.end()


async def test_the_budget_of_restarts_is_bounded() -> None:
    """One failure more than the budget goes up, with the last exception as its cause, and nothing is restarted."""
    errors = [ZeroDivisionError(str(number)) for number in range(RESTARTS_MAX + 1)]
    child = Child(*errors)
    kept = Kept(child)
    await kept.advance(60)

    with pytest.raises(BudgetSpent, match="feed failed 6 times in 600 s") as raised:
        await kept.task
    assert errors[-1] is raised.value.__cause__
    assert (RESTARTS_MAX + 1, RESTARTS_MAX + 1) == (child.runs, len(kept.told))


class Patient(Child):
    """A child that lives for a while before each failure."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds

    async def __call__(self) -> None:
        """Live, then fail."""
        self.runs += 1
        await self._clock.sleep(self._seconds)
        raise ZeroDivisionError


async def test_failures_far_apart_never_spend_the_budget() -> None:
    """What counts is how many lie within the span, not how many there ever were."""
    clock = ManualClock()
    child = Patient(clock, RESTARTS_WITHIN_NS / SECOND_NS / RESTARTS_MAX)
    task = asyncio.create_task(keep("feed", child, clock, lambda *_: None))
    await clock.advance(20 * RESTARTS_WITHIN_NS)

    assert not task.done()
    assert child.runs > 5 * RESTARTS_MAX
    task.cancel()


async def test_cancellation_goes_through() -> None:
    """A cancelled child is not restarted, and its cancellation is not a failure."""
    kept = Kept(Child())
    await settle()
    await kept.end()

    assert kept.child.cancelled
    assert (1, []) == (kept.child.runs, kept.told)


async def test_cancellation_goes_through_the_pause() -> None:
    """A child that waits for its restart can be ended as well."""
    kept = Kept(Child(ZeroDivisionError()))
    await settle()
    await kept.end()

    assert 1 == kept.child.runs


def test_an_attempt_gives_the_exception_back() -> None:
    """What a call raised is returned for whoever must act on it; None when it went well."""
    assert isinstance(attempt(lambda: 1 / 0), ZeroDivisionError)
    assert attempt(lambda: 1) is None


def test_an_attempt_lets_an_end_of_the_process_pass() -> None:
    """Ctrl-C and cancellation are no failures of the call."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted)
