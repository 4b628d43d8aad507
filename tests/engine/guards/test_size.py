"""Filters, order and position bounds."""

import pytest

from bot.domain.order import OrderRequest, Side
from bot.engine.guards.size import filters, order_notional, position_notional
from bot.engine.modes import Mode
from tests.engine.guards.contexts import moment, order, reducing
from tests.kit import d, limits, perpetual


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (order("0"), "whole lots"),
        (order("-1"), "whole lots"),
        (order("1.0005"), "whole lots"),
        (order(price="59910.05"), "on the tick"),
        (order(price="0"), "on the tick"),
        (order("2.001"), "above the venue's"),
        (order(reduce_only=True), "would not reduce"),
    ],
)
def test_an_order_that_the_venue_would_refuse_is_not_sent(request_: OrderRequest, why: str) -> None:
    """Lots, ticks, the largest order and reduce-only are checked before the venue has to."""
    refused = filters(moment(request_, instrument=perpetual(contracts_max=d(2))))

    assert refused is not None
    assert why in refused.why


def test_an_order_inside_the_filters_passes_at_every_bound() -> None:
    """One lot, the venue's largest order, and any order where the venue names no largest."""
    assert filters(moment(order("0.001"))) is None
    assert filters(moment(order("2"), instrument=perpetual(contracts_max=d(2)))) is None
    assert filters(reducing()) is None


def test_nothing_is_sent_to_an_instrument_that_does_not_trade() -> None:
    """A halted symbol takes nothing, reducing or not; only an operator who wants out has the venue itself asked."""
    halted = perpetual(trading=False)
    assert filters(moment(instrument=halted)) is not None
    assert filters(reducing(instrument=halted)) is not None
    assert filters(moment(instrument=halted, mode=Mode.UNWIND)) is not None
    assert filters(reducing(instrument=halted, mode=Mode.UNWIND)) is None
    assert filters(reducing(instrument=halted, mode=Mode.FLATTEN)) is None


def test_an_order_is_worth_at_most_what_the_owner_allows() -> None:
    """2 at 60,000 are 120,000: allowed at the bound, refused a lot above it; by mark where there is no quote."""
    bound = limits(order_notional_max=d(120_000))

    assert order_notional(moment(order("2"), limits=bound)) is None
    assert order_notional(moment(order("2.001"), limits=bound)) is not None
    assert order_notional(moment(order("2.001"), limits=bound, quote=None)) is not None
    assert order_notional(moment(quote=None, mark=None)) is not None


def test_a_position_is_worth_at_most_what_the_owner_allows() -> None:
    """Short 1 and sell 1 are 120,000; an order on its way counts whichever way it goes."""
    bound = limits(position_notional_max=d(120_000))

    assert position_notional(moment(position=d(-1), limits=bound)) is None
    assert position_notional(moment(order("1.001"), position=d(-1), limits=bound)) is not None
    assert position_notional(moment(position=d(-1), live=d("0.001"), limits=bound)) is not None
    assert position_notional(moment(order(side=Side.BUY), position=d(-3), limits=bound)) is None
    assert position_notional(moment(quote=None, mark=None)) is not None


def test_what_reduces_is_not_held_by_the_position_bound() -> None:
    """A position that is too large already may get smaller."""
    assert position_notional(reducing(limits=limits(position_notional_max=d(1)))) is None
