"""One line of a check: what was looked at, whether it passed, and what to do."""

from collections.abc import Iterable

import msgspec

from bot.ops.exits import Exit


class Found(msgspec.Struct, frozen=True):
    """A finding. One that is not ok and `blocking` keeps `live` from starting, or from doing its work."""

    subject: str
    ok: bool
    blocking: bool
    text: str

    @property
    def refuses(self) -> bool:
        """Whether it ends the check with an error."""
        return self.blocking and not self.ok


_CODES = {"connection": Exit.VENUE, "key": Exit.VENUE, "journal": Exit.JOURNAL}


def code_of(found: Iterable[Found]) -> Exit:
    """The exit code of findings: REFUSED where a person has to mend something, else the one kind of trouble's own."""
    codes = {_CODES.get(one.subject, Exit.REFUSED) for one in found if one.refuses}
    return next((code for code in (Exit.REFUSED, Exit.JOURNAL, Exit.VENUE) if code in codes), Exit.OK)


def fine(subject: str, text: str) -> Found:
    """It passed."""
    return Found(subject, ok=True, blocking=True, text=text)


def warning(subject: str, text: str) -> Found:
    """It did not, and live starts all the same."""
    return Found(subject, ok=False, blocking=False, text=text)


def no(subject: str, text: str) -> Found:
    """It did not, and has to be mended before live."""
    return Found(subject, ok=False, blocking=True, text=text)
