"""`trimtab status`: the whole picture, once or as a live view."""

from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, state_dir_of
from bot.ops.speak import Stop, print_json, speaking
from bot.runtime.ask import TIMEOUT_S, ask

INTERVAL_S = 0.5


def status(
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Draw it anew until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.1, max=60, help="Seconds between two looks.")] = (
        INTERVAL_S
    ),
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show assets, positions, streams, orders, notices and totals of the running daemon."""
    with speaking(as_json):
        place = state_dir_of(state_dir, config)
        if watch and as_json:
            raise Stop(Exit.USAGE, "--watch draws for a person, --json prints one document: choose one")
        if watch:
            from bot.ops.watch import watch_status

            watch_status(place, interval, timeout)
        elif as_json:
            print_json(ask(place, "status", timeout_s=timeout))
        else:
            from bot.ops.view import print_status
            from bot.ops.watch import status_of

            print_status(status_of(place, timeout))
