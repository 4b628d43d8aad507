"""Strangers: told of once an hour, by a name that can steer nothing, and never many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.units import SECOND_NS
from bot.ops.chat.strangers import NAME_CHARS_MAX, TOLD_AN_HOUR_MAX, Strangers, shown_name
from bot.ops.chat.updates import User

HOUR_NS = 3_600 * SECOND_NS


def test_a_crowd_is_told_of_by_its_beginning() -> None:
    """However many strangers speak, ten are told of in an hour, the last with a word on the rest, and no more kept."""
    owned = Strangers()
    told = [one for number in range(100_000) if (one := owned.met(User(number), number)) is not None]

    assert TOLD_AN_HOUR_MAX == len(told)
    assert [False] * (TOLD_AN_HOUR_MAX - 1) + [True] == [one.last for one in told]
    assert TOLD_AN_HOUR_MAX == len(owned._told)


def test_the_next_hour_begins_anew() -> None:
    """Once an hour has passed since somebody was told of, there is room again."""
    owned = Strangers()
    for number in range(TOLD_AN_HOUR_MAX):
        owned.met(User(number), 0)

    assert owned.met(User(77), HOUR_NS - 1) is None
    assert owned.met(User(77), HOUR_NS) is not None


@given(st.text(), st.text(), st.text())
def test_no_name_is_markup(first: str, last: str, username: str) -> None:
    """Whatever somebody calls himself, the alert shows letters, digits and little else, within bounds."""
    name = shown_name(User(1, False, first, last, username))

    assert len(name) <= NAME_CHARS_MAX
    assert all(c.isalnum() or c in " .-'?" for c in name)


def test_a_plain_name_stays_readable() -> None:
    """An ordinary name is shown as it is."""
    assert "José O'Neill-Šmíd" == shown_name(User(1, False, "José", "O'Neill-Šmíd"))
    assert "?b?x??b? ??here???http???" == shown_name(User(1, False, "<b>x</b>", "[(here)](http://"))
