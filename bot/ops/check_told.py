"""What `trimtab check` finds of the ways in which an owner is told: whatever of them would keep `run` from starting.

Files are read and addresses are judged; nothing is sent. That is the doctor's, `check --live`.
"""

from collections.abc import Callable, Iterator

from bot.runtime.problems import ConfigError, Problem
from bot.runtime.redact import Redactor
from bot.runtime.settings_load import Loaded


def look_at_addresses(loaded: Loaded) -> tuple[Problem, ...]:
    """Everything wrong with alert sinks, heartbeat and chat, each at its line; takes a second where there is a sink."""
    return tuple(problem for look in (_sinks, _heartbeat, _chat) for problem in _problems(look, loaded))


def _problems(look: Callable[[Loaded], None], loaded: Loaded) -> Iterator[Problem]:
    try:
        look(loaded)
    except ConfigError as error:
        yield from error.problems


def _sinks(loaded: Loaded) -> None:
    if loaded.settings.alerts.sinks:
        from bot.ops.alerts.delivery import prepare

        prepare(loaded, loaded.settings.state_dir, Redactor())


def _heartbeat(loaded: Loaded) -> None:
    from bot.ops.alerts.addresses import heartbeat_address

    heartbeat_address(loaded, Redactor())


def _chat(loaded: Loaded) -> None:
    telegram = loaded.settings.chat.telegram
    if telegram is None:
        return
    from bot.ops.chat.token import ChatError, api_address, load_token

    try:
        load_token(telegram, Redactor())
        api_address(telegram)
    except ChatError as error:
        key = "api" if str(error).startswith("chat.telegram.api") else "token_file"
        raise ConfigError([loaded.problem(("chat", "telegram", key), str(error))]) from error
