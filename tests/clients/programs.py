"""Programs of other people's environments, run until they end or have had their time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

DUMPED_WITHIN_S = 5.0


async def ran(
    arguments: Sequence[str | Path], variables: Mapping[str, str], within_s: float, directory: Path
) -> tuple[int, str]:
    """The exit status of a program and all that it said, also when it took too long: it says then where it stands.

    `directory` takes what it says. A program of Python shows its stacks if `variables` switch its faulthandler on.
    """
    said = directory / "said"
    with said.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *arguments, env=variables, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
    try:
        status = await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        process.send_signal(signal.SIGABRT)
        status = await asyncio.wait_for(process.wait(), DUMPED_WITHIN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return status, said.read_text(errors="replace")
