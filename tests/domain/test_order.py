"""Signs of orders."""

import pytest

from bot.domain.order import OrderRequest, Side, TimeInForce
from bot.domain.units import ClientOrderId
from tests.kit import START_NS, d, hedge


@pytest.mark.parametrize(("side", "signed"), [(Side.BUY, "2"), (Side.SELL, "-2")])
def test_the_side_carries_the_sign(side: Side, signed: str) -> None:
    """Contracts of an order are positive; bought ones count up, sold ones down."""
    request = OrderRequest(
        client_id=ClientOrderId("tt"),
        instrument=hedge("BTC"),
        side=side,
        contracts=d(2),
        limit_price=d(100),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        intent=1,
        leg=0,
        decided_ns=START_NS,
    )

    assert request.signed_contracts == d(signed)
