"""What must fit together in the alerts' section: addresses, stand-ins, kinds, quiet hours.

No file is looked at. Whether there is an address at all is judged where addresses are read: systemd may hand it over.
"""

from collections.abc import Iterator

import msgspec

from bot.runtime.document import Document
from bot.runtime.problems import Problem, closest
from bot.runtime.urls import PLAIN_SINKS, WEB, burden_of, scheme_of, shown_url

ALERT_KINDS = frozenset(
    "start start_refused stop failed hedge proposal operator unwound fault conservation rejects order_lost "
    "unknown_order external_change foreign left naked unreadable stream_down stale unhedged margin clock rate_budget "
    "journal_slow disk component config metadata chat sink_down digest waiting target_ended closed_early capped "
    "decoupled converted holdings peg uncounted".split()
)
"""The kinds of alerts, by name; composing them is not runtime's business, knowing what a config may name is."""

_SINKS = ("alerts", "sinks")
_HEARTBEAT = ("alerts", "heartbeat")


def alerts_cross_check(document: Document) -> Iterator[Problem]:
    """Everything in the alerts' section that does not fit together."""
    for name in document.mapping(*_SINKS):
        yield from _address(document, (*_SINKS, name), PLAIN_SINKS)
        yield from _stand_in(document, name)
        yield from _kinds(document, (*_SINKS, name, "kinds"))
        yield from _quiet(document, (*_SINKS, name, "quiet_hours"))
    yield from _circles(document)
    yield from _address(document, _HEARTBEAT, WEB)


def _address(document: Document, path: tuple[str, ...], plain: tuple[str, ...]) -> Iterator[Problem]:
    url, file = document.at(*path, "url"), document.at(*path, "url_file")
    if url is not None and file is not None:
        yield _hiding(document, (*path, "url"), url, "url and url_file", "one of the two")
    if not isinstance(url, str) or not scheme_of(url):
        return
    if (burden := burden_of(url, plain)) is not None:
        schemes = ", ".join(plain)
        what = burden if scheme_of(url) in plain else f"{scheme_of(url)}:// is no address that can be free of a secret"
        allowed = f"url_file with a file of yours (mode 0600) that holds any URL, or here one of {schemes}"
        yield _hiding(document, (*path, "url"), url, what, f"{allowed} without user, password or token")


def _hiding(document: Document, path: tuple[str, ...], url: object, what: str, allowed: str) -> Problem:
    problem = document.problem(path, what, allowed)
    return msgspec.structs.replace(problem, value=f"'{shown_url(str(url))}'")


def _stand_in(document: Document, name: str) -> Iterator[Problem]:
    path = (*_SINKS, name, "standby_for")
    primary, sinks = document.at(*path), document.mapping(*_SINKS)
    others = [other for other in sinks if other != name]
    if primary is None or primary in others:
        return
    what = "a sink cannot stand in for itself" if primary == name else "no sink of this name"
    yield document.problem(
        path, what, ", ".join(others) or "nothing: there is no other sink", closest(str(primary), others)
    )


def _circles(document: Document) -> Iterator[Problem]:
    """Stand-ins that have no primary at their end: none of them would ever be sent anything first."""
    sinks = document.mapping(*_SINKS)
    for name in sinks:
        path, here = [name], document.at(*_SINKS, name, "standby_for")
        while isinstance(here, str) and here in sinks and here not in path:
            path.append(here)
            here = document.at(*_SINKS, here, "standby_for")
        if here == name and len(path) > 1:
            what = f"{' stands in for '.join([*path, name])}: a circle without a first sink"
            yield document.problem((*_SINKS, name, "standby_for"), what, "at least one sink without standby_for")


def _kinds(document: Document, path: tuple[str, ...]) -> Iterator[Problem]:
    for index, kind in enumerate(document.sequence(*path)):
        if isinstance(kind, str) and kind not in ALERT_KINDS:
            allowed = ", ".join(sorted(ALERT_KINDS))
            yield document.problem((*path, index), "no kind of alert", allowed, closest(kind, ALERT_KINDS))


def _quiet(document: Document, path: tuple[str, ...]) -> Iterator[Problem]:
    start, end = document.at(*path, "start"), document.at(*path, "end")
    if start is not None and start == end:
        yield document.problem((*path, "end"), "the same as the start: that is no time or all of it", "another time")
