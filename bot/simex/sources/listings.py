"""The instruments an exchange opens with, with the filters, fees and funding terms that the venues publish.

Binance and Bybit publish them in exchangeInfo and instruments-info (values as of 2024-25). Maintenance tiers are short
ladders of our own with the published first rates (tiers.py). Every call makes new instruments, because a control call
may change one while it trades. A perpetual's mark follows the index that its `index` names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.simex.core.instrument import HOUR_MS, Category, Filters, FundingTerms, Instrument
from bot.simex.core.numbers import money, scaled
from bot.simex.sources import tiers as ladders

DELIVERY_HOUR = 8
FRIDAY = 4
# Everything has been listed for long, a dated future for half a year before its delivery.
LISTED_MS = 1_577_836_800_000
DATED_LIFE_MS = 182 * 24 * HOUR_MS
INTEREST_PER_8H = 10_000
# Bybit's open orders of a symbol; those that wait for a price: 10 conditional ones, 20 partial and 2 full stops of a
# position, of spot 30 conditional and 30 take-profit or stop-loss orders.
BYBIT_OPEN = 500
BYBIT_WAITING, BYBIT_WAITING_SPOT = 10 + 20 + 2, 30 + 30
_MULTIPLIED = re.compile(r"(?P<before>10{3,})?(?P<asset>[A-Z]+?)(?P<after>10{3,})?\Z")
_SPOT_DISPLAY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Filters as the venues write them. `notional_min` in quote; `up` and `down` bound a price by the mark or mid."""

    tick: str
    lot: str
    largest: str
    market: str
    notional_min: str = "5"
    smallest: str = ""
    up: str = "5"
    down: str = "0.2"
    price_max: str = "1000000"

    def filters(self) -> Filters:
        """The same in whole numbers."""
        return Filters(
            tick=_scaled(self.tick),
            lot=_scaled(self.lot),
            quantity_min=_scaled(self.smallest or self.lot),
            quantity_max=_scaled(self.largest),
            market_quantity_max=_scaled(self.market),
            notional_min=money(Decimal(self.notional_min)),
            price_min=_scaled(self.tick),
            price_max=_scaled(self.price_max),
            multiplier_up=_scaled(self.up),
            multiplier_down=_scaled(self.down),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A future: hours between fundings (0: dated, no funding), the cap of one rate, its ladder, an inverse's face."""

    base: str
    grid: Grid
    ladder: Sequence[ladders.Row]
    hours: int = 8
    cap: str = "0.02"
    face: str = "0"


def underlying(base: str) -> tuple[str, int]:
    """The asset behind a base and how many of it are one unit: 1000PEPE -> (PEPE, 1000), SHIB1000 -> (SHIB, 1000)."""
    found = _MULTIPLIED.match(base)
    if found is None:
        return base, 1
    return found["asset"], int(found["before"] or found["after"] or 1)


def quarter_end(now_ms: int) -> datetime:
    """The first quarterly delivery more than a day after `now_ms`: last Friday of the quarter, 08:00 UTC."""
    earliest = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(days=1)
    year, month = earliest.year, (earliest.month + 2) // 3 * 3
    if _last_friday(year, month) <= earliest:
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return _last_friday(year, month)


def binance(now_ms: int) -> tuple[Instrument, ...]:
    """Spot, USD-M and COIN-M; the dated ones are delivered at the end of the quarter of `now_ms`."""
    delivery = quarter_end(now_ms)
    coins = [_future("coinm", f"{c.base}USD_PERP", c, "USD", _BINANCE_FEES) for c in _BINANCE_COINM]
    return (
        *(_spot(base, grid, _SPOT_DISPLAY) for base, grid in _BINANCE_SPOT),
        *(_future("usdm", f"{c.base}USDT", c, "USDT", _BINANCE_FEES) for c in _BINANCE_USDM),
        _future("usdm", f"BTCUSDT_{delivery:%y%m%d}", _BINANCE_USDM[0], "USDT", _BINANCE_FEES, delivery),
        *coins,
        _future("coinm", f"BTCUSD_{delivery:%y%m%d}", _BINANCE_COINM[0], "USD", _BINANCE_FEES, delivery),
    )


def bybit(now_ms: int) -> tuple[Instrument, ...]:
    """Spot, linear and inverse; the dated one is delivered at the end of the quarter of `now_ms`."""
    delivery = quarter_end(now_ms)
    dated = f"BTCUSDT-{delivery:%d%b%y}".upper()
    found = (
        *(_spot(base, grid, None) for base, grid in _BYBIT_SPOT),
        *(_future("linear", f"{c.base}USDT", c, "USDT", _BYBIT_FEES) for c in _BYBIT_LINEAR),
        _future("linear", dated, _BYBIT_LINEAR[0], "USDT", _BYBIT_FEES, delivery),
        *(_future("inverse", f"{c.base}USD", c, "USD", _BYBIT_FEES) for c in _BYBIT_INVERSE),
    )
    for one in found:
        waiting = BYBIT_WAITING_SPOT if one.kind == "spot" else BYBIT_WAITING
        one.filters = replace(one.filters, orders_max=BYBIT_OPEN, algo_orders_max=waiting)
    return found


def _spot(base: str, grid: Grid, display: int | None) -> Instrument:
    return Instrument(
        category="spot",
        name=f"{base}USDT",
        kind="spot",
        base=base,
        quote="USDT",
        settle="USDT",
        index=f"{base}USDT",
        filters=grid.filters(),
        price_places=_places(grid.tick) if display is None else display,
        quantity_places=_places(grid.lot) if display is None else display,
        maker_fee=_scaled("0.001"),
        taker_fee=_scaled("0.001"),
        listed_ms=LISTED_MS,
    )


def _future(
    category: Category,
    name: str,
    contract: Contract,
    quote: str,
    fees: tuple[str, str],
    delivery: datetime | None = None,
) -> Instrument:
    face, expiry_ms = _scaled(contract.face), None if delivery is None else int(delivery.timestamp()) * 1000
    return Instrument(
        category=category,
        name=name,
        kind="inverse" if face else "linear",
        base=contract.base,
        quote=quote,
        settle=contract.base if face else quote,
        index=f"{contract.base}{quote}",
        filters=contract.grid.filters(),
        price_places=_places(contract.grid.tick),
        quantity_places=_places(contract.grid.lot),
        maker_fee=_scaled(fees[0]),
        taker_fee=_scaled(fees[1]),
        face=face,
        tiers=ladders.tiers(contract.ladder),
        funding=_terms(contract) if expiry_ms is None else None,
        expiry_ms=expiry_ms,
        listed_ms=LISTED_MS if expiry_ms is None else expiry_ms - DATED_LIFE_MS,
    )


def _terms(contract: Contract) -> FundingTerms:
    cap = _scaled(contract.cap)
    return FundingTerms(contract.hours * HOUR_MS, cap, -cap, INTEREST_PER_8H)


def _last_friday(year: int, month: int) -> datetime:
    after = datetime(year + month // 12, month % 12 + 1, 1, DELIVERY_HOUR, tzinfo=UTC)
    last = after - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - FRIDAY) % 7)


def _scaled(text: str) -> int:
    return scaled(Decimal(text))


def _places(step: str) -> int:
    return len(step.partition(".")[2])


# Of the maker, of the taker.
_BINANCE_FEES = ("0.0002", "0.0005")
_BYBIT_FEES = ("0.0002", "0.00055")

_BINANCE_SPOT = (
    ("BTC", Grid(tick="0.01", lot="0.00001", largest="9000", market="120")),
    ("ETH", Grid(tick="0.01", lot="0.0001", largest="9000", market="2400")),
    ("SOL", Grid(tick="0.01", lot="0.001", largest="90000", market="9000")),
    ("XRP", Grid(tick="0.0001", lot="0.1", largest="9222449", market="2600000")),
    ("ADA", Grid(tick="0.0001", lot="0.1", largest="900000", market="900000")),
    ("PEPE", Grid(tick="0.00000001", lot="1", largest="92141578000", market="9000000000", notional_min="1")),
    ("USDC", Grid(tick="0.0001", lot="1", largest="9000000", market="9000000", up="1.1", down="0.9")),
    ("FDUSD", Grid(tick="0.0001", lot="1", largest="9000000", market="9000000", up="1.1", down="0.9")),
)
_BINANCE_USDM = (
    Contract(
        base="BTC",
        grid=Grid(tick="0.1", lot="0.001", largest="1000", market="120", notional_min="100", up="1.05", down="0.95"),
        ladder=ladders.LARGE,
        cap="0.003",
    ),
    Contract(
        base="ETH",
        grid=Grid(tick="0.01", lot="0.001", largest="10000", market="2000", notional_min="20", up="1.05", down="0.95"),
        ladder=ladders.LARGE,
        cap="0.003",
    ),
    Contract(
        base="SOL",
        grid=Grid(tick="0.01", lot="0.01", largest="1000000", market="5000", up="1.05", down="0.95"),
        ladder=ladders.MIDDLE,
    ),
    Contract(
        base="XRP",
        grid=Grid(tick="0.0001", lot="0.1", largest="10000000", market="2000000", up="1.05", down="0.95"),
        ladder=ladders.MIDDLE,
    ),
    Contract(
        base="ADA",
        grid=Grid(tick="0.0001", lot="1", largest="2000000", market="300000", up="1.1", down="0.9"),
        ladder=ladders.SMALL,
    ),
    Contract(
        base="1000PEPE",
        grid=Grid(tick="0.0000001", lot="1", largest="10000000", market="8000000", up="1.15", down="0.85"),
        ladder=ladders.SMALL,
        hours=4,
    ),
    Contract(
        base="WIF",
        grid=Grid(tick="0.0001", lot="0.1", largest="1000000", market="100000", up="1.15", down="0.85"),
        ladder=ladders.SMALL,
        hours=1,
    ),
    Contract(
        base="DEFI",
        grid=Grid(tick="0.1", lot="0.001", largest="10000", market="1000", up="1.1", down="0.9"),
        ladder=ladders.SMALL,
    ),
)
_BINANCE_COINM = (
    Contract(
        base="BTC",
        grid=Grid(tick="0.1", lot="1", largest="1000000", market="60000", notional_min="0", up="1.05", down="0.95"),
        ladder=ladders.BTC_COINS,
        cap="0.003",
        face="100",
    ),
    Contract(
        base="ETH",
        grid=Grid(tick="0.01", lot="1", largest="1000000", market="60000", notional_min="0", up="1.05", down="0.95"),
        ladder=ladders.ETH_COINS,
        cap="0.003",
        face="10",
    ),
)
_BYBIT_SPOT = (
    ("BTC", Grid(tick="0.01", lot="0.000001", smallest="0.000011", largest="83", market="41")),
    ("ETH", Grid(tick="0.01", lot="0.00001", smallest="0.00007", largest="2400", market="1200")),
    ("SOL", Grid(tick="0.01", lot="0.001", smallest="0.005", largest="34000", market="17000")),
    ("XRP", Grid(tick="0.0001", lot="0.01", smallest="0.7", largest="1990000", market="990000")),
    ("USDC", Grid(tick="0.0001", lot="0.01", smallest="1", largest="7000000", market="3500000", up="1.1", down="0.9")),
)
_BYBIT_LINEAR = (
    Contract(
        base="BTC",
        grid=Grid(tick="0.1", lot="0.001", largest="1190", market="500", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_LARGE,
        cap="0.005",
    ),
    Contract(
        base="ETH",
        grid=Grid(tick="0.01", lot="0.01", largest="7240", market="3620", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_LARGE,
        cap="0.005",
    ),
    Contract(
        base="SOL",
        grid=Grid(tick="0.01", lot="0.1", largest="79770", market="15600", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_SMALL,
        cap="0.01",
    ),
    Contract(
        base="XRP",
        grid=Grid(tick="0.0001", lot="0.1", largest="4000000", market="1500000", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_SMALL,
        cap="0.01",
    ),
    Contract(
        base="1000PEPE",
        grid=Grid(tick="0.0000001", lot="100", largest="120000000", market="30000000", up="1.1", down="0.9"),
        ladder=ladders.BYBIT_SMALL,
        hours=4,
    ),
    Contract(
        base="SHIB1000",
        grid=Grid(tick="0.000001", lot="10", largest="20000000", market="8000000", up="1.1", down="0.9"),
        ladder=ladders.BYBIT_SMALL,
        hours=1,
    ),
)
_BYBIT_INVERSE = (
    Contract(
        base="BTC",
        grid=Grid(tick="0.5", lot="1", largest="4000000", market="2000000", notional_min="0", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_BTC_COINS,
        cap="0.005",
        face="1",
    ),
    Contract(
        base="ETH",
        grid=Grid(tick="0.05", lot="1", largest="4000000", market="2000000", notional_min="0", up="1.05", down="0.95"),
        ladder=ladders.BYBIT_ETH_COINS,
        cap="0.005",
        face="1",
    ),
)
