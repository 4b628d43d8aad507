"""Calendars: when a cron line strikes, in UTC.

The core reads no clock and knows no calendar: what strikes is worked out here and enters it as a moment. Five fields
are a crontab's (minute, hour, day, month, weekday); six begin with seconds. Beyond a crontab's own words, `L` is the
last day of a month, `5L` its last Friday and `1#1` its first Monday. Where day and weekday are both restricted either
of them strikes, as in any crontab.
"""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from bot.domain.units import SECOND_NS, Nanos

ALLOWED = "a cron line in UTC, as '0 0 1 */3 *' (minute, hour, day, month, weekday)"
LINE_CHARS_MAX = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_SECOND = timedelta(seconds=1)


class BadCalendar(ValueError):
    """A line that is no calendar, or one that never strikes."""


def checked(line: str) -> str:
    """The line as it is; raises BadCalendar where it is not a cron line that strikes at all."""
    following(line, Nanos(0))
    return line


def following(line: str, after_ns: Nanos) -> Nanos:
    """The first strike strictly after a moment. Raises BadCalendar."""
    return _strike(line, _moment(after_ns), reverse=False)


def latest(line: str, until_ns: Nanos) -> Nanos:
    """The last strike at or before a moment. Raises BadCalendar."""
    return _strike(line, _moment(until_ns) + _A_SECOND, reverse=True)


def struck(line: str, last_run_ns: Nanos | None, now_ns: Nanos, missed_ns_max: int) -> Nanos | None:
    """The strike that is due: the last one up to now, if nothing was done since and it is not too old to make up for.

    `last_run_ns` is when the calendar was last acted on; None: never, or not known. Raises BadCalendar.
    """
    strike = latest(line, now_ns)
    if now_ns - strike > missed_ns_max or (last_run_ns is not None and last_run_ns >= strike):
        return None
    return strike


def _strike(line: str, start: datetime, *, reverse: bool) -> Nanos:
    if len(line) > LINE_CHARS_MAX or not line.strip():
        msg = f"'{line[:LINE_CHARS_MAX]}' is not a cron line"
        raise BadCalendar(msg)
    try:
        found = next(CronSim(line, start, reverse=reverse))
    except CronSimError as error:
        msg = f"'{line}' is not a cron line: {error}"
        raise BadCalendar(msg) from error
    except StopIteration:
        msg = f"'{line}' never strikes"
        raise BadCalendar(msg) from None
    except (OverflowError, ValueError) as error:
        msg = f"'{line}' does not strike within any year there is"
        raise BadCalendar(msg) from error
    return Nanos(int((found - _EPOCH) / _A_SECOND) * SECOND_NS)


def _moment(at_ns: Nanos) -> datetime:
    return _EPOCH + timedelta(seconds=at_ns // SECOND_NS)
