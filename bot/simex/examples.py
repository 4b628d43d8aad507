"""Example settings for the usual clients: what to type so that they reach this exchange instead of a venue.

Every client keeps the venues' real host names. It reaches them through the forward proxy and trusts the certificate
authority of this exchange; most find both in the environment, the others are told by their own options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from bot.simex.config import DEFAULT_KEY

Addresses = Mapping[str, Any]
Language = Literal["python", "sh"]

# A venue is served when its host is.
BINANCE_HOST, BYBIT_HOST = "fapi.binance.com", "api.bybit.com"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "WSS_PROXY", "wss_proxy")


@dataclass(frozen=True, slots=True)
class Example:
    """A text to paste: what it is for, its language, and `client`, the package that it needs (empty: none)."""

    title: str
    language: Language
    text: str
    client: str = ""


def examples(addresses: Addresses) -> str:
    """Example settings as text. `addresses` is the content of the ready line."""
    return "\n\n".join(f"# {one.title}\n{one.text}" for one in listed(addresses)) + "\n"


def listed(addresses: Addresses) -> tuple[Example, ...]:
    """The examples one by one; those of a venue that is not served are left out."""
    return tuple(_all(addresses))


def environment(addresses: Addresses) -> dict[str, str]:
    """The variables by which clients find proxy and certificate."""
    certificate, proxy = str(addresses["ca_file"]), str(addresses["proxy_url"])
    return {**dict.fromkeys(CA_VARIABLES, certificate), **dict.fromkeys(PROXY_VARIABLES, proxy)}


def _all(addresses: Addresses) -> Iterator[Example]:
    yield _variables(addresses)
    if BINANCE_HOST in addresses["pin"]:
        yield _ccxt(addresses, "binanceusdm")
        yield from (one(addresses) for one in _BINANCE)
    if BYBIT_HOST in addresses["pin"]:
        yield _ccxt(addresses, "bybit")
        yield _pybit(addresses)
        yield _curl_bybit(addresses)


def _variables(addresses: Addresses) -> Example:
    lines = [f"export {name}='{value}'" for name, value in environment(addresses).items()]
    return Example("the environment of everything below", "sh", "\n".join(lines))


def _keys(addresses: Addresses) -> tuple[str, str]:
    key = addresses["keys"].get(DEFAULT_KEY) or next(iter(addresses["keys"].values()))
    return key["api_key"], key["secret"]


def _named(addresses: Addresses) -> str:
    """The first lines of a Python example: the key."""
    key, secret = _keys(addresses)
    return f"KEY = {key!r}\nSECRET = {secret!r}\n"


def _ccxt(addresses: Addresses, venue: str) -> Example:
    # ccxt is handed a session: the one that it makes for itself asks aiohttp to abort connections that are closed
    # already, which the first releases of Python 3.11 (Debian 12 has one) answer with a traceback.
    text = f"""\
import asyncio
import aiohttp
import ccxt
import ccxt.pro

{_named(addresses)}
exchange = ccxt.{venue}({{"apiKey": KEY, "secret": SECRET, "requests_trust_env": True}})
print(exchange.fetch_balance()["USDT"])

async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with ccxt.pro.{venue}({{"apiKey": KEY, "secret": SECRET, "session": session}}) as exchange:
            print(await exchange.watch_ticker("BTC/USDT:USDT"))

asyncio.run(main())"""
    return Example(f"ccxt: {venue}", "python", text, "ccxt")


def _python_binance(addresses: Addresses) -> Example:
    text = f"""\
import asyncio
from binance import AsyncClient, BinanceSocketManager, Client

{_named(addresses)}
client = Client(KEY, SECRET)
print(client.futures_account_balance())

async def main():
    client = await AsyncClient.create(KEY, SECRET, session_params={{"trust_env": True}})
    async with BinanceSocketManager(client).symbol_ticker_futures_socket("BTCUSDT") as stream:
        print(await stream.recv())
    await client.close_connection()

asyncio.run(main())"""
    return Example("python-binance", "python", text, "python-binance")


def _connector(addresses: Addresses) -> Example:
    text = f"""\
from binance.um_futures import UMFutures

{_named(addresses)}
client = UMFutures(key=KEY, secret=SECRET)
print(client.balance())"""
    return Example("binance-futures-connector", "python", text, "binance-futures-connector")


def _sdk_futures(addresses: Addresses) -> Example:
    text = f"""\
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

{_named(addresses)}
configuration = ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, proxy={_proxy(addresses)})
client = DerivativesTradingUsdsFutures(config_rest_api=configuration)
print(client.rest_api.account_information_v3().data().total_wallet_balance)"""
    package = "binance-sdk-derivatives-trading-usds-futures"
    return Example(package, "python", text, package)


def _sdk_spot(addresses: Addresses) -> Example:
    text = f"""\
import asyncio
from binance_common.configuration import ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot

{_named(addresses)}
async def main():
    configuration = ConfigurationWebSocketAPI(api_key=KEY, api_secret=SECRET, proxy={_proxy(addresses)})
    socket = await Spot(config_ws_api=configuration).websocket_api.create_connection()
    print((await socket.account_status()).data().result.can_trade)
    await socket.close_connection()

asyncio.run(main())"""
    return Example("binance-sdk-spot", "python", text, "binance-sdk-spot")


def _proxy(addresses: Addresses) -> dict[str, Any]:
    """The proxy as the official SDKs want it."""
    parts = urlsplit(addresses["proxy_url"])
    return {"protocol": parts.scheme, "host": parts.hostname, "port": parts.port}


def _pybit(addresses: Addresses) -> Example:
    text = f"""\
from pybit.unified_trading import HTTP, WebSocket

{_named(addresses)}
client = HTTP(api_key=KEY, api_secret=SECRET)
client.client.verify = {addresses["ca_file"]!r}
print(client.get_wallet_balance(accountType="UNIFIED")["result"])
stream = WebSocket("private", testnet=False, api_key=KEY, api_secret=SECRET)
stream.order_stream(print)
stream.exit()"""
    return Example("pybit", "python", text, "pybit")


def _curl_binance(addresses: Addresses) -> Example:
    key, secret = _keys(addresses)
    text = f"""\
key='{key}'
secret='{secret}'
query="timestamp=$(date +%s)000&recvWindow=10000"
signature=$(printf %s "$query" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
{_curl(addresses)} -H "X-MBX-APIKEY: $key" "https://{BINANCE_HOST}/fapi/v3/balance?$query&signature=$signature"
{_plain(addresses, BINANCE_HOST, "/fapi/v1/time")}"""
    return Example("curl: Binance, signed and by the plain port", "sh", text.rstrip())


def _curl_bybit(addresses: Addresses) -> Example:
    key, secret = _keys(addresses)
    text = f"""\
key='{key}'
secret='{secret}'
time="$(date +%s)000"
query='accountType=UNIFIED'
signature=$(printf %s "$time$key"10000"$query" | openssl dgst -sha256 -hmac "$secret" | sed 's/.* //')
{_curl(addresses)} -H "X-BAPI-API-KEY: $key" -H "X-BAPI-TIMESTAMP: $time" -H "X-BAPI-RECV-WINDOW: 10000" \\
    -H "X-BAPI-SIGN: $signature" "https://{BYBIT_HOST}/v5/account/wallet-balance?$query"
{_plain(addresses, BYBIT_HOST, "/v5/market/time")}"""
    return Example("curl: Bybit, signed and by the plain port", "sh", text.rstrip())


def _curl(addresses: Addresses) -> str:
    return f"curl --silent --fail --proxy '{addresses['proxy_url']}' --cacert '{addresses['ca_file']}'"


def _plain(addresses: Addresses, host: str, path: str) -> str:
    """A request without TLS, where there are plain ports."""
    port = addresses["plain"].get(host)
    return "" if port is None else f"curl --silent --fail http://127.0.0.1:{port}{path}"


_BINANCE: tuple[Callable[[Addresses], Example], ...] = (
    _python_binance,
    _connector,
    _sdk_futures,
    _sdk_spot,
    _curl_binance,
)
