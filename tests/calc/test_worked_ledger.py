"""The worked cases that are about exposure, P&L and cash: inputs and figures as published, corrected where wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.calc import pnl
from tests.calc.book import BTC, ETH, USD, USDM, USDT, Asset, Kind, added, coins, contract, d, market, position

S0, F0, DAYS = d(70_000), d(72_100), d("91.25")


def near(expected: str, value: Decimal, places: str = "0.005") -> bool:
    """Whether a figure is the published one, which is rounded."""
    return abs(value - d(expected)) <= d(places)


def test_delta_of_a_coin() -> None:
    """1 BTC and a move of +100: a delta of 1 coin earns 100."""
    before = added({BTC: d(60_000)}, coins(BTC, d(1)))
    after = added({BTC: d(60_100)}, coins(BTC, d(1)))

    assert before.parts[BTC].exposure == 1
    assert before.nav is not None
    assert after.nav is not None
    assert after.nav - before.nav == 100


def test_partial_short() -> None:
    """10 BTC held and 2 BTC short leave a net delta of 8."""
    future = contract()
    made = added({BTC: d(60_000), USDT: d(1)}, coins(BTC, d(10)), market(future, d(60_000)), position(future, d(-2)))

    assert made.parts[BTC].exposure == 8


def test_market_neutral() -> None:
    """Futures on 2 BTC, 10 ETH and 100 SOL, sold, leave no net delta of any."""
    held = {BTC: d(2), ETH: d(10), Asset("SOL"): d(100)}
    things = []
    for asset, quantity in held.items():
        future = contract(base=asset, id=f"usdm:{asset}USDT")
        things += [coins(asset, quantity), market(future, d(100)), position(future, -quantity, d(100))]
    made = added({**dict.fromkeys(held, d(100)), USDT: d(1)}, *things)

    assert {asset: d(0) for asset in held} == {asset: made.parts[asset].exposure for asset in held}


def test_contracts_of_a_linear_instrument() -> None:
    """1,500 USD at 60,000 is 0.025 coins: 25 contracts of 0.001."""
    future = contract(contract_size=d("0.001"), lot=d(1))

    assert future.contracts(d(1_500) / d(60_000)) == 25
    assert pnl.base_units(future, d(25)) == d("0.025")


def test_contracts_of_an_inverse_instrument() -> None:
    """15 contracts of 100 USD have a face of 1,500, whatever the price."""
    future = contract(Kind.INVERSE, contract_size=d(100))

    assert pnl.notional(future, d(15), d(60_000)) == 1_500
    assert pnl.delta(future, d(15), d(60_000)) == d("0.025")


def test_harvest_basis_risk_sign() -> None:
    """Coins held against a sold perpetual gain 2 when it falls from 1 above spot to 1 below (an article: a loss)."""
    pair = pnl.Pair(d(1), d(-1), d(100), d(101))

    assert pair.profit(d(100), d(99)) == 2
    assert pnl.basis_profit(d(101) - d(100), d(99) - d(100), d(1)) == 2


@pytest.mark.parametrize(("rate", "cash"), [("0.0001", "1"), ("-0.0001", "-1")])
def test_funding_sign_of_a_short(rate: str, cash: str) -> None:
    """A short of 10,000 receives 1.00 when the rate is +0.01 %, and pays as much when it is negative."""
    assert pnl.funding_cash(contract(), d(-1), d(10_000), d(rate)) == d(cash)


def test_funding_over_intervals_that_change() -> None:
    """Short 1 BTC at 60,000: +6, +6 and -3 over intervals of 8, 4 and 1 hours; the rate is per settlement."""
    settled = [d("0.0001"), d("0.0001"), d("-0.00005")]

    assert [d(6), d(6), d(-3)] == [pnl.funding_cash(contract(), d(-1), d(60_000), rate) for rate in settled]


@pytest.mark.parametrize("leverage", [1, 2, 5])
def test_leverage_does_not_size_a_hedge(leverage: int) -> None:
    """A short of 10,000 is a delta of -10,000 at 1x, 2x and 5x."""
    future = contract()
    held = position(future, d("-0.1"), d(100_000), leverage=d(leverage))
    made = added({BTC: d(100_000), USDT: d(1)}, market(future, d(100_000)), held)

    assert made.parts[BTC].exposure * d(100_000) == -10_000


@pytest.mark.parametrize(("move", "spot", "short"), [("-0.1", -5_000, 5_000), ("0.1", 5_000, -5_000)])
def test_a_hedge_of_50k_eth_offsets_both_ways(move: str, spot: int, short: int) -> None:
    """50,000 of ETH against a short of 50,000: what one side makes the other loses."""
    entry, after = d(2_500), d(2_500) * (1 + d(move))
    pair = pnl.Pair(d(20), d(-20), entry, entry)

    assert 20 * (after - entry) == spot
    assert pnl.unrealized(contract(base=ETH), d(-20), entry, after) == short
    assert pair.profit(after, after) == 0


@pytest.mark.parametrize(("btc", "eth"), [("-0.05", "-0.05"), ("-0.05", "-0.10")])
def test_full_neutralisation_is_of_each_asset(btc: str, eth: str) -> None:
    """50,000 BTC and 33,333 ETH, each sold by its own future, make nothing; one BTC short of 83,333 loses 1,666.65."""
    first = pnl.Pair(d(1), d(-1), d(50_000), d(50_000))
    second = pnl.Pair(d(1), d(-1), d(33_333), d(33_333))
    one, other = d(50_000) * (1 + d(btc)), d(33_333) * (1 + d(eth))
    article = 83_333 * -d(btc) + 50_000 * d(btc) + 33_333 * d(eth)

    assert first.profit(one, one) + second.profit(other, other) == 0
    assert article == (0 if btc == eth else d("-1666.65"))


def test_cash_hedge_offsets_its_share() -> None:
    """A fifth of 100,000 sold short gives 2,000 back of a fall of 10,000."""
    held, short = d(100_000) * d("-0.1"), pnl.unrealized(contract(), d(-20_000), d(1), d("0.9"))

    assert short == 2_000
    assert held + short == -8_000


def test_allocation_hedge() -> None:
    """60,000 held and 30,000 short: half is hedged, and a fall of 5 % costs 1,500."""
    pair = pnl.Pair(d(60_000), d(-30_000), d(1), d(1))

    assert pair.profit(d("0.95"), d("0.95")) == -1_500


def test_three_times_leverage() -> None:
    """10,000 at 3x and +20 % earn 6,000, which is 60 %; a third less than the entry and nothing is left."""
    future, entry = contract(), d(100)
    profit = pnl.unrealized(future, d(300), entry, d(120))

    assert profit == 6_000
    assert profit / d(10_000) == d("0.6")
    assert near("-10000", pnl.unrealized(future, d(300), entry, entry * (1 - d(1) / 3)), "1e-9")


@pytest.mark.parametrize("settled", [10_000, 65_000, 70_000, 80_000, 200_000])
def test_cash_and_carry_is_locked_when_coins_match(settled: int) -> None:
    """10,000 of BTC at 70,000 against a future at 72,100 earn 300.00 at any price (an article: 2,100)."""
    pair = pnl.carry_pair(d(10_000), S0, F0)

    assert near("0.142857", pair.spot, "1e-6")
    assert near("10300", -pair.future * F0, "1e-9")
    assert near("300", pair.profit_at_expiry(d(settled)), "1e-20")


def test_cash_and_carry_legs_at_65000() -> None:
    """At 65,000 the coins lose 714.29 and the future makes 1,014.29: the legs offset."""
    pair = pnl.carry_pair(d(10_000), S0, F0)

    assert near("-714.29", pair.spot * (d(65_000) - S0))
    assert near("1014.29", pair.future * (d(65_000) - F0))


@pytest.mark.parametrize(("settled", "profit"), [(65_000, "270.46"), (70_000, "291.26"), (80_000, "332.87")])
def test_cash_and_carry_is_not_locked_when_values_match(settled: int, profit: str) -> None:
    """Legs of equal value leave 0.00416 coins open, so that the profit depends on the price."""
    pair = pnl.value_matched_pair(d(10_000), S0, F0)

    assert near("0.138696", -pair.future, "1e-6")
    assert near(profit, pair.profit_at_expiry(d(settled)))


@pytest.mark.parametrize("settled", [50_000, 70_000, 140_000])
def test_reverse_carry(settled: int) -> None:
    """Sell borrowed BTC at 70,000, buy the future at 68,600: +200, less 125 of interest at 5 % a year, is +75."""
    pair = pnl.reverse_pair(d(10_000), S0, d(68_600))
    interest = d(10_000) * d("0.05") * DAYS / 365

    assert near("0.142857", -pair.spot, "1e-6")
    assert near("200", pair.profit_at_expiry(d(settled)), "1e-20")
    assert near("75", pair.profit_at_expiry(d(settled)) - interest, "1e-9")


@pytest.mark.parametrize("settled", [50_000, 70_000, 140_000])
def test_reverse_carry_with_interest_in_coins(settled: int) -> None:
    """Interest grows in the borrowed coin: a future on q(1 + i) earns 77.50 at any price."""
    interest = d("0.05") * DAYS / 365
    pair = pnl.reverse_pair(d(10_000), S0, d(68_600), interest)

    assert near("77.50", pair.profit_at_expiry(d(settled), -pair.spot * interest), "1e-9")


@pytest.mark.parametrize(("settled", "profit"), [(50_000, "110.71"), (140_000, "-50")])
def test_reverse_carry_on_the_borrowed_coins_alone_is_open(settled: int, profit: str) -> None:
    """With a future on q the interest's coins are open: +110.71 at 50,000 and -50 at 140,000."""
    pair = pnl.reverse_pair(d(10_000), S0, d(68_600))

    assert near(profit, pair.profit_at_expiry(d(settled), -pair.spot * d("0.0125")))


def test_inverse_account_delta() -> None:
    """1.3 BTC against -40,000 of face from 55,000: 0.5727 coins of delta, 1.2179 of equity; 0.6548 is wrong."""
    wallet, face, entry, mark = d("1.3"), d(-40_000), d(55_000), d(62_000)
    equity = pnl.inverse_equity(wallet, face, entry, mark)
    delta = pnl.inverse_account_delta(wallet, face, entry)

    assert near("1.217888563", equity, "1e-9")
    assert near("0.572727273", delta, "1e-9")
    assert near("0.572727273", equity + face / mark, "1e-9")
    assert near("0.65483871", wallet + face / mark, "1e-8")


def test_inverse_account_in_the_ledger() -> None:
    """The ledger shows that account as collateral of its equity and the face at the mark; no coin is spot."""
    future = contract(Kind.INVERSE)
    things = (coins(BTC, d("1.3"), future.account), market(future, d(62_000)), position(future, d(-40_000), d(55_000)))
    parts = added({BTC: d(62_000)}, *things).parts[BTC]

    assert parts.spot == 0
    assert near("1.217888563", parts.collateral, "1e-9")
    assert near("0.572727273", parts.exposure, "1e-9")


def test_usdt_exposure_of_a_hedged_book() -> None:
    """1 BTC, 10,000 USDT and a short of 1 BTC are 0 BTC and 70,000 USDT: USDT at 0.99 costs 700."""
    future = contract()
    things = (coins(BTC, d(1)), coins(USDT, d(10_000), USDM), position(future, d(-1), d(60_000)))
    before = added({BTC: d(60_000), USDT: d(1)}, *things, market(future, d(60_000)))
    # BTC in USD unchanged is a mark of 60,000 / 0.99 in USDT.
    after = added({BTC: d(60_000), USDT: d("0.99")}, *things, market(future, d(60_000) / d("0.99")))

    assert before.parts[BTC].exposure == 0
    assert before.parts[USDT].exposure == 70_000
    assert before.nav == 70_000
    assert after.nav is not None
    assert near("-700", after.nav - 70_000, "1e-9")


def test_base_of_a_book_with_collateral() -> None:
    """60,000 of BTC doubled, 40,000 of ETH and 20,000 USDT: a NAV of 180,000, which is 160,000 without the reserve."""
    things = (coins(BTC, d(1)), coins(ETH, d(16)), coins(USDT, d(20_000), USDM))
    made = added({BTC: d(120_000), ETH: d(2_500), USDT: d(1), USD: d(1)}, *things)

    assert made.nav == 180_000
    assert made.nav - made.parts[USDT].wallet == 160_000
