"""Margin arithmetic against its own definitions: continuity, the liquidation identity, the order rule."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.simex import margin
from bot.simex.model import Bracket
from bot.simex.symbols import default_symbols

TIERS = next(s for s in default_symbols() if s.key == ("usdm", "BTCUSDT")).brackets
coins = st.decimals("0.001", "300", places=3)
prices = st.decimals("1000", "200000", places=1)


@pytest.mark.parametrize("tier", TIERS[:-1], ids=lambda tier: str(tier.cap))
def test_maintenance_margin_is_continuous(tier: Bracket) -> None:
    """At every edge both tiers ask for the same."""
    above = next(t for t in TIERS if t.floor == tier.cap)

    assert tier.cap * tier.mmr - tier.cum == above.floor * above.mmr - above.cum


@given(quantity=coins, entry=prices, share=st.decimals("0.02", "3", places=2), long=st.booleans())
def test_equity_equals_maintenance_at_the_liquidation_price(
    quantity: Decimal, entry: Decimal, share: Decimal, long: bool
) -> None:
    """Wallet plus unrealized PnL at that price is just the maintenance margin there."""
    signed = quantity if long else -quantity
    balance = quantity * entry * share
    price = margin.liquidation_price(TIERS, signed, entry, balance)
    assume(price is not None)
    assert price is not None
    equity = balance + signed * (price - entry)

    assert abs(equity - margin.maintenance_margin(TIERS, signed * price)) < Decimal("1e-8") * max(
        Decimal(1), quantity * price
    )


def test_a_long_that_is_fully_paid_cannot_be_liquidated() -> None:
    """With the whole notional in the wallet no positive price reaches the maintenance margin."""
    assert margin.liquidation_price(TIERS, Decimal(1), Decimal(50_000), Decimal(60_000)) is None
    assert margin.liquidation_price(TIERS, Decimal(0), Decimal(50_000), Decimal(60_000)) is None


@pytest.mark.parametrize(
    ("notional", "bids", "asks", "wanted"),
    [("100", "0", "0", "10"), ("-100", "50", "0", "10"), ("-100", "250", "0", "15"), ("-100", "0", "50", "15")],
)
def test_initial_margin_counts_the_worse_side(notional: str, bids: str, asks: str, wanted: str) -> None:
    """Orders that only reduce cost nothing; beyond the position they count."""
    assert Decimal(wanted) == margin.initial_margin(Decimal(notional), Decimal(bids), Decimal(asks), 10)
