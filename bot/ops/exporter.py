"""Fills the table of metrics from the daemon's status, in Prometheus's text format.

One reader for each name of `METRICS`: a pure function from a `Scrape` to samples. What cannot be read off a status
(latencies, slippage) is counted as it happens, by `Counts`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bot import __version__
from bot.domain.commands import CloseCorrection, Command, SubmitOrder
from bot.domain.events import HELD_BACK, Event, OrderRejected, OrderReported
from bot.domain.units import SECOND_NS, ClientOrderId
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.ops.metrics import METRICS, Metric
from bot.runtime.status import AssetStatus, ConversionStatus, Status

UNANSWERED_MAX = 1_000
"""Orders whose answer is waited for; the oldest is given up."""


class SinkCounts(msgspec.Struct, frozen=True):
    """An alert sink: messages that wait, and messages by what became of them since the start."""

    sink: str
    queued: int
    outcomes: Mapping[str, int]


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one answer is made of."""

    status: Status
    loop_lag_ns: int
    disk_free_bytes: int | None
    sinks: tuple[SinkCounts, ...] = ()


Number = Decimal | float | int
Sample = tuple[tuple[str, ...], Number | None]
"""Values of the labels, and the value; None is unknown and leaves no sample."""
Reader = Callable[[Scrape], Iterable[Sample]]


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / SECOND_NS


def _one(value: Callable[[Status], Number | None]) -> Reader:
    return lambda scrape: [((), value(scrape.status))]


def _assets(value: Callable[[AssetStatus], Number | None]) -> Reader:
    return lambda scrape: [((row.asset, row.group), value(row)) for row in scrape.status.assets]


def _conversions(value: Callable[[ConversionStatus], Number | None]) -> Reader:
    return lambda scrape: [((row.target, row.asset), value(row)) for row in scrape.status.conversions]


def _modes(scrape: Scrape) -> Iterator[Sample]:
    for mode in Mode:
        yield (scrape.status.run_mode, mode.name), mode.name == scrape.status.mode


def _finite(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None


READERS: dict[str, Reader] = {
    "trimtab_info": lambda s: [((__version__, s.status.portfolio, s.status.run_mode), 1)],
    "trimtab_mode": _modes,
    "trimtab_latched": lambda s: [((latch.scope, latch.mode), 1) for latch in s.status.latches],
    "trimtab_ready": _one(lambda status: status.ready),
    "trimtab_not_ready": lambda s: [((reason.subject,), 1) for reason in s.status.reasons],
    "trimtab_delta_coins": _assets(lambda row: row.exposure),
    "trimtab_target_coins": _assets(lambda row: row.target),
    "trimtab_band_coins": _assets(lambda row: row.trigger),
    "trimtab_deviation_coins": _assets(lambda row: row.deviation),
    "trimtab_deviation_quote": _assets(lambda row: row.deviation_value),
    "trimtab_holding_coins": _assets(lambda row: row.holding),
    "trimtab_futures_coins": _assets(lambda row: row.futures),
    "trimtab_price_quote": _assets(lambda row: row.price),
    "trimtab_held_back": _assets(lambda row: row.held_because is not None),
    "trimtab_outside_band_seconds_total": _assets(lambda row: row.outside_ns / SECOND_NS),
    "trimtab_basis_bps": _assets(lambda row: row.basis_bps),
    "trimtab_position_contracts": lambda s: [((row.instrument,), row.contracts) for row in s.status.positions],
    "trimtab_unrealized_quote": lambda s: [((row.instrument,), row.unrealized) for row in s.status.positions],
    "trimtab_funding_rate": lambda s: [((row.instrument,), row.funding_rate) for row in s.status.positions],
    "trimtab_margin_ratio": _one(lambda status: status.margin_ratio),
    "trimtab_margin_stress_distance_ratio": _one(lambda status: _finite(status.margin_stress)),
    "trimtab_peg_bps": _one(lambda status: status.peg.off_bps if status.peg is not None else None),
    "trimtab_conversion_amount_coins": _conversions(lambda row: row.amount),
    "trimtab_conversion_sold_coins": _conversions(lambda row: row.sold),
    "trimtab_conversion_bought_coins": _conversions(lambda row: row.bought),
    "trimtab_conversion_stopped": _conversions(lambda row: row.state == "stopped"),
    "trimtab_funding_paid_quote_total": _one(lambda status: status.totals.funding_paid),
    "trimtab_funding_received_quote_total": _one(lambda status: status.totals.funding_received),
    "trimtab_fees_quote_total": _one(lambda status: status.totals.fees),
    "trimtab_fills_total": _one(lambda status: status.totals.fills),
    "trimtab_orders_total": lambda s: [((name,), count) for name, count in sorted(s.status.totals.ended.items())],
    "trimtab_orders_live": lambda s: [((name,), count) for name, count in sorted(s.status.totals.live.items())],
    "trimtab_stream_up": lambda s: [((row.name,), row.up) for row in s.status.streams],
    "trimtab_stream_age_seconds": lambda s: [((row.name,), _seconds(row.age_ns)) for row in s.status.streams],
    "trimtab_stream_connects_total": lambda s: [((row.name,), row.connects) for row in s.status.streams],
    "trimtab_account_age_seconds": lambda s: [((row.name,), _seconds(row.age_ns)) for row in s.status.accounts],
    "trimtab_clock_offset_seconds": lambda s: [
        ((row.name,), _seconds(row.clock_offset_ns)) for row in s.status.accounts
    ],
    "trimtab_rate_budget_used_ratio": lambda s: [((row.host,), row.used_ratio) for row in s.status.budgets],
    "trimtab_journal_lag_seconds": _one(lambda status: status.journal_lag_ns / SECOND_NS),
    "trimtab_journal_sequence": _one(lambda status: status.journal_sequence),
    "trimtab_journal_bytes": _one(lambda status: status.journal_bytes),
    "trimtab_disk_free_bytes": lambda s: [((), s.disk_free_bytes)],
    "trimtab_loop_lag_seconds": lambda s: [((), s.loop_lag_ns / SECOND_NS)],
    "trimtab_alerts_total": lambda s: [((one.sink, what), n) for one in s.sinks for what, n in one.outcomes.items()],
    "trimtab_alerts_queued": lambda s: [((one.sink,), one.queued) for one in s.sinks],
}


class Counts:
    """Histograms of orders, fed by every step."""

    def __init__(self, registry: CollectorRegistry) -> None:
        named = {metric.name: metric for metric in METRICS if metric.type == "histogram"}
        self._latency = _histogram(named["trimtab_order_latency_seconds"], registry)
        self._slippage = _histogram(named["trimtab_slippage_bps"], registry)
        self._unanswered: dict[ClientOrderId, tuple[str, int]] = {}

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Note orders that leave, the first word on each, and what a correction came to."""
        if type(event) is OrderReported:
            self._answered(event.report.client_id, event.received_ns)
        elif type(event) is OrderRejected:
            if event.code == HELD_BACK:
                self._unanswered.pop(event.client_id, None)
            self._answered(event.client_id, event.received_ns)
        for command in commands:
            if type(command) is SubmitOrder:
                self._sent(command.order.request.client_id, command.order.request.instrument, state.now)
            elif type(command) is CloseCorrection:
                self._closed(command)

    def _sent(self, client_id: ClientOrderId, instrument: str, now_ns: int) -> None:
        self._unanswered[client_id] = (instrument, now_ns)
        if len(self._unanswered) > UNANSWERED_MAX:
            del self._unanswered[next(iter(self._unanswered))]

    def _answered(self, client_id: ClientOrderId, received_ns: int) -> None:
        if sent := self._unanswered.pop(client_id, None):
            instrument, sent_ns = sent
            self._latency.labels(instrument).observe(max(received_ns - sent_ns, 0) / SECOND_NS)

    def _closed(self, command: CloseCorrection) -> None:
        for result in command.results:
            if result.slippage_bps is not None:
                self._slippage.labels(result.instrument).observe(float(result.slippage_bps))


class Exporter(Collector):
    """A registry of its own: nothing of another library's global one gets in."""

    def __init__(self) -> None:
        # Without it each histogram brings a series of its own that says when it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has not typed this one
        self.registry = CollectorRegistry()
        self.counts = Counts(self.registry)
        self._scrape: Scrape | None = None
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def text(self, scrape: Scrape) -> bytes:
        """One answer, in Prometheus's text format."""
        self._scrape = scrape
        return generate_latest(self.registry)

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """The families without samples, so that no other collector can take their names."""
        return [_family(metric, ()) for metric in METRICS if metric.name in READERS]

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """The families of the scrape that is being answered."""
        assert self._scrape is not None, "metrics are collected by `text`"
        for metric in METRICS:
            if (reader := READERS.get(metric.name)) is not None:
                yield _family(metric, reader(self._scrape))


def _family(metric: Metric, samples: Iterable[Sample]) -> GaugeMetricFamily | CounterMetricFamily:
    made = GaugeMetricFamily if metric.type == "gauge" else CounterMetricFamily
    family = made(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, float(value))
    return family


def _histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
