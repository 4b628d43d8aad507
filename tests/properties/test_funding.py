"""Funding: three independent parties agree on its sign and amount, at every interval and where intervals change."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calc import funding, pnl
from bot.calc.funding import Settled
from bot.domain.events import FundingSeen
from bot.domain.instrument import Kind
from bot.domain.snapshot import FundingTerms
from bot.domain.units import HOUR_NS, MILLISECOND_NS, SECOND_NS, Nanos
from bot.engine.statistics import Statistics
from bot.simex.core.funding import Funding
from bot.simex.core.instrument import HOUR_MS
from bot.simex.core.instrument import FundingTerms as Terms
from bot.simex.core.numbers import amount, scaled, unscaled
from bot.venues.routes import USDM
from tests.calc.book import contract
from tests.kit import START_NS, d, hedge
from tests.simex.core.money_stage import Stage, future
from tests.venues.canned import NOW_NS
from tests.venues.test_paper import World as Paper
from tests.venues.test_paper import wallet

HOURS = st.sampled_from([1, 4, 8])
SCHEDULE = st.lists(
    HOURS.flatmap(lambda hours: st.integers(3, 9).map(lambda n: [hours] * n)), min_size=1, max_size=6
).map(lambda blocks: [hours for block in blocks for hours in block])
"""Hours between settlements: a venue keeps an interval for a while before it changes it. One alone is a gap."""
RATE = st.decimals("-0.003", "0.003", places=6).filter(bool)
SIZE = st.integers(1, 300).map(lambda n: Decimal(n) / 100)


@settings(max_examples=12)
@given(st.sampled_from(["BUY", "SELL"]), SIZE, st.lists(st.tuples(HOURS, RATE), min_size=1, max_size=3))
def test_the_exchange_pays_what_the_mathematics_says(
    side: str, size: Decimal, settlements: list[tuple[int, Decimal]]
) -> None:
    """A simulated venue, which shares no code, pays each rate on the mark as `calc` does: a short receives."""
    for hours, rate in settlements:
        perpetual = future("BTCUSDT")
        perpetual.funding = Terms(interval_ms=hours * HOUR_MS)
        stage = Stage(perpetual)
        account, rates = stage.account(USDT="1000000"), stage.money.rates
        assert rates.next_ms(perpetual.key) % (hours * HOUR_MS) == 0
        stage.mark(BTCUSDT="60000.5")
        signed = size if side == "BUY" else -size
        stage.trade(account, perpetual, f"{signed:.3f}", "60000")
        due = rates.next_ms(perpetual.key)
        rates.prescribe(perpetual.key, scaled(rate))
        stage.state.now_ms = due
        Funding(stage.money).run()
        (paid,) = [amount(row.amount) for row in account.income if row.kind == "funding"]
        mark = unscaled(stage.money.marks.mark(perpetual.key))

        assert paid == funding.cash_flow(signed, d(1), mark, rate).quantize(d("1e-8"), ROUND_HALF_EVEN)
        assert (paid > 0) is ((signed < 0) is (rate > 0))
        assert rates.next_ms(perpetual.key) == due + hours * HOUR_MS


@settings(max_examples=25)
@given(SIZE, st.booleans(), st.lists(st.tuples(HOURS, RATE), min_size=1, max_size=5))
async def test_a_paper_account_settles_intervals_that_change(
    size: Decimal, short: bool, settlements: list[tuple[int, Decimal]]
) -> None:
    """Dry-run pays the last rate on the last mark at each settlement, once, however far the next one is."""
    signed = -size if short else size
    world = Paper(wallet(contracts=str(signed)))
    start = world.heard[:]
    passed, expected = 0, []
    for hours, rate in settlements:
        due = passed + hours * 3_600
        world.mark(60_000.0, float(rate), settles_in_s=due)
        world.clock.forward(hours * 3_600)
        expected.append(funding.cash_flow(signed, d(1), d(60_000), rate))
        passed = due
        world.mark(60_000.0, 0.5, settles_in_s=passed + 3_600)
        # The venue's estimate for the interval to come replaces the one before: nothing of 0.5 is ever paid.
        world.mark(60_000.0, 0.5, settles_in_s=passed + 3_600)
    paid = await world.venue.funding(USDM, Nanos(0))

    assert start == []
    assert [one.amount for one in paid] == expected
    assert [one.settled_ns - NOW_NS for one in paid][-1] == passed * SECOND_NS


@given(SCHEDULE, st.decimals("-1", "1", places=3), st.floats(1.0, 2_000.0))
def test_a_change_of_interval_at_one_yearly_rate_is_no_news(
    lengths: list[int], yearly: Decimal, horizon: float
) -> None:
    """Hours, not intervals: 8-, 4- and 1-hourly settlements of one APR in any order are forecast as that APR."""
    at, history = START_NS, list[Settled]()
    for hours in lengths:
        at = Nanos(at + hours * HOUR_NS)
        history.append((at, funding.rate_of_apr(yearly, hours * HOUR_NS)))
    found = funding.forecast(history, horizon_hours=horizon, stated_ns=lengths[0] * HOUR_NS)

    assert found is not None
    assert abs(found.apr - float(yearly)) < 1e-9


@given(st.lists(HOURS, min_size=2, max_size=30), st.integers(-99, 99))
def test_an_interval_is_what_lies_between_settlements(lengths: list[int], late_ms: int) -> None:
    """Whatever is stated, the interval that counts is the one to the next settlement, a few milliseconds off or not."""
    at, history = START_NS, [(START_NS, d("0.0001"))]
    for hours in lengths[:-1]:
        at = Nanos(at + hours * HOUR_NS)
        history.append((Nanos(at + late_ms * MILLISECOND_NS), d("0.0001")))
    upcoming = Nanos(at + lengths[-1] * HOUR_NS)

    assert funding.interval(8 * HOUR_NS, history, upcoming) == lengths[-1] * HOUR_NS


@given(SCHEDULE, RATE)
def test_the_engine_expects_what_a_short_receives(lengths: list[int], yearly: Decimal) -> None:
    """From settlements at changing intervals the engine expects a long to pay `yearly`: its sign is the rate's."""
    at, history = START_NS, list[tuple[Nanos, Decimal]]()
    for hours in lengths:
        at = Nanos(at + hours * HOUR_NS)
        history.append((at, funding.rate_of_apr(yearly * 100, hours * HOUR_NS)))
    statistics = Statistics()
    statistics.on_funding(
        FundingSeen(hedge("BTC"), FundingTerms(interval_ns=lengths[0] * HOUR_NS, history=tuple(history)), at)
    )

    assert abs(statistics.funding_apr[hedge("BTC")] - float(yearly * 100)) < 1e-9


@given(st.sampled_from([Kind.LINEAR, Kind.INVERSE, Kind.QUANTO]), SIZE, RATE, st.integers(20_000, 90_000))
def test_both_statements_of_the_cash_flow_agree(kind: Kind, size: Decimal, rate: Decimal, mark: int) -> None:
    """The books' funding and the forecast's are one formula for every kind: a short receives a positive rate."""
    instrument = contract(kind, contract_size=d(100) if kind is Kind.INVERSE else d("0.01"))
    flow = funding.cash_flow_inverse if kind is Kind.INVERSE else funding.cash_flow
    received = pnl.funding_cash(instrument, -size, d(mark), rate)

    assert abs(received - flow(-size, instrument.contract_size, d(mark), rate)) <= abs(received) * d("1e-24")
    assert (received > 0) is (rate > 0)
