"""`trimtab check` as a whole: the config, then the venue's market, then, with a key, the account as `live` looks."""

from pathlib import Path

import msgspec

from bot.ops.check import ConfigReport, check_config
from bot.ops.check_told import look_at_addresses
from bot.ops.configs import hushed
from bot.ops.exits import Exit
from bot.ops.findings import Found, code_of
from bot.ops.speak import print_json, say
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found. `market` is what the venue's public data said where there is no key to look further.

    `doctor` is everything that the doctor found, where it was called; it looks at market and account itself.
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
    doctor: tuple[Found, ...] | None = None


def check_all(path: Path, offline: bool, live: bool = False) -> CheckResult:
    """Check a config; unless told not to, hold it against the venue's market too and, with a key, the account.

    `live` calls the doctor: everything that live needs, in one run.
    """
    report, loaded = check_config(path.expanduser())
    if live and loaded is not None:
        return _doctor(report, loaded)
    if loaded is not None and (problems := look_at_addresses(loaded)):
        report = msgspec.structs.replace(report, ok=False, problems=(*report.problems, *problems))
    if not report.ok or loaded is None:
        return _unasked(report, Exit.USAGE, "the config has problems")
    if offline:
        return _unasked(report, Exit.OK, "told not to (--offline)")
    if report.credentials is None:
        return _market(report, loaded)
    code, found = _account(loaded)
    return CheckResult(ok=code is Exit.OK, exit=int(code), config=report, account=found)


def _doctor(report: ConfigReport, loaded: Loaded) -> CheckResult:
    """A config that can be loaded is examined, whatever is wrong with its key or its pin: that hides nothing else."""
    from bot.ops.doctor import examine

    known = {str(problem) for problem in report.problems}
    found = tuple(one for one in examine(loaded) if one.text not in known)
    code = code_of(found) if report.ok else Exit.USAGE
    return CheckResult(ok=code is Exit.OK, exit=int(code), config=report, doctor=found)


def _unasked(report: ConfigReport, code: Exit, why: str) -> CheckResult:
    ok = code is Exit.OK
    return CheckResult(ok=ok, exit=int(code), config=report, market_skipped=why, account_skipped=why)


def _market(report: ConfigReport, loaded: Loaded) -> CheckResult:
    """Without a key: what anybody may ask. Where the venue cannot be reached nothing is known of it, and it fails."""
    import uvloop

    from bot.ops.daemon import REFUSALS
    from bot.runtime.app import market_check

    why = "there is no API key"
    try:
        market = tuple(Found(*line) for line in uvloop.run(market_check(hushed(loaded))))
    except StartRefused as error:
        if error.kind == "venue":
            skipped = "; ".join(error.lines)
            exit_code = int(Exit.VENUE)
            return CheckResult(ok=False, exit=exit_code, config=report, market_skipped=skipped, account_skipped=why)
        code = REFUSALS[error.kind]
        found = tuple(Found(error.kind, False, True, line) for line in error.lines)
        return CheckResult(ok=False, exit=int(code), config=report, market=found, account_skipped=why)
    return CheckResult(ok=True, exit=0, config=report, market=market, account_skipped=why)


def _account(loaded: Loaded) -> tuple[Exit, tuple[Found, ...]]:
    import uvloop

    from bot.ops.daemon import REFUSALS
    from bot.runtime.app import preflight

    try:
        found = tuple(Found(*line) for line in uvloop.run(preflight(hushed(loaded))))
    except StartRefused as error:
        return REFUSALS[error.kind], tuple(Found(error.kind, False, True, line) for line in error.lines)
    refused = any(line.refuses for line in found)
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
    shown = (*(result.market or ()), *(result.account or ()), *(result.doctor or ()))
    for found in shown:
        say(f"{'ok     ' if found.ok else 'NO     ' if found.blocking else 'warning'} {found.subject}: {found.text}")
    if result.market_skipped:
        say(f"the market was not looked at: {result.market_skipped}")
    if result.account_skipped:
        say(f"the account was not looked at: {result.account_skipped}")
    say(f"{result.config.place}: {_verdict(result)}")


def _verdict(result: CheckResult) -> str:
    problems = _counted(len(result.config.problems), "problem")
    if result.doctor is not None:
        refused = sum(one.refuses for one in result.doctor)
        warned = sum(not one.ok for one in result.doctor) - refused
        refusing = refused + len(result.config.problems)
        mend = f"{_counted(refusing, 'thing')} to mend before live" if refusing else "ready for live"
        return f"{mend}, {_counted(warned, 'warning')}"
    if result.ok:
        return "usable"
    if result.exit == Exit.VENUE and result.market_skipped:
        return "usable as far as can be told without the venue; --offline leaves it out"
    if result.config.problems:
        return problems
    return "not usable" if result.exit == Exit.USAGE else "not usable live"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
