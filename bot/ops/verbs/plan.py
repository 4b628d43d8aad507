"""`trimtab plan`: what would be done now, and why."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, state_dir_of
from bot.ops.speak import Stop, print_json, speaking
from bot.runtime.ask import TIMEOUT_S, NotRunning, ask

SnapshotOption = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        "-s",
        metavar="FILE",
        help="Plan for the portfolio in this file (JSON); needs no daemon and no key.",
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="With --snapshot: plan as at this time (UTC) instead of the file's."),
]


def plan(
    config: ConfigOption = None,
    snapshot: SnapshotOption = None,
    at: AtOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done now and why: each asset's derivation, and the orders that follow.

    The running daemon answers. Where none runs, a config is enough: the venue is looked at once, nothing is kept.
    With --snapshot nobody is asked: a config and a file with holdings, positions and prices are all it takes.
    """
    with speaking(as_json):
        answer = (
            _answer(config, state_dir, timeout) if snapshot is None and at is None else _offline(config, snapshot, at)
        )
        if as_json:
            print_json(answer)
        else:
            from bot.ops.plans import print_plan

            print_plan(answer)


def _offline(config: Path | None, snapshot: Path | None, at: str | None) -> Any:
    if snapshot is None:
        raise Stop(Exit.USAGE, "--at needs --snapshot FILE")
    if config is None:
        raise Stop(Exit.USAGE, "--snapshot needs --config FILE: the targets are there")
    from bot.ops.plan_files import plan_of_files

    return plan_of_files(config, snapshot, at)


def _answer(config: Path | None, state_dir: Path | None, timeout_s: float) -> Any:
    try:
        return ask(state_dir_of(state_dir, config), "plan", timeout_s=timeout_s)
    except NotRunning:
        if config is None:
            raise
    import msgspec

    from bot.ops.daemon import plan_without_daemon

    return msgspec.to_builtins(plan_without_daemon(config, state_dir))
