"""Quiet hours: when only what is critical may wake somebody, in the zone where that somebody sleeps."""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from bot.domain.units import SECOND_NS
from bot.runtime.settings_service import QuietHours


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` until just before `end`, by the zone's clocks on the wall; an end before the start is tomorrow's.

    The wall clock is asked at each moment and nothing is added up, so a night with 23 or 25 hours is quiet from the
    written time to the written time.
    """

    start: time
    end: time
    zone: zoneinfo.ZoneInfo

    @classmethod
    def of(cls, settings: QuietHours) -> "Quiet":
        """The hours that a config names."""
        return cls(
            time.fromisoformat(settings.start), time.fromisoformat(settings.end), zoneinfo.ZoneInfo(settings.zone)
        )

    def covers(self, at_ns: int) -> bool:
        """Whether a moment (Unix time) is quiet."""
        moment = datetime.fromtimestamp(at_ns // SECOND_NS, UTC) + timedelta(microseconds=at_ns % SECOND_NS // 1000)
        local = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end
