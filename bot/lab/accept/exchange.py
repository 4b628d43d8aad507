"""The simulated exchange as a process of its own, replaying a recording; and the config that points the bot at it."""

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.runtime.settings_load import Loaded, load_text
from bot.runtime.wiring import HOSTS

READY_S = 30.0
HOLDINGS = {"BTC": Decimal(1), "ETH": Decimal(10)}
CONFIG = """
portfolio: acceptance
state_dir: {state}
assets: {{BTC: {{}}, ETH: {{}}}}
targets:
  - {{name: neutral, kind: neutral, assets: [BTC, ETH], band: {{trigger: 1 %, destination: 0 %}}}}
exchange:
  ca_file: {ca}
  pin: {pin}
credentials: {{api_key_file: {key}, api_secret_file: {secret}}}
log: {{level: warning}}
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A running simulated exchange."""

    ready: dict[str, Any]

    async def ask(self, path: str) -> Any:
        """An answer of the control API."""
        url = self.ready["control_url"] + path
        return json.loads(await asyncio.to_thread(_get, url))

    def config(self, directory: Path) -> Loaded:
        """The bot's config for this exchange, with its key in files of its own."""
        key = self.ready["keys"]["default"]
        files = {"key": key["api_key"], "secret": key["secret"]}
        directory.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            path = directory / name
            path.touch(mode=0o600)
            path.write_text(value)
        pin = {host: f"{address}:{port}" for host, (address, port) in self.ready["pin"].items() if host in HOSTS}
        text = CONFIG.format(
            state=directory / "state",
            ca=self.ready["ca_file"],
            pin=json.dumps(pin),
            key=directory / "key",
            secret=directory / "secret",
        )
        return load_text(text, "acceptance.yaml", {}, directory)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the loopback address that we were given
        body: bytes = answer.read()
    return body


@asynccontextmanager
async def replaying(frames: Path, directory: Path) -> AsyncIterator[Exchange]:
    """Run the exchange over a recording, with the holdings of the acceptance story."""
    directory.mkdir(parents=True, exist_ok=True)
    spot = ",".join(f"{coin}={amount}" for coin, amount in HOLDINGS.items())
    arguments = ["--json", "--replay", str(frames), "--spot", f"{spot},USDT=1000", "--usdm", "USDT=100000"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.simex", *arguments, "--state-dir", str(directory)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None, "the process was started with a pipe"
    try:
        line = await asyncio.wait_for(process.stdout.readline(), READY_S)
        yield Exchange(json.loads(line))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
