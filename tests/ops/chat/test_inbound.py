"""Updates are handed on once, after the server was told to forget them."""

from __future__ import annotations

from collections import deque
from typing import cast

import pytest

from bot.ops.chat.api import BotApi, Unreachable
from bot.ops.chat.inbound import OFFSET_FORGOTTEN_NS, REMEMBERED_MAX, Inbound
from bot.ops.chat.updates import Update


class Script:
    """A Bot API that gives these answers in turn, and notes what it was asked."""

    def __init__(self, *answers: list[int] | Exception) -> None:
        self.answers = deque(answers)
        self.asked: list[tuple[int | None, bool]] = []

    async def updates(self, offset: int | None, *, wait: bool) -> tuple[Update, ...]:
        self.asked.append((offset, wait))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return tuple(Update(number) for number in answer)


async def next_of(inbound: Inbound, script: Script, now_ns: int = 0) -> list[int]:
    return [update.update_id for update in await inbound.next(cast("BotApi", script), now_ns)]


async def test_a_batch_is_confirmed_before_it_is_handed_on() -> None:
    """The second call asks past the batch without waiting; only then is the batch there."""
    inbound, script = Inbound(), Script([5, 6], [])

    assert [5, 6] == await next_of(inbound, script)
    assert [(None, True), (7, False)] == script.asked


async def test_what_comes_with_the_confirmation_is_not_lost() -> None:
    """Updates that arrive while the batch is confirmed are the next batch, confirmed in their turn."""
    inbound, script = Inbound(), Script([5], [6, 7], [])

    assert [5] == await next_of(inbound, script)
    assert [6, 7] == await next_of(inbound, script)
    assert [(None, True), (6, False), (8, False)] == script.asked


async def test_a_failed_confirmation_hands_on_nothing() -> None:
    """The batch waits for its confirmation, and is handed on once it comes."""
    inbound, script = Inbound(), Script([5], Unreachable("no"), [5], [])
    with pytest.raises(Unreachable):
        await next_of(inbound, script)

    assert [5] == await next_of(inbound, script)
    assert [(None, True), (6, False), (6, False)] == script.asked


async def test_what_was_handed_on_is_not_handed_on_again() -> None:
    """A server that delivers twice is noticed, and what is new beside it is kept."""
    inbound, script = Inbound(), Script([5], [], [5, 6], [], [6])
    await next_of(inbound, script)

    assert [6] == await next_of(inbound, script)
    with pytest.raises(Unreachable, match="come again"):
        await next_of(inbound, script)


async def test_a_lower_number_is_as_good() -> None:
    """Numbers that begin anew after a week are handed on, and confirmed by an offset of their own."""
    inbound, script = Inbound(), Script([900], [], [117], [])
    await next_of(inbound, script, 1)

    assert [117] == await next_of(inbound, script, 2)
    assert (118, False) == script.asked[-1]


async def test_an_old_offset_is_forgotten() -> None:
    """After a day without updates nothing is asked past: a new, lower number could be among what is asked past."""
    inbound, script = Inbound(), Script([900], [], [], [])
    await next_of(inbound, script, 1)
    await next_of(inbound, script, 1 + OFFSET_FORGOTTEN_NS)
    await next_of(inbound, script, 2 + OFFSET_FORGOTTEN_NS)

    assert [(901, True), (None, True)] == script.asked[-2:]


async def test_memory_is_bounded() -> None:
    """However many updates pass, so many numbers are remembered."""
    inbound = Inbound()
    for number in range(3 * REMEMBERED_MAX):
        await next_of(inbound, Script([number], []))

    assert REMEMBERED_MAX == len(inbound._remembered)
