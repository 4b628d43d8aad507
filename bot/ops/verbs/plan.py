"""`trimtab plan`: what would be done now, and why."""

from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, state_dir_of
from bot.ops.speak import print_json, speaking
from bot.runtime.ask import TIMEOUT_S, ask


def plan(
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show what the running daemon would do now and why: each asset's derivation, and the orders that follow."""
    with speaking(as_json):
        answer = ask(state_dir_of(state_dir, config), "plan", timeout_s=timeout)
        if as_json:
            print_json(answer)
        else:
            from bot.ops.plans import print_plan

            print_plan(answer)
