"""The companion over a Bot API on loopback: each command, strangers, codes, and updates that come twice or late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.units import SECOND_NS
from bot.ops.alerts.kinds import Kind
from bot.ops.chat.telegram import check_chat, open_chat
from bot.runtime.control import Denied
from bot.runtime.redact import Redactor
from bot.runtime.settings_service import ChatSettings
from tests.ops.chat.botapi import CUT, INTERNAL, TOKEN, UNAUTHORIZED, bot_api
from tests.ops.chat.desk import HALTED, OWNER, PARTNER, STRANGER, Conversation, NotingHouse, conversation, raw, settings
from tests.ops.plan_samples import plan

BY = {"by": f"telegram:{OWNER}"}


@pytest.fixture
async def house() -> NotingHouse:
    return NotingHouse()


@pytest.fixture
async def talk(tmp_path: Path, house: NotingHouse) -> AsyncIterator[Conversation]:
    async with conversation(tmp_path, house, house.clock) as ongoing:
        yield ongoing


# ----------------------------------------------------------------------------------------------- commands
async def test_what_looks_is_answered(talk: Conversation, house: NotingHouse) -> None:
    """/status, /delta, /plan, /mode and /help are answered, and change nothing."""
    house.answers["plan"] = plan()

    assert "savings: live, mode run, ready" in await talk.asked("/status")
    assert "BTC +0.0005" in await talk.asked("/delta")
    assert "sell 1 binance.usdm:BTCUSDT" in await talk.asked("/plan")
    assert "savings runs in live" in await talk.asked("/mode")
    assert "/pause acts at once" in await talk.asked("/help")
    assert [("plan", {})] == house.asked


async def test_pause_is_asked_at_once(talk: Conversation, house: NotingHouse) -> None:
    """/pause reaches the daemon with its reason and who asked."""
    assert "Paused; mode HALT." in await talk.asked("/pause going to sleep")
    assert [("pause", {"reason": "going to sleep", **BY})] == house.asked


async def test_kill_is_asked_after_its_code(talk: Conversation, house: NotingHouse) -> None:
    """/kill does nothing until its code comes back."""
    assert "100001" in await talk.asked("/kill hacked")
    assert [] == house.asked
    assert "Killed; mode HALT." in await talk.asked("100001")
    assert [("kill", {"reason": "hacked", **BY})] == house.asked


async def test_resume_is_asked_after_its_code(talk: Conversation, house: NotingHouse) -> None:
    """/resume shows the latch first, and asks the daemon to arm once its code is confirmed."""
    house.latched(HALTED)

    assert "margin above 80 %" in await talk.asked("/resume topped up")
    assert "Resumed; mode RUN." in await talk.asked("/confirm 100001")
    assert [("arm", {"reason": "topped up", **BY})] == house.asked


async def test_a_mode_change_is_announced_before_it_is_asked(talk: Conversation, house: NotingHouse) -> None:
    """The word that it changes is out before the daemon is asked, for it ends with this process."""
    house.answers["mode"] = {"state": "stopping", "next": "dry-run"}
    said_by_then: list[str] = []
    house.on_ask = lambda: said_by_then.extend(talk.server.texts(OWNER))
    await talk.asked("/mode dry-run")

    assert "Changing to dry-run" in await talk.asked("100001")
    await talk.until(lambda: bool(house.asked))
    assert "Changing to dry-run" in said_by_then[-1]
    assert ("mode", "dry-run") == (house.asked[0][0], house.asked[0][1]["mode"])


async def test_a_mode_change_does_not_wait_for_a_deaf_telegram(
    talk: Conversation, house: NotingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the announcement cannot be sent the daemon is asked all the same."""
    monkeypatch.setattr("bot.ops.chat.conversation.FIRST_SAID_S_MAX", 0.05)
    house.answers["mode"] = {"state": "stopping", "next": "dry-run"}
    await talk.asked("/mode dry-run")
    talk.server.always["sendMessage"] = INTERNAL
    talk.type("100001")

    await talk.until(lambda: bool(house.asked))
    assert "mode" == house.asked[0][0]


@pytest.mark.parametrize(
    ("error", "said"),
    [(Denied("refused", "venue\nunreachable"), r"venue\nunreachable"), (KeyError("kill"), "does not")],
)
async def test_a_no_is_told(talk: Conversation, house: NotingHouse, error: Exception, said: str) -> None:
    """What the daemon refuses, or does not know, is told in a line."""
    house.answers["kill"] = error
    await talk.asked("/kill")

    answer = await talk.asked("100001")
    assert answer.startswith("Not done: /kill: ")
    assert said in answer


# -------------------------------------------------------------------------------------------------- codes
async def test_a_wrong_code_does_nothing(talk: Conversation, house: NotingHouse) -> None:
    """Wrong codes are told, and after the third the right one is void."""
    await talk.asked("/kill")

    assert "2 tries left" in await talk.asked("000000")
    assert "1 try left" in await talk.asked("000000")
    assert "void" in await talk.asked("000000")
    assert "No command waits" in await talk.asked("100001")
    assert [] == house.asked


async def test_an_expired_code_does_nothing(talk: Conversation, house: NotingHouse) -> None:
    """A code is worth nothing once its time has passed on the daemon's clock."""
    await talk.asked("/kill")
    await talk.pass_by(60.5)

    assert "That code has expired" in await talk.asked("100001")
    assert [] == house.asked


async def test_another_users_code_does_nothing(talk: Conversation, house: NotingHouse) -> None:
    """The partner cannot confirm what the owner asked for."""
    await talk.asked("/kill")

    assert "No command waits" in await talk.asked("100001", PARTNER)
    assert [] == house.asked


async def test_a_code_is_good_once(talk: Conversation, house: NotingHouse) -> None:
    """The code that was used does nothing again."""
    await talk.asked("/kill")
    await talk.asked("100001")

    assert "No command waits" in await talk.asked("100001")
    assert 1 == len(house.asked)


# ------------------------------------------------------------------------------------------ who is obeyed
async def test_a_stranger_is_told_of_and_not_answered(talk: Conversation, house: NotingHouse) -> None:
    """A stranger's commands do nothing and get no answer; the owner gets one alert an hour."""
    for text in ("/kill", "/status", "/pause x"):
        talk.type(text, STRANGER, **{"from": {"id": STRANGER, "is_bot": False, "first_name": "<b>Eve\n</b>"}})
    await talk.asked("/help")

    (alert,) = talk.alerts
    assert (Kind.CHAT, "telegram:666") == (alert.kind, alert.subject)
    assert "666" in alert.text
    assert "?b?Eve???b?" in alert.text
    assert ("savings", "live") == (alert.portfolio, alert.run_mode)
    assert [] == talk.server.texts(STRANGER)
    assert [] == house.asked


async def test_edited_and_forwarded_messages_are_not_obeyed(talk: Conversation, house: NotingHouse) -> None:
    """An edit is not looked at, a forwarded command is told to be typed."""
    talk.server.deliver(raw("/pause", date=talk.date, edit_date=talk.date), kind="edited_message")
    talk.server.deliver(raw("/pause", date=talk.date), kind="channel_post")
    origin = {"type": "user", "date": talk.date, "sender_user": {"id": 9, "is_bot": False, "first_name": "E"}}

    assert "forwarded" in await talk.asked("/pause", forward_origin=origin)
    assert [] == house.asked


async def test_a_stale_command_is_not_obeyed(talk: Conversation, house: NotingHouse) -> None:
    """What waited while nobody listened is told to be too old."""
    assert "Too old, send again" in await talk.asked("/pause", date=talk.date - 61)
    assert [] == house.asked


async def test_a_code_that_waited_is_not_obeyed(talk: Conversation, house: NotingHouse) -> None:
    """The confirmation itself must be fresh, too."""
    await talk.asked("/kill")

    assert "Too old" in await talk.asked("100001", date=talk.date - 61)
    assert [] == house.asked


# ------------------------------------------------------------------------------------------------ updates
async def test_an_update_is_confirmed_before_it_is_obeyed(talk: Conversation, house: NotingHouse) -> None:
    """When the daemon is asked, the server has forgotten the update: a crash then cannot replay it."""
    forgotten: list[bool] = []
    house.on_ask = lambda: forgotten.append(talk.server.confirmed)
    await talk.asked("/pause")

    assert [True] == forgotten


async def test_what_cannot_be_confirmed_is_not_obeyed(talk: Conversation, house: NotingHouse) -> None:
    """While the confirmation fails nothing is done; once it goes through, the command is done once."""
    await talk.until(lambda: talk.server.count("getUpdates") == 1)
    talk.server.fail("getUpdates", INTERNAL, CUT)
    talk.type("/pause now")
    await talk.until(lambda: len(house.slept) == 1)
    assert [] == house.asked

    await talk.pass_by(house.slept[0])
    await talk.until(lambda: len(house.slept) == 2)
    await talk.pass_by(house.slept[1])
    await talk.until(lambda: bool(talk.server.texts(OWNER)))
    assert [("pause", {"reason": "now", **BY})] == house.asked


async def test_a_command_that_could_not_be_confirmed_for_a_minute_is_too_old(
    talk: Conversation, house: NotingHouse
) -> None:
    """Freshness is judged when it would be done, not when it arrived."""
    await talk.until(lambda: talk.server.count("getUpdates") == 1)
    talk.server.fail("getUpdates", INTERNAL)
    talk.type("/pause now")
    await talk.until(lambda: len(house.slept) == 1)
    talk.clock.move(61 * SECOND_NS)

    await talk.until(lambda: bool(talk.server.texts(OWNER)))
    assert "Too old" in talk.server.texts(OWNER)[0]
    assert [] == house.asked


async def test_repeated_updates_are_obeyed_once(talk: Conversation, house: NotingHouse) -> None:
    """A server that delivers the same updates for ever moves nothing but the backoff."""
    talk.server.repeating = True
    talk.type("/pause once")
    await talk.until(lambda: len(house.slept) >= 1)
    await talk.pass_by(5)
    await talk.until(lambda: len(house.slept) >= 2)

    assert 1 == len(house.asked)
    assert 1 == len(talk.server.texts(OWNER))


async def test_numbers_that_start_anew_are_heard(talk: Conversation, house: NotingHouse) -> None:
    """After a week of silence Telegram numbers from a lower, random number: the next command is heard all the same."""
    await talk.asked("/help")
    talk.server.next_update = 117_314_199

    assert "Paused" in await talk.asked("/pause one")
    assert "No command waits" in await talk.asked("123456")
    assert 1 == len(house.asked)


async def test_an_unreadable_update_does_not_block_the_next(talk: Conversation) -> None:
    """A shape of tomorrow is passed over."""
    talk.server.put({"update_id": talk.server.next_update, "message": {"date": "tomorrow"}})
    talk.server.next_update += 1

    assert "/status" in await talk.asked("/help")


# ----------------------------------------------------------------------------------------- setting it up
async def test_without_a_section_there_is_no_chat() -> None:
    """Chat is optional."""
    assert open_chat(ChatSettings(), Redactor(), lambda _: None, {}) is None
    assert await check_chat(ChatSettings(), Redactor(), {}) is None


async def test_the_check_names_the_bot(tmp_path: Path) -> None:
    """A working token is told with the bot's name."""
    async with bot_api() as server:
        found = await check_chat(settings(tmp_path, server.address), Redactor(), {})

    assert found is not None
    assert (True, "@trim_bot answers 2 user(s); token from chat.telegram.token_file") == (found.ok, found.text)


@pytest.mark.parametrize(
    ("fault", "blocking", "said"),
    [
        (UNAUTHORIZED, True, "the token is no bot's"),
        (INTERNAL, False, "cannot be asked"),
        (CUT, False, "cannot be asked"),
    ],
    ids=str,
)
async def test_the_check_tells_what_is_wrong(tmp_path: Path, fault: object, blocking: bool, said: str) -> None:
    """A refused token is the config's fault, a Bot API out of reach is not; either is one line without the token."""
    async with bot_api() as server:
        server.always["getMe"] = fault  # type: ignore[assignment]
        found = await check_chat(settings(tmp_path, server.address), Redactor(), {})

    assert found is not None
    assert (False, blocking) == (found.ok, found.blocking)
    assert said in found.text
    assert "\n" not in found.text
    assert TOKEN not in found.text


async def test_the_check_finds_a_webhook(tmp_path: Path) -> None:
    """A bot whose updates go elsewhere cannot be polled."""
    async with bot_api() as server:
        server.webhook = "https://elsewhere.example"
        found = await check_chat(settings(tmp_path, server.address), Redactor(), {})

    assert found is not None
    assert "deleteWebhook" in found.text
    assert not found.ok


async def test_the_check_tells_an_unreadable_token(tmp_path: Path) -> None:
    """A token's file that others may read is found without a network."""
    section = settings(tmp_path, "https://127.0.0.1:9")
    (tmp_path / "telegram-token").chmod(0o666)
    found = await check_chat(section, Redactor(), {})

    assert found is not None
    assert (False, True) == (found.ok, found.blocking)
    assert "chat.telegram.token_file" in found.text


async def test_a_session_uses_no_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy of the environment never sees the token."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with bot_api() as server:
        found = await check_chat(settings(tmp_path, server.address), Redactor(), {})

    assert found is not None
    assert found.ok
