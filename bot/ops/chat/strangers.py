"""Who spoke to the bot and is not on the list: the owner hears of each once an hour, and of a crowd its beginning."""

import msgspec

from bot.domain.units import SECOND_NS
from bot.ops.chat.updates import User

TOLD_AGAIN_NS = 3_600 * SECOND_NS
TOLD_AN_HOUR_MAX = 10
NAME_CHARS_MAX = 64

_PLAIN = frozenset(" .-'")


class Stranger(msgspec.Struct, frozen=True):
    """Somebody to tell the owner of. `last` says that no further stranger is told of within this hour."""

    user: int
    name: str
    last: bool


class Strangers:
    """Remembers whom the owner was told of; never more than TOLD_AN_HOUR_MAX of them, whatever comes."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}

    def met(self, user: User, now_ns: int) -> Stranger | None:
        """Whom to tell of, or None where it was told already or too much was."""
        self._told = {one: at for one, at in self._told.items() if now_ns - at < TOLD_AGAIN_NS}
        if user.id in self._told or len(self._told) >= TOLD_AN_HOUR_MAX:
            return None
        self._told[user.id] = now_ns
        return Stranger(user.id, shown_name(user), len(self._told) >= TOLD_AN_HOUR_MAX)


def shown_name(user: User) -> str:
    """The name as an alert may show it: it is a stranger's text, so nothing that could be markup or steer is left."""
    name = " ".join(part for part in (user.first_name, user.last_name, user.username) if part)
    return "".join(c if c.isalnum() or c in _PLAIN else "?" for c in name[:NAME_CHARS_MAX])
