"""Keeps a bot going as its service would: starts it, starts it again where it could not, and stops it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from bot.domain.events import RunMode
from bot.runtime.app import run_daemon
from bot.runtime.refusal import StartRefused
from bot.runtime.settings_load import Loaded
from bot.runtime.surroundings import Surroundings
from tests.e2e.kit import written
from tests.swarm.observer import Observer

STARTS_MAX: Final = 12
PAUSE_S: Final = 0.5
START_S: Final = 45.0
STOP_S: Final = 30.0
DEATH_S: Final = 30.0
LOOK_S: Final = 0.03
PASSING: Final = ("venue", "key")
"""Kinds of refusal that another start may not meet. A key is refused where its check fell into a fault."""


class Keeper:
    """One bot, in this process; `starts` counts how often it was started."""

    def __init__(self, loaded: Loaded, observer: Observer) -> None:
        self._loaded = loaded
        self._observer = observer
        self._stop = asyncio.Event()
        self._daemon: asyncio.Task[RunMode | None] | None = None
        self.starts = 0

    async def start(self) -> bool:
        """Start it until it runs; whether it does."""
        for _ in range(STARTS_MAX):
            self.starts += 1
            self._socket.unlink(missing_ok=True)
            self._stop = asyncio.Event()
            around = Surroundings(companions=(self._observer,))
            self._daemon = asyncio.create_task(run_daemon(self._loaded, RunMode.LIVE, stop=self._stop, around=around))
            if await self._is_up():
                return True
            await asyncio.sleep(PAUSE_S)
        self._observer.breach(f"it did not start in {STARTS_MAX} tries")
        return False

    async def _is_up(self) -> bool:
        assert self._daemon is not None
        deadline = asyncio.get_running_loop().time() + START_S
        while not self._socket.exists():
            if self._daemon.done():
                self._refused(self._daemon.exception())
                self._daemon = None
                return False
            if asyncio.get_running_loop().time() > deadline:
                self._observer.breach(f"it neither started nor gave up within {START_S:g} s")
                return False
            await asyncio.sleep(LOOK_S)
        return True

    def _refused(self, error: BaseException | None) -> None:
        if not isinstance(error, StartRefused):
            self._observer.breach(f"a start ended with {error!r}")
        elif error.kind not in PASSING:
            self._observer.refusals.append(f"{error.kind}: {error}")

    @property
    def _socket(self) -> Path:
        return self._loaded.settings.state_dir / "control.sock"

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._daemon is not None and not self._daemon.done()

    async def stop(self) -> None:
        """Stop it; it must end in good order."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        self._stop.set()
        try:
            async with asyncio.timeout(STOP_S):
                await daemon
        except TimeoutError:
            self._observer.breach(f"it did not stop within {STOP_S:g} s")
        except Exception as error:  # noqa: BLE001 - whatever ends a daemon is what is looked for
            self._observer.breach(f"it ended with {error!r}")


async def crashed(directory: Path, number: int, when: str) -> bool:
    """Run a bot in a process of its own that kills itself at a write of its first hedge; whether it got there."""
    arguments: Any = ("-m", "tests.e2e.crasher", str(written(directory)), str(number), when)
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DEATH_S):
            return await child.wait() < 0
    except TimeoutError:
        child.kill()
        await child.wait()
        return False
