"""Binance's exchangeInfo, margin brackets and fees as `Instrument` values."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.domain.instrument import Instrument, Kind, Tier, instrument_id
from bot.domain.units import MILLISECOND_NS, ONE, ZERO, Asset, Nanos
from bot.venues.budget import Limits
from bot.venues.routes import SPOT, USDM
from bot.venues.translate.binance import Unreadable, finite, plain

NEVER_MS = 4_000_000_000_000
"""A perpetual's delivery date lies beyond this, unless it is being delisted."""
PERCENT = Decimal(100)


class _Filter(msgspec.Struct, frozen=True, rename="camel"):
    filter_type: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    notional: Decimal | None = None
    min_notional: Decimal | None = None


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One symbol of exchangeInfo, spot or USD-M."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    margin_asset: str = ""
    delivery_date: int = 0
    maint_margin_percent: Decimal = ZERO

    def filter(self, *names: str) -> _Filter:
        """The first filter with one of these names."""
        for name in names:
            for found in self.filters:
                if found.filter_type == name:
                    return found
        raise Unreadable(f"{self.symbol}: no filter {' or '.join(names)}")


class _RateLimit(msgspec.Struct, frozen=True, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What a market trades and how often it may be asked."""

    symbols: list[SymbolRow]
    rate_limits: list[_RateLimit]

    def limits(self, stated: Limits) -> Limits:
        """The rate limits; what the venue does not state, or states as nothing at all, stays as in `stated`."""
        found = {(row.rate_limit_type, row.interval, row.interval_num): row.limit for row in self.rate_limits}
        found = {key: limit for key, limit in found.items() if limit > 0}
        return Limits(
            weight_per_minute=found.get(("REQUEST_WEIGHT", "MINUTE", 1), stated.weight_per_minute),
            orders_per_10s=found.get(("ORDERS", "SECOND", 10), stated.orders_per_10s),
            orders_per_minute=found.get(("ORDERS", "MINUTE", 1), stated.orders_per_minute),
        )


class Fees(msgspec.Struct, frozen=True):
    """Fee rates as fractions of notional; negative is a rebate."""

    taker: Decimal
    maker: Decimal


class _Bracket(msgspec.Struct, frozen=True, rename="camel"):
    notional_floor: Decimal
    notional_cap: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal


class _Brackets(msgspec.Struct, frozen=True):
    symbol: str
    brackets: list[_Bracket]


class _Commission(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


def exchange_info(body: bytes) -> ExchangeInfo:
    """The whole of exchangeInfo. An empty list of symbols is refused."""
    found = msgspec.json.decode(body, type=ExchangeInfo)
    if not found.symbols:
        raise Unreadable("an exchange without symbols")
    return found


class _Rows(msgspec.Struct, frozen=True, rename="camel"):
    symbols: list[msgspec.Raw]
    rate_limits: list[_RateLimit]


class _Named(msgspec.Struct, frozen=True):
    symbol: str


_rows, _named, _row = msgspec.json.Decoder(_Rows), msgspec.json.Decoder(_Named), msgspec.json.Decoder(SymbolRow)


def rows_of(body: bytes, symbols: frozenset[str]) -> ExchangeInfo:
    """The rows of some symbols out of a whole exchangeInfo, in many short steps: a thread that does it lets others in.

    An empty list of symbols is refused, for nothing of it would be true.
    """
    whole = _rows.decode(body)
    if not whole.symbols:
        raise Unreadable("an exchange without symbols")
    wanted = [row for row in whole.symbols if _named.decode(row).symbol in symbols]
    return ExchangeInfo([_row.decode(row) for row in wanted], whole.rate_limits)


def tiers(body: bytes) -> dict[str, tuple[Tier, ...]]:
    """Maintenance-margin brackets by symbol: one object, or a list of them."""
    if body.lstrip().startswith(b"["):
        rows = msgspec.json.decode(body, type=list[_Brackets])
    else:
        rows = [msgspec.json.decode(body, type=_Brackets)]
    return {row.symbol: _tiers(row) for row in rows}


def _tiers(row: _Brackets) -> tuple[Tier, ...]:
    ordered = sorted(row.brackets, key=lambda b: b.notional_floor)
    if not ordered or ordered[0].notional_floor != 0:
        raise Unreadable(f"{row.symbol}: margin brackets that do not begin at 0")
    for bracket in ordered:
        finite(bracket.notional_floor, bracket.maint_margin_ratio, bracket.cum)
        if not 0 < bracket.maint_margin_ratio <= 1 or bracket.cum < 0:
            raise Unreadable(f"{row.symbol}: a margin bracket with an impossible rate")
    return tuple(Tier(b.notional_floor, b.maint_margin_ratio, b.cum) for b in ordered)


def fees(body: bytes) -> Fees:
    """The account's fee rates of one symbol."""
    found = msgspec.json.decode(body, type=_Commission)
    finite(found.taker_commission_rate, found.maker_commission_rate)
    if not -1 < found.maker_commission_rate < 1 or not 0 <= found.taker_commission_rate < 1:
        raise Unreadable(f"{found.symbol}: impossible fee rates")
    return Fees(found.taker_commission_rate, found.maker_commission_rate)


def spot_instrument(row: SymbolRow, rates: Fees) -> Instrument:
    """A spot pair: read-only for us, it prices and it counts holdings."""
    lot, price = row.filter("LOT_SIZE"), row.filter("PRICE_FILTER")
    least = row.filter("NOTIONAL", "MIN_NOTIONAL")
    return Instrument(
        id=instrument_id(SPOT, row.symbol),
        account=SPOT,
        symbol=row.symbol,
        kind=Kind.SPOT,
        base=Asset(row.base_asset),
        quote=Asset(row.quote_asset),
        settle=Asset(row.quote_asset),
        tick=_positive(row, price.tick_size),
        lot=_positive(row, lot.step_size),
        contracts_min=_at_least_zero(row, lot.min_qty),
        contracts_max=_positive(row, lot.max_qty),
        notional_min=_at_least_zero(row, least.min_notional if least.min_notional is not None else least.notional),
        taker_fee=rates.taker,
        maker_fee=rates.maker,
        trading=row.status == "TRADING",
    )


def usdm_instrument(row: SymbolRow, rates: Fees, brackets: tuple[Tier, ...]) -> Instrument:
    """A USD-M future. One contract is one coin of what the venue calls the base asset (`1000PEPE` is one such).

    Without brackets (they need a key) the venue's flat maintenance rate stands in, which is the stricter one.
    """
    lot, price = row.filter("LOT_SIZE"), row.filter("PRICE_FILTER")
    flat = (Tier(ZERO, row.maint_margin_percent / PERCENT, ZERO),) if row.maint_margin_percent > 0 else ()
    return Instrument(
        id=instrument_id(USDM, row.symbol),
        account=USDM,
        symbol=row.symbol,
        kind=Kind.LINEAR,
        base=Asset(row.base_asset),
        quote=Asset(row.quote_asset),
        settle=Asset(row.margin_asset or row.quote_asset),
        tick=_positive(row, price.tick_size),
        lot=_positive(row, lot.step_size),
        contract_size=ONE,
        contracts_min=_at_least_zero(row, lot.min_qty),
        contracts_max=_positive(row, lot.max_qty),
        notional_min=_at_least_zero(row, row.filter("MIN_NOTIONAL").notional),
        reduce_only_below_minimum=True,
        taker_fee=rates.taker,
        maker_fee=rates.maker,
        expiry_ns=Nanos(row.delivery_date * MILLISECOND_NS) if 0 < row.delivery_date < NEVER_MS else None,
        trading=row.status == "TRADING",
        tiers=brackets or flat,
    )


def _positive(row: SymbolRow, value: Decimal | None) -> Decimal:
    if value is None or not value.is_finite() or value <= 0:
        raise Unreadable(f"{row.symbol}: a filter without its value")
    return Decimal(plain(value))


def _at_least_zero(row: SymbolRow, value: Decimal | None) -> Decimal:
    if value is None or not value.is_finite() or value < 0:
        raise Unreadable(f"{row.symbol}: a filter without its value")
    return Decimal(plain(value))
