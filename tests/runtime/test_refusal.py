"""A refused start: lines for a person, a kind for an exit code."""

from typing import get_args

import pytest

from bot.ops.daemon import REFUSALS
from bot.runtime.refusal import Kind, StartRefused


def test_a_refusal_keeps_its_lines_and_reads_as_one() -> None:
    """Each reason stands by itself, and the exception's own text holds all of them."""
    refusal = StartRefused("venue", "no route to api.binance.com", "no clock")

    assert ("venue", ("no route to api.binance.com", "no clock")) == (refusal.kind, refusal.lines)
    assert "no route to api.binance.com; no clock" == str(refusal)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_an_exit_code(kind: Kind) -> None:
    """No refusal ends as a defect."""
    assert REFUSALS[kind] > 1
