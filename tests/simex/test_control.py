"""The control API: moving the world and reading its truth."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.simex.core.numbers import BOOKED, divided
from tests.simex.looks import PERPETUAL, SPOT_PAIR, binance, top_of
from tests.simex.pinned import control, running, told

LIMIT = {"market": "usdm", "symbol": "BTCUSDT", "type": "LIMIT"}


async def test_deposits_and_withdrawals() -> None:
    """Coins come and go by account and wallet, exactly; more than there is cannot go."""
    async with running() as (simex, session):
        await control(simex, session, "deposit", wallet="spot", asset="BTC", amount="0.25")
        await control(simex, session, "withdraw", wallet="usdm", asset="USDT", amount="1000", account="other")
        url = f"{simex.control_url}/control/withdraw"
        async with session.post(url, json={"wallet": "spot", "asset": "BTC", "amount": "9"}) as response:
            refused = response.status
        mine, theirs = [await told(simex, session, "truth", account=name) for name in ("default", "other")]

        assert 400 == refused
        assert "1.25" == {row["asset"]: row["free"] for row in mine["spot"]}["BTC"]
        assert "49000" == theirs["usdm"]["assets"][0]["wallet_balance"]


async def test_a_shock_moves_every_price_of_the_asset() -> None:
    """Spot, perpetual and mark fall together and at once; another asset does not."""
    async with running() as (simex, session):
        before = {row["symbol"]: Decimal(row["mark"]) for row in (await told(simex, session, "truth"))["marks"]}
        await control(simex, session, "shock", asset="BTC", factor="0.9")
        spot = top_of(simex, SPOT_PAIR).bid
        after = {row["symbol"]: Decimal(row["mark"]) for row in (await told(simex, session, "truth"))["marks"]}

        assert Decimal("0.89") < after["BTCUSDT"] / before["BTCUSDT"] < Decimal("0.91")
        assert Decimal("0.89") < spot / before["BTCUSDT"] < Decimal("0.91")
        assert Decimal("0.999") < after["ETHUSDT"] / before["ETHUSDT"] < Decimal("1.001")


async def test_trading_by_hand() -> None:
    """An order by another account rests, is part of the book, and is taken by the default account's order."""
    async with running() as (simex, session):
        best = top_of(simex, PERPETUAL).bid
        inside = str(best + Decimal("0.1"))
        rested = await control(
            simex,
            session,
            "place",
            account="other",
            side="BUY",
            quantity="0.05",
            price=inside,
            time_in_force="POST_ONLY",
            **LIMIT,
        )
        taken = await control(
            simex, session, "place", side="SELL", quantity="0.05", price=inside, time_in_force="IOC", **LIMIT
        )
        truth = await told(simex, session, "truth", account="other")
        fills = (await told(simex, session, "fills"))["fills"]

        assert ("NEW", "FILLED") == (rested["status"], taken["status"])
        assert [("BTCUSDT", "0.05")] == [(row["symbol"], row["quantity"]) for row in truth["usdm"]["positions"]]
        assert [True] == [row["is_maker"] for row in truth["trades"]]
        assert {Decimal(inside)} == {Decimal(row["price"]) for row in fills}
        binance(simex).check()


async def test_cancelling_by_hand_and_a_new_trader() -> None:
    """Another account can be opened while running; its order can be cancelled by hand."""
    async with running() as (simex, session):
        await control(simex, session, "account", account="whale", usdm={"USDT": "1000000"})
        price = str(top_of(simex, PERPETUAL).bid - Decimal(5))
        order = await control(simex, session, "place", account="whale", side="BUY", quantity="1", price=price, **LIMIT)
        wanted = {"account": "whale", "market": "usdm", "symbol": "BTCUSDT", "order_id": order["order_id"]}
        cancelled = await control(simex, session, "cancel", **wanted)
        truth = await told(simex, session, "truth", account="whale")

        assert ("CANCELED", []) == (cancelled["status"], truth["open_orders"])


async def test_funding_on_demand() -> None:
    """A prescribed rate is charged at the prescribed time, and the truth tells what was received."""
    async with running() as (simex, session):
        await control(
            simex, session, "place", market="usdm", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="1"
        )
        due = simex.now_ms() + 20
        await control(simex, session, "funding", symbol="BTCUSDT", rate="0.001", next_ms=due)
        binance(simex).advance(due + 1)
        truth = await told(simex, session, "truth")

        assert Decimal(50) < Decimal(truth["funding_received"]["USDT"]) < Decimal(70)


async def test_listen_keys_and_api_keys_end_on_demand() -> None:
    """Listen keys expire and API keys are revoked when told so."""
    async with running() as (simex, session):
        headers = {"X-MBX-APIKEY": simex.keys["default"].key}
        async with session.post("https://fapi.binance.com/fapi/v1/listenKey", headers=headers) as response:
            assert 200 == response.status
        expired = await control(simex, session, "expire_listen_keys")
        revoked = await control(simex, session, "revoke_key", name="default")
        async with session.put("https://fapi.binance.com/fapi/v1/listenKey", headers=headers) as response:
            code = (await response.json())["code"]

        assert ({"expired": 1}, {"revoked": True}, -2015) == (expired, revoked, code)


async def test_the_request_log() -> None:
    """Requests are listed with filters; the summary is always there and can come alone."""
    async with running() as (simex, session):
        for path in ("/fapi/v1/ping", "/fapi/v1/time", "/nothing"):
            async with session.get("https://fapi.binance.com" + path) as response:
                await response.read()
        everything = await told(simex, session, "requests")
        some = await told(simex, session, "requests", path="/fapi/v1/time", method="GET", after="1")
        alone = await told(simex, session, "requests", summary="only")

        assert ["/fapi/v1/ping", "/fapi/v1/time", "/nothing"] == [row["path"] for row in everything["requests"]]
        assert [2] == [row["seq"] for row in some["requests"]]
        assert (3, 0) == (alone["summary"]["total"], alone["summary"]["signed_mutating_total"])
        assert "requests" not in alone


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("deposit", "{"),
        ("deposit", "[]"),
        ("deposit", {"wallet": "sofa", "asset": "BTC", "amount": "1"}),
        ("deposit", {"wallet": "spot", "asset": "BTC", "amount": "-1"}),
        ("deposit", {"wallet": "spot", "asset": "BTC", "amount": "NaN"}),
        ("deposit", {"wallet": "spot", "asset": "BTC", "amount": "1", "account": "nobody"}),
        ("shock", {"asset": "BTC", "factor": "0"}),
        ("shock", {"asset": "XYZ", "factor": "0.9"}),
        ("fault", {"kind": "earthquake"}),
        ("fault", {"kind": "drop_answer", "colour": "red"}),
        ("fault", {"kind": "drop_answer", "count": "many"}),
        ("disconnect", {"kind": "some"}),
        ("disconnect", {"refuse_ms": -1}),
        ("clock", {"offset_ms": "late"}),
        ("place", {"market": "usdm"}),
        ("place", {"account": "nobody", "market": "usdm", "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}),
        ("place", {"market": "usdm", "symbol": "NOPE", "side": "BUY", "type": "MARKET", "quantity": "1"}),
        ("funding", {"symbol": "NOPE", "rate": "0.001"}),
        ("account", {"account": "default"}),
        ("account", {"account": "new", "spot": 5}),
    ],
)
async def test_wrong_control_requests(name: str, body: Any) -> None:
    """What makes no sense is a 400 with a reason, and nothing happens."""
    async with running() as (simex, session):
        data = body if isinstance(body, str) else json.dumps(body)
        async with session.post(f"{simex.control_url}/control/{name}", data=data) as response:
            answer = await response.json()

            assert (400, True) == (response.status, bool(answer["error"]))
        assert {} == dict(simex.requests.by_route), "the control API is no part of the venue"


async def test_addresses_and_status() -> None:
    """The addresses are those of the object itself, and the status tells time and connections."""
    async with running() as (simex, session):
        hosts, status = await told(simex, session, "hosts"), await told(simex, session, "status")

        assert simex.addresses() == hosts
        assert (0, False) == (status["requests_total"], status["market_ended"])
        assert 404 == (await session.get(f"{simex.control_url}/control/nothing")).status


async def test_an_accounts_settings_and_fees_can_be_planted() -> None:
    """What an owner sets by hand, and the venue by tier: modes, leverage, margin type, and fee rates that fills pay."""
    async with running() as (simex, session):
        await control(simex, session, "settings", dual_side=True, multi_assets=True)
        await control(simex, session, "settings", symbol="BTCUSDT", leverage=3)
        await control(simex, session, "fees", account="other", maker="0.0001", taker="0.001")
        order = {"side": "BUY", "quantity": "0.05", "market": "usdm", "symbol": "ETHUSDT", "type": "MARKET"}
        await control(simex, session, "place", account="other", **order)
        account = binance(simex).state.account("default")
        held = account.position(binance(simex).instruments[PERPETUAL], "long")
        (trade,) = binance(simex).state.account("other").trades

        assert (True, True) == (account.hedge_mode["usdm"], account.multi_assets)
        assert 3 == held.leverage
        assert divided(trade.worth, 1000 * BOOKED) * BOOKED == trade.fee


async def test_a_keys_rights_can_be_changed() -> None:
    """As its owner would on the venue's page; what is not named stays, and what is unknown is refused."""
    async with running() as (simex, session):
        changed = await control(simex, session, "key", name="default", withdraw=True, expires_ms=5)
        unknown = await control(simex, session, "key", name="nobody", withdraw=True)
        found = simex.dialects["binance"].keys.find(simex.keys["default"].key)
        url = f"{simex.control_url}/control/key"
        async with session.post(url, json={"name": "default", "withdraw": "yes"}) as response:
            refused = response.status

        assert (True, False, 400) == (changed["changed"], unknown["changed"], refused)
        assert (True, 5, True) == (found.withdraw, found.expires_ms, found.futures)


async def test_a_crowded_address_uses_up_the_clients_budget() -> None:
    """What others behind the address use shows in every answer's header, every minute, and can fill the limit."""
    async with running() as (simex, session):
        port = simex.plain["api.binance.com"]
        url, headers = f"http://127.0.0.1:{port}/api/v3/time", {"Host": "api.binance.com"}
        await control(simex, session, "crowd", market="spot", weight=1_700)
        async with session.get(url, headers=headers) as response:
            used = int(response.headers["X-MBX-USED-WEIGHT-1M"])
        await control(simex, session, "crowd", market="spot", weight=6_000)
        async with session.get(url, headers=headers) as response:
            refused = response.status

        assert 1_700 < used < 1_750
        assert 429 == refused
