"""`trimtab reload`: the config file, read anew by the running daemon."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, operator, state_dir_of
from bot.ops.speak import Stop, print_json, say, speaking, warn
from bot.runtime.ask import ask

RELOAD_TIMEOUT_S = 15.0
"""Reading and judging a file is a matter of a moment; a daemon that is busy starting may take longer."""

_ENDS = {
    "invalid": (Exit.USAGE, "the file has problems"),
    "unfit": (Exit.USAGE, "the venue or the holdings do not fit it"),
    "needs_restart": (Exit.REFUSED, "something changed that cannot change while it runs"),
    "refused": (Exit.REFUSED, "the daemon refused it"),
}
_SAID = {
    "unchanged": "nothing has changed",
    "possible": "this would be taken over; nothing was changed (--dry-run)",
    "applied": "in force",
    "waiting": "accepted; it comes into force when the book is at rest",
}


def reload(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = RELOAD_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Load the daemon's config file anew: targets, bands, alerts and most limits change while it runs.

    A file with a problem, or with a change that needs a restart, leaves everything as it was. SIGHUP does the same.
    """
    with speaking(as_json):
        # The config that is named here only leads to the daemon: it may be the very file that is broken now.
        place = state_dir_of(state_dir, config, forgiving=True)
        answer = ask(place, "reload", {"dry_run": dry_run, "by": operator()}, timeout)
        outcome = answer["outcome"]
        file = answer.get("file") or ""
        if config is not None and file and config.expanduser().resolve() != Path(file).resolve():
            warn(f"trimtab: the daemon runs by {file} and has read that; {config} only led to it")
        if outcome in _ENDS:
            raise _refusal(answer, as_json)
        if as_json:
            print_json(answer)
        else:
            _tell(answer)


def _refusal(answer: dict[str, Any], as_json: bool) -> Stop:
    code, what = _ENDS[answer["outcome"]]
    if not as_json:
        _print_changes(answer)
    details = [*answer["problems"], *([answer["why"]] if answer["why"] else [])]
    return Stop(code, f"{what}; the config in force stays in force", answer["outcome"], details)


def _tell(answer: dict[str, Any]) -> None:
    _print_changes(answer)
    why = f": {answer['why']}" if answer["why"] else ""
    say(f"{_SAID[answer['outcome']]}{why}")


def _print_changes(answer: dict[str, Any]) -> None:
    for change in answer["changes"]:
        say(f"  {change}")
