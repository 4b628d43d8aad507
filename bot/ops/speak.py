"""How a verb speaks: results on standard output, everything else on standard error, and one exit code.

A verb raises `Stop` for whatever it expects to go wrong; `speaking` turns that, and the errors of the daemon and the
journal, into one line (or one JSON document) and the exit code. What is not expected stays a traceback.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from bot.ops.exits import Exit
from bot.runtime.ask import AskError, NotRunning, Refused, Unanswered

# How the daemon's error codes end the command; any code that is not here is a refusal.
_CODES = {
    "bad_arguments": Exit.USAGE,
    "bad_request": Exit.USAGE,
    "busy": Exit.UNANSWERED,
    "internal": Exit.INTERNAL,
    "journal": Exit.JOURNAL,
    "stopping": Exit.UNANSWERED,
    "timeout": Exit.UNANSWERED,
    "too_long": Exit.INTERNAL,
    "unknown_verb": Exit.USAGE,
    "venue": Exit.VENUE,
}


class Stop(Exception):
    """The verb ends here: an exit code, and what a person should know.

    `word` is the reason for programs; `details` are further lines, printed before the message and given whole in JSON.
    """

    def __init__(self, code: Exit, message: str, word: str = "", details: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.exit = code
        self.message = message
        self.word = word or code.name.lower()
        self.details = tuple(details)


def print_json(document: object) -> None:
    """Print one JSON document; values that JSON has no form for (Decimal, enums, structs) are encoded by msgspec."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(document)).decode())


def say(line: str = "") -> None:
    """Print a line of a result."""
    print(line)


def warn(line: str) -> None:
    """Print a line that is not part of the result."""
    print(line, file=sys.stderr)


def from_daemon(error: AskError) -> Stop:
    """What an error of the control socket means for the command."""
    match error:
        case Refused(code=code):
            return Stop(_CODES.get(code, Exit.REFUSED), str(error), code)
        case NotRunning():
            return Stop(Exit.NOT_RUNNING, str(error))
        case Unanswered():
            return Stop(Exit.UNANSWERED, str(error))
        case _:
            return Stop(Exit.USAGE, str(error))


@contextmanager
def speaking(as_json: bool) -> Iterator[None]:
    """Turn an expected failure inside the block into its line and exit code."""
    try:
        yield
    except AskError as error:
        raise _ended(from_daemon(error), as_json) from None
    except Stop as stop:
        raise _ended(stop, as_json) from None


def _ended(stop: Stop, as_json: bool) -> typer.Exit:
    if stop.exit is not Exit.OK:
        if as_json:
            said = {"exit": int(stop.exit), "code": stop.word, "message": stop.message}
            print_json({"error": said | ({"details": stop.details} if stop.details else {})})
        else:
            for line in stop.details:
                warn(str(line))
            warn(f"trimtab: {stop.message}")
    return typer.Exit(int(stop.exit))
