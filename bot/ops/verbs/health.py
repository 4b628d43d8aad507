"""`trimtab health`: whether the running daemon could hedge now, for people, scripts and container health checks."""

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, state_dir_of
from bot.ops.speak import Stop, print_json, say, speaking
from bot.runtime.ask import TIMEOUT_S, ask


def health(
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Say whether the daemon is ready: exit code 0 if it is, 10 if it is not and why, 3 if none runs."""
    with speaking(as_json):
        found = ask(state_dir_of(state_dir, config), "health", timeout_s=timeout)
        if as_json:
            print_json(found)
            raise typer.Exit(int(Exit.OK if found["ready"] else Exit.NOT_READY))
        if not found["ready"]:
            reasons = [f"{reason['subject']}: {reason['text']}" for reason in found["reasons"]]
            raise Stop(Exit.NOT_READY, f"not ready, mode {found['mode']}", details=reasons)
        say(f"ready, mode {found['mode']}")
