"""The bot's texts: printable, within one message, and true about what is not known."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ops.chat import answers
from bot.ops.chat.answers import MESSAGE_UNITS_MAX
from bot.runtime.health import Health
from bot.runtime.status import LatchStatus, PegStatus
from tests.kit import d
from tests.ops.plan_samples import BITCOIN, plan
from tests.ops.samples import STATUS, asset


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_plan_tells_orders_refusals_and_reasons() -> None:
    """/plan says what would be sent, what would not, and where each number comes from."""
    waiting = {**BITCOIN, "gates": ["its calendar has not struck"]}

    assert [
        "sell 1 binance.usdm:BTCUSDT at 59,910.00 or better",
        "not sent: core:ETH: stale_price: ETHUSDT was last heard of too long ago",
        "BTC: sell 1 BTC: holding 1 + futures 0",
        "BTC waits: its calendar has not struck",
    ] == answers.plan_text(plan(assets={"BTC": waiting})).splitlines()


def test_a_plan_without_orders_says_so() -> None:
    """Nothing to do is an answer."""
    assert "No order would be sent now." in answers.plan_text(plan(orders=[]))


def test_a_plan_of_another_shape_is_refused() -> None:
    """A plan that this version does not read is an error of its own, not half an answer."""
    with pytest.raises(msgspec.ValidationError):
        answers.plan_text({"mode": "RUN", "orders": [{"side": "sell"}]})


def test_what_is_unknown_is_shown_as_unknown() -> None:
    """Unknown figures are question marks, never zeros."""
    unknown = asset(exposure=None, target=None, deviation=None, deviation_value=None, trigger=None, breached=None)
    status = msgspec.structs.replace(STATUS, assets=(unknown,), margin_ratio=None)
    told = answers.status_text(status, Health(True, False))

    assert "BTC: delta ?, target ?, off by ? (?), band ?" in told
    assert "margin ratio ?" in told


def test_a_reason_cannot_fake_a_line() -> None:
    """Line breaks and control characters of a latch's reason are escaped."""
    latch = LatchStatus("global", "HALT", "x\nmargin ratio 0 %\x1b[2J\u202e", "me", STATUS.now_ns)
    told = answers.status_text(msgspec.structs.replace(STATUS, latches=(latch,)), Health(True, True))

    assert 1 == sum(line.startswith("margin ratio") for line in told.splitlines())
    assert "\x1b" not in told
    assert "\u202e" not in told


@pytest.mark.parametrize(
    ("verb", "mode", "said"),
    [
        ("pause", "HALT", "Paused; mode HALT."),
        ("kill", "HALT", "Killed; mode HALT."),
        ("arm", "RUN", "Resumed; mode RUN."),
        ("arm", "HALT", "Asked for, but the mode is HALT, not RUN"),
        ("kill", "RUN", "Asked for, but the mode is RUN, not HALT"),
    ],
)
def test_what_was_done_is_told_by_the_mode_after_it(verb: str, mode: str, said: str) -> None:
    """The answer to a command believes the mode that the daemon is in, not the wish."""
    assert answers.done(verb, mode).startswith(said)


@given(st.text(max_size=6_000))
def test_every_answer_fits(text: str) -> None:
    """Whatever is to be said fits one message, by Telegram's count, and a short text is untouched."""
    shown = answers.fitted(text.encode("utf-16-le", "replace").decode("utf-16-le"))

    assert units(shown) <= MESSAGE_UNITS_MAX


@pytest.mark.parametrize("character", ["x", "é", "🟢"])
def test_a_long_answer_is_cut_with_a_note(character: str) -> None:
    """A text of one unit too many is cut and says so; no character is torn apart."""
    size = units(character)
    whole = character * (MESSAGE_UNITS_MAX // size)
    cut = answers.fitted(whole + character)

    assert whole == answers.fitted(whole)
    assert cut.endswith(answers.CUT)
    assert MESSAGE_UNITS_MAX - size < units(cut) <= MESSAGE_UNITS_MAX
    assert set(cut.removesuffix(answers.CUT)) == {character}


def test_help_fits_one_message() -> None:
    """The help is not cut."""
    assert answers.HELP == answers.fitted(answers.HELP)


def test_a_peg_is_told_with_what_follows_from_it() -> None:
    """Where it is watched; where it holds orders back that is said."""
    peg = PegStatus(asset="USDT", price=d("0.98"), off_bps=d(200), level="stopped", told="USDT is at 0.9800 USD")
    status = msgspec.structs.replace(STATUS, peg=peg)

    assert "USDT is at 0.9800 USD: no order adds risk" in answers.status_text(status, Health(True, True)).splitlines()
    assert "USD:" not in answers.status_text(STATUS, Health(True, True))
