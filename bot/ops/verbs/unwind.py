"""`trimtab unwind`: close the hedges in good order."""

from typing import Annotated

import typer

from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, operator, state_dir_of
from bot.ops.speak import print_json, say, speaking
from bot.runtime.ask import TIMEOUT_S, ask


def unwind(
    reason: Annotated[str, typer.Argument(help="Why; it is journaled.")],
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Bring every futures position to zero, inside the usual price and slippage limits, and stay there.

    The holdings are unhedged afterwards. `trimtab arm REASON` makes the daemon hedge again.
    """
    with speaking(as_json):
        answer = ask(state_dir_of(state_dir, config), "unwind", {"reason": reason, "by": operator()}, timeout)
        if as_json:
            print_json({"daemon": "confirmed", "answer": answer})
        else:
            say("unwinding: watch it with `trimtab status --watch`")
