"""The closing table: what hedging cost, and how well it held. A pure function of one or more Statuses."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.ops import figures
from bot.ops.rows import short
from bot.runtime.status import AssetStatus, OrderStatus, Status


class TradedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's orders on one side. Prices are volume-weighted, slippage by value; > 0 bps is a cost."""

    portfolio: str
    instrument: str
    side: str
    orders: int
    contracts: Decimal
    average_price: Decimal | None
    slippage_bps: Decimal | None
    fees: Decimal


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """How well one asset was kept in its band. The largest deviation is in coins and in quote currency."""

    portfolio: str
    asset: str
    largest_deviation: Decimal | None
    largest_deviation_value: Decimal | None
    outside_ns: int
    watched_ns: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything for the closing table. Money in quote currency; `funding` > 0 was received."""

    traded: tuple[TradedLine, ...]
    held: tuple[HeldLine, ...]
    orders: int
    orders_listed: int
    """Orders in the lines of `traded`; fewer than `orders` when a status no longer lists the oldest."""
    fees: Decimal
    funding: Decimal
    slippage: Decimal
    journals: tuple[str, ...]


def report_of(statuses: Sequence[Status]) -> Report:
    """The report over the last Status of each daemon that ran."""
    return Report(
        traded=tuple(line for status in statuses for line in _traded(status)),
        held=tuple(_held(status, row) for status in statuses for row in status.assets),
        orders=sum(status.totals.orders for status in statuses),
        orders_listed=sum(len(status.orders) for status in statuses),
        fees=_sum(status.totals.fees for status in statuses),
        funding=_sum(status.totals.funding for status in statuses),
        slippage=_sum(status.totals.slippage for status in statuses),
        journals=tuple(status.journal_path for status in statuses),
    )


def _traded(status: Status) -> list[TradedLine]:
    keys = sorted({(row.instrument, row.side) for row in status.orders})
    groups = {key: [row for row in status.orders if (row.instrument, row.side) == key] for key in keys}
    return [_line(status.portfolio, rows) for rows in groups.values()]


def _line(portfolio: str, rows: Sequence[OrderStatus]) -> TradedLine:
    filled = [row for row in rows if row.filled and row.average_price is not None]
    contracts = _sum(row.filled for row in filled)
    value = _sum(_value(row) for row in filled)
    # Contracts of one instrument have one size, so price x contracts weighs them rightly whatever that size is.
    measured = [(row.slippage_bps, _value(row)) for row in filled if row.slippage_bps is not None]
    weight = _sum(worth for _, worth in measured)
    return TradedLine(
        portfolio=portfolio,
        instrument=rows[0].instrument,
        side=rows[0].side,
        orders=len(rows),
        contracts=contracts,
        average_price=value / contracts if contracts else None,
        slippage_bps=_sum(bps * worth for bps, worth in measured) / weight if weight else None,
        fees=_sum(row.fee for row in rows),
    )


def _value(row: OrderStatus) -> Decimal:
    return row.filled * (row.average_price or Decimal(0))


def _held(status: Status, row: AssetStatus) -> HeldLine:
    return HeldLine(
        portfolio=status.portfolio,
        asset=row.asset,
        largest_deviation=row.largest_deviation,
        largest_deviation_value=row.largest_deviation_value,
        outside_ns=row.outside_ns,
        watched_ns=status.now_ns - status.started_ns,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def draw_report(report: Report) -> RenderableType:
    """The closing table, for a terminal or a pipe."""
    several = len(report.journals) > 1
    parts: list[RenderableType] = [_traded_table(report, several), "", _held_table(report, several), "", _sums(report)]
    parts += [Text(f"journal  {path}", overflow="fold") for path in report.journals]
    return Group(*parts)


def _traded_table(report: Report, several: bool) -> Table:
    table = _table("orders")
    for name in (*(["portfolio"] if several else []), "instrument", "side"):
        table.add_column(name)
    for name in ("orders", "contracts", "average price", "slippage bps", "fees"):
        table.add_column(name, justify="right")
    for line in report.traded:
        table.add_row(
            *([line.portfolio] if several else []), short(line.instrument),
            Text(line.side, "green" if line.side == "buy" else "red"), str(line.orders), figures.coins(line.contracts),
            figures.price(line.average_price) if line.contracts else "nothing filled",
            figures.bps(line.slippage_bps) if line.contracts else "", figures.money(line.fees),
        )  # fmt: skip
    return table


def _held_table(report: Report, several: bool) -> Table:
    table = _table("distance from the target")
    for name in (*(["portfolio"] if several else []), "asset"):
        table.add_column(name)
    for name in ("largest deviation", "its value", "outside the band", "of"):
        table.add_column(name, justify="right")
    for line in report.held:
        table.add_row(
            *([line.portfolio] if several else []), line.asset, figures.coins(line.largest_deviation, signed=True),
            figures.money(line.largest_deviation_value, signed=True), figures.age(line.outside_ns),
            figures.age(line.watched_ns),
        )  # fmt: skip
    return table


def _sums(report: Report) -> Text:
    words = [f"{report.orders} orders", f"fees {figures.money(report.fees)}"]
    words += [f"slippage {figures.money(report.slippage)}", f"funding {figures.money(report.funding, signed=True)}"]
    if report.orders_listed < report.orders:
        words.append(f"the table shows the last {report.orders_listed} orders")
    return Text("in all   ", "bold") + Text(" · ".join(words), "")


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False,
        padding=(0, 1, 0, 0), header_style="dim",
    )  # fmt: skip
