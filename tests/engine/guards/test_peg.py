"""The peg of the currency that an order is quoted and margined in."""

from __future__ import annotations

import msgspec
import pytest

from bot.domain.order import Refused
from bot.domain.units import Asset
from bot.engine.guards.peg import steady
from bot.engine.pegs import PegReading
from tests.engine.guards.contexts import moment, reducing
from tests.kit import USDT, d, perpetual, spot

LOST = PegReading(USDT, d("0.9849"), "", stopped=False)
LATCHED = PegReading(USDT, d(1), "", stopped=True)
BACK = "it was lost, and no order adds risk until it was inside 30 bps for 30 min"
UNKNOWN = PegReading(USDT, None, "binance.spot:USDCUSDT is silent", stopped=False)


@pytest.mark.parametrize("price", ["0.985", "1", "1.015"])
def test_a_peg_inside_its_bound_lets_orders_go(price: str) -> None:
    """At 150 bps on either side it still does, and where nobody watches it always."""
    assert steady(moment(peg=PegReading(USDT, d(price), "", stopped=False))) is None
    assert steady(moment(peg=None)) is None


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (LOST, "USDT is at 0.9849 USD, 151 bps off its peg, at most 150"),
        (LATCHED, f"USDT is at 1.0000 USD, 0 bps off its peg; {BACK}"),
        (UNKNOWN, "what USDT is worth in dollars is not known (binance.spot:USDCUSDT is silent)"),
    ],
)
def test_a_lost_or_unknown_peg_refuses_what_adds_risk(found: PegReading, why: str) -> None:
    """It says which figure; what reduces passes all of them."""
    assert steady(moment(peg=found)) == Refused("peg", moment().request.instrument, why)
    assert steady(reducing(peg=found)) is None


def test_a_sale_for_the_lost_currency_is_refused() -> None:
    """Coins are not sold for what is losing its worth."""
    assert steady(moment(peg=LOST, instrument=spot())) is not None


@pytest.mark.parametrize(
    ("quote", "settle", "held"), [("USD", "BTC", False), ("USD", "USDT", True), ("USDT", "BTC", True)]
)
def test_only_what_rests_on_the_currency_is_held(quote: str, settle: str, held: bool) -> None:
    """An instrument that is neither quoted nor settled in it has nothing to do with its peg."""
    other = msgspec.structs.replace(perpetual(), quote=Asset(quote), settle=Asset(settle))

    assert (steady(moment(peg=LOST, instrument=other)) is not None) is held
