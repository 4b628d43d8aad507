"""Throws what no client should send at every host of a simulated exchange, over TLS, for a number of seconds.

python -m tests.simex.fuzz 600 [SEED]

It fails when an answer is a 500 or is not in the venue's own shape, when a connection is lost that the client did not
ask for, when the request log shows a defect, or when the books do not balance. Rate limits are lifted, so that what is
sent gets further than the gate.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from hmac import new as hmac
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from bot.simex import hosts
from bot.simex.binance import dialect as binance_dialect
from bot.simex.binance.dialect import Binance
from bot.simex.bybit import dialect as bybit_dialect
from bot.simex.bybit import hosts as bybit_hosts
from bot.simex.bybit.dialect import Bybit
from bot.simex.config import AccountSpec, SimexConfig
from bot.simex.conservation import NotConserved
from bot.simex.core.exchange import Exchange
from bot.simex.serve import Simex
from bot.simex.server import BODY_BYTES_MAX
from bot.simex.sockets import MESSAGE_BYTES_MAX
from tests.simex.fuzz_draws import Draws
from tests.simex.pinned import session_to

SECONDS, SEED = 10.0, 1
REQUESTERS, TALKERS = 3, 2
FAILURES_MAX = 20
CHECK_EVERY = 200
LIMITS_FACTOR = 1_000_000
ANSWER_WITHIN_S = 20.0
RICH = {"BTC": Decimal(100), "ETH": Decimal(1_000), "USDT": Decimal(5_000_000)}
ACCOUNT = AccountSpec(spot=RICH, usdm={"USDT": Decimal(5_000_000)}, coinm={"BTC": Decimal(100)}, unified=RICH)
HOSTS_OF = {"spot": hosts.SPOT_REST, "usdm": (hosts.USDM_REST,), "coinm": (hosts.COINM_REST,)}
PIECES = (
    "api",
    "fapi",
    "dapi",
    "papi",
    "sapi",
    "v1",
    "v3",
    "v5",
    "order",
    "..",
    "%2e%2e",
    "%zz",
    "",
    "account",
    "ticker",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
SOCKETS = {
    hosts.SPOT_STREAM: ("/ws", "/stream", "/ws/btcusdt@depth", "/stream?streams=btcusdt@trade/@@"),
    hosts.USDM_STREAM: ("/ws", "/stream", "/market/ws/btcusdt@aggTrade", "/private/ws/nokey", "/ws/%zz"),
    hosts.COINM_STREAM: ("/ws", "/ws/btcusd_perp@depth@100ms"),
    hosts.SPOT_WS_API: ("/ws-api/v3",),
    hosts.USDM_WS_API: ("/ws-fapi/v1",),
    hosts.COINM_WS_API: ("/ws-dapi/v1",),
    bybit_hosts.STREAM: (*bybit_hosts.PUBLIC_PATHS, bybit_hosts.STATUS_PATH, bybit_hosts.PRIVATE_PATH, "/v5/trade"),
}
# What a server may say when it closes: that it is done, was sent what it does not take, too much, or too often.
CLOSED_FOR_A_REASON = frozenset({1000, 1002, 1003, 1007, 1008, 1009})
BINARY, TOO_LONG = "(binary)", "(too long)"
UNTAKEN = (BINARY, TOO_LONG)
MESSAGES_MAX = 20
BINARY_BYTES_MAX = 1_000
# So many requests are for the endpoint that takes orders; the others share the rest.
ORDERS_SHARE = 0.3


class Roomy(Simex):
    """An exchange whose rate limits nobody reaches."""

    def _dialect(self, venue: str, exchange: Exchange) -> Binance | Bybit:
        given = exchange, self.clocks[venue], self.keys.values(), self._log_socket_request
        if venue == "bybit":
            return Bybit(*given, bybit_dialect.Behaviour(limits_factor=LIMITS_FACTOR))
        return Binance(*given, binance_dialect.Behaviour(limits_factor=LIMITS_FACTOR))


@dataclass(frozen=True, slots=True)
class Shot:
    """A request to be sent."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_oversized: bool = False

    @property
    def text(self) -> str:
        """The request, shortened, as a failure names it."""
        return f"{self.method} {self.url[:300]} {self.body[:300]!r}"


class Fuzzer:
    """Sends and judges until the time is over. `failures` are sentences; `totals` count what was sent and answered."""

    def __init__(self, simex: Simex, session: ClientSession, seed: int) -> None:
        self.failures: list[str] = []
        self.totals: Counter[str] = Counter()
        self._simex = simex
        self._session = session
        self._draws = Draws(seed)
        binance, bybit = simex.dialects["binance"], simex.dialects["bybit"]
        assert isinstance(binance, Binance)
        assert isinstance(bybit, Bybit)
        self._binance_routes = binance.routes
        self._bybit_routes = bybit.routes()
        self._shots: tuple[Callable[[], Shot], ...] = (
            *(self._binance,) * 10,
            *(self._bybit,) * 10,
            *(self._unknown,) * 3,
            self._oversized,
        )

    async def run(self, seconds: float) -> None:
        """Send for so many seconds, by several connections at once; look at the books at the end."""
        ends_s = time.monotonic() + seconds
        workers = [self._request_until(ends_s) for _ in range(REQUESTERS)]
        await asyncio.gather(*workers, *(self._talk_until(ends_s) for _ in range(TALKERS)))
        self._check()
        if any(row.verdict == "simex_defect" for row in self._simex.requests):
            self.failures.append("the request log shows a defect")

    @property
    def line(self) -> str:
        """The totals in one line."""
        return (
            " ".join(f"{name}={count}" for name, count in sorted(self.totals.items()))
            + f" failures={len(self.failures)}"
        )

    def _fail(self, text: str) -> None:
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(text)

    def _is_over(self, ends_s: float) -> bool:
        return time.monotonic() >= ends_s or len(self.failures) >= FAILURES_MAX or self._simex.clock.done()

    def _check(self) -> None:
        for venue, exchange in self._simex.exchanges.items():
            try:
                exchange.check()
            except AssertionError as error:
                self._fail(f"{venue}: {error}")

    # ------------------------------------------------------------------------------------------------------ requests
    async def _request_until(self, ends_s: float) -> None:
        while not self._is_over(ends_s):
            await self._request(self._draws.random.choice(self._shots)())
            if self.totals["requests"] % CHECK_EVERY == 0:
                self._check()

    async def _request(self, shot: Shot) -> None:
        self.totals["requests"] += 1
        data = BytesIO(shot.body) if shot.body else None
        try:
            async with self._session.request(
                shot.method,
                URL(shot.url, encoded=True),
                headers=shot.headers,
                data=data,
            ) as answer:
                self._judge(shot, answer.status, await answer.read())
        except (ClientError, TimeoutError) as error:
            # Whoever sends too much may hear the end of the connection before the answer.
            if not shot.is_oversized:
                self._fail(f"{shot.text}: {error!r}")

    def _judge(self, shot: Shot, status: int, body: bytes) -> None:
        self.totals[f"{status // 100}xx"] += 1
        expected = (413,) if shot.is_oversized else range(200, 500)
        if status not in expected or not _is_shaped(shot, status, body):
            self._fail(f"{shot.text}: {status} {body[:300]!r}")

    def _binance(self) -> Shot:
        draws = self._draws
        market, method, path = draws.random.choice(self._binance_routes)
        if draws.chance(ORDERS_SHARE):
            method, path = (
                "POST",
                {"spot": "/api/v3/order", "usdm": "/fapi/v1/order", "coinm": "/dapi/v1/order"}[market],
            )
        params = draws.spoiled({**(draws.order("binance") if draws.chance(0.6) else {}), "timestamp": _now_ms()})
        query = urlencode({name: _text(value) for name, value in params.items()}, errors="replace")
        if draws.chance(0.1):
            query = quote(draws.garbage().decode("latin-1"), safe="%&=;+")
        key = self._simex.keys["default"]
        if draws.chance(0.8):
            query += f"&signature={hmac(key.secret.encode(), query.encode(), sha256).hexdigest()}"
        url = f"https://{draws.random.choice(HOSTS_OF[market])}{path}"
        headers = {"X-MBX-APIKEY": key.key if draws.chance(0.95) else quote(draws.word(), errors="replace")}
        if method == "GET" or draws.chance(0.5):
            return Shot(method, f"{url}?{query}", headers, draws.garbage() if draws.chance(0.1) else b"")
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Shot(method, url, headers, query.encode())

    def _bybit(self) -> Shot:
        draws = self._draws
        is_order = draws.chance(ORDERS_SHARE)
        method, path = ("POST", "/v5/order/create") if is_order else draws.random.choice(self._bybit_routes)
        params = draws.spoiled(draws.order("bybit") if draws.chance(0.7) else {"category": "linear"})
        if "batch" in path and draws.chance(0.9):
            params = {"category": "linear", "request": [params, draws.value()]}
        query = urlencode({name: _text(value) for name, value in params.items()}, errors="replace")
        body = draws.garbage() if draws.chance(0.2) else json.dumps(params).encode()
        key, now, window = self._simex.keys["default"], _now_ms(), "20000"
        payload = query.encode() if method == "GET" else body
        signed = (now + key.key + window).encode() + payload
        headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": now, "X-BAPI-RECV-WINDOW": window}
        headers["X-BAPI-SIGN"] = hmac(key.secret.encode(), signed, sha256).hexdigest()
        for name in headers:
            if draws.chance(0.03):
                headers[name] = quote(draws.word(), errors="replace")
        url = f"https://{draws.random.choice(bybit_hosts.REST)}{path}"
        return Shot(method, f"{url}?{query}", headers) if method == "GET" else Shot(method, url, headers, body)

    def _unknown(self) -> Shot:
        random = self._draws.random
        path = "/".join(random.choice(PIECES) for _ in range(random.randint(0, 5)))
        query = quote(self._draws.garbage().decode("latin-1"), safe="%&=;+")[:200]
        return Shot(random.choice(METHODS), f"https://{random.choice(self._simex.hosts)}/{path}?{query}")

    def _oversized(self) -> Shot:
        random = self._draws.random
        body = b'{"a": "' + b"x" * (BODY_BYTES_MAX + random.randint(1, 1_000)) + b'"}'
        rest = (*hosts.SPOT_REST, hosts.USDM_REST, hosts.COINM_REST, *bybit_hosts.REST)
        return Shot("POST", f"https://{random.choice(rest)}/v5/order/create", body=body, is_oversized=True)

    # ---------------------------------------------------------------------------------------------------- websockets
    async def _talk_until(self, ends_s: float) -> None:
        while not self._is_over(ends_s):
            host = self._draws.random.choice(tuple(SOCKETS))
            path = self._draws.random.choice((*SOCKETS[host], "/nowhere"))
            self.totals["sockets"] += 1
            try:
                async with self._session.ws_connect(URL(f"wss://{host}{path}", encoded=True)) as socket:
                    await self._talk(host, path, socket, ends_s)
            except WSServerHandshakeError as error:
                if error.status != 404:
                    self._fail(f"wss://{host}{path}: {error.status}")
            except (ClientError, TimeoutError) as error:
                self._fail(f"wss://{host}{path}: {error!r}")

    async def _talk(self, host: str, path: str, socket: ClientWebSocketResponse, ends_s: float) -> None:
        """Send a few messages while another task reads; then see how the connection fared."""
        venue = "bybit" if host == bybit_hosts.STREAM else "binance"
        said: list[str] = []
        reading = asyncio.create_task(_read(socket))
        if venue == "bybit" and self._draws.chance(0.5):
            await socket.send_str(self._login())
        for _ in range(self._draws.random.randint(1, self._messages_max(venue, host))):
            if reading.done() or self._is_over(ends_s):
                break
            said.append(await self._say(socket, venue))
            if said[-1] in UNTAKEN:
                break
        self.totals["messages"] += len(said)
        await self._part(socket, reading, f"wss://{host}{path} after {said}", said[-1] if said else "")

    async def _part(self, socket: ClientWebSocketResponse, reading: asyncio.Task[None], what: str, last: str) -> None:
        """End a conversation. After what the server does not take it must have hung up, else only with a code."""
        if last in UNTAKEN:
            await asyncio.wait((reading,), timeout=ANSWER_WITHIN_S)
        is_hung_up = reading.done()
        if last in UNTAKEN and not is_hung_up:
            self._fail(f"{what}: still open")
        # A close that overtakes what is still being sent may be lost in a reset.
        if is_hung_up and last != TOO_LONG and socket.close_code not in CLOSED_FOR_A_REASON:
            self._fail(f"{what}: lost with {socket.close_code}")
        self.totals["hung up"] += is_hung_up
        await socket.close()
        await reading

    def _messages_max(self, venue: str, host: str) -> int:
        """So many at once that the server does not take them for a flood."""
        return min(self._simex.dialects[venue].rules(host).messages_per_s - 1, MESSAGES_MAX)

    async def _say(self, socket: ClientWebSocketResponse, venue: str) -> str:
        """Send something; the message, shortened, or one of UNTAKEN."""
        text = self._draws.message(venue)
        if self._draws.chance(0.02):
            await socket.send_bytes(self._draws.garbage()[:BINARY_BYTES_MAX])
            return BINARY
        if self._draws.chance(0.02):
            text = "x" * (MESSAGE_BYTES_MAX + 1)
        await socket.send_str(text)
        return TOO_LONG if len(text.encode()) > MESSAGE_BYTES_MAX else text[:300]

    def _login(self) -> str:
        """What opens Bybit's private and trade streams."""
        key, expires = self._simex.keys["default"], str(int(_now_ms()) + 10_000)
        signature = hmac(key.secret.encode(), f"GET/realtime{expires}".encode(), sha256).hexdigest()
        return json.dumps({"op": "auth", "args": [key.key, int(expires), signature]})


async def _read(socket: ClientWebSocketResponse) -> None:
    """Read until the connection is closed."""
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
        pass


def _is_shaped(shot: Shot, status: int, body: bytes) -> bool:
    """Whether a refusal looks as the venue's own do. Only what is no path of a venue may be answered by a page."""
    if status == 200 or shot.method == "HEAD":
        return True
    try:
        found = json.loads(body)
    except ValueError:
        return status == 404 and body.startswith(b"<html>")
    return isinstance(found, dict) and bool({"code", "retCode"} & found.keys())


def _now_ms() -> str:
    return str(time.time_ns() // 1_000_000)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def fuzz(seconds: float, seed: int) -> Fuzzer:
    """The fuzzer after its work; an error of the exchange's clock is raised."""
    # What is not conserved at the end is among the fuzzer's failures, which its caller reads.
    with suppress(NotConserved):
        async with Roomy.start(SimexConfig(accounts=(ACCOUNT,), seed=seed)) as simex, session_to(simex) as session:
            session._timeout = ClientTimeout(total=ANSWER_WITHIN_S)
            fuzzer = Fuzzer(simex, session, seed)
            await fuzzer.run(seconds)
    return fuzzer


def main(arguments: list[str]) -> int:
    """Zero when nothing was found."""
    seconds, seed = ([*map(float, arguments), SECONDS, SEED] if len(arguments) < 2 else [*map(float, arguments)])[:2]
    fuzzer = asyncio.run(fuzz(seconds, int(seed)))
    for failure in fuzzer.failures:
        sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"{fuzzer.line}\n")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
