"""`trimtab kill` and `trimtab arm`: the switch, and its way back."""

from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, operator, state_dir_of
from bot.ops.speak import Stop, from_daemon, print_json, say, speaking, warn
from bot.runtime import killfile
from bot.runtime.ask import AskError, ask

KILL_TIMEOUT_S = 5.0


def kill(
    reason: Annotated[str, typer.Argument(help="Why; it is journaled.")] = "asked by the operator",
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = KILL_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Stop trading now: working orders are cancelled, hedges stay, nothing new is sent until `arm`.

    It works on a daemon that hangs, too: a file KILL is written first, and the daemon obeys it on its next tick or at
    its next start.
    """
    with speaking(as_json):
        place = _existing(state_dir_of(state_dir, config, forgiving=True))
        by = operator()
        file, trouble = _written(place, reason, by)
        try:
            ask(place, "kill", {"reason": reason, "by": by}, timeout)
            failure = None
        except AskError as error:
            failure = from_daemon(error)
        _report(file, trouble, failure, as_json)


def arm(
    reason: Annotated[str, typer.Argument(help="Why it is safe again; it is journaled.")],
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = KILL_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Lift the kill switch (and every other latch): the daemon may trade again."""
    with speaking(as_json):
        place = _existing(state_dir_of(state_dir, config))
        answer = ask(place, "arm", {"reason": reason, "by": operator()}, timeout)
        if killfile.read(place) is not None:
            raise Stop(Exit.REFUSED, f"{killfile.place(place)} is still there: it was written again, or is not ours")
        if as_json:
            print_json({"daemon": "confirmed", "answer": answer})
        else:
            say("armed: the daemon may send orders again")


def _existing(place: Path) -> Path:
    """A kill that went to a directory that nobody reads would be worse than an error."""
    if not place.is_dir():
        raise Stop(Exit.NOT_RUNNING, f"there is no state directory {place}; nothing was done")
    return place


def _written(place: Path, reason: str, by: str) -> tuple[Path | None, str]:
    try:
        return killfile.write(place, reason, by), ""
    except OSError as error:
        return None, f"{killfile.place(place)} cannot be written ({error.strerror})"


def _report(file: Path | None, trouble: str, failure: Stop | None, as_json: bool) -> None:
    """Say what happened; end with the daemon's code, for only its answer proves that it stopped."""
    daemon = "confirmed" if failure is None else failure.word
    if as_json:
        print_json(
            {
                "daemon": daemon,
                "message": failure.message if failure else "",
                "file": str(file) if file else None,
                "file_trouble": trouble,
                "exit": int(failure.exit) if failure else 0,
            }
        )
    else:
        _tell(file, trouble, failure)
    if failure is not None:
        raise typer.Exit(int(failure.exit))


def _tell(file: Path | None, trouble: str, failure: Stop | None) -> None:
    if trouble:
        warn(f"trimtab: {trouble}")
    if failure is None:
        say("killed: the daemon confirmed; no new order until `trimtab arm REASON`, hedges stay in place")
        return
    warn(f"trimtab: {failure.message}")
    if file is None:
        warn("trimtab: NOT killed: neither the file nor the daemon took it; stop the process")
    elif failure.exit is Exit.NOT_RUNNING:
        warn(f"trimtab: {file} is written: a daemon that starts here will not trade until `trimtab arm REASON`")
    else:
        warn(f"trimtab: {file} is written: the daemon obeys it on its next tick; if it hangs, stop the process")
