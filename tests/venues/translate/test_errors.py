"""What an error proves, and what an error text may hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.venues.translate.errors import (
    BINANCE,
    TABLES,
    TEXT_CHARACTERS_MAX,
    Cause,
    Purpose,
    Trouble,
    Verdict,
    answered,
    clean,
    verdict,
)

HOST = "fapi.binance.com"


def told(status: int, code: int = 0, message: str = "") -> Trouble:
    """A trouble as the venue would tell it."""
    return Trouble(cause=Cause.ANSWERED, host=HOST, status=status, code=code, message=message)


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (503, 0, "Unknown error, please check your request or try again later.", Verdict.AMBIGUOUS),
        (503, 0, "Service Unavailable.", Verdict.RETRYABLE),
        (503, -1001, "Internal error; unable to process your request. Please try again.", Verdict.RETRYABLE),
        (503, -1008, "Request throttled by system-level protection.", Verdict.RETRYABLE),
        (503, -1008, "", Verdict.RETRYABLE),
        (503, -2019, "Margin is insufficient.", Verdict.AMBIGUOUS),
        (503, 0, "", Verdict.AMBIGUOUS),
        (500, -1001, "Internal error; unable to process your request. Please try again.", Verdict.AMBIGUOUS),
        (502, 0, "an answer that is not JSON", Verdict.AMBIGUOUS),
        (504, -2019, "Margin is insufficient.", Verdict.AMBIGUOUS),
        (408, -1007, "Timeout waiting for response from backend server.", Verdict.AMBIGUOUS),
        (400, -1007, "Timeout waiting for response from backend server.", Verdict.AMBIGUOUS),
        (400, -1006, "An unexpected response was received.", Verdict.AMBIGUOUS),
        (400, -1000, "An unknown error occurred.", Verdict.AMBIGUOUS),
        (400, -4116, "ClientOrderId is duplicated.", Verdict.AMBIGUOUS),
        (400, -2010, "Duplicate order sent.", Verdict.AMBIGUOUS),
        (400, -2010, "Account has insufficient balance for requested action.", Verdict.REJECTED),
        (400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", Verdict.REJECTED),
        (400, -1013, "Market is closed.", Verdict.REJECTED),
        (500, -2010, "Duplicate order sent.", Verdict.AMBIGUOUS),
        (400, -9999, "never heard of", Verdict.AMBIGUOUS),
        (400, 0, "", Verdict.AMBIGUOUS),
        (302, 0, "", Verdict.AMBIGUOUS),
        (202, -2019, "", Verdict.AMBIGUOUS),
        (400, -2019, "Margin is insufficient.", Verdict.REJECTED),
        (400, -2022, "ReduceOnly Order is rejected.", Verdict.REJECTED),
        (400, -4164, "Order's notional must be no smaller than 100.", Verdict.REJECTED),
        (400, -4061, "Order's position side does not match.", Verdict.REJECTED),
        (400, -1111, "Precision is over the maximum.", Verdict.REJECTED),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", Verdict.RETRYABLE),
        (400, -5028, "Timestamp for this request is outside of the ME recvWindow.", Verdict.RETRYABLE),
        (429, -1003, "Too many requests.", Verdict.RETRYABLE),
        (429, -1015, "Too many new orders.", Verdict.RETRYABLE),
        (418, -1003, "banned until", Verdict.FATAL),
        (403, 0, "an answer that is not JSON", Verdict.FATAL),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", Verdict.FATAL),
        (400, -1022, "Signature for this request is not valid.", Verdict.FATAL),
    ],
)
def test_an_order_is_judged_by_status_code_and_message(status: int, code: int, message: str, expected: Verdict) -> None:
    """Only a documented failure of a new order is anything but ambiguous."""
    assert verdict(BINANCE, Purpose.ORDER, told(status, code, message)) is expected


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.CONNECTION, Cause.UNREADABLE])
def test_silence_proves_nothing_about_an_order(cause: Cause) -> None:
    """A timeout, a reset and an unreadable 200 leave it open whether the order landed."""
    assert verdict(BINANCE, Purpose.ORDER, Trouble(cause=cause, host=HOST)) is Verdict.AMBIGUOUS


@given(st.integers(100, 599), st.integers(-9_999, 9_999), st.text(max_size=40))
def test_what_the_table_does_not_name_is_ambiguous(status: int, code: int, message: str) -> None:
    """A code outside the table, with any status that is not itself documented, never rejects an order."""
    table = TABLES[BINANCE]
    named = code in table.codes or status in table.statuses or status == 503
    if not named:
        assert verdict(BINANCE, Purpose.ORDER, told(status, code, message)) is Verdict.AMBIGUOUS


@pytest.mark.parametrize(
    ("status", "expected"), [(404, Verdict.REJECTED), (500, Verdict.RETRYABLE), (408, Verdict.RETRYABLE)]
)
def test_an_unknown_error_of_a_read_is_a_failure(status: int, expected: Verdict) -> None:
    """A read changes nothing: the venue's faults are asked again, our own are not."""
    assert verdict(BINANCE, Purpose.READ, told(status)) is expected


def test_a_request_that_was_held_back_was_not_sent() -> None:
    """Our own budget's refusal is no ambiguity."""
    assert verdict(BINANCE, Purpose.ORDER, Trouble(cause=Cause.BUDGET, host=HOST)) is Verdict.RETRYABLE


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html>", b'{"code":"-2019","msg":"x"}', b'{"code":-2019', b'{"code":-2019,"msg":"\xff"}', b"[1]"],
)
def test_an_error_body_that_is_not_the_venues_has_no_code(body: bytes) -> None:
    """A code is believed only out of a whole and typed error object."""
    found = answered(HOST, 400, body, None)

    assert 0 == found.code
    assert verdict(BINANCE, Purpose.ORDER, found) is Verdict.AMBIGUOUS


def test_a_body_nested_beyond_reason_is_survived() -> None:
    """A hostile answer cannot exhaust the stack."""
    assert 0 == answered(HOST, 400, b'{"x":' + b"[" * 100_000, None).code


def test_retry_after_is_read_only_as_whole_seconds() -> None:
    """A date or a sign in the header falls back to our own default."""
    body = json.dumps({"code": -1003, "msg": "slow down"}).encode()

    assert 7 == answered(HOST, 429, body, "7").retry_after_s
    assert answered(HOST, 429, body, "Wed, 21 Oct 2026 07:28:00 GMT").retry_after_s is None
    assert answered(HOST, 429, body, "-1").retry_after_s is None


@given(st.text(max_size=400), st.from_regex(r"[a-z0-9]{8,64}", fullmatch=True))
def test_a_cleaned_text_is_one_short_printable_line_without_the_secret(noise: str, secret: str) -> None:
    """Whatever a venue says, a log line is what comes out, and no secret is in it."""
    found = clean(f"{noise}{secret}{noise}", (secret,))

    assert found.isprintable()
    assert len(found) <= TEXT_CHARACTERS_MAX
    assert secret not in found


def test_a_signature_never_leaves() -> None:
    """A query that a venue or a library quotes loses what is sensitive in it."""
    quoted = "GET /order?symbol=BTCUSDT&timestamp=17000&signature=abcdef&listenKey=qwertz X-MBX-APIKEY: abc"
    found = clean(quoted)

    for secret in ("17000", "abcdef", "qwertz", "abc"):
        assert secret not in found
    assert "symbol=BTCUSDT" in found
