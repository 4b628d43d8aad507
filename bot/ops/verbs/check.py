"""`trimtab check`: is this config usable, at this venue? With a key: is the account?"""

from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import JsonOption
from bot.ops.speak import Stop, speaking
from bot.ops.variables import CONFIG_VARIABLE


def check(
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", envvar=CONFIG_VARIABLE, help="The portfolio's config.")
    ],
    live: Annotated[
        bool, typer.Option("--live", help="The doctor: everything that live needs, in one run, with what to do.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the venue, even with a key.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a config, hold it against the venue's market and, with an API key, look at the account; change nothing.

    The market: every symbol trades, and no band is below the smallest order at today's prices and holdings.
    The account: the pre-flight of `run --live`: clock, the key's permissions, position and margin mode ...
    With --live beyond that: fees, leverage and margin for what is held, state directory, disk, journal, alerts; every
    sink is sent a test.
    """
    with speaking(as_json):
        if live and offline:
            raise Stop(Exit.USAGE, "--live and --offline exclude each other")
        from bot.ops.checks import check_all, tell

        result = check_all(config, offline, live)
        tell(result, as_json)
        raise typer.Exit(result.exit)
