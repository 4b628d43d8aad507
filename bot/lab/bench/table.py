"""The table as people read it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import rich.box
import rich.console
import rich.table
from rich.markup import escape

from bot.lab.bench.figures import AtMost, Figure, Machine, Table

WIDTH_MIN = 150
QUIET_LOAD = 0.5


def machine(directory: Path) -> Machine:
    """This machine."""
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        directory=str(directory),
        load=os.getloadavg()[0],
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    size = abs(value)
    if size >= 1_000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    sign = "<=" if isinstance(figure.target, AtMost) else ">="
    return f"{sign} {number(figure.target.value)}"


def _verdict(figure: Figure) -> str:
    return {True: "[green]kept[/]", False: "[bold red]missed[/]", None: ""}[figure.met]


def show(found: Table, console: rich.console.Console | None = None) -> None:
    """Print the table."""
    out = console or rich.console.Console()
    if not out.is_terminal:
        out.width = max(out.width, WIDTH_MIN)
    facts = found.machine
    out.print(f"Trimtab bench{' (quick: few samples)' if found.quick else ''}", style="bold")
    out.print(f"{facts.python}, {facts.system}, {facts.cores} cores, {facts.processor}; journal in {facts.directory}")
    if facts.load > QUIET_LOAD:
        out.print(
            f"other work runs on this machine (load {facts.load:.1f}): times are longer than they need be",
            style="yellow",
        )
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("unit")
    table.add_column("target", justify="right")
    table.add_column("")
    table.add_column("how", style="dim")
    for row in found.rows:
        table.add_row(f"[bold]{escape(row.title)}[/]")
        for figure in row.figures:
            cells = (figure.name, number(figure.value), figure.unit, _target(figure))
            table.add_row(*(escape(cell) for cell in cells), _verdict(figure), escape(figure.note))
        table.add_section()
    out.print(table)
    for failure in found.failures:
        out.print(f"not measured: {escape(failure)}", style="bold red")
    out.print(f"{len(found.missed)} targets missed; {found.seconds:.0f} s")
