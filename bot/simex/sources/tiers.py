"""Maintenance-margin ladders: (cap, rate, highest leverage) rows, and the tiers that follow from them.

A tier's maintenance margin is notional x rate - deduction. With deduction_k = deduction_(k-1) + floor_k x (rate_k -
rate_(k-1)) it is continuous at every edge, as the venues' own `cum` and `mmDeduction` are. Caps are in the settle
asset: dollars for linear contracts, coins for inverse ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.simex.core.instrument import Tier
from bot.simex.core.numbers import SCALE, money, scaled

Row = tuple[str, str, int]

# Made-up ladders of the usual kind: caps double or so, rates rise to a half, leverage stays inside 1 / (2 x rate).
LARGE: Sequence[Row] = (
    ("250000", "0.004", 125),
    ("1000000", "0.005", 100),
    ("5000000", "0.008", 60),
    ("20000000", "0.0125", 40),
    ("50000000", "0.025", 20),
    ("100000000", "0.04", 12),
    ("200000000", "0.05", 10),
    ("400000000", "0.1", 5),
    ("800000000", "0.2", 2),
    ("1600000000", "0.5", 1),
)
MIDDLE: Sequence[Row] = (
    ("60000", "0.005", 100),
    ("300000", "0.0075", 66),
    ("1500000", "0.0125", 40),
    ("6000000", "0.025", 20),
    ("25000000", "0.05", 10),
    ("75000000", "0.1", 5),
    ("150000000", "0.2", 2),
    ("300000000", "0.5", 1),
)
SMALL: Sequence[Row] = (
    ("25000", "0.01", 50),
    ("250000", "0.0175", 28),
    ("1000000", "0.025", 20),
    ("5000000", "0.05", 10),
    ("12000000", "0.1", 5),
    ("24000000", "0.2", 2),
    ("40000000", "0.5", 1),
)
BTC_COINS: Sequence[Row] = (
    ("5", "0.004", 125),
    ("10", "0.005", 100),
    ("20", "0.01", 50),
    ("50", "0.025", 20),
    ("100", "0.05", 10),
    ("200", "0.1", 5),
    ("400", "0.125", 4),
    ("1000", "0.15", 3),
    ("1500", "0.25", 2),
    ("3000", "0.5", 1),
)
ETH_COINS: Sequence[Row] = tuple((f"{int(cap) * 20}", rate, leverage) for cap, rate, leverage in BTC_COINS)
# Bybit's risk limits: equal steps, each adding as much to the rates.
BYBIT_LARGE: Sequence[Row] = (
    ("2000000", "0.005", 100),
    ("10000000", "0.01", 50),
    ("20000000", "0.015", 33),
    ("40000000", "0.02", 25),
    ("60000000", "0.025", 20),
    ("120000000", "0.05", 10),
    ("240000000", "0.1", 5),
    ("400000000", "0.25", 2),
    ("800000000", "0.5", 1),
)
BYBIT_SMALL: Sequence[Row] = (
    ("200000", "0.01", 50),
    ("1000000", "0.02", 25),
    ("2000000", "0.03", 16),
    ("5000000", "0.05", 10),
    ("10000000", "0.1", 5),
    ("20000000", "0.25", 2),
    ("40000000", "0.5", 1),
)
BYBIT_BTC_COINS: Sequence[Row] = (
    ("150", "0.005", 100),
    ("300", "0.01", 50),
    ("450", "0.015", 33),
    ("600", "0.02", 25),
    ("900", "0.03", 16),
    ("1500", "0.05", 10),
    ("3000", "0.1", 5),
    ("6000", "0.5", 1),
)
BYBIT_ETH_COINS: Sequence[Row] = tuple((f"{int(cap) * 20}", rate, leverage) for cap, rate, leverage in BYBIT_BTC_COINS)


def tiers(rows: Sequence[Row]) -> tuple[Tier, ...]:
    """The tiers of a ladder. ValueError unless caps and rates rise."""
    found: list[Tier] = []
    floor = rate = deduction = 0
    for cap_text, rate_text, leverage in rows:
        cap, next_rate = money(Decimal(cap_text)), scaled(Decimal(rate_text))
        if cap <= floor or next_rate <= rate:
            raise ValueError(f"tier up to {cap_text}: cap and rate must be above those of the tier before")
        deduction += floor * (next_rate - rate) // SCALE
        found.append(Tier(floor, cap, next_rate, deduction, leverage))
        floor, rate = cap, next_rate
    return tuple(found)
