"""Bybit's limits: so many calls a second of one endpoint for one user, and so many requests of one address.

The window rolls. A call over the limit is refused with 10006 and does not count. An address over 600 requests in five
seconds is answered 403 for ten minutes. The operator may tighten the limit of an endpoint and ban addresses and users.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.simex.bybit.errors import VenueError

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
ADDRESS_REQUESTS_MAX: Final = 600
ADDRESS_WINDOW_MS: Final = 5_000
ADDRESS_BAN_MS: Final = 600_000
ADDRESSES_MAX: Final = 1_000
SOCKET_REQUESTS_MAX: Final = 3_000
BUCKETS_MAX: Final = 10_000
DEFAULT: Final = (50, SECOND_MS)

# Path -> (calls, window); a second row is for spot where the documentation has one.
LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "/v5/order/create": (10, SECOND_MS),
    "/v5/order/amend": (10, SECOND_MS),
    "/v5/order/cancel": (10, SECOND_MS),
    "/v5/order/cancel-all": (10, SECOND_MS),
    "/v5/order/create-batch": (10, SECOND_MS),
    "/v5/order/amend-batch": (10, SECOND_MS),
    "/v5/order/cancel-batch": (10, SECOND_MS),
    "/v5/order/disconnected-cancel-all": (5, SECOND_MS),
    "/v5/order/realtime": (50, SECOND_MS),
    "/v5/order/history": (50, SECOND_MS),
    "/v5/execution/list": (50, SECOND_MS),
    "/v5/position/list": (50, SECOND_MS),
    "/v5/position/closed-pnl": (50, SECOND_MS),
    "/v5/position/set-leverage": (10, SECOND_MS),
    "/v5/position/switch-isolated": (10, SECOND_MS),
    "/v5/position/switch-mode": (10, SECOND_MS),
    "/v5/position/trading-stop": (10, SECOND_MS),
    "/v5/position/add-margin": (10, SECOND_MS),
    "/v5/position/set-auto-add-margin": (10, SECOND_MS),
    "/v5/account/wallet-balance": (50, SECOND_MS),
    "/v5/account/info": (50, SECOND_MS),
    "/v5/account/fee-rate": (5, SECOND_MS),
    "/v5/account/transaction-log": (25, SECOND_MS),
    "/v5/account/collateral-info": (50, SECOND_MS),
    "/v5/account/instruments-info": (10, SECOND_MS),
    "/v5/account/set-margin-mode": (5, SECOND_MS),
    "/v5/account/query-dcp-info": (5, SECOND_MS),
    "/v5/asset/transfer/inter-transfer": (60, MINUTE_MS),
    "/v5/asset/transfer/query-inter-transfer-list": (60, MINUTE_MS),
    "/v5/asset/transfer/query-account-coins-balance": (5, SECOND_MS),
    "/v5/asset/transfer/query-account-coin-balance": (450, SECOND_MS),
    "/v5/asset/transfer/query-asset-info": (60, MINUTE_MS),
    "/v5/asset/coin/query-info": (5, SECOND_MS),
    "/v5/asset/delivery-record": (50, SECOND_MS),
    "/v5/user/query-api": (10, SECOND_MS),
}
SPOT_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "/v5/order/create": (20, SECOND_MS),
    "/v5/order/cancel": (20, SECOND_MS),
    "/v5/order/cancel-all": (20, SECOND_MS),
    "/v5/order/create-batch": (20, SECOND_MS),
    "/v5/order/amend-batch": (20, SECOND_MS),
    "/v5/order/cancel-batch": (20, SECOND_MS),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What the limit headers say after a call."""

    limit: int
    remaining: int
    reset_ms: int

    def headers(self) -> dict[str, str]:
        """The three headers, by the names that the documentation shows."""
        return {
            "X-Bapi-Limit": str(self.limit),
            "X-Bapi-Limit-Status": str(self.remaining),
            "X-Bapi-Limit-Reset-Timestamp": str(self.reset_ms),
        }


class _Address:
    """The requests of one address, as many as the limit, and until when it is banned."""

    __slots__ = ("banned_until_ms", "times")

    def __init__(self, most: int) -> None:
        self.times: deque[int] = deque(maxlen=most)
        self.banned_until_ms = 0


class RateLimits:
    """What every user has used of every endpoint, and every address of its own. `factor` multiplies every limit."""

    def __init__(self, factor: int = 1) -> None:
        self.factor = factor
        self._used: dict[tuple[str, str, bool], deque[int]] = {}
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._socket: deque[int] = deque(maxlen=SOCKET_REQUESTS_MAX * max(factor, 1))
        self._banned: dict[str, int] = {}
        self._tightened: dict[str, int] = {}

    # -------------------------------------------------------------------------------------------------- the operator
    def tighten(self, path: str, calls: int | None) -> None:
        """Allow so many calls of an endpoint in its window from now on; None: as many as documented."""
        if calls is None:
            self._tightened.pop(path, None)
        else:
            self._tightened[path] = calls

    def ban_address(self, address: str, until_ms: int) -> None:
        """Answer an address 403 until a moment of the server's clock."""
        self._address(address).banned_until_ms = until_ms

    def ban_user(self, account: str, until_ms: int) -> None:
        """Take no orders of an account until a moment of the server's clock."""
        self._banned[account] = until_ms

    def check_user(self, account: str, now_ms: int) -> None:
        """VenueError 10027 while an account may not trade."""
        if now_ms < self._banned.get(account, 0):
            raise VenueError(10027)

    def check_address(self, address: str, now_ms: int) -> None:
        """Count a request of an address; VenueError 403 when it sends too many."""
        found = self._address(address)
        if now_ms < found.banned_until_ms:
            raise VenueError(10006, "403, access too frequent", status=403)
        if len(found.times) == found.times.maxlen and now_ms - found.times[0] < ADDRESS_WINDOW_MS:
            found.banned_until_ms = now_ms + ADDRESS_BAN_MS
            found.times.clear()
            raise VenueError(10006, "403, access too frequent", status=403)
        found.times.append(now_ms)

    def check_socket(self, now_ms: int) -> None:
        """Count a request to a trade websocket, of whichever connection; VenueError 10403 beyond 3,000 a second."""
        if len(self._socket) == self._socket.maxlen and now_ms - self._socket[0] < SECOND_MS:
            raise VenueError(10403)
        self._socket.append(now_ms)

    def allowance(self, account: str, path: str, *, spot: bool, now_ms: int) -> Usage:
        """What is left of an endpoint's limit, without using any of it."""
        limit, window_ms = self._limit(path, spot)
        used = self._recent((account, path, spot), window_ms, now_ms)
        until_ms = used[0] + window_ms if used and len(used) >= limit else now_ms
        return Usage(limit, max(limit - len(used), 0), until_ms)

    def take(self, account: str, path: str, *, spot: bool, now_ms: int, orders: int = 1) -> tuple[int, Usage]:
        """Use the limit for so many orders; answers how many of them fit. VenueError 10006 when not even one does."""
        limit, window_ms = self._limit(path, spot)
        used = self._recent((account, path, spot), window_ms, now_ms)
        granted = min(orders, max(limit - len(used), 0))
        used.extend([now_ms] * granted)
        until_ms = used[0] + window_ms if used and granted < orders else now_ms
        usage = Usage(limit, max(limit - len(used), 0), until_ms)
        if not granted:
            raise VenueError(10006, headers=usage.headers())
        return granted, usage

    def _limit(self, path: str, spot: bool) -> tuple[int, int]:
        calls, window_ms = (SPOT_LIMITS.get(path) if spot else None) or LIMITS.get(path, DEFAULT)
        return self._tightened.get(path, calls * self.factor), window_ms

    def _address(self, address: str) -> _Address:
        found = self._addresses.get(address)
        if found is None:
            found = self._addresses[address] = _Address(ADDRESS_REQUESTS_MAX * max(self.factor, 1))
            if len(self._addresses) > ADDRESSES_MAX:
                self._addresses.popitem(last=False)
        return found

    def _recent(self, bucket: tuple[str, str, bool], window_ms: int, now_ms: int) -> deque[int]:
        if bucket not in self._used and len(self._used) >= BUCKETS_MAX:
            self._used.clear()
        used = self._used.setdefault(bucket, deque())
        while used and now_ms - used[0] >= window_ms:
            used.popleft()
        return used
