"""What an operator may ask of the daemon: kill, arm, unwind, and flatten in two steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.commands import CancelOrder
from bot.domain.events import (
    Action,
    OperatorAsked,
    Started,
)
from bot.domain.units import SECOND_NS
from bot.engine.modes import Mode
from bot.runtime import killfile, operator
from bot.runtime.clock import ManualClock
from bot.runtime.control import Denied
from tests.kit import START_NS, d
from tests.runtime.stage import INTERVALS, Stage, facts_of, journal_of, steps_of

WHO = {"reason": "fat finger", "by": "ann"}


def mode(stage: Stage) -> Mode:
    """The portfolio's mode."""
    return stage.engine.state.modes.overall


def asked(stage: Stage) -> list[tuple[Action, str, str]]:
    """What operators asked for, as the journal has it."""
    return [(event.action, event.reason, event.by) for event in facts_of(stage.journal, OperatorAsked)]


# ------------------------------------------------------------------------------------------------------- kill switch
async def test_a_kill_file_is_obeyed_at_the_next_tick(tmp_path: Path) -> None:
    """A file is enough: within one tick the portfolio is halted, by whom and why the file says."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        killfile.write(tmp_path, "by hand", "bob")
        await stage.advance(INTERVALS.tick / SECOND_NS)

        assert Mode.HALT is mode(stage)
        assert [(Action.KILL, "by hand", "bob")] == asked(stage)


async def test_a_kill_file_that_lies_there_counts_before_anything_else(tmp_path: Path) -> None:
    """A process that is started killed stays killed: it sends nothing, however far off its book is."""
    killfile.write(tmp_path, "stay down", "bob")
    async with Stage(tmp_path) as stage:
        kinds = [type(step.event) for step in steps_of(stage.journal)[:2]]
        await stage.advance(30)

        assert [Started, OperatorAsked] == kinds
        assert (Mode.HALT, []) == (mode(stage), stage.exchange.sent)


async def test_a_kill_file_is_told_of_once(tmp_path: Path) -> None:
    """The file stays where it is; it is not journaled at every tick."""
    async with Stage(tmp_path) as stage:
        killfile.write(tmp_path, "by hand", "bob")
        await stage.advance(5)

        assert 1 == len(asked(stage))


async def test_a_kill_by_command_whose_file_was_read_first_is_one_kill(tmp_path: Path) -> None:
    """`trimtab kill` writes the file and then asks: whichever the daemon hears first, its owner is told once."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        killfile.write(tmp_path, "by command", "bob")
        await stage.advance(1)
        answer = await stage.ask("kill", reason="by command", by="bob")

        assert ("HALT", [(Action.KILL, "by command", "bob")]) == (answer["mode"], asked(stage))
        assert killfile.read(tmp_path) is not None
        await stage.ask("kill", reason="another one", by="bob")
        assert 2 == len(asked(stage))


async def test_an_arm_removes_the_kill_file(tmp_path: Path) -> None:
    """Armed by an operator the portfolio runs, and the next start is not killed by an old file."""
    async with Stage(tmp_path) as stage:
        killfile.write(tmp_path, "by hand", "bob")
        await stage.advance(1)
        answer = await stage.ask("arm", **WHO)
        await stage.advance(1)

        assert {"mode": "RUN"} == answer
        assert Mode.RUN is mode(stage)
        assert killfile.read(tmp_path) is None


async def test_a_kill_cancels_what_is_on_its_way_and_keeps_the_hedges(tmp_path: Path) -> None:
    """Orders are cancelled, positions stay, and nothing is sent until somebody arms."""
    async with Stage(tmp_path) as stage:
        stage.exchange.answering = False
        await stage.until(lambda: len(stage.exchange.sent) == 2)
        answer = await stage.ask("kill", **WHO)
        await stage.advance(1)

        assert {"mode": "HALT"} == answer
        assert {request.client_id for request in stage.exchange.sent} == set(stage.exchange.cancelled)
        stage.exchange.truth.coins["BTC"] += d("0.1")
        await stage.advance(20)
        assert 2 == len(stage.exchange.sent)


async def test_an_order_whose_step_is_not_durable_yet_is_stopped_by_a_kill(tmp_path: Path) -> None:
    """A disk that takes its time does not let an order out after the kill."""

    stage = Stage(tmp_path, journal_of(ManualClock(START_NS), held=True))
    async with stage:
        await stage.until(lambda: len(stage.live) == 2)
        await stage.ask("kill", **WHO)
        stage.journal.commit()
        await stage.advance(1)

        assert ([], []) == (stage.exchange.sent, stage.live)
        stage.stop.set()
        await stage.advance(1)


async def test_reason_and_name_are_bounded(tmp_path: Path) -> None:
    """What comes over the socket is cut to size, and nothing given is said as such."""
    async with Stage(tmp_path) as stage:
        await stage.ask("kill", reason="x" * 10_000, by="y" * 10_000)
        await stage.ask("arm")

        assert (Action.KILL, "x" * 500, "y" * 100) == asked(stage)[0]
        assert (Action.ARM, "no reason given", "operator") == asked(stage)[1]


# -------------------------------------------------------------------------------------------------- unwind and flatten
async def test_an_unwind_closes_every_hedge(tmp_path: Path) -> None:
    """Reduce-only orders bring every position to zero, and it stays there."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        answer = await stage.ask("unwind", **WHO)
        await stage.until(lambda: stage.position("BTC") == stage.position("ETH") == 0)
        await stage.advance(20)

        assert {"mode": "UNWIND"} == answer
        assert [True, True] == [request.reduce_only for request in stage.exchange.sent[2:]]


async def test_an_unwind_is_refused_when_halted(tmp_path: Path) -> None:
    """A kill is lifted by an arm, not by the next order; the refusal says what to do, and nothing is journaled."""
    async with Stage(tmp_path) as stage:
        await stage.ask("kill", **WHO)
        with pytest.raises(Denied, match="arm first, or flatten"):
            await stage.ask("unwind", **WHO)

        assert (Mode.HALT, 1) == (mode(stage), len(asked(stage)))


async def test_flatten_takes_two_steps(tmp_path: Path) -> None:
    """The first call changes nothing and gives a word; the second, with it, closes every hedge, halted or not."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.ask("kill", **WHO)
        first = await stage.ask("flatten", **WHO)
        between = mode(stage)
        second = await stage.ask("flatten", confirm=first["confirm"], **WHO)
        await stage.until(lambda: stage.position("BTC") == stage.position("ETH") == 0)

        assert (Mode.HALT, {"mode": "FLATTEN"}, "30") == (between, second, first["valid_s"])


async def test_a_flatten_takes_the_file_of_the_kill_before_it_away(tmp_path: Path) -> None:
    """A restart halfway goes on flattening; where the file cannot be removed, it is flattened all the same."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.ask("kill", **WHO)
        assert killfile.read(tmp_path) is not None
        await stage.ask("flatten", confirm=(await stage.ask("flatten", **WHO))["confirm"], **WHO)

        assert (None, Mode.FLATTEN) == (killfile.read(tmp_path), mode(stage))
        killfile.place(tmp_path).mkdir()
        await stage.ask("flatten", confirm=(await stage.ask("flatten", **WHO))["confirm"], **WHO)
        assert Mode.FLATTEN is mode(stage)


async def test_a_flatten_that_no_journal_keeps_leaves_the_kill_in_place(tmp_path: Path) -> None:
    """Where the journal is lost the next start must not find the portfolio free to trade."""
    async with Stage(tmp_path) as stage:
        await stage.hedged()
        await stage.ask("kill", **WHO)
        nonce = (await stage.ask("flatten", **WHO))["confirm"]
        stage.journal.fail("disk full")
        await stage.ask("flatten", confirm=nonce, **WHO)

        assert Mode.HALT is mode(stage)
        assert killfile.read(tmp_path) is not None


@pytest.mark.parametrize("given", ["", "0", "deadbeef", "wörd", 7, ["x"]])
async def test_a_wrong_confirmation_flattens_nothing(tmp_path: Path, given: object) -> None:
    """Whatever is given instead of the word is refused, and the word that was right is spent."""
    async with Stage(tmp_path) as stage:
        first = await stage.ask("flatten", **WHO)
        with pytest.raises(Denied, match="wrong or expired"):
            await stage.ask("flatten", confirm=given, **WHO)
        with pytest.raises(Denied, match="wrong or expired"):
            await stage.ask("flatten", confirm=first["confirm"], **WHO)

        assert (Mode.RUN, []) == (mode(stage), asked(stage))


async def test_a_confirmation_expires(tmp_path: Path) -> None:
    """After thirty seconds the word is worth nothing."""
    async with Stage(tmp_path) as stage:
        first = await stage.ask("flatten", **WHO)
        await stage.advance(operator.NONCE_SECONDS + 0.1)
        with pytest.raises(Denied):
            await stage.ask("flatten", confirm=first["confirm"], **WHO)

        assert Mode.RUN is mode(stage)


async def test_a_confirmation_works_once(tmp_path: Path) -> None:
    """A request that is sent again does not flatten again."""
    async with Stage(tmp_path) as stage:
        first = await stage.ask("flatten", **WHO)
        await stage.ask("flatten", confirm=first["confirm"], **WHO)
        await stage.ask("arm", **WHO)
        with pytest.raises(Denied):
            await stage.ask("flatten", confirm=first["confirm"], **WHO)

        assert Mode.RUN is mode(stage)


async def test_only_the_last_confirmation_counts(tmp_path: Path) -> None:
    """A word that was asked for anew takes the place of the one before, and no word comes twice."""
    async with Stage(tmp_path) as stage:
        first = await stage.ask("flatten", **WHO)
        second = await stage.ask("flatten", **WHO)
        with pytest.raises(Denied):
            await stage.ask("flatten", confirm=first["confirm"], **WHO)

        assert first["confirm"] != second["confirm"]
        assert Mode.RUN is mode(stage)


async def test_a_confirmation_without_a_first_step_is_refused(tmp_path: Path) -> None:
    """Nothing was asked for, so nothing can be confirmed."""
    async with Stage(tmp_path) as stage:
        for given in ("", "00000000"):
            with pytest.raises(Denied):
                await stage.ask("flatten", confirm=given, **WHO)

        assert Mode.RUN is mode(stage)


async def test_a_cancel_of_a_kill_is_in_its_step(tmp_path: Path) -> None:
    """What a kill cancels is journaled with it."""
    async with Stage(tmp_path) as stage:
        stage.exchange.answering = False
        await stage.until(lambda: len(stage.exchange.sent) == 2)
        await stage.ask("kill", **WHO)
        (step,) = [step for step in steps_of(stage.journal) if isinstance(step.event, OperatorAsked)]

        assert 2 == bytes(step.commands).count(f'"{CancelOrder.__name__}"'.encode())
