"""What a refusal or a silence proves about the request it answers.

ccxt's exception classes cannot say whether an order was executed: documented opposites share a class, documented
ambiguities look like refusals, and a duplicate id, which is evidence that an earlier send landed, looks like a bad
parameter. So nothing here looks at a class. A call that has no good answer is a `Trouble`, and `verdict` reads it from
a table of (venue, HTTP status, code, message).

The rule for what the table does not name: an order may have been executed (AMBIGUOUS), a read or a cancel failed.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from bot.venues.translate.bybit_errors import BYBIT_TABLE
from bot.venues.translate.verdicts import ErrorTable, Verdict, by_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "BINANCE",
    "BYBIT",
    "TABLES",
    "Cause",
    "ErrorTable",
    "Purpose",
    "Trouble",
    "Verdict",
    "answered",
    "clean",
    "described",
    "is_key_refused",
    "verdict",
]

BINANCE = "binance"
BYBIT = "bybit"
TEXT_CHARACTERS_MAX = 200
SECRET_CHARACTERS_MIN = 8
REMOVED = "[removed]"


class Purpose(Enum):
    """What a request is for: only a new order can do harm by being sent twice."""

    ORDER = "order"
    CANCEL = "cancel"
    READ = "read"


class Cause(Enum):
    """How a call came to have no good answer."""

    ANSWERED = "answered"
    """The venue answered with an error status."""
    UNREADABLE = "unreadable"
    """Status 200, and a body that is not what was asked for."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BUDGET = "budget"
    """Our own rate budget held it back: nothing was sent."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call has no good answer, without secrets. `code` is the venue's own, 0 when it gave none."""

    cause: Cause
    host: str
    status: int = 0
    code: int = 0
    message: str = ""
    retry_after_s: int | None = None

    @property
    def text(self) -> str:
        """One line for a person."""
        if self.cause is Cause.ANSWERED:
            code = f" {self.code}" if self.code else ""
            return f"{self.host} answered {self.status}{code}: {self.message or 'no message'}"
        return f"{self.host}: {self.message or self.cause.value}"


_BINANCE_REJECTED = (
    # Parameters: the request never became an order.
    *(-1013, -1014, -1020, -1023, -1099),
    *(-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1109, -1110, -1111, -1112, -1114, -1115, -1116, -1117),
    *(-1118, -1119, -1121, -1122, -1126, -1128, -1130, -1131, -1136),
    # The account or the engine refused it.
    *(-2010, -2016, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026, -2027, -2028),
    # Filters, modes and permissions of a symbol.
    *(-4001, -4002, -4003, -4004, -4005, -4013, -4014, -4015, -4016, -4019, -4020, -4022, -4023, -4024, -4031, -4045),
    *(-4060, -4061, -4062, -4087, -4088, -4104, -4109, -4118, -4120, -4131, -4138, -4139),
    *(-4140, -4141, -4144, -4164, -4183, -4184, -4192, -4400, -4401, -4402),
    # Time-in-force outcomes: the order was taken out before it could trade.
    *(-5021, -5022, -5037, -5038, -5039, -5040, -5041),
)
_BINANCE_RETRYABLE = (-1003, -1008, -1015, -1021, -5028)
_BINANCE_FATAL = (-1002, -1022, -2014, -2015, -2017, -4056, -4057)
# -4116, a duplicate client id, is named for what it is: evidence that an earlier request with this id landed.
_BINANCE_AMBIGUOUS = (-1000, -1001, -1006, -1007, -4116)

TABLES: Mapping[str, ErrorTable] = {
    BYBIT: BYBIT_TABLE,
    BINANCE: ErrorTable(
        unavailable={
            "Unknown error": Verdict.AMBIGUOUS,
            "Service Unavailable": Verdict.RETRYABLE,
            "Internal error; unable to process your request": Verdict.RETRYABLE,
            "Request throttled by system-level protection": Verdict.RETRYABLE,
        },
        unavailable_codes={-1008: Verdict.RETRYABLE},
        statuses={
            403: Verdict.FATAL,  # the firewall in front of the exchange
            408: Verdict.AMBIGUOUS,
            418: Verdict.FATAL,  # banned: every further request lengthens it
            429: Verdict.RETRYABLE,
            451: Verdict.FATAL,  # not served in this region
        },
        # Spot's word for a client id that is in use: evidence that an earlier request with it landed.
        messages={(-2010, "Duplicate order sent"): Verdict.AMBIGUOUS},
        codes=by_code(
            (Verdict.REJECTED, _BINANCE_REJECTED),
            (Verdict.RETRYABLE, _BINANCE_RETRYABLE),
            (Verdict.FATAL, _BINANCE_FATAL),
            (Verdict.AMBIGUOUS, _BINANCE_AMBIGUOUS),
        ),
    ),
}


def verdict(venue: str, purpose: Purpose, trouble: Trouble) -> Verdict:
    """What this trouble proves about a request of `purpose` at `venue`."""
    if trouble.cause is Cause.BUDGET:
        return Verdict.RETRYABLE
    known = _known(TABLES[venue], trouble) if trouble.cause is Cause.ANSWERED else None
    if purpose is Purpose.ORDER:
        return known or Verdict.AMBIGUOUS
    if known is None or known is Verdict.AMBIGUOUS:
        # A read changes nothing and a cancel can be repeated; an unknown refusal would only be made again.
        unknown = known is None and trouble.status == 200 and trouble.cause is Cause.ANSWERED
        refused = unknown or (400 <= trouble.status < 500 and trouble.status != 408)
        return Verdict.REJECTED if refused else Verdict.RETRYABLE
    return known


def _known(table: ErrorTable, trouble: Trouble) -> Verdict | None:
    """What the table says, or None."""
    if trouble.status == 503:
        for beginning, found in table.unavailable.items():
            if trouble.message.startswith(beginning):
                return found
        return table.unavailable_codes.get(trouble.code)
    if trouble.status in table.statuses:
        return table.statuses[trouble.status]
    if not 400 <= trouble.status < 500 and not (table.in_body and trouble.status == 200):
        return None
    for (code, beginning), found in table.messages.items():
        if trouble.code == code and trouble.message.startswith(beginning):
            return found
    return table.codes.get(trouble.code)


def described(venue: str, trouble: Trouble) -> str:
    """One line for whoever has to do something about it: what is wrong, and where to look."""
    if trouble.cause in (Cause.CONNECTION, Cause.TIMEOUT):
        return f"cannot reach {trouble.host} ({trouble.message}): check the network, the DNS and the firewall"
    if is_key_refused(venue, trouble):
        return (
            f"{trouble.host} refuses the key ({trouble.code} {trouble.message}): check the key, its secret, "
            "its rights, and its list of allowed addresses"
        )
    return trouble.text


def is_key_refused(venue: str, trouble: Trouble) -> bool:
    """Whether the venue named the key or its signature as what is wrong, so that every signed request would fail."""
    return (
        verdict(venue, Purpose.READ, trouble) is Verdict.FATAL
        and TABLES[venue].codes.get(trouble.code) is Verdict.FATAL
    )


class _ErrorBody(msgspec.Struct):
    code: int = 0
    msg: str = ""


def answered(host: str, status: int, body: bytes, retry_after: str | None, secrets: Iterable[str] = ()) -> Trouble:
    """The trouble of an answer with an error status. What is not the venue's error object has code 0."""
    try:
        found = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.MsgspecError, RecursionError):
        found = _ErrorBody(msg="an answer that is not JSON" if body.strip() else "an empty answer")
    except UnicodeDecodeError:
        found = _ErrorBody(msg="an answer that is not text")
    wait = retry_after or ""
    return Trouble(
        cause=Cause.ANSWERED,
        host=host,
        status=status,
        code=found.code,
        message=clean(found.msg, secrets),
        retry_after_s=int(wait) if wait.isascii() and wait.isdigit() else None,
    )


_SENSITIVE = re.compile(
    r"(?i)\b((?:x-bapi-)?sign|signature|listenkey|(?:x-(?:mbx|bapi)-)?api-?key|secret|timestamp)\b(\s*[=:]\s*)[^\s&,;]+"
)
_KEY_LIKE = re.compile(r"\b[A-Za-z0-9]{60,}\b")


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """A foreign text made fit for a log: one line, printable, short, and without anything secret."""
    for secret in secrets:
        if len(secret) >= SECRET_CHARACTERS_MIN:
            text = text.replace(secret, REMOVED)
    text = _SENSITIVE.sub(rf"\1\2{REMOVED}", text)
    text = _KEY_LIKE.sub(REMOVED, text)
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:TEXT_CHARACTERS_MAX]
