"""The doctor, `trimtab check --live`: everything that would keep `live` from starting or from doing its work, at once.

It never stops at the first problem: each part of it reports by itself, a part that cannot look says so in a line, and
nothing is changed anywhere (an alert sink is sent a test, which is what testing it means).
"""

from collections.abc import Callable, Iterable

from bot.ops.doctor_home import look_home
from bot.ops.doctor_people import look_at_heartbeat, try_chat, try_sinks
from bot.ops.findings import Found
from bot.runtime.settings_load import Loaded

Test = Callable[[Loaded], Iterable[Found]]
"""Tests what the config names, within bounds of its own; what a service does is a finding."""


def examine(loaded: Loaded, *, sinks: Test = try_sinks, chat: Test = try_chat) -> tuple[Found, ...]:
    """Every finding: the venue's, this machine's, and those about who would be told."""
    import uvloop

    from bot.ops.doctor_venue import VenueLook

    venue = VenueLook(loaded)
    uvloop.run(venue.run())
    return (
        *venue.findings,
        *look_home(loaded, venue.account),
        *sinks(loaded),
        *chat(loaded),
        *look_at_heartbeat(loaded),
    )
