"""What a correction took."""

from bot.domain.order import Side
from bot.engine.results import slippage
from tests.engine.kit import World
from tests.kit import d, neutral


def test_a_closed_correction_tells_what_it_took() -> None:
    """Per order: what was asked and filled, at which average, how much worse than mid, for which fee."""
    world = World.neutral(neutral("BTC")).run()
    (closed,) = world.closed
    (leg,) = closed.results

    assert (leg.signed_contracts, leg.filled, leg.average_price) == (d("-1.234"), d("1.234"), d("59999.9"))
    assert leg.slippage_bps == (1 - d("59999.9") / d(60_000)) * 10_000
    assert (leg.fee, leg.status, closed.residuals) == (d(1), "filled", {"BTC": d("0.0005")})
    assert closed.opened_ns < closed.closed_ns


def test_an_order_that_filled_nothing_has_no_slippage() -> None:
    """No price, no slippage; a refused order is part of the account all the same."""
    world = World.neutral(neutral("BTC"))
    world.venue.refuses = "-1008"
    world.until(lambda w: bool(w.sent))
    world.tick()
    (record,) = world.records("BTC")
    assert slippage(record) is None
    assert record.request.side is Side.SELL

    world.venue.refuses = ""
    world.run()
    assert [(leg.status, leg.average_price is None) for leg in world.closed[0].results] == [
        ("rejected", True),
        ("filled", False),
    ]


def test_orders_that_were_forgotten_are_left_out() -> None:
    """A correction that took longer than orders are remembered is closed with what is known."""
    world = World.neutral(neutral("BTC"), order_notional_max=d(30_000)).until(lambda w: len(w.sent) == 3)
    del world.engine.state.orders.records[world.sent[0].client_id]
    world.run()

    assert [leg.client_id for leg in world.closed[0].results] == [r.client_id for r in world.sent[1:]]
    assert world.closed[0].intents == 3
