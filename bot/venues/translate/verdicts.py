"""What can be proven by an answer, and the shape of a venue's table of errors."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Verdict(Enum):
    """What is proven. Only AMBIGUOUS leaves open whether the request was carried out.

    REJECTED: refused, and would be refused again as it is. RETRYABLE: not carried out, may be asked for anew.
    AMBIGUOUS: may have been carried out. FATAL: not carried out, and nothing else will be until a person acts or a
    ban ends.
    """

    REJECTED = "rejected"
    RETRYABLE = "retryable"
    AMBIGUOUS = "ambiguous"
    FATAL = "fatal"


class ErrorTable(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's documented errors. `unavailable` is read for HTTP 503 alone, by the beginning of the message.

    A code counts only below status 500: a gateway that fails may quote any code. `messages` are read before codes,
    where one code has two meanings: by the code and the beginning of the message.
    """

    unavailable: Mapping[str, Verdict]
    unavailable_codes: Mapping[int, Verdict]
    statuses: Mapping[int, Verdict]
    messages: Mapping[tuple[int, str], Verdict]
    codes: Mapping[int, Verdict]
    in_body: bool = False
    """Whether the venue refuses with HTTP 200 and a code in the body."""


def by_code(*groups: tuple[Verdict, Iterable[int]]) -> dict[int, Verdict]:
    """Codes in groups as a table."""
    return {code: verdict for verdict, codes in groups for code in codes}
