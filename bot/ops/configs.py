"""Loading a config for a verb: every problem of it is named at once, and the verb ends with the usage code."""

import os
from dataclasses import replace
from pathlib import Path

from bot.ops.exits import Exit
from bot.ops.speak import Stop, warn
from bot.ops.variables import STATE_DIR_VARIABLE
from bot.runtime.document import read_document
from bot.runtime.problems import ConfigError
from bot.runtime.settings import Settings, default_state_dir
from bot.runtime.settings_load import Loaded, load

_NOTHING = ", nothing was done"


def settings_from(path: Path) -> Settings:
    """The settings of a file and the environment over it; raises Stop with every problem, a line each."""
    return loaded_from(path).settings


def loaded_from(path: Path, state_dir: Path | None = None) -> Loaded:
    """The same with the lines of the file; `state_dir` stands in for the config's own."""
    try:
        return read_again(path, state_dir)
    except ConfigError as error:
        raise unusable(path, error) from error


def read_again(path: Path, state_dir: Path | None = None) -> Loaded:
    """The same for a daemon that runs and reads its file anew; raises ConfigError with every problem."""
    loaded = load(path.expanduser())
    if state_dir is None:
        return loaded
    settings = loaded.settings.model_copy(update={"state_dir": state_dir.expanduser().absolute()})
    return replace(loaded, settings=settings)


def hushed(loaded: Loaded) -> Loaded:
    """The same with a log that speaks of trouble only: for a look that is over in a moment."""
    log = loaded.settings.log.model_copy(update={"level": "warning"})
    return replace(loaded, settings=loaded.settings.model_copy(update={"log": log}))


def state_dir_in(path: Path) -> Path:
    """The state directory that a config names, even if the rest of it is broken: a kill must not wait for an editor.

    Raises Stop, with every problem, when not even that can be read.
    """
    try:
        return settings_from(path).state_dir
    except Stop as stop:
        named = _named_state_dir(path.expanduser())
        if named is None:
            raise
        warn(f"trimtab: {stop.message.removesuffix(_NOTHING)}, but its state_dir can be read: {named}")
        return named


def _named_state_dir(path: Path) -> Path | None:
    try:
        document = read_document(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        return None
    if not isinstance(document.value, dict):
        return None
    named = os.environ.get(STATE_DIR_VARIABLE) or document.value.get("state_dir", str(default_state_dir()))
    return path.parent.absolute() / Path(named).expanduser() if isinstance(named, str) and named else None


def unusable(path: Path, error: ConfigError) -> Stop:
    """What a config with problems means for a verb."""
    count = len(error.problems)
    message = f"{path}: {count} {'problem' if count == 1 else 'problems'}{_NOTHING}"
    return Stop(Exit.USAGE, message, "config", error.problems)
