"""One futures market's trading and account endpoints, put together: USD-M under /fapi or COIN-M under /dapi.

The dialect owns one for each market. It routes `routes()` (market data and listen keys come beside them), hands every
event of the exchange to `observe` before it publishes it, and calls `tick` as time passes. `desk` knows what the user
stream has to tell of an order beyond what the core does (`desk.tag`).
"""

from __future__ import annotations

from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.gate import Route
from bot.simex.binance.limits import RateLimiter
from bot.simex.binance.rest_futures_account import FuturesAccounts
from bot.simex.binance.rest_futures_algo import AlgoOrders
from bot.simex.binance.rest_futures_orders import FuturesOrders
from bot.simex.binance.rest_futures_queries import FuturesQueries
from bot.simex.binance.rest_futures_settings import FuturesSettings
from bot.simex.core.events import Event
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Category
from bot.simex.timeline import Timeline


class Futures:
    """The market "usdm" or "coinm" of an exchange.

    `limiter` is its router's, `lag_ms` how far its queries are behind.
    """

    def __init__(
        self, exchange: Exchange, timeline: Timeline, market: Category, limiter: RateLimiter, lag_ms: int = 0
    ) -> None:
        self.desk = FuturesDesk(exchange, timeline, market, lag_ms)
        self._limiter = limiter

    def routes(self) -> list[Route]:
        """Every endpoint."""
        desk = self.desk
        return [
            *FuturesOrders(desk).routes(),
            *FuturesQueries(desk).routes(),
            *FuturesAccounts(desk).routes(),
            *FuturesSettings(desk, self._limiter).routes(),
            *([] if desk.is_inverse else AlgoOrders(desk).routes()),
        ]

    def observe(self, event: Event) -> None:
        """Take note of something that happened on the exchange."""
        self.desk.observe(event)

    def tick(self) -> None:
        """Do what is due by the clock: orders good till a date."""
        self.desk.run_deadlines()
