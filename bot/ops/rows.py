"""The tables of the terminal view: assets in their bands, futures positions, orders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, NamedTuple, TypeVar

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bot.ops import figures
from bot.runtime.problems import one_line as printable
from bot.runtime.status import AssetStatus, ConversionStatus, OrderStatus, PositionStatus

ORDER_STYLES = {"filled": "green", "unknown": "bold yellow", "rejected": "red", "partially_filled": "yellow"}
CONVERSION_STYLES = {"stopped": "bold red", "held": "bold yellow", "planned": "bold yellow"}
UNWOUND = "unwind:"
"""The group of an asset whose hedge is closed and not kept."""
NEAR_THE_EDGE = Decimal("0.7")
"""From this part of the trigger on, the mark in the band is yellow."""

_BAR_CELLS_WIDE = 17
_BAR_CELLS_NARROW = 11
_BAR_REACH = Decimal("1.6")
"""How many triggers the bar spans on each side."""


class Glyphs(NamedTuple):
    """What the bar and the marks are drawn with."""

    inside: str
    outside: str
    edge: str
    target: str
    here: str
    beyond: str
    yes: str
    no: str
    dot: str


UNICODE = Glyphs("─", "┄", "┃", "┼", "●", "◆", "✓", "✗", "·")
ASCII = Glyphs("-", ".", "|", "+", "o", "X", "ok", "no", "-")


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table: its name, what it shows of a row, and whether a narrow screen can do without it."""

    name: str
    cell: Callable[[Row], str | Text]
    justify: Literal["left", "center", "right"] = "right"
    spare: bool = False


def assets(found: Sequence[AssetStatus], wide: bool, glyphs: Glyphs) -> RenderableType:
    """One row an asset: what is held, what hedges it, and where that stands in its band."""
    cells = _BAR_CELLS_WIDE if wide else _BAR_CELLS_NARROW
    columns: tuple[Column[AssetStatus], ...] = (
        Column("asset", lambda row: Text(row.asset, "bold"), "left"),
        Column("price", lambda row: figures.price(row.price), spare=True),
        Column("holding", lambda row: figures.coins(row.holding)),
        Column("futures", _futures),
        Column("exposure", lambda row: figures.coins(row.exposure), spare=True),
        Column("target", lambda row: figures.coins(row.target)),
        Column("deviation", lambda row: figures.coins(row.deviation, signed=True)),
        Column("in its band", lambda row: bar(row, glyphs, cells), "center"),
        Column("state", state, "left"),
    )
    return _table(found, columns, wide)


def _futures(row: AssetStatus) -> Text:
    text = Text(figures.coins(row.futures, signed=True))
    if row.working:
        text.append(f" {figures.coins(row.working, signed=True)}", "yellow")
    return text


def bar(row: AssetStatus, glyphs: Glyphs, cells: int = _BAR_CELLS_WIDE) -> Text:
    """The deviation on a line whose marks are the trigger on either side and the target in the middle."""
    if row.deviation is None or not row.trigger:
        return Text(glyphs.outside * cells, "dim")
    half = cells // 2
    edge = round(half / _BAR_REACH)
    line = [glyphs.inside if abs(i - half) < edge else glyphs.outside for i in range(cells)]
    line[half - edge] = line[half + edge] = glyphs.edge
    line[half] = glyphs.target
    scaled = row.deviation / row.trigger
    place = half + max(-half, min(half, round(scaled * edge)))
    style = "bold red" if row.breached else "bold yellow" if abs(scaled) > NEAR_THE_EDGE else "bold green"
    text = Text("".join(line), "dim")
    return Text.assemble(text[:place], (glyphs.beyond if row.breached else glyphs.here, style), text[place + 1 :])


def state(row: AssetStatus) -> Text:
    """One word, or how far outside; the reason why it is held stands below the table."""
    if row.group.startswith(UNWOUND) and row.futures is None:
        return Text("unwound", "magenta")
    if row.breached is None:
        return Text("unknown", "bold yellow")
    if row.working:
        return Text("hedging", "yellow")
    if row.breached:
        return Text(f"OUT {figures.money(row.deviation_value, signed=True)}", "bold red")
    return Text("in band", "green")


def held(found: Sequence[AssetStatus]) -> list[RenderableType]:
    """Why a hedge that may be needed is not sent."""
    waiting = [(row.asset, row.held_because) for row in found if row.held_because]
    return [
        one_line(Text.assemble((f"{name} held: ", "bold yellow"), (printable(why), "yellow"))) for name, why in waiting
    ]


def conversions(found: Sequence[ConversionStatus]) -> list[RenderableType]:
    """How far coins have become money, a line each."""
    return [one_line(_conversion(row)) for row in found]


def _conversion(row: ConversionStatus) -> Text:
    sold, bought = figures.coins(row.sold), figures.coins(row.bought)
    done = f"{sold} of {figures.coins(row.amount)} {row.asset} sold, {bought} of the hedge bought back"
    why = f": {printable(row.why)}" if row.why else ""
    return Text.assemble((f"{row.target} {row.state}: ", CONVERSION_STYLES.get(row.state, "bold")), f"{done}{why}")


def positions(found: Sequence[PositionStatus], now_ns: int, wide: bool) -> RenderableType:
    """One row a futures position, with what its next funding will bring."""
    columns: tuple[Column[PositionStatus], ...] = (
        Column("position", lambda row: Text(short(row.instrument), "bold"), "left"),
        Column("contracts", lambda row: figures.coins(row.contracts, signed=True)),
        Column("entry", lambda row: figures.price(row.entry_price), spare=True),
        Column("mark", lambda row: figures.price(row.mark)),
        Column("unrealized", lambda row: figures.money(row.unrealized, signed=True)),
        Column("funding", lambda row: figures.percent(row.funding_rate, 4, signed=True)),
        Column("next in", lambda row: figures.countdown(row.next_funding_ns, now_ns)),
        Column("", _position_note, "left"),
    )
    return _table(found, columns, wide)


def _position_note(row: PositionStatus) -> Text:
    if not row.settled:
        return Text("not confirmed yet", "yellow")
    if not row.contracts:
        return Text("flat", "dim")
    if not row.funding_rate:
        return Text("")
    receives = (row.funding_rate > 0) != (row.contracts > 0)
    return Text("receives", "green") if receives else Text("pays", "yellow")


def orders(found: Sequence[OrderStatus], of: int, wide: bool) -> RenderableType:
    """The last orders, newest last."""
    columns: tuple[Column[OrderStatus], ...] = (
        Column(
            f"{len(found)} of {of}" if len(found) < of else "orders",
            lambda row: Text(figures.clock(row.sent_ns), "dim"),
            "left",
        ),
        Column("", lambda row: Text(row.side, "green" if row.side == "buy" else "red"), "left"),
        Column("contracts", lambda row: figures.coins(row.contracts)),
        Column("instrument", lambda row: short(row.instrument), "left"),
        Column("limit", lambda row: figures.price(row.limit_price), spare=True),
        Column("filled", lambda row: figures.coins(row.filled)),
        Column("average", lambda row: figures.price(row.average_price) if row.filled else ""),
        Column("bps", lambda row: figures.bps(row.slippage_bps) if row.filled else ""),
        Column("fee", lambda row: figures.money(row.fee), spare=True),
        Column("", _order_state, "left"),
    )
    return _table(found, columns, wide)


def _order_state(row: OrderStatus) -> Text:
    words = row.status.replace("_", " ") + (" reduce" if row.reduce_only else "")
    return Text(words, ORDER_STYLES.get(row.status, ""))


def short(instrument: str) -> str:
    """An instrument without its venue: ``binance.usdm:BTCUSDT`` is ``BTCUSDT usdm``, and Bybit's ``BTCUSDT linear``."""
    account, _, symbol = instrument.rpartition(":")
    return f"{symbol} {account.rpartition(':')[2].rpartition('.')[2]}".rstrip()


def one_line(text: Text) -> Text:
    """The text cut at the screen's edge instead of wrapped."""
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text


def _table(found: Sequence[Row], columns: Sequence[Column[Row]], wide: bool) -> Table:
    """A plain table; a narrow screen gets it without the columns that can be spared."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    shown = [column for column in columns if wide or not column.spare]
    for column in shown:
        table.add_column(column.name, justify=column.justify, no_wrap=True, overflow="ellipsis")
    for row in found:
        table.add_row(*(column.cell(row) for column in shown))
    return table
