"""Binance's private streams as feeds, and the whole set of Binance feeds.

`UsdmUser` listens by listen key: every connection begins with a POST, which makes the key or extends the one that the
account has; a PUT every `EXTEND_EVERY_S` keeps it, and one that is lost is repeated long before the key dies. When
the venue says that the key expired or is gone, the stream connects anew with a new one. `SpotUser` subscribes by a
signed request on the websocket API. Neither is up before the venue took the subscription.

`Refresh` is how a feed asks for a snapshot over REST: a deposit, say, is only told as a difference.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from bot.domain.units import SECOND_NS, AccountId
from bot.venues.binance import (
    SPOT_API_HOST,
    SPOT_API_URL,
    UNREADABLE,
    USDM_STREAM_HOST,
    USDM_USER_URL,
    Acknowledged,
    RequestRefused,
    ShutdownAnnounced,
)
from bot.venues.binance_facts import Outcome, UnknownKind, WantReconnect, WantRefresh
from bot.venues.binance_market import spot_market, usdm_market
from bot.venues.binance_user import parse_spot, parse_usdm
from bot.venues.link import Link, Unreachable
from bot.venues.listenkey import ListenKeyGone, ListenKeys, ListenKeyTrouble
from bot.venues.ports import Sink
from bot.venues.routes import SPOT, USDM
from bot.venues.stream import Limits, Stream, World

__all__ = ["Refresh", "Sign", "SpotUser", "UsdmUser", "hmac_sign", "spot_market", "subscribe_request", "usdm_market"]

Refresh = Callable[[AccountId, str], None]
"""Asks for a REST snapshot of an account, and says why. Called often at worst: the receiver coalesces."""

Sign = Callable[[str], str]
"""The signature of a text: HMAC-SHA256 as hex, or Ed25519 as base64."""

Answer = WantReconnect | Acknowledged | RequestRefused
"""What a frame says about the subscription itself."""

EXTEND_EVERY_S = 30 * 60.0
EXTEND_AGAIN_S = 5 * 60.0
KEY_LIFE_S = 58 * 60.0
"""Two minutes less than the venue's 60: older, a key that was not extended is given up."""
KEY_LOOK_S = 30.0
KEY_ANSWER_S = 2.0
"""How long a reconnect waits for the REST side while it has a key that lives."""

RECV_WINDOW_MS = 5000
REFUSED_PAUSE_S = 10.0
KEY_REFUSED_PAUSE_S = 60.0
KINDS_REMEMBERED_MAX = 32

# What a refused subscription means; the venue's own words stay out of ours.
REFUSALS = {
    -1021: "our clock is off",
    -1022: "the signature is wrong",
    -2014: "the API key is malformed",
    -2015: "the API key, its IP list or its permissions do not allow it",
}
_KEY_REFUSALS = frozenset({-1022, -2014, -2015})


class _Private:
    """What both private streams do with a frame."""

    def __init__(self, account: AccountId, parse: Callable[[bytes, int], tuple[Outcome, ...]], sink: Sink) -> None:
        self._account = account
        self._parse = parse
        self._sink = sink
        self._unknown: set[str] = set()

    def read(self, link: Link, payload: bytes, received_ns: int, refresh: Refresh) -> list[Answer]:
        """Hand the facts of a frame on; the requests are left to the caller."""
        try:
            outcomes = self._parse(payload, received_ns)
        except UNREADABLE as error:
            link.bad(str(error))
            refresh(self._account, "a frame of the private stream could not be read")
            return []
        left: list[Answer] = []
        for outcome in outcomes:
            match outcome:
                case WantRefresh(account=account, why=why):
                    refresh(account, why)
                case ShutdownAnnounced():
                    link.retire("the server announced its shutdown")
                case UnknownKind(kind=kind):
                    self._count_unknown(link, kind)
                case WantReconnect() | Acknowledged() | RequestRefused():
                    left.append(outcome)
                case _:
                    self._sink(outcome)
        return left

    def _count_unknown(self, link: Link, kind: str) -> None:
        """A kind is bad news once: cutting a stream that works, over and over, because of it would be worse."""
        if kind in self._unknown or len(self._unknown) >= KINDS_REMEMBERED_MAX:
            return
        self._unknown.add(kind)
        link.bad(f"an event of unknown kind {kind[:40]!r}")


class UsdmUser:
    """Orders, fills, positions and balances of the USD-M account."""

    host = USDM_STREAM_HOST

    def __init__(
        self, keys: ListenKeys, sink: Sink, refresh: Refresh, world: World, limits: Limits | None = None
    ) -> None:
        self.name = "binance.usdm.user"
        self.stream = Stream(self.name, self, sink, world, limits or Limits(silence_s=None), USDM)
        self._keys = keys
        self._refresh = refresh
        self._world = world
        self._private = _Private(USDM, parse_usdm, sink)
        self._key: str | None = None
        self._renewed_ns = 0
        self._tried_ns = 0

    async def run(self) -> None:
        """Listen, and keep the key alive, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.stream.run(), name=self.name)
            group.create_task(self._keep_key(), name=f"{self.name}.key")

    async def url(self) -> str:
        """The stream of the account's key: a new one where the REST side is well, else the last one while it lives."""
        lives = self._key is not None and self._key_age_s() < KEY_LIFE_S
        try:
            async with asyncio.timeout(KEY_ANSWER_S if lives else None):
                self._key = await self._keys.create()
            self._renewed_ns = self._world.clock()
        except (ListenKeyTrouble, TimeoutError) as trouble:
            if self._key is None or self._key_age_s() >= KEY_LIFE_S:
                raise Unreachable(f"no listen key: {trouble}") from None
        return f"{USDM_USER_URL}/ws?listenKey={quote(self._key, safe='')}"

    def opened(self, link: Link, *, anew: bool) -> None:
        """The key was just made or extended, and the venue took the connection: there is no other acknowledgement."""
        link.confirm()

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """Facts to the sink; a dead key ends the link."""
        for request in self._private.read(link, payload, received_ns, self._refresh):
            if isinstance(request, WantReconnect):
                self._key = None
                link.end(request.why)

    def tick(self, link: Link, now_ns: int) -> None:
        """Nothing: silence is normal here, and the link pings by itself."""

    async def _keep_key(self) -> None:
        while True:
            await self._world.sleep(KEY_LOOK_S)
            if self._key is not None and self._due():
                await self._extend()

    def _due(self) -> bool:
        tried_s = (self._world.clock() - self._tried_ns) / SECOND_NS
        return self._key_age_s() >= EXTEND_EVERY_S and tried_s >= EXTEND_AGAIN_S

    async def _extend(self) -> None:
        self._tried_ns = self._world.clock()
        try:
            await self._keys.extend()
        except ListenKeyGone:
            self._give_up("the listen key is gone")
        except ListenKeyTrouble as trouble:
            self._world.log(f"{self.name}: the listen key was not extended: {trouble}")
            if self._key_age_s() >= KEY_LIFE_S - EXTEND_AGAIN_S:
                self._give_up("the listen key could not be extended")
        else:
            self._renewed_ns = self._tried_ns

    def _give_up(self, why: str) -> None:
        self._key = None
        self.stream.restart(why)

    def _key_age_s(self) -> float:
        return (self._world.clock() - self._renewed_ns) / SECOND_NS


class SpotUser:
    """Orders, fills and balances of the spot account. `milliseconds` is the venue's time as far as we know it."""

    host = SPOT_API_HOST

    def __init__(
        self,
        api_key: str,
        sign: Sign,
        milliseconds: Callable[[], int],
        sink: Sink,
        refresh: Refresh,
        world: World,
        limits: Limits | None = None,
    ) -> None:
        self.name = "binance.spot.user"
        self.stream = Stream(self.name, self, sink, world, limits or Limits(silence_s=None), SPOT)
        self._api_key = api_key
        self._sign = sign
        self._milliseconds = milliseconds
        self._refresh = refresh
        self._world = world
        self._private = _Private(SPOT, parse_spot, sink)
        self._not_before_ns = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        await self.stream.run()

    async def url(self) -> str:
        """The websocket API, not too soon after it refused us: a wrong key does not get better by asking."""
        while (wait_ns := self._not_before_ns - self._world.clock()) > 0:
            await self._world.sleep(wait_ns / SECOND_NS)
        return SPOT_API_URL

    def opened(self, link: Link, *, anew: bool) -> None:
        """Subscribe; the link's number is the request's id."""
        link.send(subscribe_request(self._api_key, self._sign, self._milliseconds(), link.number))

    def frame(self, link: Link, payload: bytes, received_ns: int) -> None:
        """Facts to the sink; the answer to our subscription confirms or ends the link."""
        for request in self._private.read(link, payload, received_ns, self._refresh):
            match request:
                case Acknowledged(request=number) if number == link.number:
                    link.confirm()
                case RequestRefused(code=code):
                    self._refused(link, code)
                case WantReconnect(why=why):
                    link.end(why)
                case Acknowledged():
                    pass

    def tick(self, link: Link, now_ns: int) -> None:
        """Nothing: silence is normal here, and the link pings by itself."""

    def _refused(self, link: Link, code: int) -> None:
        pause_s = KEY_REFUSED_PAUSE_S if code in _KEY_REFUSALS else REFUSED_PAUSE_S
        self._not_before_ns = self._world.clock() + int(pause_s * SECOND_NS)
        link.end(f"subscription refused: {REFUSALS.get(code, 'the venue said no')} ({code})")


def hmac_sign(secret: str) -> Sign:
    """Sign by HMAC-SHA256."""

    def sign(text: str) -> str:
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    return sign


def subscribe_request(api_key: str, sign: Sign, timestamp_ms: int, request: int) -> bytes:
    """`userDataStream.subscribe.signature`: the signature is over the parameters in alphabetical order."""
    params: dict[str, str | int] = {"apiKey": api_key, "recvWindow": RECV_WINDOW_MS, "timestamp": timestamp_ms}
    signature = sign("&".join(f"{name}={value}" for name, value in sorted(params.items())))
    message = {"id": request, "method": "userDataStream.subscribe.signature"}
    return msgspec.json.encode({**message, "params": {**params, "signature": signature}})
