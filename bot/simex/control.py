"""The control API: how a test, a demonstration or a person moves the simulated world.

Plain HTTP and JSON on a loopback port of its own. It is no part of any venue and nothing of it shows on the wire.

    POST /control/account       {account, spot: {asset: amount}, usdm: {asset: amount}}     one more trader
    POST /control/deposit       {account?, wallet: spot|usdm, asset, amount}
    POST /control/withdraw      {account?, wallet: spot|usdm, asset, amount}
    POST /control/shock         {asset, factor}                     prices of the asset times factor, for good
    POST /control/funding       {symbol, rate, next_ms?}            rate null: from the premium again
    POST /control/disconnect    {kind?: market|user|all, refuse_ms?}
    POST /control/fault         {kind, ...}                         see injection.Fault; answers {id}
    POST /control/clear_faults  {id?}
    POST /control/clock         {offset_ms}                         the server's clock against the wall clock
    POST /control/expire_listen_keys {}
    POST /control/revoke_key    {name}
    POST /control/key           {name, withdraw?, transfer?, ip_restricted?, read?, spot?, futures?, expires_ms?}
    POST /control/settings      {account?, dual_side?, multi_assets?, symbol?, leverage?, margin_type?}
    POST /control/fees          {account?, maker, taker}            futures rates as ratios; null: the symbol's own
    POST /control/crowd         {market: spot|usdm, weight}         what others behind the address use of each minute
    POST /control/place         {account?, market, symbol, side, type, quantity, price?, time_in_force?, reduce_only?,
                                 client_order_id?}                  an order by hand
    POST /control/cancel        {account?, market, symbol, order_id}
    GET  /control/truth?account=      balances, positions, open orders, trades, funding paid
    GET  /control/requests?after=&method=&path=&signed=&limit=&summary=
    GET  /control/fills?after=        the core's own record of every fill
    GET  /control/faults              armed and fired
    GET  /control/hosts               where to connect
    GET  /control/status              time, connections, end of the recording
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Protocol

import msgspec
from aiohttp import web

from bot.simex.config import DEFAULT_ACCOUNT
from bot.simex.exchange import Exchange
from bot.simex.injection import STALL, Fault, Injections
from bot.simex.model import MarginType, Market, NewOrder, Reject
from bot.simex.requestlog import PAGE_MAX, RequestLog
from bot.simex.truth import truth_of

BODY_BYTES_MAX = 65_536
OFFSET_MS_MAX = 86_400_000
REFUSE_MS_MAX = 600_000
WEIGHT_MAX = 1_000_000
_KINDS = ("market", "user", "api", "all")
_WALLETS = ("spot", "usdm")
_MARGIN_TYPES = ("CROSSED", "ISOLATED")
_KEY_FLAGS = ("read", "spot", "futures", "withdraw", "transfer", "ip_restricted")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class World(Protocol):
    """What the control API acts on."""

    exchange: Exchange
    requests: RequestLog
    injections: Injections

    def disconnect(self, kind: str, refuse_ms: int) -> int:
        """Abort websockets and refuse new ones for a while."""
        ...

    def stall(self, kind: str, duration_ms: int) -> None:
        """Silence streams whose sockets stay alive."""
        ...

    def set_clock(self, offset_ms: int) -> None:
        """Set the server's clock against the wall clock."""
        ...

    def expire_listen_keys(self) -> int:
        """Expire every listen key."""
        ...

    def revoke_key(self, name: str) -> bool:
        """Delete an API key."""
        ...

    def change_key(self, name: str, changes: Mapping[str, Any]) -> bool:
        """Change what an API key may do."""
        ...

    def crowd(self, market: str, weight: int) -> None:
        """Let others use request weight of every minute."""
        ...

    def addresses(self) -> dict[str, Any]:
        """Where to connect."""
        ...

    def status(self) -> dict[str, Any]:
        """Time and connections."""
        ...

    def now_ms(self) -> int:
        """Exchange time."""
        ...

    def flush(self) -> None:
        """Send the events of what was just done."""
        ...


class Refused(Exception):
    """The control API was asked for something it cannot do; the text says what is allowed."""


def _text(body: Mapping[str, Any], name: str, default: str | None = None, allowed: tuple[str, ...] = ()) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise Refused(f"{name}: a string is needed")
    if allowed and value not in allowed:
        raise Refused(f"{name} {value!r}: allowed are {', '.join(allowed)}")
    return value


def _decimal(body: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(str(body[name]))
    except (KeyError, InvalidOperation):
        raise Refused(f"{name}: a number is needed, best as a string") from None
    if not value.is_finite():
        raise Refused(f"{name}: a finite number is needed")
    return value


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise Refused(f"{name}: an object of amounts by asset is needed")
    return value


def _integer(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(f"{name} {value!r}: allowed is {least} to {most}")
    return value


def _rate(body: Mapping[str, Any], name: str) -> Decimal | None:
    return None if body.get(name) is None else _decimal(body, name)


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body[name]
    if not isinstance(value, bool):
        raise Refused(f"{name} {value!r}: true or false is needed")
    return value


class Control:
    """The handlers of the control API."""

    def __init__(self, world: World) -> None:
        self._world = world

    def application(self) -> web.Application:
        """The API as an aiohttp application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        posts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "account": self._account,
            "deposit": self._deposit,
            "withdraw": self._withdraw,
            "shock": self._shock,
            "funding": self._funding,
            "disconnect": self._disconnect,
            "fault": self._fault,
            "clear_faults": self._clear_faults,
            "clock": self._clock,
            "expire_listen_keys": lambda _: {"expired": self._world.expire_listen_keys()},
            "revoke_key": lambda body: {"revoked": self._world.revoke_key(_text(body, "name"))},
            "key": self._key,
            "settings": self._settings,
            "fees": self._fees,
            "crowd": self._crowd,
            "place": self._place,
            "cancel": self._cancel,
        }
        gets: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "truth": lambda query: truth_of(self._world.exchange, query.get("account", DEFAULT_ACCOUNT)),
            "requests": self._requests,
            "fills": self._fills,
            "faults": lambda _: self._world.injections.as_dict(),
            "hosts": lambda _: self._world.addresses(),
            "status": lambda _: self._world.status(),
        }
        for name, post in posts.items():
            app.router.add_post(f"/control/{name}", self._posted(post))
        for name, get in gets.items():
            app.router.add_get(f"/control/{name}", self._got(get))
        return app

    def _posted(self, handler: Callable[[dict[str, Any]], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            raw = await request.read()
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                return _answer({"error": "the body is not JSON"}, 400)
            if not isinstance(body, dict):
                return _answer({"error": "the body is not a JSON object"}, 400)
            answer = _guarded(lambda: handler(body))
            self._world.flush()
            return answer

        return respond

    def _got(self, handler: Callable[[Mapping[str, str]], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            return _guarded(lambda: handler(request.query))

        return respond

    # ------------------------------------------------------------------------------------------------ moving the world
    def _account(self, body: dict[str, Any]) -> dict[str, Any]:
        wallets = [
            {asset: _decimal(rows, asset) for asset in rows} for rows in (_object(body, "spot"), _object(body, "usdm"))
        ]
        self._world.exchange.accounts.create(_text(body, "account"), *wallets)
        return {"ok": True}

    def _deposit(self, body: dict[str, Any]) -> dict[str, Any]:
        self._world.exchange.accounts.deposit(*_movement(body))
        return {"ok": True}

    def _withdraw(self, body: dict[str, Any]) -> dict[str, Any]:
        self._world.exchange.accounts.withdraw(*_movement(body))
        return {"ok": True}

    def _shock(self, body: dict[str, Any]) -> dict[str, Any]:
        factor = _decimal(body, "factor")
        if not 0 < factor <= 100:
            raise Refused(f"factor {factor}: allowed is more than 0 and at most 100")
        self._world.exchange.shock(_text(body, "asset"), factor, self._world.now_ms())
        return {"ok": True}

    def _funding(self, body: dict[str, Any]) -> dict[str, Any]:
        rate = None if body.get("rate") is None else _decimal(body, "rate")
        next_ms = body.get("next_ms")
        if next_ms is not None and (isinstance(next_ms, bool) or not isinstance(next_ms, int)):
            raise Refused("next_ms: milliseconds since 1970 are needed")
        self._world.exchange.set_funding(_text(body, "symbol"), rate, next_ms)
        return {"ok": True}

    def _disconnect(self, body: dict[str, Any]) -> dict[str, Any]:
        kind = _text(body, "kind", "all", _KINDS)
        return {"disconnected": self._world.disconnect(kind, _integer(body, "refuse_ms", 0, 0, REFUSE_MS_MAX))}

    def _fault(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            fault = msgspec.convert(body, Fault)
        except (msgspec.ValidationError, ValueError) as error:
            raise Refused(str(error)) from None
        unknown = set(body) - set(Fault.__dataclass_fields__)
        if unknown:
            raise Refused(f"unknown: {', '.join(sorted(unknown))}")
        if fault.kind == STALL:
            self._world.stall(fault.variant, fault.duration_ms)
            self._world.injections.note(0, fault, self._world.now_ms())
            return {"id": 0}
        return {"id": self._world.injections.arm(fault)}

    def _clear_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        self._world.stall("all", 0)
        return {"disarmed": self._world.injections.disarm(body.get("id"))}

    def _clock(self, body: dict[str, Any]) -> dict[str, Any]:
        self._world.set_clock(_integer(body, "offset_ms", 0, -OFFSET_MS_MAX, OFFSET_MS_MAX))
        return {"ok": True}

    def _key(self, body: dict[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {name: _flag(body, name) for name in _KEY_FLAGS if name in body}
        if "expires_ms" in body:
            changes["expires_ms"] = None if body["expires_ms"] is None else _integer(body, "expires_ms", 0, 0, 2**53)
        return {"changed": self._world.change_key(_text(body, "name"), changes)}

    def _settings(self, body: dict[str, Any]) -> dict[str, Any]:
        accounts, name = self._world.exchange.accounts, _text(body, "account", DEFAULT_ACCOUNT)
        if "dual_side" in body:
            accounts.set_dual_side(name, _flag(body, "dual_side"))
        if "multi_assets" in body:
            accounts.set_multi_assets(name, _flag(body, "multi_assets"))
        if "leverage" in body:
            accounts.set_leverage(name, _text(body, "symbol"), _integer(body, "leverage", 0, 1, 125))
        if "margin_type" in body:
            chosen = msgspec.convert(_text(body, "margin_type", None, _MARGIN_TYPES), MarginType)
            accounts.set_margin_type(name, _text(body, "symbol"), chosen)
        return {"ok": True}

    def _fees(self, body: dict[str, Any]) -> dict[str, Any]:
        name = _text(body, "account", DEFAULT_ACCOUNT)
        self._world.exchange.accounts.states[name].set_fees(_rate(body, "maker"), _rate(body, "taker"))
        return {"ok": True}

    def _crowd(self, body: dict[str, Any]) -> dict[str, Any]:
        self._world.crowd(_text(body, "market", None, _WALLETS), _integer(body, "weight", 0, 0, WEIGHT_MAX))
        return {"ok": True}

    def _place(self, body: dict[str, Any]) -> dict[str, Any]:
        account = _text(body, "account", DEFAULT_ACCOUNT)
        fields = {name: value for name, value in body.items() if name != "account"}
        try:
            new = msgspec.convert(fields, NewOrder, strict=False)
        except msgspec.ValidationError as error:
            raise Refused(str(error)) from None
        return _as_dict(self._world.exchange.place(account, new, self._world.now_ms()))

    def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        order = self._world.exchange.cancel(
            _text(body, "account", DEFAULT_ACCOUNT),
            msgspec.convert(_text(body, "market", None, _WALLETS), Market),
            _text(body, "symbol"),
            self._world.now_ms(),
            order_id=_integer(body, "order_id", 0, 0, 2**63),
        )
        return _as_dict(order)

    # ------------------------------------------------------------------------------------------------------- the truth
    def _requests(self, query: Mapping[str, str]) -> dict[str, Any]:
        log = self._world.requests
        answer: dict[str, Any] = {"summary": log.summary()}
        if query.get("summary") != "only":
            signed = {"true": True, "false": False}.get(query.get("signed", ""))
            rows = log.select(
                method=query.get("method"),
                path=query.get("path"),
                signed=signed,
                after_seq=_query_integer(query, "after", 0),
                limit=min(_query_integer(query, "limit", PAGE_MAX), PAGE_MAX),
            )
            answer["requests"] = [row.as_dict() for row in rows]
        return answer

    def _fills(self, query: Mapping[str, str]) -> dict[str, Any]:
        after = _query_integer(query, "after", 0)
        log = self._world.exchange.fill_log
        return {"total": len(log), "fills": [_as_dict(row) for row in islice(log, after, after + PAGE_MAX)]}


def _movement(body: Mapping[str, Any]) -> tuple[str, Any, str, Decimal]:
    amount = _decimal(body, "amount")
    if amount <= 0:
        raise Refused(f"amount {amount}: allowed is more than 0")
    account, wallet = _text(body, "account", DEFAULT_ACCOUNT), _text(body, "wallet", None, _WALLETS)
    return account, wallet, _text(body, "asset"), amount


def _query_integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refused(f"{name} {text!r}: a whole number is needed")
    return int(text) if text else default


def _as_dict(value: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


def _guarded(run: Callable[[], Any]) -> web.Response:
    try:
        return _answer(run(), 200)
    except Refused as refusal:
        return _answer({"error": str(refusal)}, 400)
    except Reject as refusal:
        return _answer({"error": refusal.message, "code": refusal.code}, 400)
    except (KeyError, ValueError) as error:
        return _answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _answer(content: Any, status: int) -> web.Response:
    return web.Response(status=status, body=_encode(content), content_type="application/json")
