"""Modes by scope, latches, and what operators can do about them."""

import pytest

from bot.domain.events import Action, OperatorAsked
from bot.domain.units import Nanos
from bot.engine.modes import GLOBAL, Latch, Mode, Modes
from tests.kit import hedge

NAME = hedge("BTC")


def latch(mode: Mode, reason: str = "why") -> Latch:
    """A latch of the bot's own."""
    return Latch(mode, reason, "trimtab", Nanos(1))


def asked(action: Action) -> OperatorAsked:
    """An operator's command."""
    return OperatorAsked(action, "because", "ann", Nanos(7))


@pytest.mark.parametrize(
    ("overall", "own", "counts"),
    [
        (None, None, Mode.RUN),
        (None, Mode.HALT, Mode.HALT),
        (Mode.REDUCE_ONLY, None, Mode.REDUCE_ONLY),
        (Mode.REDUCE_ONLY, Mode.HALT, Mode.HALT),
        (Mode.HALT, Mode.REDUCE_ONLY, Mode.HALT),
        (Mode.UNWIND, Mode.HALT, Mode.UNWIND),
        (Mode.FLATTEN, Mode.HALT, Mode.FLATTEN),
    ],
)
def test_the_strictest_latch_counts_but_an_operators_unwind(
    overall: Mode | None, own: Mode | None, counts: Mode
) -> None:
    """An instrument's own halt yields to an operator who closes everything, and to nothing else."""
    modes = Modes()
    for scope, mode in ((GLOBAL, overall), (NAME, own)):
        if mode is not None:
            modes.latch(scope, latch(mode))

    assert modes.of(NAME) is counts
    assert modes.of(hedge("ETH")) is modes.overall


def test_a_latch_is_only_made_stricter() -> None:
    """A second, weaker or equal reason does not replace the first; a stricter one does."""
    modes = Modes()

    assert modes.latch(NAME, latch(Mode.REDUCE_ONLY, "first"))
    assert not modes.latch(NAME, latch(Mode.REDUCE_ONLY, "second"))
    assert modes.latch(NAME, latch(Mode.HALT, "third"))
    assert modes.latches[NAME].reason == "third"


def test_arming_clears_every_latch() -> None:
    """After arming everything runs, and it is remembered when that was."""
    modes = Modes()
    modes.latch(NAME, latch(Mode.HALT))
    modes.latch(GLOBAL, latch(Mode.HALT))

    assert modes.obey(asked(Action.ARM)) == ""
    assert (modes.of(NAME), modes.armed_ns) == (Mode.RUN, 7)


@pytest.mark.parametrize(
    ("action", "mode"), [(Action.KILL, Mode.HALT), (Action.UNWIND, Mode.UNWIND), (Action.FLATTEN, Mode.FLATTEN)]
)
def test_an_operators_command_sets_the_whole_portfolio(action: Action, mode: Mode) -> None:
    """Kill halts, unwind and flatten close; each with who and why."""
    modes = Modes()

    assert modes.obey(asked(action)) == ""
    assert modes.latches[GLOBAL] == Latch(mode, "because", "ann", Nanos(7))


def test_under_a_halt_only_flatten_is_obeyed() -> None:
    """Unwind needs arming first; flatten has its own confirmation."""
    modes = Modes()
    modes.obey(asked(Action.KILL))

    assert modes.obey(asked(Action.UNWIND)) == "halted: arm first, or flatten"
    assert modes.latches[GLOBAL].mode is Mode.HALT
    assert modes.obey(asked(Action.FLATTEN)) == ""
    assert modes.latches[GLOBAL].mode is Mode.FLATTEN


def test_a_kill_stops_an_unwind() -> None:
    """The strictest command of an operator is always obeyed."""
    modes = Modes()
    modes.obey(asked(Action.FLATTEN))
    modes.obey(asked(Action.KILL))

    assert modes.of(NAME) is Mode.HALT
