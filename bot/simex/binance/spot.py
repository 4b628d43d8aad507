"""The spot market's trading, account and wallet endpoints, put together: /api/v3 and /sapi.

The dialect owns one, routes `routes()` beside the market data, and hands every event to `desk.observe` first.
"""

from __future__ import annotations

from bot.simex.binance.gate import Route
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.rest_sapi import SapiRest
from bot.simex.binance.rest_spot import SpotRest
from bot.simex.binance.spot_desk import SpotDesk
from bot.simex.core.exchange import Exchange
from bot.simex.timeline import Timeline


class Spot:
    """The spot market of an exchange; `limiter` is its router's, `lag_ms` how far its queries are behind.

    Attributes:
        desk: what the endpoints and the user stream share.
        sapi: the wallet endpoints, whose system status and delistings a control call may set.
    """

    def __init__(self, exchange: Exchange, timeline: Timeline, limiter: RateLimiter, lag_ms: int = 0) -> None:
        self.desk = SpotDesk(exchange, timeline, lag_ms)
        self.sapi = SapiRest(self.desk)
        self._limiter = limiter
        self.desk.first_filled = self._first_filled

    def routes(self) -> list[Route]:
        """Every endpoint."""
        return [*SpotRest(self.desk, self._limiter).routes(), *self.sapi.routes()]

    def _first_filled(self, account_id: str) -> None:
        """An order that trades frees its place in the order limits."""
        self._limiter.filled(account_id, self.desk.server_ms)
