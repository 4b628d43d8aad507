"""How one venue's REST side is spoken: what `bot.venues.client.Client` needs to know of it and cannot share.

A dialect is data and pure functions. It names the table by which errors are judged, the clocks, how a request carries
its window, how an answer becomes a `Reply` or a `Trouble`, and who counts requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bot.venues.translate.errors import Cause, Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.domain.units import AccountId
    from bot.venues.budget import Lane, Usage
    from bot.venues.routes import Route
    from bot.venues.signing import Credentials
    from bot.venues.transport import Wire


class Reply(msgspec.Struct, frozen=True):
    """A good answer's body: a JSON object or array by its first byte, not decoded yet."""

    body: bytes


Outcome = Reply | Trouble


class Counter(Protocol):
    """Who counts the requests of one account or endpoint; see `bot.venues.budget` for what the words mean."""

    def take(self, lane: Lane, weight: int, orders: int = 0) -> int:
        """Charge the request and return 0, or charge nothing and return the nanoseconds until it may be asked again."""
        ...

    async def wait(self, lane: Lane, weight: int, patience_ns: int) -> int:
        """Sleep until the request may leave, `patience_ns` at most: 0, or how long it would still have to wait."""
        ...

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer's headers (lower-case names) say."""
        ...

    def refused(self, status: int, code: int, retry_after_s: int | None) -> None:
        """Hear that the venue had enough."""
        ...

    def usage(self) -> Usage:
        """What was used, for the pre-flight and the metrics."""
        ...

    def used_ratio(self) -> float:
        """The used share of the tightest limit; at least 1 while nothing may leave."""
        ...


class Counters(Protocol):
    """The rate limits of one venue, as far as they are counted on our side."""

    def of(self, route: Route) -> Counter:
        """Who counts the requests to an endpoint."""
        ...

    def whole(self) -> Mapping[str, Counter]:
        """Every limit by the host that keeps it, for people."""
        ...


class Dialect(Protocol):
    """One venue's way to speak REST."""

    @property
    def venue(self) -> str:
        """Whose table of errors counts."""
        ...

    @property
    def clocks(self) -> Mapping[AccountId, Route]:
        """Where each account's clock is read."""
        ...

    @property
    def outside_window(self) -> int:
        """The code of a request that came too late or too early by the venue's clock."""
        ...

    def exchange(self, account: AccountId, credentials: Credentials | None) -> Any:
        """The ccxt exchange that serves an account. Raises KeyUnusable when the key cannot sign."""
        ...

    def window(self, milliseconds: int) -> Mapping[str, str | int]:
        """The parameters that carry the window of a request, where parameters do."""
        ...

    def judged(self, route: Route, wire: Wire, secrets: tuple[str, ...]) -> Outcome:
        """Tell a body that may be read from one that may not."""
        ...

    def exhausted(self, trouble: Trouble) -> bool:
        """Whether the venue had enough of us: nothing of the kind leaves until its time has passed."""
        ...

    def server_time_ms(self, body: bytes) -> int:
        """The venue's clock out of the answer of a clock's route. Raises ValueError."""
        ...

    def counters(self, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> Counters:
        """A fresh count of what is used."""
        ...


def readable(route: Route, body: bytes) -> Outcome:
    """A 200 whose body is an object or an array, and not an empty object where something was asked for."""
    text = body.strip()
    if not text:
        return Trouble(cause=Cause.UNREADABLE, host=route.host, status=200, message="an empty answer")
    if text[:1] not in (b"{", b"["):
        return Trouble(cause=Cause.UNREADABLE, host=route.host, status=200, message="an answer that is not JSON")
    if not route.may_be_empty and text.startswith(b"{") and not text[1:-1].strip():
        return Trouble(cause=Cause.UNREADABLE, host=route.host, status=200, message="an empty object for an answer")
    return Reply(body)
