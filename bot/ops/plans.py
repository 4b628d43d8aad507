"""The answer of `trimtab plan` for a person: each asset's derivation, what follows from it, and what stands against."""

from decimal import Decimal

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.ops import figures
from bot.ops.exits import Exit
from bot.ops.rows import short
from bot.ops.speak import Stop
from bot.ops.view import console_for_results


class PlannedAsset(msgspec.Struct, frozen=True):
    """One asset's derivation; coins, except `price` and `deviation_value` (quote currency). `hedge` < 0 sells."""

    asset: str
    price: Decimal
    exposure: Decimal
    target: Decimal
    deviation: Decimal
    deviation_value: Decimal
    trigger: Decimal
    breached: bool
    hedge: Decimal
    why: str


class PlannedGroup(msgspec.Struct, frozen=True):
    """One target of the config; without assets while it cannot be judged."""

    group: str
    held_because: str | None
    assets: tuple[PlannedAsset, ...]


class PlannedOrder(msgspec.Struct, frozen=True):
    """An order that would be sent now."""

    group: str
    instrument: str
    side: str
    contracts: Decimal
    limit_price: Decimal
    expected_vwap: float
    reduce_only: bool


class Against(msgspec.Struct, frozen=True):
    """What a guard would refuse, and why."""

    what: str
    guard: str
    why: str


class Plan(msgspec.Struct, frozen=True):
    """The whole answer."""

    mode: str
    groups: tuple[PlannedGroup, ...]
    orders: tuple[PlannedOrder, ...]
    refused: tuple[Against, ...]


def print_plan(answer: object) -> None:
    """Print the daemon's answer; raises Stop when it is not of this version."""
    try:
        plan = msgspec.convert(answer, Plan, strict=False)
    except msgspec.ValidationError as error:
        raise Stop(Exit.INTERNAL, f"the daemon's plan is not what this version reads: {error}") from error
    console_for_results().print(draw_plan(plan))


def draw_plan(plan: Plan) -> RenderableType:
    """The plan as tables and sentences."""
    parts: list[RenderableType] = [Text.assemble("mode ", (plan.mode, "bold"))]
    for group in plan.groups:
        parts += ["", *_group(group)]
    parts += ["", _orders(plan.orders)]
    parts += [
        Text.assemble(("not sent  ", "bold yellow"), f"{row.what}: {row.guard}: {row.why}") for row in plan.refused
    ]
    return Group(*parts)


def _group(group: PlannedGroup) -> list[RenderableType]:
    if not group.assets:
        return [Text.assemble((group.group, "bold"), "  cannot be judged: ", group.held_because or "no reason given")]
    table = _table(f"target {group.group}")
    table.add_column("asset", style="bold")
    for name in ("price", "exposure", "target", "deviation", "its value", "trigger", "hedge"):
        table.add_column(name, justify="right")
    for row in group.assets:
        table.add_row(
            row.asset, figures.price(row.price), figures.coins(row.exposure), figures.coins(row.target),
            Text(figures.coins(row.deviation, signed=True), "bold red" if row.breached else "green"),
            figures.money(row.deviation_value, signed=True), figures.coins(row.trigger),
            figures.coins(row.hedge, signed=True) if row.hedge else "none",
        )  # fmt: skip
    reasons = [Text.assemble((f"{row.asset}  ", "bold"), row.why) for row in group.assets]
    return [table, *reasons]


def _orders(orders: tuple[PlannedOrder, ...]) -> RenderableType:
    if not orders:
        return Text("No order would be sent now.")
    table = _table("orders that would be sent now")
    for name in ("side", "contracts", "instrument", "limit", "expected price", ""):
        table.add_column(name, justify="left" if name in ("side", "instrument", "") else "right")
    for row in orders:
        table.add_row(
            Text(row.side, "green" if row.side == "buy" else "red"), figures.coins(row.contracts),
            short(row.instrument), figures.price(row.limit_price), figures.price(Decimal(str(row.expected_vwap))),
            "reduce-only" if row.reduce_only else "",
        )  # fmt: skip
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False,
        padding=(0, 1, 0, 0), header_style="dim",
    )  # fmt: skip
