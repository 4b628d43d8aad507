"""The promises of the heartbeat."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from bot.domain.units import SECOND_NS, Nanos
from bot.ops.alerts.heartbeat import FAILURES_LOGGED_EVERY_NS, Heartbeat
from bot.runtime.health import Health
from tests.ops.alerts.receiver import Mood, Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.engine.state import State
    from bot.runtime.control import Arguments
    from bot.runtime.status import Status

EVERY_NS = 60 * SECOND_NS


class ShortHouse:
    """A house that stands for some beats and is then pulled down; ready or not, by a list."""

    def __init__(self, *ready: bool, step_ns: int = EVERY_NS) -> None:
        self._ready, self._step_ns = list(ready), step_ns
        self._now_ns = 1_700_000_000 * SECOND_NS
        self.slept: list[float] = []

    @property
    def state(self) -> State:
        """Not asked for."""
        raise NotImplementedError

    def now_ns(self) -> Nanos:
        """Cranked by sleeping."""
        return Nanos(self._now_ns)

    async def sleep(self, seconds: float) -> None:
        """A beat is over."""
        self.slept.append(seconds)
        self._now_ns += self._step_ns
        if not self._ready:
            raise asyncio.CancelledError

    def status(self) -> Status:
        """Not asked for."""
        raise NotImplementedError

    def health(self) -> Health:
        """As listed."""
        return Health(live=True, ready=self._ready.pop(0))

    async def ask(self, verb: str, arguments: Arguments) -> Any:
        """Not asked for."""
        raise NotImplementedError


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who counts."""
    with Receiver() as running:
        yield running


async def beat(url: str, house: ShortHouse) -> Heartbeat:
    """A heartbeat until its house is gone."""
    heartbeat = Heartbeat(SecretStr(url), EVERY_NS)
    with pytest.raises(asyncio.CancelledError):
        await heartbeat.run(house)
    return heartbeat


async def test_it_beats_while_the_daemon_is_ready(receiver: Receiver) -> None:
    """One call each time, and none while it is not ready: silence is the alarm."""
    house = ShortHouse(True, False, False, True, True)
    heartbeat = await beat(f"http://{receiver.address}/ping/me", house)

    assert receiver.asked == ["/ping/me"] * 3
    assert heartbeat.sent == 3
    assert house.slept == [60.0] * 5


@pytest.mark.parametrize("mood", [Mood(status=500), Mood(down=True), Mood(status=302, headers={"Location": "/other"})])
async def test_its_failures_are_logged_once_an_hour(
    receiver: Receiver, mood: Mood, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that is away is no reason to stop, nor to fill the log, nor to print its address."""
    caplog.set_level(logging.DEBUG)
    receiver.mood = mood
    house = ShortHouse(*[True] * 5, step_ns=FAILURES_LOGGED_EVERY_NS // 3)
    heartbeat = await beat(f"http://{receiver.address}/secret-path", house)

    assert heartbeat.failed == 5
    assert caplog.text.count("heartbeat not delivered") == 2
    assert "secret-path" not in caplog.text
    assert set(receiver.asked) == {"/secret-path"}, "no redirect is followed"


async def test_a_closed_port_is_a_failure_like_others(caplog: pytest.LogCaptureFixture) -> None:
    """It goes on beating."""
    closed = Receiver()
    closed._server.server_close()
    heartbeat = await beat(f"http://{closed.address}/x", ShortHouse(True, True))

    assert heartbeat.failed == 2
    assert "it cannot be reached" in caplog.text


async def test_a_service_that_hangs_is_left(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next beat comes though an answer never does."""
    monkeypatch.setattr("bot.ops.alerts.heartbeat.TIMEOUT_S", 0.2)
    receiver.mood = Mood(delay_s=20.0)
    heartbeat = await beat(f"http://{receiver.address}/x", ShortHouse(True, True))

    assert heartbeat.failed == 2
