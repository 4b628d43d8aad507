"""One-time codes: bound, bounded in time and tries, and used once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import SECOND_NS
from bot.ops.chat.codes import DIGITS, WRONG_TRIES_MAX, Codes, No, Risky, draw

ADA, BEA = 7, 8
VALID_NS = 60 * SECOND_NS
KILL = Risky("kill", (("reason", "fire"),))
ARM = Risky("arm", (("reason", "fine"),))


def codes(code: str = "123456") -> Codes:
    return Codes(VALID_NS, lambda: code)


def test_a_code_opens_its_command_once() -> None:
    """The right code in time gives the command back with its arguments, and nothing the second time."""
    owned = codes()
    code = owned.issue(ADA, ADA, KILL, 0)

    assert KILL == owned.redeem(ADA, ADA, code, VALID_NS)
    assert No.NOTHING_WAITS is owned.redeem(ADA, ADA, code, VALID_NS)


def test_a_code_expires() -> None:
    """A nanosecond after its time a code is worth nothing, and it is gone."""
    owned = codes()
    owned.issue(ADA, ADA, KILL, 0)

    assert No.EXPIRED is owned.redeem(ADA, ADA, "123456", VALID_NS + 1)
    assert No.NOTHING_WAITS is owned.redeem(ADA, ADA, "123456", 0)


def test_a_third_wrong_code_makes_the_right_one_void() -> None:
    """Guessing ends: after three wrong tries even the right code opens nothing."""
    owned = codes()
    owned.issue(ADA, ADA, KILL, 0)

    assert [No.WRONG, No.WRONG, No.VOID] == [owned.redeem(ADA, ADA, "000000", 0) for _ in range(WRONG_TRIES_MAX)]
    assert No.NOTHING_WAITS is owned.redeem(ADA, ADA, "123456", 0)


def test_a_wrong_code_leaves_the_right_one_good() -> None:
    """A typing error costs one try and nothing else."""
    owned = codes()
    owned.issue(ADA, ADA, KILL, 0)

    assert No.WRONG is owned.redeem(ADA, ADA, "123457", 0)
    assert WRONG_TRIES_MAX - 1 == owned.tries_left(ADA)
    assert KILL == owned.redeem(ADA, ADA, "123456", 0)


def test_a_code_belongs_to_its_user_and_chat() -> None:
    """Neither another user nor another chat can use a code."""
    owned = codes()
    owned.issue(ADA, ADA, KILL, 0)

    assert No.NOTHING_WAITS is owned.redeem(BEA, ADA, "123456", 0)
    assert No.WRONG is owned.redeem(ADA, BEA, "123456", 0)


def test_a_new_command_voids_the_one_before() -> None:
    """One command waits a user: the code of the earlier one opens nothing, least of all the later one."""
    drawn = iter(["111111", "222222"])
    owned = Codes(VALID_NS, lambda: next(drawn))
    first = owned.issue(ADA, ADA, KILL, 0)
    second = owned.issue(ADA, ADA, ARM, 0)

    assert No.WRONG is owned.redeem(ADA, ADA, first, 0)
    assert ARM == owned.redeem(ADA, ADA, second, 0)


def test_two_users_wait_side_by_side() -> None:
    """One user's command does not disturb another's."""
    drawn = iter(["111111", "222222"])
    owned = Codes(VALID_NS, lambda: next(drawn))
    ada, bea = owned.issue(ADA, ADA, KILL, 0), owned.issue(BEA, BEA, ARM, 0)

    assert ARM == owned.redeem(BEA, BEA, bea, 0)
    assert KILL == owned.redeem(ADA, ADA, ada, 0)


@given(st.text())
def test_only_the_code_itself_opens(given: str) -> None:
    """Whatever is sent, odd alphabets included, only the exact code opens."""
    owned = codes()
    owned.issue(ADA, ADA, KILL, 0)

    assert (KILL if given == "123456" else No.WRONG) == owned.redeem(ADA, ADA, given, 0)


def test_drawn_codes_are_six_digits() -> None:
    """A drawn code has its leading zeros and is hardly ever the one before."""
    drawn = [draw() for _ in range(500)]

    assert all(len(code) == DIGITS and code.isdecimal() for code in drawn)
    assert len(set(drawn)) > 480
