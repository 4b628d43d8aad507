"""`trimtab check` as a whole: the config, then the venue's market, then, with a key, the account as `live` looks."""

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
    """Everything found. `market` is what the venue's public data said where there is no key to look further.

    `market` and `account` are None where nobody looked: `account_skipped` and, with no word from the venue at all,
    `market_skipped` say why.
    """

    ok: bool
    exit: int
    config: ConfigReport
    market: tuple[Found, ...] | None = None
    market_skipped: str | None = None
    account: tuple[Found, ...] | None = None
    account_skipped: str | None = None


def check_all(path: Path, offline: bool) -> CheckResult:
    """Check a config; unless told not to, hold it against the venue's market too and, with a key, the account."""
    report, loaded = check_config(path.expanduser())
    if not report.ok or loaded is None:
        return _unasked(report, Exit.USAGE, "the config has problems")
    if offline:
        return _unasked(report, Exit.OK, "told not to (--offline)")
    if report.credentials is None:
        return _market(report, loaded)
    code, found = _account(loaded)
    return CheckResult(ok=code is Exit.OK, exit=int(code), config=report, account=found)


def _unasked(report: ConfigReport, code: Exit, why: str) -> CheckResult:
    ok = code is Exit.OK
    return CheckResult(ok=ok, exit=int(code), config=report, market_skipped=why, account_skipped=why)


def _market(report: ConfigReport, loaded: Loaded) -> CheckResult:
    """Without a key: what anybody may ask. A config may be checked where the venue cannot be reached."""
    import uvloop

    from bot.runtime.app import market_check

    why = "there is no API key"
    try:
        market = tuple(Found(*line) for line in uvloop.run(market_check(hushed(loaded))))
    except StartRefused as error:
        if error.kind == "venue":
            skipped = "; ".join(error.lines)
            return CheckResult(ok=True, exit=0, config=report, market_skipped=skipped, account_skipped=why)
        code = REFUSALS[error.kind]
        found = tuple(Found(error.kind, False, True, line) for line in error.lines)
        return CheckResult(ok=False, exit=int(code), config=report, market=found, account_skipped=why)
    return CheckResult(ok=True, exit=0, config=report, market=market, account_skipped=why)


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
    for found in (*(result.market or ()), *(result.account or ())):
        say(f"{'ok     ' if found.ok else 'NO     ' if found.blocking else 'warning'} {found.subject}: {found.text}")
    if result.market_skipped:
        say(f"the market was not looked at: {result.market_skipped}")
    if result.account_skipped:
        say(f"the account was not looked at: {result.account_skipped}")
    count = len(result.config.problems)
    problems = f"{count} {'problem' if count == 1 else 'problems'}"
    say(f"{result.config.place}: {'usable' if result.ok else problems if count else 'not usable live'}")
