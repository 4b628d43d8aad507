"""`trimtab plan`: what would be done now, and why."""

from pathlib import Path
from typing import Any

from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, state_dir_of
from bot.ops.speak import print_json, speaking
from bot.runtime.ask import TIMEOUT_S, NotRunning, ask


def plan(
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done now and why: each asset's derivation, and the orders that follow.

    The running daemon answers. Where none runs, a config is enough: the venue is looked at once, nothing is kept.
    """
    with speaking(as_json):
        answer = _answer(config, state_dir, timeout)
        if as_json:
            print_json(answer)
        else:
            from bot.ops.plans import print_plan

            print_plan(answer)


def _answer(config: Path | None, state_dir: Path | None, timeout_s: float) -> Any:
    try:
        return ask(state_dir_of(state_dir, config), "plan", timeout_s=timeout_s)
    except NotRunning:
        if config is None:
            raise
    import msgspec

    from bot.ops.daemon import plan_without_daemon

    return msgspec.to_builtins(plan_without_daemon(config, state_dir))
