"""Updates as they arrive: real shapes are read, odd ones keep their number."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.ops.chat.updates import Update, read_updates
from tests.ops.chat.desk import OWNER, raw


def read(*updates: dict[str, Any]) -> tuple[Update, ...]:
    return read_updates([msgspec.Raw(msgspec.json.encode(update)) for update in updates])


def test_a_message_is_read() -> None:
    """Number, sender, chat, date and text arrive."""
    (update,) = read({"update_id": 5, "message": raw("/status")})

    assert update.message is not None
    assert update.message.sender is not None
    assert (5, OWNER, "private", "/status") == (
        update.update_id,
        update.message.sender.id,
        update.message.chat.type,
        update.message.text,
    )
    assert "" == update.message.second_hand


@pytest.mark.parametrize("kind", ["edited_message", "channel_post", "edited_channel_post", "business_message"])
def test_only_new_messages_are_messages(kind: str) -> None:
    """What comes under another name than `message` is not looked at."""
    assert (Update(5),) == read({"update_id": 5, kind: raw("/pause")})


@pytest.mark.parametrize("odd", [{"message": 7}, {"message": raw(None) | {"text": 5}}, {"message": {"date": "x"}}])
def test_an_odd_update_keeps_its_number(odd: dict[str, Any]) -> None:
    """An unreadable message neither stops the queue nor takes its neighbour along."""
    updates = read({"update_id": 5, **odd}, {"update_id": 6, "message": raw("/status")})

    assert [5, 6] == [update.update_id for update in updates]
    assert [True, False] == [update.message is None for update in updates]


def test_an_update_without_a_number_is_an_error() -> None:
    """What cannot be confirmed would come again for ever: it is told, not skipped."""
    with pytest.raises(msgspec.MsgspecError):
        read({"message": raw("/status")})
