"""The closing table: its sums are the orders' sums, whatever their number and sides."""

import io
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.ops.report import Report, draw_report, report_of
from bot.runtime.status import Status, Totals
from tests.ops.samples import STATUS, order

NOTHING = Totals(orders=0, fills=0, fees=Decimal(0), funding=Decimal(0), slippage=Decimal(0))
prices = st.decimals(min_value=1, max_value=100_000, places=2)
amounts = st.decimals(min_value=Decimal("0.001"), max_value=100, places=3)


def of_orders(*orders: object, **changes: object) -> Report:
    """The report of a book that sent these orders."""
    return report_of([msgspec.structs.replace(STATUS, orders=orders, **changes)])


def text(report: Report) -> str:
    """What is printed, without colours."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    with console.capture() as captured:
        console.print(draw_report(report))
    return captured.get()


def test_prices_are_weighted_by_size() -> None:
    """One coin at 100 and three at 200 cost 175 on average, and their slippage is weighted by value."""
    small = order(contracts=Decimal(1), filled=Decimal(1), average_price=Decimal(100), slippage_bps=Decimal(10))
    large = order(contracts=Decimal(3), filled=Decimal(3), average_price=Decimal(200), slippage_bps=Decimal(3))
    (line,) = of_orders(small, large).traded

    assert (Decimal(4), Decimal(175), Decimal(4)) == (line.contracts, line.average_price, line.slippage_bps)


def test_sides_and_instruments_are_kept_apart() -> None:
    """What was bought is never averaged with what was sold, nor one instrument with another."""
    report = of_orders(order(), order(side="buy"), order(instrument="binance.usdm:ETHUSDT"))

    assert [("binance.usdm:BTCUSDT", "buy"), ("binance.usdm:BTCUSDT", "sell"), ("binance.usdm:ETHUSDT", "sell")] == [
        (line.instrument, line.side) for line in report.traded
    ]


def test_an_order_that_filled_nothing_has_no_price() -> None:
    """It counts as an order, but moves no average."""
    empty = order(filled=Decimal(0), average_price=None, slippage_bps=None, fee=Decimal(0), status="expired")
    (line,) = of_orders(empty).traded

    assert (1, Decimal(0), None, None) == (line.orders, line.contracts, line.average_price, line.slippage_bps)
    assert "nothing filled" in text(of_orders(empty))


@given(st.lists(st.tuples(prices, amounts), min_size=1, max_size=20))
def test_the_average_lies_between_the_prices(fills: list[tuple[Decimal, Decimal]]) -> None:
    """No weighting takes an average out of its range, and no contract is lost."""
    orders = [order(contracts=size, filled=size, average_price=price) for price, size in fills]
    (line,) = of_orders(*orders).traded

    assert line.average_price is not None
    assert min(price for price, _ in fills) <= line.average_price.quantize(Decimal("0.01"))
    assert line.average_price.quantize(Decimal("0.01")) <= max(price for price, _ in fills)
    assert sum(size for _, size in fills) == line.contracts


def test_several_books_are_summed_and_told_apart() -> None:
    """The lines name their portfolio, the sums are of all of them, and every journal is named."""
    other = msgspec.structs.replace(STATUS, portfolio="other", journal_path="/other.sqlite3")
    report = report_of([STATUS, other])

    assert (6, Decimal("83.16"), Decimal("1.24")) == (report.orders, report.fees, report.funding)
    assert {"savings", "other"} == {line.portfolio for line in report.traded}
    assert all(path in text(report) for path in (STATUS.journal_path, "/other.sqlite3"))


def test_what_is_no_longer_listed_is_said() -> None:
    """A status keeps its last orders only: the table says so, the sums do not shrink."""
    report = of_orders(order(), totals=msgspec.structs.replace(NOTHING, orders=250, fees=Decimal(500)))

    assert (250, Decimal(500), 1) == (report.orders, report.fees, report.orders_listed)
    assert "the last 1 orders" in text(report)


def test_how_well_it_held_is_on_it() -> None:
    """Each asset's largest deviation, its value and the time outside the band are printed."""
    shown = text(report_of([STATUS]))

    assert all(words in shown for words in ("+1.2345", "+76,292.40", "1 m 35 s", "funding +0.62", "slippage 6.41"))


def test_a_book_without_orders_has_a_table_too() -> None:
    """Nothing traded is a result, not an error."""
    quiet: Status = msgspec.structs.replace(STATUS, orders=(), totals=NOTHING)

    assert "0 orders" in text(report_of([quiet]))
