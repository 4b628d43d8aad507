"""What a message leads to: the daemon is asked, the answer is put into the outbox, the owner is told of strangers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from structlog.typing import FilteringBoundLogger

from bot.ops.alerts.kinds import KINDS, Alert, Kind
from bot.ops.chat import answers, codes, retry
from bot.ops.chat.api import BotApiError, TokenRefused
from bot.ops.chat.commands import Act, Ask, Commands, Moment, Say
from bot.ops.chat.outbox import Outbox
from bot.ops.chat.strangers import Stranger
from bot.ops.chat.token import TOKEN_SETTING
from bot.ops.chat.updates import Update
from bot.runtime.companion import House
from bot.runtime.control import Denied
from bot.runtime.redact import Redactor

ASK_S_MAX = 15.0
FIRST_SAID_S_MAX = 3.0
"""How long an answer that must come before the process ends may take to be sent."""

Post = Callable[[Alert], None]


class Sources(msgspec.Struct, frozen=True):
    """Time and chance, which a test makes itself."""

    draw: codes.Draw = codes.draw
    jitter: retry.Jitter = retry.jitter
    wall_ns: Callable[[], int] = time.time_ns


class Conversation:
    """Carries out what the commands ask for."""

    def __init__(
        self, commands: Commands, outbox: Outbox, sources: Sources, post: Post, redactor: Redactor, house: House
    ) -> None:
        self.house = house
        self._commands = commands
        self._outbox = outbox
        self._sources = sources
        self._post = post
        self._redactor = redactor
        self._is_deaf = False

    async def take(self, update: Update, logger: FilteringBoundLogger) -> None:
        """Do what follows from an update that the server has forgotten."""
        if update.message is None:
            return
        moment = Moment(self.house.now_ns(), self._sources.wall_ns())
        for act in self._commands.hear(update.message, moment, lambda: (self.house.status(), self.house.health())):
            await self._do(act, logger)

    async def _do(self, act: Act, logger: FilteringBoundLogger) -> None:
        match act:
            case Say():
                self._say(act.chat, act.text)
            case Stranger():
                logger.warning("chat", what="a stranger spoke", user=act.user)
                self._post(self._of_stranger(act))
            case Ask():
                logger.info("chat", what="command", verb=act.verb, by=f"telegram:{act.chat}")
                if act.first:
                    self._say(act.chat, act.first)
                    await self._outbox.idle(FIRST_SAID_S_MAX)
                if text := await self._asked(act):
                    self._say(act.chat, text)

    def _say(self, chat: int, text: str) -> None:
        self._outbox.put(chat, answers.fitted(self._redactor.text(text)), self.house.now_ns())

    async def _asked(self, ask: Ask) -> str:
        """Ask the daemon; its answer as text, nothing where all was said before."""
        # A reason is journaled; somebody may have pasted into it what he should not.
        arguments = {name: self._redactor.text(value) for name, value in ask.arguments.items()}
        try:
            async with asyncio.timeout(ASK_S_MAX):
                result = await self.house.ask(ask.verb, arguments)
        except Denied as no:
            return answers.denied(ask.verb, no.message)
        except KeyError:
            return answers.denied(ask.verb, "this daemon does not do that")
        except TimeoutError:
            return answers.unanswered(ask.verb, ASK_S_MAX)
        return _answer(ask.verb, result)

    def deaf(self, error: BotApiError) -> None:
        """Tell the owner that commands do not arrive until he mends something."""
        self._is_deaf = True
        refused = isinstance(error, TokenRefused)
        mend = f"mend {TOKEN_SETTING} and restart" if refused else "stop the other poller, or call deleteWebhook"
        self._post(self._alert(Kind.COMPONENT, "chat", "Commands by chat do not arrive", f"{error}; {mend}"))

    def heard_again(self) -> None:
        """Tell that they do, where it was told that they do not."""
        if self._is_deaf:
            self._is_deaf = False
            text = "The Bot API answers again."
            self._post(self._alert(Kind.COMPONENT, "chat", "Commands by chat arrive again", text, resolved=True))

    def _of_stranger(self, stranger: Stranger) -> Alert:
        more = " Further strangers are not told of within this hour." if stranger.last else ""
        who = f"{stranger.user} ({stranger.name or 'no name'})"
        text = f"User {who} is not in chat.telegram.users and got no answer.{more}"
        facts = (("user", str(stranger.user)), ("name", stranger.name))
        subject = f"telegram:{stranger.user}"
        return self._alert(Kind.CHAT, subject, "A stranger spoke to the chat bot", text, facts=facts)

    def _alert(
        self,
        kind: Kind,
        subject: str,
        title: str,
        text: str,
        *,
        facts: tuple[tuple[str, str], ...] = (),
        resolved: bool = False,
    ) -> Alert:
        state = self.house.state
        return Alert(
            kind=kind,
            severity=KINDS[kind].severity,
            subject=subject,
            title=title,
            text=self._redactor.text(text),
            key=f"{kind.value}:{subject}",
            at_ns=self._sources.wall_ns(),
            portfolio=state.layout.rules.portfolio,
            run_mode=state.modes.run_mode.value,
            facts=facts,
            resolved=resolved,
        )


def _answer(verb: str, result: Any) -> str:
    match verb:
        case "plan":
            try:
                return answers.plan_text(result)
            except msgspec.ValidationError:
                return answers.denied(verb, "the plan is not what this version reads")
        case "mode":
            return ""
        case _:
            return answers.done(verb, str(result["mode"]))
