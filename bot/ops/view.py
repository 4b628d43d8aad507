"""The terminal view: a Status as one screen. It fits 100 columns by 30 lines; narrower ones lose columns, not sense.

Everything here is a pure function from a Status to something that rich can print; `bot.ops.watch` does the looking.
"""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.ops import figures, rows
from bot.ops.rows import ASCII, UNICODE, Glyphs
from bot.runtime.status import LatchStatus, Status, StreamStatus

WIDTH = 100
WIDTH_WIDE = 96
"""From here on every column is shown."""
HEIGHT = 30
STREAM_AGE_NS_WARN = 5_000_000_000
LATCHES_MAX = 3
MODE_STYLES = {
    "run": "bold white on green",
    "degraded": "bold black on yellow",
    "reduce_only": "bold black on yellow",
    "halt": "bold white on red",
    "unwind": "bold white on magenta",
    "flatten": "bold white on magenta",
}

_LINES_FIXED = 8
"""Header, sums, streams, the notices' rule and the blank lines between."""
_TABLE_HEAD = 3
"""A blank line, the names and the line under them."""
_LISTS_LINES_MIN = 4


def glyphs_for(console: Console) -> Glyphs:
    """Line drawing where the terminal can show it."""
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


def print_status(status: Status) -> None:
    """Print the whole picture once, to a terminal or a pipe."""
    console = Console(highlight=False)
    width = console.width if console.is_terminal else WIDTH
    console.print(draw(status, height=None, width=width, glyphs=glyphs_for(console)), width=width)


def draw(status: Status, height: int | None = HEIGHT, width: int = WIDTH, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The screen: what matters most first; the lists at the end get the lines that are left of `height`."""
    wide = width >= WIDTH_WIDE
    parts: list[RenderableType] = [header(status, glyphs), *latches(status.latches)]
    parts += ["", rows.assets(status.assets, wide, glyphs), *rows.held(status.assets)]
    if status.positions:
        parts += ["", rows.positions(status.positions, status.now_ns, wide)]
    parts += ["", totals(status, glyphs), streams(status.streams, glyphs)]
    return Group(*parts, *_lists(status, height, wide, glyphs))


def _lists(status: Status, height: int | None, wide: bool, glyphs: Glyphs) -> list[RenderableType]:
    """The last orders and notices, in what is left of the screen."""
    orders, notes = len(status.orders), len(status.notices)
    if height is not None:
        orders, notes = _shares(height - _lines_above(status), orders, notes)
    parts: list[RenderableType] = []
    if orders:
        parts += ["", rows.orders(status.orders[-orders:], len(status.orders), wide)]
    if notes:
        parts += ["", notices(status.notices[-notes:], glyphs)]
    return parts


def _lines_above(status: Status) -> int:
    """Every line that is not an order or a notice."""
    lists = len(status.assets) + len(rows.held(status.assets)) + len(status.positions)
    tables = 1 + bool(status.positions) + bool(status.orders)
    return _LINES_FIXED + min(len(status.latches), LATCHES_MAX) + lists + tables * _TABLE_HEAD


def _shares(lines: int, first: int, second: int) -> tuple[int, int]:
    """Share lines between two lists: each gets what it needs, or half; never less than a few in all."""
    lines = max(lines, _LISTS_LINES_MIN)
    for_first = min(first, max(lines - second, lines // 2))
    return for_first, min(second, lines - for_first)


def header(status: Status, glyphs: Glyphs) -> RenderableType:
    """Who, which of the three ways to run, the mode, and the clock."""
    way = "bold white on red" if status.run_mode == "live" else "bold black on cyan"
    mode = status.mode.lower()
    left = Text.assemble(
        ("trimtab", "bold cyan"), "  ", (status.portfolio, "bold"), "  ", (f" {status.run_mode.upper()} ", way),
        " ", (f" {mode.upper().replace('_', ' ')} ", MODE_STYLES.get(mode, "reverse")),
    )  # fmt: skip
    if not status.ready:
        left.append("  starting: nothing is sent yet", "yellow")
    up = figures.age(status.now_ns - status.started_ns)
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    line.add_row(left, Text(f"{figures.clock(status.now_ns)} UTC {glyphs.dot} up {up}", "dim"))
    return line


def latches(found: Sequence[LatchStatus]) -> list[RenderableType]:
    """What was set and stays set until somebody lifts it; the newest few."""
    return [
        rows.one_line(Text(f"{latch.mode.upper()} {latch.scope}: {latch.reason} (by {latch.by})", "bold red"))
        for latch in found[-LATCHES_MAX:]
    ]


def totals(status: Status, glyphs: Glyphs) -> RenderableType:
    """Sums since the start, the margin, and where the journal stands."""
    sums = status.totals
    facts = (
        f"orders {sums.orders}", f"fills {sums.fills}", f"slippage {figures.money(sums.slippage)}",
        f"fees {figures.money(sums.fees)}", f"funding {figures.money(sums.funding, signed=True)}",
        f"margin {figures.percent(status.margin_ratio)}", f"journal #{status.journal_sequence}",
    )  # fmt: skip
    return rows.one_line(Text(f" {glyphs.dot} ".join(facts)))


def streams(found: Sequence[StreamStatus], glyphs: Glyphs) -> RenderableType:
    """Every websocket with the age of its last frame, on one line; `#2` is the second connection."""
    line = Text("streams  ", "dim")
    for stream in found:
        late = stream.age_ns is None or stream.age_ns > STREAM_AGE_NS_WARN
        style = "bold red" if not stream.up else "yellow" if late else "green"
        line.append(f"{glyphs.here if stream.up else glyphs.no} ", style)
        line.append(f"{stream.name} ")
        line.append(figures.age(stream.age_ns), "dim" if style == "green" else style)
        line.append(f" #{stream.connects}  " if stream.connects > 1 else "  ", "dim")
    return rows.one_line(line if found else line.append("none yet", "yellow"))


def notices(found: Sequence[str], glyphs: Glyphs) -> RenderableType:
    """The last notices, newest last."""
    lines = [rows.one_line(Text(f"{glyphs.dot} {line}")) for line in found]
    return Group(Rule("[dim]notices[/dim]", align="left", style="dim", characters=glyphs.inside), *lines)


def progress_line(status: Status) -> str:
    """The status as one line of plain text without its clock, for logs and pipes."""
    words = [status.run_mode, status.mode if status.ready else "starting"]
    for row in status.assets:
        where = "unknown" if row.breached is None else "OUT" if row.breached else "in band"
        words.append(f"{row.asset} {figures.coins(row.deviation, signed=True)} {where}")
    words.append(f"orders {status.totals.orders}")
    words += [f"{stream.name} down" for stream in status.streams if not stream.up]
    return "; ".join(words)
