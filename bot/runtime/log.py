"""The log: decisions and what goes wrong, never quotes, for a person or as a line of JSON each.

To standard error and, where a file is named, to that too.

Every line takes one way: ours (structlog) and the libraries' (standard logging, from WARNING on) enter one bounded
queue, and a thread redacts, renders and writes, so that the engine waits for no terminal. Redaction is the first and
the last step before rendering, and exceptions become text between the two. What a line says cannot fake another line
or steer a terminal: line breaks and control characters are escaped.
"""

import atexit
import logging
import logging.handlers
import queue
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger

from bot.runtime.log_file import LogFile
from bot.runtime.log_render import console_line, error_as_text, guard_tracebacks, json_line, located
from bot.runtime.problems import one_line
from bot.runtime.redact import Redactor
from bot.runtime.settings import LogSettings

QUEUE_LINES_MAX = 10_000
CLOSING_SECONDS_MAX = 1.0

OURS = "bot"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def logger(name: str) -> FilteringBoundLogger:
    """The logger of one of our modules: ``logger(__name__).info("hedge opened", asset="BTC")``.

    Ask for it once the log was started: it is settled then, and a line costs a fifth of what it costs before.
    """
    lazy = structlog.stdlib.get_logger(name)
    return cast("FilteringBoundLogger", lazy.bind() if _is_running() else lazy)


def _is_running() -> bool:
    return any(isinstance(handler, _Enqueuer) for handler in logging.getLogger().handlers)


def reopen() -> None:
    """Open the running log's file anew with its next line, after an outside logrotate moved it. From anywhere."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Enqueuer) and handler.file is not None:
            handler.file.reopen()


class Log:
    """A running log: `start` makes it, `close` writes what is still queued and ends it."""

    def __init__(self, handler: "_Enqueuer", writer: "_Writer", undo: Callable[[], None]) -> None:
        self._handler, self._writer, self._undo = handler, writer, undo
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        """Lines that found the queue full since the start."""
        return self._handler.dropped

    @property
    def lost(self) -> int:
        """Lines that the file could not take since the start (a full disk): they were written to the stream."""
        return self._handler.file.lost if self._handler.file is not None else 0

    def close(self) -> None:
        """Write what is queued; a stalled reader is waited for within CLOSING_SECONDS_MAX. Closing twice is fine."""
        atexit.unregister(self.close)
        self._undo()
        if self._writer.finish() and self._handler.file is not None:
            self._handler.file.close()

    def __enter__(self) -> "Log":
        """The log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def start(settings: LogSettings, redactor: Redactor, stream: TextIO | None = None, *, to_file: bool = False) -> Log:
    """Log to `stream` (standard error, where nothing is named) from now on, and to the settings' file if `to_file`.

    A file has one writer: the daemon logs to it, and no verb that only looks. Raises OSError when it cannot be opened.

    Tracebacks of uncaught exceptions, in threads too, are redacted from here to the end of the process: they come
    when the log may be closed already, and a plain one would show what the log hides.
    """
    stream = sys.stderr if stream is None else stream
    guard_tracebacks(redactor, stream)
    file = LogFile(settings.file) if to_file and settings.file is not None else None
    lines: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_LINES_MAX)
    sinks: list[logging.Handler] = [_Sink(stream)]
    sinks[0].setFormatter(_formatter(settings, redactor, colors=stream.isatty()))
    if file is not None:
        sinks.append(_FileSink(file))
        sinks[1].setFormatter(_formatter(settings, redactor, colors=False))
    writer = _Writer(lines, sinks)
    handler = _Enqueuer(lines, file)
    undo = _take_over(handler, _LEVELS[settings.level])
    writer.start()
    return Log(handler, writer, undo)


# ------------------------------------------------------------------------------------------ the caller's side
class _Enqueuer(logging.handlers.QueueHandler):
    """Puts a record into the queue as it is; a full queue costs lines, which are counted, and never time."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord | None]", file: LogFile | None) -> None:
        super().__init__(lines)
        self.file = file
        self.dropped = 0
        self._untold = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Settle a library's message now, since its arguments may change; ours are left for the writer."""
        if record.args:
            record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the record, or count it."""
        try:
            if self._untold:
                self.queue.put_nowait(_told(self._untold))
                self._untold = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            self._untold += 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Count a record that cannot even be made a text; the standard library would print its arguments."""
        self.dropped += 1
        self._untold += 1


def _told(lines: int) -> logging.LogRecord:
    text = f"{lines} log lines were lost: they came faster than they could be written, or were no text"
    return logging.LogRecord(OURS, logging.WARNING, __file__, 0, text, None, None)


def _with_error(_: object, __: str, event: EventDict) -> EventDict:
    """Take hold of the exception that is being handled: the thread that writes has none."""
    wanted = event.get("exc_info")
    if isinstance(wanted, BaseException):
        event["exc_info"] = (type(wanted), wanted, wanted.__traceback__)
    elif wanted and not isinstance(wanted, tuple):
        event["exc_info"] = sys.exc_info()
    return event


def _take_over(handler: logging.Handler, level: int) -> Callable[[], None]:
    """Send structlog and standard logging to one handler; what comes back undoes it."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, _with_error, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = (root.handlers[:], root.level, ours.level, warnings.showwarning)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(level)
    logging.captureWarnings(True)

    def undo() -> None:
        if handler not in root.handlers:
            return
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
        logging.captureWarnings(False)
        warnings.showwarning = before[3]
        _before_start()

    return undo


def _plain(_: object, __: str, event: EventDict) -> str:
    """A line as the command line says things; it comes before the log is there, and after it is closed."""
    what = event.pop("event")
    if isinstance(event.get("exc_info"), BaseException):
        event["exc_info"] = type(event["exc_info"]).__name__
    rest = ", ".join(f"{name}: {value}" for name, value in event.items())
    return one_line(f"trimtab: {what}{f' ({rest})' if rest else ''}")


def _before_start() -> None:
    """Where nothing was started, standard logging decides: by default, warnings and worse to standard error."""
    structlog.configure(
        processors=[_plain],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


_before_start()


# ------------------------------------------------------------------------------------------ the writer's side
class _Sink(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be written is named by its place in our code and nothing of its content."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Say that a line was lost, where that can be said at all."""
        try:
            self.stream.write(f"a log line of {record.name} ({record.module}:{record.lineno}) could not be written\n")
            self.stream.flush()
        except (OSError, ValueError):
            pass  # the terminal is gone, and there is nobody left to tell


class _FileSink(logging.StreamHandler[LogFile]):
    """Writes lines to the file, which counts itself what it cannot write."""

    terminator = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """A line that cannot be rendered is named by the other sink."""


class _Writer(threading.Thread):
    """Takes records from the queue to the sinks until it is told to finish."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord | None]", sinks: Sequence[logging.Handler]) -> None:
        super().__init__(name="log", daemon=True)
        self._lines, self._sinks = lines, sinks

    def run(self) -> None:
        """Write until the end mark comes."""
        while (record := self._lines.get()) is not None:
            for sink in self._sinks:
                sink.handle(record)

    def finish(self) -> bool:
        """Put the end mark behind what is queued and wait for it, within bounds; says whether it has ended."""
        try:
            self._lines.put(None, timeout=CLOSING_SECONDS_MAX)
        except queue.Full:
            return False
        self.join(CLOSING_SECONDS_MAX)
        return not self.is_alive()


def _formatter(settings: LogSettings, redactor: Redactor, *, colors: bool) -> ProcessorFormatter:
    """The steps from a record to its line; redaction is the first and the last."""

    def redacted(_: object, __: str, event: EventDict) -> EventDict:
        return cast("EventDict", redactor.value(event))

    # An exception must reach its own step: redaction would make a text of it and lose its traceback.
    def redacted_but_error(logger: object, method: str, event: EventDict) -> EventDict:
        error = event.pop("exc_info", None)
        return {**redacted(logger, method, event), "exc_info": error}

    render = json_line(redactor) if settings.format == "json" else console_line(redactor, colors=colors)
    return ProcessorFormatter(
        processors=[
            located,
            ProcessorFormatter.remove_processors_meta,
            redacted_but_error,
            error_as_text,
            redacted,
            render,
        ],
        foreign_pre_chain=[structlog.stdlib.add_log_level],
    )
