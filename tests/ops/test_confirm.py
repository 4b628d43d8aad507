"""Going live is confirmed by the portfolio's name, by a person or for a service."""

import io

import pytest

from bot.ops.confirm import confirm_live
from bot.ops.exits import Exit
from bot.ops.speak import Stop
from bot.runtime.golive import CONFIRM_VARIABLE


class Terminal(io.StringIO):
    """A person who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIRM_VARIABLE, raising=False)


def test_a_person_types_the_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The right name goes through, and the question says what is at stake, on standard error."""
    monkeypatch.setattr("sys.stdin", Terminal("savings\n"))
    confirm_live("savings")

    said = capsys.readouterr()
    assert "" == said.out
    assert "real orders for the portfolio savings" in said.err


@pytest.mark.parametrize("typed", ["saving\n", "yes\n", "\n", "", "SAVINGS\n"])
def test_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """A yes is not enough, nor is an empty line or the end of the input."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with pytest.raises(Stop) as stopped:
        confirm_live("savings")

    assert (Exit.REFUSED, "unconfirmed") == (stopped.value.exit, stopped.value.word)


def test_a_service_sets_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is enough where nobody can be asked, and only with the right name."""
    monkeypatch.setattr("sys.stdin", io.StringIO("savings\n"))
    with pytest.raises(Stop, match=CONFIRM_VARIABLE):
        confirm_live("savings")
    monkeypatch.setenv(CONFIRM_VARIABLE, "savings")
    confirm_live("savings")
    monkeypatch.setenv(CONFIRM_VARIABLE, "pension")
    with pytest.raises(Stop):
        confirm_live("savings")
