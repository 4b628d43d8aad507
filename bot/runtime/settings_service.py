"""The sections of the config that make the daemon a good citizen: alerts, chat, web, journal upkeep, log files.

None of them can change a decision. Like the portfolio's own sections they are only made through
`bot.runtime.settings_load`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bot.runtime.fields import Address as WebAddress
from bot.runtime.fields import Count, Duration, FilePath, Text
from bot.runtime.fields_service import ByteSize, Loopback, Zone
from bot.runtime.quantities import duration_ns
from bot.runtime.section import Section

Name = Annotated[str, Text("[a-z0-9][a-z0-9_-]{0,31}", "up to 32 of a-z, 0-9, - and _", str.lower)]
TimeOfDay = Annotated[str, Text(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, as 22:30")]
Url = Annotated[str, Text(r"[a-z0-9+.-]+://\S+", "a URL, as json://127.0.0.1:8080/alerts")]
KindName = Annotated[
    str, Text("[a-z_]{1,32}", "a kind of alert, as hedge or stream_down (docs/reference/alerts.md lists them)")
]

LOOPBACK_DEFAULT = WebAddress("127.0.0.1", 9464)
MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE


class QuietHours(Section):
    """When only what is critical is sent at once; the rest waits and comes as a digest when they end."""

    start: TimeOfDay = Field(description="When they begin, local time of the zone.")
    end: TimeOfDay = Field(description="When they end; earlier than the start means the next day.")
    zone: Annotated[str, Zone()] = Field(default="UTC", description="The time zone, as Europe/Berlin.")


class SinkSettings(Section):
    """Somewhere alerts go: any service that apprise knows, by its URL."""

    url: Url | None = Field(
        default=None, description="The service's URL, where it holds no secret (a webhook on this machine)."
    )
    url_file: Annotated[Path | None, FilePath()] = Field(
        default=None,
        description="A file of yours, mode 0600, with the URL in it: tokens and passwords stay out of the config.",
    )
    severity: Literal["info", "warning", "critical"] = Field(
        default="info", description="The least severity that is sent there."
    )
    kinds: tuple[KindName, ...] = Field(default=(), description="Only these kinds of alert; all where left out.")
    standby_for: Name | None = Field(
        default=None, description="Takes over from this sink while that one cannot be reached, and is silent otherwise."
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When only critical alerts are sent at once.")
    per_minute: Annotated[int, Count("1", "600")] = Field(
        default=12, description="Messages a minute; what comes faster is gathered into a digest."
    )


class HeartbeatSettings(Section):
    """A URL outside that is called while all is well, so that a dead host alerts somebody."""

    url: Url | None = Field(default=None, description="The URL, where it holds no secret.")
    url_file: Annotated[Path | None, FilePath()] = Field(default=None, description="A file with the URL in it.")
    every: Annotated[int, Duration("10 s", "1 h")] = Field(
        default=duration_ns("60 s"), description="How often it is called while the daemon is ready."
    )


class AlertSettings(Section):
    """What reaches you without being asked."""

    sinks: dict[Name, SinkSettings] = Field(default_factory=dict, description="Where alerts go, by a name of yours.")
    repeat: Annotated[int, Duration("0 s", "7 d")] = Field(
        default=duration_ns("30 min"), description="The same alert about the same thing is not repeated within this."
    )
    keep: Annotated[int, Duration("1 h", "30 d")] = Field(
        default=duration_ns("3 d"), description="How long an alert is tried to be delivered before it is given up."
    )
    unhedged: Annotated[int, Duration("1 s", "1 d")] = Field(
        default=duration_ns("60 s"), description="An asset outside its band for longer than this is alerted."
    )
    stale: Annotated[int, Duration("1 s", "1 d")] = Field(
        default=duration_ns("30 s"), description="Streams, data or accounts in doubt for longer than this are alerted."
    )
    heartbeat: HeartbeatSettings | None = Field(default=None, description="A dead man's switch outside.")


class TelegramSettings(Section):
    """A Telegram bot that answers you."""

    token_file: Annotated[Path, FilePath()] = Field(description="A file of yours, mode 0600, with the bot's token.")
    users: tuple[Annotated[int, Count("1", "9007199254740991")], ...] = Field(
        min_length=1, description="Numeric ids of the users it obeys; everybody else is ignored and told of."
    )
    code_valid: Annotated[int, Duration("10 s", "10 min")] = Field(
        default=duration_ns("60 s"), description="How long a one-time code for a risky command is good."
    )
    api: Url = Field(default="https://api.telegram.org", description="Where the Bot API is reached.")


class ChatSettings(Section):
    """Commands by chat: /status, /delta, /plan, /pause, /resume, /kill, /mode."""

    telegram: TelegramSettings | None = Field(default=None, description="A Telegram bot.")


class WebSettings(Section):
    """Health and metrics over HTTP, for this machine only."""

    enabled: bool = Field(default=True, description="Whether /livez, /readyz and /metrics are served.")
    listen: Annotated[WebAddress, Loopback()] = Field(
        default=LOOPBACK_DEFAULT, description="Where; a loopback address, or 0.0.0.0 inside a container."
    )


class HealthSettings(Section):
    """When the daemon calls itself not ready, and when its watchdog is not fed."""

    stall: Annotated[int, Duration("1 s", "5 min")] = Field(
        default=duration_ns("4 s"),
        description="A market stream silent, an account read overdue or a journal write unfinished for this long.",
    )
    watchdog: Annotated[int, Duration("5 s", "1 h")] = Field(
        default=duration_ns("2 min"), description="Nothing fresh at all for this long and the watchdog is not fed."
    )


class JournalSettings(Section):
    """How long the journal is kept."""

    retention: Annotated[int, Duration("1 h", "3650 d")] = Field(
        default=duration_ns("90 d"), description="Records older than this are pruned behind a checkpoint."
    )
    disk_free: Annotated[int, ByteSize("1 MiB", "1 TiB")] = Field(
        default=GIBIBYTE, description="Less free space than this is alerted, and live does not start."
    )


class LogFileSettings(Section):
    """A log file of our own, for machines without a journal of theirs."""

    path: Annotated[Path, FilePath()] = Field(description="The file.")
    size: Annotated[int, ByteSize("64 KiB", "1 GiB")] = Field(
        default=16 * MEBIBYTE, description="It is turned over at this size."
    )
    keep: Annotated[int, Count("1", "100")] = Field(default=8, description="How many turned-over files are kept.")
