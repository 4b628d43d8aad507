"""Binance's request-weight and order-count limits, counted in fixed windows of the server's clock.

Weight is counted per address and host family, orders per account; a window starts at a multiple of its length and the
count falls to zero there. The headers tell the count including the request that they answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.simex.binance.errors import too_many_orders, too_much_weight

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class OrderLimit:
    """At most `limit` new orders in each window of `window_ms`; `letter` ends the header's name."""

    limit: int
    window_ms: int
    letter: str
    interval: str
    interval_num: int

    @property
    def words(self) -> str:
        """The window as the refusal names it."""
        return f"{self.interval_num} {self.interval}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one host family."""

    weight_per_minute: int
    orders: tuple[OrderLimit, ...]

    def as_rate_limits(self) -> list[dict[str, object]]:
        """The `rateLimits` of exchangeInfo."""
        rows: list[dict[str, object]] = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": self.weight_per_minute,
            }
        ]
        rows += (
            {
                "rateLimitType": "ORDERS",
                "interval": rule.interval,
                "intervalNum": rule.interval_num,
                "limit": rule.limit,
            }
            for rule in self.orders
        )
        return rows


SPOT_LIMITS = Limits(
    weight_per_minute=6_000,
    orders=(
        OrderLimit(100, 10_000, "10S", "SECOND", 10),
        OrderLimit(200_000, 86_400_000, "1D", "DAY", 1),
    ),
)
USDM_LIMITS = Limits(
    weight_per_minute=2_400,
    orders=(
        OrderLimit(300, 10_000, "10S", "SECOND", 10),
        OrderLimit(1_200, MINUTE_MS, "1M", "MINUTE", 1),
    ),
)


class Window:
    """A count that starts again at every multiple of its length."""

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self.started_ms = 0
        self.count = 0

    def at(self, now_ms: int) -> int:
        """The count at `now_ms`."""
        start = now_ms - now_ms % self.length_ms
        if start != self.started_ms:
            self.started_ms, self.count = start, 0
        return self.count

    def wait_s(self, now_ms: int) -> int:
        """Whole seconds until the window starts again, at least one."""
        return max(1, -(-(self.started_ms + self.length_ms - now_ms) // 1000))


class RateLimiter:
    """The counters of one host family."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._weight = Window(MINUTE_MS)
        self.others_weight = 0
        """What other programs behind the same address use of every minute."""
        self._orders: dict[str, tuple[Window, ...]] = {}

    def _windows(self, account: str) -> tuple[Window, ...]:
        if account not in self._orders:
            self._orders[account] = tuple(Window(rule.window_ms) for rule in self.limits.orders)
        return self._orders[account]

    def charge_weight(self, weight: int, now_ms: int) -> None:
        """Count a request; beyond the limit it is refused with -1003 and 429."""
        self._weight.at(now_ms)
        self._weight.count += weight
        if self.weight_used(now_ms) > self.limits.weight_per_minute:
            raise too_much_weight(self.limits.weight_per_minute, self._weight.wait_s(now_ms))

    def charge_order(self, account: str, now_ms: int) -> None:
        """Count a new order; beyond a limit it is refused with -1015 and 429 and counts nowhere."""
        windows = self._windows(account)
        for rule, window in zip(self.limits.orders, windows, strict=True):
            if window.at(now_ms) >= rule.limit:
                raise too_many_orders(rule.limit, rule.words, window.wait_s(now_ms))
        for window in windows:
            window.count += 1

    def weight_used(self, now_ms: int) -> int:
        """The weight used in this minute."""
        return self._weight.at(now_ms) + self.others_weight

    def order_headers(self, account: str, now_ms: int) -> dict[str, str]:
        """The order-count headers of `account`."""
        return {
            f"X-MBX-ORDER-COUNT-{rule.letter}": str(window.at(now_ms))
            for rule, window in zip(self.limits.orders, self._windows(account), strict=True)
        }
