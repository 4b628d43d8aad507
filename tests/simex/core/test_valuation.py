"""Views against numbers computed by hand: totals in dollars with haircuts, rates, assets, positions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.simex.core.numbers import MONEY
from tests.simex.core.money_stage import Stage, exact, future, spot, unified

BTC = future("BTCUSDT", fees=(20_000, 50_000))
ETH = future("ETHUSDT", base="ETH")


def test_unified_totals() -> None:
    """10000 USDT, 0.5 BTC at 60000 (0.95), long 1 from 59000: every sum as written here.

    equity 11000 + 30000, margin balance 11000 + 28500, initial 60000 / 20, maintenance 60000 x 0.5 % - 50.
    """
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, rules=unified(USDT="1", BTC="0.95"))
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="10000", BTC="0.5")
    stage.trade(account, perpetual, "1", "59000")

    totals = stage.valuation.totals(account, "unified")
    assert exact(41_000, 40_000, 39_500) == exact(totals.equity, totals.balance, totals.margin_balance)
    assert exact(3_000, 250, 1_000) == exact(totals.initial_margin, totals.maintenance_margin, totals.unrealized)
    assert exact(36_500, Decimal("0.07594937")) == exact(totals.available, totals.initial_rate)
    assert Decimal("0.00632911") == totals.maintenance_rate


def test_unified_coins_that_are_owed_count_in_full() -> None:
    """A loss of 2000 beyond the 1000 USDT is a debt of 1000; 0.1 BTC at 57000 after haircut is 5130."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, rules=unified(USDT="1", BTC="0.9"))
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="1000", BTC="0.1")
    stage.trade(account, perpetual, "0.5", "60000")
    stage.mark(BTCUSDT="56000")

    totals = stage.valuation.totals(account, "unified")
    assert (Decimal(-1000 + 5040), Decimal(4600)) == (totals.margin_balance, totals.equity)
    assert 0 == stage.funds.free(account, "unified", "USDT")


def test_rates_without_a_balance() -> None:
    """No margin needed is a rate of zero; margin needed from nothing has no rate."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, rules=unified(USDT="1"))
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="3000")

    assert 0 == stage.valuation.totals(stage.account("empty"), "unified").initial_rate
    stage.trade(account, perpetual, "1", "60000")
    stage.mark(BTCUSDT="56000")
    assert stage.valuation.totals(account, "unified").maintenance_rate is None


def test_multi_assets_totals() -> None:
    """2000 USDT, 0.1 BTC (0.95) and 1 ETH (0.95) at 60000 and 3000: 10550 behind everything."""
    stage = Stage(BTC, ETH)
    stage.mark(BTCUSDT="60000", ETHUSDT="3000")
    account = stage.account(USDT="2000", BTC="0.1", ETH="1")
    single = stage.valuation.asset(account, "usdm", "USDT").available
    stage.funds.settings.multi_assets(account, multi=True)

    multi = stage.valuation.asset(account, "usdm", "USDT").available
    assert (Decimal(2000), Decimal(2000 + 5700 + 2850)) == (single, multi)
    stage.require(account, BTC, "3", "60000")


def test_position_view() -> None:
    """Long 1 from 60000 at 61000, with a bid of 0.5 at 59000: what every field says."""
    stage = Stage(BTC)
    stage.mark(BTCUSDT="60000")
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    stage.rest(account, BTC, "0.5", "59000")
    stage.mark(BTCUSDT="61000")

    row = stage.valuation.position(account, BTC)
    assert exact(1, 60_000, 61_000, 61_000) == exact(row.quantity, row.entry_price, row.mark_price, row.notional)
    assert exact(1_000, 3_050, 1_475, 255) == exact(
        row.unrealized, row.initial_margin, row.order_margin, row.maintenance_margin
    )
    assert exact(Decimal(60030), 30, 20, Decimal(9_000_000)) == exact(
        row.break_even_price,
        row.fees,
        row.leverage,
        row.max_notional,
    )
    assert exact(Decimal("0.005"), Decimal(29500), 0) == exact(row.maintenance_rate, row.bid_notional, row.ask_notional)


def test_rows_follow_the_position_mode() -> None:
    """One-way accounts have one row a contract, hedge-mode accounts two; flat rows only on request."""
    stage = Stage(BTC, ETH, spot("BTCUSDT", "BTC"))
    stage.mark(BTCUSDT="60000", ETHUSDT="3000")
    account = stage.account(USDT="10000")
    stage.trade(account, ETH, "1", "3000")
    assert ["both"] == [row.side for row in stage.valuation.positions(account, "usdm")]
    assert 2 == len(stage.valuation.positions(account, "usdm", flat=True))
    stage.trade(account, ETH, "-1", "3000")
    stage.funds.settings.hedge_mode(account, "usdm", hedge=True)

    rows = stage.valuation.positions(account, "usdm", flat=True)
    assert ["long", "short", "long", "short"] == [row.side for row in rows]
    assert [] == stage.valuation.positions(account, "usdm")


def test_asset_view_of_a_wallet_with_an_isolated_position() -> None:
    """The balance counts the isolated margin, the cross balance does not."""
    stage = Stage(ETH)
    stage.mark(ETHUSDT="3000")
    account = stage.account(USDT="10000")
    stage.isolate(account, ETH, 10)
    stage.trade(account, ETH, "20", "3000")
    stage.mark(ETHUSDT="3010")

    view = stage.valuation.asset(account, "usdm", "USDT")
    assert exact(10_000, 4_000, 200, 0) == exact(
        view.balance, view.cross_balance, view.unrealized, view.cross_unrealized
    )
    assert exact(10_200, 251, 4_000) == exact(view.margin_balance, view.maintenance, view.withdrawable)
    assert view.initial_margin == view.position_margin == 6_020


def test_spot_assets() -> None:
    """Free, locked and everything the wallet ever held, by name."""
    pair = spot("BTCUSDT", "BTC")
    stage = Stage(pair)
    stage.mark(BTCUSDT="60000")
    account = stage.account("a", "spot", USDT="100", BTC="1")
    stage.rest(account, pair, "-0.4", "60000")

    views = stage.valuation.assets(account, "spot", ("ETH",))
    assert [("BTC", Decimal("0.6"), Decimal("0.4")), ("ETH", 0, 0), ("USDT", 100, 0)] == [
        (view.asset, view.free, view.locked) for view in views
    ]
    assert exact(60_000, Decimal("0.6")) == exact(views[0].equity_dollars, views[0].available)


def test_a_position_without_a_price_is_worth_its_cost() -> None:
    """As long as nothing prices a contract it shows no profit and no liquidation price."""
    stage = Stage(BTC)
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "1", "60000")

    row = stage.valuation.position(account, BTC)
    assert exact(0, 0, 0, 60_000) == exact(row.unrealized, row.liquidation_price, row.mark_price, row.notional)


def test_views_of_an_inverse_position_are_in_coins() -> None:
    """Long 600 contracts of 100 from 50000 to 60000 with 1 coin: worth 1 coin, a profit of 0.2."""
    coin = future("BTCUSD_PERP", "inverse", quote="USD", face=100)
    stage = Stage(replace(coin))
    stage.mark(BTCUSD_PERP="50000")
    account = stage.account("c", "coinm", BTC="1")
    stage.trade(account, stage.state.instruments[coin.key], "600", "50000")
    stage.mark(BTCUSD_PERP="60000")

    row = stage.valuation.position(account, stage.state.instruments[coin.key])
    assert exact(Decimal("0.2"), 1, Decimal("0.05")) == exact(row.unrealized, row.notional, row.initial_margin)
    assert MONEY == account.wallets["coinm"]["BTC"].balance
