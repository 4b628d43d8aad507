"""Bybit's errors: what each proves about an order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.venues.translate.bybit_errors import BYBIT_TABLE
from bot.venues.translate.errors import BYBIT, Cause, Purpose, Trouble, Verdict, is_key_refused, verdict

HOST = "api.bybit.com"


def told(code: int, status: int = 200, message: str = "") -> Trouble:
    """An answer with a code."""
    return Trouble(cause=Cause.ANSWERED, host=HOST, status=status, code=code, message=message)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (10_000, Verdict.AMBIGUOUS),  # server timeout
        (10_016, Verdict.AMBIGUOUS),  # server error
        (170_007, Verdict.AMBIGUOUS),  # timeout of the backend
        (170_146, Verdict.AMBIGUOUS),  # order creation timeout
        (10_014, Verdict.AMBIGUOUS),  # duplicate request: one landed
        (110_072, Verdict.AMBIGUOUS),  # duplicate orderLinkId: one landed
        (170_141, Verdict.AMBIGUOUS),  # the same on spot
        (110_079, Verdict.AMBIGUOUS),  # order is processing
        (10_002, Verdict.RETRYABLE),  # outside the window
        (10_006, Verdict.RETRYABLE),  # too many visits
        (10_019, Verdict.RETRYABLE),  # trade service restarting, takes nothing new
        (10_429, Verdict.RETRYABLE),  # system protection
        (429, Verdict.RETRYABLE),  # the trading service has a high load
        (10_003, Verdict.FATAL),  # key
        (10_004, Verdict.FATAL),  # signature
        (10_005, Verdict.FATAL),  # permission
        (10_010, Verdict.FATAL),  # address
        (33_004, Verdict.FATAL),  # key expired
        (10_001, Verdict.REJECTED),  # parameter
        (110_003, Verdict.REJECTED),  # price range
        (110_004, Verdict.REJECTED),  # funds
        (110_007, Verdict.REJECTED),
        (110_012, Verdict.REJECTED),
        (110_044, Verdict.REJECTED),
        (110_045, Verdict.REJECTED),
        (110_017, Verdict.REJECTED),  # reduce-only truncated to zero
        (110_020, Verdict.REJECTED),  # 500 orders
        (110_021, Verdict.REJECTED),  # open-interest limit
        (110_023, Verdict.REJECTED),  # reduce only on this contract
        (110_042, Verdict.REJECTED),  # pre-delivery
        (110_063, Verdict.REJECTED),  # settlement in progress
        (110_066, Verdict.REJECTED),  # trading not allowed
        (110_074, Verdict.REJECTED),  # not live
        (110_090, Verdict.REJECTED),  # position limit
        (110_094, Verdict.REJECTED),  # notional
        (110_118, Verdict.REJECTED),  # no price
        (110_120, Verdict.REJECTED),  # price limits
        (110_121, Verdict.REJECTED),
        (30_228, Verdict.REJECTED),  # delisting
    ],
)
def test_an_order_is_judged_by_the_code_in_a_200(code: int, expected: Verdict) -> None:
    """Bybit refuses inside a good status; only what it documents as a refusal is one."""
    assert expected is verdict(BYBIT, Purpose.ORDER, told(code))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, Verdict.FATAL),
        (403, Verdict.FATAL),
        (404, Verdict.REJECTED),
        (429, Verdict.RETRYABLE),
        (500, Verdict.AMBIGUOUS),
        (502, Verdict.AMBIGUOUS),
        (503, Verdict.AMBIGUOUS),
    ],
)
def test_a_status_without_an_envelope_speaks_for_itself(status: int, expected: Verdict) -> None:
    """A gateway that fails proves nothing about an order."""
    assert expected is verdict(BYBIT, Purpose.ORDER, told(0, status))


@given(st.integers(-10_000, 4_000_000), st.sampled_from([200, 500, 502, 503, 504]))
def test_what_the_table_does_not_name_is_ambiguous(code: int, status: int) -> None:
    """A code outside the table never rejects an order; one behind a failing gateway is not believed."""
    if status != 200 or code not in BYBIT_TABLE.codes:
        assert Verdict.AMBIGUOUS is verdict(BYBIT, Purpose.ORDER, told(code, status))


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.CONNECTION, Cause.UNREADABLE])
def test_silence_proves_nothing_about_an_order(cause: Cause) -> None:
    """A timeout, a reset and an unreadable 200 leave it open whether the order landed."""
    assert Verdict.AMBIGUOUS is verdict(BYBIT, Purpose.ORDER, Trouble(cause=cause, host=HOST, status=200))


def test_a_read_is_asked_again_where_the_venue_failed() -> None:
    """Its timeout is repeated, an unknown refusal of it is not."""
    assert Verdict.RETRYABLE is verdict(BYBIT, Purpose.READ, told(10_000))
    assert Verdict.REJECTED is verdict(BYBIT, Purpose.READ, told(999_999))


def test_a_refused_key_is_told_from_a_refused_order() -> None:
    """Only what names the key keeps everything else from being asked."""
    assert is_key_refused(BYBIT, told(10_003))
    assert not is_key_refused(BYBIT, told(110_007))
