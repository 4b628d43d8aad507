"""`trimtab mode` and `trimtab pause`: another way to run without a new process, and a stop that cancels nothing."""

from typing import Annotated

import typer

from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, operator, state_dir_of
from bot.ops.speak import print_json, say, speaking
from bot.runtime.ask import TIMEOUT_S, ask


def mode(
    wanted: Annotated[str, typer.Argument(metavar="MODE", help="observe, dry-run or live.")],
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Let the running daemon go on in another way to run: it winds down, hedges stay, and it starts anew in the other.

    To live it only goes where the process was started with --live and confirmed; its pre-flight is made again.
    """
    with speaking(as_json):
        answer = ask(state_dir_of(state_dir, config), "mode", {"mode": wanted, "by": operator()}, timeout)
        if as_json:
            print_json(answer)
        else:
            say(f"going on in {wanted}: hedges stay as they are, and a journal of its own is used")


def pause(
    reason: Annotated[str, typer.Argument(help="Why; it is journaled.")] = "asked by the operator",
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Send nothing new until `arm`. Unlike kill it cancels nothing, and needs a daemon that answers."""
    with speaking(as_json):
        answer = ask(state_dir_of(state_dir, config), "pause", {"reason": reason, "by": operator()}, timeout)
        if as_json:
            print_json(answer)
        else:
            say("paused: nothing new is sent until `trimtab arm REASON`, hedges stay in place")
