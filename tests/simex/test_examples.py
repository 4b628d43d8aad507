"""The example settings: valid for what they are written in, complete for the venues that are served, and no others."""

from __future__ import annotations

import ast
import subprocess
from typing import Any

import pytest

from bot.simex.examples import BINANCE_HOST, BYBIT_HOST, Example, examples, listed

ADDRESSES: dict[str, Any] = {
    "pin": {BINANCE_HOST: ["127.0.0.1", 4443], BYBIT_HOST: ["127.0.0.1", 4443]},
    "plain": {BINANCE_HOST: 4080, BYBIT_HOST: 4081},
    "proxy_url": "http://127.0.0.1:4128",
    "ca_file": "/tmp/simex/ca.pem",
    "control_url": "http://127.0.0.1:4000",
    "keys": {"default": {"api_key": "the-key", "secret": "the-secret", "account": "default"}},
}
CLIENTS = {
    "ccxt",
    "python-binance",
    "binance-futures-connector",
    "binance-sdk-derivatives-trading-usds-futures",
    "binance-sdk-spot",
    "pybit",
}


@pytest.mark.parametrize("example", listed(ADDRESSES), ids=lambda one: one.title)
def test_an_example_is_valid(example: Example) -> None:
    """A Python example parses, a shell example passes the shell's own check."""
    if example.language == "python":
        assert ast.parse(example.text).body
    else:
        subprocess.run(["sh", "-n"], input=example.text.encode(), check=True, timeout=10)


def test_every_client_has_an_example() -> None:
    """Each client, curl and the environment are there, with the key that is served."""
    found = listed(ADDRESSES)

    assert CLIENTS == {one.client for one in found} - {""}
    assert {"binanceusdm", "bybit"} == {one.title.partition(": ")[2] for one in found if one.client == "ccxt"}
    assert 2 == sum("curl" in one.title for one in found)
    assert all("the-key" in one.text for one in found[1:])
    assert "export SSL_CERT_FILE='/tmp/simex/ca.pem'" in examples(ADDRESSES)


def test_only_what_is_served_is_shown() -> None:
    """One venue's examples stand alone, and without plain ports none is named."""
    only = ADDRESSES | {"pin": {BYBIT_HOST: ["127.0.0.1", 4443]}, "plain": {}}

    assert {"ccxt", "pybit"} == {one.client for one in listed(only)} - {""}
    assert "http://127.0.0.1:40" not in examples(only).replace(ADDRESSES["control_url"], "")
    assert "binance" not in examples(only)


def test_a_key_of_another_name_is_used() -> None:
    """Without a key named default the first one is shown."""
    named = ADDRESSES | {"keys": {"own": {"api_key": "own-key", "secret": "own-secret", "account": "a"}}}

    assert "own-key" in examples(named)
