"""The options that several verbs share, and how they lead to a state directory."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.ops.variables import CONFIG_VARIABLE, STATE_DIR_VARIABLE

JOURNAL_PATTERN = "journal-*.sqlite3"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar=CONFIG_VARIABLE, help="The portfolio's config; its state_dir is used."
    ),
]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", "-d", metavar="DIR", help=f"Where the daemon keeps its state (also ${STATE_DIR_VARIABLE})."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, max=600, help="How long to wait for the daemon.")
]


def state_dir_of(state_dir: Path | None, config: Path | None, *, forgiving: bool = False) -> Path:
    """The state directory: the option, else the config's, else the environment's, else the default.

    The environment's goes over the config's as well, as for every other setting. `forgiving` takes a config whose
    other parts are broken.
    """
    if state_dir is not None:
        return state_dir.expanduser()
    if config is not None:
        from bot.ops.configs import settings_from, state_dir_in

        return state_dir_in(config) if forgiving else settings_from(config).state_dir
    if named := os.environ.get(STATE_DIR_VARIABLE):
        return Path(named).expanduser()
    return _default()


def _default() -> Path:
    """The default state directory; raises Stop where only directories below it are in use, each a portfolio's own.

    A kill that went to the directory above them would be read by nobody.
    """
    from bot.runtime.settings import default_state_dir

    place = default_state_dir()
    used = sorted({journal.parent for journal in place.glob(f"*/{JOURNAL_PATTERN}")})
    if used and not any(place.glob(JOURNAL_PATTERN)):
        names = ", ".join(found.name for found in used)
        named = f"{place} holds the state of {names}: name one by --config FILE or --state-dir DIR"
        raise Stop(Exit.NOT_RUNNING, f"{named}, or its config once by ${CONFIG_VARIABLE}; nothing was done")
    return place


def operator() -> str:
    """Who is asking, for the journal: the user's name and the terminal's process."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} (pid {os.getpid()})"
