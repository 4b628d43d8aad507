"""Binance's answers about a key's rights and an account's modes."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class KeyScope(msgspec.Struct, frozen=True, rename="camel"):
    """What a key may do. Every right that is judged is required: one that is not stated is not assumed."""

    ip_restrict: bool
    enable_reading: bool
    enable_withdrawals: bool
    enable_internal_transfer: bool
    permits_universal_transfer: bool
    enable_futures: bool
    enable_spot_and_margin_trading: bool = False
    """Not stated is not granted: it is asked for only where coins are to be sold."""
    trading_authority_expiration_time: int | None = None


class _PositionMode(msgspec.Struct, frozen=True, rename="camel"):
    dual_side_position: bool


class _AssetMode(msgspec.Struct, frozen=True, rename="camel"):
    multi_assets_margin: bool


class SymbolSetting(msgspec.Struct, frozen=True, rename="camel"):
    """Margin type and leverage of one symbol, and the largest position that the venue allows at that leverage."""

    symbol: str
    margin_type: str
    leverage: int
    max_notional_value: Decimal | None = None


def key_scope(body: bytes) -> KeyScope:
    """The rights of the key that asks."""
    return msgspec.json.decode(body, type=KeyScope)


def hedge_mode(body: bytes) -> bool:
    """Whether long and short positions are held apart."""
    return msgspec.json.decode(body, type=_PositionMode).dual_side_position


def multi_assets_mode(body: bytes) -> bool:
    """Whether every asset of the futures wallet is collateral of every position."""
    return msgspec.json.decode(body, type=_AssetMode).multi_assets_margin


def symbol_settings(body: bytes) -> dict[str, SymbolSetting]:
    """Settings by symbol."""
    return {row.symbol: row for row in msgspec.json.decode(body, type=list[SymbolSetting])}
