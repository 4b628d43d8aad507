"""The REST side: what is signed, when it leaves, and what counts as an answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import subprocess
import sys
from decimal import ROUND_UP, getcontext
from typing import TYPE_CHECKING
from urllib.parse import unquote

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.domain.events import ClockSampled
from bot.venues import routes
from bot.venues.budget import Lane
from bot.venues.client import Client, Reply
from bot.venues.signing import Credentials, KeyUnusable
from bot.venues.translate.binance import server_time_ms
from bot.venues.translate.errors import Cause, Trouble
from bot.venues.transport import Wire
from tests.venues.canned import CREDENTIALS, KEY, NOW_NS, SECRET, Canned, Clock, client, durable

if TYPE_CHECKING:
    from collections.abc import Mapping


ORDER = "/fapi/v1/order"
ACCOUNT = "/fapi/v3/account"
TIME = "/fapi/v1/time"
PARAMS = {"symbol": "BTCUSDT", "newClientOrderId": "tt" + "0" * 22}


async def test_an_order_is_signed_over_its_exact_body() -> None:
    """The signature is last and covers every byte before it; the key travels in its header alone."""
    canned = Canned()
    canned.lay("POST", ORDER, {"ok": 1})
    await client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    (sent,) = canned.sent
    signed, _, signature = sent.payload.rpartition("&signature=")
    assert hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest() == signature
    assert KEY == sent.headers["X-MBX-APIKEY"]
    assert "https://fapi.binance.com/fapi/v1/order" == sent.url
    assert ("2000", str(NOW_NS // 1_000_000)) == (sent.params["recvWindow"], sent.params["timestamp"])


async def test_what_ccxt_does_to_decimals_ends_with_the_call() -> None:
    """ccxt sets the rounding of the whole process when it formats a number: no decision of ours depends on it."""
    canned, made, before = Canned(), [], getcontext().rounding

    class Rounding:
        """As ccxt's decimal_to_precision."""

        async def request(self, *_: object) -> Wire:
            """Spoil the context, and answer."""
            getcontext().rounding = ROUND_UP
            made.append(getcontext().rounding)
            return Wire(200, {}, b"{}")

    asked = client(canned, Clock())
    asked._exchanges[routes.USDM] = Rounding()
    await asked.ask(routes.USDM_ACCOUNT, {}, Lane.LOOK)

    assert ([ROUND_UP], before) == (made, getcontext().rounding)


async def test_nothing_leaves_before_the_intent_is_durable() -> None:
    """The request is signed while the commit runs, and its first byte waits for the commit."""
    canned = Canned()
    canned.lay("POST", ORDER, {"ok": 1})
    committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    clock = Clock()
    task = asyncio.create_task(client(canned, clock).send(routes.ORDER_NEW, PARAMS, NOW_NS, committed))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [] == canned.sent

    clock.forward(60)
    committed.set_result(None)
    assert isinstance(await task, Reply)
    assert str(NOW_NS // 1_000_000) == canned.sent[0].params["timestamp"], "signed before the commit"


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("hash"), asyncio.CancelledError()])
async def test_a_failed_commit_sends_nothing_and_is_heard(error: BaseException) -> None:
    """What the journal raises goes through unchanged, even where a network could have raised the same."""
    canned = Canned()

    async def failing() -> None:
        raise error

    with pytest.raises(type(error)):
        await client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, failing())
    assert [] == canned.sent


async def test_a_cancelled_send_stays_cancelled() -> None:
    """Cancellation is not an answer and is never swallowed."""
    canned = Canned()
    committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, committed))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert [] == canned.sent


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), Cause.TIMEOUT),
        (aiohttp.ServerTimeoutError(), Cause.TIMEOUT),
        (aiohttp.ServerDisconnectedError(), Cause.CONNECTION),
        (aiohttp.ClientPayloadError("cut"), Cause.CONNECTION),
        (ConnectionResetError(104, "Connection reset by peer"), Cause.CONNECTION),
        (RuntimeError("Session is closed"), Cause.CONNECTION),
        (AttributeError("NoneType"), Cause.CONNECTION),
    ],
)
async def test_a_network_is_a_value_and_never_raises(error: Exception, cause: Cause) -> None:
    """Whatever a connection raises becomes a trouble that says what happened, not what was sent."""
    canned = Canned()
    canned.lay("POST", ORDER, error)
    found = await client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    assert isinstance(found, Trouble)
    assert cause is found.cause
    assert 1 == len(canned.sent), "an order is sent once"
    assert "signature" not in found.text


@pytest.mark.parametrize("body", [b"", b"  \n", b"<html></html>", b"null", b"{}", b"{ }", b'"ok"', b"5"])
async def test_a_200_without_an_answer_is_unreadable(body: bytes) -> None:
    """Empty, HTML, null, and an empty object are no success."""
    canned = Canned()
    canned.lay("POST", ORDER, body)
    found = await client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    assert isinstance(found, Trouble)
    assert Cause.UNREADABLE is found.cause


async def test_a_refusal_keeps_the_venues_code_and_no_secret() -> None:
    """The code and the words come through; a key that the venue quotes does not."""
    canned = Canned()
    canned.lay("POST", ORDER, {"code": -2015, "msg": f"bad key {KEY}\nsignature=abc"}, status=401)
    found = await client(canned, Clock()).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    assert isinstance(found, Trouble)
    assert (401, -2015) == (found.status, found.code)
    assert KEY not in found.text
    assert "abc" not in found.text
    assert found.text.isprintable()


async def test_a_read_is_asked_again_until_it_can_be_read() -> None:
    """The venue's faults and unreadable answers are repeated after a growing pause, within bounds."""
    canned, clock = Canned(), Clock()
    canned.lay("GET", TIME, TimeoutError(), b"<html>", {"serverTime": 5})

    assert 5 == await client(canned, clock).read(routes.USDM_TIME, {}, server_time_ms)
    assert 3 == len(canned.sent)
    assert clock.slept_s == sorted(clock.slept_s)


async def test_a_read_gives_up_within_its_bound() -> None:
    """Three attempts, then the last trouble."""
    canned = Canned()
    canned.lay("GET", TIME, b'{"serverTime":"soon"}')
    found = await client(canned, Clock()).read(routes.USDM_TIME, {}, server_time_ms)

    assert isinstance(found, Trouble)
    assert 3 == len(canned.sent)


@pytest.mark.parametrize(("status", "code"), [(401, -2015), (400, -1121), (418, -1003), (429, -1003), (403, 0)])
async def test_a_refused_read_is_not_repeated(status: int, code: int) -> None:
    """A wrong key, a wrong symbol, a throttle and a ban: asking again would only make it worse."""
    canned = Canned()
    canned.lay("GET", ACCOUNT, {"code": code, "msg": "no"}, status=status)
    await client(canned, Clock()).read(routes.USDM_ACCOUNT, {}, server_time_ms)

    assert 1 == len(canned.sent)


async def test_after_a_ban_nothing_is_sent_until_it_ends() -> None:
    """The venue's Retry-After holds for every later call."""
    canned, clock = Canned(), Clock()
    canned.lay("GET", ACCOUNT, {"code": -1003, "msg": "banned"}, status=418, retry_after="120")
    one = client(canned, clock)
    await one.ask(routes.USDM_ACCOUNT, {}, Lane.READ)
    found = await one.ask(routes.USDM_ACCOUNT, {}, Lane.REDUCE)

    assert isinstance(found, Trouble)
    assert Cause.BUDGET is found.cause
    assert 1 == len(canned.sent)
    clock.forward(121)
    await one.ask(routes.USDM_ACCOUNT, {}, Lane.READ)
    assert 2 == len(canned.sent)


async def test_the_budget_learns_from_every_answer() -> None:
    """Counts in the headers of errors count as well."""
    canned = Canned()
    canned.lay("GET", ACCOUNT, {"code": -1121, "msg": "no"}, status=400, x_mbx_used_weight_1m="777")
    one = client(canned, Clock())
    await one.ask(routes.USDM_ACCOUNT, {}, Lane.READ)

    assert 777 == one.budgets[routes.USDM].usage().weight


async def test_requests_are_signed_by_the_venues_clock() -> None:
    """A measured offset moves the timestamp of what follows, on that host alone."""
    canned, clock = Canned(), Clock()
    ahead_ms = NOW_NS // 1_000_000 + 20_000
    canned.lay("GET", TIME, {"serverTime": ahead_ms})
    canned.lay("GET", ACCOUNT, {"a": 1})
    canned.lay("GET", "/api/v3/account", {"a": 1})
    one = client(canned, clock)
    found = await one.measure(routes.USDM)
    await one.ask(routes.USDM_ACCOUNT, {}, Lane.READ)
    await one.ask(routes.SPOT_ACCOUNT, {}, Lane.READ)

    assert isinstance(found, ClockSampled)
    assert 20_000_000_000 == found.offset_ns
    assert str(ahead_ms) == canned.sent[1].params["timestamp"]
    assert str(NOW_NS // 1_000_000) == canned.sent[2].params["timestamp"]


async def test_a_stale_timestamp_is_answered_by_a_look_at_the_clock() -> None:
    """After -1021 the clock is measured once, and the read is repeated with it."""
    canned = Canned()
    ahead_ms = NOW_NS // 1_000_000 + 9_000
    canned.lay("GET", TIME, {"serverTime": ahead_ms})
    canned.lay("GET", ACCOUNT, {"code": -1021, "msg": "outside of the recvWindow"}, status=400)
    canned.lay("GET", ACCOUNT, {"serverTime": 1})
    found = await client(canned, Clock()).read(routes.USDM_ACCOUNT, {}, server_time_ms)

    assert 1 == found
    assert [ACCOUNT, TIME, ACCOUNT] == canned.paths()
    assert int(canned.sent[2].params["timestamp"]) >= ahead_ms


class Slow:
    """A transport during whose request the time passes."""

    def __init__(self, canned: Canned, clock: Clock, seconds: float) -> None:
        self._canned = canned
        self._clock = clock
        self._seconds = seconds

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Wire:
        """Pass the request on, later."""
        self._clock.forward(self._seconds)
        return await self._canned(method, url, headers, body, timeout_s)


async def test_a_slow_or_mad_clock_sample_does_not_move_ours() -> None:
    """A sample that took seconds, or says another year, is told but not signed by."""
    for slow_s, server_ms in ((3.0, NOW_NS // 1_000_000 + 5_000), (0.0, 1)):
        canned, clock = Canned(), Clock()
        canned.lay("GET", TIME, {"serverTime": server_ms})
        canned.lay("GET", ACCOUNT, {"a": 1})
        slow = Slow(canned, clock, slow_s)
        one = Client(credentials=CREDENTIALS, orders=slow, reads=canned, clock=clock, sleep=clock.sleep)
        await one.measure(routes.USDM)
        await one.ask(routes.USDM_ACCOUNT, {}, Lane.READ)

        assert str(clock.now_ns // 1_000_000) == canned.sent[-1].params["timestamp"]


@pytest.mark.parametrize(
    "secret",
    ["", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----" + "A" * 200],
)
def test_a_secret_that_cannot_sign_is_said_at_once(secret: str) -> None:
    """A broken key file is one clear line at the start, without the key in it."""
    with pytest.raises(KeyUnusable, match="cannot sign") as raised:
        client(Canned(), Clock(), Credentials(KEY, secret)).warm()

    assert KEY not in str(raised.value)
    assert "nonsense" not in str(raised.value)


async def test_an_ed25519_key_signs_as_well() -> None:
    """The stronger kind of key is read from its PEM, and the venue's public half verifies the request."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    canned = Canned()
    canned.lay("POST", ORDER, {"ok": 1})
    await client(canned, Clock(), Credentials(KEY, pem)).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    signed, _, signature = canned.sent[0].payload.rpartition("&signature=")
    private.public_key().verify(base64.b64decode(unquote(signature)), signed.encode())


def test_no_repr_shows_a_secret() -> None:
    """Printing what holds the key prints neither key nor secret."""
    credentials = Credentials(KEY, SECRET)
    one = client(Canned(), Clock(), credentials)
    one.warm()
    shown = f"{credentials!r} {one!r} {vars(one)!r}"

    assert KEY not in shown
    assert SECRET not in shown


def test_importing_the_rest_side_does_not_import_ccxt() -> None:
    """ccxt's seconds and megabytes are paid for when the first request is built."""
    modules = "client, gateway, snapshot, catalogue, preflight, paper"
    code = f"import sys; from bot.venues import {modules}; sys.exit('ccxt' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode


def test_one_venue_does_not_import_all_of_them() -> None:
    """Building the signing side imports Binance alone, and leaves ccxt importable whole for whoever wants it."""
    code = """
import sys
from bot.venues.routes import USDM
from bot.venues.signing import Credentials, signing_exchange
signing_exchange(USDM, Credentials("k" * 64, "s" * 64))
alone = sum(name.startswith("ccxt.async_support.") for name in sys.modules)
import ccxt.pro
whole = ccxt.pro.binanceusdm and ccxt.async_support.okx and ccxt.BaseError is sys.modules["ccxt.base.errors"].BaseError
sys.exit(0 if alone < 20 and whole else alone)
"""

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode


async def test_an_order_that_lay_too_long_is_signed_with_its_decision() -> None:
    """The timestamp is the decision's, however late it is sent, so that the venue refuses what came too late."""
    canned, clock = Canned(), Clock()
    canned.lay("POST", ORDER, {"ok": 1})
    clock.forward(3)

    await client(canned, clock).send(routes.ORDER_NEW, PARAMS, NOW_NS, durable())

    assert str(NOW_NS // 1_000_000) == canned.sent[0].params["timestamp"]
