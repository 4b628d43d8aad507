"""Who is deleveraged first, what it does, and what accounts see of it beforehand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simex.core.numbers import MONEY, SCALE
from tests.simex.core.money_stage import Stage, future, unified

BTC = future("BTCUSDT")


def opened() -> Stage:
    """The mark at 60000."""
    stage = Stage(BTC)
    stage.mark(BTCUSDT="60000")
    return stage


def test_the_score_is_profit_times_leverage() -> None:
    """Short 1 from 60000 at 54000 with 21000 and 6000: 10 % x 54000 / 27000 = 0.2; a loss is divided instead."""
    stage = opened()
    short, long = stage.account("s", USDT="21000"), stage.account("l", USDT="33000")
    stage.trade(short, BTC, "-1", "60000", other=long)
    stage.mark(BTCUSDT="54000")
    ranking = stage.adl.ranking

    assert SCALE * 2 // 10 == ranking.score(short, short.position(BTC))
    assert -SCALE // 20 == ranking.score(long, long.position(BTC))
    assert (3, 0) == (ranking.rank(short, short.position(BTC)), ranking.rank(long, long.position(BTC)))


def test_a_flat_position_has_no_rank() -> None:
    """Neither score nor rank."""
    stage = opened()
    account = stage.account(USDT="1000")

    assert (0, 0) == (
        stage.adl.ranking.rank(account, account.position(BTC)),
        stage.adl.ranking.score(account, account.position(BTC)),
    )


def test_a_rank_can_be_fixed() -> None:
    """A control call makes it climb, whatever the score, and lets it go again."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "-0.1", "60000")
    for rank in (1, 4):
        stage.adl.ranking.set(account, BTC.key, "both", rank)
        assert rank == stage.valuation.position(account, BTC).adl_rank
    stage.adl.ranking.set(account, BTC.key, "both", None)

    assert 0 == stage.valuation.position(account, BTC).adl_rank
    with pytest.raises(ValueError, match="rank 5"):
        stage.adl.ranking.set(account, BTC.key, "both", 5)


def test_a_share_of_a_position_is_taken_at_the_mark() -> None:
    """30 % of a short of 1, its orders first: free of fees, marked as ADL, the profit booked."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "-1", "60000")
    order = stage.rest(account, BTC, "-0.1", "61000")
    stage.mark(BTCUSDT="59000")

    assert 3 * SCALE // 10 == stage.adl.reduce(account, BTC.key, "both", 30_000_000)
    assert [order] == stage.floor.canceled
    assert "adl" == order.end
    assert (-7 * SCALE // 10, Decimal(10_300)) == (account.position(BTC).quantity, stage.coin(account, "USDT"))
    assert ("adl_autoclose", "adl", 0) == (
        stage.floor.done[0].client_id,
        account.trades[-1].origin,
        account.trades[-1].fee,
    )
    stage.money.check()


def test_a_price_may_be_given() -> None:
    """The bankruptcy price of somebody else, say."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "-1", "60000")
    stage.adl.reduce(account, BTC.key, "both", SCALE, 61_000 * SCALE)

    assert (0, 9_000 * MONEY) == (account.position(BTC).quantity, account.wallets["usdm"]["USDT"].balance)


def test_nothing_to_reduce() -> None:
    """A flat position cannot be deleveraged."""
    stage = opened()

    with pytest.raises(ValueError, match="nothing to deleverage"):
        stage.adl.reduce(stage.account(), BTC.key, "both", SCALE)


def test_the_queue_leaves_out_who_is_under_water() -> None:
    """Longs queue against a short by score, without those whose balance is gone."""
    stage = opened()
    short = stage.account("s", USDT="100000")
    for name, money in (("a", "30000"), ("b", "5000"), ("gone", "3000")):
        stage.trade(stage.account(name, USDT=money), BTC, "1" if name != "gone" else "2", "60000", other=short)
    gone = stage.state.accounts["gone"]
    stage.trade(gone, BTC, "0.001", "9000000")
    stage.mark(BTCUSDT="61000")

    queue = [account.account_id for account, _ in stage.adl.queue(short.position(BTC))]
    assert ["b", "a"] == queue


def test_equity_of_isolated_and_unified_positions() -> None:
    """An isolated position stands on its own margin; a unified one on everything, in its settle asset."""
    stage = opened()
    account = stage.account(USDT="10000")
    stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "1", "60000")
    stage.mark(BTCUSDT="60500")
    assert 6_500 * MONEY == stage.adl.ranking.equity(account, account.position(BTC))

    perpetual = future("BTCUSDT", category="linear")
    one = Stage(perpetual, rules=unified(USDT="1", BTC="0.5"))
    one.mark(BTCUSDT="60000")
    rich = one.account("u", "unified", USDT="1000", BTC="1")
    one.trade(rich, perpetual, "0.1", "60000")
    assert 31_000 * MONEY == one.adl.ranking.equity(rich, rich.position(perpetual))
