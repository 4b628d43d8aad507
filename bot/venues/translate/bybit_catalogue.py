"""Bybit's instruments, risk limits and fees as `Instrument` values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bot.domain.instrument import Instrument, Kind, Tier
from bot.domain.units import MILLISECOND_NS, ONE, ZERO, Asset, Nanos
from bot.venues.bybit_routes import LINEAR, SPOT, UNIFIED, instrument_name
from bot.venues.translate.binance import Unreadable, finite, plain
from bot.venues.translate.bybit import optional
from bot.venues.translate.catalogue import Fees

if TYPE_CHECKING:
    from collections.abc import Iterable

TRADING = "Trading"


class _Lots(msgspec.Struct, frozen=True, rename="camel"):
    min_order_qty: str = ""
    max_order_qty: str = ""
    max_limit_order_qty: str = ""
    qty_step: str = ""
    base_precision: str = ""
    min_notional_value: str = ""
    min_order_amt: str = ""


class _Prices(msgspec.Struct, frozen=True, rename="camel"):
    tick_size: str


class InstrumentRow(msgspec.Struct, frozen=True, rename="camel"):
    """One row of instruments-info, of the spot or the linear category."""

    symbol: str
    status: str
    base_coin: str
    quote_coin: str
    lot_size_filter: _Lots
    price_filter: _Prices
    settle_coin: str = ""
    delivery_time: str = "0"


class _Named(msgspec.Struct, frozen=True):
    symbol: str


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    list: tuple[msgspec.Raw, ...]
    next_page_cursor: str | None = ""


class InstrumentPage(msgspec.Struct, frozen=True):
    """A page of instruments: the wanted rows, the names of all, and where the next page begins."""

    rows: tuple[InstrumentRow, ...]
    names: tuple[str, ...]
    next: str


_page, _named = msgspec.json.Decoder(_Page).decode, msgspec.json.Decoder(_Named).decode
_row = msgspec.json.Decoder(InstrumentRow).decode


def instrument_page(body: bytes, symbols: frozenset[str]) -> InstrumentPage:
    """A page of instruments-info, of which the rows of `symbols` alone are read."""
    page = _page(body)
    named = [(raw, _named(raw).symbol) for raw in page.list]
    rows = tuple(_row(raw) for raw, symbol in named if symbol in symbols)
    return InstrumentPage(rows, tuple(symbol for _, symbol in named), (page.next_page_cursor or "") if named else "")


def spot_instrument(row: InstrumentRow, rates: Fees) -> Instrument:
    """A spot pair."""
    lots = row.lot_size_filter
    return Instrument(
        id=instrument_name(SPOT, row.symbol),
        account=UNIFIED,
        symbol=row.symbol,
        kind=Kind.SPOT,
        base=Asset(row.base_coin),
        quote=Asset(row.quote_coin),
        settle=Asset(row.quote_coin),
        tick=_positive(row, row.price_filter.tick_size),
        lot=_positive(row, lots.base_precision),
        contracts_min=_at_least_zero(row, lots.min_order_qty or "0"),
        contracts_max=_positive(row, lots.max_limit_order_qty or lots.max_order_qty),
        notional_min=_at_least_zero(row, lots.min_order_amt),
        taker_fee=rates.taker,
        maker_fee=rates.maker,
        trading=row.status == TRADING,
    )


def linear_instrument(row: InstrumentRow, rates: Fees, tiers: tuple[Tier, ...]) -> Instrument:
    """A linear contract. One contract is one coin of what the venue calls the base coin.

    A perpetual that is to be taken off the list says when, as a dated contract does.

    A reduce-only order below the smallest notional is taken where it closes the position.
    """
    lots = row.lot_size_filter
    delivers_ms = int(optional(row.delivery_time))
    return Instrument(
        id=instrument_name(LINEAR, row.symbol),
        account=UNIFIED,
        symbol=row.symbol,
        kind=Kind.LINEAR,
        base=Asset(row.base_coin),
        quote=Asset(_quoted(row)),
        settle=Asset(row.settle_coin or row.quote_coin),
        tick=_positive(row, row.price_filter.tick_size),
        lot=_positive(row, lots.qty_step),
        contract_size=ONE,
        contracts_min=_at_least_zero(row, lots.min_order_qty),
        contracts_max=_positive(row, lots.max_order_qty),
        notional_min=_at_least_zero(row, lots.min_notional_value or "0"),
        reduce_only_below_minimum=True,
        taker_fee=rates.taker,
        maker_fee=rates.maker,
        expiry_ns=Nanos(delivers_ms * MILLISECOND_NS) if delivers_ms > 0 else None,
        trading=row.status == TRADING,
        tiers=tiers,
    )


def _quoted(row: InstrumentRow) -> str:
    """What the price counts: a contract on USDC is quoted in USD by name and settles in USDC."""
    return row.settle_coin if row.quote_coin == "USD" and row.settle_coin else row.quote_coin


def _positive(row: InstrumentRow, text: str) -> Decimal:
    value = optional(text)
    if value <= 0:
        raise Unreadable(f"{row.symbol}: a filter without its value")
    return Decimal(plain(value))


def _at_least_zero(row: InstrumentRow, text: str) -> Decimal:
    value = optional(text)
    if not text or value < 0:
        raise Unreadable(f"{row.symbol}: a filter without its value")
    return Decimal(plain(value))


class _Risk(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    risk_limit_value: Decimal
    maintenance_margin: Decimal | float
    mm_deduction: str = ""


class _Risks(msgspec.Struct, frozen=True):
    list: tuple[_Risk, ...]


_risks = msgspec.json.Decoder(_Risks).decode


def risk_tiers(body: bytes, symbol: str) -> tuple[Tier, ...]:
    """A symbol's maintenance-margin tiers, the lowest first. Bybit names where each ends; it begins where another did.

    Rows may leave the deduction out: it then follows from margin being continuous where one tier ends.
    """
    rows = sorted((row for row in _risks(body).list if row.symbol == symbol), key=lambda row: row.risk_limit_value)
    tiers: list[Tier] = []
    floor = ZERO
    for row in rows:
        rate = Decimal(str(row.maintenance_margin))
        finite(row.risk_limit_value, rate)
        if not 0 < rate < 1 or row.risk_limit_value <= floor:
            raise Unreadable(f"{symbol}: a risk limit with an impossible rate or bound")
        before = tiers[-1] if tiers else Tier(ZERO, rate, ZERO)
        follows = before.deduction + floor * (rate - before.rate)
        tiers.append(Tier(floor, rate, optional(row.mm_deduction) if row.mm_deduction else follows))
        floor = row.risk_limit_value
    if not tiers:
        raise Unreadable(f"{symbol}: no risk limits")
    return tuple(tiers)


class _FeeRow(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    taker_fee_rate: Decimal
    maker_fee_rate: Decimal


class _FeeRows(msgspec.Struct, frozen=True):
    list: tuple[_FeeRow, ...]


def fee_rates(body: bytes, symbols: Iterable[str]) -> dict[str, Fees]:
    """The account's fee rates of these symbols, as far as they are listed."""
    wanted, found = frozenset(symbols), {}
    for row in msgspec.json.decode(body, type=_FeeRows).list:
        if row.symbol not in wanted:
            continue
        finite(row.taker_fee_rate, row.maker_fee_rate)
        if not -1 < row.maker_fee_rate < 1 or not 0 <= row.taker_fee_rate < 1:
            raise Unreadable(f"{row.symbol}: impossible fee rates")
        found[row.symbol] = Fees(row.taker_fee_rate, row.maker_fee_rate)
    return found


class _TickerRow(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    mark_price: str = ""


class _Tickers(msgspec.Struct, frozen=True):
    list: tuple[_TickerRow, ...]


def mark_prices(body: bytes) -> dict[str, Decimal]:
    """Mark prices by symbol; what has none is left out, one below zero is refused."""
    found = {row.symbol: optional(row.mark_price) for row in msgspec.json.decode(body, type=_Tickers).list}
    if any(price < 0 for price in found.values()):
        raise Unreadable("a mark price below zero")
    return {symbol: price for symbol, price in found.items() if price}
