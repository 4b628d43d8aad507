"""`trimtab demo`: the main job, end to end, against a simulated exchange."""

from pathlib import Path
from typing import Annotated

import typer

from bot.ops.options import JsonOption, StateDirOption
from bot.ops.speak import speaking

SEED = 7


def demo(
    seed: Annotated[int, typer.Option("--seed", min=0, help="The simulated market's seed.")] = SEED,
    fast: Annotated[bool, typer.Option("--fast", help="Do not pause for the reader between two steps.")] = False,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a hedge opened, kept and closed: no key, no network, under a minute."""
    from bot.ops.demo import Wishes, run_demo

    with speaking(as_json):
        wishes = Wishes(seed=seed, fast=fast, state_dir=_expanded(state_dir), as_json=as_json)
        raise typer.Exit(int(run_demo(wishes)))


def _expanded(state_dir: Path | None) -> Path | None:
    return None if state_dir is None else state_dir.expanduser()
