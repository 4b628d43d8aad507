"""API keys while it runs: what changes of them at which venue, and new ones for sub-accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from bot.simex.binance.signature import sign as binance_sign
from bot.simex.bybit.gate import uid
from bot.simex.bybit.signature import rest_text, sign
from bot.simex.config import ApiKey
from bot.simex.serve import Simex
from tests.simex.pinned import CONFIG, control, running
from tests.simex.test_gateways import ELSEWHERE, binance, bybit

BYBIT = {"venue": "bybit"}


async def at_bybit(simex: Simex, session: ClientSession, key: ApiKey, path: str, query: str = "") -> Any:
    """The answer to a signed GET at Bybit."""
    stamp = str(simex.timeline.server_ms())
    signature = sign(key, rest_text(stamp, key.key, "", query))
    headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": signature}
    async with session.get(f"https://api.bybit.com{path}?{query}", headers=headers) as response:
        return await response.json()


async def at_binance(simex: Simex, session: ClientSession, key: ApiKey, path: str) -> tuple[int, Any]:
    """Status and answer of a signed GET at Binance spot."""
    query = f"timestamp={simex.timeline.server_ms()}"
    params = {"timestamp": query.removeprefix("timestamp="), "signature": binance_sign(key, query)}
    url = f"https://api.binance.com{path}"
    async with session.get(url, params=params, headers={"X-MBX-APIKEY": key.key}) as response:
        return response.status, await response.json()


async def test_a_fault_of_one_venue_leaves_the_others_keys_alone() -> None:
    """A key that is revoked or bound at Bybit works at Binance on."""
    bind = {"do": "key", "scope": BYBIT, "with": {"name": "default", "only_from": ELSEWHERE}}
    revoke = {"do": "revoke_key", "scope": BYBIT, "with": {"name": "default"}}
    async with running(replace(CONFIG, tick_ms=1_000)) as (simex, session):
        codes = []
        for step in (bind, revoke):
            await control(simex, session, "scenario", steps=[step])
            simex.conductor.tick()
            codes.append((await bybit(simex, session), await binance(simex, session)))

        assert [((200, 10010), (200, 0)), ((200, 10003), (200, 0))] == codes
        assert [] == list(simex.conductor.failures)


async def test_a_key_is_changed_at_one_venue_or_at_all() -> None:
    """Where the control call names a venue it is that one's key."""
    async with running() as (simex, session):
        await control(simex, session, "key", name="default", ips=[ELSEWHERE], **BYBIT)
        one = await bybit(simex, session), await binance(simex, session)
        await control(simex, session, "revoke_key", name="default")

        assert ((200, 10010), (200, 0)) == one
        assert [(200, 10003), (401, -2015)] == [await bybit(simex, session), await binance(simex, session)]


async def test_null_lifts_what_a_key_was_bound_to() -> None:
    """`expires_ms` null: for ever; `ip_restricted` false, or `ips` null: from anywhere."""
    async with running() as (simex, session):
        works = [(200, 0), (200, 0)]
        for bound, lifted in (
            ({"expires_ms": 5}, {"expires_ms": None}),
            ({"ips": [ELSEWHERE], "ip_restricted": True}, {"ip_restricted": False}),
            ({"ips": [ELSEWHERE]}, {"ip_restricted": None}),
            ({"ips": [ELSEWHERE]}, {"ips": None}),
        ):
            await control(simex, session, "key", name="default", **bound)
            refused = await bybit(simex, session)
            await control(simex, session, "key", name="default", **lifted)

            assert refused != works[0], bound
            assert works == [await bybit(simex, session), await binance(simex, session)], lifted
        found = [one.keys.find(simex.keys["default"].key) for one in simex.dialects.values()]
        assert [(None, ())] * 2 == [(key.expires_ms, key.ips) for key in found]


@pytest.mark.parametrize("kind", ["hmac", "rsa", "ed25519"])
async def test_a_new_key_of_a_sub_account_works(kind: str) -> None:
    """At once, at every venue that has keys of its kind, for its own account and with its own scopes."""
    async with running() as (simex, session):
        for venue, wallets in (("binance", {"spot": {"USDT": "5"}}), ("bybit", {"unified": {"USDT": "7"}})):
            await control(simex, session, "account", venue=venue, account="sub", parent="default", **wallets)
        made = await control(simex, session, "new_key", account="sub", kind=kind, scopes=["read", "transfer"])
        key = simex.keys[made["name"]]
        status, account = await at_binance(simex, session, key, "/api/v3/account")

        assert (key.key, key.secret, "sub") == (made["api_key"], made["secret"], made["account"])
        assert (200, ["5.00000000"]) == (status, [row["free"] for row in account["balances"] if float(row["free"])])
        assert made["name"] in simex.addresses()["keys"]
        if kind == "ed25519":
            assert ["binance"] == made["venues"]
            return
        told = await at_bybit(simex, session, key, "/v5/user/query-api")
        wallet = await at_bybit(simex, session, key, "/v5/account/wallet-balance", "accountType=UNIFIED")
        assert (["binance", "bybit"], False) == (made["venues"], told["result"]["isMaster"])
        assert str(uid("default")) == told["result"]["parentUid"]
        assert "7" == wallet["result"]["list"][0]["coin"][0]["walletBalance"]


async def test_a_new_key_is_bound_as_asked() -> None:
    """To addresses and to a time; what cannot be is refused in a line, and so is a name that is taken."""
    async with running() as (simex, session):
        for bound, code in (({"ips": [ELSEWHERE]}, 10010), ({"expires_ms": 5}, 33004)):
            made = await control(simex, session, "new_key", account="other", **bound)
            assert code == (await at_bybit(simex, session, simex.keys[made["name"]], "/v5/user/query-api"))["retCode"]
        url = f"{simex.control_url}/control/new_key"
        for wrong in (
            {"account": "nobody"},
            {"kind": "dsa"},
            {"scopes": ["all"]},
            {"name": "default"},
            {"ips": ["here"]},
            {"kind": "ed25519", **BYBIT},
        ):
            async with session.post(url, json=wrong) as response:
                assert (400, ["error"]) == (response.status, list(await response.json())), wrong


async def test_a_master_sees_its_sub_accounts() -> None:
    """Newest first, whole or in pages, with a key that may transfer; a sub-account sees none."""
    async with running() as (simex, session):
        for name in ("one", "two", "three"):
            await control(simex, session, "account", account=name, parent="default", **BYBIT)
        made = await control(simex, session, "new_key", scopes=["read", "transfer"], **BYBIT)
        theirs = await control(simex, session, "new_key", account="two", scopes=["transfer"], **BYBIT)
        master, sub = simex.keys[made["name"]], simex.keys[theirs["name"]]
        path = "/v5/user/query-sub-members"
        rows = (await at_bybit(simex, session, master, path))["result"]["subMembers"]
        first = (await at_bybit(simex, session, master, "/v5/user/submembers", "pageSize=2"))["result"]
        query = f"pageSize=2&nextCursor={first['nextCursor']}"
        last = (await at_bybit(simex, session, master, "/v5/user/submembers", query))["result"]
        ids = (await at_bybit(simex, session, master, "/v5/asset/transfer/query-sub-member-list"))["result"]

        assert ["three", "two", "one"] == [row["username"] for row in rows]
        assert {"uid", "username", "memberType", "status", "accountMode", "remark"} == set(rows[0])
        assert (rows, "0") == (first["subMembers"] + last["subMembers"], last["nextCursor"])
        assert [row["uid"] for row in rows] == ids["subMemberIds"] == ids["transferableSubMemberIds"]
        for key in (sub, simex.keys["default"]):
            assert 10005 == (await at_bybit(simex, session, key, path))["retCode"]
