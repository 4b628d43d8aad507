"""The control API: JSON over HTTP on loopback, by which a test or a person moves the simulated world.

Every POST takes a JSON object; `venue` ("binance" unless said otherwise) tells which exchange it is for.

    POST /control/account       {account, spot?, usdm?, coinm?, unified?, parent?}     balances by asset
    POST /control/deposit       {account?, wallet, asset, amount}                      withdraw likewise
    POST /control/shock         {asset, factor}           multiply an asset's prices, for good, on every venue
    POST /control/funding       {symbol, rate?, next_ms?}
    POST /control/disconnect    {kind?, refuse_ms?}       kind: market, user, api or all
    POST /control/fault         a fault (injection.Fault); {"kind": "stall", "variant", "duration_ms"} silences streams
    POST /control/clear_faults  {id?}
    POST /control/scenario      {faults?, steps?}         as in a scenario file; or {"yaml": "..."}, the same as a text
    POST /control/clock         {offset_ms}               the server's clock against the wall clock
    POST /control/expire_listen_keys {}
    POST /control/revoke_key    {name}
    POST /control/key           {name, read?, spot?, futures?, withdraw?, transfer?, ip_restricted?, ips?, expires_ms?}
    POST /control/new_key       {name?, account?, kind?, scopes?, ips?, expires_ms?}    answers key and secret
    POST /control/settings      {account?, dual_side?, multi_assets?, symbol?, leverage?, margin_type?}
    POST /control/fees          {account?, maker?, taker?}
    POST /control/crowd         {market, weight}          others use request weight of every minute
    POST /control/egress        {address}                 where the venues see their clients; "": where they are
    POST /control/ban           {address?, for_ms?, market?}, at Bybit {account, for_ms?}
    POST /control/limits        {market?, weight?, orders?}, at Bybit {path, calls?}
    POST /control/protection    {on?, market?}            new orders must reduce
    POST /control/lag           {query_ms?, replica_ms?, engine_ms?}    queries lag; Bybit's engine takes time
    POST /control/restart       {what?}                   Bybit's service, or its trade connections alone
    POST /control/maintenance   {in_ms?, for_ms?, title?, announced?}
    POST /control/place         {account?, market, symbol, side, type, quantity, price?, time_in_force?, reduce_only?,
                                 client_order_id?}        an order by hand
    POST /control/cancel        {account?, market, symbol, order_id}
    GET  /control/truth?account=&venue=    balances, positions, open orders, trades, funding paid
    GET  /control/ledger?account=&asset=&after=&limit=&venue=    every posting, and what balances them
    GET  /control/requests?after=&method=&path=&signed=&limit=&summary=
    GET  /control/fills?after=&venue=      the core's own record of every fill
    GET  /control/faults                   armed and fired, and acts that could not be done
    GET  /control/hosts                    where to connect
    GET  /control/status                   time, connections, end of the recording
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from bot.simex import gateways, hands, postings
from bot.simex.asked import NotAllowed, flag, integer, query_integer, text
from bot.simex.config import DEFAULT_ACCOUNT, ApiKey, KeySpec
from bot.simex.conservation import Conservation, NotConserved
from bot.simex.core.exchange import Exchange
from bot.simex.core.refusal import Refused
from bot.simex.faults.conductor import Conductor
from bot.simex.faults.scenario import asked, fault_of, is_full, step_of
from bot.simex.gateways import Dialects
from bot.simex.injection import STALL, Fault, Injections
from bot.simex.requestlog import PAGE_MAX, RequestLog
from bot.simex.truth import Witness, order_row, truth_of

BODY_BYTES_MAX = 65_536
OFFSET_MS_MAX = 86_400_000
REFUSE_MS_MAX = 600_000
WEIGHT_MAX = 1_000_000
_KINDS = ("market", "user", "api", "all")
_CROWDED = ("spot", "usdm", "coinm")
_KEY_FLAGS = ("read", "spot", "futures", "withdraw", "transfer", "ip_restricted")
_GATEWAYS: Mapping[str, Callable[[Dialects, Mapping[str, Any]], dict[str, Any]]] = {
    "egress": gateways.egress,
    "ban": gateways.ban,
    "limits": gateways.limits,
    "protection": gateways.protection,
    "lag": gateways.lag,
    "restart": gateways.restart,
}
MAINTENANCE_MS = 600_000
MAINTENANCE_MS_MAX = 86_400_000
_encode = msgspec.json.Encoder(enc_hook=str).encode

Body = Mapping[str, Any]


class Keys(Protocol):
    """The API keys that the control API acts on."""

    def new_key(self, spec: KeySpec, venues: Iterable[str]) -> tuple[ApiKey, list[str]]:
        """Make an API key at some venues."""
        ...

    def revoke_key(self, name: str, venues: Iterable[str]) -> bool:
        """Delete an API key at some venues."""
        ...

    def change_key(self, name: str, changes: Mapping[str, Any], venues: Iterable[str]) -> bool:
        """Change what an API key may do at some venues."""
        ...


class World(Keys, Protocol):
    """What the control API acts on."""

    exchanges: Mapping[str, Exchange]
    witnesses: Mapping[str, Witness]
    dialects: Dialects
    conservation: Conservation
    requests: RequestLog
    injections: Injections
    conductor: Conductor

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

    def catch_up(self) -> None:
        """Let every exchange live up to now."""
        ...

    def flush(self) -> None:
        """Send the events of what was just done."""
        ...


class Control:
    """The handlers of the control API."""

    def __init__(self, world: World) -> None:
        self._world = world

    def application(self) -> web.Application:
        """The API as an aiohttp application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        for name, post in self._posts().items():
            app.router.add_post(f"/control/{name}", self._posted(post))
        for name, get in self._gets().items():
            app.router.add_get(f"/control/{name}", self._got(get))
        return app

    def _posts(self) -> dict[str, Callable[[Body], Any]]:
        return {
            "account": lambda body: hands.open_account(self._venue(body), body),
            "deposit": lambda body: hands.deposit(self._venue(body), body),
            "withdraw": lambda body: hands.withdraw(self._venue(body), body),
            "shock": self._shock,
            "funding": lambda body: hands.funding(self._venue(body), body),
            "disconnect": self._disconnect,
            "fault": self._fault,
            "clear_faults": self._clear_faults,
            "scenario": self._scenario,
            "clock": self._clock,
            "expire_listen_keys": lambda _: {"expired": self._world.expire_listen_keys()},
            "revoke_key": lambda body: {"revoked": self._world.revoke_key(text(body, "name"), self._named(body))},
            "key": self._key,
            "new_key": self._new_key,
            "settings": lambda body: hands.settings(self._venue(body), body),
            "fees": lambda body: hands.fees(self._venue(body), body),
            "crowd": self._crowd,
            "maintenance": self._maintenance,
            **{name: self._at_gateways(act) for name, act in _GATEWAYS.items()},
            "place": lambda body: order_row(hands.place(self._venue(body), body)),
            "cancel": lambda body: order_row(hands.cancel(self._venue(body), body)),
        }

    def _gets(self) -> dict[str, Callable[[Mapping[str, str]], Any]]:
        return {
            "truth": self._truth,
            "ledger": self._ledger,
            "requests": self._requests,
            "fills": self._fills,
            "faults": lambda _: {**self._world.injections.as_dict(), "failures": list(self._world.conductor.failures)},
            "hosts": lambda _: self._world.addresses(),
            "status": lambda _: self._world.status(),
        }

    def _posted(self, handler: Callable[[Body], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            raw = await request.read()
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                return _answer({"error": "the body is not JSON"}, 400)
            if not isinstance(body, dict):
                return _answer({"error": "the body is not a JSON object"}, 400)
            self._world.catch_up()
            answer = _guarded(lambda: handler(body))
            self._world.flush()
            return answer

        return respond

    def _got(self, handler: Callable[[Mapping[str, str]], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            return _guarded(lambda: handler(request.query))

        return respond

    def _venue(self, body: Mapping[str, Any]) -> Exchange:
        return self._world.exchanges[self._venue_name(body)]

    def _named(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The venue that is named, or all."""
        return (self._venue_name(body),) if "venue" in body else tuple(self._world.exchanges)

    def _venue_name(self, body: Mapping[str, Any]) -> str:
        return text(body, "venue", next(iter(self._world.exchanges)), tuple(self._world.exchanges))

    # ------------------------------------------------------------------------------------------------ moving the world
    def _shock(self, body: Body) -> dict[str, Any]:
        named = [self._venue(body)] if "venue" in body else list(self._world.exchanges.values())
        known = [one for one in named if hands.knows(one, text(body, "asset"))] or named
        for exchange in known:
            hands.shock(exchange, body)
        return {"ok": True}

    def _disconnect(self, body: Body) -> dict[str, Any]:
        kind = text(body, "kind", "all", _KINDS)
        return {"disconnected": self._world.disconnect(kind, integer(body, "refuse_ms", 0, 0, REFUSE_MS_MAX))}

    def _fault(self, body: Body) -> dict[str, Any]:
        if is_full(body):
            return {"id": self._world.injections.arm(fault_of(body))}
        try:
            fault = msgspec.convert(body, Fault)
        except (msgspec.ValidationError, ValueError) as error:
            raise NotAllowed(str(error)) from None
        unknown = set(body) - set(Fault.__dataclass_fields__)
        if unknown:
            raise NotAllowed(f"unknown: {', '.join(sorted(unknown))}")
        if fault.kind == STALL:
            self._world.stall(fault.variant, fault.duration_ms)
            self._world.injections.note(0, fault, self._world.now_ms())
            return {"id": 0}
        return {"id": self._world.injections.arm(fault)}

    def _scenario(self, body: Body) -> dict[str, Any]:
        return {"ids": [self._world.injections.arm(fault) for fault in asked(body)]}

    def _clear_faults(self, body: Body) -> dict[str, Any]:
        self._world.stall("all", 0)
        return {"disarmed": self._world.injections.disarm(body.get("id"))}

    def _clock(self, body: Body) -> dict[str, Any]:
        self._world.set_clock(integer(body, "offset_ms", 0, -OFFSET_MS_MAX, OFFSET_MS_MAX))
        return {"ok": True}

    def _key(self, body: Body) -> dict[str, Any]:
        changes: dict[str, Any] = {name: flag(body, name) for name in _KEY_FLAGS if body.get(name) is not None}
        if body.get("ip_restricted", True) is None:
            changes["ip_restricted"] = False
        if "expires_ms" in body:
            changes["expires_ms"] = None if body["expires_ms"] is None else integer(body, "expires_ms", 0, 0, 2**53)
        if "ips" in body:
            changes["ips"] = () if body["ips"] is None else gateways.addresses(body, "ips")
        return {"changed": self._world.change_key(text(body, "name"), changes, self._named(body))}

    def _new_key(self, body: Body) -> dict[str, Any]:
        """A key of an account, at every venue that has the account unless one is named."""
        account = text(body, "account", DEFAULT_ACCOUNT)
        venues = [one for one in self._named(body) if account in self._world.exchanges[one].state.accounts]
        if not venues:
            raise NotAllowed(f"account {account!r}: there is none; POST /control/account opens one")
        key, known = self._world.new_key(gateways.key_spec(body, f"{account}-{secrets.token_hex(4)}"), venues)
        return {"name": key.name, "api_key": key.key, "secret": key.secret, "account": account, "venues": known}

    def _at_gateways(self, act: Callable[[Dialects, Body], dict[str, Any]]) -> Callable[[Body], dict[str, Any]]:
        return lambda body: act(self._world.dialects, body)

    def _maintenance(self, body: Body) -> dict[str, Any]:
        """Arm the action of that name: announced unless said otherwise, at once unless it has a lead time."""
        is_announced = flag(body, "announced") if "announced" in body else True
        step: dict[str, Any] = {"do": "maintenance", "variant": "announced" if is_announced else "unannounced"}
        step |= {"for": integer(body, "for_ms", MAINTENANCE_MS, 1, MAINTENANCE_MS_MAX)}
        step |= {"scope": {"venue": self._venue_name(body)}}
        step |= {"with": {"lead_ms": integer(body, "in_ms", 0, 0, MAINTENANCE_MS_MAX)}}
        if "title" in body:
            step["with"]["title"] = text(body, "title")
        return {"id": self._world.injections.arm(step_of(step))}

    def _crowd(self, body: Body) -> dict[str, Any]:
        self._world.crowd(text(body, "market", None, _CROWDED), integer(body, "weight", 0, 0, WEIGHT_MAX))
        return {"ok": True}

    # ------------------------------------------------------------------------------------------------------- the truth
    def _truth(self, query: Mapping[str, str]) -> dict[str, Any]:
        """NotConserved when the exchange does not balance: nothing that it says of itself is the truth then."""
        if self._world.conservation.error:
            raise NotConserved(self._world.conservation.error)
        conserved = {"conservation": self._world.conservation.of(self._venue_name(query))}
        return truth_of(self._venue(query), query.get("account", DEFAULT_ACCOUNT)) | conserved

    def _ledger(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = min(query_integer(query, "limit", postings.PAGE_DEFAULT), postings.PAGE_MAX)
        found = postings.ledger_of(
            self._venue(query),
            account=query.get("account", ""),
            asset=query.get("asset", ""),
            after=query_integer(query, "after", 0),
            limit=max(limit, 1),
        )
        return found | {"conservation": self._world.conservation.of(self._venue_name(query))}

    def _requests(self, query: Mapping[str, str]) -> dict[str, Any]:
        log = self._world.requests
        answer: dict[str, Any] = {"summary": log.summary()}
        if query.get("summary") != "only":
            signed = {"true": True, "false": False}.get(query.get("signed", ""))
            rows = log.select(
                method=query.get("method"),
                path=query.get("path"),
                signed=signed,
                after_seq=query_integer(query, "after", 0),
                limit=min(query_integer(query, "limit", PAGE_MAX), PAGE_MAX),
            )
            answer["requests"] = [row.as_dict() for row in rows]
        return answer

    def _fills(self, query: Mapping[str, str]) -> dict[str, Any]:
        witness = self._world.witnesses[self._venue_name(query)]
        return {"total": len(witness), "fills": witness.after(query_integer(query, "after", 0), PAGE_MAX)}


def _guarded(run: Callable[[], Any]) -> web.Response:
    try:
        return _answer(run(), 200)
    except NotConserved as broken:
        return _answer({"error": f"not conserved: {broken}"}, 500)
    except (NotAllowed, ValueError) as refusal:
        return _answer({"error": str(refusal)}, 400)
    except Refused as refusal:
        return _answer({"error": str(refusal), "reason": refusal.reason.name}, 400)


def _answer(content: Any, status: int) -> web.Response:
    return web.Response(status=status, body=_encode(content), content_type="application/json")
