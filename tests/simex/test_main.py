"""The command line: options, the ready line, and the end by a signal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

from bot.simex.main import config_of, main, parser


def test_options_become_a_configuration() -> None:
    """Balances, speed, funding and keys are taken from the options."""
    text = "--spot BTC=1.5,eth=10 --usdm USDT=50000 --speed 2 --seed 7 --funding-rate -0.0003 --funding-interval-s 60"
    config = config_of(parser().parse_args([*text.split(), "--withdraw-key"]))

    assert ({"BTC": Decimal("1.5"), "ETH": Decimal(10)}, {"USDT": Decimal(50_000)}) == (
        config.accounts[0].spot,
        config.accounts[0].usdm,
    )
    assert (2.0, 7, Decimal("-0.0003"), 60) == (
        config.speed,
        config.seed,
        config.funding_rate,
        config.funding_interval_s,
    )
    assert [("default", False), ("withdraw", True)] == [(key.name, key.withdraw) for key in config.keys]


@pytest.mark.parametrize(
    "text",
    [
        "--market recorded",
        "--speed 0",
        "--spot BTC",
        "--spot BTC=-1",
        "--spot BTC=NaN",
        "--funding-rate much",
        "--funding-rate 2",
        "--market dreams",
        "--replay /nowhere/at/all",
    ],
)
def test_wrong_options(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be started is one line on stderr and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(text.split())

    assert 2 == ended.value.code
    assert "error:" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """A port in use is one line on stderr and exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["--tls-port", str(taken.getsockname()[1])])

    assert 2 == ended.value.code
    assert "in use" in capsys.readouterr().err


@pytest.mark.process
def test_one_ready_line_then_a_signal(tmp_path: Path) -> None:
    """The process prints one line of JSON when it serves, writes it to the ready file, and ends with 0 on SIGTERM."""
    ready_file = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "bot.simex",
        "--json",
        "--state-dir",
        str(tmp_path),
        "--ready-file",
        str(ready_file),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{ready['plain']['fapi.binance.com']}/fapi/v1/ping") as answer:
            pinged = answer.read()
        process.send_signal(signal.SIGTERM)
        rest, code = process.stdout.read(), process.wait(10)

    assert (b"{}", "", 0) == (pinged, rest, code)
    assert ready == json.loads(ready_file.read_text())
    assert {"pin", "plain", "ca_file", "control_url", "keys"} == set(ready)
    assert Path(ready["ca_file"]).is_file()
    assert ["127.0.0.1"] == sorted({address for address, _ in ready["pin"].values()})
