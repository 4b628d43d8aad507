"""What the Bot API delivers, as far as it is looked at: https://core.telegram.org/bots/api#getting-updates.

An update that cannot be read (a shape that did not exist when this was written) keeps its number and loses its message,
so that one odd update neither blocks the queue nor is taken for something else.
"""

from collections.abc import Sequence
from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True):
    """Who sent a message."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""


class Chat(msgspec.Struct, frozen=True):
    """Where: `type` is private, group, supergroup or channel. A private chat has its user's number."""

    id: int
    type: str


class Message(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message, with the marks of one that its sender did not just now write to us. `date` is Unix seconds."""

    message_id: int
    date: int
    chat: Chat
    sender: User | None = None
    text: str = ""
    sender_chat: Any = None
    edit_date: Any = None
    via_bot: Any = None
    sender_business_bot: Any = None
    is_from_offline: Any = None
    is_automatic_forward: Any = None
    forward_origin: Any = None
    forward_date: Any = None
    """Before Bot API 7.0; a local Bot API server may be older."""

    @property
    def second_hand(self) -> str:
        """Why it is not a message that its sender typed to us now; empty when it is."""
        if any(mark is not None for mark in (self.forward_origin, self.forward_date, self.is_automatic_forward)):
            return "forwarded"
        if self.edit_date is not None:
            return "edited"
        if self.via_bot is not None or self.sender_business_bot is not None:
            return "written by a bot"
        return "scheduled or automatic" if self.is_from_offline else ""


class Update(msgspec.Struct, frozen=True):
    """One thing that happened; only a new message is looked at, never an edited one or a channel's."""

    update_id: int
    message: Message | None = None


class _Numbered(msgspec.Struct, frozen=True):
    update_id: int


def read_updates(results: Sequence[msgspec.Raw]) -> tuple[Update, ...]:
    """The updates of an answer. Raises msgspec.MsgspecError where one has no number, so that it cannot be confirmed."""
    return tuple(_read(raw) for raw in results)


def _read(raw: msgspec.Raw) -> Update:
    try:
        return msgspec.json.decode(raw, type=Update)
    except msgspec.ValidationError:
        return Update(msgspec.json.decode(raw, type=_Numbered).update_id)
