"""How much of Bybit's patience is left: a limit a second for each endpoint, and one of the address for all of them.

The venue counts requests to an endpoint by account in a rolling second, and all requests of an address in five. Every
answer of a counted endpoint tells its limit and what is left of it; our own count stands where nothing is told. Lanes
share each limit as they do in `bot.venues.budget`. After 10006 an endpoint rests until the moment that the venue named;
after a 403 the whole address rests for ten minutes, for every further request would lengthen the ban, and after 10018,
which comes before it, as long as the address's own window is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bot.domain.units import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from bot.venues.budget import Lane, Usage
from bot.venues.bybit_routes import HOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.venues.routes import Route

ADDRESS_REQUESTS_MAX = 600
ADDRESS_WINDOW_NS = 5 * SECOND_NS
ENDPOINT_WINDOW_NS = 1 * SECOND_NS
ADDRESS_BAN_NS = 10 * MINUTE_NS
THROTTLED_NS = 1 * SECOND_NS
RESET_NS_MAX = 60 * SECOND_NS
FORBIDDEN = 403
ADDRESS_LIMIT = 10_018


class _Rolling:
    """What happened within the last `length_ns`, and how long until there is room for one more."""

    def __init__(self, length_ns: int, limit: int) -> None:
        self.limit = limit
        self._length_ns = length_ns
        self._at: deque[int] = deque()

    def count(self, now_ns: int) -> int:
        while self._at and self._at[0] <= now_ns - self._length_ns:
            self._at.popleft()
        return len(self._at)

    def add(self, now_ns: int) -> None:
        self._at.append(now_ns)

    def at_least(self, now_ns: int, amount: int) -> None:
        self._at.extend([now_ns] * (min(amount, self.limit) - self.count(now_ns)))

    def wait_ns(self, now_ns: int, share: float) -> int:
        """Nanoseconds until fewer than `share` of the limit are in the window; a share is never less than one."""
        allowed = max(int(share * self.limit), 1)
        over = self.count(now_ns) - allowed
        return 0 if over < 0 else self._at[over] + self._length_ns - now_ns


class Address:
    """What all endpoints share: the count of the address, and until when it is banned."""

    def __init__(self) -> None:
        self.window = _Rolling(ADDRESS_WINDOW_NS, ADDRESS_REQUESTS_MAX)
        self.blocked_until_ns = 0


class EndpointBudget:
    """The rate budget of one endpoint; see `bot.venues.budget.Budget` for what its methods promise."""

    def __init__(
        self, per_second: int, address: Address, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._own = _Rolling(ENDPOINT_WINDOW_NS, per_second) if per_second else None
        self._address = address
        self._clock = clock
        self._sleep = sleep
        self._blocked_until_ns = 0
        self._reset_ns = 0

    def take(self, lane: Lane, weight: int, orders: int = 0) -> int:
        """Charge one request and return 0, or charge nothing and return the nanoseconds until it may be asked again."""
        now_ns = self._clock()
        wait_ns = max(0, self._blocked_until_ns - now_ns, self._address.blocked_until_ns - now_ns)
        windows = [window for window in (self._own, self._address.window) if window is not None]
        wait_ns = max(wait_ns, *(window.wait_ns(now_ns, lane.value) for window in windows))
        if wait_ns == 0:
            for window in windows:
                window.add(now_ns)
        return wait_ns

    async def wait(self, lane: Lane, weight: int, patience_ns: int) -> int:
        """Sleep until the request may leave, `patience_ns` at most: 0, or how long it would still have to wait."""
        left_ns = patience_ns
        while wait_ns := self.take(lane, weight):
            if wait_ns > left_ns:
                return wait_ns
            left_ns -= wait_ns
            await self._sleep(wait_ns / SECOND_NS)
        return 0

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over limit, rest and reset of an answer; a lower count than ours is not believed."""
        now_ns = self._clock()
        limit, left = _number(headers, "x-bapi-limit"), _number(headers, "x-bapi-limit-status")
        reset_ms = _number(headers, "x-bapi-limit-reset-timestamp")
        self._reset_ns = 0 if reset_ms is None else reset_ms * MILLISECOND_NS
        if self._own is not None and limit:
            self._own.limit = limit
            if left is not None and left < limit:
                self._own.at_least(now_ns, limit - left)

    def refused(self, status: int, code: int, retry_after_s: int | None) -> None:
        """Hear that the venue had enough of this endpoint, or (403, 10018) of the address."""
        now_ns = self._clock()
        if status == FORBIDDEN:
            self._address.blocked_until_ns = max(self._address.blocked_until_ns, now_ns + ADDRESS_BAN_NS)
            return
        if code == ADDRESS_LIMIT:
            self._address.blocked_until_ns = max(self._address.blocked_until_ns, now_ns + ADDRESS_WINDOW_NS)
        named_ns = self._reset_ns if now_ns < self._reset_ns <= now_ns + RESET_NS_MAX else 0
        asked_ns = 0 if retry_after_s is None else now_ns + min(retry_after_s * SECOND_NS, RESET_NS_MAX)
        self._blocked_until_ns = max(self._blocked_until_ns, named_ns, asked_ns, now_ns + THROTTLED_NS)

    def usage(self) -> Usage:
        """What the address used: the figure that another program on this machine would have raised."""
        now_ns = self._clock()
        blocked_ns = max(self._blocked_until_ns, self._address.blocked_until_ns)
        used, limit = self._address.window.count(now_ns), self._address.window.limit
        return Usage(used, limit, 0, 0, blocked_ns if blocked_ns > now_ns else 0)

    def used_ratio(self) -> float:
        """The used share of the tighter limit; at least 1 while nothing may leave."""
        now_ns = self._clock()
        windows = [window for window in (self._own, self._address.window) if window is not None]
        shares = [window.count(now_ns) / window.limit for window in windows]
        return max(*shares, 1.0 if self.usage().blocked_until_ns else 0.0, 0.0)


class EndpointBudgets:
    """A budget for each endpoint, made when it is first asked."""

    def __init__(self, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._address = Address()
        self._all = EndpointBudget(0, self._address, clock, sleep)
        self._by_path: dict[str, EndpointBudget] = {}

    def of(self, route: Route) -> EndpointBudget:
        """The endpoint's own."""
        found = self._by_path.get(route.path)
        if found is None:
            found = EndpointBudget(route.per_second, self._address, self._clock, self._sleep)
            self._by_path[route.path] = found
        return found

    def whole(self) -> dict[str, EndpointBudget]:
        """The address's, by host."""
        return {HOST: self._all}


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
