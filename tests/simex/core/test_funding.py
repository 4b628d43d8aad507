"""Funding: the rate, the moment, the sign, and whom it is charged on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.simex.core.events import AccountChanged
from bot.simex.core.funding import Funding
from bot.simex.core.instrument import HOUR_MS, FundingTerms
from bot.simex.core.numbers import MONEY, SCALE
from bot.simex.core.rates import RECORDED_MAX, Rates, premium, premium_rate
from bot.simex.core.state import State
from bot.simex.core.venue import BINANCE
from tests.simex.core.money_stage import START_MS, Stage, future, shown, spot

BTC, COIN = future("BTCUSDT"), future("BTCUSD_PERP", "inverse", quote="USD", face=100)
NEXT_MS = START_MS + 8 * HOUR_MS


def settle(stage: Stage, rate: int) -> None:
    """Charge this rate on the next settlement."""
    for key in stage.state.instruments:
        stage.money.rates.prescribe(key, rate)
    stage.state.now_ms = stage.money.rates.next_ms(BTC.key)
    Funding(stage.money).run()
    stage.money.check()


@pytest.mark.parametrize(
    ("average", "terms", "expected"),
    [
        (0, FundingTerms(), 10_000),
        (30_000, FundingTerms(), 10_000),
        (200_000, FundingTerms(), 150_000),
        (-200_000, FundingTerms(), -150_000),
        (0, FundingTerms(interval_ms=4 * HOUR_MS), 5_000),
        (200_000, FundingTerms(interval_ms=HOUR_MS), 18_750),
        (9_000_000, FundingTerms(), 2_000_000),
        (-9_000_000, FundingTerms(floor=-300_000), -300_000),
    ],
)
def test_the_rate_from_the_premium(average: int, terms: FundingTerms, expected: int) -> None:
    """P + clamp(0.01 % - P, 0.05 %), by the interval's share of eight hours, within floor and cap."""
    assert expected == premium_rate(average, terms)


def test_later_samples_weigh_more() -> None:
    """Premiums of 0.1 % then 0.4 % average (1 x 0.1 + 2 x 0.4) / 3 = 0.3 %, so the rate is 0.25 %."""
    rates = Rates(State(BINANCE, (BTC,), START_MS))
    rates.observe(BTC.key, premium(1001 * SCALE, 1000 * SCALE))
    rates.observe(BTC.key, premium(1004 * SCALE, 1000 * SCALE))

    assert 250_000 == rates.rate(BTC.key)
    rates.settled(BTC.key)
    assert 10_000 == rates.rate(BTC.key)


def test_longs_pay_shorts_when_the_rate_is_positive() -> None:
    """0.01 % of 60000: 6 from the long to the short, nothing left over."""
    stage = Stage(BTC)
    long, short = stage.account("l", USDT="10000"), stage.account("s", USDT="10000")
    stage.mark(BTCUSDT="60000")
    stage.trade(long, BTC, "1", "60000", other=short)
    settle(stage, 10_000)

    assert (Decimal(9994), Decimal(10006)) == (stage.coin(long, "USDT"), stage.coin(short, "USDT"))
    assert 0 == stage.money.ledger.house["USDT"]
    line = long.income[-1]
    assert ("funding", -6 * MONEY, 10_000, SCALE, 60_000 * SCALE) == (
        line.kind,
        line.amount,
        line.rate,
        line.position,
        line.price,
    )


def test_it_is_charged_at_the_mark_of_the_moment_not_at_entry() -> None:
    """A short from 60000 at a mark of 50000 receives 0.02 % of 50000; inverse 60000 dollars, 0.02 % of 1.2 coins."""
    stage = Stage(BTC, COIN)
    account = stage.account(USDT="100000")
    coins = stage.account("c", "coinm", BTC="2")
    stage.mark(BTCUSDT="60000", BTCUSD_PERP="60000")
    stage.trade(account, BTC, "-1", "60000")
    stage.trade(coins, COIN, "-600", "60000")
    stage.mark(BTCUSDT="50000", BTCUSD_PERP="50000")
    settle(stage, 20_000)

    assert Decimal(100_010) == stage.coin(account, "USDT")
    assert Decimal("2.00024") == stage.coin(coins, "BTC", "coinm")


def test_a_negative_rate_turns_the_payment_round() -> None:
    """Longs receive."""
    stage = Stage(BTC)
    account = stage.account(USDT="10000")
    stage.mark(BTCUSDT="60000")
    stage.trade(account, BTC, "1", "60000")
    settle(stage, -10_000)

    assert Decimal(10_006) == stage.coin(account, "USDT")
    assert 6 * MONEY == account.position(BTC).funding


def test_an_isolated_position_pays_out_of_its_margin() -> None:
    """The wallet pays only what the margin cannot; the event shows the position."""
    stage = Stage(BTC)
    account = stage.account(USDT="10000")
    stage.mark(BTCUSDT="60000")
    held = stage.isolate(account, BTC, 10)
    stage.trade(account, BTC, "1", "60000")
    stage.drained()
    settle(stage, 10_000)

    assert (Decimal(4000), Decimal(5994)) == (stage.coin(account, "USDT"), shown(held.isolated_margin))
    told = [event for event in stage.drained() if isinstance(event, AccountChanged)][-1]
    assert ("funding", -6 * MONEY, 1) == (told.reason, told.coins[0].delta, len(told.positions))
    settle(stage, 12_000_000)
    assert (Decimal(4000 + 5994 - 7200), 0) == (stage.coin(account, "USDT"), held.isolated_margin)


def test_flat_accounts_and_unpriced_contracts_are_not_charged() -> None:
    """No mark, no charge, and the next settlement is set all the same."""
    stage = Stage(BTC)
    account = stage.account(USDT="10000")
    stage.trade(account, BTC, "1", "60000")
    settle(stage, 10_000)
    assert Decimal(10_000) == stage.coin(account, "USDT")
    stage.mark(BTCUSDT="60000")
    stage.trade(account, BTC, "-1", "60000")
    settle(stage, 10_000)

    assert Decimal(10_000) == stage.coin(account, "USDT")
    assert NEXT_MS + 16 * HOUR_MS == Funding(stage.money).due_ms


def test_recorded_rates_win_for_their_settlement() -> None:
    """A recorded rate is the rate until its settlement, and then forgotten; so is a prescribed one, when let go."""
    rates = Rates(State(BINANCE, (BTC,), START_MS))
    rates.prescribe(BTC.key, 7)
    rates.record(BTC.key, NEXT_MS, 12_345)
    rates.record(("usdm", "GONE"), NEXT_MS, 1)
    assert 12_345 == rates.rate(BTC.key)
    rates.settled(BTC.key)
    assert 7 == rates.rate(BTC.key)
    rates.prescribe(BTC.key, None, NEXT_MS + 5)

    assert (10_000, NEXT_MS + 5) == (rates.rate(BTC.key), rates.next_ms(BTC.key))


def test_recorded_rates_are_bounded() -> None:
    """The oldest is forgotten."""
    rates = Rates(State(BINANCE, (BTC,), START_MS))
    for n in range(RECORDED_MAX + 1):
        rates.record(BTC.key, NEXT_MS + n * 8 * HOUR_MS, n + 1)

    assert 10_000 == rates.rate(BTC.key)


def test_a_record_off_the_grid_is_for_the_next_settlement() -> None:
    """Records that were moved in time lose none of their rates."""
    rates = Rates(State(BINANCE, (BTC,), START_MS))
    rates.record(BTC.key, NEXT_MS - HOUR_MS, -123)

    assert -123 == rates.rate(BTC.key)


def test_the_interval_changes_at_runtime() -> None:
    """Eight hours become one: the next settlement is the next full hour."""
    perpetual = replace(BTC)
    state = State(BINANCE, (perpetual,), START_MS)
    rates = Rates(state)
    assert NEXT_MS == rates.earliest_ms()
    state.now_ms += HOUR_MS // 2
    rates.set_terms(BTC.key, FundingTerms(interval_ms=HOUR_MS))

    assert START_MS + HOUR_MS == rates.next_ms(BTC.key)
    assert HOUR_MS == (perpetual.funding or FundingTerms()).interval_ms


def test_what_has_no_funding_has_no_rate() -> None:
    """Spot, dated and closed contracts."""
    dated = future("BTCUSDT_X", expiry_ms=NEXT_MS)
    rates = Rates(State(BINANCE, (dated, spot("BTCUSDT", "BTC")), START_MS))
    rates.observe(dated.key, 5)

    assert (0, 0, None, []) == (rates.rate(dated.key), rates.next_ms(dated.key), rates.earliest_ms(), rates.due(10**15))
    rates.add(BTC)
    assert [BTC.key] == rates.due(10**15)
    rates.drop(BTC.key)
    assert [] == rates.due(10**15)
