"""The ladder, rung by rung, with numbers computed by hand; it ends with every unit of money where it belongs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.simex.core.events import AccountChanged, ForceOrder, MarginCalled
from bot.simex.core.numbers import MONEY, SCALE, unscaled
from bot.simex.core.venue import BINANCE, LiquidationRules
from tests.simex.core.money_stage import Stage, exact, future, shown, spot, unified

if TYPE_CHECKING:
    from bot.simex.core.venue import VenueRules

BTC, ETH = future("BTCUSDT"), future("ETHUSDT", base="ETH")


def opened(rules: VenueRules = BINANCE) -> Stage:
    """Marks at 60000 and 3000."""
    stage = Stage(BTC, ETH, rules=rules)
    stage.mark(BTCUSDT="60000", ETHUSDT="3000")
    return stage


def whole(**more: int) -> VenueRules:
    """A venue that closes positions whole."""
    return replace(BINANCE, liquidation=LiquidationRules(step=SCALE, **more))


# ------------------------------------------------------------------------------------------- calls and cancels
def test_a_margin_call_is_told_once_until_the_ratio_recovers() -> None:
    """Long 0.5 at 60000 with 3000: at 54200 the balance is 100 for a margin of 108.4; called from 135.5 down."""
    stage = opened(whole(cancel_at=10 * SCALE, liquidate_at=10 * SCALE))
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.drained()

    called = []
    for price in ("54400", "54260", "54250", "58000", "54250"):
        stage.liquidate(BTCUSDT=price)
        called.append(sum(isinstance(event, MarginCalled) for event in stage.drained()))
    assert [0, 1, 0, 0, 1] == called


def test_a_spot_order_that_would_lose_collateral_counts_at_once() -> None:
    """Rates are taken of the balance less the haircut that open spot orders would cost: 1000 of 10000 here."""
    pair, perpetual = spot("BTCUSDT", "BTC"), future("BTCUSDT", category="linear")
    rules = replace(unified(USDT="1", BTC="0.9"), liquidation=LiquidationRules(margin_call_at=2_700_000))
    stage = Stage(pair, perpetual, rules=rules)
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="10000")
    stage.trade(account, perpetual, "1", "60000")
    stage.liquidate(BTCUSDT="60000")
    assert not any(isinstance(event, MarginCalled) for event in stage.drained())

    stage.rest(account, pair, "0.16666", "60000")
    stage.liquidate(BTCUSDT="60000")
    assert any(isinstance(event, MarginCalled) for event in stage.drained())


def test_orders_are_cancelled_before_anything_is_closed() -> None:
    """At the cancel ratio the pool's orders go and the position stays."""
    stage = opened(whole(cancel_at=90_000_000))
    account = stage.account(USDT="3300")
    stage.trade(account, BTC, "0.5", "60000")
    order, other = stage.rest(account, BTC, "0.01", "59000"), stage.rest(account, ETH, "0.01", "2900")
    stage.liquidate(BTCUSDT="53634")

    assert [order, other] == stage.floor.canceled
    assert ["liquidation"] * 2 == [one.end for one in stage.floor.canceled]
    assert [] == stage.floor.done
    assert account.position(BTC).quantity == SCALE // 2


def test_an_isolated_position_takes_only_its_own_orders_along() -> None:
    """The wallet's other orders stay, and so does its right to trade."""
    stage = opened(whole())
    account = stage.account(USDT="10000")
    stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "0.5", "60000")
    own, other = stage.rest(account, BTC, "0.01", "50000"), stage.rest(account, ETH, "0.01", "2900")
    stage.liquidate(BTCUSDT="54100")

    assert [own] == stage.floor.canceled
    assert other.order_id in account.orders
    assert set() == account.in_liquidation


# ------------------------------------------------------------------------------------------------------ closing
def test_a_whole_position_is_closed_into_the_book() -> None:
    """Bankrupt at 54000, sold at 54050 and 54020: what it brings beyond 54000 stays with the account."""
    stage = opened()
    account = stage.account(USDT="10000")
    held = stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "0.5", "60000")
    stage.floor.levels = [("54050", "0.2"), ("54020", "9")]
    stage.drained()
    stage.liquidate(BTCUSDT="54100")

    assert ["liquidation"] == stage.floor.origins()
    assert (0, 0) == (held.quantity, held.isolated_margin)
    assert Decimal(7000 + 10 + 6) == stage.coin(account, "USDT")
    forced = [event for event in stage.drained() if isinstance(event, ForceOrder)]
    assert [(54_000 * SCALE, 5_403_200_000_000, SCALE // 2, SCALE // 2)] == [
        (one.price, one.average_price, one.quantity, one.filled) for one in forced
    ]


def test_a_large_position_comes_down_tier_by_tier() -> None:
    """Ten coins isolated at 60000 x 10 in the third tier: down to 250000, then to 50000, then closed."""
    rules = replace(BINANCE, liquidation=LiquidationRules(step=SCALE - 1, partial_above_tier=1))
    stage = opened(rules)
    account = stage.account(USDT="100000")
    held = stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "10", "60000")
    stage.floor.levels = [("54010", "100")]

    left = []
    for _ in range(4):
        stage.liquidate(BTCUSDT="54010")
        left.append(unscaled(held.quantity))
    assert [Decimal("4.62877244"), Decimal("0.92575448"), 0, 0] == left


def test_a_step_is_bounded() -> None:
    """Of ten coins a step of a fifth closes two, though the tier below is further away."""
    stage = opened(replace(BINANCE, liquidation=LiquidationRules(step=SCALE // 5)))
    account = stage.account(USDT="60000")
    stage.trade(account, BTC, "10", "60000")
    stage.floor.levels = [("54300", "100")]
    stage.liquidate(BTCUSDT="54300")

    assert 8 * SCALE == account.position(BTC).quantity


def test_recovery_ends_the_ladder() -> None:
    """Down to 50000 at 55560 the balance covers the rest, and nothing more is closed."""
    stage = opened()
    account = stage.account(USDT="4650")
    stage.trade(account, BTC, "1", "60000")
    stage.floor.levels = [("55600", "100")]
    stage.liquidate(BTCUSDT="55560")

    assert Decimal("0.899928") == unscaled(account.position(BTC).quantity)
    assert {"usdm"} != account.in_liquidation
    stage.liquidate(BTCUSDT="55560")
    assert 1 == len(stage.floor.done)


def test_a_wallet_on_the_ladder_takes_no_orders_until_it_is_off() -> None:
    """1175 for a margin of 1200 after the first rung: flagged; covered again: not."""
    stage = opened()
    account = stage.account(USDT="30000")
    stage.trade(account, BTC, "5", "60000")
    stage.floor.levels = [("54235", "100")]
    stage.liquidate(BTCUSDT="54235")
    assert {"usdm"} == account.in_liquidation

    stage.liquidate(BTCUSDT="60000")
    assert set() == account.in_liquidation


def test_the_heaviest_position_goes_first() -> None:
    """Of two cross positions the one with more maintenance margin is reduced."""
    stage = opened(whole())
    account = stage.account(USDT="2000")
    stage.trade(account, ETH, "1", "3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.floor.levels = [("56200", "100")]
    stage.liquidate(BTCUSDT="56200")

    assert (0, SCALE) == (account.position(BTC).quantity, account.position(ETH).quantity)
    assert Decimal(100) == stage.coin(account, "USDT")


def test_the_clearance_fee_goes_to_the_insurance_fund() -> None:
    """0.05 % of 0.5 x 54100 is 13.525; the price was 50 better than bankruptcy: that can be paid."""
    stage = opened(whole(fee=50_000))
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.floor.levels = [("54100", "1")]
    stage.liquidate(BTCUSDT="54100")

    assert Decimal("13.525") == shown(stage.money.ledger.insurance["USDT"])
    assert Decimal("36.475") == stage.coin(account, "USDT")
    assert "insurance" == account.income[-1].kind


def test_the_clearance_fee_never_exceeds_what_was_saved() -> None:
    """Closed at the bankruptcy price there is nothing to take it from."""
    stage = opened(whole(fee=50_000))
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.floor.levels = [("54000", "1")]
    stage.liquidate(BTCUSDT="54100")

    assert exact(0, 0) == exact(stage.money.ledger.insurance["USDT"], stage.coin(account, "USDT"))
    assert "insurance" not in {line.kind for line in account.income}


def test_the_clearance_fee_of_a_part_is_paid_by_the_isolated_margin() -> None:
    """0.07749078 closed at 54200 cost 2.10000014, and the margin that stays is 6000 less its share and that."""
    rules = replace(BINANCE, liquidation=LiquidationRules(fee=50_000))
    stage = opened(rules)
    account = stage.account(USDT="6000")
    held = stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "1", "60000")
    stage.floor.levels = [("54200", "1")]
    stage.liquidate(BTCUSDT="54200")

    fee = shown(stage.money.ledger.insurance["USDT"])
    assert fee == Decimal("2.10000014")
    share = Decimal("0.07749078")
    assert Decimal(6000) - 6000 * share - fee == shown(held.isolated_margin)
    assert (6000 - 5800) * share == stage.coin(account, "USDT")


# ----------------------------------------------------------------------------------------------------- takeover
def test_the_insurance_fund_takes_over_at_the_bankruptcy_price() -> None:
    """An empty book at 53000: 0.5 coins taken at 54000 cost the fund 500; the account keeps nothing, owes nothing."""
    stage = opened()
    stage.insure("USDT", "600")
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.liquidate(BTCUSDT="53000")

    assert ["liquidation", "takeover"] == stage.floor.origins()
    assert exact(0, 0) == exact(account.position(BTC).quantity, stage.coin(account, "USDT"))
    assert Decimal(100) == shown(stage.money.ledger.insurance["USDT"])
    assert stage.floor.done[1].client_id.startswith("autoclose-")


def test_the_fund_gains_when_the_mark_is_better() -> None:
    """Nobody bids at 54100: taken at 54000, the fund earns 50."""
    stage = opened()
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.liquidate(BTCUSDT="54100")

    assert Decimal(50) == shown(stage.money.ledger.insurance["USDT"])


def test_shorts_are_taken_over_as_well() -> None:
    """Short 0.5 at 60000 with 3000 is bankrupt at 66000; at 66500 the fund loses 250."""
    stage = opened()
    stage.insure("USDT", "250")
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "-0.5", "60000")
    stage.liquidate(BTCUSDT="66500")

    assert exact(0, 0) == exact(stage.coin(account, "USDT"), stage.money.ledger.insurance["USDT"])


def test_what_the_fund_cannot_bear_is_deleveraged_by_rank() -> None:
    """The fund bears 0.1 of 0.5; two shorts opposite: the more profitable and thinner one is closed first."""
    stage = opened()
    stage.insure("USDT", "100")
    victim = stage.account("v", USDT="3000")
    thick, thin = stage.account("thick", USDT="90000"), stage.account("thin", USDT="5000")
    stage.trade(victim, BTC, "0.3", "60000", other=thin)
    stage.trade(victim, BTC, "0.2", "60000", other=thick)
    order = stage.rest(thin, BTC, "-0.1", "70000")
    stage.liquidate(BTCUSDT="53000")

    assert [order] == stage.floor.canceled
    assert ["liquidation", "takeover", "adl", "takeover", "adl", "takeover"] == stage.floor.origins()
    assert exact(0, 0) == exact(victim.position(BTC).quantity, stage.coin(victim, "USDT"))
    assert (0, -SCALE // 10) == (thin.position(BTC).quantity, thick.position(BTC).quantity)
    assert (Decimal(5000 + 1800), Decimal(90000 + 600)) == (stage.coin(thin, "USDT"), stage.coin(thick, "USDT"))
    assert 0 == stage.money.ledger.insurance["USDT"]
    reasons = {e.account_id: e.reason for e in stage.drained() if isinstance(e, AccountChanged)}
    assert ("adl", "adl", "liquidation") == (reasons["thin"], reasons["thick"], reasons["v"])


def test_the_house_takes_what_nobody_else_can() -> None:
    """No fund, no one opposite: the position ends all the same, at the bankruptcy price."""
    stage = opened()
    account = stage.account(USDT="3000")
    stage.trade(account, BTC, "0.5", "60000")
    stage.liquidate(BTCUSDT="50000")

    assert exact(0, 0) == exact(account.position(BTC).quantity, stage.coin(account, "USDT"))
    assert 0 == stage.money.ledger.house_positions[BTC.key]


def test_an_inverse_wallet_ends_with_nothing() -> None:
    """Long 60000 dollars with 0.1 coins is bankrupt at 60000 / 1.1; the fund pays the rest in coins."""
    coin = future("BTCUSD_PERP", "inverse", quote="USD", face=100)
    stage = Stage(coin)
    stage.insure("BTC", "1")
    stage.mark(BTCUSD_PERP="60000")
    account = stage.account("c", "coinm", BTC="0.1")
    stage.trade(account, coin, "600", "60000")
    stage.liquidate(BTCUSD_PERP="50000")

    assert 0 == account.position(coin).quantity
    assert 0 <= stage.coin(account, "BTC", "coinm") < Decimal("1e-7")
    assert Decimal("0.9") == shown(stage.money.ledger.insurance["BTC"]).quantize(Decimal("1e-7"))


# ------------------------------------------------------------------------------------------------ in dollars
def test_a_unified_account_pays_its_debt_with_coins() -> None:
    """Long 1 from 60000 with 1000 USDT and 0.1 BTC: a loss of 5700 is paid by 1000 and coins at 90 % of 54300."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, spot("BTCUSDT", "BTC"), rules=unified(USDT="1", BTC="0.9"))
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="1000", BTC="0.1")
    stage.trade(account, perpetual, "1", "60000")
    stage.floor.levels = [("54300", "9")]
    for _ in range(3):
        stage.liquidate(BTCUSDT="54300")

    assert 0 == account.position(perpetual).quantity
    owed = Decimal(5700 - 1000)
    paid = owed / (Decimal(54300) * Decimal("0.9"))
    assert (Decimal("0.1") - paid).quantize(Decimal("1e-7")) == stage.coin(account, "BTC", "unified").quantize(
        Decimal("1e-7")
    )
    assert 0 == stage.coin(account, "USDT", "unified")


def test_what_all_coins_together_cannot_pay_is_insured() -> None:
    """A jump far beyond everything: coins go, the fund pays, nothing negative remains."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, spot("BTCUSDT", "BTC"), rules=unified(USDT="1", BTC="0.9"))
    stage.insure("USDT", "50000")
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="1000", BTC="0.1")
    stage.trade(account, perpetual, "1", "60000")
    for _ in range(4):
        stage.liquidate(BTCUSDT="40000")

    assert 0 == account.position(perpetual).quantity
    assert all(coin.balance >= 0 for coin in account.wallets["unified"].values())
    assert shown(stage.money.ledger.insurance["USDT"]) < 50_000


def test_a_coin_without_a_price_pays_nothing() -> None:
    """What cannot be valued is not sold; the fund pays."""
    perpetual = future("BTCUSDT", category="linear")
    stage = Stage(perpetual, rules=unified(USDT="1", XYZ="0.9"))
    stage.insure("USDT", "300")
    stage.mark(BTCUSDT="60000")
    account = stage.account("u", "unified", USDT="1000", XYZ="5")
    stage.trade(account, perpetual, "0.1", "60000")
    stage.trade(account, perpetual, "-0.1", "48000")
    stage.liquidate()

    assert exact(5, 0) == (stage.coin(account, "XYZ", "unified"), stage.coin(account, "USDT", "unified"))
    assert Decimal(100) == shown(stage.money.ledger.insurance["USDT"])


def test_a_debt_without_positions_is_cleared() -> None:
    """A loss taken by the owner himself beyond his balance: the fund pays it at the next judgement."""
    stage = opened()
    stage.insure("USDT", "300")
    account = stage.account(USDT="1000")
    stage.trade(account, BTC, "0.1", "60000")
    stage.trade(account, BTC, "-0.1", "48000")
    assert Decimal(-200) == stage.coin(account, "USDT")
    stage.liquidate()

    assert exact(0, 100 * MONEY) == exact(stage.coin(account, "USDT"), stage.money.ledger.insurance["USDT"])
    assert ("insurance", 200 * MONEY) == (account.income[-1].kind, account.income[-1].amount)


def test_it_is_due_only_when_marks_have_moved() -> None:
    """A judgement without news would find nothing new."""
    stage = opened()
    assert stage.state.now_ms == stage.liquidation.due_ms
    stage.liquidation.run()

    assert stage.liquidation.due_ms is None
    stage.mark(BTCUSDT="60000")
    assert stage.state.now_ms == stage.liquidation.due_ms
