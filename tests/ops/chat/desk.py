"""What the chat's tests play on: messages as Telegram delivers them, a house that only notes what it is asked, and the
companion in conversation with the fake Bot API. Time and codes are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from bot.domain.events import RunMode
from bot.domain.units import SECOND_NS, Nanos
from bot.ops.alerts.kinds import Alert
from bot.ops.chat.api import Patience
from bot.ops.chat.commands import Moment
from bot.ops.chat.conversation import Sources
from bot.ops.chat.telegram import Telegram, open_chat
from bot.ops.chat.updates import Message
from bot.runtime.clock import ManualClock
from bot.runtime.companion import House
from bot.runtime.health import Health, Reason
from bot.runtime.redact import Redactor
from bot.runtime.settings_service import ChatSettings, TelegramSettings
from bot.runtime.status import LatchStatus, Status
from bot.runtime.supervise import attend
from tests.ops.chat.botapi import TOKEN, BotApiServer, bot_api
from tests.ops.samples import STATUS

OWNER, PARTNER, STRANGER = 4242, 5353, 666
WALL_S = 1_790_000_000
HALTED = LatchStatus("global", "HALT", "margin above 80 %", "guard", STATUS.now_ns - 120 * SECOND_NS)
DEADLINE_S = 20.0
POLL_S = 0.002


def raw(text: str | None, user: int = OWNER, date: int = WALL_S, **changes: Any) -> dict[str, Any]:
    """A private text message as Telegram delivers it; `changes` adds or replaces fields."""
    sender = {"id": user, "is_bot": False, "first_name": "Ada", "username": f"user{user}", "language_code": "en"}
    chat = {"id": user, "type": "private", "first_name": "Ada", "username": f"user{user}"}
    body: dict[str, Any] = {"message_id": 17, "from": sender, "chat": chat, "date": date}
    if text is not None:
        body["text"] = text
        if text.startswith("/"):
            body["entities"] = [{"offset": 0, "length": len(text.split()[0]), "type": "bot_command"}]
    return {**body, **changes}


def message(text: str | None, user: int = OWNER, **changes: Any) -> Message:
    """The same, read."""
    return msgspec.convert(raw(text, user, **changes), Message)


def moment(seconds: float = 0) -> Moment:
    """A moment after the messages' date, on both clocks."""
    passed = round(seconds * SECOND_NS)
    return Moment(STATUS.now_ns + passed, WALL_S * SECOND_NS + passed)


class Draws:
    """Codes in a known order: 100001, 100002 ..."""

    def __init__(self) -> None:
        self.last = 100_000

    def __call__(self) -> str:
        self.last += 1
        return str(self.last)


class NotingHouse:
    """A daemon of which only what the chat sees is there; it notes what it is asked."""

    def __init__(self) -> None:
        self.clock = ManualClock(STATUS.now_ns)
        self.pictured: Status = STATUS
        self.well = Health(True, True)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Any] = {"pause": {"mode": "HALT"}, "kill": {"mode": "HALT"}, "arm": {"mode": "RUN"}}
        self.slept: list[float] = []
        self.on_ask: Callable[[], None] = lambda: None

    @property
    def state(self) -> Any:
        rules = SimpleNamespace(portfolio=STATUS.portfolio)
        return SimpleNamespace(layout=SimpleNamespace(rules=rules), modes=SimpleNamespace(run_mode=RunMode.LIVE))

    def now_ns(self) -> Nanos:
        return self.clock.now_ns()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.clock.sleep(seconds)

    def status(self) -> Status:
        return self.pictured

    def health(self) -> Health:
        return self.well

    async def ask(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        self.asked.append((verb, dict(arguments)))
        self.on_ask()
        answer = self.answers[verb]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def latched(self, *latches: LatchStatus) -> None:
        """Latches stand."""
        self.pictured = msgspec.structs.replace(self.pictured, latches=latches)

    def doubts(self, subject: str, text: str) -> None:
        """It is not ready."""
        self.well = Health(True, False, (Reason(subject, text),))


def settings(tmp_path: Path, address: str, **changes: Any) -> ChatSettings:
    """A config's chat section, with the token's file beside it."""
    file = tmp_path / "telegram-token"
    if not file.exists():
        file.write_text(f"{TOKEN}\n")
        file.chmod(0o600)
    section = TelegramSettings.model_construct(
        token_file=file, users=(OWNER, PARTNER), code_valid=60 * SECOND_NS, api=address
    )
    return ChatSettings.model_construct(telegram=section.model_copy(update=changes))


class Conversation:
    """The companion at work: what is typed, what is answered, and how the time goes."""

    def __init__(self, server: BotApiServer, house: House, clock: ManualClock, chat: Telegram) -> None:
        self.server = server
        self.house = house
        self.clock = clock
        self.chat = chat
        self.alerts: list[Alert] = []
        self.ended: list[BaseException | None] = []

    @property
    def date(self) -> int:
        """Unix seconds now, as Telegram dates a message."""
        return self.clock.wall_ns() // SECOND_NS

    def type(self, text: str, user: int = OWNER, **changes: Any) -> None:
        """A user types, now."""
        self.server.deliver(raw(text, user, **{"date": self.date, **changes}))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something; the hand-cranked clock stands meanwhile."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():  # noqa: ASYNC110 - what is waited for happens in a server, and tells nobody
                await asyncio.sleep(POLL_S)

    async def asked(self, text: str, user: int = OWNER, **changes: Any) -> str:
        """What is answered to a command."""
        before = len(self.server.texts(user))
        self.type(text, user, **changes)
        await self.until(lambda: len(self.server.texts(user)) > before)
        return self.server.texts(user)[before]

    async def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(round(seconds * SECOND_NS))


@asynccontextmanager
async def conversation(
    tmp_path: Path,
    house: House | None = None,
    clock: ManualClock | None = None,
    *,
    patience: Patience | None = None,
    redactor: Redactor | None = None,
    **changes: Any,
) -> AsyncIterator[Conversation]:
    """A companion that polls the fake Bot API for a house."""
    own = NotingHouse()
    house, clock = house or own, clock or own.clock
    async with bot_api() as server:
        alerts: list[Alert] = []
        chat = open_chat(
            settings(tmp_path, server.address, **changes),
            redactor or Redactor(),
            alerts.append,
            {},
            patience=patience or Patience(poll_s=20, answer_s=10.0),
            sources=Sources(draw=Draws(), jitter=lambda: 1.0, wall_ns=clock.wall_ns),
        )
        assert chat is not None
        talk = Conversation(server, house, clock, chat)
        talk.alerts = alerts
        ended = lambda _, error: talk.ended.append(error)  # noqa: E731 - a report is one line
        running = asyncio.create_task(attend(chat.name, partial(chat.run, house), clock, ended))
        try:
            yield talk
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
