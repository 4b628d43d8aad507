"""Bybit's codes: every reason of the core has one, with the documented message."""

from __future__ import annotations

import pytest

from bot.simex.bybit.errors import ENDS_CANCELLED, MESSAGES, REASONS, REJECTIONS, VenueError, refusal
from bot.simex.core.refusal import Reason, Refused
from tests.simex.bybit.documented import CODES

# What the notes on this venue say a hedger must be able to tell apart.
NEEDED = (
    429, 10000, 10001, 10002, 10003, 10004, 10005, 10006, 10010, 10014, 10016, 10019, 10429, 10403, 10404, 20003, 20006,
    110001, 110003, 110004, 110007, 110012, 110017, 110020, 110021, 110023, 110042, 110044, 110045, 110063, 110066,
    110072, 110074, 110079, 110090, 110094, 110118, 110120, 110121, 30228,
)  # fmt: skip


@pytest.mark.parametrize("code", sorted(CODES))
def test_messages_are_the_documented_ones(code: int) -> None:
    """A code travels with the words of the documentation."""
    assert CODES[code] == MESSAGES[code]


def test_the_codes_a_hedger_needs_exist() -> None:
    """Every code that changes what a client does next is in the table."""
    assert set() == set(NEEDED) - set(MESSAGES)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("spot", [True, False])
def test_every_reason_has_a_code(reason: Reason, spot: bool) -> None:
    """Whatever the core refuses has a documented code in both kinds of market."""
    error = refusal(Refused(reason), spot=spot)

    assert error.code in MESSAGES
    assert error.msg.startswith(MESSAGES[error.code])
    assert (200, {}) == (error.status, error.result)


def test_no_reason_is_forgotten() -> None:
    """The table has each reason once."""
    assert set(Reason) == set(REASONS)


def test_rejections_are_documented_words() -> None:
    """What the engine refuses after the acknowledgement has a reject reason; what only found no match is cancelled."""
    assert ENDS_CANCELLED <= set(REJECTIONS)
    assert all(word.startswith("EC_") for word in REJECTIONS.values())


def test_a_call_may_have_codes_of_its_own() -> None:
    """The leverage that is too high for a position is another code than an order that is."""
    refused = Refused(Reason.BEYOND_LEVERAGE)

    assert 110090 == refusal(refused, spot=False).code
    assert 110013 == refusal(refused, spot=False, otherwise={Reason.BEYOND_LEVERAGE: 110013}).code


def test_an_error_says_its_code() -> None:
    """For people who read a traceback."""
    assert "10005 Permission denied" in str(VenueError(10005))
