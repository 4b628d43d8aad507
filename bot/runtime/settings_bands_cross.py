"""What must fit together in a target's band: units, sides, the way from trigger to destination, fixed and auto."""

from collections.abc import Iterator
from decimal import Decimal

from bot.runtime.document import Document, Path
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import COINS, PERCENT, POINTS, Amount, plain
from bot.runtime.settings_reading import currencies_of, quote_of, read
from bot.runtime.settings_triggers import AUTO, AutoSettings, BandSettings

HUNDRED = Decimal(100)
AUTO_KINDS = ("neutral", "ratio", "weights", "risk_parity")
"""The kinds whose band may set its own width."""
BASED_KINDS = ("weights", "tilt", "cash_hedge", "leverage", "index", "risk_parity")
"""The kinds that have a base, of which percentage points are parts."""
KINDS = (*BASED_KINDS, "neutral", "ratio", "proxy", "unwind", "convert_to_spot")
"""All kinds: of one that is none of them nobody can say what its widths may be."""
_SIDES = (("trigger", "destination"), ("trigger_below", "destination_below"))


def band_problems(document: Document, index: int, coins: list[str]) -> Iterator[Problem]:
    """Everything that does not fit together in one target's band."""
    here: Path = ("targets", index, "band")
    if AUTO in document.mapping(*here):
        yield from _auto(document, here, coins)
        return
    widths = {key: read(BandSettings, document, *here, key) for key in BandSettings.model_fields}
    for key, width in widths.items():
        if width is not None and document.at(*here, key) is not None:
            yield from _width(document, (*here, key), width, coins)
    for trigger, destination in _SIDES:
        yield from _ends(document, here, trigger, destination, widths)
    for key in ("trigger", "trigger_below"):
        yield from _instant(document, here, key, widths)


def _ends(
    document: Document, here: Path, trigger: str, destination: str, widths: dict[str, Amount | None]
) -> Iterator[Problem]:
    """A destination lies within its trigger; what is said of one side only is held against the other's."""
    start, end = widths[trigger] or widths["trigger"], widths[destination] or widths["destination"]
    if start is None or end is None or end.value == 0 or (widths[trigger] is None and widths[destination] is None):
        return
    key = destination if document.at(*here, destination) is not None else trigger
    if end.unit != start.unit:
        yield document.problem((*here, key), "not in the trigger's unit", f"0 {start.unit} to {start}")
    elif end.value > start.value:
        what = f"wider than the trigger, {start}: a hedge would start inside and end outside"
        yield document.problem((*here, key), what, f"0 {start.unit} to {start}")


def _instant(document: Document, here: Path, key: str, widths: dict[str, Amount | None]) -> Iterator[Problem]:
    start, instant = widths[key], widths["instant"]
    if start is None or instant is None or document.at(*here, key) is None:
        return
    if instant.unit == start.unit and instant.value < start.value:
        what = f"inside the {key}, {start}: a hedge would be urgent before it is called for"
        yield document.problem((*here, "instant"), what, f"at least {start}")


def _width(document: Document, path: Path, width: Amount, coins: list[str]) -> Iterator[Problem]:
    kind = document.at(*path[:2], "kind")
    based = kind in BASED_KINDS or kind not in KINDS
    quote, money = quote_of(document), currencies_of(document)
    allowed = f"a width with %,{' pp,' if based else ''} {quote}, coins{f' or {coins[0]}' if len(coins) == 1 else ''}"
    if width.unit in (PERCENT, POINTS) and width.value > HUNDRED:
        yield document.problem(path, "more than the whole", f"at most 100 {width.unit}")
    if width.unit == POINTS and not based:
        proposal = f"{plain(width.value)} %"
        what = "percentage points are parts of a base, and this kind has none"
        yield document.problem(path, what, allowed, proposal)
    elif width.unit in coins and len(coins) > 1:
        what = f"a width in {width.unit} for a target of {', '.join(coins)}"
        yield document.problem(path, what, allowed, f"{plain(width.value)} coins")
    elif width.unit not in (PERCENT, POINTS, COINS, *money, *coins):
        meant = closest(width.unit, (quote, COINS, *coins)) or closest(width.unit, money)
        nearest = f"{plain(width.value)} {meant}" if meant else None
        yield document.problem(path, f"'{width.unit}' is not a unit of this", allowed, nearest)


def _auto(document: Document, here: Path, coins: list[str]) -> Iterator[Problem]:
    kind = document.at(*here[:2], "kind")
    path: Path = (*here, AUTO)
    if kind not in AUTO_KINDS:
        what = f"a band of the kind {kind} cannot set its own width"
        yield document.problem(path, what, f"trigger and destination; auto is for {', '.join(AUTO_KINDS)}")
    given = [key for key in ("risk_aversion", "tracking_error") if document.at(*path, key) is not None]
    if document.mapping(*path) and len(given) != 1:
        what = "nothing says how narrow it shall be" if not given else f"{given[0]} and {given[1]} at once"
        yield document.problem((*path, *given[1:]), what, "risk_aversion or tracking_error")
    widths = {key: read(AutoSettings, document, *path, key) for key in ("hard", "floor")}
    for key, width in widths.items():
        if width is not None and document.at(*path, key) is not None:
            yield from _width(document, (*path, key), width, coins)
    hard, floor = widths["hard"], widths["floor"]
    if hard is not None and floor is not None and floor.unit == hard.unit and floor.value > hard.value:
        what = f"wider than the hard limit, {hard}"
        yield document.problem((*path, "floor"), what, f"0 {hard.unit} to {hard}")
