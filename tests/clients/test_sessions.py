"""Other people's clients, unmodified, each through a scripted session at the simulated exchange.

They live in environments of their own (`make clients` makes them), are found by host name through the exchange's proxy,
and trust its certificate by the variables that they look for themselves.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.faults import scenario as faults
from bot.simex.serve import Simex

ROOT = Path(__file__).parents[2]
SESSIONS = Path(__file__).parent / "sessions"
SESSION_WITHIN_S = 120.0
CLIENTS, CONNECTOR = ".venv-clients", ".venv-connector"
# Rich enough for an order that no price level holds; a calm market moves little while a session looks.
ACCOUNT = AccountSpec(
    spot={"BTC": Decimal(2), "USDT": Decimal(2_000_000)},
    usdm={"USDT": Decimal(2_000_000)},
    coinm={"BTC": Decimal(60)},
    unified={"BTC": Decimal(2), "USDT": Decimal(2_000_000)},
)
# pybit sends a request before it waits for the answer: one that comes at once, as over loopback, finds nobody waiting.
SLOW_ANSWERS = {
    "kind": "frame_delay",
    "scope": {"host": "stream.bybit.com", "channel": "api"},
    "for": "10m",
    "params": {"delay_ms": 20},
}
AS_FAR_AS_A_VENUE = faults.of({"faults": [SLOW_ANSWERS]}, SESSIONS)
KEYS = (KeySpec("default"), KeySpec("ed25519", kind="ed25519"), KeySpec("rsa", kind="rsa"))


@dataclass(frozen=True, slots=True)
class Session:
    """A script, the environment of its client, the steps that it shows, and the venue where it is told one."""

    script: str
    steps: int
    venue: str = ""
    environment: str = CLIENTS

    @property
    def title(self) -> str:
        """What the test is called."""
        return f"{self.script}-{self.venue}" if self.venue else self.script


TOLD = (
    Session("binance_futures_connector", 17, environment=CONNECTOR),
    Session("bybit_http", 17),
    Session("bybit_sockets", 7),
    Session("ccxt_async", 27, "binance"),
    Session("ccxt_async", 27, "bybit"),
    Session("ccxt_pro", 17, "binance"),
    Session("ccxt_pro", 17, "bybit"),
    Session("ccxt_sync", 30, "binance"),
    Session("ccxt_sync", 28, "bybit"),
    Session("python_binance_async", 13),
    Session("python_binance_futures", 22),
    Session("python_binance_spot", 11),
    Session("private_keys", 8),
    Session("sdk_futures", 18),
    Session("sdk_spot", 16),
)


@pytest.mark.parametrize("session", TOLD, ids=lambda session: session.title)
async def test_a_client_completes_its_session(session: Session, tmp_path: Path) -> None:
    """An unmodified client completes its session, every step of it is shown, and the exchange has no defect."""
    python = ROOT / session.environment / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{session.environment} is not there: `make clients` makes it")
    async with Simex.start(
        SimexConfig(accounts=(ACCOUNT,), keys=KEYS, is_calm=True, faults=AS_FAR_AS_A_VENUE)
    ) as simex:
        given = tmp_path / "given.json"
        given.write_text(json.dumps(simex.addresses()))
        arguments = [str(SESSIONS / f"{session.script}.py"), str(given), *filter(None, [session.venue])]
        status, said = await _ran(python, arguments, _variables(simex))
        defects = [row for row in simex.requests.select() if row.verdict == "simex_defect"]
    shown = [line for line in said.splitlines() if line.startswith("ok ")]
    assert status == 0, said
    assert shown[-1] == "ok end"
    assert len(shown) >= session.steps, shown
    assert defects == []


async def _ran(python: Path, arguments: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """The exit status of a program and all that it said; it is killed when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        python, *arguments, env=variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SESSION_WITHIN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()


def _variables(simex: Simex) -> dict[str, str]:
    """The environment of a session: nothing of ours but the proxy and the certificate."""
    certificate = dict.fromkeys(
        ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE"), str(simex.ca_file)
    )
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "WSS_PROXY", "wss_proxy"), simex.proxy_url)
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **certificate, **proxy}
