"""Loading a config for a verb: every problem of it is named at once, and the verb ends with the usage code."""

from dataclasses import replace
from pathlib import Path

from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.problems import ConfigError
from bot.runtime.settings import Settings
from bot.runtime.settings_load import Loaded, load


def settings_from(path: Path) -> Settings:
    """The settings of a file and the environment over it; raises Stop with every problem, a line each."""
    return loaded_from(path).settings


def loaded_from(path: Path, state_dir: Path | None = None) -> Loaded:
    """The same with the lines of the file; `state_dir` stands in for the config's own."""
    try:
        loaded = load(path.expanduser())
    except ConfigError as error:
        raise unusable(path, error) from error
    if state_dir is None:
        return loaded
    settings = loaded.settings.model_copy(update={"state_dir": state_dir.expanduser().absolute()})
    return replace(loaded, settings=settings)


def hushed(loaded: Loaded) -> Loaded:
    """The same with a log that speaks of trouble only: for a look that is over in a moment."""
    log = loaded.settings.log.model_copy(update={"level": "warning"})
    return replace(loaded, settings=loaded.settings.model_copy(update={"log": log}))


def unusable(path: Path, error: ConfigError) -> Stop:
    """What a config with problems means for a verb."""
    count = len(error.problems)
    message = f"{path}: {count} {'problem' if count == 1 else 'problems'}, nothing was done"
    return Stop(Exit.USAGE, message, "config", error.problems)
