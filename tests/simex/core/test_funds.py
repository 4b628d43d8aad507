"""What orders need, hold and do in money; deposits, withdrawals, transfers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simex.core.events import AccountChanged
from bot.simex.core.instrument import Instrument
from bot.simex.core.numbers import BOOKED, MONEY, SCALE, money
from bot.simex.core.order import BUY, SELL
from bot.simex.core.refusal import Reason, Refused
from tests.simex.core.money_stage import Stage, future, shown, spot, unified

BTC = future("BTCUSDT", fees=(20_000, 50_000))
FREE = future("ETHUSDT", base="ETH")
COIN = future("BTCUSD_PERP", "inverse", quote="USD", face=100)
PAIR = spot("BTCUSDT", "BTC", fees=(100_000, 100_000))


def opened() -> Stage:
    """Marks at 60000 and 3000."""
    stage = Stage(BTC, FREE, COIN, PAIR)
    stage.mark(BTCUSDT="60000", ETHUSDT="3000", BTCUSD_PERP="60000")
    return stage


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    """A refusal for this reason."""
    return pytest.RaisesExc(Refused, check=lambda error: error.reason is reason)


# ------------------------------------------------------------------------------------------------ futures orders
def test_an_order_needs_its_initial_margin_and_no_more() -> None:
    """1 coin at 60000 with leverage 20 needs 3000: exactly that is enough, a little less is not."""
    stage = opened()
    account = stage.account(USDT="3000")

    stage.require(account, BTC, "1", "60000")
    stage.funds.withdraw(account, "usdm", "USDT", MONEY // SCALE)
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, BTC, "1", "60000")


def test_an_order_beyond_the_mark_needs_its_opening_loss() -> None:
    """Buying 1 at 61000 when the mark is 60000 needs 3050 of margin and 1000 of loss."""
    stage = opened()
    account = stage.account(USDT="4050")

    stage.require(account, BTC, "1", "61000")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, BTC, "1.001", "61000")


def test_resting_orders_hold_the_worse_side_only() -> None:
    """Bids of 60000 and asks of 50000 require the larger of both, and the next order what it adds to that."""
    stage = opened()
    account = stage.account(USDT="3000")
    stage.rest(account, BTC, "1", "60000")

    stage.require(account, BTC, "-1", "60000")
    stage.rest(account, BTC, "-0.8", "62500")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, BTC, "0.01", "60000")


def test_releasing_gives_back_exactly_what_was_reserved() -> None:
    """Reserve and release in parts leave nothing behind, for linear and inverse contracts."""
    stage = opened()
    for account, instrument in ((stage.account(USDT="9000"), BTC), (stage.account("c", "coinm", BTC="9"), COIN)):
        orders = [stage.rest(account, instrument, quantity, "60001") for quantity in ("7", "-3")]
        for order in orders:
            stage.till(order).hold(order, -SCALE)
            stage.till(order).hold(order, SCALE - order.quantity)

        held = account.position(instrument)
        assert (0, 0, 0, 0) == (held.bids, held.asks, held.bid_worth, held.ask_worth)
        assert held.pool is not None
        assert 0 == held.pool.required


def test_closing_needs_no_margin() -> None:
    """An account with nothing to spare may always sell what it holds, flagged or not."""
    stage = opened()
    account = stage.account(USDT="3100")
    stage.trade(account, FREE, "20", "3000")

    stage.require(account, FREE, "-20", "3000")
    stage.funds.till(account, FREE).require(SELL, "both", 20 * SCALE, SCALE, True)
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, FREE, "1", "3000")


def test_the_largest_notional_at_the_leverage_binds() -> None:
    """With leverage 50 a position may reach 1,000,000, open orders included."""
    stage = opened()
    account = stage.account(USDT="1000000")
    stage.funds.settings.leverage(account, BTC, 50)
    stage.rest(account, BTC, "10", "60000")

    stage.require(account, BTC, "6", "60000")
    with refused(Reason.BEYOND_LEVERAGE):
        stage.require(account, BTC, "7", "60000")


def test_reduce_only_orders_take_no_more_than_is_held() -> None:
    """Of a long of 2, resting reduce-only sells of 0.5 leave 1.5; buys nothing."""
    stage = opened()
    account = stage.account(USDT="100000")
    stage.trade(account, BTC, "2", "60000")
    stage.funds.till(account, BTC).hold(stage.order(account, BTC, "-0.5", "61000", reduce_only=True), SCALE // 2)

    assert 3 * SCALE // 2 == stage.funds.till(account, BTC).reducible(SELL, "both")
    assert 0 == stage.funds.till(account, BTC).reducible(BUY, "both")
    assert 0 == stage.funds.till(account, FREE).reducible(BUY, "both")


def test_hedge_mode_orders_open_one_side_and_close_it() -> None:
    """Selling the long side needs no margin and counts as reducing; selling the short side opens, beside it."""
    stage = opened()
    account = stage.account(USDT="3200")
    stage.funds.settings.hedge_mode(account, "usdm", hedge=True)
    stage.trade(account, FREE, "20", "3000", side="long")

    stage.require(account, FREE, "-20", "3000", "long")
    stage.funds.till(account, FREE).hold(stage.order(account, FREE, "-5", "3000", side="long"), 5 * SCALE)
    assert (5 * SCALE, 0) == (account.position(FREE, "long").reducing, account.position(FREE, "long").asks)
    assert 15 * SCALE == stage.funds.till(account, FREE).reducible(SELL, "long")
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, FREE, "-20", "3000", "short")
    stage.trade(account, FREE, "-1", "3000", side="short")
    assert (20 * SCALE, -SCALE) == (
        account.position(FREE, "long").quantity,
        account.position(FREE, "short").quantity,
    )


def test_a_wallet_in_liquidation_takes_no_order() -> None:
    """Not even one that reduces."""
    stage = opened()
    account = stage.account(USDT="100000")
    account.in_liquidation = {"usdm"}

    with refused(Reason.IN_LIQUIDATION):
        stage.funds.till(account, BTC).require(SELL, "both", SCALE, SCALE, True)


# ------------------------------------------------------------------------------------------------- futures fills
def test_fees_and_profit_reach_wallet_ledger_and_history() -> None:
    """Buy 1 at 60000 as taker (30), sell it at 61000 as maker (12.2): 1000 - 42.2 are left, in four lines at most."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    trade = stage.trade(account, BTC, "-1", "61000", is_maker=True)

    assert Decimal("10957.8") == stage.coin(account, "USDT")
    assert Decimal("42.2") == shown(stage.money.ledger.fees["USDT"])
    assert (1000 * MONEY, "USDT") == (trade.realized, trade.fee_asset)
    lines = [(line.kind, shown(line.amount)) for line in account.income]
    assert [("commission", Decimal(-30)), ("realized", Decimal(1000)), ("commission", Decimal("-12.2"))] == lines[1:]
    assert account.income[-1].balance == money(Decimal("10957.8"))


def test_an_account_may_have_fees_of_its_own() -> None:
    """A maker rebate of 0.01 % is paid out of the fees."""
    stage = opened()
    account = stage.account(USDT="10000")
    account.fees["usdm"] = (-10_000, 0)

    assert -6 * MONEY == stage.trade(account, BTC, "1", "60000", is_maker=True).fee
    assert Decimal(-6) == shown(stage.money.ledger.fees["USDT"])


def test_a_fill_is_told_with_balance_and_position() -> None:
    """AccountChanged carries the wallet after the fill and the position's row."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.drained()
    stage.trade(account, BTC, "1", "60000")

    told = [event for event in stage.drained() if isinstance(event, AccountChanged)]
    assert [("order", 9970 * MONEY)] == [(one.reason, one.coins[0].balance) for one in told]
    assert (SCALE, 60_000 * MONEY) == (told[0].positions[0].quantity, told[0].positions[0].cost)


def test_two_accounts_trade_with_each_other() -> None:
    """What one gains the other loses; the house has nothing to do with it."""
    stage = opened()
    long, short = stage.account("l", USDT="10000"), stage.account("s", USDT="10000")
    stage.trade(long, FREE, "2", "3000", other=short)
    stage.trade(long, FREE, "-2", "3100", other=short)

    assert (Decimal(10200), Decimal(9800)) == (stage.coin(long, "USDT"), stage.coin(short, "USDT"))
    assert 0 == stage.money.ledger.house["USDT"]


# ------------------------------------------------------------------------------------------------------ isolated
def test_isolated_margin_leaves_the_wallet_and_returns_in_proportion() -> None:
    """20 at 3000 with leverage 10 take 6000; selling half at 3100 gives back 3000 and 1000 of profit."""
    stage = opened()
    account = stage.account(USDT="10000")
    held = stage.isolate(account, FREE, 10)
    stage.trade(account, FREE, "20", "3000")

    assert (Decimal(4000), Decimal(6000)) == (stage.coin(account, "USDT"), shown(held.isolated_margin))
    told = [event for event in stage.drained() if isinstance(event, AccountChanged)][-1].coins[0]
    assert (10_000 * MONEY, 6_000 * MONEY) == (told.balance, told.isolated)
    stage.trade(account, FREE, "-10", "3100")
    assert (Decimal(8000), Decimal(3000)) == (stage.coin(account, "USDT"), shown(held.isolated_margin))


def test_an_isolated_loss_falls_on_its_own_margin_first() -> None:
    """Half of 6000 is given back against a loss of 4000: the other half pays the rest, and the wallet nothing."""
    stage = opened()
    account = stage.account(USDT="10000")
    held = stage.isolate(account, FREE, 10)
    stage.trade(account, FREE, "20", "3000")
    stage.trade(account, FREE, "-10", "2600")

    assert (Decimal(4000), Decimal(2000)) == (stage.coin(account, "USDT"), shown(held.isolated_margin))


def test_isolated_margin_is_added_and_taken_out() -> None:
    """What is added may be taken out again, not what the position needs; a cross position has none."""
    stage = opened()
    account = stage.account(USDT="10000")
    held = stage.isolate(account, FREE, 10)
    stage.trade(account, FREE, "20", "3000")

    stage.funds.add_isolated_margin(account, held, 500 * MONEY)
    assert (Decimal(3500), Decimal(6500)) == (stage.coin(account, "USDT"), shown(held.isolated_margin))
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.funds.add_isolated_margin(account, held, -501 * MONEY)
    stage.funds.add_isolated_margin(account, held, -500 * MONEY)
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.funds.add_isolated_margin(account, held, 4001 * MONEY)
    with refused(Reason.ISOLATED_ONLY):
        stage.funds.add_isolated_margin(account, account.position(BTC), MONEY)
    stage.money.check()


def test_isolated_orders_are_covered_by_the_wallet() -> None:
    """A resting order on an isolated contract keeps its margin from others; the position itself does not."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.isolate(account, FREE, 10)
    stage.trade(account, FREE, "20", "3000")
    stage.rest(account, FREE, "10", "3000")

    view = stage.valuation.asset(account, "usdm", "USDT")
    assert (Decimal(1000), Decimal(3000), Decimal(6000)) == (view.available, view.order_margin, view.position_margin)


# --------------------------------------------------------------------------------------------------------- spot
def test_spot_orders_lock_and_swap_coins() -> None:
    """A bid locks its quote; filled lower it pays less, and the fee is taken from the coins bought."""
    stage = opened()
    account = stage.account("a", "spot", USDT="60000")
    order = stage.rest(account, PAIR, "1", "59000")
    wallet = account.wallets["spot"]

    assert (59_000 * MONEY, 59_000 * MONEY) == (wallet["USDT"].locked, order.locked)
    with refused(Reason.INSUFFICIENT_BALANCE):
        stage.require(account, PAIR, "1", "59000")
    stage.till(order).hold(order, -SCALE)
    stage.trade(account, PAIR, "1", "58000")
    assert (2000 * MONEY, 999 * MONEY // 1000) == (wallet["USDT"].free, wallet["BTC"].free)


def test_spot_sells_pay_the_fee_in_quote() -> None:
    """Selling 1 at 60000 brings 59940, and only what is held can be sold."""
    stage = opened()
    account = stage.account("a", "spot", BTC="1")
    stage.require(account, PAIR, "-1", "60000")
    stage.trade(account, PAIR, "-1", "60000")

    assert (Decimal(59940), Decimal(0)) == (stage.coin(account, "USDT", "spot"), stage.coin(account, "BTC", "spot"))
    with refused(Reason.INSUFFICIENT_BALANCE):
        stage.require(account, PAIR, "-0.1", "60000")


def test_a_lock_is_told_on_request() -> None:
    """`announce` tells the coins that an order has locked."""
    stage = opened()
    account = stage.account("a", "spot", BTC="1")
    order = stage.rest(account, PAIR, "-0.4", "60000")
    stage.drained()
    stage.till(order).announce(order)

    event = stage.drained()[0]
    assert isinstance(event, AccountChanged)
    assert ("BTC", MONEY, 4 * MONEY // 10) == (event.coins[0].asset, event.coins[0].balance, event.coins[0].locked)


# ---------------------------------------------------------------------------------------------------- transfers
def test_money_moves_between_wallets_and_accounts() -> None:
    """A transfer to a sub-account's futures wallet is a line on both sides, and conserves."""
    stage = opened()
    master, sub = stage.account("m", "spot", USDT="100"), stage.account("s")
    stage.funds.transfer(master, "USDT", 40 * MONEY, "spot", "usdm", sub)

    assert (Decimal(60), Decimal(40)) == (stage.coin(master, "USDT", "spot"), stage.coin(sub, "USDT"))
    assert [-40 * MONEY, 40 * MONEY] == [one.income[-1].amount for one in (master, sub)]
    stage.money.check()


def test_only_what_is_free_can_leave() -> None:
    """Margin in use stays, profit that is not realized is not lent, and nothing or less than nothing is refused."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.trade(account, FREE, "20", "3000")

    for wanted in (7001 * MONEY, 10_001 * MONEY):
        with refused(Reason.INSUFFICIENT_BALANCE):
            stage.funds.withdraw(account, "usdm", "USDT", wanted)
    for wanted in (0, -MONEY):
        with refused(Reason.TRANSFER_AMOUNT):
            stage.funds.deposit(account, "usdm", "USDT", wanted)
    stage.mark(ETHUSDT="9000")
    assert 10_000 * MONEY == stage.funds.free(account, "usdm", "USDT")
    stage.funds.withdraw(account, "usdm", "USDT", 10_000 * MONEY)
    stage.money.check()


# ------------------------------------------------------------------------------------------------------ unified
def unified_stage() -> tuple[Stage, Instrument, Instrument]:
    """A unified venue with BTC at 60000: a spot pair and a perpetual."""
    pair, perpetual = spot("BTCUSDT", "BTC"), future("BTCUSDT", category="linear")
    stage = Stage(pair, perpetual, rules=unified(USDT="1", BTC="0.9"))
    stage.mark(BTCUSDT="60000")
    return stage, pair, perpetual


def test_unified_refuses_to_borrow_coins() -> None:
    """Collateral in coins does not pay for a spot purchase."""
    stage, pair, _ = unified_stage()
    account = stage.account("u", "unified", BTC="1", USDT="100")

    with refused(Reason.INSUFFICIENT_BALANCE):
        stage.require(account, pair, "0.01", "60000")
    stage.require(account, pair, "0.001", "60000")


def test_unified_spot_must_leave_the_margin_after_haircut() -> None:
    """With 6000 and 5400 required, buying coins for 6000 would lose 600 of collateral: just too much by 10."""
    stage, pair, perpetual = unified_stage()
    account = stage.account("u", "unified", USDT="6000")
    stage.funds.settings.leverage(account, perpetual, 10)
    stage.trade(account, perpetual, "0.9", "60000")

    stage.require(account, pair, "0.1", "60000")
    stage.rest(account, pair, "0.05", "60000")
    assert Decimal(300) == stage.valuation.totals(account, "unified").available
    with refused(Reason.INSUFFICIENT_MARGIN):
        stage.require(account, perpetual, "0.051", "60000")
    stage.funds.withdraw(account, "unified", "USDT", 10 * MONEY)
    with refused(Reason.INSUFFICIENT_BALANCE):
        stage.require(account, pair, "0.0495", "60000")


def test_unified_history_shows_both_sides_of_a_spot_trade() -> None:
    """A purchase is a line for the coins received and one for the money given."""
    stage, pair, _ = unified_stage()
    account = stage.account("u", "unified", USDT="6000")
    stage.trade(account, pair, "0.05", "60000")

    lines = [(line.asset, shown(line.amount)) for line in account.income if line.kind == "trade"]
    assert [("BTC", Decimal("0.05")), ("USDT", Decimal(-3000))] == lines


def test_unified_margin_can_be_withdrawn_down_to_what_is_required() -> None:
    """10000 and half a coin (27000 after haircut) behind 6000 of margin: all dollars may go, the coin in part."""
    stage, _, perpetual = unified_stage()
    account = stage.account("u", "unified", USDT="10000", BTC="0.5")
    stage.funds.settings.leverage(account, perpetual, 10)
    stage.trade(account, perpetual, "1", "60000")

    assert 10_000 * MONEY == stage.funds.free(account, "unified", "USDT")
    stage.funds.withdraw(account, "unified", "USDT", 10_000 * MONEY)
    left = stage.funds.free(account, "unified", "BTC")
    assert abs(21_000 * MONEY // 54_000 - left) <= 1


@given(st.integers(1, 10**11), st.integers(1, 10**13), st.integers(1, SCALE))
def test_an_idle_unified_wallet_can_be_emptied(coins: int, price: int, haircut: int) -> None:
    """Whatever the price and the haircut, rounding keeps nothing back."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, rules=unified(BTC=str(Decimal(haircut) / SCALE)))
    stage.mark(BTCUSDT=str(Decimal(price) / SCALE))
    account = stage.account("u", "unified", BTC=str(Decimal(coins) / SCALE))

    stage.funds.withdraw(account, "unified", "BTC", coins * BOOKED)
    stage.money.check()
