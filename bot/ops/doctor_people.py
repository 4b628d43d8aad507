"""Whether anybody would be told: alert sinks (each is sent a test), the chat's token, the heartbeat."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from bot.ops.findings import Found, fine, no, warning
from bot.runtime.problems import ConfigError, Problem
from bot.runtime.redact import Redactor
from bot.runtime.settings_load import Loaded

_SINK_PLACE = 2
"""Where a sink's name stands in the key of a problem: alerts.sinks.NAME.url_file."""


def try_sinks(loaded: Loaded) -> Iterator[Found]:
    """Send every sink a test; one whose address cannot be used is said, and the others are tested all the same."""
    from bot.ops.alerts.delivery import prepare

    if not loaded.settings.alerts.sinks:
        yield warning("alerts", "no sink is configured: nobody is told of anything (alerts.sinks)")
        return
    redactor = Redactor()
    try:
        delivery = prepare(loaded, loaded.settings.state_dir, redactor)
    except ConfigError as error:
        yield from (no("alerts", str(problem)) for problem in error.problems)
        rest = _without(loaded, error.problems)
        if rest.settings.alerts.sinks and len(rest.settings.alerts.sinks) < len(loaded.settings.alerts.sinks):
            yield from try_sinks(rest)
        return
    for result in delivery.test():
        said = f"{result.name}: {redactor.text(result.reason)}"
        path = ("alerts", "sinks", result.name)
        yield (
            fine("alerts", f"{result.name} took a test") if result.ok else no("alerts", str(loaded.problem(path, said)))
        )


def _without(loaded: Loaded, problems: tuple[Problem, ...]) -> Loaded:
    """The same without the sinks that have these problems."""
    broken = {part for problem in problems for part in problem.key.split(".")[_SINK_PLACE : _SINK_PLACE + 1]}
    alerts = loaded.settings.alerts
    sinks = {name: sink for name, sink in alerts.sinks.items() if name not in broken}
    settings = loaded.settings.model_copy(update={"alerts": alerts.model_copy(update={"sinks": sinks})})
    return replace(loaded, settings=settings)


def try_chat(loaded: Loaded) -> Iterator[Found]:
    """Ask the Bot API who the bot is."""
    from bot.ops.chat.telegram import check_chat

    found = asyncio.run(check_chat(loaded.settings.chat, Redactor()))
    if found is None:
        yield fine("chat", "not configured: no commands by chat")
    else:
        yield Found(found.subject, found.ok, found.blocking, found.text)


def look_at_heartbeat(loaded: Loaded) -> Iterator[Found]:
    """Whether a dead host would be noticed. The URL is not called: that would say that a daemon is well."""
    from bot.ops.alerts.addresses import heartbeat_address

    try:
        found = heartbeat_address(loaded, Redactor())
    except ConfigError as error:
        yield from (no("heartbeat", str(problem)) for problem in error.problems)
        return
    if found is None:
        yield warning("heartbeat", "not configured: a dead host alerts nobody (alerts.heartbeat)")
    else:
        yield fine("heartbeat", "configured: a URL outside is called while the daemon is ready")
