"""A plan from files: a config and a snapshot of a portfolio, without a daemon, a key or a network."""

from pathlib import Path
from typing import Any

from bot.domain.units import Nanos
from bot.ops.configs import settings_from, unusable
from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.plan_answer import document
from bot.runtime.plan_derive import plan
from bot.runtime.plan_snapshot import read_file
from bot.runtime.plan_values import TIME_ALLOWED, moment
from bot.runtime.problems import ConfigError
from bot.runtime.settings_load import load


def plan_of_files(config: Path, snapshot: Path, at: str | None) -> dict[str, Any]:
    """The answer for a snapshot, at its own moment or at `at`; raises Stop with a line for everything that is wrong.

    A target whose time was over when the snapshot was taken is wrong; at a later moment `at` the plan shows its end.
    """
    settings = settings_from(config)
    try:
        reading = read_file(snapshot.expanduser())
    except ConfigError as error:
        count = len(error.problems)
        message = f"{snapshot}: {count} {'problem' if count == 1 else 'problems'}, nothing was planned"
        raise Stop(Exit.USAGE, message, "snapshot", error.problems) from error
    try:
        load(config.expanduser(), now_ns=reading.snapshot.now_ns)
    except ConfigError as error:
        raise unusable(config, error) from error
    at_ns = None if at is None else _moment(at)
    try:
        return document(plan(settings, reading, at_ns))
    except ArithmeticError as error:
        message = (
            f"{snapshot}: its numbers are too far apart to reckon with; allowed: prices, sizes and lots of a market"
        )
        raise Stop(Exit.USAGE, message, "snapshot") from error


def _moment(text: str) -> Nanos:
    try:
        return moment(text)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"--at {text}: not a time; allowed: {TIME_ALLOWED}") from error
