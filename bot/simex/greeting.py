"""What the command says to people once it serves: where, with what, and settings to paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.simex.examples import examples

HOST_WIDTH = 24
NAME_WIDTH = 13


def greeting(addresses: Mapping[str, Any]) -> str:
    """The text for people. `addresses` is the content of the ready line."""
    return "\n".join([*_lines(addresses), "", examples(addresses)])


def _lines(addresses: Mapping[str, Any]) -> Iterator[str]:
    yield "The simulated exchange serves on loopback until it is stopped (Ctrl-C). Nothing here is real money."
    yield ""
    yield f"{'host':<{HOST_WIDTH}}{'over TLS':<{HOST_WIDTH}}plain"
    for host, (address, port) in addresses["pin"].items():
        plain = addresses["plain"].get(host)
        plainly = "" if plain is None else f"{address}:{plain}"
        yield f"{host:<{HOST_WIDTH}}{f'{address}:{port}':<{HOST_WIDTH}}{plainly}".rstrip()
    yield ""
    yield f"{'proxy':<{NAME_WIDTH}}{addresses['proxy_url']}   (leads the host names here, and nothing elsewhere)"
    yield f"{'CA file':<{NAME_WIDTH}}{addresses['ca_file']}"
    yield f"{'control API':<{NAME_WIDTH}}{addresses['control_url']}/control/"
    for name, key in addresses["keys"].items():
        yield ""
        yield f"key {name!r} of account {key['account']!r}"
        yield f"{'  key':<{NAME_WIDTH}}{key['api_key']}"
        first, *more = key["secret"].splitlines()
        yield f"{'  secret':<{NAME_WIDTH}}{first}"
        yield from (" " * NAME_WIDTH + line for line in more)
