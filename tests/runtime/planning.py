"""Plans from a config and a snapshot that are written by hand in a test."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.runtime.plan_answer import Answer
from bot.runtime.plan_derive import plan
from bot.runtime.plan_snapshot import read
from bot.runtime.plan_values import moment
from bot.runtime.settings_load import load

NOW = "2024-08-09T00:00:00Z"
BAND = "{trigger: 0 coins}"
PERP = {
    "venue": "binance",
    "kind": "linear",
    "quote": "USDT",
    "settle": "USDT",
    "contract_size": "1",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "min_contracts": "0.001",
    "min_notional": "5",
    "taker_fee": "0.0005",
    "tiers": [{"floor": "0", "mmr": "0.004"}, {"floor": "300000", "mmr": "0.005"}],
}


def d(number: str | int) -> Decimal:
    """A number."""
    return Decimal(number)


def perp(base: str, price: str, **changes: Any) -> dict[str, Any]:
    """A USDT perpetual of a coin, quoted a tick around its price."""
    tick = Decimal(str(changes.get("tick_size") or "0.1"))
    quoted = {"mark_price": price, "bid": str(Decimal(price) - tick), "ask": str(Decimal(price) + tick)}
    return {"id": f"binance.usdm:{base}USDT", "base": base, **PERP, **quoted, **changes}


def snapshot(prices: dict[str, str], holdings: Any, **more: Any) -> dict[str, Any]:
    """A portfolio at NOW; a dollar of USDT is a dollar."""
    return {"version": 1, "now": NOW, "prices": {"USDT": "1", **prices}, "holdings": holdings, **more}


def config(tmp_path: Path, *targets: str, assets: str = "BTC ETH", more: str = "") -> Path:
    """A config with these targets, each as a YAML flow mapping."""
    coins = "".join(f"  {coin}: {{}}\n" for coin in assets.split())
    lines = "".join(f"  - {target}\n" for target in targets)
    path = tmp_path / "config.yaml"
    path.write_text(f"portfolio: test\nassets:\n{coins}targets:\n{lines}{more}", encoding="utf-8")
    return path


def planned(path: Path, portfolio: dict[str, Any], at: str | None = None) -> Answer:
    """What the verb answers."""
    return plan(load(path).settings, read(json.dumps(portfolio)), None if at is None else moment(at))


def hedges(answer: Answer) -> dict[str, Decimal]:
    """Coins to trade, by asset, those that are to be left out."""
    return {asset: one.hedge for asset, one in answer.assets.items() if one.hedge}


def values(answer: Answer, prices: dict[str, str]) -> dict[str, Decimal]:
    """The same in the reporting currency, to a millionth."""
    return {a: round(coins * Decimal(prices[a]), 6) for a, coins in hedges(answer).items()}


def sent(answer: Answer) -> dict[str, Decimal]:
    """Signed coins of all orders, by instrument."""
    out: dict[str, Decimal] = {}
    for order in answer.orders:
        signed = order.quantity if order.side == "buy" else -order.quantity
        out[order.instrument] = out.get(order.instrument, Decimal(0)) + signed
    return out
