"""Ed25519 and RSA keys: orders signed with the private half by ccxt, python-binance and the official spot SDK."""

from __future__ import annotations

import asyncio

import ccxt
from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot
from sdk import proxy_of
from story import Story

SYMBOL, FAR = "BTCUSDT", "50000.00"
KINDS = ("ed25519", "rsa")


async def main() -> None:
    """The session."""
    story = Story()
    for kind in KINDS:
        key, pem = story.given["keys"][kind]["api_key"], story.given["keys"][kind]["secret"]
        by_ccxt(story, kind, key, pem)
        by_python_binance(story, kind, key, pem)
        by_sdk(story, kind, key, pem)
    await logged_on(story)
    mixed_up(story)
    story.passed("end")


def by_ccxt(story: Story, kind: str, key: str, pem: str) -> None:
    """ccxt tells by the secret's form how to sign."""
    client = ccxt.binance({"apiKey": key, "secret": pem, "httpsProxy": story.proxy, "requests_trust_env": True})
    order = client.create_order("BTC/USDT", "limit", "buy", 0.01, float(FAR))
    assert client.cancel_order(order["id"], "BTC/USDT")["status"] == "canceled"
    story.passed(f"{kind}: ccxt")


def by_python_binance(story: Story, kind: str, key: str, pem: str) -> None:
    """python-binance takes the PEM as `private_key`."""
    client = Client(key, private_key=pem)
    order = client.order_limit_buy(symbol=SYMBOL, quantity=0.01, price=FAR)
    assert client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"
    assert client.futures_account()["assets"]
    story.passed(f"{kind}: python-binance")


def by_sdk(story: Story, kind: str, key: str, pem: str) -> None:
    """The SDK too, for REST."""
    rest = Spot(ConfigurationRestAPI(api_key=key, private_key=pem, proxy=proxy_of(story), timeout=10_000)).rest_api
    made = rest.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=FAR).data()
    assert rest.delete_order(symbol=SYMBOL, order_id=made.order_id).data().status == "CANCELED"
    story.passed(f"{kind}: binance-sdk-spot")


async def logged_on(story: Story) -> None:
    """With Ed25519 a session of the websocket API logs on once, and its orders need no signature."""
    given = story.given["keys"]["ed25519"]
    configuration = ConfigurationWebSocketAPI(
        api_key=given["api_key"], private_key=given["secret"], proxy=proxy_of(story)
    )
    socket = await Spot(config_ws_api=configuration).websocket_api.create_connection()
    try:
        await socket.session_logon()
        assert (await socket.session_status()).data().result.api_key == given["api_key"]
        limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
        placed = await socket.order_place(**limit, quantity=0.01, price=float(FAR))
        gone = await socket.order_cancel(symbol=SYMBOL, order_id=placed.data().result.order_id)
        assert gone.data().result.status == "CANCELED"
        await socket.session_logout()
    finally:
        await socket.close_connection()
    story.passed("ed25519: session.logon")


def mixed_up(story: Story) -> None:
    """A key signed for with another key's private half."""
    keys = story.given["keys"]
    client = Client(keys["ed25519"]["api_key"], private_key=keys["rsa"]["secret"])
    story.raises("signature", BinanceAPIException, -1022, client.get_account)


asyncio.run(main())
