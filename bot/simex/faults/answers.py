"""Answers that are not what the exchange said: bodies, shapes, pages and headers that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from bot.simex.faults.armed import Hit
from bot.simex.faults.errors import ERRORS, FRONT_ERRORS, FRONT_PAGES, UNKNOWN_OUTCOME, page
from bot.simex.wire import JSON, Dialect, Request, Response

# The 503s that mean that nothing was done.
FAILURES: Final = ("unavailable", "internal", "throttled")
NEVER_EXECUTED: Final = ("error", "venue_error", "http_status")
LIMIT_HEADERS: Final = ("x-mbx-used-weight", "x-mbx-order-count", "x-sapi-used", "x-bapi-limit")
NEW_WORD: Final = "SIMEX_NEW"
_LISTS: Final = ("balances", "assets", "positions", "list", "coin")


def is_executed(hit: Hit) -> bool:
    """Whether the exchange carries out the request that a fault hits."""
    unknown = hit.variant in UNKNOWN_OUTCOME
    if hit.variant in FAILURES or (hit.kind in NEVER_EXECUTED and not unknown):
        return False
    return bool(hit.params.get("executes", True))


def altered(hit: Hit, request: Request, response: Response, dialect: Dialect, venue: str) -> Response:
    """The answer that the client gets in place of `response`."""
    if hit.kind == "http_503":
        return dialect.refusal(hit.variant, request)
    if hit.kind == "error":
        return dialect.error(hit.params["status"], hit.params["code"], hit.params["msg"])
    if hit.kind == "venue_error":
        return dialect.error(*ERRORS[hit.variant][venue])
    if hit.kind == "http_status":
        return _front(hit, dialect, venue)
    if hit.kind == "garbage_200":
        body, content_type = garbled(hit.variant, response.body, hit.params["cut"])
        return Response(200, body, response.headers, content_type)
    change = _CHANGES.get(hit.kind)
    if change is None or response.status != 200:
        return response
    return replace(response, body=_rewritten(response.body, lambda decoded: change(decoded, hit)))


def with_limit_headers(hit: Hit, response: Response) -> Response:
    """The answer with the headers of the limits missing or wrong."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        if not name.lower().startswith(LIMIT_HEADERS):
            headers[name] = value
        elif hit.variant == "wrong":
            headers[name] = str(hit.params["value"])
    return replace(response, headers=headers)


def garbled(variant: str, body: bytes, cut: float = 2 / 3) -> tuple[bytes, str]:
    """The body and content type that a "garbage_200" puts in place of `body`."""
    if variant == "truncated":
        return body[: len(body) * 2 // 3], JSON
    if variant == "cut":
        return body[: int(len(body) * cut)], JSON
    if variant == "html":
        return page(FRONT_PAGES["502"]), "text/html"
    if variant == "binary":
        return bytes(range(256)), "application/octet-stream"
    return (b"{}", JSON) if variant == "{}" else (b"", JSON)


def _front(hit: Hit, dialect: Dialect, venue: str) -> Response:
    status = hit.variant
    if status in FRONT_PAGES:
        return Response(int(status), page(FRONT_PAGES[status]), content_type="text/html")
    answer = dialect.error(*FRONT_ERRORS[status][venue])
    if status in ("418", "429"):
        return replace(answer, headers={**answer.headers, "Retry-After": str(hit.params["retry_after_s"])})
    return answer


def _rewritten(body: bytes, change: Callable[[Any], Any]) -> bytes:
    """A JSON body after a change; one that is no JSON stays."""
    try:
        decoded = json.loads(body)
    except ValueError:
        return body
    return json.dumps(change(decoded), separators=(",", ":")).encode()


# ----------------------------------------------------------------------------------------------------------- emptiness
def _emptied(decoded: Any, _: Hit) -> Any:
    """Every account row is taken out: `[]`, or its lists of balances and positions empty."""
    if isinstance(decoded, list):
        return []
    if isinstance(decoded, dict):
        for one in (decoded, decoded.get("result")):
            if isinstance(one, dict):
                one.update({name: [] for name in _LISTS if name in one})
    return decoded


def _shortened(decoded: Any, hit: Hit) -> Any:
    """Lists of rows are cut to so many, the newest (last) or the oldest (first)."""
    most = hit.params["rows_max"]
    if isinstance(decoded, list):
        return decoded[len(decoded) - min(most, len(decoded)) :] if hit.variant == "newest" else decoded[:most]
    result = decoded.get("result") if isinstance(decoded, dict) else None
    if isinstance(result, dict) and isinstance(result.get("list"), list):
        # Bybit's lists begin with the newest row.
        rows = result["list"]
        result["list"] = rows[:most] if hit.variant == "newest" else rows[len(rows) - min(most, len(rows)) :]
    return decoded


# --------------------------------------------------------------------------------------------------------------- shape
def _drifted(decoded: Any, hit: Hit) -> Any:
    """One field of every row changes its shape; which one is chosen by its name, or by lot among all of them."""
    if hit.variant == "extra":
        for row in list(_objects(decoded)):
            row["simexExtra"] = {"nested": [1, "two"]}
        return decoded
    names = sorted({name for row in _objects(decoded) for name, value in row.items() if _suits(hit.variant, value)})
    wanted = hit.params.get("field", "")
    if wanted and wanted not in names:
        return decoded
    if not names:
        return decoded
    name = wanted or names[min(int(hit.params["pick"] * len(names)), len(names) - 1)]
    for row in _objects(decoded):
        if name in row and _suits(hit.variant, row[name]):
            if hit.variant == "missing":
                del row[name]
            else:
                row[name] = _TYPES[hit.variant](row[name])
    return decoded


def _objects(decoded: Any) -> Iterator[dict[str, Any]]:
    if isinstance(decoded, dict):
        yield decoded
    for one in decoded.values() if isinstance(decoded, dict) else decoded if isinstance(decoded, list) else ():
        if isinstance(one, dict | list):
            yield from _objects(one)


def _suits(variant: str, value: Any) -> bool:
    """Whether a value can change in that way."""
    if variant == "string_to_number":
        return isinstance(value, str) and _is_numeric(value)
    if variant == "number_to_string":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if variant == "new_enum":
        return isinstance(value, str) and bool(value) and not _is_numeric(value)
    return not isinstance(value, dict | list)


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_TYPES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "null": lambda _: None,
    "string_to_number": float,
    "number_to_string": str,
    "new_enum": lambda _: NEW_WORD,
}
_CHANGES: Final[Mapping[str, Callable[[Any, Hit], Any]]] = {
    "empty_list": _emptied,
    "empty_balances": _emptied,
    "short_page": _shortened,
    "schema_drift": _drifted,
}
