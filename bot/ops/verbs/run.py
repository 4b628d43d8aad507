"""`trimtab run`: the daemon itself, in one of its three ways."""

from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import StateDirOption
from bot.ops.speak import Stop, speaking
from bot.ops.variables import CONFIG_VARIABLE
from bot.runtime.golive import CONFIRM_VARIABLE


def run(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", envvar=CONFIG_VARIABLE, help="The portfolio's config.")
    ],
    live: Annotated[
        bool,
        typer.Option(
            "--live", help=f"Send real orders. Asks for the portfolio's name, or takes it from ${CONFIRM_VARIABLE}."
        ),
    ] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Only look: decide and journal, send nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Live data, paper orders (the default): nothing is sent.")
    ] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Run the daemon until Ctrl-C or SIGTERM; hedges stay in place when it ends.

    Without an option it is a dry-run: live market data, orders filled on paper against the live books.
    """
    with speaking(as_json=False):
        if live + observe + dry_run > 1:
            raise Stop(Exit.USAGE, "--live, --observe and --dry-run exclude each other")
        from bot.ops.daemon import run_until_stopped

        raise typer.Exit(run_until_stopped(config, _way(live, observe), state_dir))


def _way(live: bool, observe: bool) -> str:
    """The RunMode's value."""
    return "live" if live else "observe" if observe else "dry-run"
