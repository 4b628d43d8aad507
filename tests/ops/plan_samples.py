"""A plan as the wire carries it: one coin to be sold short, another of which nothing can be said."""

from typing import Any

ZEROS = dict.fromkeys(
    "linear inverse collateral quanto options quote_leg borrowed declared working".split(), "0"
)  # fmt: skip
BITCOIN: dict[str, Any] = {
    "exposure": "1",
    "exposure_value": "60000",
    "parts": {"spot": "1", **ZEROS},
    "target": "0",
    "target_parts": {"core": "0"},
    "deviation": "1",
    "deviation_value": "60000",
    "band": {
        "lower": "-0.01", "upper": "0.01", "destination_lower": "0", "destination_upper": "0", "unit": "coins",
    },
    "breached": True,
    "gates": [],
    "hedge": "-1",
    "residual_after_rounding": "0",
    "why": "sell 1 BTC: holding 1 + futures 0",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "account": "binance.usdm",
    "instrument": "binance.usdm:BTCUSDT",
    "for": "BTC",
    "sleeve": "core",
    "side": "sell",
    "contracts": "1",
    "quantity": "1",
    "notional": "60000",
    "limit_price": "59910",
    "vwap": "59990.5",
    "cost": {"fee": "30", "slippage": "9.5"},
    "reduce_only": False,
    "pair": None,
}
MARGIN: dict[str, Any] = {
    "ratio_before": "0",
    "ratio_after": "0.012",
    "stress_distance_up": "0.33",
    "stress_distance_down": None,
    "liquidation": {"binance.usdm:BTCUSDT": "79800"},
    "top_up": "1500",
}
PLAN: dict[str, Any] = {
    "nav": "80000",
    "base": {"core": "60000"},
    "reporting_currency": "USD",
    "assets": {"BTC": BITCOIN},
    "orders": [ORDER],
    "margin": {"binance.usdm": MARGIN},
    "carry": {},
    "transfers": [
        {"from": "binance.spot", "to": "binance.usdm", "asset": "USDT", "amount": "1500", "why": "to survive a move"}
    ],
    "refused": [{"what": "core:ETH", "why": "stale_price: ETHUSDT was last heard of too long ago"}],
    "unknown": ["SOL: no price"],
}


def plan(**changes: Any) -> dict[str, Any]:
    """The plan with some of its keys replaced."""
    return {**PLAN, **changes}


EMPTY = plan(nav=None, base={}, assets={}, orders=[], margin={}, transfers=[], refused=[], unknown=[])
"""A plan of nothing."""
