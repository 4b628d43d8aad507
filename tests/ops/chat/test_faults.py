"""When the Bot API misbehaves: it is waited out as it asks, told of once, and the token stays inside."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.ops.alerts.kinds import Kind
from bot.ops.chat import api as api_module
from bot.ops.chat.api import BotApi, BotApiError, Conflict, Patience, Rejected, TokenRefused, TooMany, Unreachable
from bot.ops.chat.outbox import MESSAGES_MAX
from bot.ops.chat.retry import LASTING_PAUSE_S
from bot.runtime.supervise import COMPANION_PAUSE_S
from tests.ops.chat.botapi import (
    BLOCKED,
    CONFLICT,
    CUT,
    HANG,
    INTERNAL,
    TOKEN,
    UNAUTHORIZED,
    BotApiServer,
    Fault,
    bot_api,
    too_many,
)
from tests.ops.chat.desk import OWNER, PARTNER, Conversation, NotingHouse, conversation

SECRET_PART = "canary-0123456789"
NOT_FOUND = Fault("status", 404, "Not Found")
ECHO = Fault("status", 400, f"Bad Request: https://api/bot{TOKEN}/getMe is wrong")
NO_JSON = Fault("text", 200, text="<html>")
NOT_OK = Fault("text", 200, text='{"ok": true, "result": "what"}')
NO_NUMBER = Fault("text", 200, text='{"ok": true, "result": [{"message": {}}]}')
REDIRECT = Fault("text", 307)
HUGE = Fault("text", 200, text='{"ok": true, "result": "' + "x" * 9_000_000 + '"}')
EVERY = {
    "401": (UNAUTHORIZED, TokenRefused),
    "404": (NOT_FOUND, TokenRefused),
    "409": (CONFLICT, Conflict),
    "429": (too_many(7), TooMany),
    "403": (BLOCKED, Rejected),
    "echo": (ECHO, Rejected),
    "500": (INTERNAL, Unreachable),
    "html": (NO_JSON, Unreachable),
    "shape": (NOT_OK, Unreachable),
    "number": (NO_NUMBER, Unreachable),
    "redirect": (REDIRECT, Unreachable),
    "huge": (HUGE, Unreachable),
    "hang": (HANG, Unreachable),
    "cut": (CUT, Unreachable),
}


@pytest.fixture
async def house() -> NotingHouse:
    return NotingHouse()


@pytest.fixture
async def talk(tmp_path: Path, house: NotingHouse) -> AsyncIterator[Conversation]:
    async with conversation(tmp_path, house, house.clock) as ongoing:
        await ongoing.until(lambda: ongoing.server.count("getUpdates") == 1)
        yield ongoing


async def failing(server: BotApiServer, fault: Fault, address: str = "") -> BotApiError:
    """What a call raises."""
    server.fail("getUpdates", fault)
    async with api_module.open_session() as session:
        hasty = BotApi(session, address or server.address, SecretStr(TOKEN), Patience(poll_s=1, answer_s=0.2))
        with pytest.raises(BotApiError) as caught:
            await hasty.updates(None, wait=False)
        return caught.value


@pytest.mark.parametrize("name", EVERY)
async def test_no_error_bears_the_token(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure has its type; neither it nor what led to it, nor any library's log line, shows the token."""
    caplog.set_level(logging.DEBUG)
    fault, kind = EVERY[name]
    async with bot_api() as server:
        error = await failing(server, fault)

    assert kind is type(error)
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert SECRET_PART not in shown
    assert "\n" not in str(error)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "https://nowhere.invalid", "http://127.0.0.1:bad"])
async def test_no_connection_bears_the_token(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where nobody listens, no name resolves, or the address is none, the error is as discreet."""
    caplog.set_level(logging.DEBUG)
    async with bot_api() as server:
        error = await failing(server, INTERNAL, address)

    assert Unreachable is type(error)
    assert error.__context__ is None
    assert SECRET_PART not in "".join(traceback.format_exception(error)) + caplog.text


async def test_a_redirect_is_not_followed(talk: Conversation) -> None:
    """The token goes to no other address than the config's."""
    async with bot_api() as server:
        await failing(server, REDIRECT)

        assert ["getUpdates"] == [call.method for call in server.calls]


async def test_retry_after_is_honoured_to_the_second(talk: Conversation, house: NotingHouse) -> None:
    """After a 429 on polling nothing is asked until its time has passed."""
    talk.server.fail("getUpdates", too_many(7))
    talk.type("/pause now")
    await talk.until(lambda: house.slept == [7.0])
    calls = talk.server.count("getUpdates")

    await talk.pass_by(6.9)
    assert calls == talk.server.count("getUpdates")
    await talk.pass_by(0.1)
    await talk.until(lambda: bool(house.asked))


async def test_a_flooded_answer_delays_no_command(talk: Conversation, house: NotingHouse) -> None:
    """While an answer waits out a 429 the next command is obeyed; then the answers come in order."""
    talk.server.fail("sendMessage", too_many(30))
    talk.type("/help")
    await talk.until(lambda: house.slept == [30.0])
    talk.type("/pause now")
    await talk.until(lambda: bool(house.asked))
    assert [] == talk.server.sent

    await talk.pass_by(30)
    await talk.until(lambda: len(talk.server.sent) == 2)
    assert "Paused" in talk.server.texts(OWNER)[1]


@pytest.mark.parametrize("fault", [INTERNAL, CUT], ids=["500", "cut"])
async def test_an_answer_is_tried_again(talk: Conversation, house: NotingHouse, fault: Fault) -> None:
    """A failing sendMessage is repeated after a pause."""
    talk.server.fail("sendMessage", fault)
    talk.type("/pause now")
    await talk.until(lambda: len(house.slept) == 1)
    await talk.pass_by(house.slept[0])

    await talk.until(lambda: len(talk.server.texts(OWNER)) == 1)
    assert 1 == len(house.asked)


async def test_an_answer_that_is_refused_is_let_go(talk: Conversation, house: NotingHouse) -> None:
    """A user who blocked the bot costs one try; the others are answered."""
    talk.server.fail("sendMessage", BLOCKED)
    talk.type("/help")

    assert "/pause" in await talk.asked("/help", PARTNER)
    assert [] == talk.server.texts(OWNER)
    assert [] == house.slept


async def test_an_answer_of_another_moment_is_let_go(
    talk: Conversation, house: NotingHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that could not be sent for five minutes is not sent later."""
    talk.server.fail("sendMessage", too_many(301))
    talk.type("/status")
    await talk.until(lambda: house.slept == [301.0])
    await talk.pass_by(302)

    assert "/pause" in await talk.asked("/help")
    assert 1 == len(talk.server.texts(OWNER))
    assert "chat answer lost" in caplog.text


async def test_a_flood_of_commands_is_bounded(talk: Conversation, house: NotingHouse) -> None:
    """Answers beyond the bound are lost, the oldest first, and memory stays bounded."""
    talk.server.fail("sendMessage", too_many(60))
    for _ in range(3 * MESSAGES_MAX):
        talk.type("/delta")
    talk.type("/pause last")
    await talk.until(lambda: bool(house.asked))
    await talk.pass_by(60)
    await talk.until(lambda: any("Paused" in text for text in talk.server.texts(OWNER)))

    assert MESSAGES_MAX + 1 == len(talk.server.sent)


async def test_a_refused_token_is_told_once(
    tmp_path: Path, house: NotingHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong token makes one log line and one alert, is tried again in ten minutes, and its end is told, too."""
    async with conversation(tmp_path, house, house.clock) as talk:
        await talk.until(lambda: talk.server.count("getUpdates") == 1)
        talk.server.always["getUpdates"] = UNAUTHORIZED
        talk.type("/help")
        await pauses(talk, house, 4)
        del talk.server.always["getUpdates"]
        await talk.pass_by(LASTING_PAUSE_S)

        await talk.until(lambda: bool(talk.server.sent))
        assert "Too old" in talk.server.texts(OWNER)[0]
        assert [LASTING_PAUSE_S] * 4 == house.slept
        assert [(Kind.COMPONENT, False), (Kind.COMPONENT, True)] == [(a.kind, a.resolved) for a in talk.alerts]
        assert "chat.telegram.token_file" in talk.alerts[0].text
    assert 1 == caplog.text.count("Unauthorized")


async def test_another_poller_is_told_once(talk: Conversation, house: NotingHouse) -> None:
    """One conflict is a leftover and waits seconds; the third in a row is somebody else, and waits ten minutes."""
    talk.server.fail("getUpdates", CONFLICT, CONFLICT, CONFLICT)
    talk.type("/help")
    await pauses(talk, house, 3)
    assert [5.0, 5.0, LASTING_PAUSE_S] == house.slept
    await talk.pass_by(LASTING_PAUSE_S)
    await talk.until(lambda: bool(talk.server.sent))

    assert [Kind.COMPONENT] * 2 == [alert.kind for alert in talk.alerts]
    assert "other poller" in talk.alerts[0].text


async def test_a_server_that_hangs_is_left(tmp_path: Path, house: NotingHouse) -> None:
    """A poll that is never answered ends by itself, and the next one is heard."""
    patience = Patience(poll_s=0, answer_s=0.3)
    async with conversation(tmp_path, house, house.clock, patience=patience) as talk:
        talk.server.fail("getUpdates", HANG)
        await talk.until(lambda: bool(house.slept))
        del talk.server.faults["getUpdates"]
        await talk.pass_by(20)

        assert 2 <= talk.server.count("getUpdates")


async def test_a_server_that_does_not_wait_is_asked_slowly(talk: Conversation, house: NotingHouse) -> None:
    """Where long polls are answered at once, a second passes between two of them."""
    talk.server.impatient = True
    talk.type("/help")
    await talk.until(lambda: house.slept == [1.0])
    calls = talk.server.count("getUpdates")
    await talk.pass_by(1)
    await talk.until(lambda: house.slept == [1.0, 1.0])

    assert calls + 1 == talk.server.count("getUpdates")


async def test_pauses_grow_and_are_bounded(
    talk: Conversation, house: NotingHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing can be reached pauses double up to twenty seconds, and one line tells of it."""
    talk.server.always["getUpdates"] = INTERNAL
    talk.type("/help")
    await pauses(talk, house, 8)

    assert [1, 2, 4, 8, 16, 20, 20, 20] == house.slept
    assert 1 == caplog.text.count("Internal Server Error")


async def test_a_run_that_failed_goes_on_where_it_was(talk: Conversation, house: NotingHouse) -> None:
    """A companion that broke over a command is started anew, obeys that command no second time, and hears the next."""
    house.answers["pause"] = RuntimeError("a defect")
    talk.server.repeating = True
    talk.type("/pause one")
    await talk.until(lambda: bool(talk.ended))
    talk.server.repeating = False
    await talk.pass_by(COMPANION_PAUSE_S)

    assert "/status" in await talk.asked("/help")
    assert 1 == len(house.asked)


async def test_nothing_that_leaves_bears_the_token(
    talk: Conversation, house: NotingHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Through every failure of polling and answering, no log line, alert, answer or journaled reason shows it."""
    caplog.set_level(logging.DEBUG)
    every = [(fault, kind) for fault, kind in EVERY.values() if fault is not HANG]
    talk.server.fail("getUpdates", *(fault for fault, _ in every))
    talk.type("/help")
    await pauses(talk, house, len(every))
    await talk.pass_by(LASTING_PAUSE_S)
    await talk.asked("/help")
    for fault, kind in every:
        slept = len(house.slept)
        talk.server.fail("sendMessage", fault)
        talk.type(f"/kill {TOKEN}")
        await talk.until(lambda: not talk.server.faults["sendMessage"])
        if kind in (TooMany, Unreachable) and fault not in (NOT_OK, NO_NUMBER):
            await talk.until(lambda slept=slept: len(house.slept) > slept and house.clock.sleeping() == 1)  # type: ignore[misc]
            await talk.pass_by(20)
    await talk.asked(f"/pause {TOKEN}")

    said = "".join(text for _, text in talk.server.sent)
    assert "KILL savings" in said
    assert house.asked
    shown = f"{said}{talk.alerts}{house.asked}{caplog.text}{talk.ended}"
    assert SECRET_PART not in shown


async def pauses(talk: Conversation, house: NotingHouse, times: int) -> None:
    """Wait for so many pauses, sitting out all but the last."""
    for number in range(1, times + 1):
        await talk.until(lambda number=number: len(house.slept) == number and house.clock.sleeping() == 1)  # type: ignore[misc]
        if number < times:
            await talk.pass_by(house.slept[-1])
