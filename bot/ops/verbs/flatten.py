"""`trimtab flatten`: close every futures position now; asked twice."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption, TimeoutOption, operator, state_dir_of
from bot.ops.speak import Stop, print_json, say, speaking
from bot.runtime.ask import TIMEOUT_S, ask


def flatten(
    reason: Annotated[str, typer.Argument(help="Why; it is journaled.")] = "asked by the operator",
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="NONCE", help="The nonce that the first call printed.")
    ] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Close every futures position with reduce-only orders, even while killed. It takes two calls.

    The first call sends nothing: it prints a nonce that is good for 30 seconds. The second call with
    `--confirm NONCE` does it.
    """
    with speaking(as_json):
        request = {"confirm": confirm, "reason": reason, "by": operator()}
        answer = ask(state_dir_of(state_dir, config), "flatten", request, timeout)
        if as_json:
            print_json(answer)
        elif confirm is None:
            _invite(answer, config, state_dir)
        else:
            say("flattening: every futures position is being closed; watch it with `trimtab status --watch`")


def _invite(answer: Any, config: Path | None, state_dir: Path | None) -> None:
    nonce = answer.get("confirm") if isinstance(answer, dict) else None
    if not nonce:
        raise Stop(Exit.INTERNAL, f"the daemon gave no nonce: {answer!r}")
    where = [f"--config {shlex.quote(str(config))}"] if config else []
    where += [f"--state-dir {shlex.quote(str(state_dir))}"] if state_dir else []
    say(f"Nothing was sent yet. To close every futures position, within {answer.get('valid_s', 30)} seconds:")
    say(" ".join(["  trimtab flatten --confirm", str(nonce), *where]))
