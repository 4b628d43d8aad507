"""The service manager's datagrams, on a real socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.runtime.sdnotify import STATUS_CHARACTERS_MAX, Notifier, watchdog_ns_of

WAIT_S = 20.0


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """A service manager's socket at an address as it stands in the environment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0" + address[1:] if address.startswith("@") else address)
        made.settimeout(WAIT_S)
        yield made


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both kinds of sockets that a service manager may name."""
    return str(tmp_path / "notify") if request.param == "path" else f"@trimtab-test-{os.getpid()}-{time.monotonic_ns()}"


def test_every_message_is_one_datagram(address: str) -> None:
    """READY, STATUS, WATCHDOG and STOPPING arrive as systemd reads them, on both kinds of sockets."""
    with listening(address) as manager:
        notifier = Notifier(address)
        sent = [notifier.ready(), notifier.status("all\nis  well"), notifier.feed(), notifier.stopping()]

        heard = [manager.recv(500) for _ in sent]
        assert [True] * 4 == sent
        assert [b"READY=1", b"STATUS=all is well", b"WATCHDOG=1", b"STOPPING=1"] == heard


def test_a_long_status_is_cut(address: str) -> None:
    """One line for a person stays one."""
    with listening(address) as manager:
        Notifier(address).status("x" * 10_000)

        assert len("STATUS=") + STATUS_CHARACTERS_MAX == len(manager.recv(20_000))


def test_without_a_service_manager_nothing_is_sent(tmp_path: Path) -> None:
    """No address, nobody who listens, or a name too long for a socket: it says so and does nothing else."""
    assert not Notifier("").ready()
    assert not Notifier(str(tmp_path / "nobody")).ready()
    assert not Notifier("/" + "x" * 200).ready()


def test_a_service_manager_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    """A full socket loses the message; the next one is tried anew."""
    with listening(str(tmp_path / "notify")) as manager:
        notifier = Notifier(str(tmp_path / "notify"))
        assert any(not notifier.feed() for _ in range(10_000))

        manager.recv(500)

        assert notifier.feed()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30_000_000_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30_000_000_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_environment_says_how_long_the_watchdog_waits(environment: dict[str, str], expected: int | None) -> None:
    """Only for this process, and only where it is a number."""
    assert expected == watchdog_ns_of(environment)
    assert expected == Notifier.of(environment).watchdog_ns
