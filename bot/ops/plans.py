"""The answer of `trimtab plan` for a person: holdings, exposure, targets, deviations, bands, orders, margin."""

from collections.abc import Iterable, Sequence
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
from bot.runtime.plan_answer import AccountMargin, Answer, AssetParts, CarryLine, PlannedAsset, PlannedOrder
from bot.runtime.problems import one_line as printable

SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("spot", ("spot",)),
    ("declared", ("declared",)),
    ("borrowed", ("borrowed",)),
    ("collateral", ("collateral",)),
    ("futures", ("linear", "inverse", "quanto")),
    ("options", ("options",)),
    ("quote leg", ("quote_leg",)),
    ("working", ("working",)),
)
"""The columns of an exposure, and the parts that each of them adds up."""
NONE = "-"


def print_plan(answer: object) -> None:
    """Print an answer; raises Stop when it is not of this version."""
    console_for_results().print(draw_plan(read_plan(answer)))


def read_plan(answer: object) -> Answer:
    """The answer as it came over the wire; raises Stop when it is not of this version."""
    try:
        return msgspec.convert(answer, Answer, strict=False)
    except msgspec.ValidationError as error:
        raise Stop(Exit.INTERNAL, f"the plan is not what this version reads: {error}") from error


def draw_plan(plan: Answer) -> RenderableType:
    """The plan as tables and sentences, in the order of the derivation."""
    parts: list[RenderableType] = [_worth(plan)]
    if plan.assets:
        parts += ["", _exposures(plan.assets, plan.reporting_currency)]
    aimed = {asset: one for asset, one in plan.assets.items() if one.target is not None}
    if aimed:
        parts += ["", _targets(aimed, plan.reporting_currency)]
    parts += _reasons({asset: one for asset, one in plan.assets.items() if one.why or one.gates})
    parts += ["", _orders(plan.orders, plan.reporting_currency)]
    if plan.margin:
        parts += ["", _margin(plan.margin)]
    if plan.carry:
        parts += ["", _carry(plan.carry)]
    return Group(*parts, *_against(plan))


def _worth(plan: Answer) -> RenderableType:
    nav = "unknown" if plan.nav is None else f"{figures.money(plan.nav)} {plan.reporting_currency}"
    line = Text.assemble("net asset value ", (nav, "bold" if plan.nav is not None else "bold yellow"))
    for target, base in sorted(plan.base.items()):
        line.append(f"; base of {printable(target)} ", "dim")
        line.append("unknown" if base is None else figures.money(base))
    return line


def _exposures(assets: dict[str, PlannedAsset], currency: str) -> RenderableType:
    """Where each exposure comes from; a column stands only where one of the assets has something in it."""
    columns = [column for column in SOURCES if any(_part(one.parts, column[1]) for one in assets.values())]
    table = _table("where the exposure comes from (coins)")
    table.add_column("asset", style="bold")
    for name in (*(name for name, _ in columns), "exposure", f"worth {currency}"):
        table.add_column(name, justify="right")
    for asset, one in assets.items():
        cells = (_coins_or_none(_part(one.parts, fields)) for _, fields in columns)
        value = figures.money(one.exposure_value)
        table.add_row(printable(asset), *cells, Text(figures.coins(one.exposure), "bold"), value)
    return table


def _part(parts: AssetParts, fields: Iterable[str]) -> Decimal:
    return sum((getattr(parts, name) for name in fields), Decimal(0))


def _targets(assets: dict[str, PlannedAsset], currency: str) -> RenderableType:
    table = _table("what the targets want of it (coins)")
    table.add_column("asset", style="bold")
    for name in ("target", "band", "exposure", "deviation", f"its value {currency}", "hedge", "left by rounding"):
        table.add_column(name, justify="right")
    for asset, one in assets.items():
        table.add_row(
            printable(asset), figures.coins(one.target), _band(one), figures.coins(one.exposure),
            Text(figures.coins(one.deviation, signed=True), "bold red" if one.breached else "green"),
            figures.money(one.deviation_value, signed=True),
            Text(figures.coins(one.hedge, signed=True), "bold") if one.hedge else "none",
            _coins_or_none(one.residual_after_rounding, signed=True),
        )  # fmt: skip
    return table


def _band(one: PlannedAsset) -> str:
    if one.band is None:
        return NONE
    return f"{figures.coins(one.band.lower)} to {figures.coins(one.band.upper)}"


def _reasons(assets: dict[str, PlannedAsset]) -> Iterable[RenderableType]:
    """Each asset's sentence, the parts of its target where there are several, and what it waits for."""
    for asset, one in assets.items():
        yield Text.assemble((f"{printable(asset)}  ", "bold"), printable(one.why))
        if len(one.target_parts) > 1:
            parts = (
                f"{printable(name)} {figures.coins(coins, signed=True)}" for name, coins in one.target_parts.items()
            )
            yield Text(f"     target = {', '.join(parts)}", "dim")
        for gate in one.gates:
            yield Text.assemble(("     waits  ", "bold yellow"), printable(gate))


def _orders(orders: Sequence[PlannedOrder], currency: str) -> RenderableType:
    if not orders:
        return Text("No order would be sent now.")
    table = _table("orders that would be sent now")
    for name in ("side", "instrument", "account", "for"):
        table.add_column(name)
    for name in ("contracts", "limit", "expected price", f"cost {currency}"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in orders:
        table.add_row(
            Text(row.side, "green" if row.side == "buy" else "red"), printable(short(row.instrument)),
            printable(row.account), printable(row.for_), figures.coins(row.contracts), figures.price(row.limit_price),
            figures.price(row.vwap), figures.money(_cost(row)), "reduce-only" if row.reduce_only else "",
        )  # fmt: skip
    return table


def _cost(order: PlannedOrder) -> Decimal | None:
    fee, slippage = order.cost.fee, order.cost.slippage
    return None if fee is None or slippage is None else fee + slippage


def _margin(margin: dict[str, AccountMargin]) -> RenderableType:
    table = _table("margin of the accounts, before and after the orders")
    table.add_column("account", style="bold")
    for name in ("ratio", "after", "rise to liquidation", "fall to liquidation", "top-up"):
        table.add_column(name, justify="right")
    table.add_column("liquidation at")
    for account, one in margin.items():
        never = figures.UNKNOWN if one.ratio_after is None else "never"
        prices = (
            f"{printable(short(name))} {never if price is None else figures.price(price)}"
            for name, price in one.liquidation.items()
        )
        table.add_row(
            printable(account), figures.percent(one.ratio_before), figures.percent(one.ratio_after),
            _distance(one, one.stress_distance_up), _distance(one, one.stress_distance_down),
            Text(figures.coins(one.top_up), "yellow" if one.top_up else ""), ", ".join(prices),
        )  # fmt: skip
    return table


def _distance(margin: AccountMargin, distance: Decimal | None) -> str:
    """A move until liquidation: where the account's margin is known, no figure means that no move leads there."""
    if distance is None:
        return figures.UNKNOWN if margin.ratio_after is None else "never"
    return figures.percent(distance, 1)


def _carry(carry: dict[str, CarryLine]) -> RenderableType:
    table = _table("carry")
    table.add_column("trade", style="bold")
    for name in ("forecast a year", "basis a year", "round trip", "pays after"):
        table.add_column(name, justify="right")
    table.add_column("decision")
    for name, one in carry.items():
        hours = figures.UNKNOWN if one.break_even_hours is None else f"{one.break_even_hours:.1f} h"
        table.add_row(
            printable(name), figures.percent(one.forecast_apr), figures.percent(one.basis_ann),
            figures.percent(one.round_trip_cost, 3), hours, f"{one.decision}: {printable(one.why)}",
        )  # fmt: skip
    return table


def _against(plan: Answer) -> Iterable[RenderableType]:
    """What should be moved, what is not planned, and what is not known."""
    lines = [
        ("move  ", "bold cyan", f"{figures.coins(row.amount)} {row.asset} from {row.from_} to {row.to} {row.why}")
        for row in plan.transfers
    ]
    lines += [("not planned  ", "bold yellow", f"{row.what}: {row.why}") for row in plan.refused]
    lines += [("not known  ", "yellow", line) for line in plan.unknown]
    return ["", *(Text.assemble((word, style), printable(line)) for word, style, line in lines)] if lines else []


def _coins_or_none(amount: Decimal, signed: bool = False) -> str:
    return figures.coins(amount, signed) if amount else NONE


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False,
        padding=(0, 1, 0, 0), header_style="dim",
    )  # fmt: skip
