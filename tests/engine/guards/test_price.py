"""Slippage and collars, at their bounds."""

from bot.domain.order import Side
from bot.engine.guards.price import collar_mark, collar_mid, slippage
from tests.engine.guards.contexts import NAME, moment, order, reducing
from tests.kit import d
from tests.kit import mark as mark_of


def test_a_limit_is_at_most_the_slippage_bound_from_mid() -> None:
    """15 bps of 60,000 are 90: 59,910 sells and 60,090 buys pass, a tick beyond does not; better is free."""
    assert slippage(moment(order(price="59910"))) is None
    assert slippage(moment(order(price="59909.9"))) is not None
    assert slippage(moment(order(side=Side.BUY, price="60090"))) is None
    assert slippage(moment(order(side=Side.BUY, price="60090.1"))) is not None
    assert slippage(moment(order(side=Side.BUY, price="50000"))) is None


def test_the_collar_around_mid_holds_on_both_sides() -> None:
    """30 bps of 60,000 are 180: a limit that is too good to be true is wrong as well."""
    assert collar_mid(moment(order(price="60180"))) is None
    assert collar_mid(moment(order(price="60180.1"))) is not None
    assert collar_mid(moment(order(price="59820"))) is None
    assert collar_mid(moment(order(price="59819.9"))) is not None


def test_flattening_widens_the_collar_to_its_own_slippage_bound() -> None:
    """With 50 bps for an operator's flatten the collar is 300 wide, and no wider."""
    assert collar_mid(moment(order(price="59700"), slippage_bps_max=d(50))) is None
    assert collar_mid(moment(order(price="59699.9"), slippage_bps_max=d(50))) is not None


def test_the_collar_around_the_mark_stops_new_risk_only() -> None:
    """100 bps from a mark of 60,000: an order that reduces passes beyond it, and without any mark."""
    assert collar_mark(moment(order(price="59400"))) is None
    assert collar_mark(moment(order(price="59399.9"))) is not None
    assert collar_mark(moment(mark=None)) is not None
    assert collar_mark(reducing(mark=None)) is None
    assert collar_mark(reducing(mark=mark_of(NAME, 50_000.0))) is None


def test_without_a_quote_no_limit_can_be_judged() -> None:
    """Neither slippage nor collar passes what it cannot measure, reducing or not."""
    for context in (moment(quote=None), reducing(quote=None)):
        assert slippage(context) is not None
        assert collar_mid(context) is not None
