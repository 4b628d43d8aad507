"""Judging a JSON document against msgspec types: every misfit at its exact place, with what is allowed there."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import inspect

from bot.runtime.problems import closest

Place = tuple[str | int, ...]
Report = Callable[[Place, str, str | None, str | None], None]
"""Where, what is wrong, what is allowed, and what was probably meant."""

MAPPING = "an object: a name and a value each"
LIST = "a list"


def judge(kind: type, raw: object, report: Report) -> None:
    """Report whatever in `raw` is not as the type says. What is not reported msgspec can convert."""
    _judge(inspect.type_info(kind), raw, (), report, None)


def _judge(info: inspect.Type, raw: object, at: Place, report: Report, allowed: str | None) -> None:
    match info:
        case inspect.Metadata():
            _judge(info.type, raw, at, report, (info.extra or {}).get("allowed"))
        case inspect.StructType():
            _section(info, raw, at, report)
        case inspect.DictType():
            _mapping(info, raw, at, report)
        case inspect.VarTupleType():
            _list(info, raw, at, report)
        case inspect.TupleType():
            _row(info, raw, at, report)
        case inspect.UnionType():
            _judge(_meant(info, raw), raw, at, report, allowed)
        case _:
            _scalar(info, raw, at, report, allowed)


def _section(info: inspect.StructType, raw: object, at: Place, report: Report) -> None:
    fields = {field.encode_name: field for field in info.fields}
    if not isinstance(raw, dict):
        report(at, "not a section", "an object with " + ", ".join(fields), None)
        return
    for name in (name for name in raw if name not in fields):
        report((*at, name), "no such key", ", ".join(fields), closest(name, fields))
    for name, field in fields.items():
        if name in raw:
            _judge(field.type, raw[name], (*at, name), report, None)
        elif field.required:
            report((*at, name), "missing", _allowed(field.type), None)


def _mapping(info: inspect.DictType, raw: object, at: Place, report: Report) -> None:
    if not isinstance(raw, dict):
        report(at, "not a section", MAPPING, None)
        return
    for name, value in raw.items():
        _judge(info.key_type, name, (*at, name), report, None)
        _judge(info.value_type, value, (*at, name), report, None)


def _list(info: inspect.VarTupleType, raw: object, at: Place, report: Report) -> None:
    if not isinstance(raw, list):
        report(at, "not a list", LIST, None)
        return
    for index, item in enumerate(raw):
        _judge(info.item_type, item, (*at, index), report, None)


def _row(info: inspect.TupleType, raw: object, at: Place, report: Report) -> None:
    size = len(info.item_types)
    if not isinstance(raw, list) or len(raw) != size:
        report(at, "not a row of the right length", f"a list of {size} entries", None)
        return
    for index, (kind, item) in enumerate(zip(info.item_types, raw, strict=True)):
        _judge(kind, item, (*at, index), report, None)


def _meant(info: inspect.UnionType, raw: object) -> inspect.Type:
    """The one of several types that a value is judged by: the one of its own form, else the first that is not null."""
    forms: Mapping[type, tuple[type, ...]] = {
        dict: (inspect.DictType, inspect.StructType),
        list: (inspect.VarTupleType, inspect.TupleType),
        type(None): (inspect.NoneType,),
    }
    fitting = [kind for kind in info.types if isinstance(_bare(kind), forms.get(type(raw), ()))]
    return next(iter(fitting or [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]))


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _scalar(info: inspect.Type, raw: object, at: Place, report: Report, allowed: str | None) -> None:
    match info:
        case inspect.EnumType():
            _choice([str(member.value) for member in info.cls], raw, at, report)
        case inspect.LiteralType():
            same_type = [value for value in info.values if type(value) is type(raw)]
            _choice(list(info.values), raw if same_type else None, at, report)
        case inspect.BoolType():
            if not isinstance(raw, bool):
                report(at, "not a truth value", "true or false", None)
        case inspect.StrType():
            _text(info, raw, at, report, allowed or "a text")
        case inspect.NoneType():
            pass
        case _:  # the types of a snapshot have no other form; msgspec refuses what does not fit
            raise NotImplementedError(type(info).__name__)


def _choice(choices: list[Any], raw: object, at: Place, report: Report) -> None:
    if raw not in choices:
        names = [str(choice) for choice in choices]
        report(
            at, "not one of the choices", ", ".join(names), closest(str(raw), names) if isinstance(raw, str) else None
        )


def _text(info: inspect.StrType, raw: object, at: Place, report: Report, allowed: str) -> None:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        report(at, "a bare number; exact numbers stand in quotes", allowed, None)
    elif not isinstance(raw, str):
        report(at, "not a text", allowed, None)
    elif (info.min_length or 0) > len(raw) or (info.max_length is not None and len(raw) > info.max_length):
        report(at, "too short or too long", allowed, None)


def _allowed(info: inspect.Type) -> str | None:
    """What may stand where a required key is missing, if that can be said in a few words."""
    match info:
        case inspect.Metadata():
            return str((info.extra or {}).get("allowed"))
        case inspect.EnumType():
            return ", ".join(str(member.value) for member in info.cls)
        case inspect.DictType():
            return MAPPING
        case inspect.VarTupleType():
            return LIST
        case inspect.UnionType():
            return " or ".join(dict.fromkeys(filter(None, map(_allowed, info.types)))) or None
        case _:
            return None
