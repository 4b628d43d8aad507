"""The instruments a simulated exchange opens with: BTC, ETH and SOL against USDT, spot and perpetual.

Filters are the ones Binance publishes in exchangeInfo (as of 2024-25). The maintenance tiers are a short ladder of our
own with Binance's first rates; `cum` follows from continuity of the maintenance margin at every edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bot.simex.model import ZERO, Bracket, Symbol

# cap in quote, maintenance margin ratio, highest leverage
_LARGE = (
    ("300000", "0.004", 125),
    ("800000", "0.005", 100),
    ("3000000", "0.0065", 75),
    ("12000000", "0.01", 50),
    ("70000000", "0.02", 25),
    ("230000000", "0.05", 10),
    ("480000000", "0.1", 5),
    ("800000000", "0.15", 3),
    ("1800000000", "0.5", 1),
)
_SMALL = (
    ("50000", "0.005", 100),
    ("400000", "0.0065", 75),
    ("1000000", "0.01", 50),
    ("4000000", "0.02", 25),
    ("40000000", "0.05", 10),
    ("80000000", "0.1", 5),
    ("200000000", "0.25", 2),
    ("400000000", "0.5", 1),
)


def brackets(rows: Iterable[tuple[str, str, int]]) -> tuple[Bracket, ...]:
    """Tiers from (cap, rate, leverage) rows; cum_k = cum_(k-1) + floor_k * (mmr_k - mmr_(k-1))."""
    found: list[Bracket] = []
    floor = cum = previous = ZERO
    for cap, rate, leverage in rows:
        mmr = Decimal(rate)
        cum += floor * (mmr - previous)
        found.append(Bracket(floor=floor, cap=Decimal(cap), mmr=mmr, cum=cum, max_leverage=leverage))
        floor, previous = Decimal(cap), mmr
    return tuple(found)


def _spot(base: str, tick: str, lot: str, market_max: str) -> Symbol:
    return Symbol(
        market="spot",
        name=f"{base}USDT",
        base=base,
        quote="USDT",
        settle="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_qty=Decimal(lot),
        max_qty=Decimal(9000),
        market_max_qty=Decimal(market_max),
        min_notional=Decimal(5),
        price_precision=8,
        quantity_precision=8,
        min_price=Decimal(tick),
        max_price=Decimal(1_000_000),
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def _perpetual(base: str, tick: str, lot: str, notional: int, maxima: tuple[str, str], small: bool = False) -> Symbol:
    return Symbol(
        market="usdm",
        name=f"{base}USDT",
        base=base,
        quote="USDT",
        settle="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_qty=Decimal(lot),
        max_qty=Decimal(maxima[0]),
        market_max_qty=Decimal(maxima[1]),
        min_notional=Decimal(notional),
        price_precision=_decimals(tick),
        quantity_precision=_decimals(lot),
        min_price=Decimal(tick),
        max_price=Decimal(4_529_764),
        multiplier_up=Decimal("1.05"),
        multiplier_down=Decimal("0.95"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        brackets=brackets(_SMALL if small else _LARGE),
    )


def _decimals(step: str) -> int:
    return len(step.partition(".")[2])


def default_symbols(funding_interval_ms: int | None = None) -> tuple[Symbol, ...]:
    """BTCUSDT, ETHUSDT and SOLUSDT on both markets; `funding_interval_ms` replaces the eight hours."""
    found = (
        _spot("BTC", "0.01", "0.00001", "120"),
        _spot("ETH", "0.01", "0.0001", "2400"),
        _spot("SOL", "0.01", "0.001", "9000"),
        _perpetual("BTC", "0.10", "0.001", 100, ("1000", "120")),
        _perpetual("ETH", "0.01", "0.001", 20, ("10000", "2000")),
        _perpetual("SOL", "0.0100", "0.01", 5, ("1000000", "5000"), small=True),
    )
    if funding_interval_ms is None:
        return found
    return tuple(msgspec.structs.replace(s, funding_interval_ms=funding_interval_ms) for s in found)


def index_perpetual(funding_interval_ms: int | None = None) -> Symbol:
    """DEFIUSDT: a perpetual on an index, which has no spot market."""
    found = _perpetual("DEFI", "0.1", "0.001", 5, ("10000", "1000"), small=True)
    if funding_interval_ms is None:
        return found
    return msgspec.structs.replace(found, funding_interval_ms=funding_interval_ms)


def only(symbols: Sequence[Symbol], keys: frozenset[tuple[str, str]]) -> tuple[Symbol, ...]:
    """The symbols that a market source has books for."""
    return tuple(s for s in symbols if s.key in keys)
