"""Binance's way to speak REST: windows as parameters, errors as HTTP statuses, weight counted by host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.venues.budget import SPOT_LIMITS, USDM_LIMITS, Budget
from bot.venues.dialect import Outcome, readable
from bot.venues.routes import CLOCKS, HOSTS, SPOT, USDM, Route
from bot.venues.signing import Credentials, signing_exchange
from bot.venues.translate.binance import server_time_ms
from bot.venues.translate.errors import BINANCE, Trouble, answered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.domain.units import AccountId
    from bot.venues.transport import Wire

OUTSIDE_WINDOW = -1021


class HostBudgets:
    """One budget for each of Binance's hosts, by account."""

    def __init__(self, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.by_account = {SPOT: Budget(SPOT_LIMITS, clock, sleep), USDM: Budget(USDM_LIMITS, clock, sleep)}

    def of(self, route: Route) -> Budget:
        """The host's."""
        return self.by_account[route.account]

    def whole(self) -> dict[str, Budget]:
        """By host."""
        return {HOSTS[account]: budget for account, budget in self.by_account.items()}


class BinanceDialect:
    """See `bot.venues.dialect.Dialect`."""

    venue = BINANCE
    clocks = CLOCKS
    outside_window = OUTSIDE_WINDOW

    def exchange(self, account: AccountId, credentials: Credentials | None) -> Any:
        """The one that serves the account."""
        return signing_exchange(account, credentials)

    def window(self, milliseconds: int) -> Mapping[str, str | int]:
        """`recvWindow`."""
        return {"recvWindow": milliseconds}

    def judged(self, route: Route, wire: Wire, secrets: tuple[str, ...]) -> Outcome:
        """By the HTTP status."""
        if wire.status == 200:
            return readable(route, wire.body)
        return answered(route.host, wire.status, wire.body, wire.headers.get("retry-after"), secrets)

    def exhausted(self, trouble: Trouble) -> bool:
        """Throttled or banned."""
        return trouble.status in (418, 429)

    def server_time_ms(self, body: bytes) -> int:
        """`serverTime`."""
        return server_time_ms(body)

    def counters(self, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> HostBudgets:
        """Two hosts."""
        return HostBudgets(clock, sleep)
