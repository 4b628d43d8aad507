"""Commands by Telegram: the companion that polls the Bot API, and what `check` and the start say of it.

It is optional and looks on: without it, without a network and with a wrong token the daemon hedges as before.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from bot.domain.commands import Command
from bot.domain.events import Event
from bot.engine.state import State
from bot.ops.chat.api import BotApi, BotApiError, Patience, TokenRefused, open_session
from bot.ops.chat.codes import Codes
from bot.ops.chat.commands import Commands
from bot.ops.chat.conversation import Conversation, Post, Sources
from bot.ops.chat.inbound import Inbound
from bot.ops.chat.outbox import Outbox
from bot.ops.chat.retry import Backoff
from bot.ops.chat.token import ChatError, api_address, load_token
from bot.runtime import log
from bot.runtime.companion import House
from bot.runtime.redact import Redactor
from bot.runtime.settings_service import ChatSettings

EMPTY_POLL_S_MIN = 0.5
"""A server that does not wait is not asked faster than once in EMPTY_POLL_PAUSE_S."""
EMPTY_POLL_PAUSE_S = 1.0


class ChatFinding(msgspec.Struct, frozen=True):
    """What `check` says of the chat; one that is not ok and `blocking` is the config's fault."""

    subject: str
    ok: bool
    blocking: bool
    text: str


def open_chat(
    settings: ChatSettings,
    redactor: Redactor,
    post: Post,
    environ: Mapping[str, str] | None = None,
    *,
    patience: Patience | None = None,
    sources: Sources | None = None,
) -> "Telegram | None":
    """The companion that a config asks for; None where it asks for none.

    The redactor learns the token. Raises ChatError where the token cannot be read or must not be sent where it would.
    """
    if settings.telegram is None:
        return None
    token, _ = load_token(settings.telegram, redactor, environ)
    sources = sources or Sources()
    commands = Commands(settings.telegram.users, Codes(settings.telegram.code_valid, sources.draw))
    address = api_address(settings.telegram)
    return Telegram(address, token, commands, post, redactor, patience or Patience(), sources)


async def check_chat(
    settings: ChatSettings,
    redactor: Redactor,
    environ: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> ChatFinding | None:
    """Ask the Bot API who the bot is and whether it can be polled; None where the config asks for no chat."""
    if settings.telegram is None:
        return None
    finding = partial(ChatFinding, "chat")
    try:
        token, place = load_token(settings.telegram, redactor, environ)
        address = api_address(settings.telegram)
    except ChatError as error:
        return finding(False, True, str(error))
    async with open_session() as session:
        api = BotApi(session, address, token, patience or Patience())
        try:
            me, webhook = await api.me(), await api.webhook()
        except TokenRefused as error:
            return finding(
                False, True, f"{place}: the token is no bot's ({error}); allowed: the one that @BotFather gave"
            )
        except BotApiError as error:
            return finding(False, False, f"the Bot API cannot be asked: {error}")
    if webhook:
        return finding(False, True, f"@{me.username} has a webhook, so nobody can poll it; call deleteWebhook for it")
    return finding(True, False, f"@{me.username} answers {len(settings.telegram.users)} user(s); token from {place}")


class Telegram:
    """The companion: listens, asks the daemon, answers. `post` takes alerts and returns at once."""

    name = "telegram"

    def __init__(
        self,
        address: str,
        token: SecretStr,
        commands: Commands,
        post: Post,
        redactor: Redactor,
        patience: Patience,
        sources: Sources,
    ) -> None:
        self._address = address
        self._token = token
        self._commands = commands
        self._post = post
        self._redactor = redactor
        self._patience = patience
        self._sources = sources
        # They outlive a `run` that failed: its successor goes on where it was, and answers nothing twice.
        self._inbound = Inbound()
        self._outbox = Outbox(self._sources.jitter)

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """Nothing: what it shows it asks for."""

    async def run(self, house: House) -> None:
        """Listen and answer until cancelled."""
        logger = log.logger("bot.chat")
        self._commands.begin()
        async with open_session() as session, asyncio.TaskGroup() as group:
            api = BotApi(session, self._address, self._token, self._patience)
            group.create_task(self._outbox.run(api, house.now_ns, house.sleep, logger), name="chat outbox")
            conversation = Conversation(self._commands, self._outbox, self._sources, self._post, self._redactor, house)
            listening = _listen(api, self._inbound, conversation, Backoff(self._sources.jitter), logger)
            group.create_task(listening, name="chat inbound")


async def _listen(
    api: BotApi, inbound: Inbound, conversation: Conversation, backoff: Backoff, logger: FilteringBoundLogger
) -> None:
    """Poll for ever; each kind of trouble is said once, until it is over or another."""
    house, trouble, loop = conversation.house, "", asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            updates = await inbound.next(api, house.now_ns())
        except BotApiError as error:
            pause_s = backoff.pause_s(error)
            kind = f"{type(error).__name__} {backoff.lasting(error)}"
            if kind != trouble:
                trouble = kind
                logger.warning("chat", what=str(error), again_in_s=round(pause_s, 1))
                if backoff.lasting(error):
                    conversation.deaf(error)
            await house.sleep(pause_s)
            continue
        if backoff.over():
            trouble = ""
            logger.info("chat", what="the Bot API answers again")
            conversation.heard_again()
        for update in updates:
            await conversation.take(update, logger)
        if not updates and loop.time() - began < EMPTY_POLL_S_MIN:
            await house.sleep(EMPTY_POLL_PAUSE_S)
