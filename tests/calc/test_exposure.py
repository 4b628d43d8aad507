"""Exposure adds up over coins, futures and orders."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.calc.exposure import parts
from bot.domain.hedge import Parts
from tests.kit import d, hedge, perpetual, spot

QTY = st.decimals(-1_000, 1_000, places=6)


def test_exposure_is_gathered_from_every_future() -> None:
    """Coins, declared ones, a future of 0.01 a contract and an order on it; spot markets are no futures."""
    instruments = (spot(), perpetual(contract_size=d("0.01")))
    positions = {hedge("BTC"): d(-150), hedge("ETH"): d(-9)}
    found = parts(d("2.5"), d(1), positions, {hedge("BTC"): d(-50)}, instruments)

    assert found == Parts(d("2.5"), d(1), d("-1.5"), d("-0.5"))


@given(QTY, QTY, QTY)
def test_exposure_scales(coins: Decimal, held: Decimal, scale: Decimal) -> None:
    """c times the book has c times the exposure."""
    book = (perpetual(),)
    once = parts(coins, d(0), {hedge("BTC"): held}, {}, book)
    scaled = parts(scale * coins, d(0), {hedge("BTC"): scale * held}, {}, book)

    assert scaled.exposure == scale * once.exposure
