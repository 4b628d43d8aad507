"""What an account may set, and when not."""

from __future__ import annotations

import pytest

from bot.simex.core.events import SettingChanged
from bot.simex.core.numbers import MONEY
from bot.simex.core.refusal import Reason, Refused
from tests.simex.core.money_stage import Stage, future, unified

BTC, ETH = future("BTCUSDT"), future("ETHUSDT", base="ETH")


def opened() -> Stage:
    """Marks at 60000 and 3000."""
    stage = Stage(BTC, ETH)
    stage.mark(BTCUSDT="60000", ETHUSDT="3000")
    return stage


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    """A refusal for this reason."""
    return pytest.RaisesExc(Refused, check=lambda error: error.reason is reason)


def test_leverage_answers_the_largest_notional_and_is_told() -> None:
    """50 allows positions up to 1,000,000; all position sides of the contract have it."""
    stage = opened()
    account = stage.account()
    stage.drained()

    assert 1_000_000 * MONEY == stage.funds.settings.leverage(account, BTC, 50)
    assert [50, 50, 50] == [account.position(BTC, side).leverage for side in ("both", "long", "short")]
    event = stage.drained()[0]
    assert isinstance(event, SettingChanged)
    assert ("leverage", 50) == (event.name, event.value)


def test_leverage_of_one_side() -> None:
    """A venue that knows them sets the sides apart."""
    account = (stage := opened()).account()
    stage.funds.settings.leverage(account, BTC, 7, "long")

    assert (7, 20) == (account.position(BTC, "long").leverage, account.position(BTC, "short").leverage)


def test_leverage_is_refused() -> None:
    """Out of range, unchanged, smaller than the position allows, more margin than there is, lower when isolated."""
    stage = opened()
    settings = stage.funds.settings
    account = stage.account(USDT="20000")
    stage.trade(account, BTC, "5", "60000")
    held = stage.isolate(account, ETH, 10)
    stage.trade(account, ETH, "1", "3000")

    for leverage, instrument, reason in (
        (0, BTC, Reason.LEVERAGE_RANGE),
        (126, BTC, Reason.LEVERAGE_RANGE),
        (20, BTC, Reason.LEVERAGE_UNCHANGED),
        (100, BTC, Reason.BEYOND_LEVERAGE),
        (10, BTC, Reason.INSUFFICIENT_MARGIN),
        (9, ETH, Reason.ISOLATED_ONLY),
    ):
        with refused(reason):
            settings.leverage(account, instrument, leverage)
    assert (20, 10) == (account.position(BTC).leverage, held.leverage)
    settings.leverage(account, BTC, 25)


def test_in_dollars_a_leverage_is_felt_by_every_pool_at_once() -> None:
    """Leverage 50 frees margin of the linear position for an inverse order in the same moment."""
    perpetual, coin = future("BTCUSDT", category="linear"), future("BTCUSD", "inverse", category="inverse", face=100)
    stage = Stage(perpetual, coin, rules=unified(USDT="1", BTC="0.9"))
    stage.mark(BTCUSDT="60000", BTCUSD="60000")
    account = stage.account("u", "unified", USDT="4000")
    stage.trade(account, perpetual, "1", "60000")
    stage.funds.settings.leverage(account, perpetual, 21)
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, coin, "400", "60000")
    stage.funds.settings.leverage(account, perpetual, 50)

    stage.require(account, coin, "400", "60000")


def test_margin_type_needs_a_flat_contract() -> None:
    """Unchanged, with an order, with a position: refused."""
    stage = opened()
    account = stage.account(USDT="20000")
    settings = stage.funds.settings
    order = stage.rest(account, BTC, "0.1", "59000")

    with refused(Reason.MARGIN_TYPE_UNCHANGED):
        settings.margin_type(account, BTC, isolated=False)
    with refused(Reason.HAS_OPEN_ORDERS):
        settings.margin_type(account, BTC, isolated=True)
    stage.floor.cancel(order)
    stage.trade(account, BTC, "0.1", "60000")
    with refused(Reason.HAS_POSITION):
        settings.margin_type(account, BTC, isolated=True)
    settings.margin_type(account, ETH, isolated=True)
    assert account.position(ETH, "long").isolated


def test_wallets_in_dollars_are_cross_only() -> None:
    """Unified and multi-assets accounts refuse isolated margin."""
    perpetual = future("BTCUSDT", category="linear")
    unified_stage = Stage(perpetual, rules=unified(USDT="1"))
    stage = opened()
    multi = stage.account(USDT="1")
    stage.funds.settings.multi_assets(multi, multi=True)

    for one, account, instrument in (
        (unified_stage, unified_stage.account("u", "unified", USDT="1"), perpetual),
        (stage, multi, BTC),
    ):
        with refused(Reason.ISOLATED_FORBIDDEN):
            one.funds.settings.margin_type(account, instrument, isolated=True)


def test_hedge_mode_needs_a_flat_category() -> None:
    """Unchanged, with an order, with a position: refused; a position of another category does not matter."""
    coin = future("BTCUSD_PERP", "inverse", quote="USD", face=100)
    stage = Stage(BTC, coin)
    stage.mark(BTCUSDT="60000", BTCUSD_PERP="60000")
    account = stage.account("a", "coinm", BTC="1")
    stage.funds.deposit(account, "usdm", "USDT", 20_000 * MONEY)
    stage.trade(account, coin, "10", "60000")
    settings = stage.funds.settings

    with refused(Reason.MODE_UNCHANGED):
        settings.hedge_mode(account, "usdm", hedge=False)
    order = stage.rest(account, BTC, "0.1", "59000")
    with refused(Reason.HAS_OPEN_ORDERS):
        settings.hedge_mode(account, "usdm", hedge=True)
    stage.floor.cancel(order)
    settings.hedge_mode(account, "usdm", hedge=True)
    stage.trade(account, BTC, "0.1", "60000", side="long")
    with refused(Reason.HAS_POSITION):
        settings.hedge_mode(account, "usdm", hedge=False)


def test_multi_assets_is_refused() -> None:
    """Unchanged, with orders, with an isolated contract, or when the positions would not be covered any more."""
    stage = opened()
    settings = stage.funds.settings
    account = stage.account(USDT="1000", BTC="1")
    with refused(Reason.MODE_UNCHANGED):
        settings.multi_assets(account, multi=False)
    order = stage.rest(account, BTC, "0.1", "59000")
    with refused(Reason.HAS_OPEN_ORDERS):
        settings.multi_assets(account, multi=True)
    stage.floor.cancel(order)
    stage.isolate(account, ETH, 10)
    with refused(Reason.ISOLATED_FORBIDDEN):
        settings.multi_assets(account, multi=True)
    settings.margin_type(account, ETH, isolated=False)

    settings.multi_assets(account, multi=True)
    stage.trade(account, BTC, "1", "60000")
    with refused(Reason.INSUFFICIENT_MARGIN):
        settings.multi_assets(account, multi=False)
    assert account.multi_assets
