"""Every request that simex received and what became of its answer.

The entries are bounded; the counters are not and lose nothing, so "how many signed mutating requests were there" stays
exact however long a run is. Secrets do not get in: a signature is dropped, an API key is known by its name.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bot.simex.wire import Request, Response, Trace

ENTRIES_MAX = 200_000
PAGE_MAX = 10_000
ROUTES_MAX = 5_000
OTHER_ROUTES = "others"
MUTATING = frozenset({"POST", "PUT", "DELETE"})

ANSWERED = "answered"
DROPPED = "dropped"
REPLACED = "replaced"
CLIENT_GONE = "client_gone"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request; `status` is what the client was sent (0: nothing), `fate` is what happened to the answer.

    `order_id` is the order that the request made or cancelled, whether or not the client was told.
    `faults` are the kinds of the injected faults that touched it.
    """

    seq: int
    time_ms: int
    transport: str
    host: str
    method: str
    path: str
    params: dict[str, str]
    key_name: str | None
    account: str | None
    signed: bool
    verdict: str
    status: int
    code: int | None
    order_id: int | None
    client_order_id: str | None
    fate: str
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON-ready values."""
        return asdict(self)


def _count(counter: Counter[str], name: str) -> None:
    """Count under a name; past `ROUTES_MAX` names, which only made-up paths reach, the rest share one."""
    counter[name if name in counter or len(counter) < ROUTES_MAX else OTHER_ROUTES] += 1


class RequestLog:
    """The log: append-only, newest `ENTRIES_MAX` entries kept, every counter kept."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=entries_max)
        self._seq = 0
        self.by_route: Counter[str] = Counter()
        self.signed_mutating: Counter[str] = Counter()

    def add(
        self,
        request: Request,
        response: Response,
        *,
        time_ms: int,
        fate: str = ANSWERED,
        status: int | None = None,
        faults: tuple[str, ...] = (),
        transport: str = "http",
    ) -> LoggedRequest:
        """Log `request`; `status` differs from the response's when a fault replaced or dropped the answer."""
        self._seq += 1
        trace: Trace = response.trace
        sent = response.status if status is None else status
        entry = LoggedRequest(
            seq=self._seq,
            time_ms=time_ms,
            transport=transport,
            host=request.host,
            method=request.method,
            path=request.path,
            params=dict(trace.params),
            key_name=trace.key_name,
            account=trace.account,
            signed=trace.signed,
            verdict=trace.verdict,
            status=sent,
            code=trace.code,
            order_id=trace.order_id,
            client_order_id=trace.client_order_id,
            fate=fate,
            faults=faults,
        )
        self._entries.append(entry)
        self._count(entry)
        return entry

    def _count(self, entry: LoggedRequest) -> None:
        _count(self.by_route, f"{entry.method} {entry.host}{entry.path} {entry.status}")
        if entry.signed and entry.method in MUTATING:
            _count(self.signed_mutating, f"{entry.method} {entry.path}")

    @property
    def total(self) -> int:
        """How many requests were ever logged."""
        return self._seq

    @property
    def signed_mutating_total(self) -> int:
        """How many signed POST, PUT and DELETE requests ever arrived, accepted or not."""
        return self.signed_mutating.total()

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def select(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        signed: bool | None = None,
        after_seq: int = 0,
        limit: int = PAGE_MAX,
    ) -> list[LoggedRequest]:
        """The oldest `limit` kept entries after `after_seq` that match every given value."""
        found: list[LoggedRequest] = []
        for entry in self._entries:
            if entry.seq <= after_seq or (method is not None and entry.method != method):
                continue
            if (path is not None and entry.path != path) or (signed is not None and entry.signed != signed):
                continue
            found.append(entry)
            if len(found) >= limit:
                break
        return found

    def summary(self) -> dict[str, Any]:
        """Totals that are exact for the whole run."""
        return {
            "total": self.total,
            "kept": len(self),
            "signed_mutating_total": self.signed_mutating_total,
            "signed_mutating": dict(sorted(self.signed_mutating.items())),
            "by_route": dict(sorted(self.by_route.items())),
        }
