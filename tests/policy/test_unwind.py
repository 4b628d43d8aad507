"""Unwinding closes the hedge and leaves the holding."""

import pytest

from bot.domain.hedge import Parts
from bot.policy.unwind import need
from tests.kit import BTC, d


@pytest.mark.parametrize(("futures", "verb"), [("-1.5", "buy 1.5 BTC"), ("1.5", "sell 1.5 BTC")])
def test_the_whole_hedge_is_closed(futures: str, verb: str) -> None:
    """The trade is the position with its sign turned; the new exposure is what is held."""
    parts = Parts(d(2), d(0), d(futures), d(0))
    found = need(BTC, parts, d(futures), d(60_000))

    assert found.hedge == -d(futures)
    assert found.target == d(2)
    assert verb in found.why


def test_nothing_is_closed_where_nothing_is_open() -> None:
    """A flat hedge is not a breach."""
    found = need(BTC, Parts(d(2), d(0), d(0), d(0)), d(0), d(60_000))

    assert (found.hedge, found.breached) == (d(0), False)
