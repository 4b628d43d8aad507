"""The metrics: a table that the docs are made of, and what a scrape says of a picture."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.events import HELD_BACK, OrderRejected
from bot.domain.units import SECOND_NS
from bot.ops.exporter import READERS, UNANSWERED_MAX, Exporter, Scrape, SinkCounts
from bot.ops.metrics import METRICS, Metric
from bot.runtime.health import Reason
from bot.runtime.status import AccountStatus, BudgetStatus, ConversionStatus, LatchStatus, PegStatus, Status, Totals
from tests.kit import d
from tests.ops.samples import NOW_NS, STATUS, asset
from tests.runtime.stage import Bench

SELLING = ConversionStatus(
    target="realise", asset="BTC", amount=d("0.4"), sold=d("0.3"), bought=d("0.2"), state="selling", why=""
)
FULL = msgspec.structs.replace(
    STATUS,
    mode="RUN",
    assets=(asset(basis_bps=d("2.5")), asset("ETH", held_because="stale", breached=True)),
    latches=(LatchStatus("binance.usdm:ETHUSDT", "HALT", "because", "ann", 1),),
    reasons=(Reason("binance.usdm.book", "silent"),),
    accounts=(AccountStatus("binance.usdm", 2 * SECOND_NS, -SECOND_NS // 10),),
    budgets=(BudgetStatus("fapi.binance.com", 0.25),),
    margin_stress=d("0.75"),
    peg=PegStatus(asset="USDT", price=d("0.999"), off_bps=d(10), level="steady", told="USDT is at 0.9990 USD"),
    conversions=(SELLING, msgspec.structs.replace(SELLING, target="rest", asset="ETH", state="stopped", why="naked")),
    journal_lag_ns=SECOND_NS // 4,
    journal_bytes=4_096,
    totals=Totals(
        orders=4,
        fills=3,
        fees=d("1.5"),
        funding=d("-2"),
        slippage=d(1),
        funding_paid=d(3),
        funding_received=d(1),
        ended={"filled": 2, "expired": 1},
        live={"unknown": 1},
    ),
)
SINKS = (SinkCounts("phone", 2, {"sent": 7, "given_up": 1}),)
SAMPLES: dict[str, float] = {
    'trimtab_mode{mode="RUN",run_mode="live"}': 1,
    'trimtab_mode{mode="HALT",run_mode="live"}': 0,
    'trimtab_latched{mode="HALT",scope="binance.usdm:ETHUSDT"}': 1,
    "trimtab_ready": 1,
    'trimtab_not_ready{subject="binance.usdm.book"}': 1,
    'trimtab_delta_coins{asset="BTC",group="core"}': 0.0005,
    'trimtab_target_coins{asset="BTC",group="core"}': 0,
    'trimtab_band_coins{asset="BTC",group="core"}': 0.012345,
    'trimtab_deviation_quote{asset="BTC",group="core"}': 30.90,
    'trimtab_held_back{asset="BTC",group="core"}': 0,
    'trimtab_held_back{asset="ETH",group="core"}': 1,
    'trimtab_outside_band_seconds_total{asset="BTC",group="core"}': 2,
    'trimtab_basis_bps{asset="BTC",group="core"}': 2.5,
    'trimtab_funding_rate{instrument="binance.usdm:BTCUSDT"}': 0.0001,
    'trimtab_position_contracts{instrument="binance.usdm:BTCUSDT"}': -1.234,
    "trimtab_margin_ratio": 0.0213,
    "trimtab_margin_stress_distance_ratio": 0.75,
    "trimtab_peg_bps": 10,
    'trimtab_conversion_amount_coins{asset="BTC",target="realise"}': 0.4,
    'trimtab_conversion_sold_coins{asset="BTC",target="realise"}': 0.3,
    'trimtab_conversion_bought_coins{asset="BTC",target="realise"}': 0.2,
    'trimtab_conversion_stopped{asset="BTC",target="realise"}': 0,
    'trimtab_conversion_stopped{asset="ETH",target="rest"}': 1,
    "trimtab_funding_paid_quote_total": 3,
    "trimtab_funding_received_quote_total": 1,
    "trimtab_fees_quote_total": 1.5,
    "trimtab_fills_total": 3,
    'trimtab_orders_total{status="filled"}': 2,
    'trimtab_orders_live{status="unknown"}': 1,
    'trimtab_stream_up{stream="usdm market"}': 0,
    'trimtab_stream_age_seconds{stream="usdm market"}': 7.2,
    'trimtab_stream_connects_total{stream="usdm market"}': 2,
    'trimtab_account_age_seconds{account="binance.usdm"}': 2,
    'trimtab_clock_offset_seconds{account="binance.usdm"}': -0.1,
    'trimtab_rate_budget_used_ratio{host="fapi.binance.com"}': 0.25,
    "trimtab_journal_lag_seconds": 0.25,
    "trimtab_journal_bytes": 4_096,
    "trimtab_disk_free_bytes": 1e9,
    "trimtab_loop_lag_seconds": 0.02,
    'trimtab_alerts_total{outcome="given_up",sink="phone"}': 1,
    'trimtab_alerts_queued{sink="phone"}': 2,
}


def scraped(status: Status, exporter: Exporter | None = None, **changes: Any) -> dict[str, float]:
    """Every sample of a scrape by its name and labels."""
    fields: dict[str, Any] = {"loop_lag_ns": SECOND_NS // 50, "disk_free_bytes": 10**9, "sinks": SINKS, **changes}
    text = (exporter or Exporter()).text(Scrape(status=status, **fields)).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = float(sample.value)
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_scrape_says_what_the_picture_says(sample: str) -> None:
    """Every figure in its unit, under its name and labels."""
    assert abs(SAMPLES[sample] - scraped(FULL)[sample]) < 1e-9


def test_what_is_unknown_has_no_sample() -> None:
    """Unknown is not zero: no ratio, no stress distance (nor an infinite one), no age before the first frame."""
    unknown = msgspec.structs.replace(
        FULL,
        margin_ratio=None,
        margin_stress=Decimal("Infinity"),
        peg=PegStatus(asset="USDT", price=None, off_bps=None, level="steady", told="not known"),
        assets=(asset(price=None, exposure=None, deviation=None),),
    )
    names = {re.sub(r"\{.*", "", sample) for sample in scraped(unknown, disk_free_bytes=None)}

    absent = {
        "trimtab_margin_ratio",
        "trimtab_margin_stress_distance_ratio",
        "trimtab_peg_bps",
        "trimtab_price_quote",
        "trimtab_delta_coins",
        "trimtab_basis_bps",
        "trimtab_disk_free_bytes",
    }
    assert not absent & names
    assert 'trimtab_stream_age_seconds{stream="spot user"}' not in scraped(FULL)


def test_the_table_and_the_exporter_agree() -> None:
    """Every metric of the table is exported, with its type, labels and help; nothing else of ours is."""
    exporter = Exporter()
    exporter.counts._sent("one", "x", 0)  # type: ignore[arg-type]
    exporter.counts._answered("one", 1)  # type: ignore[arg-type]
    exporter.counts._slippage.labels("x").observe(1)
    text = exporter.text(Scrape(status=FULL, loop_lag_ns=0, disk_free_bytes=1, sinks=SINKS)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}

    assert {name_of(metric) for metric in METRICS} == set(families)
    for metric in METRICS:
        family = families[name_of(metric)]
        assert metric.type == family.type
        if metric.name.startswith("trimtab_"):
            assert metric.help == family.documentation
            assert all(set(metric.labels) == set(sample.labels) - {"le"} for sample in family.samples)


def name_of(metric: Metric) -> str:
    """A family's name: the parser takes a counter's suffix off."""
    return metric.name.removesuffix("_total") if metric.type == "counter" else metric.name


def test_the_table_keeps_the_rules_of_the_field() -> None:
    """Counters end in _total and nothing else does; names are unique, helps are sentences, buckets rise."""
    assert len(METRICS) == len({metric.name for metric in METRICS})
    assert set(READERS) <= {metric.name for metric in METRICS}
    for metric in METRICS:
        assert (metric.type == "counter") == metric.name.endswith("_total"), metric.name
        assert metric.help.endswith("."), metric.name
        assert (metric.type == "histogram") == bool(metric.buckets), metric.name
        assert sorted(metric.buckets) == list(metric.buckets), metric.name


def test_an_orders_latency_runs_from_its_decision_to_the_first_word() -> None:
    """A hedge of two legs, answered 30 ms after they were decided: two observations of as much, once each."""
    bench, exporter = Bench().ready(), Exporter()
    bench.breach()
    for event, commands in bench.observed:
        exporter.counts.on_step(event, commands, bench.engine.state)
    seen = len(bench.observed)
    bench.clock.move(30_000_000)
    bench.answer()
    for event, commands in bench.observed[seen:]:
        exporter.counts.on_step(event, commands, bench.engine.state)
        exporter.counts.on_step(event, (), bench.engine.state)
    found = scraped(FULL, exporter)

    name = 'trimtab_order_latency_seconds_{}{{instrument="binance.usdm:BTCUSDT"}}'
    assert 1 == found[name.format("count")]
    assert abs(0.03 - found[name.format("sum")]) < 1e-9


def test_slippage_is_counted_once_an_order() -> None:
    """When a correction ends, each of its orders that filled is one observation."""
    bench, exporter = Bench().hedged(), Exporter()
    for event, commands in bench.observed:
        exporter.counts.on_step(event, commands, bench.engine.state)

    assert 1 == scraped(FULL, exporter)['trimtab_slippage_bps_count{instrument="binance.usdm:BTCUSDT"}']


def test_an_order_that_was_held_back_has_no_latency() -> None:
    """It never left us: the venue was not asked."""
    bench, exporter = Bench().ready(), Exporter()
    commands = bench.breach()
    exporter.counts.on_step(bench.observed[-1][0], commands, bench.engine.state)
    for request in bench.orders:
        held = OrderRejected(request.client_id, HELD_BACK, "halted", bench.clock.now_ns())
        exporter.counts.on_step(held, (), bench.engine.state)

    assert not [name for name in scraped(FULL, exporter) if name.startswith("trimtab_order_latency_seconds_count")]


def test_orders_that_are_never_answered_are_bounded() -> None:
    """The oldest is given up."""
    exporter = Exporter()
    for number in range(UNANSWERED_MAX + 5):
        exporter.counts._sent(f"tt{number}", "x", number)  # type: ignore[arg-type]

    assert UNANSWERED_MAX == len(exporter.counts._unanswered)
    assert "tt4" not in exporter.counts._unanswered


def test_a_scrape_of_a_large_portfolio_is_cheap() -> None:
    """Fifty assets and positions: its text is made in milliseconds, and does not grow by being asked for."""
    many = msgspec.structs.replace(FULL, assets=tuple(asset(f"C{n}", basis_bps=d(1)) for n in range(50)))
    exporter = Exporter()
    scrape = Scrape(status=many, loop_lag_ns=0, disk_free_bytes=1)
    first = exporter.text(scrape)
    best = min(_timed(exporter, scrape) for _ in range(20))

    assert abs(len(first) - len(exporter.text(scrape))) < 100
    assert best < 0.05  # measured: 4 ms


def _timed(exporter: Exporter, scrape: Scrape) -> float:
    began = time.perf_counter()
    exporter.text(scrape)
    return time.perf_counter() - began


def test_the_moment_of_the_sample_is_the_pictures() -> None:
    """Nothing in a scrape depends on when it is asked for: the same picture gives the same text."""
    one, other = scraped(FULL), scraped(msgspec.structs.replace(FULL, now_ns=NOW_NS + SECOND_NS))

    assert {k: v for k, v in one.items() if k.startswith("trimtab_")} == {
        k: v for k, v in other.items() if k.startswith("trimtab_")
    }
