"""Ages and sanity of what an order rests on."""

import pytest

from bot.domain.units import SECOND_NS
from bot.engine.guards.data import account, clock, mark, quote
from tests.engine.guards.contexts import NAME, moment, reducing
from tests.kit import quote as quote_of


def test_a_book_may_be_two_seconds_old_and_ten_for_what_reduces() -> None:
    """At the bound it passes, a nanosecond later not; never seen is not fresh."""
    assert quote(moment(book_age_ns=2 * SECOND_NS)) is None
    assert quote(moment(book_age_ns=2 * SECOND_NS + 1)) is not None
    assert quote(reducing(book_age_ns=10 * SECOND_NS)) is None
    assert quote(reducing(book_age_ns=10 * SECOND_NS + 1)) is not None
    assert "never seen" in quote(moment(book_age_ns=None)).why  # type: ignore[union-attr]


@pytest.mark.parametrize("made", [moment, reducing])
def test_without_a_sane_quote_nothing_is_sent(made: object) -> None:
    """A missing or crossed quote stops what reduces as well: there is no price to send."""
    assert quote(made(quote=None)) is not None  # type: ignore[operator]
    assert quote(made(quote=quote_of(NAME, 60_000.0, half=-0.1))) is not None  # type: ignore[operator]


def test_a_mark_may_be_five_seconds_old() -> None:
    """At the bound it passes; missing, unseen or older it stops new risk and nothing else."""
    assert mark(moment(mark_age_ns=5 * SECOND_NS)) is None
    assert "5.0 s old" in mark(moment(mark_age_ns=5 * SECOND_NS + 1)).why  # type: ignore[union-attr]
    assert "never seen" in mark(moment(mark_age_ns=None)).why  # type: ignore[union-attr]
    assert mark(moment(mark=None)) is not None
    assert mark(reducing(mark=None, mark_age_ns=None)) is None


def test_an_account_may_be_thirty_seconds_old_and_its_stream_must_be_up() -> None:
    """At the bound it passes; unconfirmed, older or without its stream it stops new risk and nothing else."""
    assert account(moment(account_age_ns=30 * SECOND_NS)) is None
    assert "30.0 s old" in account(moment(account_age_ns=30 * SECOND_NS + 1)).why  # type: ignore[union-attr]
    assert "not confirmed" in account(moment(account_age_ns=None)).why  # type: ignore[union-attr]
    assert account(moment(stream_up=False)) is not None
    assert account(reducing(account_age_ns=None, stream_up=False)) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_may_be_half_a_second_apart(sign: int) -> None:
    """Ahead or behind: at the bound it passes, beyond it new risk stops and reducing does not."""
    bound = sign * SECOND_NS // 2

    assert clock(moment(clock_offset_ns=bound)) is None
    assert clock(moment(clock_offset_ns=bound + sign)) is not None
    assert clock(reducing(clock_offset_ns=bound + sign)) is None


def test_an_unsampled_clock_stops_new_risk() -> None:
    """Unknown is not zero, except for what reduces."""
    assert clock(moment(clock_offset_ns=None)) is not None
    assert clock(reducing(clock_offset_ns=None)) is None
