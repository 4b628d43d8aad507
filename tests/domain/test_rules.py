"""Limits that belong to the venue which an input comes from."""

import msgspec

from bot.domain.rules import VenueLimits
from bot.domain.units import SECOND_NS, InstrumentId
from tests.kit import limits

AT_BINANCE, AT_BYBIT = InstrumentId("binance.spot:BTCUSDT"), InstrumentId("bybit.unified:linear:BTCUSDT")
PATIENT = VenueLimits(quote_age_ns_max=5 * SECOND_NS, order_deadline_ns=9 * SECOND_NS)


def test_a_venue_has_its_own_limits_and_the_others_those_of_all() -> None:
    """Bybit's quotes may be older and its orders later; Binance's may not, and without such a venue nobody's may."""
    alike, across = limits(), limits(venues={"bybit": PATIENT})

    assert [2 * SECOND_NS] * 2 == [alike.quote_age_ns_max_of(name) for name in (AT_BINANCE, AT_BYBIT)]
    assert [4 * SECOND_NS] * 2 == [alike.order_deadline_ns_of(name) for name in (AT_BINANCE, AT_BYBIT)]
    assert [2 * SECOND_NS, 5 * SECOND_NS] == [across.quote_age_ns_max_of(name) for name in (AT_BINANCE, AT_BYBIT)]
    assert [4 * SECOND_NS, 9 * SECOND_NS] == [across.order_deadline_ns_of(name) for name in (AT_BINANCE, AT_BYBIT)]
    assert ({}, {"bybit": 9 * SECOND_NS}) == (alike.venue_deadlines_ns, across.venue_deadlines_ns)


def test_limits_of_an_older_journal_are_those_of_all_venues() -> None:
    """What was written before there were limits by venue reads as it was meant."""
    written = msgspec.to_builtins(limits())
    del written["venues"]

    assert limits() == msgspec.convert(written, type(limits()))
