"""The monitor: what people ask about is counted once, and nothing is counted that was not so."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from bot.domain.commands import CloseCorrection, Notice, OpenIntent, Severity
from bot.domain.events import FundingPaid
from bot.domain.hedge import HedgeIntent, Need, Parts
from bot.domain.units import SECOND_NS, Asset, Nanos
from bot.runtime import monitor
from bot.runtime.monitor import Monitor
from tests.kit import BTC, START_NS, USDM, USDT, d, hedge
from tests.runtime.stage import Bench

GROUP = "neutral:BTC"


def paid(amount: str, transaction: str) -> FundingPaid:
    """A funding settlement."""
    at = Nanos(START_NS)
    return FundingPaid(USDM, hedge("BTC"), USDT, d(amount), transaction, at, at)


def need(deviation: str, *, breached: bool, asset: Asset = BTC) -> Need:
    """What an asset needs, at a price of 60,000."""
    return Need(
        asset=asset,
        price=d(60_000),
        parts=Parts(d(1), d(0), d(0), d(0)),
        target=d(0),
        deviation=d(deviation),
        trigger=d("0.01"),
        destination=d(0),
        breached=breached,
        hedge=-d(deviation) if breached else d(0),
        why="",
    )


def at(seconds: float) -> Nanos:
    """A moment of the story."""
    return Nanos(START_NS + round(seconds * SECOND_NS))


def opened(seconds: float, *needs: Need) -> OpenIntent:
    """An intent that was decided then."""
    return OpenIntent(HedgeIntent(number=1, group=GROUP, reason="", needs=needs, legs=(), decided_ns=at(seconds)))


def closed(seconds: float) -> CloseCorrection:
    """A correction that ended then."""
    return CloseCorrection(
        group=GROUP,
        reason="",
        intents=1,
        results=(),
        residuals={"BTC": d("0.0005")},
        opened_ns=at(0),
        closed_ns=at(seconds),
    )


def ran(bench: Bench, since: int = START_NS) -> Monitor:
    """A monitor that has seen what the bench lived through."""
    seen = Monitor()
    for event, commands in bench.observed:
        seen.on_step(event, commands)
    seen.sample_orders(bench.engine.state, Nanos(since))
    return seen


def test_totals_add_up_what_the_orders_came_to() -> None:
    """Orders, fills, fees, and what was paid against the mid at decision, in quote currency."""
    bench = Bench().hedged()
    totals = ran(bench).totals(bench.engine.state)

    # Both sold a tenth of a dollar below the mid: 1.234 BTC and 10 ETH.
    assert (2, 2, d(2), d("0.1") * d("11.234")) == (totals.orders, totals.fills, totals.fees, totals.slippage)


def test_an_order_that_did_not_fill_costs_nothing() -> None:
    """It counts as an order, and neither slippage nor fee is made up for it."""
    bench = Bench().ready()
    bench.exchange.truth.fills_at_most = d(0)
    bench.breach()
    bench.answer()
    totals = ran(bench).totals(bench.engine.state)

    assert len(bench.orders) == totals.orders > 0
    assert (0, d(0), d(0)) == (totals.fills, totals.fees, totals.slippage)


def test_sampling_again_and_again_changes_nothing() -> None:
    """However often the orders are looked at, each counts once."""
    bench = Bench().hedged()
    seen = ran(bench)
    before = seen.totals(bench.engine.state)
    for _ in range(5):
        seen.sample_orders(bench.engine.state, START_NS)

    assert before == seen.totals(bench.engine.state)
    assert 2 == len(seen.orders())


def test_more_orders_than_are_shown_still_count_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the newest are shown, the oldest are summed up; sampled twice or late, the sums stay true."""
    monkeypatch.setattr(monitor, "ORDERS_KEPT", 1)
    bench = Bench().hedged()
    seen = ran(bench)
    whole = seen.totals(bench.engine.state)
    first, second = list(bench.engine.state.orders.records)
    seen.sample_orders(bench.engine.state, START_NS)
    sampled = seen.totals(bench.engine.state)
    del bench.engine.state.orders.records[first]
    for _ in range(2):
        seen.sample_orders(bench.engine.state, START_NS)

    assert whole == sampled == seen.totals(bench.engine.state)
    assert d("1.1234") == whole.slippage
    assert [second] == [order.client_id for order in seen.orders()]
    bench.engine.state.orders.records.clear()
    seen.sample_orders(bench.engine.state, START_NS)
    assert 1 == len(seen.orders())


def test_a_fill_that_comes_late_is_counted() -> None:
    """An order is taken over as it is at each sample, not as it was at its first."""
    bench = Bench().ready()
    bench.breach()
    seen = ran(bench)
    before = seen.totals(bench.engine.state)
    bench.answer()
    seen.sample_orders(bench.engine.state, START_NS)

    assert (2, 0) == (before.orders, before.fills)
    assert (2, 2) == (seen.totals(bench.engine.state).orders, seen.totals(bench.engine.state).fills)


def test_orders_of_an_earlier_start_are_not_this_ones() -> None:
    """The sums are of this start: what the journal remembers of the last one stays out."""
    bench = Bench().hedged()

    assert 0 == ran(bench, bench.clock.now_ns()).totals(bench.engine.state).orders


def test_an_order_is_shown_as_it_is() -> None:
    """Side, sizes, prices, slippage and fee of an order, newest last."""
    bench = Bench().hedged()
    order = ran(bench).orders()[0]

    assert ("sell", d("1.234"), d("1.234"), "filled", False) == (
        order.side,
        order.contracts,
        order.filled,
        order.status,
        order.reduce_only,
    )
    assert d("59999.9") == order.average_price
    assert order.slippage_bps is not None
    assert Decimal(0) < order.slippage_bps < Decimal("0.1")


def test_funding_is_counted_once_a_transaction() -> None:
    """The ledger is read over and over: a transaction that was seen does not count again."""
    bench, seen = Bench(), Monitor()
    for event in (paid("1.5", "a"), paid("-0.5", "b"), paid("1.5", "a")):
        seen.on_step(event, ())

    totals = seen.totals(bench.engine.state)
    assert (d(1), d("0.5"), d("1.5")) == (totals.funding, totals.funding_paid, totals.funding_received)


def test_orders_are_counted_by_how_they_ended() -> None:
    """A live one counts among the live until it ends, and among the ended from then on, retired or not."""
    bench = Bench().ready()
    bench.breach()
    assert ({}, {"pending_new": 2}) == counted(ran(bench), bench)

    bench.answer()
    seen = ran(bench)
    assert ({"filled": 2}, {}) == counted(seen, bench)
    bench.engine.state.orders.records.clear()
    assert ({"filled": 2}, {}) == counted(seen, bench)


def counted(seen: Monitor, bench: Bench) -> tuple[dict[str, int], dict[str, int]]:
    """Orders that ended and orders that live, by status."""
    totals = seen.totals(bench.engine.state)
    return totals.ended, totals.live


def test_the_transactions_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are remembered: those are the ones that a look at the ledger brings again."""
    monkeypatch.setattr(monitor, "TRANSACTIONS_KEPT", 2)
    bench, seen = Bench(), Monitor()
    for number in range(4):
        seen.on_step(paid("1", str(number)), ())
    for number in (2, 3):
        seen.on_step(paid("1", str(number)), ())

    assert d(4) == seen.totals(bench.engine.state).funding


def test_time_outside_the_band_is_what_lies_between_the_samples() -> None:
    """From the sample that finds an asset outside to the one that finds it inside."""
    seen = Monitor()
    for seconds, outside in ((0, False), (1, True), (2, True), (3.5, False), (9, False)):
        seen.sample_needs(GROUP, [need("0.5" if outside else "0", breached=outside)], at(seconds))

    assert 2.5 * SECOND_NS == seen.deviations["BTC"].outside_ns


def test_a_hedge_shorter_than_a_sample_counts_as_long_as_it_took() -> None:
    """Outside from the decision on, inside again from the moment at which the correction was closed."""
    seen = Monitor()
    seen.sample_needs(GROUP, [need("0", breached=False)], at(0))
    seen.on_step(paid("0", "x"), [opened(0.1, need("0.5", breached=True))])
    seen.on_step(paid("0", "x"), [closed(0.3)])
    seen.sample_needs(GROUP, [need("0", breached=False)], at(0.5))

    assert 0.2 * SECOND_NS == seen.deviations["BTC"].outside_ns


def test_the_largest_deviation_is_the_one_furthest_off() -> None:
    """Its sign is kept, its value is in quote currency, and a smaller one later does not replace it."""
    seen = Monitor()
    for seconds, deviation in enumerate(("0.1", "-0.7", "0.6")):
        seen.sample_needs(GROUP, [need(deviation, breached=True)], at(seconds))
    kept = seen.deviations["BTC"]

    assert (d("-0.7"), d(-42_000)) == (kept.largest, kept.largest_value)


def test_each_asset_has_its_own_account() -> None:
    """One coin out of band does not make another one late."""
    seen = Monitor()
    for seconds in (0, 1):
        both = [need("0.5", breached=True), need("0", breached=False, asset=Asset("ETH"))]
        seen.sample_needs("weights", both, at(seconds))

    assert (SECOND_NS, 0) == (seen.deviations["BTC"].outside_ns, seen.deviations["ETH"].outside_ns)


def test_an_unwind_is_not_time_outside() -> None:
    """While hedges are closed on purpose no target is kept: neither time nor deviation counts."""
    seen = Monitor()
    seen.sample_needs(GROUP, [need("0.5", breached=True)], at(0))
    for seconds in (1, 2, 3):
        seen.sample_needs("unwind:BTC", [need("1", breached=True)], at(seconds))
    seen.sample_needs(GROUP, [need("0", breached=False)], at(9))
    kept = seen.deviations["BTC"]

    assert (SECOND_NS, d("0.5")) == (kept.outside_ns, kept.largest)


def test_a_sample_from_before_the_last_one_takes_nothing_back() -> None:
    """The moment of a decision may lie before the last sample: time never runs backwards here."""
    seen = Monitor()
    seen.sample_needs(GROUP, [need("0.5", breached=True)], at(5))
    seen.sample_needs(GROUP, [need("0.5", breached=True)], at(4))
    seen.sample_needs(GROUP, [need("0", breached=False)], at(6))

    assert SECOND_NS == seen.deviations["BTC"].outside_ns


def test_the_last_notices_are_kept_oldest_first() -> None:
    """A bounded number of lines, each with how loud it is and what it is about."""
    seen = Monitor()
    for number in range(monitor.NOTICES_KEPT + 1):
        seen.on_step(paid("0", "x"), [Notice(Severity.WARNING, "held", "neutral:BTC", f"reason {number}")])

    assert monitor.NOTICES_KEPT == len(seen.notices)
    assert "warning: held neutral:BTC: reason 1" == seen.notices[0]


def test_an_instrument_that_left_the_rules_is_no_stumbling_block() -> None:
    """An order of an instrument that nobody names any more counts; what it cost in slippage is not known."""
    bench = Bench().hedged()
    record = next(iter(bench.engine.state.orders.records.values()))
    gone = msgspec.structs.replace(record.request, instrument=hedge("XRP"))
    bench.engine.state.orders.records[gone.client_id] = msgspec.structs.replace(record, request=gone)
    totals = ran(bench).totals(bench.engine.state)

    assert (2, d(1)) == (totals.orders, totals.slippage)
