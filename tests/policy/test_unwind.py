"""Unwinding closes the hedge and leaves the holding: at once, or slice by slice."""

from typing import Any

import pytest

from bot.domain.bands import Unit
from bot.domain.hedge import Parts
from bot.domain.targets import UnwindTarget
from bot.domain.triggers import Slices
from bot.domain.units import SECOND_NS, Nanos
from bot.policy.unwind import need, plan
from tests.kit import BTC, ETH, band, d
from tests.policy.views import NOW, book, derived, needs


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


def unwind(notional: str = "100000") -> UnwindTarget:
    """Both hedges, in slices of a minute."""
    slices = Slices(notional_max=d(notional), every_ns=60 * SECOND_NS)
    return UnwindTarget(name="down", assets=(BTC, ETH), slices=slices, band=band("10", unit=Unit.QUOTE))


HELD: dict[str, Any] = {"BTC": ("60000", "5", "-5"), "ETH": ("2500", "0", "3")}


def test_a_large_hedge_is_closed_slice_by_slice() -> None:
    """300,000 in slices of 100,000: the first is 1.66666666 BTC; what fits into one slice goes whole."""
    found = needs(unwind(), view=book(changes={"costs": {BTC: 0.0006}}, **HELD))

    assert (found["BTC"].hedge, found["ETH"].hedge) == (d("1.66666666"), d(-3))
    assert "unwinding in 3 slices over 120 s, expected cost 180" in found["BTC"].why
    assert "unwinding in 1 slices over 0 s, expected cost unknown" in found["ETH"].why


def test_the_next_slice_waits_for_its_time() -> None:
    """30 of 60 seconds after the last one nothing is traded; the other hedge does not wait for it."""
    last = {"down": {BTC: Nanos(NOW - 30 * SECOND_NS)}}
    found = needs(unwind(), view=book(changes={"sliced": last}, **HELD))

    assert (found["BTC"].hedge, found["ETH"].hedge) == (d(0), d(-3))
    assert found["BTC"].why.endswith("next slice in 30 s")


def test_a_remainder_inside_the_band_is_left() -> None:
    """A hedge worth ten dollars is unwound; one worth eleven is not."""
    view = book(BTC=("10", "0", "-1"), ETH=("11", "0", "-1"))
    found = needs(unwind(), view=view)

    assert (found["BTC"].hedge, found["ETH"].hedge) == (d(0), d(1))
    assert found["BTC"].why.endswith("unwound")


def test_working_orders_are_not_closed_twice() -> None:
    """What an order on its way closes is no longer there."""
    view = book(BTC=("60000", "1", "-1"), ETH=("2500", "0", "0"))
    parts = {**view.parts, BTC: Parts(d(1), d(0), d(-1), d("0.4"))}
    moved = book(BTC=("60000", "1", "-1"), ETH=("2500", "0", "0"))
    moved = type(moved)(prices=view.prices, parts=parts, now=NOW)

    assert needs(unwind(), view=moved)["BTC"].hedge == d("0.6")


def test_each_hedge_is_unwound_on_its_own() -> None:
    """Nothing that holds the one stands in the way of the other."""
    found = derived(unwind(), view=book(**HELD))

    assert [one.member.name for one in found] == ["down:BTC", "down:ETH"]
    assert plan(unwind(), ETH, book(**HELD)).coins == d(3)
