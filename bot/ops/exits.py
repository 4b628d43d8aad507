"""What the command's exit code says: one table, for people and for scripts (docs/exit-codes.md)."""

from enum import IntEnum


class Exit(IntEnum):
    """An exit code and its one-line meaning; a code is never given a second meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "Exit":
        """Make the integer that carries its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "It did what was asked; a daemon was stopped in good order, its hedges left in place."
    INTERNAL = 1, "A defect of Trimtab. Please report it with the log."
    USAGE = 2, "The command line or the config is wrong; every error is named, nothing was done."
    NOT_RUNNING = 3, "No daemon runs in this state directory."
    REFUSED = 4, "A guard, the pre-flight or a missing confirmation said no; the reason is named, nothing was sent."
    VENUE = 5, "The venue cannot be reached, or it does not accept the key."
    JOURNAL = 6, "The journal is broken, missing, of another mode or account, or cannot be written."
    BUSY = 7, "Another daemon already works in this state directory."
    UNANSWERED = 8, "The daemon runs but did not answer in time; whether it acted is not known."
    FAILED_CHECK = 9, "What was checked does not hold: a step of the demo, or a replay that differs from its journal."
    NOT_READY = 10, "The daemon runs, and its data are not fresh enough to hedge by; what it waits for is named."
    INTERRUPTED = 130, "Stopped by Ctrl-C before it was done."
