"""Faults below HTTP: listeners that refuse or hang, certificates that are wrong, names that do not resolve."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trustme

from bot.simex.config import LOOPBACK
from bot.simex.faults.armed import Injections
from bot.simex.faults.model import Touch
from bot.simex.faults.places import venue_of

EVERYBODY: Final = Touch()
CLOSED_PORT: Final = 9
BACKLOG: Final = 512
_WRONG_NAME: Final = "wrong-name.invalid"
_LONG_AGO: Final = datetime.timedelta(days=400)


def touch_of(host: str, path: str = "") -> Touch:
    """A connection of which the host is known."""
    return Touch(venue=venue_of(host), host=host, endpoint=path)


class Ports:
    """The listening sockets while they refuse or hang for everybody.

    `stop` and `start` end and begin listening, on the ports that `ports` names; connections that are open stay.
    """

    def __init__(
        self, injections: Injections, stop: Callable[[], Awaitable[list[int]]], start: Callable[[], Awaitable[None]]
    ) -> None:
        self._injections = injections
        self._stop = stop
        self._start = start
        self._ports: list[int] = []
        self._silent: list[socket.socket] = []
        self._state = ""

    async def follow(self) -> None:
        """Bring the sockets into the state that is in force."""
        wanted = next((one for one in ("refuse", "hang") if self._injections.in_force(one, EVERYBODY)), "")
        if wanted == self._state:
            return
        if not self._state:
            self._ports = await self._stop()
        self._hush()
        if wanted == "hang":
            self._silent = [_unanswered(port) for port in self._ports]
        if not wanted:
            await self._start()
        self._state = wanted

    def close(self) -> None:
        """Let go of every socket."""
        self._hush()

    def _hush(self) -> None:
        for sock in self._silent:
            sock.close()
        self._silent = []


def _unanswered(port: int) -> socket.socket:
    """A socket whose connections the kernel accepts and nobody answers."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((LOOPBACK, port))
    sock.listen(BACKLOG)
    return sock


class Certificates:
    """Shows another certificate while a fault says so; to be installed on the context of the TLS listener."""

    def __init__(self, injections: Injections, ca: trustme.CA) -> None:
        self._injections = injections
        self._ca = ca
        self._made: dict[tuple[str, str], ssl.SSLContext] = {}

    def guard(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context, which asks at every handshake from now on."""
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        host = name or ""
        hit = self._injections.in_force("certificate", touch_of(host))
        if hit is not None:
            connection.context = self._context(hit.variant, host)

    def _context(self, variant: str, host: str) -> ssl.SSLContext:
        if (variant, host) not in self._made:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._certificate(variant, host or LOOPBACK).configure_cert(context)
            self._made[variant, host] = context
        return self._made[variant, host]

    def _certificate(self, variant: str, host: str) -> trustme.LeafCert:
        if variant == "unknown_ca":
            return trustme.CA().issue_cert(host)
        if variant == "wrong_name":
            return self._ca.issue_cert(_WRONG_NAME)
        now = datetime.datetime.now(datetime.UTC)
        return self._ca.issue_cert(host, not_before=now - _LONG_AGO, not_after=now - _LONG_AGO / 2)


class Names:
    """Name resolution for clients behind the proxy."""

    def __init__(self, injections: Injections, pin: Callable[[], Mapping[str, tuple[str, int]]]) -> None:
        self._injections = injections
        self._pin = pin

    def resolves(self, host: str) -> bool:
        """Whether a name is found."""
        return self._injections.in_force("no_address", touch_of(host)) is None

    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Host name to address, as they are found now."""
        nowhere = (LOOPBACK, CLOSED_PORT)
        wrong = {host for host in self._pin() if self._injections.in_force("wrong_address", touch_of(host))}
        return {host: nowhere if host in wrong else address for host, address in self._pin().items()}
