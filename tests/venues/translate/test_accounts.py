"""Account answers: what is believed, and what an answer that is too short may not claim."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import Asset
from bot.venues.translate.accounts import (
    margin_state,
    position_rows,
    positions,
    spot_wallet,
    usdm_account,
    usdm_balances,
)
from bot.venues.translate.binance import Unreadable
from tests.venues.canned import BTC, USDT

REFUSED = (msgspec.MsgspecError, ValueError)
TRACKED = {"BTCUSDT": BTC}
AMOUNTS = (
    "walletBalance marginBalance maintMargin initialMargin positionInitialMargin availableBalance "
    "unrealizedProfit openOrderInitialMargin"
).split()


def asset_row(**changes: Any) -> dict[str, Any]:
    """A USDT wallet that carries one short."""
    row = dict.fromkeys(AMOUNTS, "0.00000000")
    held = {"walletBalance": "50000.5", "marginBalance": "49990.5", "maintMargin": "120.02710820"}
    more = {"initialMargin": "1500.33885245", "positionInitialMargin": "1500.33885245", "availableBalance": "48490.1"}
    return {"asset": "USDT", **row, **held, **more, **changes}


def account_body(*, assets: Any = None, listed: Any = None, **changes: Any) -> bytes:
    """The USD-M account with its short of 0.5 BTC."""
    short = {
        "symbol": "BTCUSDT",
        "positionSide": "BOTH",
        "positionAmt": "-0.500",
        "maintMargin": "120.02710820",
        "initialMargin": "1500.33885245",
    }
    totals = {
        "totalWalletBalance": "50000.5",
        "totalMarginBalance": "49990.5",
        "totalMaintMargin": "120.02710820",
        "totalPositionInitialMargin": "1500.33885245",
    }
    rows = [asset_row()] if assets is None else assets
    return json.dumps(
        {**totals, **changes, "assets": rows, "positions": [short] if listed is None else listed}
    ).encode()


def rows_body(*rows: dict[str, Any]) -> bytes:
    """The position endpoint; by default with the same short."""
    short = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.500", "entryPrice": "60013"}
    return json.dumps(rows or [short]).encode()


def test_two_sources_that_agree_are_believed() -> None:
    """A position that both endpoints state, within its margins, is the position."""
    (found,) = positions(usdm_account(account_body()), position_rows(rows_body()), TRACKED)

    assert (BTC, Decimal("-0.5"), Decimal(60_013)) == (found.instrument, found.contracts, found.entry_price)


def test_a_flat_account_is_flat_when_its_totals_say_so() -> None:
    """Zero is told for every tracked symbol once nothing contradicts it."""
    zero = dict.fromkeys(("maintMargin", "initialMargin", "positionInitialMargin"), "0")
    body = account_body(assets=[asset_row(**zero)], listed=[], totalMaintMargin="0", totalPositionInitialMargin="0")
    (found,) = positions(usdm_account(body), position_rows(b"[]"), TRACKED)

    assert Decimal(0) == found.contracts


def test_an_empty_position_list_beside_a_full_account_is_refused() -> None:
    """The flat illusion: one endpoint that answers [] is not a flat account."""
    with pytest.raises(Unreadable, match="BTCUSDT"):
        positions(usdm_account(account_body()), position_rows(b"[]"), TRACKED)


def test_two_empty_lists_do_not_outvote_the_margin_totals() -> None:
    """Both lists empty, and margin still held for something: nothing is flat."""
    with pytest.raises(Unreadable, match="margin"):
        positions(usdm_account(account_body(listed=[])), position_rows(b"[]"), TRACKED)


@pytest.mark.parametrize(
    "kept", ["maintMargin", "positionInitialMargin", "totalMaintMargin", "totalPositionInitialMargin"]
)
def test_each_margin_total_alone_is_enough_to_contradict(kept: str) -> None:
    """Any one total that needs a position keeps the account from being called flat."""
    zero = {name: "0" for name in ("maintMargin", "initialMargin", "positionInitialMargin") if name != kept}
    totals = {name: "0" for name in ("totalMaintMargin", "totalPositionInitialMargin") if name != kept}
    body = account_body(assets=[asset_row(**zero)], listed=[], **totals)

    with pytest.raises(Unreadable, match="margin"):
        positions(usdm_account(body), position_rows(b"[]"), TRACKED)


def test_a_position_that_one_source_has_otherwise_is_refused() -> None:
    """A fill between two reads is not a position of either kind: the next read will tell."""
    moved = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.400", "entryPrice": "60013"}

    with pytest.raises(Unreadable, match="differ"):
        positions(usdm_account(account_body()), position_rows(rows_body(moved)), TRACKED)


def test_positions_of_hedge_mode_are_refused() -> None:
    """Two-sided positions are never netted in silence."""
    side = {"symbol": "BTCUSDT", "positionSide": "SHORT", "positionAmt": "-0.500", "entryPrice": "60013"}

    with pytest.raises(Unreadable, match="hedge mode"):
        positions(usdm_account(account_body()), position_rows(rows_body(side)), TRACKED)


def test_a_position_without_an_entry_price_is_refused() -> None:
    """A row that lost its price has lost more."""
    with pytest.raises(REFUSED):
        position_rows(rows_body({"symbol": "X", "positionSide": "BOTH", "positionAmt": "1", "entryPrice": "0"}))


@pytest.mark.parametrize("body", [b"{}", b"null", b'{"assets":[],"positions":[]}', account_body(assets=[])])
def test_an_account_without_assets_is_refused(body: bytes) -> None:
    """An empty account is not an account of zero."""
    with pytest.raises(REFUSED):
        usdm_account(body)


@given(st.integers(1, len(account_body()) - 1))
def test_an_account_cut_anywhere_is_refused(length: int) -> None:
    """No cut of the answer passes."""
    with pytest.raises(REFUSED):
        usdm_account(account_body()[:length])


@given(st.integers(1, len(rows_body()) - 1))
def test_positions_cut_anywhere_are_refused(length: int) -> None:
    """No cut of the position list passes for a shorter list."""
    with pytest.raises(REFUSED):
        position_rows(rows_body()[:length])


@pytest.mark.parametrize("changes", [{"walletBalance": "NaN"}, {"maintMargin": "-1"}, {"asset": ""}])
def test_an_impossible_asset_is_refused(changes: dict[str, str]) -> None:
    """Not-a-number, a margin below zero and a coin without a name are no balances."""
    with pytest.raises(REFUSED):
        usdm_account(account_body(assets=[asset_row(**changes)]))


def test_margin_is_that_of_the_settlement_wallet() -> None:
    """The figures of another currency's wallet do not mix in."""
    account = usdm_account(account_body(assets=[asset_row(asset="USDC", marginBalance="1"), asset_row()]))

    assert Decimal("49990.5") == margin_state(account, USDT).margin_balance
    assert [Asset("USDC"), USDT] == [balance.asset for balance in usdm_balances(account)]


def test_a_missing_settlement_wallet_is_no_zero() -> None:
    """An account that does not list the settlement currency says so in words."""
    with pytest.raises(Unreadable, match="no BUSD"):
        margin_state(usdm_account(account_body()), Asset("BUSD"))


def test_a_spot_balance_is_free_and_locked_together() -> None:
    """Coins in open orders are held all the same, and tracked coins are told at zero."""
    body = {
        "balances": [
            {"asset": a, "free": f, "locked": k}
            for a, f, k in (("BTC", "1.5", "0.5"), ("ETH", "0", "0"), ("X", "0", "0"))
        ]
    }
    found = spot_wallet(json.dumps(body).encode()).balances([Asset("ETH"), Asset("SOL")])

    assert {"BTC": Decimal(2), "ETH": Decimal(0)} == {balance.asset: balance.total for balance in found}


@pytest.mark.parametrize(
    "body",
    [
        b'{"balances":[]}',
        b"{}",
        b"[]",
        b'{"balances":[{"asset":"BTC","free":"1"}]}',
        b'{"balances":[{"asset":"BTC","free":"-1","locked":"0"}]}',
        b'{"balances":[{"asset":"BTC","free":"1","locked":"0"},{"asset":"BTC","free":"1","locked":"0"}]}',
    ],
)
def test_a_spot_account_that_cannot_be_right_is_refused(body: bytes) -> None:
    """Empty, half a row, below zero or twice the same coin: holdings are never read as zero from that."""
    with pytest.raises(REFUSED):
        spot_wallet(body)
