"""The listen keys of a futures market: POST makes one or answers the active one, PUT extends it, DELETE ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.simex.binance.errors import VenueError
from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.gate import Call, Route, Security
from bot.simex.binance.listen_keys import ListenKeys

Row = dict[str, Any]


class ListenKeyRest:
    """The handlers; `ended` is told a key that its owner has ended."""

    def __init__(self, desk: FuturesDesk, keys: ListenKeys, ended: Callable[[str], None]) -> None:
        self._desk = desk
        self._keys = keys
        self._ended = ended
        self._path = f"{desk.prefix}/v1/listenKey"

    def routes(self) -> list[Route]:
        """The three of them; an API key is needed, a signature is not."""
        return [
            Route("POST", self._path, self._start, 1, Security.KEY),
            Route("PUT", self._path, self._extend, 1, Security.KEY),
            Route("DELETE", self._path, self._close, 1, Security.KEY),
        ]

    def _start(self, call: Call) -> Row:
        return {"listenKey": self._keys.start(call.account, self._desk.server_ms)}

    def _extend(self, call: Call) -> Row:
        key = self._known(lambda: self._keys.extend(call.account, self._desk.server_ms))
        return {"listenKey": key} if self._desk.market == "usdm" else {}

    def _close(self, call: Call) -> Row:
        key = self._keys.key_of(call.account)
        self._known(lambda: self._keys.close(call.account))
        if key is not None:
            self._ended(key)
        return {}

    def _known(self, action: Callable[[], Any]) -> Any:
        """What the keys answer; their refusal names this market's path."""
        try:
            return action()
        except VenueError as error:
            raise VenueError(error.code, error.msg.replace("/fapi/v1/listenKey", self._path), error.status) from None
