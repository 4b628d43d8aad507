"""What the control API does to the venues' gateways by hand: addresses, bans, limits, protection, lag, restarts.

Every function takes the dialects by venue and the body of the request; `venue` names one, else all are meant.
NotAllowed says what cannot be done.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from bot.simex.asked import NotAllowed, flag, integer, text
from bot.simex.binance.dialect import Binance
from bot.simex.bybit.dialect import Bybit
from bot.simex.config import DEFAULT_ACCOUNT, KEY_KINDS, LAG_MS_MAX, KeySpec
from bot.simex.wire import HERE

BAN_MS_DEFAULT: Final = 120_000
BAN_MS_MAX: Final = 259_200_000
LIMIT_MAX: Final = 1_000_000
MARKETS: Final = ("spot", "usdm", "coinm")
SCOPES: Final = ("read", "spot", "futures", "withdraw", "transfer")
SCOPES_DEFAULT: Final = ("read", "spot", "futures")

Body = Mapping[str, Any]
Dialects = Mapping[str, Binance | Bybit]


def egress(dialects: Dialects, body: Body) -> dict[str, Any]:
    """Clients come from this address, as the venue sees it; empty: from where they are."""
    address = _address(body) if body.get("address") else ""
    for one in _chosen(dialects, body):
        one.keys.client_ip = address
    return {"ok": True}


def ban(dialects: Dialects, body: Body) -> dict[str, Any]:
    """Ban an address (the one that clients come from, unless named), or at Bybit an account from giving orders."""
    length_ms = integer(body, "for_ms", BAN_MS_DEFAULT, 0, BAN_MS_MAX)
    named = _chosen(dialects, body)
    if "account" in body:
        users = [one for one in named if isinstance(one, Bybit)]
        if not users:
            raise NotAllowed("account: binance bans addresses; an account is banned at bybit")
        for bybit in users:
            bybit.limits.ban_user(text(body, "account"), bybit.timeline.server_ms() + length_ms)
        return {"ok": True}
    for one in named:
        now_ms = one.timeline.server_ms()
        address = _address(body) if "address" in body else one.keys.client_ip or HERE
        if isinstance(one, Bybit):
            one.limits.ban_address(address, now_ms + length_ms)
        else:
            for market in _markets(body):
                one.limiters[market].ban(address, now_ms, length_ms)
    return {"ok": True}


def limits(dialects: Dialects, body: Body) -> dict[str, Any]:
    """Other limits: of Binance the weight a minute and the numbers of orders, of Bybit the calls of an endpoint."""
    named = _chosen(dialects, body)
    for one in named:
        if isinstance(one, Binance) and ("weight" in body or "orders" in body):
            for market in _markets(body):
                one.limiters[market].tighten(_limit(body, "weight"), _orders(body))
        elif isinstance(one, Bybit) and "path" in body:
            one.limits.tighten(_path(one, body), _limit(body, "calls"))
        elif len(named) == 1:
            raise NotAllowed("limits: of binance weight or orders, of bybit path and calls")
    return {"ok": True}


def protection(dialects: Dialects, body: Body) -> dict[str, Any]:
    """The system protects itself: new orders must reduce, or all are taken again."""
    is_on = flag(body, "on") if "on" in body else True
    for one in _chosen(dialects, body):
        if isinstance(one, Bybit):
            one.router.is_protected = is_on
        else:
            for market in _markets(body):
                one.routers[market].is_protected = is_on
    return {"ok": True}


def lag(dialects: Dialects, body: Body) -> dict[str, Any]:
    """Queries are so far behind, each from 0 to so much further; Bybit's engine is so far behind its gateway."""
    for one in _chosen(dialects, body):
        if "query_ms" in body:
            for replica in replicas(one):
                replica.lag_ms = integer(body, "query_ms", 0, 0, LAG_MS_MAX)
        if "replica_ms" in body:
            for replica in replicas(one):
                replica.spread_ms = integer(body, "replica_ms", 0, 0, LAG_MS_MAX)
        if "engine_ms" in body and isinstance(one, Bybit):
            one.entry.delay_ms = integer(body, "engine_ms", 0, 0, LAG_MS_MAX)
    return {"ok": True}


def restart(dialects: Dialects, body: Body) -> dict[str, Any]:
    """Restart Bybit's service, or its trade connections alone, which then take no new request."""
    bybit = dialects.get("bybit")
    if not isinstance(bybit, Bybit):
        raise NotAllowed("restart: bybit alone tells of it, and is not served")
    if text(body, "what", "service", ("service", "trade")) == "trade":
        bybit.restart_trade()
    else:
        bybit.restart()
    return {"ok": True}


def replicas(dialect: Binance | Bybit) -> list[Any]:
    """What the queries of a venue read, each with its own `lag_ms`."""
    if isinstance(dialect, Bybit):
        return [dialect.desk.replica]
    return [dialect.spot.desk.replica, *(one.desk.replica for one in dialect.futures.values())]


def key_spec(body: Body, name: str) -> KeySpec:
    """The key that a request asks for: whose it is, how it signs, what it may do, from where, and until when."""
    scopes = body.get("scopes", list(SCOPES_DEFAULT))
    if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
        raise NotAllowed(f"scopes {scopes!r}: a list is needed, of {', '.join(SCOPES)}")
    ips = addresses(body, "ips") if body.get("ips") else ()
    kind = text(body, "kind", "hmac", KEY_KINDS)
    return KeySpec(
        text(body, "name", name),
        text(body, "account", DEFAULT_ACCOUNT),
        read="read" in scopes,
        spot="spot" in scopes,
        futures="futures" in scopes,
        withdraw="withdraw" in scopes,
        transfer="transfer" in scopes,
        ip_restricted=bool(ips),
        expires_ms=None if body.get("expires_ms") is None else integer(body, "expires_ms", 0, 0, 2**53),
        kind=next(one for one in KEY_KINDS if one == kind),
        ips=ips,
    )


def addresses(body: Body, name: str) -> tuple[str, ...]:
    """A list of addresses; an empty one is any."""
    found = body.get(name)
    if not isinstance(found, list):
        raise NotAllowed(f"{name}: a list of addresses is needed")
    return tuple(_address({name: one}, name) for one in found)


def _chosen(dialects: Dialects, body: Body) -> list[Binance | Bybit]:
    return [dialects[text(body, "venue", None, tuple(dialects))]] if "venue" in body else list(dialects.values())


def _markets(body: Body) -> tuple[str, ...]:
    return (text(body, "market", None, MARKETS),) if "market" in body else MARKETS


def _limit(body: Body, name: str) -> int | None:
    return None if body.get(name) is None else integer(body, name, 0, 0, LIMIT_MAX)


def _orders(body: Body) -> tuple[int, ...]:
    found = body.get("orders", [])
    if not isinstance(found, list):
        raise NotAllowed("orders: a list of numbers is needed, the shortest window first")
    return tuple(integer({"orders": one}, "orders", 0, 0, LIMIT_MAX) for one in found)


def _path(dialect: Bybit, body: Body) -> str:
    path = text(body, "path")
    if path not in {known for _, known in dialect.routes()}:
        raise NotAllowed(f"path {path!r}: bybit has no such endpoint")
    return path


def _address(body: Body, name: str = "address") -> str:
    try:
        return str(ipaddress.ip_address(text(body, name)))
    except ValueError:
        raise NotAllowed(f"{name} {body.get(name)!r}: an IP address is needed") from None
