"""Binance's limits: request weight and raw requests by address, order counts by account, in windows of its clock.

A window starts at a multiple of its length and its count falls to zero there. The headers tell the count including the
request that they answer. An address that keeps sending while it is refused is banned: two minutes the first time, twice
as long each time after, three days at most; its past offences are forgotten when it was good for three days.

The wallet endpoints (sapi) count apart: each path for itself, some by address and some by user.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from bot.simex.binance.errors import banned, too_many_orders, too_many_requests, too_much_weight

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
BAN_LEAST_MS: Final = 2 * MINUTE_MS
BAN_MAX_MS: Final = 3 * DAY_MS
FORGIVEN_AFTER_MS: Final = 3 * DAY_MS
REFUSALS_BEFORE_BAN: Final = 20
SAPI_IP_WEIGHT: Final = 12_000
SAPI_UID_WEIGHT: Final = 180_000
COUNTERS_MAX: Final = 10_000
HERE: Final = "127.0.0.1"
Key = TypeVar("Key")
Entry = TypeVar("Entry")


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

    def row(self) -> dict[str, Any]:
        """As `rateLimits` shows it."""
        named = {"rateLimitType": "ORDERS", "interval": self.interval, "intervalNum": self.interval_num}
        return {**named, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one host family; futures have words of their own. `raw_per_5_minutes` 0: not counted."""

    weight_per_minute: int
    orders: tuple[OrderLimit, ...]
    raw_per_5_minutes: int = 0
    is_futures: bool = True

    def as_rate_limits(self) -> list[dict[str, Any]]:
        """The `rateLimits` of exchangeInfo."""
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        rows: list[dict[str, Any]] = [{**weight, "limit": self.weight_per_minute}, *(one.row() for one in self.orders)]
        if self.raw_per_5_minutes:
            raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5}
            rows.append({**raw, "limit": self.raw_per_5_minutes})
        return rows


SPOT_LIMITS: Final = Limits(
    weight_per_minute=6_000,
    orders=(
        OrderLimit(100, 10_000, "10S", "SECOND", 10),
        OrderLimit(200_000, DAY_MS, "1D", "DAY", 1),
    ),
    raw_per_5_minutes=61_000,
    is_futures=False,
)
USDM_LIMITS: Final = Limits(
    weight_per_minute=2_400,
    orders=(
        OrderLimit(300, 10_000, "10S", "SECOND", 10),
        OrderLimit(1_200, MINUTE_MS, "1M", "MINUTE", 1),
    ),
)
COINM_LIMITS: Final = Limits(
    weight_per_minute=2_400,
    orders=(OrderLimit(1_200, MINUTE_MS, "1M", "MINUTE", 1),),
)


class Window:
    """A count that starts again at every multiple of its length."""

    __slots__ = ("count", "length_ms", "started_ms")

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


@dataclass(slots=True)
class _Address:
    """What one address has used, and how it behaved. `offences` are bans so far."""

    weight: Window = field(default_factory=lambda: Window(MINUTE_MS))
    raw: Window = field(default_factory=lambda: Window(5 * MINUTE_MS))
    refusals: Window = field(default_factory=lambda: Window(MINUTE_MS))
    banned_until_ms: int = 0
    offences: int = 0


class RateLimiter:
    """The counters of one host family. `limits` may be replaced while it runs: they hold from the next request on."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.others_weight = 0
        """What other programs behind the same address use of every minute."""
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._orders: OrderedDict[str, tuple[Window, ...]] = OrderedDict()
        self._sapi: OrderedDict[tuple[str, str], Window] = OrderedDict()

    # -------------------------------------------------------------------------------------------------- the operator
    def tighten(self, weight_per_minute: int | None = None, orders: Iterable[int] = ()) -> None:
        """Set another weight a minute, and other numbers of orders, in the order of `limits.orders`."""
        found = self.limits.orders
        changed = tuple(replace(rule, limit=most) for rule, most in zip(found, orders, strict=False))
        weight = self.limits.weight_per_minute if weight_per_minute is None else weight_per_minute
        self.limits = replace(self.limits, weight_per_minute=weight, orders=changed + found[len(changed) :])

    def ban(self, address: str, now_ms: int, length_ms: int | None = None) -> int:
        """Ban an address, for as long as is its turn unless said otherwise; answers until when."""
        found = self._address(address)
        if now_ms - found.banned_until_ms > FORGIVEN_AFTER_MS:
            found.offences = 0
        usual = min(BAN_LEAST_MS << min(found.offences, 32), BAN_MAX_MS)
        found.offences += 1
        found.banned_until_ms = now_ms + (usual if length_ms is None else length_ms)
        return found.banned_until_ms

    def banned_until_ms(self, address: str = HERE) -> int:
        """Until when an address is or was banned; 0 when it never was."""
        return self._address(address).banned_until_ms

    def reset(self) -> None:
        """Forget every count, refusal and ban."""
        self._addresses.clear()
        self._orders.clear()
        self._sapi.clear()

    # --------------------------------------------------------------------------------------------------------- weight
    def charge_weight(self, weight: int, now_ms: int, address: str = HERE) -> None:
        """Count a request; beyond a limit it is refused with -1003: 429, and 418 while the address is banned."""
        found = self._address(address)
        if now_ms < found.banned_until_ms:
            raise self._banned(found.banned_until_ms, now_ms)
        found.weight.at(now_ms)
        found.raw.at(now_ms)
        found.weight.count += weight
        found.raw.count += 1
        if found.weight.count + self.others_weight > self.limits.weight_per_minute:
            wait_s = found.weight.wait_s(now_ms)
            error = too_much_weight(self.limits.weight_per_minute, wait_s, futures=self.limits.is_futures)
            raise self._refused(address, found, now_ms) or error
        if 0 < self.limits.raw_per_5_minutes < found.raw.count:
            raise self._refused(address, found, now_ms) or too_many_requests(found.raw.wait_s(now_ms))

    def _refused(self, address: str, found: _Address, now_ms: int) -> Exception | None:
        """One more refusal; the ban when it was one too many."""
        found.refusals.at(now_ms)
        found.refusals.count += 1
        if found.refusals.count <= REFUSALS_BEFORE_BAN:
            return None
        found.refusals.count = 0
        return self._banned(self.ban(address, now_ms), now_ms)

    def _banned(self, until_ms: int, now_ms: int) -> Exception:
        return banned(until_ms, now_ms, futures=self.limits.is_futures)

    def weight_used(self, now_ms: int, address: str = HERE) -> int:
        """The weight used in this minute."""
        return self._address(address).weight.at(now_ms) + self.others_weight

    def charge_sapi(self, path: str, whose: str, weight: int, now_ms: int, *, by_user: bool) -> int:
        """Count a wallet request of a path, by its address or its user; answers what was used. -1003 beyond."""
        window = _kept(self._sapi, (path, whose), lambda: Window(MINUTE_MS))
        window.at(now_ms)
        window.count += weight
        most = SAPI_UID_WEIGHT if by_user else SAPI_IP_WEIGHT
        if window.count > most:
            raise too_much_weight(most, window.wait_s(now_ms), futures=False)
        return window.count

    # --------------------------------------------------------------------------------------------------------- orders
    def charge_order(self, account: str, now_ms: int, counts: Mapping[str, int] | None = None) -> None:
        """Count an order, or as much as `counts` says by the letter of a window.

        Beyond a limit it is refused with -1015 and 429 and counts nowhere.
        """
        windows, named = self._windows(account), counts or {}
        for rule, window in zip(self.limits.orders, windows, strict=True):
            if window.at(now_ms) + named.get(rule.letter, 1) > rule.limit:
                raise too_many_orders(rule.limit, rule.words, window.wait_s(now_ms))
        for rule, window in zip(self.limits.orders, windows, strict=True):
            window.count += named.get(rule.letter, 1)

    def filled(self, account: str, now_ms: int) -> None:
        """An order was filled for the first time: on spot it no longer counts."""
        for window in self._windows(account):
            window.count = max(window.at(now_ms) - 1, 0)

    def order_headers(self, account: str, now_ms: int) -> dict[str, str]:
        """The order-count headers of `account`."""
        rules = zip(self.limits.orders, self._windows(account), strict=True)
        return {f"X-MBX-ORDER-COUNT-{rule.letter}": str(window.at(now_ms)) for rule, window in rules}

    def order_counts(self, account: str, now_ms: int) -> list[dict[str, Any]]:
        """The order limits with what `account` has used of each."""
        rules = zip(self.limits.orders, self._windows(account), strict=True)
        return [{**rule.row(), "count": window.at(now_ms)} for rule, window in rules]

    def _windows(self, account: str) -> tuple[Window, ...]:
        return _kept(self._orders, account, lambda: tuple(Window(rule.window_ms) for rule in self.limits.orders))

    def _address(self, address: str) -> _Address:
        return _kept(self._addresses, address, _Address)


def _kept(table: OrderedDict[Key, Entry], key: Key, made: Callable[[], Entry]) -> Entry:
    """The entry of a key, made at first; the oldest go when there are too many."""
    found = table.get(key)
    if found is None:
        found = table[key] = made()
        if len(table) > COUNTERS_MAX:
            table.popitem(last=False)
    return found
