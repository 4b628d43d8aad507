"""`trimtab check` as a whole: the config first, then, with a key, the account as `live` would look at it."""

from pathlib import Path

import msgspec

from bot.ops.check import ConfigReport, check_config
from bot.ops.configs import hushed
from bot.ops.daemon import REFUSALS
from bot.ops.exits import Exit
from bot.ops.speak import print_json, say
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded


class Found(msgspec.Struct, frozen=True):
    """One line of the pre-flight; one that is not ok and `blocking` keeps `live` from starting."""

    subject: str
    ok: bool
    blocking: bool
    text: str


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found. `account` is None where it was not looked at: `account_skipped` says why."""

    ok: bool
    exit: int
    config: ConfigReport
    account: tuple[Found, ...] | None = None
    account_skipped: str | None = None


def check_all(path: Path, offline: bool) -> CheckResult:
    """Check a config and, unless told not to or there is no key, the account."""
    report, loaded = check_config(path.expanduser())
    if not report.ok or loaded is None:
        why = "the config has problems"
        return CheckResult(ok=False, exit=int(Exit.USAGE), config=report, account_skipped=why)
    if offline or report.credentials is None:
        why = "told not to (--offline)" if offline else "there is no API key"
        return CheckResult(ok=True, exit=0, config=report, account_skipped=why)
    code, found = _account(loaded)
    return CheckResult(ok=code is Exit.OK, exit=int(code), config=report, account=found)


def _account(loaded: Loaded) -> tuple[Exit, tuple[Found, ...]]:
    import uvloop

    from bot.runtime.app import preflight

    try:
        found = tuple(Found(*line) for line in uvloop.run(preflight(hushed(loaded))))
    except StartRefused as error:
        return REFUSALS[error.kind], tuple(Found(error.kind, False, True, line) for line in error.lines)
    refused = any(line.blocking and not line.ok for line in found)
    return Exit.REFUSED if refused else Exit.OK, found


def tell(result: CheckResult, as_json: bool) -> None:
    """Print a check's result."""
    if as_json:
        print_json(result)
        return
    for problem in result.config.problems:
        say(str(problem))
    for line in result.config.summary:
        say(line)
    for found in result.account or ():
        say(f"{'ok     ' if found.ok else 'NO     ' if found.blocking else 'warning'} {found.subject}: {found.text}")
    if result.account_skipped:
        say(f"the account was not looked at: {result.account_skipped}")
    count = len(result.config.problems)
    say(f"{result.config.place}: {'usable' if result.ok else f'{count} problems' if count else 'not usable live'}")
