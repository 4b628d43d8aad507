"""Whether the daemon lives and whether it could hedge now, judged from facts alone.

`judge` is a pure function of `Vitals`, which `bot.runtime.vitals` gathers. Three questions are answered apart:

- **live**: the process turns. Whoever gets an answer at all, from the event loop, has it.
- **ready**: every stream delivers, every account was read in time, the journal writes, the clock strikes, the venue's
  clock agrees and no asset is in doubt. A mode says what may be sent, not whether it could be: a HALT is told beside
  it and does not make the daemon unready.
- **stuck**: what a restart may cure: the clock does not strike, the journal does not write, or nothing of the market
  was heard for long. While there is something of this kind the service manager's watchdog is not fed.
"""

from collections.abc import Iterator

import msgspec

from bot.domain.units import SECOND_NS, AccountId

TICK_LATE_NS_MAX = SECOND_NS
"""A clock that strikes later than this is a loop that stood still."""
STALL_NS_DEFAULT = 4 * SECOND_NS
WATCHDOG_NS_DEFAULT = 120 * SECOND_NS


class Reason(msgspec.Struct, frozen=True):
    """Why something is not well: `subject` names it (a stream, an account, `journal`), `text` is one line."""

    subject: str
    text: str


class Health(msgspec.Struct, frozen=True):
    """`live`: the process turns. `ready`: data and accounts are fresh, so that a hedge could be decided and sent."""

    live: bool
    ready: bool
    reasons: tuple[Reason, ...] = ()
    mode: str = ""
    """The portfolio's mode, for information: RUN, REDUCE_ONLY, UNWIND, FLATTEN or HALT."""
    stuck: tuple[Reason, ...] = ()
    """Why the service manager's watchdog is not to be fed; empty while it may be."""


class Bounds(msgspec.Struct, frozen=True):
    """How long something may be silent, overdue or unfinished; and how long everything may."""

    stall_ns: int = STALL_NS_DEFAULT
    watchdog_ns: int = WATCHDOG_NS_DEFAULT


USUAL = Bounds()


class StreamVitals(msgspec.Struct, frozen=True):
    """A websocket. `silent_ns` since its last frame; None before the first."""

    name: str
    private: bool
    """An account's stream is silent for as long as nothing happens on the account."""
    up: bool
    silent_ns: int | None


class AccountVitals(msgspec.Struct, frozen=True):
    """How an account is read: `age_ns` since the last read that counted was begun; None before the first."""

    name: AccountId
    age_ns: int | None
    every_ns: int
    """How often it is to be read."""
    unanswered_ns: int = 0
    """For how long a read of it has been under way."""
    failed_reads: int = 0
    """How many reads have failed in a row."""


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """The facts at one moment."""

    mode: str
    streams: tuple[StreamVitals, ...]
    accounts: tuple[AccountVitals, ...]
    clock_offsets: tuple[tuple[AccountId, int], ...]
    """How far the venue's clock is ahead of ours, in nanoseconds."""
    clock_offset_ns_max: int
    journal_lag_ns: int
    """Age of the oldest record that is not yet on the disk."""
    journal_failed: str
    tick_late_ns: int
    """How much longer ago than it should be the clock struck last."""
    heard_ns: int
    """Since the newest frame of any market stream (since the start, where there is none)."""
    doubts: tuple[Reason, ...]
    """What the engine itself cannot trust."""
    stopping: bool


def judge(vitals: Vitals, bounds: Bounds) -> Health:
    """Say how it is; every subject is named once, with its first reason."""
    stuck = (*_loop(vitals), *_journal(vitals, bounds))
    found = (
        *stuck,
        *_streams(vitals, bounds),
        *_accounts(vitals, bounds),
        *_clocks(vitals),
        *vitals.doubts,
        *((Reason("daemon", "it is stopping"),) if vitals.stopping else ()),
    )
    first = {reason.subject: reason for reason in reversed(found)}
    reasons = tuple(first[name] for name in dict.fromkeys(reason.subject for reason in found))
    return Health(
        live=True, ready=not reasons, reasons=reasons, mode=vitals.mode, stuck=(*stuck, *_nothing(vitals, bounds))
    )


def _loop(vitals: Vitals) -> Iterator[Reason]:
    if vitals.tick_late_ns > TICK_LATE_NS_MAX:
        yield Reason("loop", f"the clock should have struck {_seconds(vitals.tick_late_ns)} ago")


def _journal(vitals: Vitals, bounds: Bounds) -> Iterator[Reason]:
    if vitals.journal_failed:
        yield Reason("journal", vitals.journal_failed)
    elif vitals.journal_lag_ns > bounds.stall_ns:
        yield Reason("journal", f"a record has waited {_seconds(vitals.journal_lag_ns)} for the disk")


def _streams(vitals: Vitals, bounds: Bounds) -> Iterator[Reason]:
    for stream in vitals.streams:
        if not stream.up:
            yield Reason(stream.name, "the stream is down")
        elif not stream.private and (stream.silent_ns is None or stream.silent_ns > bounds.stall_ns):
            silent = "since it came up" if stream.silent_ns is None else f"for {_seconds(stream.silent_ns)}"
            yield Reason(stream.name, f"the stream has been silent {silent}")


def _accounts(vitals: Vitals, bounds: Bounds) -> Iterator[Reason]:
    for account in vitals.accounts:
        # A read that failed is not waited for any longer: the next one is due at its time.
        grace_ns = 0 if account.failed_reads else bounds.stall_ns
        if account.age_ns is None:
            yield Reason(account.name, "not read since the start")
        elif account.unanswered_ns > bounds.stall_ns:
            yield Reason(account.name, f"a read has been unanswered for {_seconds(account.unanswered_ns)}")
        elif account.age_ns > account.every_ns + grace_ns:
            yield Reason(account.name, f"last read {_seconds(account.age_ns)} ago")


def _clocks(vitals: Vitals) -> Iterator[Reason]:
    for account, offset_ns in vitals.clock_offsets:
        if abs(offset_ns) > vitals.clock_offset_ns_max:
            yield Reason(f"clock:{account}", f"the venue's clock is {offset_ns / SECOND_NS:+.3f} s from ours")


def _nothing(vitals: Vitals, bounds: Bounds) -> Iterator[Reason]:
    if vitals.heard_ns > bounds.watchdog_ns:
        yield Reason("data", f"nothing was heard of the market for {_seconds(vitals.heard_ns)}")


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / SECOND_NS:.1f} s"
