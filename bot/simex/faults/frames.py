"""Frames that are not what the exchange said, and what a frame is about: its streams, its event, its symbol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

UNKNOWN_EVENT: Final = '{"e":"simexUnknownEvent","E":1,"topic":"simex.unknown","data":[{"x":1}]}'
_SIDES: Final = (("b", "a"), ("bids", "asks"), ("bid1Price", "ask1Price"), ("B", "A"), ("bid1Size", "ask1Size"))
_PRICES: Final = frozenset("b a p i price markPrice indexPrice lastPrice bid1Price ask1Price".split())
_WORDS: Final = {"zero": "0", "negative": "-1", "huge": "1000000000000000000", "nan": "NaN"}


def channels_of(payload: Any) -> list[str]:
    """The stream or topic of a frame and the name of its event."""
    if not isinstance(payload, dict):
        return []
    found = [payload.get(name) for name in ("stream", "topic", "e", "op")]
    for name in ("data", "event"):
        inner = payload.get(name)
        if isinstance(inner, dict):
            found.append(inner.get("e"))
    row = payload.get("data", payload)
    if isinstance(row, dict) and {"u", "s", "b", "B", "a", "A"} <= row.keys() and "e" not in row:
        found.append("bookTicker")
    return [one for one in found if isinstance(one, str) and one]


def symbol_of(payload: Any) -> str:
    """The symbol of a frame; empty when it is about none, or about several."""
    if not isinstance(payload, dict):
        return ""
    for row in (payload, payload.get("data"), payload.get("event"), payload.get("o")):
        first = row[0] if isinstance(row, list) and row else row
        for one in (first, first.get("o")) if isinstance(first, dict) else ():
            named = (one.get("s") or one.get("symbol")) if isinstance(one, dict) else None
            if isinstance(named, str):
                return named
    topic = payload.get("topic")
    return topic.rpartition(".")[2] if isinstance(topic, str) and "." in topic else ""


def garbled(variant: str, text: str, size: int) -> str | bytes:
    """What comes in place of a frame."""
    if variant == "truncated":
        return text[: len(text) // 2]
    if variant == "binary":
        return bytes(range(256))
    if variant == "not_json":
        return "not JSON at all"
    if variant == "oversized":
        return json.dumps({"e": "simexOversized", "x": "x" * size})
    return UNKNOWN_EVENT


def repriced(payload: Any, variant: str, factor: float) -> str | None:
    """A frame with its prices changed; None for one that has none."""
    if not isinstance(payload, dict):
        return None
    changed = json.loads(json.dumps(payload))
    touched = False
    for row in _rows(changed):
        touched = _changed(row, variant, factor) or touched
    return json.dumps(changed, separators=(",", ":")) if touched else None


def _rows(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inner = payload.get("data", payload)
    for one in inner if isinstance(inner, list) else [inner]:
        if isinstance(one, dict):
            yield one


def _changed(row: dict[str, Any], variant: str, factor: float) -> bool:
    if variant == "crossed":
        return _swapped(row)
    if variant in ("no_bids", "no_asks", "empty"):
        return _emptied(row, bids=variant != "no_asks", asks=variant != "no_bids")
    change: Callable[[str], str] = (lambda text: _times(text, factor)) if variant == "factor" else _becomes(variant)
    touched = False
    for name, value in list(row.items()):
        if isinstance(value, list) and name in ("b", "a", "bids", "asks"):
            row[name] = [[change(level[0]), *level[1:]] for level in value]
            touched = touched or bool(value)
        elif name in _PRICES and isinstance(value, str):
            row[name] = change(value)
            touched = True
    return touched


def _becomes(variant: str) -> Callable[[str], str]:
    return lambda _: _WORDS[variant]


def _times(text: str, factor: float) -> str:
    places = len(text.partition(".")[2])
    try:
        return f"{float(text) * factor:.{places}f}"
    except ValueError:
        return text


def _swapped(row: dict[str, Any]) -> bool:
    """Bids for asks: what was below the mid is above it now."""
    touched = False
    for bid, ask in _SIDES:
        if bid in row and ask in row:
            row[bid], row[ask] = row[ask], row[bid]
            touched = True
    return touched


def _emptied(row: dict[str, Any], *, bids: bool, asks: bool) -> bool:
    touched = False
    for pair in _SIDES:
        for name, wanted in zip(pair, (bids, asks), strict=True):
            if wanted and name in row:
                row[name] = [] if isinstance(row[name], list) else "0"
                touched = True
    return touched
