"""What stands or falls together: a quick look finds the same as judging every unit."""

from __future__ import annotations

import pytest

from bot.simex.core import units
from bot.simex.core.numbers import SCALE
from bot.simex.core.venue import BINANCE, BYBIT, VenueRules
from tests.simex.core.money_stage import Stage, future

RATIOS = (SCALE // 100, SCALE // 10, SCALE // 2, SCALE)


@pytest.mark.parametrize(
    ("rules", "isolated"),
    [(BINANCE, False), (BINANCE, True), (BYBIT, False), (BYBIT, True)],
    ids=["cross", "isolated", "in dollars", "isolated and unified"],
)
def test_calm_is_what_judging_every_unit_finds(rules: VenueRules, isolated: bool) -> None:
    """At any mark and ratio an account is calm exactly when no unit of it has reached the ratio."""
    category, wallet = ("usdm", "usdm") if rules is BINANCE else ("linear", "unified")
    bitcoin, ether = future("BTCUSDT", category=category), future("ETHUSDT", base="ETH", category=category)
    stage = Stage(bitcoin, ether, rules=rules)
    account = stage.account("a", wallet, USDT="20000")
    stage.mark(BTCUSDT="60000", ETHUSDT="3000")
    if isolated and rules is BINANCE:
        stage.funds.settings.margin_type(account, bitcoin, isolated=True)
    elif isolated:
        stage.funds.settings.margin_mode(account, isolated=True)
    stage.trade(account, bitcoin, "1", "60000")
    stage.trade(account, ether, "-2", "3000")
    pools, found = stage.money.pools, set()
    for price in ("66000", "60000", "57500", "57000", "45000", "41000", "30000"):
        stage.mark(BTCUSDT=price, ETHUSDT="3000")
        for ratio in RATIOS:
            judged = [
                units.reached(units.maintenance_of(pools, one), units.equity_of(pools, one), ratio)
                for one in units.units(pools, account)
            ]
            assert units.calm(pools, account, ratio) == (not any(judged))
            found.add(any(judged))
    assert found == {True, False}


def test_a_debt_is_not_calm() -> None:
    """An account without positions that owes a coin must be looked at."""
    stage = Stage(future("BTCUSDT"))
    account = stage.account("a", "usdm", USDT="10")
    pool = stage.money.pools.pool(account, "usdm", "USDT")
    assert units.calm(stage.money.pools, account, SCALE)

    pool.coin.balance = -1

    assert not units.calm(stage.money.pools, account, SCALE)
