"""Keys of both kinds and the addresses that they are bound to, by REST and by websocket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.simex.bybit.signature import rest_text, sign, socket_text
from bot.simex.config import ApiKey, KeySpec
from bot.simex.wire import Request
from tests.simex.bybit.stage import KEY, WINDOW, Socket, Stage, decoded

PATH = "/v5/user/query-api"
RSA = ApiKey.made(KeySpec("theirs", account="alice", key="rsakey", kind="rsa"))
ELSEWHERE = "203.0.113.7"


def asked(stage: Stage, key: ApiKey, payload: str = "", address: str = "127.0.0.1", **changes: str) -> dict[str, Any]:
    """The answer to a GET that a key signs."""
    stamp = str(stage.now_ms)
    signature = sign(key, rest_text(stamp, key.key, WINDOW, payload))
    named = {"x-bapi-api-key": key.key, "x-bapi-timestamp": stamp, "x-bapi-recv-window": WINDOW}
    headers = {**named, "x-bapi-sign": signature, **changes}
    return decoded(stage.raw(Request("api.bybit.com", "GET", PATH, payload, b"", headers, address)))


def authenticated(socket: Socket, stage: Stage, key: ApiKey) -> dict[str, Any]:
    """The reply to an authentication by a key."""
    expires = stage.now_ms + 1_000
    return socket.ask(op="auth", args=[key.key, expires, sign(key, socket_text(str(expires)))])[0]


def placed(socket: Socket, stage: Stage) -> int:
    """The code of an order over a trade websocket."""
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}
    reply = socket.ask(op="order.create", header={"X-BAPI-TIMESTAMP": str(stage.now_ms)}, args=[order])[0]
    code: int = reply["retCode"]
    return code


@pytest.fixture(scope="module")
def rsa_stage() -> Stage:
    """An exchange that was given a public key."""
    return Stage(keys=(RSA, ApiKey.made(KeySpec("no", account="alice", key="edkey", kind="ed25519"))))


def test_an_rsa_key_signs_in_base64(rsa_stage: Stage) -> None:
    """Requests and websockets are signed with the private half; the venue shows the public one."""
    answer = asked(rsa_stage, RSA, "a=b")

    assert 0 == answer["retCode"]
    assert answer["result"]["rsaPublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert authenticated(rsa_stage.connect("/v5/private"), rsa_stage, RSA)["success"]
    assert 0 == authenticated(rsa_stage.connect("/v5/trade"), rsa_stage, RSA)["retCode"]


@pytest.mark.parametrize("signature", ["0" * 64, "not base64", "", "é", "QUJD"])
def test_what_an_rsa_key_did_not_sign(rsa_stage: Stage, signature: str) -> None:
    """The secret of such a key is no shared secret: an HMAC of it is a wrong signature as any other."""
    expected = 10004 if signature else 10007

    assert expected == asked(rsa_stage, RSA, **{"x-bapi-sign": signature})["retCode"]
    shared = replace(RSA, kind="hmac")
    assert 10004 == asked(rsa_stage, shared)["retCode"]


def test_another_kind_of_key_is_unknown(rsa_stage: Stage) -> None:
    """Bybit knows no Ed25519."""
    assert 10003 == asked(rsa_stage, replace(RSA, key="edkey"))["retCode"]


def test_a_key_is_bound_to_its_addresses(stage: Stage) -> None:
    """From elsewhere it is 10010, whatever it asks for; query-api shows the list."""
    stage.dialect.keys.change("desk", ips=(ELSEWHERE, "127.0.0.2"))
    key = stage.dialect.keys.find(KEY)
    refused, seen = asked(stage, key), asked(stage, key, address="127.0.0.2")

    assert 10010 == refused["retCode"]
    assert [ELSEWHERE, "127.0.0.2"] == seen["result"]["ips"]
    assert "rejected_key" == stage.raw(Request("api.bybit.com", "GET", PATH, "", b"", stage.headers(""))).trace.verdict


@pytest.mark.parametrize("path", ["/v5/private", "/v5/trade"])
def test_a_websocket_is_judged_by_where_it_comes_from(stage: Stage, path: str) -> None:
    """Its own end of the connection is on the key's list, or it is not; unless the venue sees all clients elsewhere."""
    stage.dialect.keys.change("desk", ips=("127.0.0.2",))
    key = stage.dialect.keys.find(KEY)
    said = [authenticated(stage.connect(path, address=f"127.0.0.{one}"), stage, key) for one in (1, 2)]
    stage.dialect.keys.client_ip = ELSEWHERE
    moved = authenticated(stage.connect(path, address="127.0.0.2"), stage, key)

    assert [10010, 0, 10010] == [one.get("retCode", 0) for one in (*said, moved)]


def test_an_address_that_changes(stage: Stage) -> None:
    """Where the venue sees its clients decides, for REST and for a new websocket; one that is open goes on."""
    stage.dialect.keys.change("desk", ips=("127.0.0.1",))
    key, trade = stage.dialect.keys.find(KEY), stage.connect("/v5/trade")
    trade.auth()
    stage.dialect.keys.client_ip = ELSEWHERE

    assert (10010, 0) == (asked(stage, key)["retCode"], placed(trade, stage))
    assert 10010 == authenticated(stage.connect("/v5/private"), stage, key)["retCode"]
    assert 10010 == stage.connect("/v5/trade").auth()["retCode"]
    stage.dialect.keys.change("desk", ips=(ELSEWHERE,))
    assert 0 == asked(stage, stage.dialect.keys.find(KEY))["retCode"]
    assert authenticated(stage.connect("/v5/private"), stage, stage.dialect.keys.find(KEY))["success"]


def test_a_key_that_ends_while_a_socket_is_open(stage: Stage) -> None:
    """Each order looks at the key anew: one that has expired, or is revoked, gives none."""
    trade = stage.connect("/v5/trade")
    trade.auth()
    stage.dialect.keys.change("desk", expires_ms=stage.now_ms + 1)
    before = placed(trade, stage)
    stage.leap(1)
    expired = placed(trade, stage)
    stage.dialect.keys.revoke("desk")

    assert (0, 33004, 10003) == (before, expired, placed(trade, stage))
