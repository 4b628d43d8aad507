"""The two portfolios of the demo: each a config, a key, a state directory and a daemon of its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.ops.demo_exchange import HEDGED, WEIGHTS
from bot.ops.processes import Process
from bot.ops.watch import status_of
from bot.runtime.ask import AskError
from bot.runtime.status import Status

LOOK_TIMEOUT_S = 2.0

_TARGETS: Mapping[str, dict[str, Any]] = {
    HEDGED: {
        "name": "core", "kind": "neutral", "assets": ["BTC", "ETH"],
        "band": {"trigger": "1 %", "destination": "0 %"},
    },
    WEIGHTS: {
        "name": "sixty-forty", "kind": "weights", "weights": {"BTC": 0.6, "ETH": 0.4}, "mode": "full_rebalance",
        "base": "owned", "band": {"trigger": "1 pp", "destination": "0 pp"},
    },
}  # fmt: skip


class Book:
    """One portfolio under its daemon. `status` is the newest one seen; None before the daemon answers."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.status: Status | None = None
        self._process: Process | None = None

    @property
    def config(self) -> Path:
        """Its config file."""
        return self.folder / "config.yaml"

    @property
    def state_dir(self) -> Path:
        """Its state directory."""
        return self.folder / "state"

    def prepare(self, exchange: Mapping[str, Any], sink: str) -> None:
        """Write the config and the key files; `exchange` is what the simulated exchange said of itself.

        `sink` is the URL that alerts go to.
        """
        self.folder.mkdir(mode=0o700)
        key = exchange["keys"][self.name]
        _private(self.folder / "api_key", key["api_key"])
        _private(self.folder / "api_secret", key["secret"])
        text = yaml.safe_dump(self._settings(exchange, sink), sort_keys=False)
        self.config.write_text(f"# Made by `trimtab demo` for a simulated exchange.\n{text}", encoding="utf-8")

    def start(self) -> None:
        """Start its daemon, live."""
        command = ["bot.ops.cli", "run", "--live", "--config", str(self.config)]
        confirmed = {"TRIMTAB_CONFIRM_LIVE": self.name}
        self._process = Process(f"the daemon of {self.name}", command, self.folder / "daemon.log", confirmed)

    def look(self) -> Status | None:
        """Ask the daemon for its status; None while it does not answer. Raises ProcessError when it has ended."""
        if self._process is not None:
            self._process.require()
        try:
            self.status = status_of(self.state_dir, LOOK_TIMEOUT_S)
        except AskError:
            return None
        return self.status

    def stop(self) -> int:
        """Stop its daemon as a service manager would; returns its exit code (0 when it never ran)."""
        return 0 if self._process is None else self._process.stop()

    def _settings(self, exchange: Mapping[str, Any], sink: str) -> dict[str, Any]:
        return {
            "portfolio": self.name,
            "venue": "binance",
            "state_dir": str(self.state_dir),
            "assets": {"BTC": {}, "ETH": {}},
            "targets": [_TARGETS[self.name]],
            "limits": {"order_notional": "120000 USDT", "position_notional": "500000 USDT", "orders_per_minute": 30},
            "intervals": {"reconcile": "2 s", "funding": "10 s"},
            "alerts": {"sinks": {"demo": {"url": sink, "per_minute": 120}}},
            "web": {"enabled": False},
            # A demo's journal is a few hundred kilobytes, and a container's /tmp may be small.
            "journal": {"disk_free": "16 MiB"},
            "exchange": {
                "pin": {host: f"{address}:{port}" for host, (address, port) in exchange["pin"].items()},
                "ca_file": exchange["ca_file"],
            },
            "credentials": {
                "api_key_file": str(self.folder / "api_key"),
                "api_secret_file": str(self.folder / "api_secret"),
            },
        }


def _private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first moment on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
