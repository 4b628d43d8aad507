"""What the bot says: plain text, a few short lines, figures as everywhere else.

Reasons and names come from venues, operators and the config: every line is made printable, and the whole is cut at what
one message holds. Nothing is markup, for the messages are sent without a parse mode.
"""

from collections.abc import Iterable, Sequence

import msgspec

from bot.engine.modes import Mode
from bot.ops import figures
from bot.ops.chat.codes import WRONG_TRIES_MAX, No
from bot.runtime.health import Health
from bot.runtime.plan_answer import Answer
from bot.runtime.problems import one_line
from bot.runtime.status import AssetStatus, LatchStatus, Status, StreamStatus

MESSAGE_UNITS_MAX = 4096
"""What one message holds, in UTF-16 code units, which is what Telegram counts."""
CUT = "\n[cut: the rest is longer than a message; see `trimtab status` and `trimtab plan`]"
REASONS_MAX = 5

HELP = """\
/status - mode, assets, margin, streams
/delta - the numbers only
/plan - what would be done now, and why
/pause REASON - at once, without a code: nothing new is sent; working orders end by themselves
/kill REASON - asks for a code: cancels working orders, too, and sends nothing new
/resume REASON - asks for a code: lifts every latch, once you have seen what is latched
/mode - shows how it runs; /mode dry-run, observe or live asks for a code and starts it anew so
/confirm CODE - or the code alone: does what the code was asked for
After /pause and /kill hedges stay as they are and nobody adjusts them: what the market does from then on is not hedged.
In a hurry, /pause acts at once.
A code guards against slips and late messages, not against somebody who holds your unlocked phone."""

CHANGED = "What is latched has changed since you were shown it; nothing was done. It is now:"
PRIVATE_ONLY = "I take commands in a private chat only, where nobody else sees a code."
TEXT_ONLY = "I only read text: /help says which commands there are."
UNKNOWN = "I do not know that command: /help says which there are."


def lines(*parts: str | Iterable[str]) -> str:
    """A message of these lines, each made printable."""
    flat = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    return "\n".join(one_line(line) for line in flat)


def fitted(text: str) -> str:
    """The text, cut with a note where it is longer than one message holds."""
    if _units(text) <= MESSAGE_UNITS_MAX:
        return text
    room = 2 * (MESSAGE_UNITS_MAX - len(CUT))
    return text.encode("utf-16-le", "replace")[:room].decode("utf-16-le", "ignore") + CUT


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "replace")) // 2


# ------------------------------------------------------------------------------------------------- looking
def status_text(status: Status, health: Health) -> str:
    """The answer of /status."""
    ready = "ready" if health.ready else "NOT ready"
    return lines(
        f"{status.portfolio}: {status.run_mode}, mode {status.mode}, {ready}",
        (f"not ready: {reason.subject}: {reason.text}" for reason in health.reasons[:REASONS_MAX]),
        latched(status),
        (line for asset in status.assets for line in _asset(asset)),
        f"margin ratio {figures.percent(status.margin_ratio)}",
        [f"{status.peg.told}{': no order adds risk' if status.peg.holds else ''}"] if status.peg is not None else [],
        _streams(status.streams),
    )


def _asset(row: AssetStatus) -> list[str]:
    edge = ", OUTSIDE" if row.breached else ""
    shown = (
        f"{row.asset}: delta {figures.coins(row.exposure, signed=True)}, target {figures.coins(row.target)}, "
        f"off by {figures.coins(row.deviation, signed=True)} ({figures.money(row.deviation_value, signed=True)}), "
        f"band {figures.coins(row.trigger)}{edge}"
    )
    return [shown, f"{row.asset}: no hedge is sent: {row.held_because}"] if row.held_because else [shown]


def _streams(streams: Sequence[StreamStatus]) -> str:
    down = [f"{one.name} ({figures.age(one.age_ns)})" for one in streams if not one.up]
    return f"streams: {len(streams) - len(down)} of {len(streams)} up" + (f"; down: {', '.join(down)}" if down else "")


def latched(status: Status) -> list[str]:
    """Each latch, why it was set, by whom and when."""
    return [_latch(latch, status.now_ns) for latch in status.latches]


def _latch(latch: LatchStatus, now_ns: int) -> str:
    since = f"{figures.clock(latch.since_ns)} UTC, {figures.age(max(now_ns - latch.since_ns, 0))} ago"
    return f"latched {latch.scope}: {latch.mode} by {latch.by} ({since}): {latch.reason}"


def delta_text(status: Status) -> str:
    """The answer of /delta: coins, and the deviation's value in quote currency."""
    return lines(
        f"{row.asset} {figures.coins(row.exposure, signed=True)} target {figures.coins(row.target)} "
        f"off {figures.coins(row.deviation, signed=True)} ({figures.money(row.deviation_value, signed=True)})"
        for row in status.assets
    )


def mode_text(status: Status) -> str:
    """The answer of /mode."""
    return lines(f"{status.portfolio} runs in {status.run_mode}, mode {status.mode}", latched(status))


def plan_text(answer: object) -> str:
    """The answer of /plan. Raises msgspec.ValidationError where the daemon's answer is of another shape."""
    plan = msgspec.convert(answer, Answer, strict=False)
    orders = [
        f"{row.side} {figures.coins(row.contracts)} {row.instrument} at {figures.price(row.limit_price)} or better"
        + (", reduce-only" if row.reduce_only else "")
        for row in plan.orders
    ]
    return lines(
        orders or "No order would be sent now.",
        (f"not sent: {row.what}: {row.why}" for row in plan.refused),
        (f"{asset}: {one.why}" for asset, one in plan.assets.items() if one.why),
        (f"{asset} waits: {gate}" for asset, one in plan.assets.items() for gate in one.gates),
    )


# -------------------------------------------------------------------------------------------------- acting
_AFTER = {"pause": Mode.HALT.name, "kill": Mode.HALT.name, "arm": Mode.RUN.name}
_SHOWN = {"arm": "resume"}


def not_opened(why: No, tries_left: int) -> str:
    """A code that opened nothing."""
    match why:
        case No.NOTHING_WAITS:
            return "No command waits for a code."
        case No.EXPIRED:
            return "That code has expired; nothing was done. Send the command again."
        case No.WRONG:
            return f"Wrong code; nothing was done. {tries_left} {'try' if tries_left == 1 else 'tries'} left."
        case No.VOID:
            return f"Wrong code, {WRONG_TRIES_MAX} times: it is void and nothing was done. Send the command again."


def prompt(what: Sequence[str], code: str, valid_s: int) -> str:
    """What a risky command will do, and its code."""
    return lines(what, f"To do it, send within {valid_s} s: {code}")


def kill_prompt(status: Status, reason: str) -> list[str]:
    """What /kill is about to do."""
    return [
        f"KILL {status.portfolio} ({status.run_mode}): {reason}",
        "Working orders are cancelled, hedges stay as they are, nothing is adjusted until /resume.",
        *latched(status),
    ]


def resume_prompt(status: Status, reason: str) -> list[str]:
    """What /resume is about to lift."""
    return [f"RESUME {status.portfolio} ({status.run_mode}): {reason}", "This lifts:", *latched(status)]


def mode_prompt(status: Status, wanted: str) -> list[str]:
    """What /mode is about to change."""
    real = "; orders are then sent to the venue with real money" if wanted == "live" else ""
    return [f"CHANGE {status.portfolio} from {status.run_mode} to {wanted}: it winds down and starts anew{real}."]


def too_old(age_s: int, allowed_s: int) -> str:
    """A message that waited for too long."""
    return f"Too old, send again: that message waited {age_s} s, {allowed_s} s are allowed. Nothing was done."


def ahead(by_s: int) -> str:
    """A message from the future: the machine's clock is wrong."""
    return f"Not done: that message is {by_s} s ahead of this machine's clock; check the clock."


def second_hand(how: str) -> str:
    """A message that was not typed to the bot just now."""
    return f"Not done: that message was {how}. Type the command."


def done(verb: str, mode: str) -> str:
    """A command was carried out; `mode` is the mode of the portfolio after it, which is what counts."""
    after = one_line(mode)
    if after != _AFTER[verb]:
        return f"Asked for, but the mode is {after}, not {_AFTER[verb]}: see /status."
    match verb:
        case "pause":
            return f"Paused; mode {after}. Nothing new is sent until /resume; hedges stay as they are."
        case "kill":
            return f"Killed; mode {after}. Working orders are cancelled, nothing new is sent until /resume."
        case _:
            return f"Resumed; mode {after}."


def denied(verb: str, why: str) -> str:
    """The daemon said no."""
    return lines(f"Not done: /{_SHOWN.get(verb, verb)}: {why}")


def unanswered(verb: str, seconds: float) -> str:
    """The daemon said nothing: it may or may not have been done."""
    return (
        f"/{_SHOWN.get(verb, verb)}: no answer within {seconds:g} s; it may have been done all the same: see /status."
    )
