"""The last steps of a log line: when and where, its exception as text, and its form for a person or a program."""

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO, cast

import msgspec
from structlog.typing import EventDict, Processor

from bot.runtime.problems import one_line
from bot.runtime.redact import Redactor

FRAMES_MAX = 40
LEVEL_WIDTH = 8
EXCEPTION = "exception"
_HEAD = ("time", "level", "logger", "event")
_COLORS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_QUOTED = frozenset(' "=')


def located(_: object, __: str, event: EventDict) -> EventDict:
    """When it was said (UTC, by the wall clock of the caller's moment) and by which logger."""
    record = cast("logging.LogRecord", event["_record"])
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {"time": moment.replace("+00:00", "Z"), "logger": record.name, **event}


def error_as_text(_: object, __: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the traceback as text; local variables are never part of it."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[1] is not None:
        event[EXCEPTION] = "".join(traceback.format_exception(*error, limit=-FRAMES_MAX)).rstrip()
    return event


def json_line(redactor: Redactor) -> Processor:
    """One JSON object a line."""

    def render(_: object, __: str, event: EventDict) -> str:
        ordered = {**{key: event.pop(key) for key in _HEAD if key in event}, **event}
        return redactor.loaded(msgspec.json.encode(_escaped(ordered)).decode())

    return render


def console_line(redactor: Redactor, *, colors: bool) -> Processor:
    """One line for a person: time, level, what happened, and its figures; a traceback is indented below."""

    def render(_: object, __: str, event: EventDict) -> str:
        moment, level, name, text = (one_line(str(event.pop(key, ""))) for key in _HEAD)
        error = str(event.pop(EXCEPTION, ""))
        figures = "".join(f"  {one_line(str(key))}={_figure(value)}" for key, value in event.items())
        shown_level = f"{level:<{LEVEL_WIDTH}}"
        if colors:
            shown_level = f"\x1b[{_COLORS.get(level, '0')}m{shown_level}\x1b[0m"
        below = "".join(f"\n    | {one_line(line)}" for line in error.split("\n")) if error else ""
        return redactor.loaded(f"{moment} {shown_level} {text}{figures}  [{name}]{below}")

    return render


def _figure(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if not isinstance(value, str) or (text and not _QUOTED & set(text)):
        return one_line(text)
    return one_line(msgspec.json.encode(text).decode())


def _escaped(value: object) -> object:
    """JSON escapes ASCII's control characters by itself; the others (C1, direction marks) are made visible here."""
    match value:
        case str() if not value.isprintable():
            return "".join(c if c in "\n\t" else one_line(c) for c in value)
        case dict():
            return {str(_escaped(key)): _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
        case _:
            return value


def guard_tracebacks(redactor: Redactor, stream: TextIO) -> None:
    """From now on the tracebacks of uncaught exceptions, in threads and finalizers too, are redacted."""

    def write(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str) -> None:
        lines = "".join(traceback.format_exception(kind, error, trace, limit=-FRAMES_MAX)).rstrip().split("\n")
        text = redactor.text("\n".join(lines))
        stream.write("\n".join(map(one_line, [f"uncaught exception in {where}", *text.split("\n")])) + "\n")
        stream.flush()

    sys.excepthook = lambda kind, error, trace: write(kind, error, trace, "the main thread")
    threading.excepthook = _in_thread(write)
    sys.unraisablehook = lambda raised: write(raised.exc_type, raised.exc_value, raised.exc_traceback, "a finalizer")


_Write = Callable[[type[BaseException], BaseException | None, TracebackType | None, str], None]


def _in_thread(write: _Write) -> Callable[[threading.ExceptHookArgs], None]:
    def hook(raised: threading.ExceptHookArgs) -> None:
        if raised.exc_type is not SystemExit:
            name = raised.thread.name if raised.thread else "a thread"
            write(raised.exc_type, raised.exc_value, raised.exc_traceback, name)

    return hook
