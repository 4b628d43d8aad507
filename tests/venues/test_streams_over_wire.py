"""The feeds against the simulated exchange: real names, TLS and clocks, and a protocol written by somebody else."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
import uvloop
from aiohttp import ClientSession

from bot.domain.account import Balance
from bot.domain.events import BalancesChanged, ForeignOrderSeen, OrderReported, PositionsChanged, StreamChanged
from bot.domain.market import Depth, Mark, Quote
from bot.domain.order import Side, Status
from bot.domain.units import AccountId, Asset
from bot.simex.config import SimexConfig
from bot.simex.serve import Simex
from bot.venues.binance_streams import SpotUser, UsdmUser, hmac_sign, spot_market, usdm_market
from bot.venues.dialling import CONNECTS_MAX, Dialling
from bot.venues.listenkey import ListenKeyGone, ListenKeyTrouble
from bot.venues.net import open_session, ssl_context
from bot.venues.ports import Feed
from bot.venues.stream import World
from tests.simex.looks import deposit
from tests.venues.streamkit import Sink, until

REFUSE_MS = 1_500
OURS = "tt0123456789abcdefghijkl"
STREAMS = {"binance.spot.book", "binance.spot.user", "binance.usdm.book", "binance.usdm.mark", "binance.usdm.user"}


def milliseconds() -> int:
    """Wall-clock milliseconds."""
    return time.time_ns() // 1_000_000


class Account:
    """A trader on the simulated exchange: signed REST, as little of it as the tests need."""

    def __init__(self, session: ClientSession, key: str, secret: str) -> None:
        self._session = session
        self._key = key
        self._sign = hmac_sign(secret)

    async def order(self, host: str, path: str, **params: Any) -> dict[str, Any]:
        """Place an order."""
        return await self._call("POST", f"https://{host}{path}", {**params, "timestamp": milliseconds()}, signed=True)

    async def create(self) -> str:
        """POST listenKey."""
        answer = await self._call("POST", "https://fapi.binance.com/fapi/v1/listenKey", {}, signed=False)
        return str(answer["listenKey"])

    async def extend(self) -> None:
        """PUT listenKey."""
        await self._call("PUT", "https://fapi.binance.com/fapi/v1/listenKey", {}, signed=False)

    async def _call(self, method: str, url: str, params: dict[str, Any], *, signed: bool) -> dict[str, Any]:
        query = urlencode(params)
        if signed:
            query += f"&signature={self._sign(query)}"
        async with self._session.request(method, f"{url}?{query}", headers={"X-MBX-APIKEY": self._key}) as response:
            answer: dict[str, Any] = await response.json()
        if response.status != 200:
            raise ListenKeyGone(str(answer)) if answer.get("code") == -1125 else ListenKeyTrouble(str(answer))
        return answer


class Wired:
    """A simulated exchange with every feed running against it."""

    def __init__(self, simex: Simex, account: Account, sink: Sink) -> None:
        self.simex = simex
        self.account = account
        self.sink = sink
        self.refreshes: list[tuple[AccountId, str]] = []
        self.log: list[str] = []

    def up(self) -> set[str]:
        """The streams that are up now."""
        last = {event.stream: event.up for event in self.sink.events if isinstance(event, StreamChanged)}
        return {name for name, up in last.items() if up}

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.sink.events if isinstance(event, kind)]

    def refresh(self, account: AccountId, why: str) -> None:
        """Note that a snapshot was asked for."""
        self.refreshes.append((account, why))


@asynccontextmanager
async def wired(*, secret: str = "") -> AsyncIterator[Wired]:
    """Everything up and connected; with a wrong secret, everything but the spot user stream."""
    async with Simex.start(SimexConfig(plain_http=False)) as simex:
        context, rng, key = ssl_context(simex.ca_file), random.Random(1), simex.keys["default"]
        async with open_session(simex.pin, context) as session:
            w = Wired(simex, Account(session, key.key, key.secret), Sink())
            world = World(
                pin=simex.pin,
                context=context,
                clock=time.time_ns,
                sleep=asyncio.sleep,
                rng=rng,
                dialling=Dialling(rng),
                log=w.log.append,
            )
            sign = hmac_sign(secret or key.secret)
            feeds: list[Feed] = [
                spot_market(["BTCUSDT", "ETHUSDT"], w.sink, world),
                usdm_market(["BTCUSDT", "ETHUSDT"], w.sink, world),
                UsdmUser(w.account, w.sink, w.refresh, world),
                SpotUser(key.key, sign, milliseconds, w.sink, w.refresh, world),
            ]
            tasks = [asyncio.create_task(feed.run(), name=feed.name) for feed in feeds]
            try:
                await until(lambda: w.up() >= STREAMS - ({"binance.spot.user"} if secret else set()))
                yield w
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def test_every_stream_comes_up_and_every_instrument_speaks() -> None:
    """Quotes and books of every symbol and mark prices of the futures arrive, sane and in order."""
    async with wired() as w:
        names = {f"binance.{account}:{symbol}" for account in ("spot", "usdm") for symbol in ("BTCUSDT", "ETHUSDT")}
        await until(lambda: {quote.instrument for quote in w.of(Quote)} == names)
        await until(lambda: {depth.instrument for depth in w.of(Depth)} == names)
        await until(lambda: len({mark.instrument for mark in w.of(Mark)}) == 2)

        assert all(quote.sane for quote in w.of(Quote))
        assert all(
            depth.bids[0][0] < depth.asks[0][0] and sorted(depth.bids, reverse=True) == list(depth.bids)
            for depth in w.of(Depth)
        )
        assert all(mark.next_funding_ns > time.time_ns() for mark in w.of(Mark))
        assert [] == [line for line in w.log if "dropped" in line]


async def test_an_order_of_ours_comes_back_as_facts() -> None:
    """A futures order that fills is reported with its fill, and the position and the wallet follow."""
    async with wired() as w:
        answer = await w.account.order(
            "fapi.binance.com",
            "/fapi/v1/order",
            symbol="BTCUSDT",
            side="SELL",
            type="MARKET",
            quantity="0.010",
            newClientOrderId=OURS,
        )
        await until(lambda: any(event.report.status is Status.FILLED for event in w.of(OrderReported)))
        await until(lambda: w.of(PositionsChanged) and w.of(BalancesChanged))

        report = w.of(OrderReported)[-1].report
        fills = [fill for event in w.of(OrderReported) for fill in event.report.fills]
        assert (OURS, Side.SELL, str(answer["orderId"])) == (report.client_id, report.side, report.venue_id)
        assert Decimal("0.010") == report.filled == sum(fill.contracts for fill in fills)
        assert all(fill.fee > 0 and fill.fee_asset == "USDT" and not fill.maker for fill in fills)
        assert Decimal("-0.010") == w.of(PositionsChanged)[-1].positions[0].contracts
        assert [] == w.of(ForeignOrderSeen)


async def test_a_spot_order_by_hand_is_foreign_and_its_balances_are_seen() -> None:
    """A trade by hand on the spot account is seen, and so is what it does to the balances."""
    async with wired() as w:
        await w.account.order(
            "api.binance.com", "/api/v3/order", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.5"
        )
        await until(lambda: any(seen.contracts < 0 for seen in w.of(ForeignOrderSeen)))
        await until(lambda: w.of(BalancesChanged))

        held = {balance.asset: balance.total for event in w.of(BalancesChanged) for balance in event.balances}
        assert Decimal("0.5") == held[Asset("BTC")]
        assert {"binance.spot:BTCUSDT"} == {seen.instrument for seen in w.of(ForeignOrderSeen)}


async def test_a_deposit_asks_for_a_snapshot() -> None:
    """A deposit is told as a difference, which asks for a snapshot; the absolute balance is taken where it comes."""
    async with wired() as w:
        deposit(w.simex, "spot", "BTC", Decimal(2))
        await until(lambda: w.refreshes)
        await until(lambda: w.of(BalancesChanged))

        assert ("binance.spot", "BTC was deposited, withdrawn or transferred") in w.refreshes
        assert Balance(Asset("BTC"), Decimal(3)) in w.of(BalancesChanged)[-1].balances


async def test_every_stream_survives_being_cut() -> None:
    """When the exchange cuts every connection, every stream goes down with a reason and comes up again."""
    async with wired() as w:
        assert 5 == w.simex.disconnect("all")
        await until(lambda: len([event for event in w.of(StreamChanged) if not event.up]) == 5)
        await until(lambda: w.up() == STREAMS)

        quotes = len(w.of(Quote))
        await until(lambda: len(w.of(Quote)) > quotes)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_every_stream_survives_a_refusal(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """When the exchange cuts everything and resets every handshake for a while, all are up soon after, in few tries."""

    async def story() -> None:
        async with wired() as w:
            w.simex.disconnect("all", REFUSE_MS)
            await until(lambda: not w.up())
            await asyncio.sleep(REFUSE_MS / 1000)
            await until(lambda: w.up() == STREAMS)

            tries = len(STREAMS) + len([line for line in w.log if "lost during the handshake" in line])
            assert len(w.log) >= len(STREAMS)
            assert tries + len(STREAMS) <= CONNECTS_MAX
            assert not [event for event in w.of(StreamChanged) if "not served" in event.reason]

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(story())


async def test_an_expired_listen_key_is_replaced() -> None:
    """When the exchange expires the key, the stream takes a new one and goes on telling what happens."""
    async with wired() as w:
        assert 1 == w.simex.expire_listen_keys()
        await until(lambda: any(event.reason == "the listen key expired" for event in w.of(StreamChanged)))
        await until(lambda: w.up() == STREAMS)
        await w.account.order(
            "fapi.binance.com", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.010"
        )
        await until(lambda: w.of(ForeignOrderSeen))


async def test_a_wrong_secret_is_told_in_words() -> None:
    """A subscription that the exchange refuses is reported with its reason and without the secret."""
    async with wired(secret="n0t-the-secret") as w:
        await until(lambda: any(event.stream == "binance.spot.user" for event in w.of(StreamChanged)))

        (change,) = [event for event in w.of(StreamChanged) if event.stream == "binance.spot.user"]
        assert (False, "subscription refused: the signature is wrong (-1022)") == (change.up, change.reason)
        assert "n0t-the-secret" not in "\n".join(w.log)
