"""Nothing leaves for a host that the pin does not name."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientConnectionError, ClientConnectorCertificateError, ClientSession, WSMsgType, web
from picows.url import parse_url

from bot.venues.net import NotPinned, Pin, PinnedResolver, open_session, socket_factory, ssl_context

API = "api.binance.com"
STRANGER = "api.example.com"


class Served:
    """An https server that answers under several names, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request; /away redirects to the address itself, without TLS."""
        self.asked.append((request.headers["Host"], request.path, request.headers.get("X-MBX-APIKEY")))
        if request.path == "/away":
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{self.port}/caught")
        if request.path == "/within":
            raise web.HTTPFound(f"https://{API}/caught")
        if request.path == "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("hello")
            return socket
        return web.Response(text="well")


@asynccontextmanager
async def served(directory: Path, *names: str, trusted: bool = True) -> AsyncIterator[tuple[Served, ClientSession]]:
    """A server under these names, and a session pinned to them."""
    ca, other, seen = trustme.CA(), trustme.CA(), Served()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (ca if trusted else other).issue_cert(*names).configure_cert(context)
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", seen.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    seen.port = runner.addresses[0][1]
    pin: Pin = dict.fromkeys(names, ("127.0.0.1", seen.port))
    try:
        async with open_session(pin, ssl_context(directory / "ca.pem")) as session:
            yield seen, session
    finally:
        await runner.cleanup()


async def test_a_pinned_host_is_reached_under_its_own_name(tmp_path: Path) -> None:
    """Requests to a pinned name arrive at its address with the real name, whatever port the URL says."""
    async with served(tmp_path, API) as (seen, session):
        for url in (f"https://{API}/a", f"https://{API}:9443/b"):
            async with session.get(url) as response:
                assert "well" == await response.text()

    assert [(API, "/a", None), (f"{API}:9443", "/b", None)] == seen.asked


async def test_a_websocket_of_the_session_is_pinned_too(tmp_path: Path) -> None:
    """A wss address of a pinned host connects, one of a stranger does not."""
    async with served(tmp_path, API) as (_, session):
        async with session.ws_connect(f"wss://{API}/ws") as socket:
            assert WSMsgType.TEXT == (await socket.receive()).type
        with pytest.raises(ClientConnectionError, match="not pinned"):
            await session.ws_connect(f"wss://{STRANGER}/ws")


@pytest.mark.parametrize("url", [f"https://{STRANGER}/", "https://127.0.0.1/", f"http://{API}/", "https://localhost/"])
async def test_whatever_is_not_pinned_is_refused(tmp_path: Path, url: str) -> None:
    """A stranger, an address without a name and plain http are refused before anything is sent."""
    async with served(tmp_path, API) as (seen, session):
        with pytest.raises(ClientConnectionError, match=r"not pinned|refused"):
            await session.get(url, headers={"X-MBX-APIKEY": "key"})

    assert [] == seen.asked


@pytest.mark.parametrize("path", ["/away", "/within"])
async def test_redirects_are_refused(tmp_path: Path, path: str) -> None:
    """A redirect is not followed, neither to an address nor to a pinned host: the key goes nowhere else."""
    async with served(tmp_path, API) as (seen, session):
        with pytest.raises(ClientConnectionError, match="redirect"):
            await session.get(f"https://{API}{path}", headers={"X-MBX-APIKEY": "key"})

    assert [(API, path, "key")] == seen.asked


async def test_a_strange_certificate_is_refused(tmp_path: Path) -> None:
    """A server that another authority vouches for gets no request."""
    async with served(tmp_path, API, trusted=False) as (seen, session):
        with pytest.raises(ClientConnectorCertificateError):
            await session.get(f"https://{API}/")

    assert [] == seen.asked


async def test_proxies_of_the_environment_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable does not route requests, signed ones among them, through somebody else."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with served(tmp_path, API) as (seen, session), session.get(f"https://{API}/") as response:
        assert 200 == response.status

    assert 1 == len(seen.asked)


async def test_cookies_are_not_kept(tmp_path: Path) -> None:
    """The session has no memory that a server could write."""
    async with served(tmp_path, API) as (_, session):
        session.cookie_jar.update_cookies({"a": "b"})

        assert [] == list(session.cookie_jar)


async def test_the_resolver_knows_the_pin_only() -> None:
    """Asked for anything else, the resolver raises instead of asking the network; None resolves as usual."""
    resolver = PinnedResolver({API: ("127.0.0.9", 4443), "six": ("::1", 1), "localhost": None})

    answer = await resolver.resolve(API, 443)
    usual = await resolver.resolve("localhost", 443)

    assert ("127.0.0.9", 4443) == (answer[0]["host"], answer[0]["port"])
    assert 443 == usual[0]["port"]
    assert "::1" == (await resolver.resolve("six"))[0]["host"]
    with pytest.raises(NotPinned):
        await resolver.resolve(STRANGER, 443)


@pytest.mark.parametrize("url", [f"wss://{STRANGER}/", "wss://127.0.0.1/", f"ws://{API}/"])
async def test_the_socket_factory_knows_the_pin_only(url: str) -> None:
    """A websocket of ours goes to pinned hosts over TLS, and nowhere else."""
    with pytest.raises(NotPinned):
        await socket_factory({API: ("127.0.0.1", 1)})(parse_url(url))


async def test_the_socket_factory_connects(tmp_path: Path) -> None:
    """It returns a connected, non-blocking socket to the pin's address, or to the resolver's where the pin is open."""
    async with served(tmp_path, API) as (seen, _):
        pinned = socket_factory({API: ("127.0.0.1", seen.port), "localhost": None})
        for url in (f"wss://{API}/", f"wss://localhost:{seen.port}/"):
            with await pinned(parse_url(url)) as connected:
                assert seen.port == connected.getpeername()[1]
                assert not connected.getblocking()


def test_a_ca_file_replaces_the_systems_authorities(tmp_path: Path) -> None:
    """A private authority is the only one that is trusted when it is named, and verification is always on."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    context = ssl_context(tmp_path / "ca.pem")

    assert 1 == len(context.get_ca_certs())
    assert (True, ssl.CERT_REQUIRED) == (context.check_hostname, context.verify_mode)
    assert ssl.TLSVersion.TLSv1_2 == ssl_context(None).minimum_version


def test_a_missing_ca_file_is_an_error(tmp_path: Path) -> None:
    """A CA file that is not there is not replaced by anything else."""
    with pytest.raises(FileNotFoundError):
        ssl_context(tmp_path / "none.pem")
