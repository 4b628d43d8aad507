"""Spot accounts: locks, fees in the asset received, deposits, withdrawals and transfers."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest
from msgspec.structs import replace

from bot.simex.events import AccountUpdated
from bot.simex.model import NewOrder, Reject
from tests.simex.stage import BTC_SPOT, Stage


def test_a_purchase_pays_its_fee_in_the_base() -> None:
    """One coin at 50,000.10 costs just that; a thousandth of the coin is the fee."""
    stage = Stage()
    stage.spot("BUY", "1.000")

    assert (Decimal("10.999"), Decimal(0)) == stage.coins("BTC")
    assert (Decimal("949999.90"), Decimal(0)) == stage.coins("USDT")


def test_a_sale_pays_its_fee_in_the_quote() -> None:
    """One coin at 49,999.90 brings that less a thousandth."""
    stage = Stage()
    stage.spot("SELL", "1.000")

    assert (Decimal("9.000"), Decimal(0)) == stage.coins("BTC")
    assert (Decimal("1049949.9001"), Decimal(0)) == stage.coins("USDT")


def test_a_resting_order_locks_and_a_cancelled_one_frees() -> None:
    """A bid locks quote, an ask locks base."""
    stage = Stage()
    bid = stage.spot("BUY", "1.000", "49000")
    stage.spot("SELL", "2.000", "51000")

    assert (Decimal(951_000), Decimal(49_000)) == stage.coins("USDT")
    assert (Decimal(8), Decimal(2)) == stage.coins("BTC")

    stage.exchange.cancel("a", "spot", "BTCUSDT", stage.now_ms, order_id=bid.order_id)

    assert (Decimal(1_000_000), Decimal(0)) == stage.coins("USDT")


def test_a_better_price_gives_back_what_was_locked_too_much() -> None:
    """A bid far above the ask pays the ask, and locks nothing that is not open any more."""
    stage = Stage()
    stage.spot("BUY", "2.000", "51000", time_in_force="GTC")

    assert (Decimal(1_000_000) - Decimal("50000.10") - Decimal("50001.00"), Decimal(0)) == stage.coins("USDT")


def test_a_resting_sale_is_a_maker() -> None:
    """Filled by the market, it receives its own price less the maker's fee."""
    stage = Stage()
    stage.spot("SELL", "1.000", "50100", type="LIMIT_MAKER")
    stage.set(BTC_SPOT, [("50200.00", "3.000")], [("50300.00", "1.000")])

    assert (Decimal("1050049.9"), Decimal(0)) == stage.coins("USDT")
    assert stage.exchange.fill_log[-1].is_maker


@pytest.mark.parametrize(
    ("side", "quantity", "price"),
    [("SELL", "10.001", None), ("SELL", "10.001", "50000"), ("BUY", "20.001", "50000"), ("BUY", "8.000", None)],
)
def test_an_order_beyond_the_balance_is_refused(side: str, quantity: str, price: str | None) -> None:
    """Neither more coins than are free nor more quote than the order would cost."""
    stage = Stage()
    stage.exchange.accounts.withdraw("a", "spot", "USDT", Decimal(700_000 if price is None else 1))

    assert -2010 == stage.refused(side, quantity, price, market="spot")


def test_what_is_locked_cannot_be_sold_or_withdrawn() -> None:
    """Open orders own what they locked."""
    stage = Stage()
    stage.spot("SELL", "9.000", "51000")

    assert -2010 == stage.refused("SELL", "2.000", "52000", market="spot")

    with pytest.raises(Reject, match="-2010"):
        stage.exchange.accounts.withdraw("a", "spot", "BTC", Decimal(2))


def test_a_market_order_for_an_amount_of_quote() -> None:
    """100,000 USDT buy what the levels give for it, rounded down to the lot."""
    stage = Stage()
    new = NewOrder(market="spot", symbol="BTCUSDT", side="BUY", type="MARKET", quote_quantity=Decimal(100_000))
    order = stage.exchange.place("a", new, stage.now_ms)

    assert Decimal("1.99997") == order.filled
    assert Decimal(100_000) - 1 < order.quote_filled <= Decimal(100_000)


def test_order_fills_tell_both_balances() -> None:
    """Every change of a spot order is followed by both balances as they are then."""
    stage = Stage()
    stage.spot("BUY", "1.000", "50000.10")
    told = stage.events(AccountUpdated)

    assert [Decimal("949999.90")] * 2 == [e.balances[1].free for e in told]
    assert [Decimal("50000.10"), Decimal(0)] == [e.balances[1].locked for e in told]


@pytest.mark.parametrize("wallet", ["spot", "usdm"])
def test_deposits_and_withdrawals(wallet: Literal["spot", "usdm"]) -> None:
    """Both change the balance by just the amount and are told with their reason."""
    stage = Stage()
    stage.exchange.accounts.deposit("a", wallet, "USDT", Decimal(500))
    stage.exchange.accounts.withdraw("a", wallet, "USDT", Decimal(200))
    told = stage.events(AccountUpdated)

    assert [("DEPOSIT", Decimal(500)), ("WITHDRAW", Decimal(-200))] == [(e.reason, e.balances[0].delta) for e in told]
    assert told[0].balances[0].free - 200 == told[1].balances[0].free
    stage.exchange.check()


def test_a_transfer_moves_between_wallets() -> None:
    """What leaves spot arrives in futures, with a line in its income; more than is free is refused."""
    stage = Stage()
    stage.exchange.accounts.transfer("a", "spot", "USDT", Decimal(1_000))

    assert Decimal(101_000) == stage.wallet()
    assert ["TRANSFER"] == [row.type for row in stage.exchange.accounts.income("a")]

    with pytest.raises(Reject, match="-2019"):
        stage.exchange.accounts.transfer("a", "usdm", "USDT", Decimal(101_001))


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_amounts_are_positive(amount: str) -> None:
    """A deposit of nothing or less is a caller's mistake."""
    with pytest.raises(ValueError, match="amount"):
        Stage().exchange.accounts.deposit("a", "spot", "BTC", Decimal(amount))


def test_accounts_are_opened_once() -> None:
    """Neither a second account of a name nor one with a debt."""
    stage = Stage()
    with pytest.raises(ValueError, match="exists"):
        stage.exchange.accounts.create("a", {}, {})
    with pytest.raises(ValueError, match="negative"):
        stage.exchange.accounts.create("c", {"BTC": Decimal(-1)}, {})


def test_a_closed_spot_market_takes_no_order() -> None:
    """A symbol on BREAK answers that the market is closed."""
    stage = Stage()
    stage.exchange.symbols[BTC_SPOT] = replace(stage.exchange.symbols[BTC_SPOT], status="BREAK")

    assert -1013 == stage.refused("BUY", "1.000", market="spot")
