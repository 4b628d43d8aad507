"""Bybit's way to speak REST: an envelope around every answer, refusals inside a 200, a limit for each endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bot.venues.bybit_budget import EndpointBudgets
from bot.venues.bybit_routes import TIME, UNIFIED
from bot.venues.dialect import Outcome, readable
from bot.venues.signing import DEFAULT_WINDOW_MS, Credentials, KeyUnusable, signer
from bot.venues.translate.bybit import server_time_ms
from bot.venues.translate.errors import BYBIT, Cause, Trouble, clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.domain.units import AccountId
    from bot.venues.routes import Route
    from bot.venues.transport import Wire

OUTSIDE_WINDOW = 10_002
TOO_MANY = frozenset({429, 10_006, 10_018, 10_429})
FORBIDDEN = 403


class _Envelope(msgspec.Struct):
    ret_code: int = msgspec.field(name="retCode")
    ret_msg: str = msgspec.field(name="retMsg", default="")
    result: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope).decode


class BybitDialect:
    """See `bot.venues.dialect.Dialect`."""

    venue = BYBIT
    clocks: Mapping[AccountId, Route] = {UNIFIED: TIME}
    outside_window = OUTSIDE_WINDOW

    def exchange(self, account: AccountId, credentials: Credentials | None) -> Any:
        """Ccxt's bybit. A private key in PEM is refused: the private stream is signed by HMAC."""
        if credentials is not None and "PRIVATE KEY" in credentials.secret:
            raise KeyUnusable("the API secret is a private key: make a system-generated (HMAC) key at Bybit")
        options = {"recvWindow": DEFAULT_WINDOW_MS, "maxRetriesOnFailure": 0, "timeDifference": 0}
        config: dict[str, Any] = {"enableRateLimit": False, "options": {**options, "adjustForTimeDifference": False}}
        if credentials is not None:
            config |= {"apiKey": credentials.key, "secret": credentials.secret}
        return signer("bybit", config, credentials, "v5/user/query-api")

    def window(self, milliseconds: int) -> Mapping[str, str | int]:
        """Nothing: a header carries it, which ccxt takes from the slot of the call."""
        return {}

    def judged(self, route: Route, wire: Wire, secrets: tuple[str, ...]) -> Outcome:
        """The `result` of an envelope without a fault; a trouble with the venue's code otherwise."""
        try:
            envelope = _envelope(wire.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _unreadable(route, wire)
        if wire.status == 200 and envelope.ret_code == 0:
            return readable(route, bytes(envelope.result))
        return Trouble(
            cause=Cause.ANSWERED,
            host=route.host,
            status=wire.status,
            code=envelope.ret_code,
            message=clean(envelope.ret_msg, secrets),
        )

    def exhausted(self, trouble: Trouble) -> bool:
        """The endpoint's limit, the system's, or the address's."""
        if trouble.cause is not Cause.ANSWERED:
            return False
        return trouble.status in (429, FORBIDDEN) or (trouble.status == 200 and trouble.code in TOO_MANY)

    def server_time_ms(self, body: bytes) -> int:
        """`timeNano`."""
        return server_time_ms(body)

    def counters(self, clock: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> EndpointBudgets:
        """By endpoint and address."""
        return EndpointBudgets(clock, sleep)


def _unreadable(route: Route, wire: Wire) -> Trouble:
    """An answer without an envelope: with a status of its own, it is that status that speaks."""
    message = "an answer that is not the venue's" if wire.body.strip() else "an empty answer"
    cause = Cause.UNREADABLE if wire.status == 200 else Cause.ANSWERED
    return Trouble(cause=cause, host=route.host, status=wire.status, message=message)
