"""The forward proxy: named hosts are joined to their listener, and nothing else is reached."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from bot.simex.proxy import ESTABLISHED, HEAD_BYTES_MAX, Proxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1_024):
        writer.write(chunk)
    writer.close()


@asynccontextmanager
async def proxied(resolves: Callable[[str], bool] = lambda _: True) -> AsyncIterator[tuple[str, int]]:
    """A proxy in front of an echo that is known as echo.test; where the proxy listens."""
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    address = ("127.0.0.1", int(echo.sockets[0].getsockname()[1]))
    proxy = Proxy(lambda: {"echo.test": address}, resolves)
    try:
        url = urlsplit(await proxy.start())
        assert url.hostname is not None
        assert url.port is not None
        yield url.hostname, url.port
    finally:
        await proxy.close()
        echo.close()


async def _said(where: tuple[str, int], sent: bytes, size: int) -> bytes:
    reader, writer = await asyncio.open_connection(*where)
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(size), 5)
    finally:
        writer.close()


async def test_a_tunnel_carries_bytes_both_ways() -> None:
    """A CONNECT to a host that is served is answered 200 and then carries what is said, both ways."""
    async with proxied() as where:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(b"CONNECT ECHO.test:443 HTTP/1.1\r\nHost: echo.test:443\r\n\r\n")
        assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_an_unknown_host_is_not_reached() -> None:
    """A host that simex does not serve is answered 502, whatever its name resolves to elsewhere."""
    async with proxied() as where:
        assert (await _said(where, b"CONNECT localhost:80 HTTP/1.1\r\n\r\n", 100)).startswith(b"HTTP/1.1 502 ")


async def test_a_broken_resolver_is_a_fault_that_can_be_injected() -> None:
    """While name resolution is broken a served host is answered as an unknown one."""
    async with proxied(lambda host: host != "echo.test") as where:
        assert (await _said(where, b"CONNECT echo.test:443 HTTP/1.1\r\n\r\n", 100)).startswith(b"HTTP/1.1 502 ")


async def test_only_tunnels_are_served() -> None:
    """A request for anything but a tunnel is answered 405."""
    async with proxied() as where:
        assert (await _said(where, b"GET http://echo.test/ HTTP/1.1\r\n\r\n", 100)).startswith(b"HTTP/1.1 405 ")


async def test_an_endless_head_is_dropped() -> None:
    """A request head beyond the bound ends the connection, and the proxy serves the next one."""
    async with proxied() as where:
        assert await _said(where, b"CONNECT " + b"a" * 3 * HEAD_BYTES_MAX, 100) == b""
        assert (await _said(where, b"GET / HTTP/1.1\r\n\r\n", 100)).startswith(b"HTTP/1.1 405 ")


async def test_closing_with_a_tunnel_open_is_quiet() -> None:
    """The end of the proxy ends its tunnels, and the loop has no error to report."""
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    async with proxied() as where:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(b"CONNECT echo.test:443 HTTP/1.1\r\n\r\n")
        assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED

    assert await reader.read() == b""
    writer.close()
    assert reported == []
