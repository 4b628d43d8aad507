"""A config that is right, and helpers that read as assertions about one that is not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.instrument import Instrument, Kind, instrument_id
from bot.domain.units import AccountId, Asset
from bot.runtime.problems import ConfigError, Problem
from bot.runtime.settings_load import Loaded, load_text

if TYPE_CHECKING:
    from collections.abc import Mapping

RIGHT = """\
portfolio: main
assets:
  BTC: {}
  ETH: {}
targets:
  - name: neutral
    kind: neutral
    assets: [BTC, ETH]
    band: {trigger: 1 %, destination: 0 %}
"""

WEIGHTS = """\
portfolio: main
assets: {BTC: {}, ETH: {}}
targets:
  - name: core
    kind: weights
    weights: {BTC: 60 %, ETH: 40 %}
    mode: full_rebalance
    reserve: 20000 USDT
    band: {trigger: 5 pp, destination: 0 pp}
"""


def loaded(text: str = RIGHT, environ: Mapping[str, str] | None = None) -> Loaded:
    """A text as a loaded config; the process's own environment plays no part."""
    return load_text(text, "c.yaml", environ or {})


def problems(text: str, environ: Mapping[str, str] | None = None, now_ns: int | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with a text, at a moment."""
    with pytest.raises(ConfigError) as caught:
        load_text(text, "c.yaml", environ or {}, now_ns=now_ns)
    return caught.value.problems


def only_problem(text: str, environ: Mapping[str, str] | None = None, now_ns: int | None = None) -> str:
    """The line of the only thing that is wrong with a text, at a moment."""
    found = problems(text, environ, now_ns)
    assert len(found) == 1, [str(problem) for problem in found]
    return str(found[0])


def changed(old: str, new: str, text: str = RIGHT) -> str:
    """The text with one place changed."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


def with_limit(line: str) -> str:
    """The right config with one limit."""
    return f"{RIGHT}limits:\n  {line}\n"


def instrument(market: str, symbol: str, base: str = "BTC", **changes: Any) -> Instrument:
    """A spot market or USDT perpetual with Binance's usual filters."""
    account = AccountId(f"binance.{market}")
    fields: dict[str, Any] = {
        "id": instrument_id(account, symbol),
        "account": account,
        "symbol": symbol,
        "kind": Kind.SPOT if market == "spot" else Kind.LINEAR,
        "base": Asset(base),
        "quote": Asset("USDT"),
        "settle": Asset("USDT"),
        "tick": Decimal("0.1"),
        "lot": Decimal("0.001"),
        "contracts_min": Decimal("0.001"),
        "notional_min": Decimal(100),
    }
    return Instrument(**(fields | changes))


def catalogue(**changes: Any) -> tuple[Instrument, ...]:
    """What the venue trades of BTC and ETH; `changes` are the BTC perpetual's."""
    return (
        instrument("spot", "BTCUSDT"),
        instrument("usdm", "BTCUSDT", **changes),
        instrument("spot", "ETHUSDT", "ETH"),
        instrument("usdm", "ETHUSDT", "ETH"),
    )
