"""The chat's commands without a network: who is obeyed, what is asked, and what waits for a code."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.domain.units import SECOND_NS
from bot.ops.chat.codes import Codes
from bot.ops.chat.commands import Act, Ask, Commands, Say
from bot.ops.chat.strangers import Stranger
from bot.runtime.status import LatchStatus
from tests.ops.chat.desk import HALTED, OWNER, PARTNER, STRANGER, WALL_S, Draws, NotingHouse, message, moment
from tests.ops.samples import STATUS

BY = f"telegram:{OWNER}"


class Desk:
    """Commands with a house to look at."""

    def __init__(self) -> None:
        self.house = NotingHouse()
        self.commands = Commands((OWNER, PARTNER), Codes(60 * SECOND_NS, Draws()))

    def hear(self, text: str | None, user: int = OWNER, after_s: float = 0, **changes: Any) -> tuple[Act, ...]:
        """What follows from a message that is typed so long after the desk was opened."""
        changes = {"date": WALL_S + int(after_s), **changes}
        look = lambda: (self.house.status(), self.house.health())  # noqa: E731 - a look is one line
        return self.commands.hear(message(text, user, **changes), moment(after_s), look)

    def say(self, text: str | None, user: int = OWNER, after_s: float = 0, **changes: Any) -> str:
        """The one answer to it."""
        (said,) = self.hear(text, user, after_s, **changes)
        assert isinstance(said, Say)
        assert user == said.chat
        return said.text


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ------------------------------------------------------------------------------------------------ looking
def test_status_is_told_in_a_few_lines(desk: Desk) -> None:
    """/status says mode, readiness, each asset against its band, margin and streams."""
    desk.house.doubts("usdm market", "silent for 7.2 s")

    assert [
        "savings: live, mode run, NOT ready",
        "not ready: usdm market: silent for 7.2 s",
        "BTC: delta +0.0005, target 0, off by +0.0005 (+30.90), band 0.012345",
        "ETH: delta +0.8, target 0, off by +0.8 (+2,409.92), band 0.1, OUTSIDE",
        "ETH: no hedge is sent: mark price of ETHUSDT is 7.2 s old, 5 s allowed",
        "margin ratio 2.13 %",
        "streams: 3 of 4 up; down: usdm market (7.2 s)",
    ] == desk.say("/status").splitlines()


def test_delta_is_numbers_only(desk: Desk) -> None:
    """/delta is a line an asset."""
    assert ["BTC +0.0005 target 0 off +0.0005 (+30.90)", "ETH +0.8 target 0 off +0.8 (+2,409.92)"] == desk.say(
        "/delta"
    ).splitlines()


def test_plan_is_asked_of_the_daemon(desk: Desk) -> None:
    """/plan has no code and no arguments."""
    assert (Ask(OWNER, "plan", {}),) == desk.hear("/plan")


def test_mode_shows_how_it_runs(desk: Desk) -> None:
    """/mode without a name only looks."""
    desk.house.latched(HALTED)

    assert "savings runs in live, mode run" == desk.say("/mode").splitlines()[0]
    assert "margin above 80 %" in desk.say("/mode")


@pytest.mark.parametrize("name", ["/help", "/start", "/HELP", "/help@trim_bot", "  /help  "])
def test_help_names_every_command(desk: Desk, name: str) -> None:
    """/help lists each command, and says that /pause acts at once and that nobody hedges after a kill."""
    told = desk.say(name)

    assert all(f"/{one}" in told for one in "status delta plan pause kill resume mode confirm".split())
    assert "/pause acts at once" in told
    assert "not hedged" in told


@pytest.mark.parametrize("text", ["hello", "/sell everything", "/", "12345", "1234567", "١٢٣٤٥٦", "/status\x00"])
def test_what_is_no_command_is_not_guessed(desk: Desk, text: str) -> None:
    """Whatever is not exactly a command or six digits gets a pointer to /help."""
    assert "/help" in desk.say(text)


# ------------------------------------------------------------------------------------------------- acting
def test_pause_acts_at_once(desk: Desk) -> None:
    """/pause needs no code; reason and user go with it."""
    assert (Ask(OWNER, "pause", {"reason": "going to sleep", "by": BY}),) == desk.hear("/pause  going to\n sleep ")


def test_pause_does_not_hide_why_it_is_halted(desk: Desk) -> None:
    """On a portfolio that is halted already /pause changes nothing and says why it is halted."""
    desk.house.latched(HALTED)

    assert "margin above 80 %" in desk.say("/pause lunch")


def test_pause_acts_where_only_an_instrument_is_halted(desk: Desk) -> None:
    """An instrument's own latch does not keep the whole from being paused."""
    desk.house.latched(msgspec.structs.replace(HALTED, scope="binance.usdm:BTCUSDT"))

    assert [Ask] == [type(act) for act in desk.hear("/pause")]


def test_kill_waits_for_its_code(desk: Desk) -> None:
    """/kill shows what it does and a code; the code alone does it."""
    shown = desk.say("/kill exchange looks hacked")

    assert "KILL savings (live): exchange looks hacked" in shown
    assert "/resume" in shown
    assert "100001" in shown
    assert (Ask(OWNER, "kill", {"reason": "exchange looks hacked", "by": BY}),) == desk.hear("100001")


def test_confirm_is_the_long_way_to_send_a_code(desk: Desk) -> None:
    """/confirm CODE does what the code alone does."""
    desk.say("/kill")

    assert (Ask(OWNER, "kill", {"reason": "no reason given", "by": BY}),) == desk.hear("/confirm 100001")


def test_resume_shows_what_it_lifts(desk: Desk) -> None:
    """/resume tells what is latched, by whom and why, before it gives a code."""
    desk.house.latched(HALTED)
    shown = desk.say("/resume margin was topped up")

    assert "HALT by guard" in shown
    assert "2 m 00 s ago" in shown
    assert "margin above 80 %" in shown
    assert (Ask(OWNER, "arm", {"reason": "margin was topped up", "by": BY}),) == desk.hear("100001")


def test_resume_wants_a_reason(desk: Desk) -> None:
    """Without a reason there is no code, only what would be lifted."""
    desk.house.latched(HALTED)

    assert "margin above 80 %" in desk.say("/resume")
    assert "No command waits for a code." == desk.say("100001")


def test_resume_has_nothing_to_do_without_a_latch(desk: Desk) -> None:
    """Where nothing is latched nothing is asked."""
    assert "Nothing is latched; mode run." == desk.say("/resume all fine")


def test_resume_does_not_lift_what_was_not_shown(desk: Desk) -> None:
    """A latch that came between the code and its confirmation stays, and is told."""
    desk.house.latched(HALTED)
    desk.say("/resume fine")
    later = LatchStatus("binance.usdm:BTCUSDT", "HALT", "more was filled than was ordered", "guard", STATUS.now_ns)
    desk.house.latched(HALTED, later)

    assert "more was filled than was ordered" in desk.say("100001")
    assert "No command waits for a code." == desk.say("100001")


def test_a_mode_is_changed_after_its_code(desk: Desk) -> None:
    """/mode NAME says from what to what, and announces itself before the process ends."""
    assert "from live to dry-run" in desk.say("/mode Dry-Run")
    (asked,) = desk.hear("100001")

    assert isinstance(asked, Ask)
    assert ("mode", "dry-run", BY) == (asked.verb, asked.arguments["mode"], asked.arguments["by"])
    assert "dry-run" in asked.first


def test_going_live_is_named_for_what_it_is(desk: Desk) -> None:
    """The code for live comes with a word on real money."""
    desk.house.pictured = msgspec.structs.replace(STATUS, run_mode="observe")

    assert "real money" in desk.say("/mode live")


@pytest.mark.parametrize(("text", "said"), [("/mode fast", "allowed: "), ("/mode live", "already")])
def test_a_mode_that_is_none_or_is_there_gets_no_code(desk: Desk, text: str, said: str) -> None:
    """A misspelt mode and the present one are answered at once."""
    assert said in desk.say(text)
    assert "No command waits for a code." == desk.say("100001")


# -------------------------------------------------------------------------------------------------- codes
def test_a_wrong_code_does_nothing(desk: Desk) -> None:
    """A wrong code gets a line with the tries that are left; the third makes the right one void."""
    desk.say("/kill")

    assert "Wrong code; nothing was done. 2 tries left." == desk.say("999999")
    assert "Wrong code; nothing was done. 1 try left." == desk.say("/confirm 12")
    assert "it is void" in desk.say("/confirm")
    assert "No command waits for a code." == desk.say("100001")


def test_an_expired_code_does_nothing(desk: Desk) -> None:
    """A code that is sent after its time gets a line and nothing else."""
    desk.say("/kill")

    assert "That code has expired; nothing was done. Send the command again." == desk.say("100001", after_s=60.001)


def test_a_code_is_used_once(desk: Desk) -> None:
    """The same code again opens nothing."""
    desk.say("/kill")
    desk.hear("100001")

    assert "No command waits for a code." == desk.say("100001")


def test_a_code_is_no_good_for_another_daemon(desk: Desk) -> None:
    """It was shown for the way to run that was; the one that runs by now was not asked about."""
    desk.say("/mode observe")
    desk.commands.begin()

    assert "No command waits for a code." == desk.say("100001")


def test_a_code_is_its_users_own(desk: Desk) -> None:
    """Another user on the list cannot use a code, and does not spoil it."""
    desk.say("/kill")

    assert "No command waits for a code." == desk.say("100001", PARTNER)
    assert [Ask] == [type(act) for act in desk.hear("100001")]


def test_a_command_in_between_keeps_the_code(desk: Desk) -> None:
    """Looking at /status before confirming costs nothing."""
    desk.say("/kill")
    desk.say("/status")

    assert [Ask] == [type(act) for act in desk.hear("100001")]


# ------------------------------------------------------------------------------------------ who is obeyed
def test_a_stranger_gets_no_answer(desk: Desk) -> None:
    """Somebody who is not on the list is told of once an hour and never answered."""
    first = desk.hear("/kill", STRANGER)

    assert (Stranger(STRANGER, "Ada user666", last=False),) == first
    assert () == desk.hear("/status", STRANGER, after_s=3_599)
    assert 1 == len(desk.hear("/status", STRANGER, after_s=3_600))


def test_a_stranger_cannot_use_the_owners_code(desk: Desk) -> None:
    """A code that a stranger learnt is worth nothing to him."""
    desk.say("/kill")

    assert [Stranger] == [type(act) for act in desk.hear("100001", STRANGER)]


CHANNEL = {"id": -1001, "type": "channel", "title": "News"}
NOT_OBEYED = [
    ({"forward_origin": {"type": "user", "date": WALL_S, "sender_user": {"id": 9}}}, "forwarded"),
    ({"forward_origin": {"type": "hidden_user", "date": WALL_S, "sender_user_name": "x"}}, "forwarded"),
    ({"forward_date": WALL_S}, "forwarded"),
    ({"edit_date": WALL_S}, "edited"),
    ({"via_bot": {"id": 9, "is_bot": True, "first_name": "inline"}}, "written by a bot"),
    ({"is_from_offline": True}, "scheduled"),
    ({"date": WALL_S - 61}, "Too old, send again"),
    ({"date": WALL_S + 61}, "check the clock"),
]


@pytest.mark.parametrize(("changes", "said"), NOT_OBEYED)
def test_what_was_not_typed_just_now_is_not_obeyed(desk: Desk, changes: dict[str, Any], said: str) -> None:
    """Forwarded, edited, scheduled and late messages of a listed user get a line and do nothing."""
    assert said in desk.say("/pause now", **changes)


def test_a_picture_is_not_read(desk: Desk) -> None:
    """A caption is no command."""
    assert "I only read text" in desk.say(None, caption="/pause", photo=[])


SILENT = [
    {"sender_chat": CHANNEL},
    {"from": {"id": OWNER, "is_bot": True, "first_name": "x"}},
    {"from": None, "chat": CHANNEL},
]


@pytest.mark.parametrize("changes", SILENT)
def test_channels_and_bots_are_not_spoken_to(desk: Desk, changes: dict[str, Any]) -> None:
    """What no person sent is dropped without a word, whatever number it bears."""
    assert () == desk.hear("/pause now", **changes)


@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_groups_are_answered_in_private(desk: Desk, kind: str) -> None:
    """A listed user's command in a group does nothing; why not is said to him alone."""
    (said,) = desk.hear("/pause now", chat={"id": -77, "type": kind, "title": "Family"})

    assert Say(OWNER, "I take commands in a private chat only, where nobody else sees a code.") == said


def test_a_backlog_gets_one_answer(desk: Desk) -> None:
    """What waited through a night is answered once, not a hundred times."""
    said = [act for _ in range(100) for act in desk.hear("/status", date=WALL_S - 3_600)]

    assert 1 == len(said)


def test_a_minute_is_fresh_enough(desk: Desk) -> None:
    """A message of sixty seconds is still obeyed."""
    assert [Ask] == [type(act) for act in desk.hear("/pause", date=WALL_S - 60)]
