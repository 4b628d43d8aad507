"""The example settings that are printed at the start, run as they are in the environments of their clients."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bot.simex.examples import Example, environment, listed
from bot.simex.serve import Simex
from tests.clients.programs import ran

ROOT = Path(__file__).parents[2]
EXAMPLE_WITHIN_S = 60.0
CONNECTOR = "binance-futures-connector"
# Found in front of the tests, so that each example is a test of its own.
TITLES = (
    "ccxt: binanceusdm",
    "python-binance",
    "binance-futures-connector",
    "binance-sdk-derivatives-trading-usds-futures",
    "binance-sdk-spot",
    "curl: Binance, signed and by the plain port",
    "ccxt: bybit",
    "pybit",
    "curl: Bybit, signed and by the plain port",
)


@pytest.mark.parametrize("title", TITLES)
async def test_an_example_runs_as_it_is_printed(title: str, tmp_path: Path) -> None:
    """Pasted into a file and run with the printed environment, an example ends well and shows something."""
    async with Simex.start() as simex:
        found = {one.title: one for one in listed(simex.addresses())}
        status, said = await _ran(found[title], environment(simex.addresses()), tmp_path)

    assert 0 == status, said
    assert said.strip()
    assert '"code"' not in said


async def test_every_example_is_run() -> None:
    """No example is printed that is not run here, but the environment that the others use."""
    async with Simex.start() as simex:
        titles = {one.title for one in listed(simex.addresses())}

    assert titles - set(TITLES) == {"the environment of everything below"}


async def _ran(example: Example, variables: dict[str, str], directory: Path) -> tuple[int, str]:
    """The exit status of an example and all that it said."""
    file = directory / "example"
    file.write_text(example.text)
    variables = {"PATH": os.environ["PATH"], "PYTHONFAULTHANDLER": "1", **variables}
    return await ran([*_interpreter(example), file], variables, EXAMPLE_WITHIN_S, directory)


def _interpreter(example: Example) -> list[str]:
    """What runs it: the Python of its client's environment, or a shell that stops at the first failure."""
    if example.language == "sh":
        if shutil.which("curl") is None or shutil.which("openssl") is None:
            pytest.skip("curl and openssl are not there")
        return ["sh", "-e"]
    name = ".venv-connector" if example.client == CONNECTOR else ".venv-clients"
    python = ROOT / name / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{name} is not there: `make clients` makes it")
    return [str(python)]
