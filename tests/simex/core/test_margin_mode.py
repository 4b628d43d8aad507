"""Unified accounts in isolated margin: every future by itself and in its own coin, by hand-computed cases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simex.core.account import Account
from bot.simex.core.events import AccountChanged, SettingChanged
from bot.simex.core.funding import Funding
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import MONEY
from bot.simex.core.refusal import Reason, Refused
from tests.simex.core.money_stage import Stage, exact, future, shown, spot, unified

BTC = future("BTCUSDT", category="linear")
ETH = future("ETHUSDT", category="linear", base="ETH")
COIN = future("BTCUSD", "inverse", category="inverse", quote="USD", face=100)
PAIR = spot("BTCUSDT", "BTC")


def opened(**coins: str) -> tuple[Stage, Account]:
    """An account in isolated margin, marks at 60000 and 3000."""
    stage = Stage(BTC, ETH, COIN, PAIR, rules=unified(USDT="1", BTC="0.9"))
    stage.mark(BTCUSDT="60000", ETHUSDT="3000", BTCUSD="60000")
    account = stage.account("u", "unified", **coins)
    stage.funds.settings.margin_mode(account, isolated=True)
    return stage, account


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    """A refusal for this reason."""
    return pytest.RaisesExc(Refused, check=lambda error: error.reason is reason)


def cash(stage: Stage, account: Account, asset: str = "USDT") -> Decimal:
    """What the wallet has of a coin beside isolated margins."""
    return stage.coin(account, asset, "unified")


def lent(account: Account, instrument: Instrument = BTC) -> Decimal:
    """The margin of a position."""
    return shown(account.position(instrument).isolated_margin)


# ---------------------------------------------------------------------------------------------------------- the mode
def test_the_mode_is_every_contracts_and_is_told() -> None:
    """Rows that were there and rows that come are isolated, and cross again when it is set back."""
    stage = Stage(BTC, ETH, rules=unified(USDT="1"))
    account = stage.account("u", "unified", USDT="1")
    before = account.position(BTC)
    stage.drained()
    stage.funds.settings.margin_mode(account, isolated=True)

    assert (True, True) == (before.isolated, account.position(ETH, "long").isolated)
    told = [event for event in stage.drained() if isinstance(event, SettingChanged)]
    assert [("margin_mode", None, "isolated")] == [(one.name, one.instrument, one.value) for one in told]
    stage.funds.settings.margin_mode(account, isolated=False)
    assert (False, False) == (before.isolated, account.position(ETH, "long").isolated)
    with refused(Reason.ISOLATED_FORBIDDEN):
        stage.funds.settings.margin_type(account, BTC, isolated=True)


def test_the_mode_stays_while_contracts_are_traded() -> None:
    """Unchanged, with an order, with a position, with a debt: refused; an order for coins does not matter."""
    stage, account = opened(USDT="20000")
    settings = stage.funds.settings
    with refused(Reason.MODE_UNCHANGED):
        settings.margin_mode(account, isolated=True)
    with refused(Reason.ISOLATED_FORBIDDEN):
        settings.margin_type(account, BTC, isolated=False)
    order = stage.rest(account, BTC, "0.1", "59000")
    with refused(Reason.HAS_OPEN_ORDERS):
        settings.margin_mode(account, isolated=False)
    stage.floor.cancel(order)
    stage.trade(account, BTC, "0.1", "60000")
    with refused(Reason.HAS_POSITION):
        settings.margin_mode(account, isolated=False)
    stage.trade(account, BTC, "-0.1", "60000")
    account.wallets["unified"]["BTC"].balance = -1
    with refused(Reason.INSUFFICIENT_BALANCE):
        settings.margin_mode(account, isolated=False)
    account.wallets["unified"]["BTC"].balance = 0
    stage.rest(account, PAIR, "0.1", "59000")

    settings.margin_mode(account, isolated=False)
    assert not account.isolated


def test_only_the_own_coin_is_margin() -> None:
    """A bitcoin carries no contract that settles in dollars, and carries one that settles in it."""
    stage, account = opened(BTC="1")

    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, BTC, "0.001", "60000")
    stage.require(account, COIN, "600", "60000")
    stage.funds.settings.margin_mode(account, isolated=False)
    stage.require(account, BTC, "1", "60000")


def test_coins_held_by_spot_orders_are_no_margin_and_margin_is_no_coin() -> None:
    """Of 10000 an order for coins holds 6000, one for a contract 3000: neither gets what the other holds."""
    stage, account = opened(USDT="10000")
    resting = stage.rest(account, PAIR, "0.1", "60000")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, BTC, "1.4", "60000")
    stage.rest(account, BTC, "1", "60000")
    with refused(Reason.INSUFFICIENT_BALANCE):
        stage.require(account, PAIR, "0.02", "60000")
    stage.require(account, PAIR, "0.01", "60000")
    stage.floor.cancel(resting)

    view = stage.valuation.asset(account, "unified", "USDT")
    assert exact(7_000, 7_000, 3_000) == exact(view.available, view.withdrawable, view.order_margin)


def test_a_position_is_given_free_coins_only() -> None:
    """What an order for coins holds stays with it when a fill takes more than was asked for."""
    stage, account = opened(USDT="10000")
    stage.rest(account, PAIR, "0.1", "60000")
    stage.trade(account, BTC, "2", "60000")

    assert (Decimal(6_000), Decimal(4_000)) == (cash(stage, account), lent(account))


# ----------------------------------------------------------------------------------------------------------- figures
def test_the_liquidation_price_of_a_linear_position() -> None:
    """6000 + P - 60000 = 0.005 P - 50, whatever else the account has; with 500 more, P = 53450 / 0.995."""
    stage, account = opened(USDT="100000", BTC="9")
    stage.funds.settings.leverage(account, BTC, 10)
    stage.trade(account, BTC, "1", "60000")
    stage.trade(account, ETH, "-10", "3000")

    assert Decimal("54221.10552764") == stage.valuation.position(account, BTC).liquidation_price
    stage.funds.add_isolated_margin(account, account.position(BTC), 500 * MONEY)
    row = stage.valuation.position(account, BTC)
    assert exact(Decimal("53718.59296482"), 6_500, 53_500) == exact(
        row.liquidation_price, row.isolated_wallet, row.bankruptcy_price
    )


def test_the_liquidation_price_of_a_linear_short() -> None:
    """6000 - (P - 60000) = 0.005 P - 50, so P = 66050 / 1.005."""
    stage, account = opened(USDT="100000")
    stage.funds.settings.leverage(account, BTC, 10)
    stage.trade(account, BTC, "-1", "60000")

    assert Decimal("65721.39303483") == stage.valuation.position(account, BTC).liquidation_price


@pytest.mark.parametrize(("quantity", "price"), [("-600", "66400"), ("600", "54763.63636364")])
def test_the_liquidation_price_of_an_inverse_position(quantity: str, price: str) -> None:
    """Of 60000 dollars with 0.1 coins: short 0.9 = 59760 / P, long 1.1 = 60240 / P."""
    stage, account = opened(USDT="100000", BTC="5")
    stage.funds.settings.leverage(account, COIN, 10)
    stage.trade(account, COIN, quantity, "60000")

    assert Decimal(price) == stage.valuation.position(account, COIN).liquidation_price
    assert (Decimal("4.9"), Decimal("0.1")) == (cash(stage, account, "BTC"), lent(account, COIN))


def test_the_totals_count_isolated_margins_and_profits() -> None:
    """Equity is what there is; nothing of it stands behind everything."""
    stage, account = opened(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    stage.mark(BTCUSDT="60500", ETHUSDT="3000", BTCUSD="60500")

    totals = stage.valuation.totals(account, "unified")
    assert exact(10_500, 10_000, 500, 0) == exact(
        totals.equity, totals.balance, totals.unrealized, totals.maintenance_margin
    )


# ---------------------------------------------------------------------------------------------------------- leverage
def test_a_new_leverage_moves_margin() -> None:
    """60000 at 20 take 3000, at 10 twice that, at 20 again 3000; what was added stays; the move is told."""
    stage, account = opened(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    stage.funds.add_isolated_margin(account, account.position(BTC), 100 * MONEY)
    stage.drained()
    stage.funds.settings.leverage(account, BTC, 10)

    assert (Decimal(3_900), Decimal(6_100)) == (cash(stage, account), lent(account))
    told = [event for event in stage.drained() if isinstance(event, AccountChanged)]
    assert ["margin_transfer"] == [one.reason for one in told]
    stage.funds.settings.leverage(account, BTC, 20)
    assert (Decimal(6_900), Decimal(3_100)) == (cash(stage, account), lent(account))
    stage.money.check()


def test_a_leverage_that_cannot_be_paid_for() -> None:
    """A lower one needs more than the wallet has; a higher one would leave less than the maintenance margin."""
    stage, account = opened(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.funds.settings.leverage(account, BTC, 5)
    assert (20, Decimal(3_000)) == (account.position(BTC).leverage, lent(account))
    stage.funds.settings.leverage(account, BTC, 10)
    stage.mark(BTCUSDT="57000", ETHUSDT="3000", BTCUSD="57000")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.funds.settings.leverage(account, BTC, 20)

    assert (10, Decimal(6_000)) == (account.position(BTC).leverage, lent(account))


def test_both_sides_have_their_leverage_and_their_margin() -> None:
    """In hedge mode a long at 10 and a short at 5 stand side by side; a change of both is one, or none."""
    stage, account = opened(USDT="20000")
    settings = stage.funds.settings
    settings.hedge_mode(account, "linear", hedge=True)
    settings.leverages(account, BTC, {"long": 10, "short": 5})
    stage.trade(account, BTC, "1", "60000", side="long")
    stage.trade(account, BTC, "-0.5", "60000", side="short")
    long, short = account.position(BTC, "long"), account.position(BTC, "short")

    assert (Decimal(6_000), Decimal(6_000)) == (shown(long.isolated_margin), shown(short.isolated_margin))
    with refused(Reason.INSUFFICIENT_MARGIN):
        settings.leverages(account, BTC, {"long": 20, "short": 1})
    assert (10, 5) == (long.leverage, short.leverage)
    settings.leverages(account, BTC, {"long": 20, "short": 4})
    assert (Decimal(3_000), Decimal(7_500)) == (shown(long.isolated_margin), shown(short.isolated_margin))
    assert Decimal(9_500) == cash(stage, account)


# ------------------------------------------------------------------------------------------------------- by the clock
def test_funding_is_paid_by_free_coins_first_and_by_the_margin_then() -> None:
    """Of 12000 the wallet has 10000, of which an order for coins holds 6000: 4000 and 8000; receipts are coins."""
    stage, account = opened(USDT="20000")
    stage.funds.settings.leverage(account, BTC, 6)
    stage.trade(account, BTC, "1", "60000")
    stage.rest(account, PAIR, "0.1", "60000")
    for rate in (20_000_000, -1_000_000):
        stage.money.rates.prescribe(BTC.key, rate, stage.state.now_ms + 1)
        stage.state.now_ms += 1
        Funding(stage.money).run()
        stage.money.check()
        if rate > 0:
            assert (Decimal(6_000), Decimal(2_000)) == (cash(stage, account), lent(account))

    assert (Decimal(6_600), Decimal(2_000)) == (cash(stage, account), lent(account))


def test_a_liquidation_takes_one_position_and_leaves_the_rest() -> None:
    """The long goes with its margin and its orders; the short, the inverse one and the wallet are as they were."""
    stage, account = opened(USDT="20000", BTC="1")
    for instrument, quantity, price in ((BTC, "1", "60000"), (ETH, "-10", "3000"), (COIN, "-60", "60000")):
        stage.trade(account, instrument, quantity, price)
    own, other = stage.rest(account, BTC, "0.01", "50000"), stage.rest(account, ETH, "0.01", "2900")
    coins, margins = cash(stage, account), (lent(account, ETH), lent(account, COIN))
    for _ in range(9):
        stage.liquidate(BTCUSDT="57100", ETHUSDT="3000", BTCUSD="57100")

    assert ([own], set()) == (stage.floor.canceled, account.in_liquidation)
    assert (0, 0) == (account.position(BTC).quantity, account.position(BTC).isolated_margin)
    assert (coins, margins) == (cash(stage, account), (lent(account, ETH), lent(account, COIN)))
    assert other.order_id in account.orders
    stage.require(account, BTC, "0.1", "57100")
