"""Positions by hand in the accounts that are read, on contracts that the config does not name: they are told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.account import Uncounted
from bot.domain.events import AccountSeen
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.bybit_snapshot import COINS_LOOKED_MAX, BybitSnapshots
from bot.venues.routes import USDM
from tests.venues import bybitkit
from tests.venues.bybitkit import USDT, good, refused, rows
from tests.venues.canned import Canned, Clock
from tests.venues.test_snapshot import snapshots, usdm
from tests.venues.translate.test_accounts import account_body, rows_body

OWN = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.500", "entryPrice": "60013"}
MARGINS = {"maintMargin": "0", "initialMargin": "0"}


@pytest.mark.parametrize("symbol", ["BTCUSDC", "BTCUSDT_261225", "SOLUSDT"])
async def test_binance_tells_positions_of_other_contracts(symbol: str) -> None:
    """Of another settlement, dated, or of another coin: it stands beside what is counted, not among it."""
    short = {**OWN, "symbol": symbol, "positionAmt": "-0.2"}
    account = account_body(listed=[{**OWN, "maintMargin": "121", "initialMargin": "1501"}, {**short, **MARGINS}])
    (seen,) = await snapshots(usdm(Canned(), account=account, rows=rows_body(OWN, short))).account(USDM)

    assert isinstance(seen, AccountSeen)
    assert (Uncounted(symbol, Decimal("-0.2")),) == seen.snapshot.uncounted
    assert ["BTCUSDT"] == [one.instrument.partition(":")[2] for one in seen.snapshot.positions]


def row(symbol: str, size: str) -> dict[str, Any]:
    """A short of Bybit's list."""
    return {"symbol": symbol, "side": "Sell", "size": size, "avgPrice": "60000", "positionMM": "0"}


async def bybit(*lists: Any, **margins: str) -> tuple[Uncounted, ...]:
    """What a read of Bybit tells of such positions: coins by their maintenance margin, and the lists it answers."""
    account = dict.fromkeys(("totalMarginBalance", "totalAvailableBalance"), "10000")
    account |= dict.fromkeys(("totalInitialMargin", "totalMaintenanceMargin"), "0")
    listed = [{"coin": coin, "walletBalance": "5000", "totalPositionMM": margin} for coin, margin in margins.items()]
    canned = Canned()
    canned.lay(
        "GET", "/v5/account/wallet-balance", good({"list": [{"accountType": "UNIFIED", **account, "coin": listed}]})
    )
    canned.lay("GET", "/v5/position/list", *lists)
    canned.lay("GET", "/v5/order/realtime", rows())
    reads = BybitSnapshots(bybitkit.client(canned, Clock()), bybitkit.INSTRUMENTS.values(), USDT)
    (seen,) = await reads.account(BYBIT_UNIFIED)
    assert isinstance(seen, AccountSeen)
    asked = [one.params for one in canned.sent if one.path.endswith("position/list")]
    assert [("linear", "USDT")] == [(one["category"], one["settleCoin"]) for one in asked[:1]]
    assert all(one["settleCoin"] != "USDT" for one in asked[1:])
    return seen.snapshot.uncounted


async def test_bybit_tells_positions_of_other_symbols() -> None:
    """A contract in the settlement currency that the config does not name stands in the list that is read anyway."""
    assert (Uncounted("SOLUSDT", Decimal(-7)),) == await bybit(rows(row("SOLUSDT", "7")), USDT="0")


async def test_bybit_is_asked_for_what_settles_in_other_coins_where_they_margin_something() -> None:
    """USDC and inverse contracts stand in lists of their own: a coin that carries margin says that there are some."""
    lists = (rows(), rows(), rows(row("BTCUSD", "100")), rows(row("BTCPERP", "0.5")), rows())
    found = await bybit(*lists, BTC="0.001", ETH="0", USDC="40", USDT="0")

    assert (Uncounted("BTCUSD", Decimal(-100)), Uncounted("BTCPERP", Decimal("-0.5"))) == found


@pytest.mark.parametrize("answer", [rows(), refused(10_001, "params error")])
async def test_what_bybit_does_not_list_is_told_by_its_margin(answer: dict[str, Any]) -> None:
    """Options, or a list that cannot be had: the account stays readable, and the coin says what it margins."""
    assert (Uncounted("BTC-margined contracts", None),) == await bybit(rows(), answer, answer, BTC="0.001", USDT="0")


async def test_a_book_by_hand_in_many_coins_is_not_asked_for_coin_by_coin() -> None:
    """A few are looked into; the rest is told by the coins that margin it."""
    margins = {f"C{number}": "1" for number in range(COINS_LOOKED_MAX + 2)}
    found = await bybit(rows(), **margins, USDT="0")

    assert [f"{coin}-margined contracts" for coin in margins] == [one.name for one in found]
