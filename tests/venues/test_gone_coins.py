"""Coins that left while nobody looked: what a read no longer names would be counted as it was for ever."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.account import Balance
from bot.domain.events import AccountSeen
from bot.domain.units import Asset
from bot.domain.venues import BYBIT_UNIFIED
from bot.venues.bybit_snapshot import BybitSnapshots
from bot.venues.routes import SPOT, USDM
from bot.venues.snapshot import LiveSnapshots
from tests.venues import bybitkit
from tests.venues.bybitkit import rows
from tests.venues.canned import INSTRUMENTS, USDT, Canned, Clock, client
from tests.venues.test_bybit_hostile import coins
from tests.venues.test_snapshot import SPOT_ACCOUNT, spot, usdm

COUNTED = (Asset("BTC"), Asset("LDBTC"), Asset("SOL"))
"""What the config counts: LDBTC as BTC, and SOL, which is hedged at another venue."""


def balances(facts: tuple[Any, ...]) -> dict[str, Decimal]:
    """What a read told of each coin."""
    (seen,) = (one for one in facts if isinstance(one, AccountSeen))
    told: tuple[Balance, ...] = seen.snapshot.balances
    return {balance.asset: balance.total for balance in told}


async def test_binance_tells_counted_coins_that_it_does_not_list_at_zero() -> None:
    """Redeemed while the daemon was down, a coin in another form is not even listed: it would count beside the real."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("BTC", "2", "0"), ("USDT", "0", "0")))
    reads = LiveSnapshots(client(canned, Clock()), INSTRUMENTS.values(), USDT, (), COUNTED)

    assert {"BTC": 2, "LDBTC": 0, "SOL": 0, "USDT": 0} == balances(await reads.account(SPOT))


async def test_binance_tells_a_coin_that_was_seen_and_is_listed_no_more() -> None:
    """Once seen, a coin that no instrument has leaves by two reads that do not list it."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(("BTC", "1", "0"), ("DOGE", "5", "0")), spot(("BTC", "1", "0")))
    reads = LiveSnapshots(client(canned, Clock()), INSTRUMENTS.values(), USDT)
    seen = [balances(await reads.account(SPOT)) for _ in range(2)]

    assert [5, 0] == [one["DOGE"] for one in seen]


async def test_a_futures_wallet_tells_counted_coins_that_it_does_not_list() -> None:
    """Collateral that was moved out while the daemon was down lies in the spot wallet, and nowhere else."""
    reads = LiveSnapshots(client(usdm(Canned()), Clock()), INSTRUMENTS.values(), USDT, (), COUNTED)
    told = balances(await reads.account(USDM))

    assert told.keys() == {"BTC", "LDBTC", "SOL", "USDT"}
    assert 0 == told["BTC"]


async def test_bybit_tells_counted_coins_that_it_does_not_list() -> None:
    """It lists all coins but those at zero; names that it may not know are not asked for."""
    canned = Canned()
    canned.lay("GET", "/v5/account/wallet-balance", coins(BTC="1", USDT="5000"))
    for path in ("/v5/position/list", "/v5/order/realtime"):
        canned.lay("GET", path, rows())
    reads = BybitSnapshots(bybitkit.client(canned, Clock()), bybitkit.INSTRUMENTS.values(), USDT, (), COUNTED)

    assert {"BTC": 1, "LDBTC": 0, "SOL": 0, "USDT": 5000} == balances(await reads.account(BYBIT_UNIFIED))
    asked = [one.params.get("coin") for one in canned.sent if one.path.endswith("wallet-balance")]
    assert ["BTC,USDT", None] == asked


@pytest.mark.parametrize("listed", [[], [("USDT", "5", "0")]])
async def test_a_list_without_the_coins_that_are_traded_proves_nothing(listed: list[tuple[str, str, str]]) -> None:
    """Binance lists each coin that it trades, at zero too: of one that is missing nothing is told, counted or not."""
    canned = Canned()
    canned.lay("GET", SPOT_ACCOUNT, spot(*listed))
    reads = LiveSnapshots(client(canned, Clock()), INSTRUMENTS.values(), USDT, (), COUNTED)
    (found,) = await reads.account(SPOT)

    assert not isinstance(found, AccountSeen) or "BTC" not in balances((found,))
