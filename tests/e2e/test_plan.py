"""`trimtab plan` as a process of its own: two files in, one document out, and the codes that a script goes by."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.ops.exits import Exit
from tests.runtime.planning import config, perp, snapshot

TARGET = (
    "{name: w, kind: weights, weights: {BTC: 60 %, ETH: 40 %}, mode: full_rebalance, reserve: 20000 USDT,"
    " band: {trigger: 5 pp}}"
)


def trimtab(*words: object) -> tuple[int, str, str]:
    """Run the command with nothing of ours in its environment and nowhere to go on the network."""
    command = [sys.executable, "-c", "from bot.ops.cli import main; main()", *map(str, words)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environment["HTTPS_PROXY"] = "http://127.0.0.1:1"
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """BTC has doubled beside 40,000 of ETH and 20,000 of collateral."""
    futures = [perp("BTC", "50000"), perp("ETH", "2500")]
    prices = {"BTC": "50000", "ETH": "2500"}
    portfolio = snapshot(prices, {"BTC": "2.4", "ETH": "16", "USDT": "20000"}, instruments=futures)
    place = tmp_path / "snapshot.json"
    place.write_text(json.dumps(portfolio), encoding="utf-8")
    return config(tmp_path, TARGET), place


def test_a_rebalance_is_planned_offline(files: tuple[Path, Path]) -> None:
    """24,000 from BTC to ETH, without a daemon, a key or a network; twice the same, byte for byte."""
    first, again = (trimtab("plan", "--config", files[0], "--snapshot", files[1], "--json") for _ in range(2))
    answer = json.loads(first[1])

    assert (Exit.OK, "") == (first[0], first[2])
    assert first == again
    assert [("sell", "0.48"), ("buy", "9.6")] == [(order["side"], order["contracts"]) for order in answer["orders"]]
    assert ("180000", "160000") == (answer["nav"], answer["base"]["w"])


def test_a_malformed_snapshot_ends_with_its_code(files: tuple[Path, Path]) -> None:
    """One line of what is wrong on standard error, nothing on standard output, and the code of a usage error."""
    files[1].write_text(files[1].read_text().replace('"2.4"', "2.4"), encoding="utf-8")
    code, out, err = trimtab("plan", "--config", files[0], "--snapshot", files[1])

    assert (Exit.USAGE, "") == (code, out)
    assert "holdings.BTC: value '2.4': a bare number" in err
    assert "Traceback" not in err
