"""The promises of the last question before real orders."""

from __future__ import annotations

import pytest

from bot.runtime.golive import CONFIRM_VARIABLE, refusal


@pytest.mark.parametrize(
    ("portfolio", "asked", "typed", "confirmed", "part"),
    [
        (None, True, "main", "main", "live needs a config"),
        ("main", False, "main", "main", "live needs --live"),
        ("main", True, None, None, "type the portfolio's name, 'main', or set TRIMTAB_CONFIRM_LIVE=main"),
        ("main", True, "Main", None, "what was typed is not the portfolio's name"),
        ("main", True, "", "main", "what was typed is not the portfolio's name"),
        ("main", True, None, "other", "TRIMTAB_CONFIRM_LIVE is not the portfolio's name"),
        ("main", True, None, "", "TRIMTAB_CONFIRM_LIVE is not the portfolio's name"),
        ("main", True, None, "yes", "TRIMTAB_CONFIRM_LIVE is not the portfolio's name"),
    ],
)
def test_live_refuses_whatever_is_missing(
    portfolio: str | None, asked: bool, typed: str | None, confirmed: str | None, part: str
) -> None:
    """Without config, flag and confirmation together nothing goes live, and one line says which is missing."""
    environ = {} if confirmed is None else {CONFIRM_VARIABLE: confirmed}
    said = refusal(portfolio=portfolio, asked=asked, typed=typed, environ=environ)

    assert said is not None
    assert part in said
    assert "\n" not in said


@pytest.mark.parametrize(("typed", "confirmed"), [("main\n", None), (None, "main"), ("main", "other")])
def test_live_starts_when_confirmed(typed: str | None, confirmed: str | None) -> None:
    """The portfolio's name, typed by a person or set for a service, is the confirmation."""
    environ = {} if confirmed is None else {CONFIRM_VARIABLE: confirmed}

    assert refusal(portfolio="main", asked=True, typed=typed, environ=environ) is None
