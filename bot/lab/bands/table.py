"""The table as text."""

from __future__ import annotations

from collections.abc import Iterator

from bot.lab.bands.measure import Cell, Report

BPS = 1e4
_NAME, _NUMBER = 14, 20


def text(report: Report) -> str:
    """What each reference costs, what the others cost at its tracking error, and whether the promises are kept."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield report.title
    yield "TE and cost in bps of NAV a year; then cost / reference's cost at equal TE (-: not reached, ~: not equal)"
    heads = ("TE", "cost", "trades/yr", *report.cells)
    yield _row("reference", heads)
    for name, outcome in report.references.items():
        own = (f"{outcome.tracking_error * BPS:.1f}", f"{outcome.cost * BPS:.1f}", f"{outcome.trades:.0f}")
        yield _row(name, (*own, *(_cell(cells[name]) for cells in report.cells.values())))
    yield ""
    for check in report.checks:
        verdict = "ok" if check.ok else "MISSED"
        ratio = _cell(check.cell).strip()
        yield f"{check.family} against {check.reference:14} {ratio:>18} <= {check.ratio_max:.2f}  {verdict}"


def _row(name: str, columns: tuple[str, ...]) -> str:
    first, rest = columns[:3], columns[3:]
    return f"{name:{_NAME}}" + "".join(f"{c:>10}" for c in first) + "".join(f"{c:>{_NUMBER}}" for c in rest)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    mark = "" if cell.is_equal else "~"
    spread = "" if cell.low == cell.high else f" [{cell.low:.2f},{cell.high:.2f}]"
    return f"{mark}{cell.ratio:.3f}{spread}"
