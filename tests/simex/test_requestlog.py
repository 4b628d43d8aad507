"""The request log: bounded entries, counters that lose nothing."""

from __future__ import annotations

from typing import Any

from bot.simex.requestlog import DROPPED, OTHER_ROUTES, ROUTES_MAX, RequestLog
from bot.simex.wire import Request, Response, Trace


def add(log: RequestLog, method: str = "POST", path: str = "/fapi/v1/order", signed: bool = True, **more: Any) -> None:
    """Log one request."""
    response = Response(200, b"{}", trace=Trace(signed=signed, verdict="ok", order_id=7))
    log.add(Request("fapi.binance.com", method, path), response, time_ms=1, **more)


def test_counters_outlive_entries() -> None:
    """Entries beyond the bound are forgotten, their counts are not."""
    log = RequestLog(entries_max=3)
    for _ in range(10):
        add(log)

    assert (10, 3, 10) == (log.total, len(log), log.signed_mutating_total)
    assert [8, 9, 10] == [entry.seq for entry in log]
    assert {"POST fapi.binance.com/fapi/v1/order 200": 10} == dict(log.by_route)


def test_made_up_paths_cannot_fill_the_memory() -> None:
    """Beyond a bound of distinct names the counters share one, and their sum stays exact."""
    log = RequestLog(entries_max=1)
    for number in range(ROUTES_MAX + 10):
        add(log, path=f"/{number}")

    assert (ROUTES_MAX + 1, 10) == (len(log.by_route), log.by_route[OTHER_ROUTES])
    assert ROUTES_MAX + 10 == log.by_route.total() == log.signed_mutating_total


def test_only_signed_mutating_requests_are_counted_so() -> None:
    """Reads and unsigned requests do not count as mutating; PUT and DELETE do."""
    log = RequestLog()
    add(log, method="GET")
    add(log, signed=False)
    add(log, method="PUT")
    add(log, method="DELETE")

    assert 2 == log.signed_mutating_total


def test_selecting() -> None:
    """Every given value narrows the selection, oldest first, up to a limit."""
    log = RequestLog()
    for method in ("GET", "POST", "POST", "DELETE"):
        add(log, method=method)
    add(log, method="POST", path="/api/v3/order", signed=False)

    assert [2, 3] == [entry.seq for entry in log.select(method="POST", path="/fapi/v1/order")]
    assert [5] == [entry.seq for entry in log.select(signed=False)]
    assert [4, 5] == [entry.seq for entry in log.select(after_seq=3)]
    assert [1] == [entry.seq for entry in log.select(limit=1)]


def test_the_fate_of_an_answer() -> None:
    """A dropped answer keeps the order that was made and the status that nobody saw as zero."""
    log = RequestLog()
    add(log, fate=DROPPED, status=0, faults=("drop_answer",))
    (entry,) = log

    assert (7, 0, "dropped", ("drop_answer",)) == (entry.order_id, entry.status, entry.fate, entry.faults)
    assert 1 == log.summary()["signed_mutating_total"]
