"""How much of the venue's patience is left, and who may use it.

The venue counts request weight per address in fixed minutes, and orders per account in windows of ten seconds and of a
minute. Every answer tells its count in headers; our own count stands where a header is missing or lower. We use a share
of the venue's limit and give each lane its own ceiling within it, so that reads stop first, then looks at orders, then
new orders, and what reduces risk last. Nobody queues behind anybody: an order is let through or refused on the spot,
only a read may sleep, and it sleeps alone.

After 429 or 418 nothing of the class that was refused leaves until the venue's `Retry-After` has passed: every further
request would lengthen the ban.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from bot.domain.units import MINUTE_NS, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

BACKOFF_NS_MIN = 1 * SECOND_NS
BACKOFF_NS_MAX = 3 * 24 * 3600 * SECOND_NS
THROTTLED_S_DEFAULT = 30
BANNED_S_DEFAULT = 120
TIGHTENED_SHARE_MIN = 4
TOO_MANY_ORDERS = -1015


class Lane(Enum):
    """Who asks. The value is the share of the venue's limit up to which this lane may fill the window."""

    REDUCE = 0.9
    """Cancels and reduce-only orders: never stopped by our own frugality."""
    ORDER = 0.5
    LOOK = 0.45
    """Queries for orders of unknown fate."""
    READ = 0.35


class Limits(msgspec.Struct, frozen=True):
    """The venue's limits, as its exchangeInfo states them."""

    weight_per_minute: int
    orders_per_10s: int
    orders_per_minute: int


USDM_LIMITS = Limits(weight_per_minute=2_400, orders_per_10s=300, orders_per_minute=1_200)
SPOT_LIMITS = Limits(weight_per_minute=6_000, orders_per_10s=100, orders_per_minute=600)


class Usage(msgspec.Struct, frozen=True):
    """What was used of the running windows, and until when nothing is sent (0 when nothing is held back)."""

    weight: int
    weight_limit: int
    orders_10s: int
    orders_minute: int
    blocked_until_ns: int


class _Window:
    """A count that starts anew at every multiple of its length."""

    def __init__(self, length_ns: int) -> None:
        self._length_ns = length_ns
        self._index = -1
        self._count = 0

    def count(self, now_ns: int) -> int:
        index = now_ns // self._length_ns
        if index != self._index:
            self._index, self._count = index, 0
        return self._count

    def add(self, now_ns: int, amount: int) -> None:
        self._count = self.count(now_ns) + amount

    def at_least(self, now_ns: int, amount: int) -> None:
        self._count = max(self.count(now_ns), amount)

    def next_ns(self, now_ns: int) -> int:
        """How long until the count starts anew."""
        return self._length_ns - now_ns % self._length_ns


class Budget:
    """The rate budget of one host. `clock` is our own, `sleep` takes seconds; both are injected."""

    def __init__(self, limits: Limits, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.limits = limits
        self._clock = clock
        self._sleep = sleep
        self._weight = _Window(MINUTE_NS)
        self._orders_10s = _Window(10 * SECOND_NS)
        self._orders_minute = _Window(MINUTE_NS)
        self._blocked_until_ns = 0
        self._orders_blocked_until_ns = 0
        self._weight_limit = limits.weight_per_minute

    def configure(self, limits: Limits) -> None:
        """Take the limits that the venue states now."""
        self.limits = limits
        self._weight_limit = limits.weight_per_minute

    def take(self, lane: Lane, weight: int, orders: int = 0) -> int:
        """Charge the request and return 0, or charge nothing and return the nanoseconds until it may be asked again."""
        now_ns = self._clock()
        wait_ns = max(self._ban_ns(now_ns, orders), self._full_ns(now_ns, lane, weight, orders))
        if wait_ns == 0:
            self._weight.add(now_ns, weight)
            self._orders_10s.add(now_ns, orders)
            self._orders_minute.add(now_ns, orders)
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
        """Take over the counts of an answer's headers (lower-case names); a lower count than ours is not believed."""
        now_ns = self._clock()
        counted = (
            (self._weight, "x-mbx-used-weight-1m"),
            (self._orders_10s, "x-mbx-order-count-10s"),
            (self._orders_minute, "x-mbx-order-count-1m"),
        )
        for window, name in counted:
            text = headers.get(name, "")
            if text.isascii() and text.isdigit():
                window.at_least(now_ns, int(text))

    def refused(self, status: int, code: int, retry_after_s: int | None) -> None:
        """Hear of a 429 or 418: hold back what was refused until the venue's time has passed."""
        now_ns = self._clock()
        default_s = BANNED_S_DEFAULT if status == 418 else THROTTLED_S_DEFAULT
        asked_ns = (default_s if retry_after_s is None else retry_after_s) * SECOND_NS
        until_ns = now_ns + min(max(asked_ns, BACKOFF_NS_MIN), BACKOFF_NS_MAX)
        if code == TOO_MANY_ORDERS and status != 418:
            self._orders_blocked_until_ns = max(self._orders_blocked_until_ns, until_ns)
            return
        self._blocked_until_ns = max(self._blocked_until_ns, until_ns)
        # The venue stopped us below the limit that we believed in: believe what it showed, down to a quarter of what it
        # states (another program behind our address may have used the rest).
        floor = self.limits.weight_per_minute // TIGHTENED_SHARE_MIN
        self._weight_limit = min(self._weight_limit, max(floor, self._weight.count(now_ns)))

    def usage(self) -> Usage:
        """What was used, for the pre-flight and the metrics."""
        now_ns = self._clock()
        return Usage(
            self._weight.count(now_ns),
            self._weight_limit,
            self._orders_10s.count(now_ns),
            self._orders_minute.count(now_ns),
            self._blocked_until_ns if self._blocked_until_ns > now_ns else 0,
        )

    def used_ratio(self) -> float:
        """The used share of the tightest limit; at least 1 while nothing may leave."""
        now_ns = self._clock()
        shares = (
            self._weight.count(now_ns) / self._weight_limit,
            self._orders_10s.count(now_ns) / self.limits.orders_per_10s,
            self._orders_minute.count(now_ns) / self.limits.orders_per_minute,
        )
        return max(*shares, 1.0 if self._blocked_until_ns > now_ns else 0.0)

    def _ban_ns(self, now_ns: int, orders: int) -> int:
        until_ns = max(self._blocked_until_ns, self._orders_blocked_until_ns if orders else 0)
        return max(0, until_ns - now_ns)

    def _full_ns(self, now_ns: int, lane: Lane, weight: int, orders: int) -> int:
        asked = (
            (self._weight, weight, self._weight_limit),
            (self._orders_10s, orders, self.limits.orders_per_10s),
            (self._orders_minute, orders, self.limits.orders_per_minute),
        )
        return max(
            window.next_ns(now_ns) if amount and window.count(now_ns) + amount > lane.value * limit else 0
            for window, amount, limit in asked
        )
