"""The chat before a whole daemon: what is typed reaches the engine and the journal, and nothing before its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.events import Action, OperatorAsked
from bot.engine.modes import Mode
from tests.ops.chat.botapi import HANG
from tests.ops.chat.desk import OWNER, STRANGER, Conversation, conversation
from tests.runtime.stage import Stage, facts_of


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as daemon:
        await daemon.hedged()
        yield daemon


@pytest.fixture
async def talk(tmp_path: Path, stage: Stage) -> AsyncIterator[Conversation]:
    async with conversation(tmp_path, stage.daemon, stage.clock) as ongoing:
        yield ongoing


def orders(stage: Stage) -> list[tuple[Action, str, str]]:
    """The operator's commands as they are journaled."""
    return [(fact.action, fact.reason, fact.by) for fact in facts_of(stage.journal, OperatorAsked)]


async def test_a_hedged_book_is_told(talk: Conversation) -> None:
    """/status, /delta and /plan tell the true numbers of a hedged book."""
    status = await talk.asked("/status")

    assert "live, mode RUN" in status.splitlines()[0]
    assert "BTC: delta +0.0005, target 0, off by +0.0005" in status
    assert "BTC +0.0005" in await talk.asked("/delta")
    assert "No order would be sent now." in await talk.asked("/plan")


async def test_pause_and_resume_are_journaled(talk: Conversation, stage: Stage) -> None:
    """/pause halts at once and cancels nothing; /resume shows it, and lifts it with its code; both name the user."""
    assert "Paused; mode HALT." in await talk.asked("/pause holidays")
    assert Mode.HALT is stage.engine.state.modes.overall
    assert [] == stage.exchange.cancelled

    assert f"HALT by telegram:{OWNER}" in await talk.asked("/resume back")
    assert Mode.HALT is stage.engine.state.modes.overall
    assert "Resumed; mode RUN." in await talk.asked("100001")
    assert [
        (Action.PAUSE, "holidays", f"telegram:{OWNER}"),
        (Action.ARM, "back", f"telegram:{OWNER}"),
    ] == orders(stage)


async def test_kill_halts_with_its_code_only(talk: Conversation, stage: Stage) -> None:
    """A kill without, with a wrong and with an expired code leaves the daemon running; with the right one it halts."""
    await talk.asked("/kill looks hacked")
    await talk.asked("999999")
    await stage.advance(61)
    assert "expired" in await talk.asked("100001")
    assert Mode.RUN is stage.engine.state.modes.overall

    await talk.asked("/kill looks hacked")
    assert "Killed; mode HALT." in await talk.asked("100002")
    assert "HALT" == stage.daemon.status().mode
    assert [(Action.KILL, "looks hacked", f"telegram:{OWNER}")] == orders(stage)


async def test_a_stranger_reaches_nothing(talk: Conversation, stage: Stage) -> None:
    """A stranger's commands leave no trace in the journal."""
    talk.type("/pause x", STRANGER)
    await talk.until(lambda: bool(talk.alerts))

    assert [] == orders(stage)
    assert Mode.RUN is stage.engine.state.modes.overall


async def test_another_mode_winds_the_daemon_down(talk: Conversation, stage: Stage) -> None:
    """/mode observe with its code ends this run in good order, with the way to go on."""
    await talk.asked("/mode observe")
    assert "Changing to observe" in await talk.asked("100001")
    await talk.until(lambda: stage.daemon.operator.next_mode is not None)
    assert stage.running is not None
    await stage.until(stage.running.done)

    assert "observe" == stage.daemon.operator.next_mode.value  # type: ignore[union-attr]
    assert stage.running.exception() is None


async def test_the_daemon_hedges_while_telegram_hangs(talk: Conversation, stage: Stage) -> None:
    """A Bot API that answers nothing changes nothing for the book."""
    talk.server.always |= {"getUpdates": HANG, "sendMessage": HANG}
    talk.type("/status")
    sent = len(stage.exchange.sent)
    stage.exchange.truth.coins["BTC"] *= 2
    await stage.until(lambda: len(stage.exchange.sent) > sent)

    assert [] == talk.server.sent
