"""Listen keys over REST: the answer to what the USD-M user stream asks."""

from __future__ import annotations

import msgspec

from bot.venues import routes
from bot.venues.budget import Lane
from bot.venues.client import Client, parsed
from bot.venues.listenkey import ListenKeyGone, ListenKeyTrouble
from bot.venues.translate.errors import Trouble

NO_SUCH_KEY = -1125


class _Key(msgspec.Struct, rename="camel"):
    listen_key: str


class RestListenKeys:
    """Makes and extends the account's listen key, and never deletes it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create(self) -> str:
        """POST: the account's key, made or extended. Raises ListenKeyTrouble."""
        outcome = await self._client.ask(routes.LISTEN_KEY_NEW, {}, Lane.LOOK)
        if isinstance(outcome, Trouble):
            raise ListenKeyTrouble(outcome.text)
        found = parsed(routes.LISTEN_KEY_NEW, outcome, lambda body: msgspec.json.decode(body, type=_Key))
        if isinstance(found, Trouble):
            raise ListenKeyTrouble(found.text)
        if not found.listen_key:
            raise ListenKeyTrouble("the venue gave an empty listen key")
        return found.listen_key

    async def extend(self) -> None:
        """PUT: another 60 minutes. Raises ListenKeyGone or ListenKeyTrouble."""
        outcome = await self._client.ask(routes.LISTEN_KEY_EXTEND, {}, Lane.LOOK)
        if isinstance(outcome, Trouble):
            if outcome.code == NO_SUCH_KEY:
                raise ListenKeyGone(outcome.text)
            raise ListenKeyTrouble(outcome.text)
