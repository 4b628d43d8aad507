"""The listen key of a USD-M user stream: what is asked of the REST side.

A key lives for 60 minutes and is extended by asking for it again (POST answers with the key that the account already
has) or by PUT. It belongs to the account, not to this process: it is never deleted, because another program of the
same account may listen on it.
"""

from __future__ import annotations

from typing import Protocol


class ListenKeyTrouble(Exception):
    """The venue gave no listen key, or did not extend it; the text says why and holds no secret."""


class ListenKeyGone(ListenKeyTrouble):
    """The venue knows no such key (-1125): a new one is needed."""


class ListenKeys(Protocol):
    """Two REST calls. Both raise ListenKeyTrouble for whatever the venue or the network does."""

    async def create(self) -> str:
        """POST: the account's key, made or extended."""
        ...

    async def extend(self) -> None:
        """PUT: another 60 minutes. Raises ListenKeyGone when there is no key to extend."""
        ...
