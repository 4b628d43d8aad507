"""Exposure adds up over accounts, futures and orders."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.calc.exposure import parts, value
from bot.domain.hedge import Parts
from tests.kit import BTC, ETH, d, hedge, perpetual, spot

QTY = st.decimals(-1_000, 1_000, places=6)


def test_exposure_is_gathered_from_every_wallet_and_future() -> None:
    """Two wallets, declared coins, a future of 0.01 a contract and an order on it; spot markets are no futures."""
    instruments = (spot(), perpetual(contract_size=d("0.01")), perpetual("ETH"))
    wallets = [{BTC: d(2), ETH: d(9)}, {BTC: d("0.5")}, {}]
    positions = {hedge("BTC"): d(-150), hedge("ETH"): d(-9)}
    found = parts(BTC, wallets, d(1), positions, {hedge("BTC"): d(-50)}, instruments)

    assert found == Parts(d("2.5"), d(1), d("-1.5"), d("-0.5"))


@given(QTY, QTY, QTY, QTY)
def test_exposure_is_additive_over_accounts_and_scales(
    one: Decimal, other: Decimal, held: Decimal, scale: Decimal
) -> None:
    """Coins may lie in one wallet or in two, and c times the book has c times the exposure."""
    book = (perpetual(),)
    together = parts(BTC, [{BTC: one + other}], d(0), {hedge("BTC"): held}, {}, book)
    apart = parts(BTC, [{BTC: one}, {BTC: other}], d(0), {hedge("BTC"): held}, {}, book)
    scaled = parts(BTC, [{BTC: scale * (one + other)}], d(0), {hedge("BTC"): scale * held}, {}, book)

    assert together.exposure == apart.exposure
    assert scaled.exposure == scale * together.exposure


def test_the_value_of_coins_is_their_sum_at_their_prices() -> None:
    """1 BTC at 60,000 and 10 ETH at 2,500 are worth 85,000; nothing is worth nothing."""
    assert value({BTC: d(1), ETH: d(10)}, {BTC: d(60_000), ETH: d(2_500)}) == d(85_000)
    assert value({}, {}) == 0
