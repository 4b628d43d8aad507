"""The terminal view: a Status as one screen. It fits 100 columns by 30 lines; narrower ones lose columns, not sense.

Everything here is a pure function from a Status to something that rich can print; `bot.ops.watch` does the looking.
"""

import sys
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.domain.venues import VENUES
from bot.ops import figures, rows
from bot.ops.rows import ASCII, UNICODE, Glyphs
from bot.runtime.problems import one_line as printable
from bot.runtime.status import LatchStatus, PegStatus, Status, StreamStatus

WIDTH = 100
WIDTH_WIDE = 96
"""From here on every column is shown."""
HEIGHT = 30
VENUE_PREFIXES = tuple(f"{venue}." for venue in VENUES)
STREAM_AGE_NS_WARN = 5_000_000_000
QUIET = ".user"
"""Streams of this kind are silent for as long as nothing happens on the account."""
LATCHES_MAX = 3
UNCOUNTED_MAX = 3
MODE_STYLES = {
    "run": "bold white on green",
    "degraded": "bold black on yellow",
    "reduce_only": "bold black on yellow",
    "halt": "bold white on red",
    "unwind": "bold white on magenta",
    "flatten": "bold white on magenta",
}

_LINES_FIXED = 4
"""Header, sums, streams, and the blank line before these two."""
_TABLE_HEAD = 3
"""A blank line, the names and the line under them."""
_NOTICES_HEAD = 2
"""A blank line and the title."""


def console_for_results() -> Console:
    """Standard output: as wide as the terminal, or as the view wants to be where there is none."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def glyphs_for(console: Console) -> Glyphs:
    """Line drawing where the terminal can show it."""
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


def print_status(status: Status) -> None:
    """Print the whole picture once, to a terminal or a pipe."""
    console = console_for_results()
    console.print(draw(status, height=None, width=console.width, glyphs=glyphs_for(console)))


def draw(status: Status, height: int | None = HEIGHT, width: int = WIDTH, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The screen: what matters most first; the lists at the end get the lines that are left of `height`."""
    wide = width >= WIDTH_WIDE
    parts: list[RenderableType] = [header(status, glyphs), *latches(status.latches), *lost_peg(status.peg)]
    parts += uncounted(status.uncounted)
    parts += ["", rows.assets(status.assets, wide, glyphs), *rows.held(status.assets)]
    parts += rows.conversions(status.conversions)
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
    lists += len(status.conversions)
    tables = 1 + bool(status.positions) + bool(status.orders)
    set_off = min(len(status.latches), LATCHES_MAX) + len(lost_peg(status.peg)) + len(uncounted(status.uncounted))
    return _LINES_FIXED + set_off + lists + tables * _TABLE_HEAD


def _shares(lines: int, orders: int, notes: int) -> tuple[int, int]:
    """Share lines between orders and notices: each gets what it needs, or half; at least the last order is shown."""
    after_title = lines - _NOTICES_HEAD
    for_orders = min(orders, max(after_title - notes, after_title // 2, 1))
    return for_orders, max(0, min(notes, after_title - for_orders))


def header(status: Status, glyphs: Glyphs) -> RenderableType:
    """Who, which of the three ways to run, the mode, the clock, and where the journal stands."""
    way = "bold white on red" if status.run_mode == "live" else "bold black on cyan"
    mode = status.mode.lower()
    left = Text.assemble(
        ("trimtab", "bold cyan"), "  ", (status.portfolio, "bold"), "  ", (f" {status.run_mode.upper()} ", way),
        " ", (f" {mode.upper().replace('_', ' ')} ", MODE_STYLES.get(mode, "reverse")),
    )  # fmt: skip
    if not status.ready:
        left.append("  not ready to hedge", "yellow")
    up = figures.age(status.now_ns - status.started_ns)
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    dot = glyphs.dot
    clock = f"{figures.clock(status.now_ns)} UTC {dot} up {up} {dot} journal #{status.journal_sequence}"
    line.add_row(left, Text(clock, "dim"))
    return line


def latches(found: Sequence[LatchStatus]) -> list[RenderableType]:
    """What was set and stays set until somebody lifts it; the newest few."""
    return [
        rows.one_line(
            Text(printable(f"{latch.mode.upper()} {latch.scope}: {latch.reason} (by {latch.by})"), "bold red")
        )
        for latch in found[-LATCHES_MAX:]
    ]


def lost_peg(found: PegStatus | None) -> list[RenderableType]:
    """A line while the quote currency's peg is off, or was lately, or is not known."""
    if found is None or (found.price is not None and found.level == "steady"):
        return []
    style, held = ("bold red", "no order adds risk") if found.holds else ("yellow", "warned")
    return [rows.one_line(Text(printable(f"PEG: {found.told} ({held})"), style))]


def uncounted(found: Sequence[str]) -> list[RenderableType]:
    """Positions that no exposure has; the first few."""
    return [rows.one_line(Text(printable(f"NOT COUNTED: {line}"), "bold yellow")) for line in found[:UNCOUNTED_MAX]]


def totals(status: Status, glyphs: Glyphs) -> RenderableType:
    """Sums since the start, and the margin."""
    sums = status.totals
    facts = (
        f"orders {sums.orders}", f"fills {sums.fills}", f"slippage {figures.money(sums.slippage)}",
        f"fees {figures.money(sums.fees)}", f"funding {figures.money(sums.funding, signed=True)}",
        f"margin {figures.percent(status.margin_ratio)}", *_stress(status), *_peg(status),
    )  # fmt: skip
    return rows.one_line(Text(f" {glyphs.dot} ".join(facts)))


def _stress(status: Status) -> tuple[str, ...]:
    """How far prices must move against the positions until they are liquidated; nothing where no move does."""
    if status.margin_stress is None or not status.margin_stress.is_finite():
        return ()
    return (f"stress {figures.percent(status.margin_stress, 0)}",)


def _peg(status: Status) -> tuple[str, ...]:
    """What the quote currency is worth in dollars, where that is watched."""
    if status.peg is None or status.peg.price is None:
        return ()
    return (f"{status.peg.asset} {status.peg.price:.4f} USD",)


def streams(found: Sequence[StreamStatus], glyphs: Glyphs) -> RenderableType:
    """Every websocket with the age of its last frame, on one line, those that are down first; `#2` reconnected once."""
    line = Text()
    for stream in sorted(found, key=lambda stream: (stream.up, stream.name)):
        late = stream.age_ns is None or (stream.age_ns > STREAM_AGE_NS_WARN and not stream.name.endswith(QUIET))
        style = "bold red" if not stream.up else "yellow" if late else "green"
        line.append(f"{glyphs.here if stream.up else glyphs.no} ", style)
        line.append(_short(stream.name))
        line.append(f"#{stream.connects} " if stream.connects > 1 else " ", "dim")
        line.append(figures.age(stream.age_ns).replace(" ", "") + " ", "dim" if style == "green" else style)
    return rows.one_line(line if found else line.append("no stream yet", "yellow"))


def notices(found: Sequence[str], glyphs: Glyphs) -> RenderableType:
    """The last notices, newest last."""
    lines = [rows.one_line(Text(f"{glyphs.dot} {printable(line)}")) for line in found]
    return Group(Rule("[dim]notices[/dim]", align="left", style="dim", characters=glyphs.inside), *lines)


def progress_line(status: Status) -> str:
    """The status as one line of plain text without its clock, for logs and pipes."""
    words = [status.run_mode, status.mode.lower() if status.ready else "not ready"]
    for row in status.assets:
        where = "unknown" if row.breached is None else "OUT" if row.breached else "in band"
        words.append(f"{row.asset} {figures.coins(row.deviation, signed=True)} {where}")
    words.append(f"orders {status.totals.orders}")
    words += [f"{stream.name} down" for stream in status.streams if not stream.up]
    return "; ".join(words)


def _short(stream: str) -> str:
    """A stream without its venue."""
    return next((stream.removeprefix(prefix) for prefix in VENUE_PREFIXES if stream.startswith(prefix)), stream)
