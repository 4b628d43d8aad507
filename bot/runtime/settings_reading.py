"""How the checks across values read a document: value by value, so that one that cannot be read hides no other."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bot.domain.units import Asset
from bot.policy.purse import STABLECOINS
from bot.runtime.document import Document, Path
from bot.runtime.fields import Share, Written
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import Misread, plain, quantity
from bot.runtime.settings import Settings

_SHARE = Share("0", "1000000")


def read(model: type[BaseModel], document: Document, *path: str | int) -> Any:
    """A field's value, its default where it is left out, None where it cannot be read."""
    field = model.model_fields[str(path[-1])]
    raw = document.at(*path)
    if raw is None:
        default = field.get_default(call_default_factory=True)
        return None if default is PydanticUndefined else default
    mark = next((mark for mark in field.metadata if isinstance(mark, Written)), None)
    assert mark is not None or not _marked_within(field.annotation), f"{path}: only its whole annotation can be read"
    try:
        return raw if mark is None else mark.read(raw)
    except Misread:
        return None


def _marked_within(annotation: Any) -> bool:
    marks = (mark for part in get_args(annotation) for mark in getattr(part, "__metadata__", ()))
    return any(isinstance(mark, Written) for mark in marks)


def read_share(document: Document, *path: str | int) -> Decimal | None:
    """A plain ratio, whatever its bounds; None where it cannot be read or is not there."""
    raw = document.at(*path)
    if raw is None:
        return None
    try:
        found: Decimal = _SHARE.read(raw)
    except Misread:
        return None
    return found


def words(document: Document, *path: str | int) -> tuple[str, ...]:
    """The texts of a list, or the keys of a section."""
    listed = tuple(item for item in document.sequence(*path) if isinstance(item, str))
    return listed or tuple(document.mapping(*path))


def quote_of(document: Document) -> str:
    """The quote currency; its default where it cannot be read."""
    return str(read(Settings, document, "quote") or Settings.model_fields["quote"].default)


def currencies_of(document: Document) -> tuple[str, ...]:
    """The currencies that an amount of a target may be in: the quote, and the reporting currency."""
    reporting = str(read(Settings, document, "reporting") or Settings.model_fields["reporting"].default)
    return tuple(dict.fromkeys((quote_of(document), reporting)))


def has_price(document: Document, asset: str) -> bool:
    """Whether an asset can be counted without an entry of its own: cash and its likes, but for fiat of elsewhere."""
    return asset in STABLECOINS - {Asset("EUR")} or asset in (*currencies_of(document), *document.mapping("assets"))


def money_problem(document: Document, path: Path) -> Iterator[Problem]:
    """What is wrong with the unit of an amount of a target or a budget, if it can be read."""
    try:
        given = quantity(document.at(*path), "")
    except Misread:
        return
    money = currencies_of(document)
    if given.unit and given.unit not in money:
        allowed = f"an amount in {' or '.join(money)}"
        meant = closest(given.unit, money[:1]) or closest(given.unit, money)
        nearest = f"{plain(given.value)} {meant}" if meant else None
        yield document.problem(
            path, f"'{given.unit}' is neither the quote nor the reporting currency", allowed, nearest
        )
