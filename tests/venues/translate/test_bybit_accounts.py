"""Bybit's unified account: coins once, margin in the settlement currency, and lists that must agree with totals."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.account import Balance
from bot.domain.units import Asset
from bot.venues.translate.accounts import Disagreement
from bot.venues.translate.binance import Unreadable
from bot.venues.translate.bybit_accounts import (
    PositionRow,
    UnifiedWallet,
    account_info,
    key_scope,
    position_page,
    positions,
    symbol_modes,
    wallet,
)
from tests.venues.bybitkit import BTC, USDT

TRACKED = {"BTCUSDT": BTC}


def account(*coins: dict[str, Any], **changes: Any) -> bytes:
    """The answer of the wallet endpoint."""
    row = {
        "accountType": "UNIFIED",
        "accountMMRate": "0.02",
        "totalMarginBalance": "10000",
        "totalAvailableBalance": "7000",
        "totalInitialMargin": "1000",
        "totalMaintenanceMargin": "200",
        "coin": [usdt(), *coins],
    }
    return json.dumps({"list": [{**row, **changes}]}).encode()


def usdt(**changes: Any) -> dict[str, Any]:
    """The settlement coin's row."""
    row = {"coin": "USDT", "walletBalance": "5000", "equity": "5000", "usdValue": "4950", "totalPositionMM": "0"}
    return {**row, **changes}


def row(**changes: Any) -> dict[str, Any]:
    """A position row of the REST endpoint."""
    found = {"symbol": "BTCUSDT", "side": "Sell", "size": "0.5", "positionIdx": 0, "avgPrice": "60000"}
    return {**found, "positionMM": "150", "leverage": "10", **changes}


def page(*listed: dict[str, Any]) -> tuple[PositionRow, ...]:
    """Rows as they are read."""
    return position_page(json.dumps({"list": listed, "nextPageCursor": ""}).encode()).rows


def test_what_was_borrowed_to_sell_is_not_owned() -> None:
    """A coin sold short on the spot market is negative, not absent."""
    found = wallet(account({"coin": "ETH", "walletBalance": "0", "spotBorrow": "0.06142", "locked": "0"}))

    assert Balance(Asset("ETH"), Decimal("-0.06142")) in found.balances()


def test_the_margin_is_told_in_the_settlement_currency_after_haircuts() -> None:
    """The account counts in dollars; 0.99 of them are a USDT, and what a haircut takes is no margin."""
    found = wallet(account()).margin(USDT)

    assert Decimal(8000) / Decimal("0.99") == found.margin_balance
    assert Decimal(200) / Decimal("0.99") == found.maintenance_margin
    assert Decimal(7000) / Decimal("0.99") == found.available


def test_the_stated_rate_outweighs_a_larger_balance() -> None:
    """The venue liquidates by its own rate: the balance that it implies counts where it is smaller."""
    found = wallet(account(accountMMRate="0.1")).margin(USDT)

    assert Decimal("0.1") == found.maintenance_margin / found.margin_balance


def test_isolated_margin_cannot_be_watched() -> None:
    """Account-wide figures are empty there."""
    with pytest.raises(Unreadable, match="cross margin"):
        wallet(account(totalMaintenanceMargin="")).margin(USDT)


@pytest.mark.parametrize(
    "broken",
    [
        b'{"list":[]}',
        b'{"list":[{"coin":[],"accountType":"CONTRACT"}]}',
        b"{}",
    ],
)
def test_anything_but_one_unified_account_is_refused(broken: bytes) -> None:
    """An empty list is no empty account."""
    with pytest.raises(ValueError, match=r".+"):
        wallet(broken)


def test_a_coin_twice_is_refused() -> None:
    """It would be counted once or twice, and nobody knows which."""
    with pytest.raises(Unreadable):
        wallet(account(usdt())).balances()


def test_a_short_is_negative_and_a_missing_row_flat() -> None:
    """Every tracked contract stands in the result."""
    (short,) = positions(wallet(account(usdt(totalPositionMM="150"))), page(row()), TRACKED, USDT)
    (flat,) = positions(wallet(account()), page(), TRACKED, USDT)

    assert (Decimal("-0.5"), Decimal(60000)) == (short.contracts, short.entry_price)
    assert Decimal(0) == flat.contracts


def account_of(margin: str) -> UnifiedWallet:
    """A wallet whose settlement coin margins positions."""
    found = json.loads(account())
    found["list"][0]["coin"][0]["totalPositionMM"] = margin
    return wallet(json.dumps(found).encode())


def test_margin_without_positions_is_a_disagreement() -> None:
    """A list that is too short must not look like a flat account."""
    with pytest.raises(Disagreement):
        positions(account_of("150"), page(), TRACKED, USDT)
    assert positions(account_of("150"), page(row()), TRACKED, USDT)


@pytest.mark.parametrize(
    "broken",
    [
        (row(positionIdx=1),),
        (row(), row()),
    ],
)
def test_hedge_mode_and_doubles_are_refused(broken: tuple[dict[str, Any], ...]) -> None:
    """Nothing is netted by guess."""
    with pytest.raises(Unreadable):
        positions(account_of("150"), page(*broken), TRACKED, USDT)


@pytest.mark.parametrize("changes", [{"size": "-1"}, {"side": ""}, {"avgPrice": "0"}, {"size": "nan"}])
def test_a_position_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    """An open position has a side and a price."""
    with pytest.raises(ValueError, match=r".+"):
        page(row(**changes))


def test_modes_of_a_symbol_are_asked_by_name() -> None:
    """Flat it is listed too; two sides mean hedge mode; nothing at all is refused."""
    flat = json.dumps({"list": [row(size="0", side="", avgPrice="0")]}).encode()
    sides = json.dumps(
        {"list": [row(size="0", side="", positionIdx=1), row(size="0", side="", positionIdx=2)]}
    ).encode()

    assert (True, 10) == (symbol_modes(flat, "BTCUSDT").one_way, symbol_modes(flat, "BTCUSDT").leverage)
    assert not symbol_modes(sides, "BTCUSDT").one_way
    with pytest.raises(Unreadable):
        symbol_modes(b'{"list":[]}', "BTCUSDT")


def test_the_modes_of_the_account() -> None:
    """Unified and cross, or something that is not supported."""
    cross = account_info(b'{"marginMode":"REGULAR_MARGIN","unifiedMarginStatus":5}')
    isolated = account_info(b'{"marginMode":"ISOLATED_MARGIN","unifiedMarginStatus":1}')

    assert (True, True) == (cross.cross, cross.unified)
    assert (False, False) == (isolated.cross, isolated.unified)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("http_get_wallet_balance", wallet),
        ("http_get_wallet_balance_with_spot_borrow", wallet),
        ("http_get_wallet_balance_spot_short", wallet),
        ("http_get_positions", position_page),
        ("http_get_account_info", account_info),
        ("http_get_user_query_api", key_scope),
    ],
)
def test_recorded_shapes_are_read(data_dir: Any, name: str, read: Any) -> None:
    """Answers as other people's adapters have them in their tests pass the schema."""
    place = data_dir / "shapes" / "bybit" / f"{name}.json"
    if not place.is_file():
        pytest.skip(f"no {place}")

    assert read(json.dumps(json.loads(place.read_bytes())["result"]).encode()) is not None
