"""Modes, locks, conservation, refusals in a row and pace."""

import msgspec
import pytest

from bot.domain.order import Refused, Side
from bot.engine.guards.context import Context
from bot.engine.guards.permission import conservation, lock, mode, pace, rejects
from bot.engine.modes import Mode
from tests.engine.guards.contexts import moment, order, reducing
from tests.kit import d


@pytest.mark.parametrize("strict", [m for m in Mode if m is not Mode.RUN])
def test_only_what_reduces_is_sent_in_any_mode_but_run(strict: Mode) -> None:
    """New risk needs RUN; reducing needs anything but HALT."""
    assert mode(moment(mode=strict)) is not None
    assert (mode(reducing(mode=strict)) is None) is (strict is not Mode.HALT)


@pytest.mark.parametrize(
    "context",
    [
        moment(order("1", Side.BUY), position=d(-1)),
        moment(order("1", Side.SELL, reduce_only=True), position=d(-1)),
        moment(order("2", Side.BUY, reduce_only=True), position=d(-1)),
        moment(order("1", Side.BUY, reduce_only=True), position=d(0)),
    ],
    ids=["not enforced by the venue", "the same way", "turns round", "nothing to reduce"],
)
def test_reducing_is_what_the_venue_enforces_and_keeps_the_sign(context: Context) -> None:
    """Only a reduce-only order against the position and no larger than it counts as reducing."""
    assert not context.reducing


@pytest.mark.parametrize("context", [moment(), reducing()])
def test_one_order_at_a_time_and_none_on_an_unconfirmed_position(context: Context) -> None:
    """Reducing or not: while an order may fill, or the venue's position is not ours, nothing is sent."""
    assert lock(context) is None
    assert lock(msgspec.structs.replace(context, live=d("0.001"))) is not None
    assert lock(msgspec.structs.replace(context, settled=False)) is not None


def test_children_never_exceed_their_parent() -> None:
    """The whole of what was decided, and not a lot more."""
    assert conservation(moment(order("1"), intent_left=d(1))) is None
    assert conservation(moment(order("1.001"), intent_left=d(1))) is not None


@pytest.mark.parametrize(("made", "bound"), [(moment, 5), (reducing, 20)])
def test_orders_a_minute_are_bounded(made: object, bound: int) -> None:
    """Five for new risk; what reduces has four times as many, and a bound as well."""
    assert pace(made(sent_last_minute=bound - 1)) is None  # type: ignore[operator]
    assert pace(made(sent_last_minute=bound)) is not None  # type: ignore[operator]


def test_refusals_in_a_row_stop_new_risk() -> None:
    """Two may happen, three are a reason; reducing is exempt."""
    assert rejects(moment(rejects_in_row=2)) is None
    assert rejects(moment(rejects_in_row=3)) == Refused(
        "rejects", "binance.usdm:BTCUSDT", "the venue refused the last 3 orders"
    )
    assert rejects(reducing(rejects_in_row=3)) is None
