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

from bot.simex.config import SimexConfig
from bot.simex.greeting import greeting
from bot.simex.house import exchanges
from bot.simex.main import config_of, main, parser
from tests.simex.sources.dump_files import FIRST_MS, HOUR, KLINE_HEADER, kline, write

RATE_HEADER = "calc_time,funding_interval_hours,last_funding_rate"
ADDRESSES = {
    "pin": {"fapi.binance.com": ["127.0.0.1", 4443], "api.bybit.com": ["127.0.0.1", 4443]},
    "plain": {"fapi.binance.com": 4080},
    "proxy_url": "http://127.0.0.1:4128",
    "ca_file": "/somewhere/ca.pem",
    "control_url": "http://127.0.0.1:4000",
    "keys": {
        "default": {"api_key": "the-key", "secret": "the-secret", "account": "default"},
        "ed25519": {"api_key": "other-key", "secret": "-----BEGIN\nabc\n-----END\n", "account": "default"},
    },
}


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


def test_every_wallet_venue_and_kind_of_key_can_be_asked_for() -> None:
    """COIN-M and unified balances, the venues, a calm market and keys that sign otherwise are options; others stay."""
    text = "--venues bybit --calm --coinm BTC=2 --unified USDT=7 --key-kind rsa --key-kind ed25519 --key-kind hmac"
    config = config_of(parser().parse_args(text.split()))

    assert (("bybit",), True) == (config.venues, config.is_calm)
    assert ({"BTC": Decimal(2)}, {"USDT": Decimal(7)}) == (config.accounts[0].coinm, config.accounts[0].unified)
    assert SimexConfig().accounts[0].spot == config.accounts[0].spot
    assert [("default", "hmac"), ("ed25519", "ed25519"), ("rsa", "rsa")] == [(k.name, k.kind) for k in config.keys]


def test_history_files_are_a_market(tmp_path: Path) -> None:
    """Klines and funding rates as data.binance.vision has them are traded from now on, on Binance alone."""
    bars = [kline(hour, ("60000", "60100", "59900", "60050")) for hour in range(3)]
    write(tmp_path / "um" / "BTCUSDT-1h-2024-01.zip", KLINE_HEADER, *bars)
    write(tmp_path / "um" / "BTCUSDT-fundingRate-2024-01.csv", RATE_HEADER, f"{FIRST_MS + HOUR},8,-0.00012300")
    config = config_of(parser().parse_args(["--history", str(tmp_path), "--speed", "60"]))
    start_ms = 1_760_000_000_000
    found = exchanges(config, start_ms)
    binance = found["binance"]
    binance.advance(start_ms + 2 * HOUR)

    assert ({"binance"}, {("usdm", "BTCUSDT")}) == (set(found), set(binance.instruments))
    assert ("history", 60.0) == (config.market, config.timeline_speed)
    assert 5_990_000_000_000 <= binance.top(("usdm", "BTCUSDT"))[0] <= 6_010_000_000_000
    assert -12_300 == binance.accounting.rates.rate(("usdm", "BTCUSDT"))


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
        "--history /nowhere/at/all",
        "--market history",
        "--venues mtgox",
        "--venues ,",
        "--key-kind dsa",
        "--faults /nowhere/at/all.yaml",
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


def test_what_people_are_told() -> None:
    """Hosts with both ports, proxy, certificate, control API, each key with its secret, and example settings."""
    lines = [" ".join(line.split()) for line in greeting(ADDRESSES).splitlines()]

    assert "fapi.binance.com 127.0.0.1:4443 127.0.0.1:4080" in lines
    assert "api.bybit.com 127.0.0.1:4443" in lines
    assert "CA file /somewhere/ca.pem" in lines
    assert "control API http://127.0.0.1:4000/control/" in lines
    assert any(line.startswith("proxy http://127.0.0.1:4128") for line in lines)
    assert ["secret -----BEGIN", "abc", "-----END"] == lines[(at := lines.index("key other-key") + 1) : at + 3]
    assert "# pybit" in lines


@pytest.mark.process
def test_people_are_not_told_in_json(tmp_path: Path) -> None:
    """Without --json what is printed is for people; the ready file holds the JSON all the same, faults are armed."""
    scenario, ready_file = tmp_path / "scenario.yaml", tmp_path / "ready.json"
    scenario.write_text("faults: [{kind: delay, variant: before, params: {delay_ms: 1}, for: 1h}]\n")
    command = [sys.executable, "-m", "bot.ops.cli", "simex", "--faults", str(scenario), "--ready-file", str(ready_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        ready = json.loads(ready_file.read_text())
        with urllib.request.urlopen(f"{ready['control_url']}/control/faults") as answer:
            armed = json.loads(answer.read())["armed"]
        process.send_signal(signal.SIGTERM)
        rest, code = process.stdout.read(), process.wait(10)

    assert first.startswith("The simulated exchange serves")
    assert ["delay"] == [fault["kind"] for fault in armed]
    assert (greeting(ready), 0) == (first + rest.removesuffix("\n"), code)


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
    assert {"pin", "plain", "proxy_url", "ca_file", "control_url", "keys"} == set(ready)
    assert Path(ready["ca_file"]).is_file()
    assert ["127.0.0.1"] == sorted({address for address, _ in ready["pin"].values()})


def test_a_bad_row_later_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exchange serves until it reaches the row, and ends with one line: the file, the line, what is allowed."""
    good = [f"{FIRST_MS + 1_000 * n},60000,60100,59900,60050,1,{FIRST_MS + 1_000 * n + 999}" for n in range(4)]
    path = write(tmp_path / "um" / "BTCUSDT-1s-2024-01-01.csv", *good, good[-1].replace("59900", "60090"))

    assert 2 == main(["--history", str(tmp_path), "--venues", "binance", "--speed", "100", "--json"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"simex: error: {path}:5: no bar: open 60000, high 60100, low 60090")
    assert "low the lowest" in line


def test_a_bad_row_at_the_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is served: the row is the reason, not the book that is missing because of it."""
    write(tmp_path / "um" / "BTCUSDT-1s-2024-01-01.csv", "1,2,3")

    with pytest.raises(SystemExit) as ended:
        main(["--history", str(tmp_path)])
    assert 2 == ended.value.code
    assert "BTCUSDT-1s-2024-01-01.csv:1: 3 columns, at least 6 are needed" in capsys.readouterr().err


def test_an_exchange_that_is_not_immediate() -> None:
    """Lag of queries, delay of the engine and higher limits are options."""
    config = config_of(parser().parse_args("--query-lag-ms 700 --engine-delay-ms 30 --limits-factor 5".split()))

    assert (700, 30, 5) == (config.query_lag_ms, config.engine_delay_ms, config.limits_factor)


@pytest.mark.process
@pytest.mark.parametrize("lines", [0, 1])
def test_nobody_reads_what_is_printed(lines: int) -> None:
    """`trimtab simex | head` ends quietly once head has read enough, be it before or after the first line."""
    command = [sys.executable, "-m", "bot.simex"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        said, code = process.stderr.read(), process.wait(20)

    assert ("", 0) == (said, code)
