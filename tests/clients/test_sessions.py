"""Other people's clients, unmodified, each through a scripted session at the simulated exchange.

They live in environments of their own (`make clients` makes them), are found by host name through the exchange's proxy,
and trust its certificate by the variables that they look for themselves.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.simex.config import AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex
from tests.clients.programs import ran

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
KEYS = (KeySpec("default"), KeySpec("ed25519", kind="ed25519"), KeySpec("rsa", kind="rsa"))
# Without plain ports every request is one over TLS to a host's real name.
CONFIG = SimexConfig(accounts=(ACCOUNT,), keys=KEYS, is_calm=True, plain_http=False)


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

    @property
    def exchange(self) -> str:
        """The venue that it needs."""
        return self.venue or ("bybit" if self.script.startswith("bybit") else "binance")


TOLD = (
    Session("binance_futures_connector", 17, environment=CONNECTOR),
    Session("bybit_http", 17),
    Session("bybit_sockets", 8),
    Session("ccxt_async", 27, "binance"),
    Session("ccxt_async", 27, "bybit"),
    Session("ccxt_pro", 35, "binance"),
    Session("ccxt_pro", 35, "bybit"),
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
    async with Simex.start(replace(CONFIG, venues=(session.exchange,))) as simex:
        given = tmp_path / "given.json"
        given.write_text(json.dumps(simex.addresses()))
        arguments: list[str | Path] = [python, SESSIONS / f"{session.script}.py", given, *filter(None, [session.venue])]
        status, said = await ran(arguments, _variables(simex), SESSION_WITHIN_S, tmp_path)
        defects = [row for row in simex.requests.select() if row.verdict == "simex_defect"]
    shown = [line for line in said.splitlines() if line.startswith("ok ")]
    assert status == 0, said
    assert shown[-1] == "ok end"
    assert len(shown) >= session.steps, shown
    assert defects == []


def _variables(simex: Simex) -> dict[str, str]:
    """The environment of a session: nothing of ours but the proxy and the certificate."""
    certificate = dict.fromkeys(
        ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "WEBSOCKET_CLIENT_CA_BUNDLE"), str(simex.ca_file)
    )
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "WSS_PROXY", "wss_proxy"), simex.proxy_url)
    python = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1"}
    return {"PATH": os.environ["PATH"], **python, **certificate, **proxy}
