"""The daemon as its owner runs it, in this process: with alerts and companions, and on its way to other modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bot.domain.events import RunMode
from bot.ops import daemon
from bot.ops.service import Service, opened
from bot.runtime.ask import AskError
from bot.runtime.reload import ConfigFile
from bot.runtime.settings_load import Loaded, load
from bot.simex.serve import Simex
from tests.e2e.kit import Story, written

PATIENCE_S = 60.0
LOOK_S = 0.05


class Served(Story):
    """A story whose daemon may be between two ways to run."""

    def __init__(self, simex: Simex, loaded: Loaded, session: aiohttp.ClientSession, service: Service) -> None:
        super().__init__(simex, loaded, session)
        self.service = service
        self.daemon: asyncio.Task[int] | None = None

    async def until_runs_in(self, mode: RunMode) -> dict[str, Any]:
        """Wait until it answers, in a way to run; its status then."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                status: dict[str, Any] = await self.command("status")
            except AskError:
                status = {}
            if status.get("run_mode") == mode.value:
                return status
            assert self.daemon is not None
            assert not self.daemon.done(), "it ended"
            assert asyncio.get_running_loop().time() < deadline, status
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def served(simex: Simex, directory: Path, mode: RunMode) -> AsyncIterator[Served]:
    """Run what `directory` has the config of until the block ends; then stop it and deliver what is left."""
    loaded = load(written(directory), {})
    async with aiohttp.ClientSession() as session:
        with opened(loaded, mode) as service:
            story = Served(simex, loaded, session, service)
            again = partial(service.routes.read, partial(load, written(directory), {}))
            file = ConfigFile(loaded, again, service.on_settings)
            story.daemon = asyncio.create_task(daemon._daemon(file, mode, service))
            try:
                await story.until_runs_in(mode)
                yield story
            finally:
                if not story.daemon.done():
                    await story.command("stop")
                assert 0 == await asyncio.wait_for(story.daemon, PATIENCE_S)
