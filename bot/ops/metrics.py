"""Every metric that Trimtab offers, as data: the exporter, the docs and the tests read this one table.

Units are Prometheus's base units (seconds, bytes, ratios of 1), except where the field has one of its own (coins, bps,
quote currency). Longs are > 0. What is not known has no sample: an absent series is "unknown", never zero. Counters
count since this start of the daemon.
"""

from typing import Literal

import msgspec

Type = Literal["gauge", "counter", "histogram"]


class Metric(msgspec.Struct, frozen=True):
    """A metric by the name it is scraped under, its labels, and one sentence for a person."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """A histogram's upper bounds."""


LATENCY_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SLIPPAGE_BUCKETS_BPS = (-10.0, -5.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0, 100.0)

ASSET = ("asset", "group")
CONVERSION = ("target", "asset")
METRICS: tuple[Metric, ...] = (
    Metric("trimtab_info", "gauge", ("version", "portfolio", "run_mode"), "Always 1: which Trimtab this is."),
    Metric("trimtab_mode", "gauge", ("run_mode", "mode"), "1 for the mode that counts globally, 0 for the others."),
    Metric("trimtab_latched", "gauge", ("scope", "mode"), "1 for each latch: a mode that stays until you arm again."),
    Metric("trimtab_ready", "gauge", (), "1 while a hedge could be decided and sent, 0 otherwise."),
    Metric("trimtab_not_ready", "gauge", ("subject",), "1 for each subject that keeps the daemon from being ready."),
    Metric("trimtab_delta_coins", "gauge", ASSET, "Net exposure: holding and futures together."),
    Metric("trimtab_target_coins", "gauge", ASSET, "The exposure that the targets want."),
    Metric("trimtab_band_coins", "gauge", ASSET, "The trigger: a deviation beyond it is hedged."),
    Metric("trimtab_deviation_coins", "gauge", ASSET, "Exposure less target, orders at work counted."),
    Metric("trimtab_deviation_quote", "gauge", ASSET, "The deviation in quote currency."),
    Metric("trimtab_holding_coins", "gauge", ASSET, "What is held of the coin, in all wallets and declared."),
    Metric("trimtab_futures_coins", "gauge", ASSET, "The hedges' exposure; a short is < 0."),
    Metric("trimtab_price_quote", "gauge", ASSET, "The mid that the asset is valued at."),
    Metric("trimtab_held_back", "gauge", ASSET, "1 while a guard keeps the asset from being hedged, 0 otherwise."),
    Metric("trimtab_outside_band_seconds_total", "counter", ASSET, "Seconds outside the band."),
    Metric("trimtab_basis_bps", "gauge", ASSET, "The hedge's mid above the mid that the asset is valued at."),
    Metric("trimtab_position_contracts", "gauge", ("instrument",), "Signed contracts of a futures position."),
    Metric("trimtab_unrealized_quote", "gauge", ("instrument",), "Unrealised profit of a position at its mark."),
    Metric("trimtab_funding_rate", "gauge", ("instrument",), "Next funding rate per interval; > 0: shorts receive."),
    Metric("trimtab_margin_ratio", "gauge", (), "Maintenance margin over margin balance: liquidation at 1."),
    Metric(
        "trimtab_margin_stress_distance_ratio",
        "gauge",
        (),
        "How far prices must move together, against the positions, until they are liquidated; absent if no move does.",
    ),
    Metric(
        "trimtab_peg_bps",
        "gauge",
        (),
        "How far the quote currency is from its dollar; absent where nobody watches it, or while it is not known.",
    ),
    Metric("trimtab_conversion_amount_coins", "gauge", CONVERSION, "Coins that a conversion is to sell in all."),
    Metric("trimtab_conversion_sold_coins", "gauge", CONVERSION, "Coins that a conversion has sold so far."),
    Metric("trimtab_conversion_bought_coins", "gauge", CONVERSION, "The hedge that it has bought back so far."),
    Metric("trimtab_conversion_stopped", "gauge", CONVERSION, "1 while a conversion is stopped until you arm again."),
    Metric("trimtab_funding_paid_quote_total", "counter", (), "Funding paid, without what was received."),
    Metric("trimtab_funding_received_quote_total", "counter", (), "Funding received, without what was paid."),
    Metric("trimtab_fees_quote_total", "counter", (), "Fees of our fills."),
    Metric("trimtab_fills_total", "counter", (), "Fills of our orders."),
    Metric("trimtab_orders_total", "counter", ("status",), "Orders of ours that have ended, by how they ended."),
    Metric("trimtab_orders_live", "gauge", ("status",), "Orders of ours that may still fill."),
    Metric(
        "trimtab_order_latency_seconds",
        "histogram",
        ("instrument",),
        "From an order's decision to the first word on it: journal, network and venue together.",
        LATENCY_BUCKETS_S,
    ),
    Metric(
        "trimtab_slippage_bps",
        "histogram",
        ("instrument",),
        "An order's average price against the mid at its decision; > 0 is a cost.",
        SLIPPAGE_BUCKETS_BPS,
    ),
    Metric("trimtab_stream_up", "gauge", ("stream",), "1 while a websocket delivers, 0 otherwise."),
    Metric("trimtab_stream_age_seconds", "gauge", ("stream",), "Time since a websocket's last frame."),
    Metric("trimtab_stream_connects_total", "counter", ("stream",), "Connections of a websocket."),
    Metric("trimtab_account_age_seconds", "gauge", ("account",), "Time since the last good read of an account."),
    Metric("trimtab_clock_offset_seconds", "gauge", ("account",), "The venue's clock above ours."),
    Metric("trimtab_rate_budget_used_ratio", "gauge", ("host",), "Used share of the venue's tightest rate limit."),
    Metric("trimtab_journal_lag_seconds", "gauge", (), "Age of the oldest record that is not yet on the disk."),
    Metric("trimtab_journal_sequence", "gauge", (), "The last record's number."),
    Metric("trimtab_journal_bytes", "gauge", (), "Size of the journal on the disk."),
    Metric("trimtab_disk_free_bytes", "gauge", (), "Free space on the disk of the state directory."),
    Metric("trimtab_loop_lag_seconds", "gauge", (), "Longest stall of the event loop since the last scrape."),
    Metric("trimtab_alerts_total", "counter", ("sink", "outcome"), "Alerts by sink and what became of them."),
    Metric("trimtab_alerts_queued", "gauge", ("sink",), "Alerts that wait to be delivered."),
    Metric("process_resident_memory_bytes", "gauge", (), "Memory of the process."),
    Metric("process_virtual_memory_bytes", "gauge", (), "Address space of the process."),
    Metric("process_cpu_seconds_total", "counter", (), "Processor time of the process."),
    Metric("process_open_fds", "gauge", (), "Open files and sockets of the process."),
    Metric("process_max_fds", "gauge", (), "How many files and sockets it may open."),
    Metric("process_start_time_seconds", "gauge", (), "When the process started, Unix time."),
)
