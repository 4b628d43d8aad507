"""Starts the far end and reaches it the way the daemon reaches a venue."""

from __future__ import annotations

import contextlib
import random
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bot.lab.bench.far_end import HOSTS
from bot.runtime.clock import SystemClock
from bot.venues.dialling import Dialling
from bot.venues.net import Pin, ssl_context
from bot.venues.stream import World

STOP_S = 5.0
_LOOPBACK = "127.0.0.1"
_RNG_SEED = 1


class Ports(msgspec.Struct, frozen=True):
    """Where the far end listens."""

    plain: int
    tls: int


class Far(msgspec.Struct, frozen=True):
    """A far end that runs."""

    ports: Ports
    ca_file: Path

    @property
    def pin(self) -> Pin:
        """The venue's hosts, served here."""
        return dict.fromkeys(HOSTS, (_LOOPBACK, self.ports.tls))

    def context(self) -> ssl.SSLContext:
        """A context that trusts the far end alone."""
        return ssl_context(self.ca_file)

    def world(self, clock: SystemClock, log: list[str]) -> World:
        """What a stream needs to reach the far end."""
        rng = random.Random(_RNG_SEED)
        return World(
            pin=self.pin,
            context=self.context(),
            clock=clock.now_ns,
            sleep=clock.sleep,
            rng=rng,
            dialling=Dialling(rng),
            log=log.append,
        )

    def plain_url(self, path: str) -> str:
        """An address of the plain listener."""
        return f"ws://{_LOOPBACK}:{self.ports.plain}/{path}"


@contextlib.contextmanager
def far_end(directory: Path) -> Iterator[Far]:
    """A far end in a process of its own, ended on leaving."""
    ca_file = directory / "far-end-ca.pem"
    command = [sys.executable, "-m", "bot.lab.bench.far_end", str(ca_file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield Far(msgspec.json.decode(line, type=Ports), ca_file)
    finally:
        process.kill()
        process.wait(STOP_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
