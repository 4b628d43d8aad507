"""Health and metrics over HTTP: what is answered, what is refused, and that nobody can hold it up."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from bot.ops import web as served
from bot.ops.exporter import SinkCounts
from bot.ops.web import CONNECTIONS_MAX, LagMeter, Web
from bot.runtime.fields import Address
from tests.ops.house import UNREADY, House

WAIT_S = 20.0
ANY_PORT = Address("127.0.0.1", 0)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(house: House, web: Web | None = None) -> AsyncIterator[Address]:
    """A web that listens."""
    web = web or Web(ANY_PORT)
    task = asyncio.create_task(web.run(house))
    try:
        await until(lambda: web.address is not None)
        assert web.address is not None
        yield web.address
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert web.address is None


async def asked(address: Address, path: str, method: str = "GET", **options: Any) -> tuple[int, Any, str]:
    """One request: status, body (decoded where it is JSON) and content type."""
    timeout = aiohttp.ClientTimeout(total=WAIT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, f"http://{address}{path}", **options) as answer,
    ):
        body = await answer.read()
        assert "close" == answer.headers["Connection"].lower()
        return answer.status, (msgspec.json.decode(body) if body[:1] == b"{" else body), answer.content_type


async def test_a_daemon_that_is_well_answers_so() -> None:
    """Both questions are answered with yes, and the mode is told."""
    well = {"live": True, "ready": True, "mode": "RUN", "reasons": []}
    async with serving(House()) as address:
        assert (200, well, "application/json") == await asked(address, "/livez")
        assert (200, well, "application/json") == await asked(address, "/readyz")


async def test_one_that_is_not_ready_says_why_and_lives() -> None:
    """503 with the reason's subject; the other question stays answered with yes."""
    house = House()
    house.answer = UNREADY
    async with serving(house) as address:
        status, body, _ = await asked(address, "/readyz")

        assert 503 == status
        assert [{"subject": "binance.usdm.book", "text": "silent for 5.0 s"}] == body["reasons"]
        assert 200 == (await asked(address, "/livez"))[0]


async def test_metrics_are_served_as_text() -> None:
    """The picture, the disk, the loop and the alert sinks, in Prometheus's format."""
    web = Web(ANY_PORT, lambda: [SinkCounts("phone", 3, {"sent": 1})])
    async with serving(House(), web) as address:
        status, body, kind = await asked(address, "/metrics")

    assert (200, "text/plain") == (status, kind)
    assert b'trimtab_delta_coins{asset="BTC",group="core"} 0.0005' in body
    assert b'trimtab_alerts_queued{sink="phone"} 3.0' in body
    assert b"\ntrimtab_loop_lag_seconds " in body


async def test_a_disk_that_hangs_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop turns and every question is answered while the disk does not; its figure is left out."""
    hung = threading.Event()
    monkeypatch.setattr(served, "known_free_bytes", lambda _: hung.wait(WAIT_S) and None)
    try:
        async with serving(House()) as address:
            _, body, _ = await asked(address, "/metrics")
            assert (b"\ntrimtab_ready 1.0" in body, b"\ntrimtab_disk_free_bytes " in body) == (True, False)
    finally:
        hung.set()


async def test_without_a_journals_directory_the_disk_is_unknown() -> None:
    """A figure that cannot be read is left out, and the rest is served."""
    house = House()
    house.picture = msgspec.structs.replace(house.picture, journal_path="/nowhere/at/all/journal")
    async with serving(house) as address:
        _, body, _ = await asked(address, "/metrics")

    assert b"\ntrimtab_disk_free_bytes " not in body
    assert b"\ntrimtab_ready 1.0" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_get_is_answered(method: str) -> None:
    """Nothing can be done here, only read."""
    async with serving(House()) as address:
        assert 405 == (await asked(address, "/livez", method))[0]


async def test_a_body_is_refused_and_an_unknown_path_is_not_found() -> None:
    """What is not one of the three questions has no answer."""
    async with serving(House()) as address:
        assert 400 == (await asked(address, "/livez", data=b"x" * 10))[0]
        assert 404 == (await asked(address, "/"))[0]
        assert 404 == (await asked(address, "/metrics/../x"))[0]


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 403), ("localhost:9464", 200), ("127.0.0.1.evil.example", 403)]
)
async def test_a_page_that_rebinds_its_name_to_this_machine_learns_nothing(host: str, status: int) -> None:
    """A browser sends the page's host: what is not this machine's name is refused."""
    async with serving(House()) as address:
        assert status == (await asked(address, "/metrics", headers={"Host": host}))[0]


async def test_in_a_container_any_name_is_good() -> None:
    """Where it listens everywhere, another container asks by the service's name."""
    async with serving(House(), Web(Address("0.0.0.0", 0))) as address:
        here = Address("127.0.0.1", address.port)
        assert 200 == (await asked(here, "/livez", headers={"Host": "trimtab:9464"}))[0]


async def test_a_port_that_is_taken_is_said_once_and_tried_again() -> None:
    """One warning, pauses that grow up to a bound, and service as soon as the port is free."""
    house = House()
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        web = Web(Address("127.0.0.1", taken.getsockname()[1]))
        with capture_logs() as logs:
            task = asyncio.create_task(web.run(house))
            await until(lambda: len(house.slept) >= 8)
            assert web.address is None
            taken.close()
            await until(lambda: web.address is not None)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    (warning,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert "Address already in use" in warning["what"]
    assert [1, 2, 4, 8, 16, 32, 60, 60] == house.slept[:8]


async def test_connections_are_bounded() -> None:
    """One too many is hung up on; once another is gone there is room again."""
    async with serving(House()) as address:
        opened = [await asyncio.open_connection(address.host, address.port) for _ in range(CONNECTIONS_MAX)]
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        with suppress(ConnectionError):
            assert b"" == await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
        for _, one in opened:
            one.close()

        async def answered() -> bool:
            with suppress(aiohttp.ClientError):
                return (await asked(address, "/livez"))[0] == 200
            return False

        deadline = time.monotonic() + WAIT_S
        while not await answered():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("said", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"])
async def test_a_client_that_does_not_finish_its_request_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """However far it came: a place among the few is not held by silence."""
    monkeypatch.setattr(served, "REQUEST_S_MAX", 0.2)
    async with serving(House()) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(said)
        with suppress(ConnectionError):
            assert b"" == await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()


async def test_a_client_that_dribbles_is_cut_at_the_end_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has a longest life, whatever goes on in it."""
    monkeypatch.setattr(served, "CONNECTION_S_MAX", 0.2)
    async with serving(House()) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        async with asyncio.timeout(WAIT_S):
            with suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"G")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        writer.close()


async def test_the_loops_longest_stall_is_told_once() -> None:
    """A stall counts at the next question, also one that is not over for the meter; then it counts anew."""
    meter = LagMeter()
    task = asyncio.create_task(meter.run())
    await asyncio.sleep(0.01)
    _block(0.5)
    assert 300_000_000 < meter.take_ns()
    await asyncio.sleep(0.2)
    meter.take_ns()
    _block(0.6)
    await asyncio.sleep(0.2)
    assert 400_000_000 < meter.take_ns()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert 0 == meter.take_ns()


def _block(seconds: float) -> None:
    """Keep the event loop from turning."""
    time.sleep(seconds)
