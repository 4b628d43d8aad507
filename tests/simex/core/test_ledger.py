"""The check itself: it finds money and contracts that came from nowhere."""

from __future__ import annotations

import pytest

from bot.simex.core.numbers import MONEY, SCALE
from tests.simex.core.money_stage import Stage, future

BTC = future("BTCUSDT")


def opened() -> Stage:
    """A long of 1 at 60000, which adds up."""
    stage = Stage(BTC)
    stage.mark(BTCUSDT="60000")
    stage.trade(stage.account(USDT="10000"), BTC, "1", "60000")
    stage.insure("USDT", "5")
    stage.money.check()
    return stage


@pytest.mark.parametrize("place", ["house", "fees", "insurance", "external"])
def test_money_from_nowhere_is_found(place: str) -> None:
    """The smallest unit too much in any place of the exchange."""
    stage = opened()
    getattr(stage.money.ledger, place)["USDT"] += 1

    with pytest.raises(AssertionError, match="USDT"):
        stage.money.check()


def test_an_accounts_money_from_nowhere_is_found() -> None:
    """In a wallet, in an isolated margin, in a cost, and of an asset that was never deposited."""
    for change in ("balance", "isolated_margin", "cost", "other"):
        stage = opened()
        account = stage.state.accounts["a"]
        if change == "balance":
            account.wallets["usdm"]["USDT"].balance -= 1
        elif change == "other":
            account.wallets["usdm"]["XYZ"].balance += MONEY
        else:
            setattr(account.position(BTC), change, 1)

        with pytest.raises(AssertionError, match="deposited"):
            stage.money.check()


def test_contracts_from_nowhere_are_found() -> None:
    """A position that nobody is the other side of."""
    stage = opened()
    stage.state.accounts["a"].position(BTC).quantity += SCALE

    with pytest.raises(AssertionError, match="not to zero"):
        stage.money.check()
